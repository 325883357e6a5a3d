"""Small drawings of scores: one's own value beside the expert's range, points over attempts, and the learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.debrief.html import NOTHING, Html, joined, n, svg, tag, write

if TYPE_CHECKING:
    from sim.training.cusum import Cusum

RANGE_WIDE, RANGE_HIGH, RIM = 210.0, 34.0, 9.0
WIDE, HIGH = 920.0, 250.0
LEFT, RIGHT, TOP = 64.0, 900.0, 16.0
MOST_NUMBERS = 20


def range_chart(
    label: str, mine: float | None, expert: tuple[float, float, float] | None, marks: Sequence[float], unit: str
) -> Html:
    """Return one's own value beside the expert's median and range, and the pass marks.

    Parameters
    ----------
    label : str
        Of the measure.
    mine : float or None
    expert : (median, low, high) or None
    marks : sequence of float
    unit : str
    """
    values = [v for v in (mine, *(expert or ()), *marks) if v is not None and math.isfinite(v)]
    if not values or (expert is None and not marks):
        return NOTHING
    least, most = min(values), max(values)
    pad = 0.5 if most == least else 0.0
    low, high = least - pad, most + pad

    def at(value: float) -> float:
        return float(RIM + (RANGE_WIDE - 2 * RIM) * (value - low) / (high - low))

    middle, parts = RANGE_HIGH / 2, [NOTHING]
    parts.append(tag("line", x1=n(RIM), x2=n(RANGE_WIDE - RIM), y1=n(middle), y2=n(middle), class_="g-axis"))
    said = [] if mine is None else [f"yours {figure_of(mine)} {unit}"]
    if expert is not None:
        median, first, last = expert
        wide = max(at(last) - at(first), 3.0)
        parts.append(tag("rect", x=n(at(first)), y=n(middle - 8), width=n(wide), height="16", class_="g-band"))
        parts.append(tag("line", x1=n(at(median)), x2=n(at(median)), y1=n(middle - 8), y2=n(middle + 8), class_="g-median"))
        said.append(f"expert {figure_of(median)}, from {figure_of(first)} to {figure_of(last)}")
    for mark in marks:
        parts.append(tag("line", x1=n(at(mark)), x2=n(at(mark)), y1="2", y2=n(RANGE_HIGH - 2), class_="g-mark"))
        said.append(f"pass mark {figure_of(mark)}")
    if mine is not None:
        parts.append(tag("circle", cx=n(at(mine)), cy=n(middle), r="6", class_="g-mine"))
    return svg(RANGE_WIDE, RANGE_HIGH, f"{label}: {', '.join(said)}", *parts)


def figure_of(value: float) -> str:
    """Return a number as a reader wants it: three digits that count, no needless zeros."""
    if not math.isfinite(value):
        return "none"
    size = abs(value)
    shown = f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "0" if shown == "-0" else shown


def points_chart(points: Sequence[tuple[float, bool]]) -> Html:
    """Return points (0 to 100) over attempts, oldest first; filled where passed, the last one ringed.

    Parameters
    ----------
    points : sequence of (points, passed)
    """
    parts = [_level(f"{value}", _y(value, 0, 100)) for value in range(0, 101, 25)]
    places = [(_along(i, len(points)), _y(value, 0, 100)) for i, (value, _) in enumerate(points)]
    parts.append(_curve(places))
    for i, ((x, y), (_, passed)) in enumerate(zip(places, points, strict=True)):
        if i == len(points) - 1:
            parts.append(tag("circle", cx=n(x), cy=n(y), r="11", class_="g-axis"))
        parts.append(_dot(x, y, passed))
    said = "; ".join(f"attempt {i}: {value:.0f}, {'passed' if ok else 'not passed'}" for i, (value, ok) in enumerate(points, 1))
    return svg(WIDE, HIGH, f"Points over attempts. {said}.", *parts, _numbers(len(points)))


def cusum_chart(curve: Cusum, outcomes: Sequence[bool]) -> Html:
    """Return the learning curve with its two limits.

    Parameters
    ----------
    curve : Cusum
        Of the outcomes.
    outcomes : sequence of bool
        Whether each attempt was passed, oldest first.
    """
    values, limits = [0.0, *curve.values], (curve.lower_h, curve.upper_h)
    low, high = min(*values, limits[0]), max(*values, limits[1])
    room = 0.12 * (high - low)
    low, high = low - room, high + room
    parts = [_level(f"{v:+.1f}" if v else "0", _y(v, low, high)) for v in (limits[0], 0.0, limits[1])]
    for limit, text, class_, drop in (
        (limits[1], "above: failures too frequent", "g-limit", -7),
        (limits[0], "below: failures shown to be rare", "g-limit good", 18),
    ):
        y = _y(limit, low, high)
        parts.append(tag("line", x1=n(LEFT), x2=n(RIGHT), y1=n(y), y2=n(y), class_=class_))
        parts.append(write(text, RIGHT, y + drop, "haloed", "end"))
    places = [(_along(i, len(values)), _y(v, low, high)) for i, v in enumerate(values)]
    decided = {number for number, _ in curve.decisions}  # there the sum begins again at 0
    for i, place in enumerate(places[1:], 1):
        x, y = places[i - 1]
        parts.append(_curve([(x, _y(0.0, low, high) if i - 1 in decided else y), place]))
    parts += [_dot(x, y, ok) for (x, y), ok in zip(places[1:], outcomes, strict=True)]
    ends = f"it ends at {values[-1]:+.2f}, the limits are {limits[0]:+.2f} and {limits[1]:+.2f}"
    label = f"Learning curve over {len(outcomes)} attempts: {ends}."
    return svg(WIDE, HIGH, label, *parts, _numbers(len(values), first=0))


def _y(value: float, low: float, high: float) -> float:
    """Height of a value in a chart of attempts."""
    bottom = HIGH - 44
    return bottom - (bottom - TOP) * (value - low) / (high - low)


def _along(i: int, count: int) -> float:
    """Place of the attempt i of so many."""
    first, last = LEFT + 26, RIGHT - 26
    return first if count < 2 else first + (last - first) * i / (count - 1)


def _level(text: str, y: float) -> Html:
    """A line of equal value, and its number."""
    line = tag("line", x1=n(LEFT), x2=n(RIGHT), y1=n(y), y2=n(y), class_="g-rule")
    return joined([line, write(text, LEFT - 8, y + 5, "soft", "end")])


def _curve(places: Sequence[tuple[float, float]]) -> Html:
    """A line through places."""
    return tag("polyline", points=" ".join(f"{n(x)},{n(y)}" for x, y in places), class_="g-curve")


def _dot(x: float, y: float, passed: bool) -> Html:
    """A filled dot for an attempt passed, a cross for one that was not."""
    if passed:
        return tag("circle", cx=n(x), cy=n(y), r="6", class_="g-mine")
    return tag("path", d=f"M{n(x - 6)} {n(y - 6)}l12 12M{n(x + 6)} {n(y - 6)}l-12 12", class_="g-off")


def _numbers(count: int, first: int = 1) -> Html:
    """The numbers of attempts, so many that none touch."""
    step = max(1, math.ceil(count / MOST_NUMBERS))
    shown = [write(i + first, _along(i, count), HIGH - 22, "soft", "middle") for i in range(0, count, step)]
    return joined([*shown, write("Attempt", (LEFT + RIGHT) / 2, HIGH - 4, None, "middle")])
