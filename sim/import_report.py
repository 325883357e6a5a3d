"""What an import found, guessed and changed: as a table to read, as Markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from meshes.importing.mapping import guesses
from meshes.terms import split_key, terms

if TYPE_CHECKING:
    from meshes.importing.naming import Guess
    from meshes.importing.raw import RawParts
    from meshes.model import Anatomy
    from meshes.real_landmarks import Found
    from meshes.real_parts import RealPart, RealParts

SURE = ((0.9, "sure"), (0.6, "likely"), (0.0, "a guess"))
HEAD = ("part", "structure", "side", "how", "triangles", "size (mm)", "mended")
LEFT_OUT = "left out"
LONGEST = 38  # characters of a cell of the table on a terminal
MOST_ASKED = 6
MOST_TOLD = 2  # pieces of one structure whose mending stands in the table on a terminal


@dataclass(frozen=True)
class Report:
    """All that is told of an import.

    Parameters
    ----------
    name : str
        Of the anatomy.
    rows : tuple of mapping
        One for each part: name, origin, sources, key, side, how, sure, triangles, size_mm, mended, wrong.
    told : tuple of str
        Plain sentences about unit, frame, mirroring, and what was passed over.
    landmarks : mapping of str to Found
        All that are known of the head.
    asked : tuple of str
        Landmarks that a person should look at, the least sure first.
    files : mapping of str to str
        SHA-256 by the files' names.
    made : mapping
        Of an anatomy that was made: what is estimated, and how far off it may be.
    """

    name: str
    rows: tuple[Mapping[str, Any], ...]
    told: tuple[str, ...]
    landmarks: Mapping[str, Found]
    asked: tuple[str, ...]
    files: Mapping[str, str]
    made: Mapping[str, Any] = field(default_factory=dict)


def rows_of(raw: RawParts, real: RealParts, mapping: Mapping[str, str] | None) -> tuple[Mapping[str, Any], ...]:
    """Return a row for each part that was read, known ones first, in the catalogue's order."""
    guessed = {} if mapping is not None else guesses(raw)
    order = {key: i for i, key in enumerate(terms())}
    rows = [_row(p, real, [guessed[o] for o in _sources(p) if o in guessed]) for p in real.parts]
    return tuple(sorted(rows, key=lambda r: (order.get(split_key(r["key"] or "")[0], len(order)), r["key"] or "", r["part"])))


def _sources(part: RealPart) -> tuple[str, ...]:
    return part.sources or (part.origin,)


def _each(part: RealPart, told: Mapping[str, str]) -> list[str]:
    """What is told of the pieces of a part; of several, with the piece that it is told of."""
    several = len(_sources(part)) > 1
    return [f"{o}: {told[o]}" if several else told[o] for o in _sources(part) if o in told]


def _row(part: RealPart, real: RealParts, guessed: Sequence[Guess]) -> Mapping[str, Any]:
    base, side = split_key(part.key) if part.key else (None, "")
    word = terms()[base].ta2 if base is not None and base in terms() else base
    how, sure = _how(part, guessed)
    size = np.ptp(part.mesh.vertices_mm, axis=0) if len(part.mesh.vertices_mm) else np.zeros(3)
    return {
        "part": part.name, "origin": part.origin, "sources": list(_sources(part)), "key": part.key, "structure": word,
        "side": side, "how": how, "sure": sure, "triangles": len(part.mesh.faces), "size_mm": np.round(size, 1).tolist(),
        "mended": _each(part, {o: "; ".join(told) for o, told in real.changes.items()}),
        "wrong": "; ".join(_each(part, real.unrepaired)) or None,
    }  # fmt: skip


def _how(part: RealPart, guessed: Sequence[Guess]) -> tuple[str, float]:
    """How the name of a part came about, and how sure it is; of several that make one, the least sure counts."""
    if not guessed:
        return "your mapping file", 1.0
    least = min(guessed, key=lambda g: g.sure)
    return least.how, float(least.sure)


def sureness(sure: float) -> str:
    """Return in words how sure a guess is."""
    return next(word for least, word in SURE if sure >= least)


def table(report: Report) -> str:
    """Return the parts as a table for a terminal."""
    widths = _widths(report)
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in _all(report))


def _all(report: Report) -> list[tuple[str, ...]]:
    return [HEAD, *(_cells(row) for row in report.rows)]


def _widths(report: Report) -> list[int]:
    return [max(len(c) for c in column) for column in zip(*_all(report), strict=True)]


def _cells(row: Mapping[str, Any], *, longest: int = LONGEST) -> tuple[str, ...]:
    short = row["part"] if len(row["part"]) <= longest else f"{row['part'][: longest - 3]}..."
    how = f"{sureness(row['sure'])}: {row['how']}" if row["key"] else row["how"]
    few = len(row["mended"]) <= MOST_TOLD or longest > LONGEST
    told = row["mended"] if few else [f"{len(row['mended'])} pieces: see --report"]
    wrong = row["wrong"] or ""
    wrong = wrong if longest > LONGEST or len(wrong) <= 2 * longest else f"{wrong[: 2 * longest - 3]}..."
    mended = "; ".join([*told, *([f"NOT MENDED: {wrong}"] if wrong else [])]) or "-"
    size = " x ".join(f"{n:.0f}" for n in row["size_mm"])
    side = "" if row["side"] == "median" else row["side"]
    return short, row["structure"] or LEFT_OUT, side, how, f"{row['triangles']:,}", size, mended


