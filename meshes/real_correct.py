"""Landmarks of a real anatomy looked at, approved, or set by hand; the anatomy is then made anew from its own parts.

What a person sets is taken as given. The frame stays, and where carried landmarks lay before is remembered: a file of landmarks
that was saved earlier fits later, and the same points set again change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes import load_anatomy
from meshes._check import check_points, unknown
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.real_anatomy import real_anatomy
from meshes.real_bounds import refused
from meshes.real_landmarks import Found, found
from meshes.surface import SurfaceQuery
from meshes.terms import split_key

Array = NDArray[np.float64]
SET, HOW, SURE, BEFORE = "landmarks_set", "landmark_how", "landmark_confidence", "landmarks_before"  # of an anatomy's meta
FIRST, GIVEN = "landmarks_found", "landmarks_given"  # the same: before any was set by hand, and as the anatomy was made of them
FOLLOWS = "skin over the bony point, which was set by hand"
BY_HAND, APPROVED, UNTOLD = "set by hand", "approved by hand", "found on his surfaces"
AHEAD, FAR_MM = np.array([0.0, 1.0, 0.0]), 60.0
DIGITS = 6  # of a millimetre
MOST_BEFORE = 12  # places of a carried landmark that are remembered


def own_parts(anatomy: Anatomy) -> dict[str, SurfaceMesh]:
    """Return the surfaces of a person's own, by key: all that was not carried over from the model."""
    carried = set(anatomy.meta.get("estimated", ()))
    return {key: s.mesh for key, s in anatomy.structures.items() if key not in carried}


def known_landmarks(anatomy: Anatomy, *, look: bool = False) -> dict[str, Found]:
    """Return the landmarks that were found on a person's own surfaces or set by hand, by name.

    Parameters
    ----------
    anatomy : Anatomy
        Of a person; the shipped model has none.
    look : bool
        Find out anew how each was found where the anatomy does not tell it; takes a while.
    """
    meta = anatomy.meta
    own = meta.get(GIVEN, {})  # on their bone they are moved by a hair, and what is made of them anew would not be the same
    sure = {n: float(v) for n, v in meta.get(SURE, {}).items() if n in anatomy.landmarks}
    told = dict(meta.get(HOW, {})) if HOW in meta or not look or not sure else _looked(anatomy)
    at = {n: np.array(own[n], dtype=np.float64) if n in own else anatomy.landmark(n) for n in sure}
    return {n: Found(at[n], sure[n], str(told.get(n, UNTOLD))) for n in sure}


