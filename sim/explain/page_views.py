"""What the head shows at each step of the patient page, as numbers for the browser and as still pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.terms import split_key
from sim.cameras import axes_of
from sim.explain.model_cameras import framed
from sim.explain.model_steps import FLOOR
from sim.explain.page_pictures import SHARPER, SIZE, Shot, still
from sim.explain.page_plan import LAST, PLACES, PageStep, names_of
from sim.explain.page_sight import FACING, Seen, opacities
from sim.picture import Camera, Line, Picture
from sim.places import as_point

if TYPE_CHECKING:
    from scenarios.explain_texts import Texts

Array = NDArray[np.float64]
CAMERA = ("azimuth_deg", "elevation_deg", "focus_mm", "width_mm", "height_mm")
PATH_MM = 2.4
NERVE = "greater_occipital_nerve"
PLACE_SIDES = ("front", "side", "back")  # from where a procedure with many places is shown
WELL_FACING = 0.35
AXIS_Y_MM, FOCUS_ELEVATION = -15.0, 8.0  # of the axis about which a structure is looked for; of the camera
FOCUS_LEAST_MM = 215.0
BOTH_CRANIUM = 0.92
OUTSIDE_MM = 12.0  # of the needle: where its name points to


@dataclass(frozen=True, eq=False)
class Ground:
    """What the views of a page are made from.

    Parameters
    ----------
    anatomy : Anatomy
    info : mapping
        Of the 3-D model.
    picture : Picture
        What the scenario places on the anatomy.
    texts : Texts
    side : str
        'left', 'right' or 'both'.
    muscles : tuple of str
        Unsided keys of the muscles of the procedure's places.
    aim : str
        Key of the nerve that the needle is aimed at; empty for none.
    """

    anatomy: Anatomy
    info: Mapping[str, Any]
    picture: Picture
    texts: Texts
    side: str
    muscles: tuple[str, ...] = ()
    aim: str = ""

    @cached_property
    def sight(self) -> Seen:
        """What can be seen where."""
        return Seen(self.anatomy, self.info)

    @property
    def own(self) -> str:
        """The side that the pictures show."""
        return "left" if self.side == "left" else "right"


def browser_step(ground: Ground, step: PageStep, conditions: Sequence[str]) -> dict[str, Any]:
    """Return what the browser shows at a step; at the step of pain, for each condition."""
    row: dict[str, Any] = {"id": step.id, "needle": step.needle if ground.info["needle"] else "none", "pulse": step.pulse}
    row |= _view(ground, step, view_of(ground, step))
    if step.kind == "pain":
        row["pains"] = {name: _view(ground, step, pain_view(ground, name)) for name in conditions}
        row |= row["pains"][conditions[0]]
    if step.pulse and ground.info["convergence"]:
        row["stations"] = stations(ground.info)
    return row


def _view(ground: Ground, step: PageStep, view: Mapping[str, Any]) -> dict[str, Any]:
    places = named(ground, step, view)
    return {
        "camera": {k: view[k] for k in CAMERA if k in view},
        "show": dict(view["show"]),
        "highlight": list(view["highlight"]),
        "paint": list(view["paint"]),
        "names": [{"key": k, "at": p} for k, p in places.items()],
        "things": things(ground, view),
    }


def view_of(ground: Ground, step: PageStep) -> Mapping[str, Any]:
    """Return what the 3-D model shows at a step; where numbness is felt, the painted area of the nerve."""
    cameras: Mapping[str, Mapping[str, Any]] = ground.info["cameras"]
    if step.id == "feel" and f"map:{step.focus}" in cameras:
        return painted(ground, [step.focus])
    if step.view == "nerve" and step.focus not in (*PLACES, "", NERVE):
        return focus_view(ground, step.focus)
    many = [cameras[name] for side in PLACE_SIDES if (name := f"{step.view}:{side}") in cameras]
    view = max(many, key=lambda v: _facing(ground, v)) if many else cameras.get(step.view) or cameras["start"]
    return aimed(ground, view)


def _facing(ground: Ground, view: Mapping[str, Any]) -> int:
    """How many places on the skin face the camera of a view."""
    toward = axes_of(Camera(azimuth_deg=view["azimuth_deg"], elevation_deg=view["elevation_deg"]))[0]
    return int((np.array([s["normal"] for s in ground.info["sites"]]).reshape(-1, 3) @ toward > WELL_FACING).sum())


def aimed(ground: Ground, view: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a view with the nerve that the needle is aimed at told apart, in place of the greater occipital nerve."""
    own = f"{NERVE}_{ground.own}"
    if ground.aim in ("", own) or own not in view["highlight"]:
        return view
    return dict(view) | {"highlight": [ground.aim], "show": dict(view["show"]) | {own: 0.0, ground.aim: 1.0}}


