"""Every data table: numbers carry their source, and every name that a table uses exists.

A check is a small function that returns what is wrong. Each is run over every table, and once on a broken one.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from meshes.metrics import METRICS
from meshes.muscle_recipes import recipe_points
from meshes.paths import RULES
from meshes.points import load_table, shared_curves, shared_points
from meshes.terms import split_key, terms

ROOT = Path(__file__).parents[1]
PATHS = {f"{p.parent.parent.name}/{p.stem}": p for p in sorted(ROOT.glob("*/data/*.toml"))}
CATALOGUES = ("meshes/terms", "meshes/references")  # names and numbers of names, no measurements
DATA = [name for name in PATHS if name not in CATALOGUES]
LEVELS = {"FOUND", "DERIVED", "KNOWN", "design"}
PREEMPT_LEVELS = {"V", "M", "B", "R", "I"}
OURS = {"design", "I", "KNOWN", "R"}  # nothing was read, so there is nothing to cite

Table = Mapping[str, Any]
Check = Callable[[Table], list[str]]


@cache
def table(name: str) -> Table:
    return tomllib.loads(PATHS[name].read_text("utf-8"))


def walk(
    node: Any, path: tuple[str, ...] = (), above: tuple[Table, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, tuple[Table, ...]]]:
    """Yield (path, leaf, tables that hold it, outermost first)."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from walk(value, (*path, key), (*above, node))
    elif isinstance(node, list) and any(isinstance(v, Mapping | list) for v in node):
        for i, value in enumerate(node):
            yield from walk(value, (*path, str(i)), above)
    else:
        yield path, node, above


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def numbers(data: Table) -> Iterator[tuple[str, Any, tuple[Table, ...]]]:
    """Yield (dotted path, number or list of numbers, tables that hold it) of every measurement."""
    for path, leaf, above in walk(data):
        held = leaf if isinstance(leaf, list) else [leaf]
        if path != ("schema",) and any(is_number(v) for v in held):
            yield ".".join(path), leaf, with_group(data, above)


def with_group(data: Table, above: tuple[Table, ...]) -> tuple[Table, ...]:
    """Put the group that a row names before the row: a site has the evidence of its group."""
    groups = data.get("groups", {})
    named = [groups[t["group"]] for t in above if t.get("group") in groups]
    return (above[0], *named, *above[1:]) if named else above


def nearest(above: tuple[Table, ...], key: str) -> Any:
    return next((t[key] for t in reversed(above) if key in t), None)


def levels(evidence: Any) -> set[str]:
    return set(evidence.values()) if isinstance(evidence, Mapping) else {evidence}


def named(data: Table, key: str) -> list[str]:
    """Return every string, or list of strings, that stands under `key`."""
    found: list[str] = []
    for path, leaf, _ in walk(data):
        if path[-1] == key:
            found += [v for v in (leaf if isinstance(leaf, list) else [leaf]) if isinstance(v, str)]
    return found


def schema_is_one(data: Table) -> list[str]:
    return [] if data.get("schema") == 1 else [f"schema is {data.get('schema')!r}"]


def numbers_are_finite(data: Table) -> list[str]:
    flat = ((at, v) for at, leaf, _ in numbers(data) for v in (leaf if isinstance(leaf, list) else [leaf]))
    return [at for at, v in flat if is_number(v) and not math.isfinite(v)]


def numbers_have_evidence(data: Table) -> list[str]:
    return [at for at, _, above in numbers(data) if not nearest(above, "evidence")]


def numbers_have_sources(data: Table) -> list[str]:
    return [at for at, _, above in numbers(data) if nearest(above, "sources") is None and not_ours(above)]


def what_was_read_names_a_source(data: Table) -> list[str]:
    return [at for at, _, above in numbers(data) if nearest(above, "sources") == [] and not_ours(above)]


def not_ours(above: tuple[Table, ...]) -> bool:
    return not levels(nearest(above, "evidence")) <= OURS


def evidence_is_a_known_level(data: Table) -> list[str]:
    allowed = LEVELS | (PREEMPT_LEVELS if "plan" in data or "row" in data else set())
    found = {v for path, v, _ in walk(data) if "evidence" in path or path[-1].endswith("_evidence")}
    return sorted(str(v) for v in found if v not in allowed)


