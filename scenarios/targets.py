"""Where the targets and landmarks of a procedure lie on an anatomy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice, unknown
from meshes.curves import point_at
from meshes.model import Side
from meshes.terms import split_key
from scenarios.sites import Ground
from scenarios.target_places import Case, Spot, sided
from scenarios.target_rules import RULES

if TYPE_CHECKING:
    from scenarios.procedure_model import LandmarkTask, ProcedureFile, Target

Array = NDArray[np.float64]
SIDES: Mapping[str, tuple[Side, ...]] = MappingProxyType({"left": ("left",), "right": ("right",), "both": ("right", "left")})


@dataclass(frozen=True, eq=False)
class FoundTarget:
    """One place where a needle's tip should come to, on one anatomy.

    Parameters
    ----------
    id : str
        The target's id and the side, with the point's own name where a target has several; ids of a plan's sites stand alone.
    kind : {'nerve', 'sites', 'attachment', 'lead'}
    side : {'left', 'right', 'median'}
    text : str
        What it is, for a trainee.
    structure : str
        Sided key of the nerve or bone; '' for muscle sites.
    muscles : tuple of str
        Sided keys of the muscles aimed at.
    between : tuple of str
        Sided keys of the layers of the plane, (superficial, deep), or ().
    point_mm : (3,) array
        Where the tip should rest, mm RAS. On the nerve's axis where ultrasound guides: there the tip rests beside the wall.
    skin_mm : (3,) array
        Usual entry on the skin (landmarks, sites), or the skin over the point (ultrasound).
    direction : (3,) array
        Unit, from `skin_mm` to `point_mm`.
    depth_mm : float
        Along `direction`.
    volume_ml, units : float
        To give there.
    order : int
        Of giving, from 1.
    """

    id: str
    kind: str
    side: Side
    text: str
    structure: str
    muscles: tuple[str, ...]
    between: tuple[str, ...]
    point_mm: Array
    skin_mm: Array
    direction: Array
    depth_mm: float
    volume_ml: float
    units: float
    order: int


def targets_of(procedure: ProcedureFile, ground: Ground, side: str) -> tuple[FoundTarget, ...]:
    """Return the places of a procedure's targets on an anatomy, in the order of giving.

    Parameters
    ----------
    procedure : ProcedureFile
    ground : Ground
    side : {'left', 'right', 'both'}
        'both' gives the right side of each target, then the left; what is median comes once.

    Raises
    ------
    ValueError
        If the side or the rule of a target is unknown (the nearest are named), or the anatomy lacks what a rule needs.
    """
    sides = SIDES[check_choice("side", side, SIDES)]
    found = [place for target in procedure.targets for place in _places(procedure, target, ground, sides)]
    names = [target_id for target_id, _, _ in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"two targets of {procedure.title!r} name the place {twice}; give each its own rule or muscle.")
    return tuple(_found(procedure, name, target, spot, i) for i, (name, target, spot) in enumerate(found, 1))


def _places(
    procedure: ProcedureFile, target: Target, ground: Ground, sides: tuple[Side, ...]
) -> Iterator[tuple[str, Target, Spot]]:
    rule = RULES[check_choice(f"target {target.id}: at", target.at, RULES)]
    try:
        for spot in rule(Case(target, ground, sides, procedure.guidance == "ultrasound")):
            yield (spot.id if spot.planned else f"{target.id}_{spot.id}"), target, spot
    except KeyError as error:
        raise ValueError(f"target {target.id}: {error.args[0]}") from None


def _found(procedure: ProcedureFile, name: str, target: Target, spot: Spot, order: int) -> FoundTarget:
    way = spot.point_mm - spot.skin_mm
    depth = float(np.linalg.norm(way))
    product = procedure.product
    volume = float(target.volume_ml or spot.volume_ml or product.volume_ml)
    units = volume * product.units_per_ml if spot.units is None else spot.units
    named = tuple(sided(key, spot.side) for key in target.between)
    aimed = tuple(sided(key, spot.side) for key in target.muscle)
    return FoundTarget(
        name, target.kind, spot.side, spot.text or target.text, spot.structure, spot.muscles or aimed, named or spot.between,
        _frozen(spot.point_mm), _frozen(spot.skin_mm), _frozen(way / max(depth, 1e-9)), depth, volume, float(units), order,
    )  # fmt: skip


def landmark_points(procedure: ProcedureFile, ground: Ground, side: str) -> Mapping[str, Array]:
    """Return where each landmark of a procedure truly lies on the skin, (3,) mm RAS, by the name of its task.

    A name is a landmark of the anatomy, a curve, or the id of a target. Of a curve, such as the superior nuchal line, the middle
    of its way on the skin is given, though any point of it is right. Of a target with several places, the first.

    Parameters
    ----------
    procedure : ProcedureFile
    ground : Ground
    side : {'left', 'right', 'both'}
        On which side a sided landmark is sought; for 'both' its name gets the side last and it comes twice.

    Raises
    ------
    ValueError
        If a name is not known; the nearest are named.
    """
    sides = SIDES[check_choice("side", side, SIDES)]
    ids = {target.id: target for target in procedure.targets}
    out: dict[str, Array] = {}
    for task in procedure.landmarks:
        for one in sides if task.sided else sides[:1]:
            label = f"{task.name}_{one}" if task.sided and len(sides) > 1 else task.name
            out[label] = _frozen(_landmark(procedure, ground, task, one, ids))
    return MappingProxyType(out)


def _landmark(procedure: ProcedureFile, ground: Ground, task: LandmarkTask, side: Side, ids: Mapping[str, Target]) -> Array:
    anatomy, name = ground.anatomy, task.name
    if task.name in ids:
        place = next(_places(procedure, ids[name], ground, (side,)))
        return place[2].skin_mm
    if any(label in anatomy.landmarks for label in (name, f"{name}_{side}", f"{name}_skin", f"{name}_skin_{side}")):
        return ground.skin_landmark(name, side if task.sided else "median")
    for label in (f"{name}_skin_{side}", f"{name}_{side}", f"{name}_skin", name):
        if label in anatomy.curves:
            return np.asarray(ground.skin.closest(point_at(anatomy.curve(label), 0.5))[0][0])
    known = {*ids, *(split_key(key)[0].removesuffix("_skin") for key in (*anatomy.landmarks, *anatomy.curves))}
    raise ValueError(unknown("landmark", name, known))


def _frozen(value: Array) -> Array:
    out = np.array(value, dtype=np.float64)
    out.setflags(write=False)
    return out
