"""A real person as an anatomy: real bones, muscles and skin, and what a scan lacks carried over from the shipped model.

The model is laid on the person by landmarks (thin plates), then drawn to his surfaces, without folding. His own parts take
the place of the model's; nerves, vessels and thin layers come over with the map, and the nerves are seated between his layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes import load_anatomy
from meshes._check import check_points
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.real_cover import covered
from meshes.real_cut import cut, levelled, lower_end
from meshes.real_dress import carried_over, dressed, on_surfaces, outward, thinned
from meshes.real_fit import Similarity
from meshes.real_landmarks import Found, found
from meshes.real_landmarks_fits import SKULL, frankfort
from meshes.real_map import left_out_errors, map_to
from meshes.real_plausible import bedded, implausible
from meshes.real_seating import reseated
from meshes.sections import muscle_sections
from meshes.terms import split_key, terms

Array = NDArray[np.float64]
SIDES = ("right", "left")
EARS = ("auricle_right", "auricle_left")
STAY = Similarity(np.eye(3), 1.0, np.zeros(3))


def real_anatomy(
    name: str,
    parts: Mapping[str, SurfaceMesh],
    landmarks: Mapping[str, ArrayLike | Found] | None = None,
    meta: Mapping[str, Any] | None = None,
    *,
    again: Mapping[str, Any] | None = None,
) -> Anatomy:
    """Return a real person's anatomy in Inion's frame.

    Parameters
    ----------
    name : str
        Of the anatomy.
    parts : mapping of str to SurfaceMesh
        His surfaces by the model's keys, mm, in any frame right, anterior, superior. 'cranium' is needed; the more bones and
        muscles of the nape there are, the less of it is guessed.
    landmarks : mapping of str to (3,) array or Found, optional
        In the frame of the parts, by the model's names. Found on the surfaces where it is left out; what is given is taken
        as it is, and what the frame needs and is not given is found.
    meta : mapping, optional
        Credit, licence, source; kept, and shown wherever the anatomy is drawn.
    again : mapping, optional
        `meta` of the anatomy that is made anew, whose own parts these are: its frame, the end where they were cut, and what was
        left out of them stay as they are.

    Returns
    -------
    Anatomy
        `meta` tells besides: `estimated` (keys that came from the model), `tre_mm` (median error of landmarks that are left
        out in turn; None where there are too few), `tre_90_mm` (that nine of ten keep), `left_out_mm` (each),
        `landmark_confidence`, `landmark_how` (in words), `seating` (faults of the nerve's way, by side), `left_out` (parts under
        unknown keys), `not_used` (his parts that are not believed, each with the reason), `cut` (his parts that end where the
        model does) and `least_stretch` (local volume ratio of the map; above 0, nothing is folded).

    Raises
    ------
    ValueError
        If there is no cranium, right and left are swapped, a surface is empty, or the model cannot be carried unfolded.
    """
    _check(parts)
    model = load_anatomy()
    known, sure, how = _landmarks(parts, landmarks)
    frame = STAY if again else frankfort(known)
    _check_frame(frame)
    known = {n: frame.apply(p[None])[0] for n, p in known.items()}
    real = {key: _moved(mesh, frame) for key, mesh in parts.items() if split_key(key)[0] in terms()}
    unused = dict((again or {}).get("not_used", {})) | implausible(real, known)
    real, ends = {k: m for k, m in real.items() if k not in unused}, list((again or {}).get("cut", ()))
    end = lower_end(model, known)
    if "skin" not in real and not again:
        real, ends = cut(real, end)
    known |= _section_centres(real, known)
    way = map_to(model, real, known)
    chain = way.chain if "skin" in real else levelled(model, way.chain, end)
    seen = [s for s in model.structures.values() if s.key not in real and not ("skin" in real and s.key in EARS)]
    lent = [thinned(s) for s in model.structures.values() if s.key in real and s.mesh.fibres is not None]
    over = carried_over(Anatomy.of(name, [*seen, *lent], model.landmarks, model.curves), chain)
    person = dressed(name, over, real, [s.key for s in seen])
    if "skin" not in real:
        person = covered(bedded(person, model, unused), model, [*real, *unused])
    placed, curves = on_surfaces(person, {**over.landmarks, **known}, over.curves)
    person = Anatomy.of(name, person.structures.values(), placed, curves)
    person, notes = reseated(person, model)
    told = {
        "source": name, "posture": "as scanned", "sex": "unknown", **dict(meta or {}), "estimated": [s.key for s in seen],
        **_errors(left_out_errors(model, known)), "landmark_confidence": sure, "landmark_how": how,
        "left_out": sorted(k for k in parts if split_key(k)[0] not in terms()),
        "not_used": unused, "cut": ends, "least_stretch": round(way.least_stretch, 3), "seating": notes,
    }  # fmt: skip
    return Anatomy.of(name, person.structures.values(), person.landmarks, person.curves, told)


def _errors(missed: Mapping[str, float]) -> dict[str, Any]:
    """The median error, that which nine of ten keep, and each; nothing where too few landmarks are known."""
    if not missed:
        return {"tre_mm": None, "tre_90_mm": None, "left_out_mm": {}}
    far = np.array(list(missed.values()))
    return {
        "tre_mm": round(float(np.median(far)), 1),
        "tre_90_mm": round(float(np.quantile(far, 0.9)), 1),
        "left_out_mm": {n: round(v, 1) for n, v in missed.items()},
    }


def _check(parts: Mapping[str, SurfaceMesh]) -> None:
    """Refuse parts without a skull, empty ones, and those whose right lies on the left."""
    if SKULL not in parts:
        raise ValueError("there is no cranium among the parts; without a skull base the head has no frame. Name one 'cranium'.")
    for key, mesh in parts.items():
        if not len(mesh.faces):
            raise ValueError(f"{key} has no triangles; leave it out or mend its file.")
        check_points(key, mesh.vertices_mm)
    swapped = []
    for key, mesh in parts.items():
        base, side = split_key(key)
        other = parts.get(f"{base}_left")
        if side == "right" and other is not None and mesh.vertices_mm[:, 0].mean() <= other.vertices_mm[:, 0].mean():
            swapped.append(base)
    if swapped:
        raise ValueError(
            f"right and left of {', '.join(swapped[:4])} are swapped, or the parts are mirrored. The frame is right, anterior, "
            "superior: a right-hand part has the greater first coordinate."
        )


def _check_frame(frame: Similarity) -> None:
    """Refuse landmarks that turn the head over: their right is on the left, or the frame is another."""
    upright = load_table("real_landmarks")["frame"]["upright"]
    if min(frame.turn[0, 0], frame.turn[2, 2]) < upright:
        raise ValueError(
            "the landmarks turn the head over: right and left are swapped, or the frame is not right, anterior, superior."
        )


def _landmarks(
    parts: Mapping[str, SurfaceMesh], given: Mapping[str, ArrayLike | Found] | None
) -> tuple[dict[str, Array], dict[str, float], dict[str, str]]:
    """Points (3,) mm in the frame of the parts, how sure each is, and how it was found."""
    own = dict(given or {})
    least = load_table("real_landmarks")["frame"]
    if any(n not in own for n in least["needs"]) or len(own) < least["fewest"]:
        own = {**found(parts), **own}
    points, sure, how = {}, {}, {}
    for name, value in own.items():
        if name not in load_anatomy().landmarks:
            continue
        point = value.point_mm if isinstance(value, Found) else np.asarray(value, dtype=np.float64)
        points[name] = check_points(f"landmark {name}", np.reshape(point, (1, -1)))[0]
        sure[name] = round(value.confidence if isinstance(value, Found) else 1.0, 2)
        how[name] = value.how if isinstance(value, Found) else "given"
    return points, sure, how


def _moved(mesh: SurfaceMesh, frame: Similarity) -> SurfaceMesh:
    """A surface in another frame, with faces and normals outward."""
    return outward(frame.apply(mesh.vertices_mm), np.asarray(mesh.faces, dtype=np.int64))


def _section_centres(real: Mapping[str, SurfaceMesh], known: Mapping[str, Array]) -> dict[str, Array]:
    """The middles of his own muscles at the levels of `data/sections.toml`."""
    out: dict[str, Array] = {}
    for side in SIDES:
        sided = {split_key(k)[0]: m for k, m in real.items() if split_key(k)[1] == side}
        own = {base: m for base, m in sided.items() if terms()[base].kind == "muscle"}
        out |= {f"{n}_{side}": cut.centre for n, cut in muscle_sections(own, known, side).items()}
    return out
