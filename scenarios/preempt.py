"""The PREEMPT plan: 31 sites and 155 units in seven groups, and follow-the-pain up to 39 and 195."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meshes._check import unknown
from meshes.model import Anatomy, Side
from scenarios.rules import Resolver, directions
from scenarios.site_checks import check_sites
from scenarios.sites import Ground, InjectionSite, Needle, depth_into, needle, needle_direction, read_table

__all__ = ["check_sites", "chosen_params", "preempt_sites", "wanted_extras"]

Array = NDArray[np.float64]
Request = Mapping[str, int | Mapping[str, int]]
LETTER: Mapping[Side, str] = MappingProxyType({"left": "L", "right": "R", "median": "M"})
PAIR: tuple[Literal["left", "right"], ...] = ("left", "right")


def preempt_sites(
    anatomy: Anatomy, follow_the_pain: Request | None = None, *, params: Mapping[str, float] | None = None
) -> tuple[InjectionSite, ...]:
    """Return the sites of the PREEMPT plan on an anatomy, in the order of giving.

    Parameters
    ----------
    anatomy : Anatomy
        With `skin`, the landmarks that the rules name, and the muscles; where a muscle is absent its default depth is used.
    follow_the_pain : mapping, optional
        Extra sites by muscle: a number for both sides together, or `{"left": n, "right": n}`.
    params : mapping of str to float, optional
        Lengths of `preempt_sites.toml` to change, mm.

    Returns
    -------
    tuple of InjectionSite
        31 and as many as were asked for. One whose needle misses has `hit` None; `check_sites` reports it.

    Raises
    ------
    ValueError
        If a request is over a limit, odd, negative, for a group that takes none, or a length is out of its range.
        The text names the limit.
    """
    extra = wanted_extras(follow_the_pain or {})
    table = read_table("preempt_sites")
    ground = Ground(anatomy)
    resolver = Resolver(ground, chosen_params(params or {}))
    placed: dict[str, list[tuple[Mapping[str, Any], Side, Array]]] = {group: [] for group in table["groups"]}
    for row in table["sites"]:
        for side in _sides(row):
            placed[row["group"]].append((row, side, resolver.place(row, side)))
    for side in PAIR:
        for row in table["extra"]:
            if extra.get((row["id"], side)) or _needed_by(row["id"], side, extra, table):
                point = resolver.place(row, side)
                if extra.get((row["id"], side)):
                    placed[row["group"]].append((row, side, point))
    ordered = [entry for group in placed.values() for entry in sorted(group, key=_giving)]
    return tuple(_site(ground, row, side, point, i) for i, (row, side, point) in enumerate(ordered, 1))


def wanted_extras(request: Request) -> dict[tuple[str, Side], bool]:
    """Return which follow-the-pain rows are wanted on which side. Raises ValueError naming the limit."""
    table = read_table("preempt_sites")
    rules = table["follow_the_pain"]
    out: dict[tuple[str, Side], bool] = {}
    total = 0
    for muscle, asked in request.items():
        if muscle not in rules["most_extra"]:
            if muscle in table["groups"]:
                allowed = ", ".join(rules["most_extra"])
                raise ValueError(f"follow_the_pain: {muscle} takes no extra site; the limit is 0. Allowed: {allowed}.")
            raise ValueError(unknown("follow_the_pain", muscle, rules["most_extra"]))
        per_side = _per_side(muscle, asked)
        most, fixed = rules["most_extra"][muscle], table["groups"][muscle]["count"]
        if sum(per_side.values()) > most:
            raise ValueError(
                f"follow_the_pain: {muscle} asks for {sum(per_side.values())} extra sites; the limit is {most} "
                f"({fixed + most} sites, {(fixed + most) * table['plan']['units_per_site']} U in all)."
            )
        total += sum(per_side.values())
        rows = [row["id"] for row in table["extra"] if row["group"] == muscle]
        for side in PAIR:
            out.update({(name, side): True for name in rows[: per_side[side]]})
    if total > rules["most_extra_sites"]:
        raise ValueError(f"follow_the_pain: {total} extra sites; the limit is {rules['most_extra_sites']}.")
    return out


def chosen_params(changes: Mapping[str, float]) -> dict[str, float]:
    """Return the lengths that rules name, mm, with `changes`. Raises ValueError naming the range."""
    rows = read_table("preempt_sites")["params"]
    out = {name: float(row["value"]) for name, row in rows.items()}
    for name, value in changes.items():
        if name not in rows:
            raise ValueError(unknown("parameter", name, rows))
        low, high = rows[name]["range"]
        if not low <= value <= high:
            raise ValueError(f"parameter {name} is {value:g}; it must be from {low:g} to {high:g}.")
        out[name] = float(value)
    return out


def _per_side(muscle: str, asked: int | Mapping[str, int]) -> dict[Side, int]:
    if isinstance(asked, Mapping):
        for side in asked:
            if side not in PAIR:
                raise ValueError(unknown(f"follow_the_pain: side of {muscle}", side, PAIR))
        return {side: _count(f"{muscle} {side}", asked.get(side, 0)) for side in PAIR}
    number = _count(muscle, asked)
    if number % 2:
        raise ValueError(f"follow_the_pain: {muscle} is {number}; for both sides it must be even, or name the side.")
    return dict.fromkeys(PAIR, number // 2)


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"follow_the_pain: {name} is {value!r}; it must be a whole number.")
    if value < 0:
        raise ValueError(f"follow_the_pain: {name} is {value}; it cannot be negative, the lower limit is 0.")
    return int(value)


def _needed_by(name: str, side: Side, extra: Mapping[tuple[str, Side], bool], table: Mapping[str, Any]) -> bool:
    """Whether another wanted row starts from this one."""
    return any(row["from"].get("site") == name and extra.get((row["id"], side)) for row in table["extra"])


def _sides(row: Mapping[str, Any]) -> tuple[Side, ...]:
    return ("median",) if "middle_of" in row["from"] else PAIR


def _giving(entry: tuple[Mapping[str, Any], Side, Array]) -> tuple[str, int]:
    row, side, _ = entry
    return side, int(row["id"].split("_")[1])


def _site(ground: Ground, row: Mapping[str, Any], side: Side, point: Array, order: int) -> InjectionSite:
    table = read_table("preempt_sites")
    plan, group = table["plan"], table["groups"][row["group"]]
    tail = "" if side == "median" else f"_{side}"
    normal = ground.skin.closest(point)[1][0]
    if side == "median":
        normal = np.array([0.0, normal[1], normal[2]]) / np.hypot(normal[1], normal[2])
    direction = np.array(needle_direction(group["angle"], normal, directions(side)))
    depth, hit, tool = _depth(ground, row["group"], [f"{m}{tail}" for m in group["muscles"]], point, direction)
    prefix, number = row["id"].split("_")
    extra = any(row is other for other in table["extra"])
    position = {"position": table["follow_the_pain"]["evidence"]["position"]} if extra else row.get("evidence", {})
    where = "" if side == "median" else f"{side} "
    return InjectionSite(
        id=f"{prefix}_{LETTER[side]}{number}",
        muscle=(hit or f"{group['muscles'][0]}{tail}").removesuffix(tail) if tail else group["muscles"][0],
        side=side,
        units=plan["units_per_site"],
        volume_ml=plan["volume_ml"],
        skin_point=_frozen(point),
        target_point=_frozen(point + depth * direction),
        direction=_frozen(direction),
        depth_mm=depth,
        needle=tool,
        sources=tuple(plan["sources"]),
        evidence=MappingProxyType({**group["evidence"], **position}),
        label=f"{where}{group['label']} {number}",
        rule=row["text"],
        order=order,
        group=row["group"],
        hit=hit,
        extra=extra,
    )


def _depth(ground: Ground, group: str, keys: list[str], point: Array, direction: Array) -> tuple[float, str | None, Needle]:
    """Length of needle under the skin, what the tip rests in, and the shortest needle that reaches."""
    table = read_table("preempt_sites")
    plan = table["plan"]
    tools = [needle(plan["needle"])]
    if group in plan["long_needle_groups"]:
        tools.append(needle(plan["long_needle"]))
    found = depth_into(ground, keys, point, direction, plan["into_muscle_mm"], tools[-1].length_mm)
    if found is None:
        return float(table["groups"][group]["depth_mm"]["default"]), None, tools[0]
    for tool in tools:
        if found[0] <= tool.length_mm:
            return found[0], found[1], tool
    return float(table["groups"][group]["depth_mm"]["default"]), None, tools[0]


def _frozen(value: Array) -> Array:
    out = np.array(value, dtype=np.float64)
    out.setflags(write=False)
    return out