def changed(anatomy: Anatomy, points: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Return those of `points` (3,) mm that lie elsewhere than the anatomy's, by name.

    Raises
    ------
    ValueError
        If a name means nothing, or a point cannot be right: what, where, and how many more; one line.
    """
    known, asked = known_landmarks(anatomy), {}
    if not known:
        raise ValueError(f"{anatomy.name} has no landmarks that were found on a person; there is nothing to correct.")
    within = load_table("corrections")["same"]["within_mm"]
    for name, value in points.items():
        point = check_points(f"landmark {name}", np.reshape(np.asarray(value, dtype=np.float64), (1, -1)))[0]
        if name not in load_anatomy().landmarks:
            raise ValueError(unknown("landmark", name, load_anatomy().landmarks))
        was = [*([anatomy.landmark(name)] if name in anatomy.landmarks else []), *anatomy.meta.get(BEFORE, {}).get(name, ())]
        was += [known[name].point_mm] if name in known else []
        if not any(float(np.linalg.norm(point - p)) <= within for p in was):
            asked[name] = point
    faults = list(refused(anatomy, asked, known).values())
    if faults:
        more = f" {len(faults) - 1} more {'point is' if len(faults) == 2 else 'points are'} at fault." if faults[1:] else ""
        raise ValueError(f"{faults[0]}{more}")
    return asked


def corrected(anatomy: Anatomy, points: Mapping[str, ArrayLike]) -> Anatomy:
    """Return the anatomy made anew with some landmarks set by hand.

    Parameters
    ----------
    anatomy : Anatomy
        Of a person, as `real_anatomy` makes it.
    points : mapping of str to (3,) array
        By name, mm, in the anatomy's frame. What lies where it was is left as it was found.

    Returns
    -------
    Anatomy
        In the same frame, of the same own parts; the very same if nothing was moved.

    Raises
    ------
    ValueError
        As `changed`, or if the model cannot be carried to these points unfolded.
    """
    asked = changed(anatomy, points)
    if not asked:
        return anatomy
    known = known_landmarks(anatomy, look=True)
    first = _listed(known) | anatomy.meta.get(FIRST, {})
    asked = {n: _put_back(first.get(n), p) for n, p in asked.items()}
    known |= {n: Found(p, 1.0, BY_HAND) for n, p in asked.items()}
    own = dict(anatomy.meta.get(SET, {})) | {n: np.round(p, DIGITS).tolist() for n, p in asked.items()}
    given = _listed(known := _with_skin(anatomy, known, asked, own))
    order = {n: replace(known[n], point_mm=np.array(given[n])) for n in load_anatomy().landmarks if n in known}
    meta = {k: v for k, v in anatomy.meta.items() if k != SET}
    made = real_anatomy(anatomy.name, own_parts(anatomy), order, meta, again=anatomy.meta)
    made = _skin_follows(made, own)
    before = _before(anatomy, made, {n for n, f in known.items() if f.how != FOLLOWS})
    kept = {SET: own, FIRST: first, GIVEN: given, BEFORE: before}
    return _with(made, kept | {"left_out": anatomy.meta.get("left_out", [])})


def approved(anatomy: Anatomy, names: Collection[str]) -> Anatomy:
    """Return the anatomy with some landmarks told to be right where they are; nothing moves.

    Raises
    ------
    ValueError
        If a name is not among those that were found.
    """
    known = known_landmarks(anatomy, look=True)
    for name in names:
        if name not in known:
            raise ValueError(unknown("landmark", name, known))
    how = {n: f.how for n, f in known.items()} | {n: f"{APPROVED}; {known[n].how}" for n in names if known[n].confidence < 1.0}
    return _with(anatomy, {SURE: {n: f.confidence for n, f in known.items()} | dict.fromkeys(names, 1.0), HOW: how})


def _with(anatomy: Anatomy, more: Mapping[str, Any]) -> Anatomy:
    return Anatomy.of(anatomy.name, anatomy.structures.values(), anatomy.landmarks, anatomy.curves, {**anatomy.meta, **more})


def _listed(known: Mapping[str, Found]) -> dict[str, list[float]]:
    """The places, as a file holds them, by name."""
    return {n: np.round(f.point_mm, DIGITS).tolist() for n, f in known.items()}


def _put_back(first: list[float] | None, point: Array) -> Array:
    """A point, or exactly where it was found if it is put back there."""
    within = load_table("corrections")["same"]["within_mm"]
    return point if first is None or np.linalg.norm(point - first) > within else np.array(first, dtype=np.float64)


def _with_skin(anatomy: Anatomy, known: Mapping[str, Found], asked: Collection[str], own: Collection[str]) -> dict[str, Found]:
    """The landmarks with the skin points over bony ones that are set: they follow them, unless they are set by hand too."""
    out, skin = dict(known), own_parts(anatomy).get("skin")
    for name in asked:
        over = _over(name)
        if over in out and over not in own:
            point = None if skin is None else _on_skin(SurfaceQuery(skin), name, known[name].point_mm)
            if point is None:
                del out[over]
            else:
                out[over] = Found(point, 1.0, FOLLOWS)
    return out


def _skin_follows(made: Anatomy, own: Mapping[str, list[float]]) -> Anatomy:
    """The anatomy with those points of a carried skin put where the bony ones under them, set by hand, ask for them."""
    query, marks = SurfaceQuery(made["skin"].mesh), dict(made.landmarks)
    for name, at in own.items():
        over = _over(name)
        point = _on_skin(query, name, np.array(at, dtype=np.float64)) if over in marks and over not in made.meta[SURE] else None
        if point is not None:
            marks[over] = point
    return Anatomy.of(made.name, made.structures.values(), marks, made.curves, made.meta)


def _over(name: str) -> str:
    """The name of the skin point over a bony landmark."""
    bare, side = split_key(name)
    return f"{bare}_skin" if side == "median" else f"{bare}_skin_{side}"


def _on_skin(query: SurfaceQuery, name: str, at: Array) -> Array | None:
    """Where the skin point of a bony landmark lies by its definition: nearest, or straight before; None if it has none."""
    bare, seats = split_key(name)[0], load_table("seats")["skin"]
    far, _ = query.ray(at, AHEAD, FAR_MM) if bare in seats["ahead"] else (np.zeros(0), None)
    if len(far):
        return np.asarray(at + far[-1] * AHEAD)
    return np.asarray(query.closest(at)[0][0]) if bare in seats["nearest"] else None


def _before(anatomy: Anatomy, made: Anatomy, still: Collection[str]) -> dict[str, list[list[float]]]:
    """Where the landmarks that have followed lay until now, by name, the last first."""
    out = {n: list(v) for n, v in anatomy.meta.get(BEFORE, {}).items()}
    for name, at in anatomy.landmarks.items():
        place = np.round(at, 4).tolist()
        if name not in still and np.linalg.norm(made.landmarks.get(name, at) - at) > 0:
            out[name] = [place, *(q for q in out.get(name, ()) if q != place)][:MOST_BEFORE]
    return out


def _looked(anatomy: Anatomy) -> dict[str, str]:
    """How each landmark is found on the person's parts, by name; nothing where it cannot be."""
    try:
        seen = found(own_parts(anatomy))
    except ValueError:
        return {}
    near = load_table("corrections")["bounds"]["apart_mm"]
    marks = anatomy.landmarks
    return {n: f.how for n, f in seen.items() if n in marks and np.linalg.norm(f.point_mm - marks[n]) < near}