def sources_are_references(data: Table) -> list[str]:
    used = {v for path, leaf, _ in walk(data) if path[-1].endswith("sources") for v in leaf}
    known = {k for k, v in table("meshes/references").items() if isinstance(v, Mapping)}
    return sorted(used - known)


def ranges_hold_their_values(data: Table) -> list[str]:
    """`range` or `low`/`high` is in order and holds the `value`, `default` or means beside it; `range_x` holds `x`."""
    wrong = []
    for row in rows(data):
        pairs = {k: v for k, v in row.items() if k == "range" or k.startswith("range_")}
        if "low" in row and "high" in row:
            pairs["range"] = [row["low"], row["high"]]
        for key, (low, high) in pairs.items():
            beside = ("value", "default", "male", "female") if key == "range" else (key.removeprefix("range_"),)
            held = [row[b] for b in beside if is_number(row.get(b))]
            if low > high or not all(low <= v <= high for v in held):
                wrong.append(f"{key} = [{low}, {high}] {held}")
    return wrong


def rows(node: Any) -> Iterator[Table]:
    if isinstance(node, Mapping):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from rows(value)


def names_in_a_list_are_unique(data: Table) -> list[str]:
    """`id` and `name` are unique within an array of tables; plain lists of words hold each once."""
    twice = []
    for row in rows(data):
        for key, value in row.items():
            if not isinstance(value, list) or key == "rows":
                continue
            marks = [v.get("id", v.get("name")) for v in value if isinstance(v, Mapping)] or [
                v for v in value if isinstance(v, str)
            ]
            twice += [f"{key}: {m}" for m, n in Counter(m for m in marks if m is not None).items() if n > 1]
    return twice


def structures_exist(data: Table) -> list[str]:
    keys = ("of", "on", "muscles", "members", "bed", "clear", "wrong_muscles", "level")
    used = {name for key in keys for name in named(data, key)}
    return sorted(used - set(terms()) - {"bones"})


def landmarks() -> set[str]:
    seats, skin = load_table("seats"), load_table("skin")
    bony = {split_key(n)[0] for n in shared_points()}
    on_skin = {f"{n}_skin" for group in seats["skin"].values() for n in group}
    return bony | on_skin | set(skin["landmarks"])


def curves() -> set[str]:
    seats, skin = load_table("seats"), load_table("skin")
    on_bone = {split_key(n)[0] for n in shared_curves()} | set(seats["curves"])
    return (
        on_bone | {f"{n}_skin" for n, c in seats["curves"].items() if c["skin"]} | set(skin["curves"]) | {seats["ridge"]["name"]}
    )


def landmarks_exist(data: Table) -> list[str]:
    used = {n for key in ("landmark", "from", "to") for n in named(data, key) if not n.startswith("#")} - {"trunk"}
    branches = {name for row in rows(data) for name in row.get("branches", {})}
    return sorted(n for n in used - branches if n not in landmarks() and f"{n}_skin" not in landmarks())


def curves_exist(data: Table) -> list[str]:
    return sorted(set(named(data, "curve")) - curves())


CHECKS: dict[Check, Table] = {  # each with a table that it must refuse
    schema_is_one: {"schema": 2},
    numbers_are_finite: {"a": {"at": [0.0, math.nan]}},
    numbers_have_evidence: {"a": {"mm": 3, "sources": []}},
    numbers_have_sources: {"a": {"b": [{"mm": 3}], "evidence": "FOUND"}},
    what_was_read_names_a_source: {"a": {"mm": 3, "evidence": "DERIVED", "sources": []}},
    evidence_is_a_known_level: {"a": {"evidence": "GUESSED"}},
    sources_are_references: {"a": {"radius_sources": ["nobody1900"]}},
    ranges_hold_their_values: {"a": {"range": [1, 2], "value": 3}},
    names_in_a_list_are_unique: {"a": [{"id": "01"}, {"id": "01"}]},
    structures_exist: {"a": {"muscles": ["trapezium"]}},
    landmarks_exist: {"a": {"from": {"landmark": "innion"}}},
    curves_exist: {"a": {"from": {"curve": "nuchal_line"}}},
}
ALSO_CATALOGUES = (schema_is_one, evidence_is_a_known_level, sources_are_references, names_in_a_list_are_unique)