def focus_view(ground: Ground, focus: str) -> Mapping[str, Any]:
    """Return the view of a structure without a side, solid among clear ones; of a plan for muscles, of all of these."""
    among = dict.fromkeys((focus, *(m for m in ground.muscles if focus in ground.muscles)))
    sides = ("right", "left") if ground.side == "both" else (ground.own,)
    keys = [k for k in ground.info["structures"] if split_key(k)[0] in among and split_key(k)[1] in (*sides, "median")]
    near = [k for k in keys if split_key(k)[0] == focus and split_key(k)[1] in (ground.own, "median")]
    if not near:
        start: Mapping[str, Any] = ground.info["cameras"]["start"]
        return start
    boxes = np.array([ground.info["structures"][k]["box"] for k in near])
    corners = np.array(list(product(*zip(boxes.min(axis=(0, 1)), boxes.max(axis=(0, 1)), strict=True))))
    middle = corners.mean(axis=0)
    azimuth = float(np.degrees(np.arctan2(middle[0], middle[1] - AXIS_Y_MM)))
    other = {f"{k}_{ground.own}": 0.0 for k in (NERVE, FLOOR)}
    calm = {resolved(k, ground.own): v for k, v in ground.info["layers"]["calm"].items()}
    if ground.side == "both":  # else what is on the far side would shine through the skull
        other = other | {"cranium": BOTH_CRANIUM}
    show = calm | other | dict.fromkeys(among, 1.0)
    return framed(corners, azimuth, FOCUS_ELEVATION, FOCUS_LEAST_MM) | {"show": show, "highlight": keys, "paint": []}


def resolved(name: str, side: str) -> str:
    """Return a name of a layer with the side that is treated in place of 'own:'."""
    return f"{name.removeprefix('own:')}_{side}" if name.startswith("own:") else name


def pain_maps(ground: Ground, condition: str) -> list[str]:
    """Return the painted regions of a condition that the model has: where pain starts, then where it spreads."""
    asked = (*ground.texts.conditions[condition].maps, condition, f"{condition}-spread")
    return [m for m in dict.fromkeys(asked) if f"map:{m}" in ground.info["cameras"]]


def pain_view(ground: Ground, condition: str, number: int = 0) -> Mapping[str, Any]:
    """Return the view of where the pain of a condition starts and spreads, from where one of its regions is seen best."""
    maps = pain_maps(ground, condition)
    if not maps:
        start: Mapping[str, Any] = ground.info["cameras"]["start"]
        return start
    return painted(ground, maps, number)


def painted(ground: Ground, maps: Sequence[str], number: int = 0) -> Mapping[str, Any]:
    """Return the view of painted regions; on both sides where both are treated."""
    sides = ("right", "left") if ground.side == "both" else (ground.own,)
    paint = [{"name": m, "side": side, "strength": 1.0} for m in maps for side in sides]
    return dict(ground.info["cameras"][f"map:{maps[number]}"]) | {"paint": paint}


