"""What happened when: the time line of an attempt as a drawing, and its numbers explained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim.debrief.html import NOTHING, Html, esc, joined, n, svg, table, tag, write
from sim.tables import table as data
from sim.training.state import Event, TrialLog
from sim.training.trial_events import event_kinds

WIDE, LEFT, RIGHT = 920.0, 150.0, 892.0  # of the drawing; where time begins and ends
FLAG, GAP = 24.0, 5.0
FLAG_Y, THREAD_Y = 16.0, 58.0  # middle of the numbers; where their threads have come to the right time
RANK: Mapping[str, int] = {"danger": 0, "warning": 1, "info": 2, "good": 2}
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
MOST_TICKS = 9


@dataclass(frozen=True)
class Note:
    """A numbered moment.

    Parameters
    ----------
    number : int
        From 1, in order of time.
    at_s : float
    severity : {'danger', 'warning', 'good', 'info'}
    title, text : str
        What it is, and what happened.
    times : int
        How often it happened in a row.
    kind, structure : str
        Of the event.
    """

    number: int
    at_s: float
    severity: str
    title: str
    text: str
    times: int
    kind: str
    structure: str


def notes_of(log: TrialLog, critical: Sequence[Mapping[str, Any]] = ()) -> tuple[Note, ...]:
    """Return what gets a number on the time line: critical errors, dangers, warnings, and the steps that matter.

    Parameters
    ----------
    log : TrialLog
    critical : sequence of mapping
        With `at_s`, `label`, `text`, `structure`.

    Returns
    -------
    tuple of Note
        At most as many as `debrief.toml` allows; the gravest stay.
    """
    rules = data("debrief")["timeline"]
    few = sum(e.kind == "injected" for e in log.events) <= rules["most_givings"]
    found = [
        Note(0, float(c["at_s"]), "danger", f"Critical: {c['label']}", str(c["text"]), 1, "critical", str(c["structure"]))
        for c in critical
    ]
    for event in log.events:
        note = _note(event, rules, few)
        if note is not None:
            _add(found, note, float(rules["together_s"]))
    gravest = sorted(found, key=lambda note: (RANK[note.severity], note.at_s))[: int(rules["most_notes"])]
    ordered = sorted(gravest, key=lambda note: (note.at_s, RANK[note.severity]))
    return tuple(replace(note, number=i) for i, note in enumerate(ordered, 1))


def _note(event: Event, rules: Mapping[str, Any], few: bool) -> Note | None:
    """The note of an event, if it deserves one."""
    kind = event_kinds()[event.kind]
    wanted = kind.severity in ("danger", "warning") or event.kind in rules["always"] or (event.kind == "injected" and few)
    if not wanted or event.kind in rules["never"]:
        return None
    return Note(0, event.at_s, kind.severity, kind.label, event.text, 1, event.kind, event.structure)


def _add(found: list[Note], note: Note, together_s: float) -> None:
    """Add a note, or count it with the last like it."""
    for i in range(len(found) - 1, -1, -1):
        last = found[i]
        if (last.kind, last.structure) == (note.kind, note.structure) and note.kind != "injected":
            if note.at_s - last.at_s <= together_s * last.times:
                found[i] = replace(last, times=last.times + 1)
                return
            break
    found.append(note)


def explained(notes: Sequence[Note]) -> Html:
    """Return the table that says what the numbers mean."""
    words = data("debrief")["timeline"]["words"]
    rows = []
    for note in notes:
        often = f" ({note.times} times in a row)" if note.times > 1 else ""
        mark = tag("span", esc(words[note.severity]), class_={"danger": "word-bad", "warning": "word-warn"}.get(note.severity))
        rows.append([esc(note.number), esc(clock(note.at_s)), esc(note.title), esc(note.text + often), mark])
    return table("The numbers of the time line", ("No.", "Time", "What", "In words", "Weight"), rows, class_="notes")


def timeline(log: TrialLog, notes: Sequence[Note]) -> Html:
    """Return the drawing: numbered moments, the probe, the needle's depth, aspirations, and product given, over time.

    Parameters
    ----------
    log : TrialLog
    notes : sequence of Note
    """
    span, lanes, y = max(log.seconds, 1.0), [], THREAD_Y + 10
    for draw in (_probe, _needle, _aspirations, _given):
        shapes, high = draw(log, span, y)
        lanes.append(shapes)
        y += high + 12
    threads = joined(_thread(note, x, span, y) for note, x in zip(notes, _spread(notes, span), strict=True))
    flags = joined(_flag(note, x) for note, x in zip(notes, _spread(notes, span), strict=True))
    name = write("Events", 0, FLAG_Y + 5, "strong") if notes else NOTHING
    label = _said(log, notes)
    return svg(WIDE, y + 34, label, threads, *lanes, _axis(span, y), name, flags, class_="timeline")


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds: '2:07'."""
    whole = math.floor(seconds + 1e-9)
    return f"{whole // 60}:{whole % 60:02d}"


