"""Landmarks found on a real person's bones and skin, each with how sure it is and how it was found.

The shipped model's landmark is carried to the real bone, and a rule of `data/real_landmarks.toml` then moves it to the place
that its definition names: the lowest point of the mastoid, the rearmost of a spinous process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes import load_anatomy
from meshes.maps import Chain
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import FLIP, load_table
from meshes.real_fit import Similarity, sampled
from meshes.real_landmarks_fits import SKULL, Laid, frankfort, laid_bones, laid_skin, owner_of
from meshes.real_landmarks_inion import bump_near, trapezius_top
from meshes.surface import SurfaceQuery
from meshes.terms import split_key
from meshes.warp import warp_between

Array = NDArray[np.float64]
CALM = 8.0  # stiffness of the map of bony landmarks that brings the skin near
MIDLINE_MM = 4.0  # from the median plane, within which a median landmark is looked for
PROFILE_STEP_MM, FAR_MM = 1.0, 60.0
ON_SKIN_MM = 1.0  # a landmark of the model this near its skin is one of the skin
BACK = np.array([0.0, -1.0, 0.0])
INSIDE = ("_body", "c1_transverse_foramen")


@dataclass(frozen=True)
class Found:
    """A landmark on a real surface.

    Parameters
    ----------
    point_mm : (3,) array
        In the frame of the parts, mm.
    confidence : float
        0 to 1.
    how : str
        In plain words.
    """

    point_mm: Array
    confidence: float
    how: str


def found(parts: Mapping[str, SurfaceMesh]) -> Mapping[str, Found]:
    """Return the landmarks that a person's bones and skin show, by the model's names.

    Parameters
    ----------
    parts : mapping of str to SurfaceMesh
        By the model's keys, mm, in a frame right, anterior, superior; the head may nod. 'cranium' is needed.

    Raises
    ------
    ValueError
        If there is no cranium, or it does not fit any head.
    """
    model = load_anatomy()
    laid = laid_bones(model, parts)
    queries = {key: _Real(parts[key]) for key in laid}
    frame = frankfort(_carried(model, laid))
    out: dict[str, Found] = {}
    for _ in range(2):  # the second time in the frame of what the first has found
        out = {name: _bony(name, bone, model, queries[bone], laid[bone], frame) for name, bone in _owners(model, laid)}
        frame = frankfort({name: f.point_mm for name, f in out.items()})
        out |= _farthest(out, queries[SKULL], frame)
    out["inion"] = _inion(out["inion"], queries[SKULL], frame, parts)
    if "skin" in parts:
        query = _Real(parts["skin"])
        out |= _on_skin(out, model, query, frame)
    return {name: out[name] for name in model.landmarks if name in out}


def to_ask(landmarks: Mapping[str, Found]) -> tuple[str, ...]:
    """Return the landmarks of use that a person should look at or show, the least sure first."""
    table = load_table("real_landmarks")
    of_use = {name: f for name, f in landmarks.items() if split_key(name)[0] in table["asked"]["names"]}
    unsure = [name for name, f in of_use.items() if f.confidence < table["confidence"]["ask_below"]]
    return tuple(sorted(unsure, key=lambda name: landmarks[name].confidence))


def _owners(model: Anatomy, laid: Mapping[str, Laid]) -> Iterator[tuple[str, str]]:
    for name in model.landmarks:
        bone = owner_of(name, laid)
        if bone is not None:
            yield name, bone


def _carried(model: Anatomy, laid: Mapping[str, Laid]) -> dict[str, Array]:
    return {n: laid[b].way.apply(model.landmark(n)[None])[0] for n, b in _owners(model, laid)}


class _Real(SurfaceQuery):
    """A real surface with the places on it that a rule chooses among: vertices, and points on its wide faces."""

    @cached_property
    def spots(self) -> Array:
        return np.vstack([self.mesh.vertices_mm, sampled(self.mesh).points])


@dataclass(frozen=True)
class _Place:
    """A carried landmark with its rule, and the surface it belongs on."""

    name: str
    at: Array  # in the frame of the parts
    query: _Real
    frame: Similarity

    @cached_property
    def rule(self) -> Mapping[str, Any]:
        return dict(load_table("real_landmarks")["rule"].get(split_key(self.name)[0], {}))

    @property
    def median(self) -> bool:
        return split_key(self.name)[1] == "median"

    @property
    def way(self) -> Array:
        out = np.array(self.rule["way"], dtype=np.float64)
        out = out * FLIP if self.name.endswith("_left") else out
        return np.asarray(out / np.linalg.norm(out))

    def near(self) -> Array:
        """The vertices that the rule looks at, in the Frankfort frame."""
        here = self.frame.apply(self.at[None])[0]
        v = self.frame.apply(self.query.spots)
        keep = np.linalg.norm(v - here, axis=1) < self.rule["reach_mm"]
        if self.median:
            keep &= np.abs(v[:, 0] - here[0]) < self.rule.get("beside_mm", MIDLINE_MM)
        return np.asarray(v[keep])

    def seated(self, point: Array) -> Array:
        """A place of the Frankfort frame on the surface, in the frame of the parts."""
        return np.asarray(self.query.closest(self.frame.inverse(point[None]))[0][0])


def _bony(name: str, bone: str, model: Anatomy, query: _Real, laid: Laid, frame: Similarity) -> Found:
    at = laid.way.apply(model.landmark(name)[None])[0]
    if bone == SKULL and split_key(name)[1] == "median":
        at = frame.inverse(frame.apply(at[None]) * [0.0, 1.0, 1.0])[0]  # the frame's median plane is that of his pairs
    sure = load_table("real_landmarks")["confidence"]
    fit = float(np.exp(-((laid.misfit_mm / sure["fit_mm"]) ** 2)))
    if split_key(name)[0].endswith(INSIDE):
        return Found(at, sure["carried"] * fit, f"inside the {_words(bone)}: carried over with it")
    return _ruled(_Place(name, at, query, frame), fit, _words(bone))


def _ruled(place: _Place, fit: float, what: str) -> Found:
    """A landmark moved by its rule; one without is the nearest place to where it was carried."""
    rule, query = place.rule, place.query
    near = place.near() if rule.get("reach_mm") and "way" in rule else np.empty((0, 3))
    if not len(near) and "rim_mm" not in rule:
        surest = rule.get("surest", load_table("real_landmarks")["nearest"]["surest"])
        return Found(query.closest(place.at)[0][0], surest * fit, f"nearest place of the {what} to where the model's lies")
    if "rim_mm" in rule:
        return _rim(place, fit, what)
    if rule.get("outer"):
        return _deepest(place, fit, what)
    sure = load_table("real_landmarks")["confidence"]
    here = place.frame.apply(place.at[None])[0]
    height = near @ place.way
    if rule.get("leashed"):
        height -= ((near - here) ** 2).sum(axis=1) / (2 * rule["reach_mm"])
    top = near[height > height.max() - sure["level_mm"]]
    point = top.mean(axis=0)
    if place.median:
        point[0] = here[0] if len(top) < 2 else point[0]
    blunt = float(np.sqrt(((top - top.mean(axis=0)) ** 2).sum(axis=1).mean()))
    moved = float(np.linalg.norm(point - here))
    share = np.exp(-((moved / max(sure["shift_mm"], rule["reach_mm"])) ** 2)) / (1 + (blunt / sure["blunt_mm"]) ** 2)
    how = f"{_direction(place.way)} point of the {what}, {moved:.0f} mm from where the model's lies"
    return Found(place.seated(point), float(rule["surest"] * fit * share), how)


def _profile(place: _Place, heights: Array, way: Array) -> Array:
    """The outermost points of the midline at some heights, seen from a way (Frankfort frame); (n, 3), fewer where none is."""
    here = place.frame.apply(place.at[None])[0]
    starts = np.column_stack([np.full_like(heights, here[0]), np.full_like(heights, here[1]), heights]) + FAR_MM * way
    back = place.frame.turn.T @ -way
    far = place.query.first_hit(place.frame.inverse(starts), np.tile(back, (len(starts), 1)), 2 * FAR_MM)
    return np.asarray((starts - far[:, None] * way)[np.isfinite(far)])


def _rim(place: _Place, fit: float, what: str) -> Found:
    """The lowest point of a rim under a hollow, seen from in front: where the surface falls away behind it."""
    rule, here = place.rule, place.frame.apply(place.at[None])[0]
    across = np.arange(-rule["rim_mm"], rule["rim_mm"] + 0.1, PROFILE_STEP_MM)
    heights = np.arange(-rule["rim_mm"], rule["rim_mm"] + 0.1, 0.5 * PROFILE_STEP_MM)
    aside, up = (grid.ravel() for grid in np.meshgrid(across, heights, indexing="ij"))
    starts = here + np.column_stack([aside, np.full_like(aside, FAR_MM), up])
    back = np.tile(place.frame.turn.T @ BACK, (len(starts), 1))
    depth = place.query.first_hit(place.frame.inverse(starts), back, 2 * FAR_MM)
    depth = np.where(np.isfinite(depth), depth, np.inf).reshape(len(across), len(heights))
    solid = depth < FAR_MM + rule["fall_mm"]
    whole = np.cumprod(solid, axis=1).sum(axis=1).astype(int)  # steps from below up to where it falls away
    rim = np.array([here + [a, 0.0, heights[n - 1]] for a, n in zip(across, whole, strict=True) if 0 < n < len(heights)])
    if not len(rim):
        return Found(place.query.closest(place.at)[0][0], 0.6 * rule["surest"] * fit, f"nearest place of the {what}")
    point = rim[rim[:, 2] < rim[:, 2].min() + load_table("real_landmarks")["confidence"]["level_mm"]].mean(axis=0)
    return Found(place.seated(point), rule["surest"] * fit, f"lowest point of the rim of the {what}")


def _deepest(place: _Place, fit: float, what: str) -> Found:
    """The hollow of the midline's outer profile near the carried point: where it lies deepest behind its chord."""
    rule, here = place.rule, place.frame.apply(place.at[None])[0]
    heights = here[2] + np.arange(-rule["reach_mm"], rule["reach_mm"] + 0.1, PROFILE_STEP_MM)
    line = _profile(place, heights, -place.way)
    if len(line) < 3:
        return Found(place.query.closest(place.at)[0][0], 0.5 * rule["surest"] * fit, f"nearest place of the {what}")
    share = (line[:, 2] - line[0, 2]) / (line[-1, 2] - line[0, 2])
    behind = (line[0] + share[:, None] * (line[-1] - line[0]) - line)[:, 1]
    at = int(np.argmax(behind))
    hollow = float(behind[at]) > 0.5
    point = line[at] if hollow and 0 < at < len(line) - 1 else here
    how = "deepest point of the profile" if hollow else f"nearest place of the {what}; its profile has no hollow"
    return Found(place.seated(point), float(rule["surest"] * fit * (1.0 if hollow else 0.6)), how)