def name_of(check: Check) -> str:
    return check.__name__


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
@pytest.mark.parametrize("name", DATA)
def test_table(name: str, check: Check) -> None:
    assert not (problems := check(table(name))), problems


@pytest.mark.parametrize("check", ALSO_CATALOGUES, ids=name_of)
@pytest.mark.parametrize("name", CATALOGUES)
def test_catalogue(name: str, check: Check) -> None:
    assert not (problems := check(table(name))), problems


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_a_check_refuses_a_broken_table(check: Check) -> None:
    assert check(CHECKS[check])


def test_every_table_is_looked_at() -> None:
    assert {"meshes/landmarks", "meshes/literature", "scenarios/preempt_sites", "sim/themes"} <= set(DATA)


REFERENCES = {k: v for k, v in table("meshes/references").items() if isinstance(v, Mapping)}


@pytest.mark.parametrize("key", REFERENCES)
def test_reference_says_who_where_and_whether_it_was_read(key: str) -> None:
    row = REFERENCES[key]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", key)
    assert row["authors"].strip() and row["level"] in ("read", "recalled")
    assert set(row) & {"title", "journal", "doi", "pmid", "pmcid", "url", "note"}
    assert "year" not in row or 1850 <= row["year"] <= 2030
    assert re.fullmatch(r"10\.\d{4,9}/\S+", row.get("doi", "10.1000/x"))
    assert re.fullmatch(r"\d{5,9}", str(row.get("pmid", "12345"))) and re.match(r"https?://", row.get("url", "http://"))


@pytest.mark.parametrize("kind", ["doi", "pmid", "pmcid"])
def test_no_paper_stands_under_two_keys(kind: str) -> None:
    seen = Counter(str(row[kind]).lower() for row in REFERENCES.values() if kind in row)
    assert [v for v, n in seen.items() if n > 1] == []


@pytest.mark.parametrize("key", list(terms()))
def test_term_is_whole(key: str) -> None:
    term = terms()[key]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", key) and split_key(key) == (key, "median")
    assert all(text.strip() == text and text for text in (term.ta2, term.latin, term.plain, term.kind, term.tissue))
    assert set(term.fma) <= ({"left", "right"} if term.paired else {"median"})


def test_fma_ids_are_unique() -> None:
    seen = Counter(number for term in terms().values() for number in term.fma.values())
    assert [v for v, n in seen.items() if n > 1] == []


def test_groups_name_kinds_that_exist() -> None:
    kinds = {t.kind for t in terms().values()}
    groups = {k: v for k, v in table("scenarios/groups").items() if isinstance(v, Mapping)}
    assert groups and all(set(g.get("kinds", ())) <= kinds for g in groups.values())
    assert [k for k, g in groups.items() if not g.get("kinds") and not g.get("members")] == []
    assert set(groups).isdisjoint(terms())


def test_shared_points_are_seated_on_bones_that_exist() -> None:
    seats = table("meshes/seats")
    assert {bone for bone in seats["bones"] if terms()[bone].kind != "bone"} == set()
    bony = {split_key(n)[0] for n in shared_points()}
    seated = [n for names in seats["bones"].values() for n in names]
    assert set(seated) <= bony and len(seated) == len(set(seated))
    assert {n for names in seats["skin"].values() for n in names} <= bony
    assert {c["on"] for c in seats["curves"].values()} <= set(terms())
    assert {n for n, c in seats["curves"].items() if "through" not in c} <= {split_key(n)[0] for n in shared_curves()}


@pytest.mark.parametrize("name", ["nerves", "vessels"])
def test_nodes_are_seated_by_rules_that_exist_on_structures(name: str) -> None:
    trunks = {k: v for k, v in table(f"meshes/{name}").items() if isinstance(v, Mapping)}
    assert set(trunks) <= set(terms())
    rules = {n["seat"] for trunk in trunks.values() for n in trunk["nodes"]}
    assert rules <= {*RULES, "foramen"}
    for trunk in trunks.values():
        for twig in trunk.get("branches", {}).values():
            assert twig["from"] in (1.0, "trunk", *trunk["branches"])