def _said(log: TrialLog, notes: Sequence[Note]) -> str:
    """The drawing in words."""
    state = log.moments[-1].state if log.moments else None
    deepest = max((d for _, d in _depths(log) if not math.isnan(d)), default=0.0)
    given = state.given_ml if state is not None else 0.0
    return (
        f"Time line of {clock(log.seconds)} minutes: {len(notes)} numbered moments, needle to a depth of {deepest:.0f} mm, "
        f"{given:.2f} mL given. The numbers are explained in the table below."
    )


def _x(at_s: float, span: float) -> float:
    """Place of a time in the drawing."""
    return LEFT + (RIGHT - LEFT) * min(max(at_s / span, 0.0), 1.0)


def _spread(notes: Sequence[Note], span: float) -> list[float]:
    """Places of the numbers, in order and apart, as near to their times as can be (pooling of neighbours that crowd)."""
    room = FLAG + GAP
    pools: list[tuple[float, int]] = []  # mean of (time's place - i * room), count
    for i, note in enumerate(notes):
        pools.append((_x(note.at_s, span) - i * room, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, k) = pools[-2:]
            pools[-2:] = [((a * m + b * k) / (m + k), m + k)]
    starts = [mean for mean, count in pools for _ in range(count)]
    most = RIGHT - room * (len(notes) - 1)
    return [min(max(start, LEFT), most) + i * room for i, start in enumerate(starts)]


def _thread(note: Note, x: float, span: float, bottom: float) -> Html:
    """The line from a number to its time, and down through all lanes."""
    at = _x(note.at_s, span)
    way = f"M{n(x)} {n(FLAG_Y)}L{n(at)} {n(THREAD_Y)}V{n(bottom)}"
    return tag("path", d=way, class_="g-thread danger" if note.severity == "danger" else "g-thread")


def _flag(note: Note, x: float) -> Html:
    """A number on its shape: square for danger, triangle-topped for a warning, else round."""
    half, class_ = FLAG / 2, f"s-{note.severity}"
    if note.severity == "danger":
        shape = tag("rect", x=n(x - half), y=n(FLAG_Y - half), width=n(FLAG), height=n(FLAG), class_=class_)
    elif note.severity == "warning":
        corners = [(0, -half - 3), (half, -2), (half, half), (-half, half), (-half, -2)]
        shape = tag("polygon", points=" ".join(f"{n(x + a)},{n(FLAG_Y + b)}" for a, b in corners), class_=class_)
    else:
        shape = tag("circle", cx=n(x), cy=n(FLAG_Y), r=n(half), class_=class_)
    return tag("g", shape, write(note.number, x, FLAG_Y + 5, "inverse", "middle"))


def _lane(name: str, unit: str, y: float, high: float) -> Html:
    """The name of a lane, and its ground."""
    ground = tag("rect", x=n(LEFT), y=n(y), width=n(RIGHT - LEFT), height=n(high), class_="g-rule")
    return joined([ground, write(name, 0, y + 15, "strong"), write(unit, 0, y + 33, "soft") if unit else NOTHING])


def _probe(log: TrialLog, span: float, y: float) -> tuple[Html, float]:
    """When the probe lay on the skin."""
    high, bars, start = 22.0, [], None
    ends = [(moment.state.at_s, moment.state.probe is not None) for moment in log.moments] + [(log.seconds, False)]
    for at, on in ends:
        if on and start is None:
            start = at
        elif not on and start is not None:
            wide = max(_x(at, span) - _x(start, span), 1.5)
            bars.append(tag("rect", x=n(_x(start, span)), y=n(y + 3), width=n(wide), height=n(high - 6), class_="g-bar"))
            start = None
    unused = NOTHING if bars else write("not used", LEFT + 8, y + 16, "soft")
    return joined([_lane("Probe on skin", "", y, high), *bars, unused]), high


def _depths(log: TrialLog) -> list[tuple[float, float]]:
    """Time and depth (mm) of the tip after each action; without a needle, NaN."""
    states = [moment.state for moment in log.moments]
    return [(s.at_s, max(s.needle.depth_mm, 0.0) if s.needle is not None else math.nan) for s in states]


def _needle(log: TrialLog, span: float, y: float) -> tuple[Html, float]:
    """How deep the tip stood, downward as in the body; it stays where it is until the next action."""
    high, depths = 138.0, _depths(log)
    deepest = max((d for _, d in depths if not math.isnan(d)), default=0.0)
    step = _step(deepest, 4, STEPS)
    most = max(step * math.ceil(deepest / step), step)
    ways: list[str] = []
    for (at, depth), (until, _) in zip(depths, [*depths[1:], (log.seconds, math.nan)], strict=True):
        if math.isnan(depth):
            ways.append("")
            continue
        level = n(y + high * depth / most)
        ways.append(f"{'L' if ways and ways[-1] else 'M'}{n(_x(at, span))} {level}H{n(_x(until, span))}")
    grid = [_level(f"{value:g}", y + high * value / most) for value in np.arange(0.0, most + step / 2, step)]
    curve = tag("path", d="".join(ways) or "M0 0", class_="g-curve")
    return joined([_lane("Needle depth", "mm from skin", y, high), *grid, curve]), high


def _level(text: str, y: float) -> Html:
    """A line of equal value, and its number."""
    line = tag("line", x1=n(LEFT), x2=n(RIGHT), y1=n(y), y2=n(y), class_="g-rule")
    return joined([line, write(text, LEFT - 6, y + 5, "soft", "end")])


def _aspirations(log: TrialLog, span: float, y: float) -> tuple[Html, float]:
    """Each aspiration: a ring where it was clear, a filled diamond where blood or other fluid came."""
    high, shapes = 22.0, []
    for event in log.events:
        x, middle = _x(event.at_s, span), y + 11
        if event.kind == "aspirated_clear":
            shapes.append(tag("circle", cx=n(x), cy=n(middle), r="5", class_="g-hollow"))
        elif event.kind.startswith("aspirated_"):
            shapes.append(tag("path", d=f"M{n(x)} {n(middle - 9)}l8 9l-8 9l-8 -9z", class_="g-blood"))
    none = NOTHING if shapes else write("none", LEFT + 8, y + 16, "soft")
    return joined([_lane("Aspirations", "", y, high), *shapes, none]), high


def _given(log: TrialLog, span: float, y: float) -> tuple[Html, float]:
    """Product given, as a sum that rises."""
    high, total, ways = 70.0, 0.0, [f"M{n(LEFT)} {n(y + 70)}"]
    times = [(m.state.at_s, m.state.given_ml) for m in log.moments]
    most = max((ml for _, ml in times), default=0.0)
    step = _step(most, 2, STEPS)
    top = max(step * math.ceil(most / step - 1e-9), step)
    for at, ml in times:
        if ml > total:
            ways.append(f"H{n(_x(at, span))}V{n(y + high * (1 - ml / top))}")
            total = ml
    ways.append(f"H{n(RIGHT)}")
    area = tag("path", d="".join(ways) + f"V{n(y + high)}z", class_="g-area")
    grid = [_level(f"{value:g}", y + high * (1 - value / top)) for value in np.arange(0.0, top + step / 2, step)]
    curve = tag("path", d="".join(ways), class_="g-curve")
    return joined([_lane("Given so far", "mL", y, high), area, *grid, curve]), high


def _axis(span: float, y: float) -> Html:
    """The time axis, below all lanes."""
    step = _step(span, MOST_TICKS, STEPS_S)
    parts = [tag("line", x1=n(LEFT), x2=n(RIGHT), y1=n(y), y2=n(y), class_="g-axis"), write("Time, min:s", 0, y + 20, "strong")]
    for at in np.arange(0.0, span + 1e-9, step):
        x = _x(float(at), span)
        parts.append(tag("line", x1=n(x), x2=n(x), y1=n(y), y2=n(y + 6), class_="g-axis"))
        parts.append(write(clock(at), x, y + 22, None, "middle"))
    return joined(parts)


def _step(span: float, most: int, steps: Sequence[float]) -> float:
    """The least even step that needs at most so many of them."""
    return next((float(s) for s in steps if span / s <= most), float(steps[-1]) * math.ceil(span / steps[-1] / most))