def named(ground: Ground, step: PageStep, view: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return what is named in a view and can be seen in it, with the points (3,) that the names point to."""
    shown, out = opacities(ground.info, view["show"]), {}
    for key in names_of(step, view["highlight"], ground.texts, ground.side):
        place = place_of(ground, key, view, tip=step.id in ("needle", "ultrasound"))
        tools = {"site": bool(view["show"].get("sites")), "needle": step.needle != "none"}
        if place is not None and tools.get(key, shown.get(key, 0.0) > 0):
            out[key] = place
    return out


def things(ground: Ground, view: Mapping[str, Any]) -> list[str]:
    """Return the structures that a view shows and that have a plain name, each once: of two sides, the patient's."""
    shown = [k for k, o in opacities(ground.info, view["show"]).items() if o > 0 and split_key(k)[0] in ground.texts.structures]
    return [k for k in shown if split_key(k)[1] in ("median", ground.own)]


def stations(info: Mapping[str, Any]) -> list[list[float]]:
    """Return the numbered places of the way on which neck pain is felt at the eye."""
    way = info["convergence"]
    return [way["path_mm"][0], way["meeting_mm"], way["felt_mm"]]


def place_of(ground: Ground, key: str, view: Mapping[str, Any], *, tip: bool = False) -> list[float] | None:
    """Return the point (3,) that the name of a structure, of the site or of the needle points to; None if there is none."""
    needle, sites = ground.info["needle"], ground.info["sites"]
    if key == "needle":
        return None if needle is None else list(np.array(needle["entry_mm"]) - OUTSIDE_MM * np.array(needle["direction"]))
    if key == "site":
        own = [s for s in sites if (s["point_mm"][0] >= 0) == (ground.own == "right")] or sites
        if own:
            return list(_nearest(np.array([s["point_mm"] for s in own]), view, np.array([s["normal"] for s in own])))
        return None if needle is None else list(needle["entry_mm"])
    if key not in ground.anatomy:
        return None
    found = ground.sight.point(key, view, np.array(needle["tip_mm"]) if tip and needle is not None else None)
    return None if found is None else [round(float(x), 1) for x in found]


def _nearest(points: Array, view: Mapping[str, Any], normals: Array) -> Array:
    """Of the points (n, 3) that face the camera, the one nearest to the view's middle."""
    toward, right, up = axes_of(Camera(azimuth_deg=view["azimuth_deg"], elevation_deg=view["elevation_deg"]))
    facing = normals @ toward > FACING
    kept = points[facing] if facing.any() else points
    flat = (kept - np.array(view["focus_mm"])) @ np.stack([right, up], axis=1)
    return np.asarray(kept[int(np.argmin(np.linalg.norm(flat, axis=1)))])


def shots_of(ground: Ground, steps: Sequence[PageStep], conditions: Sequence[str], sharper: float = SHARPER) -> dict[str, Shot]:
    """Return a still picture for each view of a page, by its name."""
    wanted: dict[str, PageStep] = {}
    for step in steps:
        if step.kind not in ("pain", *LAST, "more"):
            wanted.setdefault(step.view, step)
    out = {name: shot(ground, name, step, view_of(ground, step), sharper) for name, step in wanted.items()}
    for name, step in wanted.items():
        for side in PLACE_SIDES:
            view = ground.info["cameras"].get(f"{name}:{side}")
            if view is not None and view is not view_of(ground, step) and step.id == "place":
                out[f"{name}@{side}"] = shot(ground, f"{name}-{side}", step, view, sharper)
    pain = next((step for step in steps if step.kind == "pain"), None)
    for name in conditions if pain is not None else ():
        for number in range(max(1, len(pain_maps(ground, name)) if name == conditions[0] else 1)):
            key = f"pain:{name}" + (f"@{number}" if number else "")
            out[key] = shot(ground, key, pain or steps[0], pain_view(ground, name, number), sharper)
    return out


def shot(ground: Ground, name: str, step: PageStep, view: Mapping[str, Any], sharper: float) -> Shot:
    """Return the still picture of a view."""
    held = ground.picture
    needles = held.needles if step.needle != "none" or "needle" in view else ()
    marks = tuple(replace(m, target_mm=None) for m in held.markers) if view["show"].get("sites") else ()
    way = ground.info["convergence"] if step.pulse else None
    lines = (Line(tuple(map(as_point, way["path_mm"])), colour="needle", width_mm=PATH_MM),) if way else ()
    camera = dict(view) | {"width_mm": max(view["width_mm"], view.get("height_mm", 0.0) * SIZE[0] / SIZE[1])}
    more: dict[str, Any] = {"maps": paints(view)} if view["paint"] else {}
    return still(
        ground.anatomy,
        name.replace(":", "-").replace("@", "-"),
        camera,
        opacities(ground.info, view["show"]),
        highlight=view["highlight"],
        named=named(ground, step, view),
        stations=stations(ground.info) if way else (),
        needles=needles,
        markers=marks,
        lines=lines,
        probe=held.probe if step.id == "ultrasound" else None,
        sharper=sharper,
        **more,
    )


def paints(view: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the painted regions of a view for a still picture."""
    from scenarios.skin_maps import skin_map
    from sim.picture import SkinPaint

    return tuple(SkinPaint(p["name"], p["side"], skin_map(p["name"]).colour, 0.8) for p in view["paint"])