def _farthest(known: Mapping[str, Found], query: _Real, frame: Similarity) -> dict[str, Found]:
    """The landmarks whose rule is to lie furthest from another, in the median plane."""
    out = {}
    for name, rule in load_table("real_landmarks")["rule"].items():
        other = known.get(rule.get("away_from", ""))
        if other is None or name not in known:
            continue
        place = _Place(name, known[name].point_mm, query, frame)
        here, start = (frame.apply(p[None])[0] for p in (place.at, other.point_mm))
        line = _profile(place, here[2] + np.arange(-rule["reach_mm"], rule["reach_mm"] + 0.1, PROFILE_STEP_MM), BACK)
        if not len(line):
            continue
        far = np.linalg.norm(line[:, 1:] - start[1:], axis=1)
        point = line[far > far.max() - load_table("real_landmarks")["confidence"]["level_mm"]].mean(axis=0)
        how = f"middle of what lies furthest from the {rule['away_from']} in the midline; the curve is flat there"
        out[name] = Found(place.seated(point), rule["surest"], how)
    return out


def _inion(carried: Found, skull: _Real, frame: Similarity, parts: Mapping[str, SurfaceMesh]) -> Found:
    """The top of the protuberance where one stands out; else where trapezius begins; else the carried point, of little trust."""
    row = load_table("real_landmarks")["inion"]
    place = _Place("inion", carried.point_mm, skull, frame)
    turned = SurfaceMesh(frame.apply(skull.mesh.vertices_mm), skull.mesh.faces, skull.mesh.normals @ frame.turn.T)
    bump = bump_near(turned, frame.apply(place.at[None])[0])
    if bump is None:
        return Found(place.at, row["flat"], "carried over from the model; the occiput is not whole here. Please show it.")
    if bump.standing_mm < row["felt_mm"]:
        height = trapezius_top(parts, frame)
        line = np.empty((0, 3)) if height is None else _profile(place, np.array([height]), BACK)
        how = "this occiput is flat, no protuberance is felt. Please show it."
        if len(line):
            return Found(place.seated(line[0]), row["by_trapezius"], f"where trapezius begins in the midline; {how}")
        return Found(place.at, row["flat"], f"carried over from the model; {how}")
    sure = row["flat"] + (row["surest"] - row["flat"]) * min(bump.standing_mm / row["standing_mm"], 1.0)
    return Found(place.seated(bump.top), sure, f"top of a protuberance that stands {bump.standing_mm:.0f} mm out of the occiput")


