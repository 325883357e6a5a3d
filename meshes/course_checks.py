"""Does a seated course pass the tissues that it should? Judged on centrelines and fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from meshes.fields import gradient
from meshes.maps import Chain
from meshes.model import Anatomy
from meshes.nape import NERVE, OCI, SSC, TRAPEZIUS
from meshes.nerves import BED_MM
from meshes.passage import NEAR_MM, Station, visits
from meshes.paths import Layers
from meshes.points import FLIP, load_table
from meshes.routes import widest
from meshes.surface import SurfaceQuery
from meshes.variants import Route
from meshes.winding import least_gap, turns_between

Array = NDArray[np.float64]
LOOK_MM = 0.3  # step with which the muscles in front of and behind the nerve are looked for
TOUCH_MM = 0.5  # walls nearer than this are in contact
ONCE, WOUND = 0.75, 1.25  # turns: fewer is a crossing, more is a helix
MOST_RECESS_MM = 4.0
REACH_MM = 9.0  # from the nerve, within which the artery's turns count
RAYS = np.array([[0.3, 0.1, 0.9], [-0.2, -0.9, 0.35]])  # any two ways out of a form
ON_OBLIQUE = f"on the dorsal face of {OCI}"
PASSED = (OCI, SSC, TRAPEZIUS)


def walk_fields(points: Array, outward: Array, muscles: Mapping[str, Callable[[Array], Array]]) -> list[Station]:
    """Return the places that a path visits, in order, as `passage.walk_tissues` does on surfaces.

    Parameters
    ----------
    points, outward : (n, 3) array
        The path, and the unit direction to the skin at each point.
    muscles : mapping of str to callable
        Signed distances (mm) by unsided key.
    """
    steps = np.arange(LOOK_MM, NEAR_MM, LOOK_MM)
    inside = {m: f(points) < 0 for m, f in muscles.items()}
    ahead = {m: _first(f, points, outward, steps) for m, f in muscles.items()}
    behind = {m: _first(f, points, -outward, steps) for m, f in muscles.items()}
    places = [_place(i, inside, behind, ahead) for i in range(len(points))]
    stations, at = [], 0
    for place, run in groupby(places):
        n = len(list(run))
        stations.append(Station(place, at, at + n - 1))
        at += n
    return stations


def _first(form: Callable[[Array], Array], points: Array, way: Array, steps: Array) -> Array:
    """How far along `way` each point meets the form; endless where it does not."""
    on = points[:, None] + steps[None, :, None] * way[:, None]
    met = form(on.reshape(-1, 3)).reshape(len(points), -1) < 0
    return np.where(met.any(axis=1), steps[np.argmax(met, axis=1)], np.inf)


def _place(i: int, inside: Mapping[str, NDArray[np.bool_]], behind: Mapping[str, Array], ahead: Mapping[str, Array]) -> str:
    within = [m for m, is_in in inside.items() if is_in[i]]
    if within:
        return f"in {within[-1]}"
    deep, superficial = (min(look, key=lambda m: look[m][i]) for look in (behind, ahead))
    near, far = np.isfinite(behind[deep][i]), np.isfinite(ahead[superficial][i])
    if near and far:
        return f"between {deep} and {superficial}"
    if near:
        return f"on {deep}"
    return f"under {superficial}" if far else "free"


def wanted(route: Route) -> tuple[list[str], list[str]]:
    """Return the places that a course visits in order, and the muscles that it pierces, each once, in order."""
    course = route.course
    places, pierced = ([f"under {OCI}", ON_OBLIQUE], []) if course.oblique == "round" else ([f"in {OCI}", ON_OBLIQUE], [OCI])
    if course.semispinalis != "medial":
        places.append(f"in {SSC}")
        pierced.append(SSC)
    places.append(f"between {SSC} and {TRAPEZIUS}")
    if not route.places.beside_trapezius:
        places += [f"in {TRAPEZIUS}", f"on {TRAPEZIUS}"]
        pierced.append(TRAPEZIUS)
    return places, pierced


def faults(route: Route, stations: Sequence[Station]) -> list[str]:
    """Return what is wrong with a seated course, one line each; none if it passes as it should."""
    places, pierced = wanted(route)
    out = []
    met = [replace(s, place=ON_OBLIQUE) if s.place in (f"between {OCI} and {SSC}", f"on {OCI}") else s for s in stations]
    if not visits(met, places):
        out.append(f"does not visit {places} but {[s.place for s in stations]}")
    through = [k for k, _ in groupby(s.place[3:] for s in stations if s.place.startswith("in "))]
    if through != pierced:
        out.append(f"pierces {through}, not {pierced}")
    before = [a.place for a, b in pairwise(stations) if b.place == f"in {SSC}"]
    if before and not before[0].endswith(f" {SSC}"):
        out.append(f"enters {SSC} from '{before[0]}', not from its deep face")
    return out + _order(route) + _hard(route, route.ground) + _artery(route)


def outward(points: Array, layers: Layers) -> Array:
    """Return the unit directions (n, 3) from points to the skin."""
    return gradient(layers["skin"], points, 0.3)


def stations_of(route: Route) -> list[Station]:
    """Return the places that a seated nerve visits in the space of the shipped model."""
    points = route.nerve.points
    return walk_fields(points, outward(points, route.layers), {m: route.pressed[m] for m in PASSED})


def stations_in_person(route: Route, chain: Chain, side: str) -> list[Station]:
    """Return the places that a seated nerve visits in a person: the path is carried, and looked round there.

    Parameters
    ----------
    route : Route
    chain : Chain
        The person's map, as from `patient.fit`.
    side : {'right', 'left'}
    """
    flip = np.ones(3) if side == "right" else FLIP
    points = route.nerve.points * flip
    way = chain.normals(points, outward(route.nerve.points, route.layers) * flip)

    def asked(form: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda p: form(chain.inverse(p) * flip)

    return walk_fields(chain.apply(points), way, {m: asked(route.pressed[m]) for m in PASSED})


def stations_on_surfaces(person: Anatomy, side: str) -> list[Station]:
    """Return the places that a nerve visits among finished surfaces; less than `TOUCH_MM` inside one is touching."""
    nerve = person[f"{NERVE}_{side}"].centerline
    if nerve is None:
        raise ValueError(f"{NERVE}_{side} has no centreline.")
    near, _ = SurfaceQuery(person["skin"].mesh).closest(nerve)
    way = (near - nerve) / np.maximum(np.linalg.norm(near - nerve, axis=1, keepdims=True), 1e-9)
    queries = {m: SurfaceQuery(person[f"{m}_{side}"].mesh) for m in PASSED}
    met = walk_fields(nerve, way, {m: _sure(query) for m, query in queries.items()})
    return [s for s in met if not s.place.startswith("in ") or _holds(queries[s.place[3:]], nerve[s.first : s.last + 1])]


def _sure(form: SurfaceQuery) -> Callable[[Array], Array]:
    """Return the signed distance to a surface with its inside confirmed by rays: the sign is unsure beside sharp edges."""

    def distance(points: Array) -> Array:
        far = np.array(form.signed_distance(points))
        for i in np.flatnonzero(far < 0):
            odd = sum(len(form.ray(points[i], way, 400.0)[0]) % 2 for way in RAYS)
            if 2 * odd < len(RAYS):
                far[i] = -far[i]
        return far

    return distance


def _holds(form: SurfaceQuery, line: Array) -> bool:
    """Whether a form holds a line more than `TOUCH_MM` deep; a ray says so too, as the sign is unsure beside sharp edges."""
    far = form.signed_distance(line)
    deepest = line[int(np.argmin(far))]
    return bool(far.min() < -TOUCH_MM) and all(len(form.ray(deepest, way, 400.0)[0]) % 2 for way in RAYS)


def exit_of(route: Route) -> Array:
    """Return where the nerve comes out at the level of trapezius, (3,) mm, right side."""
    line = route.nerve.points
    met = np.flatnonzero(route.pressed[TRAPEZIUS](line) < 0)
    if len(met):
        return np.asarray(line[met[-1]])
    return np.asarray(line[int(np.argmin(np.linalg.norm(line[:, [0, 2]] - route.places.pierces, axis=1)))])


def _order(route: Route) -> list[str]:
    p = route.places
    heights = [float(v[1]) for v in (p.turn, p.leaves, p.pierces, p.crosses)]
    return [] if all(a < b for a, b in pairwise(heights)) else [f"does not climb: heights {np.round(heights, 1).tolist()}"]


def _hard(route: Route, layers: Layers) -> list[str]:
    out = []
    for name, line in (("nerve", route.nerve), ("artery", route.artery)):
        if float(layers["bones"](line.points).min()) < 0:
            out.append(f"{name} in bone")
        if float((layers["skin"](line.points) + line.radius_mm).max()) > 0:
            out.append(f"{name} through the skin")
    if route.recess is not None and route.recess.to_mm - route.recess.border_mm > MOST_RECESS_MM:
        out.append("semispinalis gives way too far")
    return out


def pressed_mm(route: Route) -> float:
    """Return how deep the nerve's axis lies, at most, in a muscle that it only runs beside, mm; 0 if outside all of them."""
    deepest = 0.0
    for muscle, grooves in route.grooves.items():
        deepest = max(deepest, -float(route.ground[muscle](np.vstack([groove.points for groove in grooves])).min()))
    return deepest