def findings(report: Report) -> list[str]:
    """Return what was found beside the parts, a sentence each: unit, frame, mirroring, landmarks to look at."""
    out = [_sentence(text) for text in report.told]
    known = len({r["key"] for r in report.rows if r["key"]})
    gone = [r["part"] for r in report.rows if not r["key"]]
    out.append(f"{known} structures are known." + (f" Left out: {', '.join(gone)}." if gone else ""))
    for name in report.asked[:MOST_ASKED]:
        mark = report.landmarks[name]
        out.append(f"Landmark {name} is not sure ({mark.confidence:.2f}): {mark.how.rstrip('.')}.")
    if len(report.asked) > MOST_ASKED:
        out.append(f"{len(report.asked) - MOST_ASKED} more landmarks are not sure: {', '.join(report.asked[MOST_ASKED:])}.")
    return out


def made_of(anatomy: Anatomy) -> dict[str, Any]:
    """Return what an anatomy tells of its making: what is estimated, how far off, what falls short."""
    meta = anatomy.meta
    estimated = list(meta.get("estimated", ()))
    return {
        "own": [k for k in anatomy.structures if k not in set(estimated)], "estimated": estimated,
        **{k: meta.get(k) for k in ("tre_mm", "tre_90_mm", "least_stretch", "credit", "licence")},
        "not_used": dict(meta.get("not_used", {})), "cut": list(meta.get("cut", ())),
        "seating": {side: list(notes) for side, notes in dict(meta.get("seating", {})).items()},
    }  # fmt: skip


def outcome(made: Mapping[str, Any]) -> list[str]:
    """Return what a user must know of an anatomy that was made, a sentence each."""
    out = [f"{len(made['own'])} structures are this person's own."]
    out += [f"{key} of the files is not used, Inion's own stands in its place: {why}." for key, why in made["not_used"].items()]
    if made["cut"]:
        out.append(f"Cut off below, where the model ends: {', '.join(made['cut'])}.")
    if made["estimated"]:
        kinds = _counted(made["estimated"])
        out.append(f"{len(made['estimated'])} are carried over from Inion's model, so their place is an estimate: {kinds}.")
    if made["estimated"] and made["tre_mm"] is not None:
        far = f"; nine of ten within {made['tre_90_mm']:.1f} mm" if made["tre_90_mm"] is not None else ""
        about = f"median of landmarks left out in turn{far}"
        out.append(f"A place that is no landmark may be off by {made['tre_mm']:.1f} mm ({about}).")
    elif made["estimated"]:
        out.append("How far off cannot be told: too few landmarks are known.")
    for side, notes in made["seating"].items():
        out += [f"Falls short on the {side}: {note}." for note in notes]
    return out


def _counted(keys: Sequence[str]) -> str:
    """How many of which kind, such as '14 nerves, 1 skin'."""
    kinds = [terms()[split_key(k)[0]].kind if split_key(k)[0] in terms() else "other" for k in keys]
    return ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))


def as_json(report: Report) -> dict[str, Any]:
    """Return the whole as what JSON can hold."""
    marks = {n: {"confidence": round(float(f.confidence), 2), "how": f.how} for n, f in report.landmarks.items()}
    out = {"name": report.name, "parts": [dict(r) for r in report.rows], "found": list(report.told), "landmarks": marks}
    return out | {"asked": list(report.asked), "files": dict(report.files)} | ({"made": dict(report.made)} if report.made else {})


def json_text(report: Report) -> str:
    """Return the report as a JSON file."""
    return json.dumps(as_json(report), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def markdown(report: Report) -> str:
    """Return the report as a Markdown file."""
    lines = [f"# Import of {report.name}", "", *(f"- {_sentence(t)}" for t in findings(report))]
    if report.made:
        lines += ["", "## What was made", "", *(f"- {t}" for t in outcome(report.made))]
    lines += ["", "## Parts", "", _line(HEAD), _line(["---"] * len(HEAD)), *(_line(_cells(r, longest=200)) for r in report.rows)]
    lines += ["", "## Landmarks", "", _line(("landmark", "confidence", "how")), _line(["---"] * 3)]
    lines += [_line((n, f"{f.confidence:.2f}", f.how)) for n, f in report.landmarks.items()]
    lines += ["", "## Files", "", _line(("file", "SHA-256")), _line(["---"] * 2), *(_line(f) for f in report.files.items())]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"


def _sentence(text: str) -> str:
    clean = " ".join(text.split())
    return clean if clean.endswith((".", "!", "?")) else f"{clean}."