def _on_skin(bony: Mapping[str, Found], model: Anatomy, skin: _Real, frame: Similarity) -> dict[str, Found]:
    """The skin's landmarks: over their bone where they have one, else as the model's skin lies on the real one."""
    names = [n for n in bony if n in model.landmarks]
    source = np.array([model.landmark(n) for n in names])
    start: Chain = warp_between(source, np.array([bony[n].point_mm for n in names]), stiffness=CALM)
    laid = laid_skin(model, skin.mesh, start)
    sure = load_table("real_landmarks")["confidence"]
    fit = float(np.exp(-((laid.misfit_mm / sure["fit_mm"]) ** 2)))
    query, out = SurfaceQuery(model["skin"].mesh), {}
    rest = [n for n in model.landmarks if n not in bony and owner_of(n, model.structures) is None]
    on = np.abs(query.signed_distance(np.array([model.landmark(n) for n in rest]))) < ON_SKIN_MM
    for name in (n for n, is_on in zip(rest, on, strict=True) if is_on):
        over = _over_bone(name, bony, skin, frame)
        at = laid.way.apply(model.landmark(name)[None])[0]
        out[name] = over or _ruled(_Place(name, at, skin, frame), fit, "skin")
    return out


def _over_bone(name: str, bony: Mapping[str, Found], skin: _Real, frame: Similarity) -> Found | None:
    """A skin point that is defined by its bony one: the nearest skin, or the skin straight before it."""
    bare, side = split_key(name)
    under = bony.get(bare.removesuffix("_skin") + ("" if side == "median" else f"_{side}"))
    seats = load_table("seats")["skin"]
    own = {**load_table("real_landmarks")["rule"], **load_table("skin")["landmarks"]}
    if under is None or not bare.endswith("_skin") or bare in own:
        return None
    if bare.removesuffix("_skin") in seats["nearest"]:
        return Found(skin.closest(under.point_mm)[0][0], under.confidence, "nearest skin to the bony point")
    if bare.removesuffix("_skin") in seats["ahead"]:
        ahead = frame.turn.T @ np.array([0.0, 1.0, 0.0])
        far, _ = skin.ray(under.point_mm, ahead, FAR_MM)
        if len(far):
            return Found(under.point_mm + far[-1] * ahead, under.confidence, "skin straight before the bony point")
    return None


def _words(key: str) -> str:
    base, side = split_key(key)
    return (f"{side} " if side != "median" else "") + base.replace("_", " ")


def _direction(way: Array) -> str:
    axis = int(np.argmax(np.abs(way)))
    return (("leftmost", "rightmost"), ("rearmost", "foremost"), ("lowest", "highest"))[axis][int(way[axis] > 0)]