def most_pressed_mm() -> float:
    """Return the depth from which on a groove would be a tunnel: the nerve's widest radius and its bed, mm."""
    return float(widest(load_table("nerves")[NERVE])) + BED_MM


def _artery(route: Route) -> list[str]:
    kind, half = route.course.artery, len(route.nerve.points) // 2
    late = route.nerve.points[half:]
    turns, gap = abs(turns_between(late, route.artery.points, REACH_MM)), least_gap(route.nerve, route.artery)
    before, after = _side(route, -1), _side(route, 1)
    good = {
        "beside": gap >= TOUCH_MM and turns < ONCE and before > 0 and after > 0,
        "single": gap < TOUCH_MM and turns < ONCE and before > 0 > after,
        "helical": gap < TOUCH_MM and turns >= WOUND,
    }[kind]
    return [] if good else [f"artery is not {kind}: {turns:.2f} turns, gap {gap:.2f} mm, sides {before:.1f} {after:.1f}"]


def _side(route: Route, sign: int) -> float:
    """How far lateral of the nerve the artery lies at the lower or upper end of the stretch that both share."""
    nerve, artery = route.nerve.points, route.artery.points
    height = nerve[-1, 2] - 1.0 if sign > 0 else route.places.crosses[1] - 9.0
    late = len(nerve) // 2 + int(np.argmin(np.abs(nerve[len(nerve) // 2 :, 2] - height)))
    return float(artery[int(np.argmin(np.abs(artery[:, 2] - height) + 100 * (artery[:, 1] > -50))), 0] - nerve[late, 0])