def test_radii_run_from_the_start_to_the_end() -> None:
    tables = [
        row["radius"] for n in ("nerves", "vessels") for row in rows(table(f"meshes/{n}")) if isinstance(row.get("radius"), list)
    ]
    assert tables
    for radius in tables:
        stations = [r[0] for r in radius]
        assert (stations[0], stations[-1]) == (0, 1) and stations == sorted(set(stations))
        assert all(0 < r[1] < 5 for r in radius)


def test_muscles_are_made_of_points_that_exist() -> None:
    points, muscles = recipe_points("neck_muscles"), table("meshes/neck_muscles")["muscle"]
    assert set(muscles) <= set(terms())
    used = {v for row in rows(muscles) for key in ("nodes", "rows") if key in row for v in _flat(row[key]) if isinstance(v, str)}
    assert sorted(used - set(points)) == []
    assert sorted(set(table("meshes/neck_muscles")["points"]) - used) == []


def _flat(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for value in node:
            yield from _flat(value)
    else:
        yield node


@pytest.mark.parametrize("row", table("meshes/literature")["row"], ids=lambda r: r["id"])
def test_figure_of_the_literature_can_be_measured(row: Table) -> None:
    from scenarios.validate import SITE_METRICS

    assert row["metric"] in {**METRICS, **SITE_METRICS}
    assert row["text"].strip() and row["target"].strip() and row["posture"].strip() and isinstance(row["sided"], bool)


def test_what_can_be_measured_stands_in_the_literature() -> None:
    used = {row["metric"] for row in table("meshes/literature")["row"]}
    from_patients = {name.removesuffix("_mm") for name in table("meshes/patient") if name.endswith("_mm")}
    assert sorted(set(METRICS) - used - from_patients) == []


def test_preempt_rules_name_groups_params_and_sites_that_exist() -> None:
    plan = table("scenarios/preempt_sites")
    sites = [*plan["sites"], *plan["extra"]]
    ids = [s["id"] for s in sites]
    assert len(ids) == len(set(ids)) and {s["group"] for s in sites} <= set(plan["groups"])
    for i, site in enumerate(sites):
        before = {s["id"] for s in sites[:i]}
        assert {v for k, v in site["from"].items() if k in ("site", "middle_of")} <= before, site["id"]
        words = {v for step in site["steps"] for k, v in step.items() if k in ("mm", "fraction", "facing_deg", "most")}
        words |= {v for step in site["steps"] for v in step.get("at_least", ())}
        assert words <= set(plan["params"]), site["id"]


def test_preempt_dose_adds_up() -> None:
    plan = table("scenarios/preempt_sites")
    p, extra = plan["plan"], plan["follow_the_pain"]
    assert p["fixed_sites"] == sum(g["count"] for g in plan["groups"].values()) == 31
    assert p["fixed_units"] == p["fixed_sites"] * p["units_per_site"] == 155
    assert p["most_sites"] == p["fixed_sites"] + extra["most_extra_sites"] == 39
    assert p["most_units"] == p["most_sites"] * p["units_per_site"] == 195
    assert sum(extra["most_extra"].values()) == extra["most_extra_sites"]
    assert p["volume_ml"] * p["concentration_u_per_ml"] == pytest.approx(p["units_per_site"])


def test_needles_that_are_named_exist_and_are_of_their_gauge() -> None:
    needles = table("scenarios/needles")["needles"]
    plan, gon = table("scenarios/preempt_sites")["plan"], table("scenarios/gon_sites")["technique"]
    assert {plan["needle"], plan["long_needle"], gon["needle"]} <= set(needles)
    for key, row in needles.items():
        assert key == f"{row['gauge']}g-{row['length_mm']:g}mm"
    by_gauge = sorted((row["gauge"], -row["diameter_mm"]) for row in needles.values())
    assert [d for _, d in by_gauge] == sorted(d for _, d in by_gauge)


def test_themes_colour_what_exists() -> None:
    themes = table("sim/themes")
    colours = {**themes["colours"], **themes["structures"]}
    assert [k for k, v in colours.items() if not re.fullmatch(r"#[0-9a-f]{6}", v)] == []
    assert sorted(set(themes["structures"]) - set(terms())) == []
    assert len({frozenset(style) for style in themes["styles"].values()}) == 1
