"""Right and left, and frames that are not one: the places of the named parts of a scan, set against the shipped model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from meshes import load_anatomy
from meshes.importing.orientation import MM, TO_RAS, axes_in_words
from meshes.importing.pieces import components
from meshes.importing.raw import ImportFault
from meshes.model import SurfaceMesh
from meshes.points import FLIP
from meshes.real_fit import Similarity
from meshes.terms import split_key

Array = NDArray[np.float64]
ASIDE_MM = 4.0  # from the median plane, from which on a part has a side
OVER = 0.05  # share of a piece that may lie over the median plane
OVER_MM = 3.0
SLACK_MM, SLACK = 25.0, 0.5  # how far a part may lie from the model's: and so much more the further it is from the skull base
BETTER = 0.35  # another frame is believed if it brings a part so much nearer
LARGER = 4.0  # times the model's size, beyond which a bone is of another unit
OTHER_UNITS = tuple(a / b for a in MM.values() for b in MM.values() if a != b)


@dataclass(frozen=True)
class Placed:
    """A part and where it lies.

    Parameters
    ----------
    name, key : str
    middle : (3,) array
        Of its surface, mm, RAS as the file has it.
    seen : (3,) array
        The same, laid on the model.
    size : float
        In shares of the model's.
    """

    name: str
    key: str
    middle: Array
    seen: Array
    size: float


def placed(name: str, key: str, mesh: SurfaceMesh, way: Similarity) -> Placed:
    """Return where a part lies; `way` leads from RAS as the file has it to the model."""
    middle = middle_of(mesh.vertices_mm, mesh.faces)
    size = way.scale * _spread(mesh, middle) / _model_spread(key) if key in load_anatomy() else 1.0
    return Placed(name, key, middle, way.apply(middle[None])[0], size)


def middle_of(vertices: Array, faces: NDArray[np.int64]) -> Array:
    """Return the middle (3,) of a surface, by area."""
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    weight = area / area.sum() if area.sum() > 0 else np.full(len(area), 1 / max(len(area), 1))
    return np.asarray(weight @ corners.mean(axis=1))


def check_mirrored(parts: Sequence[Placed], way: Similarity, mirrored: bool) -> str:
    """Return what right and left show, a sentence.

    Raises
    ------
    ImportFault
        If the places of sided parts contradict their names, and it is not told that the scan is mirrored; or are right
        though it is told; or some are right and others wrong.
    """
    votes = [(p, _agrees(p)) for p in parts if split_key(p.key)[1] != "median" and abs(_model_middle(p.key)[0]) >= ASIDE_MM]
    wrong, right = [p for p, ok in votes if not ok], [p for p, ok in votes if ok]
    if not votes:
        said = "No part has a side in its name, so right and left could not be checked: a skull does not show it"
        return f"{said}; they were changed, as you say." if mirrored else f"{said}. Look at the picture."
    if wrong:
        _check_frames(wrong, way)
    if wrong and right:
        raise ImportFault(
            f"right and left contradict each other: by the side in the name {_names(wrong)} would be mirrored, and "
            f"{_names(right)} would not; is a name wrong, or is a file of another frame?"
        )
    seen = f"{len(votes)} {'part' if len(votes) == 1 else 'parts'} with a side in the name"
    if wrong and not mirrored:
        raise ImportFault(
            f"right and left are swapped: by {seen}, such as {wrong[0].name}, the scan is mirrored. Export it again, or add "
            "--mirrored to change it back, if you are sure of the names."
        )
    if right and mirrored:
        raise ImportFault(f"--mirrored is given, but {seen}, such as {right[0].name}, are where their names say; leave it out.")
    return f"Right and left were swapped and changed back, by {seen}." if mirrored else f"Right is right, by {seen}."


def check_places(parts: Sequence[Placed], way: Similarity, mirrored: bool) -> list[str]:
    """Return what lies far from where the model has it, a sentence each. Raises ImportFault if it is of another frame or unit."""
    told = []
    for part in parts:
        if part.key in load_anatomy() and load_anatomy()[part.key].kind == "bone" and not 1 / LARGER < part.size < LARGER:
            raise ImportFault(
                f"{part.name} has {part.size:.2g} times the size that {part.key} should have beside this skull: "
                "is it of another unit, or another part? Export all alike."
            )
        seen = part.seen * FLIP if mirrored else part.seen
        if part.key not in load_anatomy() or _off(part.key, seen) <= _slack(part.key):
            continue
        if load_anatomy()[part.key].kind == "bone":  # a long muscle may be cut off anywhere
            _check_frames([part], way)
        said = f"{part.name} lies {_off(part.key, seen):.0f} mm from where {part.key} is expected"
        told.append(f"{said}; it goes on further than in the model, or its name is wrong.")
    return told


def sided(key: str, mesh: SurfaceMesh, way: Similarity, mirrored: bool) -> list[tuple[str, SurfaceMesh]] | None:
    """Return a paired structure without a side as one of a side, or as two; None if it cannot be parted.

    Parameters
    ----------
    key : str
        Unsided.
    mesh : SurfaceMesh
        mm, RAS as the file has it.
    way : Similarity
        From there to the model.
    mirrored : bool
        Whether right and left are swapped in the file.
    """
    label = components(mesh.faces, len(mesh.vertices_mm))
    x = way.apply(mesh.vertices_mm)[:, 0] * (-1.0 if mirrored else 1.0)
    pieces: dict[str, list[NDArray[np.int64]]] = {}
    for number in range(int(label.max()) + 1):
        faces = mesh.faces[label == number]
        own = x[np.unique(faces)]
        side = "right" if np.median(own) > 0 else "left"
        over = own < -OVER_MM if side == "right" else own > OVER_MM
        if over.mean() > OVER:
            return None
        pieces.setdefault(side, []).append(faces)
    return [(f"{key}_{side}", _part(mesh, np.vstack(faces))) for side, faces in sorted(pieces.items())]


def _part(mesh: SurfaceMesh, faces: NDArray[np.int64]) -> SurfaceMesh:
    used, new = np.unique(faces, return_inverse=True)
    return SurfaceMesh(mesh.vertices_mm[used], new.reshape(-1, 3).astype(np.int64), mesh.normals[used])


def _agrees(part: Placed) -> bool:
    return bool(part.seen[0] > 0) == (split_key(part.key)[1] == "right")


def _check_frames(parts: Sequence[Placed], way: Similarity) -> None:
    """Raise ImportFault if parts lie much better in another frame or unit than the skull's."""
    named = [p for p in parts if p.key in load_anatomy()]
    if not named:
        return
    plain = np.mean([min(_off(p.key, p.seen), _off(p.key, p.seen * FLIP)) for p in named])
    if plain <= 0.5 * np.mean([_slack(p.key) for p in named]):
        return

    def far(turn: Array, size: float) -> float:
        return float(np.mean([_off(p.key, way.apply((size * turn @ p.middle)[None])[0]) for p in named]))

    best, turn, size = min(((far(t, s), t, s) for t in _turns() for s in (1.0, *OTHER_UNITS)), key=lambda t: t[0])
    if best > BETTER * plain:
        return
    if size != 1.0:
        fits = f"{size:g} times as large it would fit"
        raise ImportFault(f"{_names(named)} and the skull are not of one unit: {fits}; export both alike.")
    fits = f"turned so that its axes go {axes_in_words(turn)} it would fit"
    raise ImportFault(f"{_names(named)} and the skull are not of one frame, such as ras and lps: {fits}; export both alike.")


@cache
def _turns() -> tuple[Array, ...]:
    """The ways from one of the frames that programs use to another."""
    return tuple(a.T @ b for a in TO_RAS.values() for b in TO_RAS.values())


def _names(parts: Sequence[Placed]) -> str:
    more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
    return ", ".join(p.name for p in parts[:3]) + more


def _off(key: str, seen: Array) -> float:
    return float(np.linalg.norm(seen - _model_middle(key)))


def _slack(key: str) -> float:
    model = load_anatomy()
    return SLACK_MM + SLACK * float(np.linalg.norm(_model_middle(key) - model.landmark("opisthion")))


def _spread(mesh: SurfaceMesh, middle: Array) -> float:
    """Root of the mean square distance of the points from a middle."""
    return float(np.sqrt(((mesh.vertices_mm - middle) ** 2).sum(axis=1).mean()))


@cache
def _model_spread(key: str) -> float:
    return max(_spread(load_anatomy()[key].mesh, _model_middle(key)), 1e-6)


@cache
def _model_middle(key: str) -> Array:
    model = load_anatomy()
    if key not in model:
        return np.zeros(3)
    return middle_of(model[key].mesh.vertices_mm, model[key].mesh.faces)
