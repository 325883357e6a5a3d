"""Variants: an anatomy whose greater occipital nerves and occipital arteries take given courses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.artery_routes import artery_row
from meshes.contour import contour
from meshes.courses import Course
from meshes.curves import point_at
from meshes.fields import Field, gradient, subtract, union
from meshes.model import Anatomy, Held, Structure, SurfaceMesh, mirrored_mesh
from meshes.nape import ARTERY, NERVE, OCI, SSC, TRAPEZIUS, Recess, receded, right_layers
from meshes.nerves import BED_MM, PATH_STEP_MM, branching_part, course_nodes, course_trunk
from meshes.parts import Part
from meshes.paths import Layers, kept_clear
from meshes.points import FLIP, load_table
from meshes.routes import RECTUS, Places, nerve_row, node_named, places_of, recess_of
from meshes.tubes import Tube, tube
from meshes.vessels import SCALP_DEPTH_MM as ARTERY_DEPTH_MM
from meshes.winding import wound
from meshes.yielding import midway, with_groove, with_tendon, with_vertices, without_groove

Array = NDArray[np.float64]
PRESSED_MM = 0.9  # most that the axis is let into rectus capitis posterior major
SUNK_MM, ENTRY_STEPS = 0.5, 8  # depth of the axis in the deep face of semispinalis; steps before it enters that are left
LIMB_MM = 7.0  # from where a doubled nerve comes through to where it splits and reunites


@dataclass(frozen=True, eq=False)
class Route:
    """A course seated on the layers of the right side.

    Parameters
    ----------
    course : Course
    layers : mapping of str to Field
        As from `nape.right_layers`.
    """

    course: Course
    layers: Layers

    @cached_property
    def places(self) -> Places:
        """Where the nerve passes each layer."""
        return places_of(self.course, self.layers)

    @cached_property
    def recess(self) -> Recess | None:
        """How semispinalis gives way, where the nerve passes its medial border."""
        return recess_of(self.places, self.layers) if self.course.semispinalis == "medial" else None

    @cached_property
    def ground(self) -> Layers:
        """The layers as this course leaves them."""
        if self.recess is None:
            return self.layers
        return MappingProxyType({**self.layers, SSC: receded(self.layers[SSC], self.recess)})

    @cached_property
    def grooves(self) -> Mapping[str, list[Tube]]:
        """The stretches in which the nerve presses a groove into the muscles that it runs between, by muscle."""
        row, line = self.nerve_row, self.nerve
        names, nodes = [n["name"] for n in row["nodes"]], course_nodes(row, self.ground)
        out: dict[str, list[Tube]] = {}
        for bed in row.get("beds", ()):
            first, last = (_nearest(line.points, nodes[names.index(bed[end])]) for end in ("first", "last"))
            last = max(last - round(bed.get("short_mm", 0.0) / PATH_STEP_MM), first + 2)
            for muscle in bed["of"]:
                ends = self._open(muscle, first, last)
                out.setdefault(muscle, []).append(Tube(line.points[ends], line.radius_mm[ends] + BED_MM))
        return out

    def _open(self, muscle: str, first: int, last: int) -> slice:
        """The part of a stretch between those ends of it that are still inside a muscle, deeper than a groove is wide."""
        deep = -self.ground[muscle](self.nerve.points[first : last + 1]) > self.nerve.radius_mm[first : last + 1]
        out = np.flatnonzero(~deep)
        if len(out) < 3:
            return slice(first, last + 1)
        return slice(first + int(out[0]), first + int(out[-1]) + 1)

    @cached_property
    def beds(self) -> Mapping[str, Field]:
        """The grooves as fields, by muscle."""
        return {muscle: union(*(part.field() for part in parts)) for muscle, parts in self.grooves.items()}

    @cached_property
    def passed(self) -> tuple[str, ...]:
        """The muscles of this course that the nerve runs by and nowhere pierces."""
        out = [RECTUS, *([OCI] if self.course.oblique == "round" else []), *([SSC] if self.recess is not None else [])]
        return (*out, TRAPEZIUS) if self.places.beside_trapezius else tuple(out)

    @cached_property
    def pressed(self) -> Layers:
        """The layers with the grooves of this course."""
        beds = {m: subtract(self.ground[m], groove) for m, groove in self.beds.items() if m in self.ground}
        return MappingProxyType({**self.ground, **beds})

    @cached_property
    def nerve_row(self) -> Mapping[str, Any]:
        """The nerve's row of nerves.toml, bent to the course."""
        return nerve_row(self.course, self.places, self.layers)

    @cached_property
    def nerve(self) -> Tube:
        """The nerve's trunk."""
        return self._pair[0]

    @cached_property
    def artery(self) -> Tube:
        """The artery's trunk."""
        return self._pair[1]

    @cached_property
    def artery_row(self) -> Mapping[str, Any]:
        """The artery's row of vessels.toml, bent to the course; its winding stretch is not in it."""
        return artery_row(self.course, self.places, self._straight, self.ground)

    @cached_property
    def _straight(self) -> Tube:
        trunk, way = course_trunk(self.nerve_row, self.ground), load_table("variants")["way"]
        names, nodes = [n["name"] for n in self.nerve_row["nodes"]], course_nodes(self.nerve_row, self.ground)
        if way["turn"] not in names or way["enters"] not in names:
            return trunk
        first, last = (_nearest(trunk.points, nodes[names.index(way[end])]) for end in ("turn", "enters"))
        before, deep, after = np.split(trunk.points, [first, max(last - ENTRY_STEPS, first + 2)])
        shy = [
            (self.ground[RECTUS], -PRESSED_MM),
            (self.ground[SSC], -SUNK_MM),
            (self.ground["bones"], float(trunk.radius_mm.max())),
        ]
        eased = kept_clear(deep, shy, 8, 0.1)
        out, leave = (_nearest(after, nodes[names.index(way[end])]) for end in ("pierces", "leaves"))
        over = kept_clear(after[leave : out + 1], [(self.ground[SSC], -SUNK_MM)], 8, 0.1)
        return tube(np.vstack([before, eased, after[:leave], over, after[out + 1 :]]), self.nerve_row["radius"])

    @cached_property
    def _pair(self) -> tuple[Tube, Tube]:
        if self.course.artery == "helical":
            return wound(self._straight, self.artery_row, self.ground)
        return self._straight, course_trunk(self.artery_row, {**self.ground, NERVE: self._straight.field()})


def varied(anatomy: Anatomy, right: Course, left: Course) -> Anatomy:
    """Return an anatomy whose occipital nerves and arteries take these courses, and whose muscles make room for them.

    Parameters
    ----------
    anatomy : Anatomy
        The shipped model: its left side is its right side mirrored. A side whose course is `Course()` stays as it is.
    right, left : Course
    """
    if right.as_shipped and left.as_shipped:
        return anatomy
    table = dict(anatomy.structures)
    layers = _layers_of(Held(anatomy))
    for side, course in (("right", right), ("left", left)):
        if not course.as_shipped:
            for structure in _side(anatomy, Route(course, layers)):
                table[f"{structure.key}_{side}"] = _on_side(anatomy, structure, side)
    return Anatomy.of(anatomy.name, table.values(), anatomy.landmarks, anatomy.curves, anatomy.meta)


@lru_cache(maxsize=1)
def _layers_of(held: Held) -> Layers:
    """The layers of an anatomy; the last ones are kept, for a thousand people are courses of one model."""
    return right_layers(held.anatomy)


@dataclass(frozen=True, eq=False)
class _Form:
    """A right-sided surface with its unsided key, and the path of a nerve or vessel."""

    key: str
    mesh: SurfaceMesh
    part: Part | None = None


def _side(anatomy: Anatomy, route: Route) -> Iterator[_Form]:
    """Yield the nerve, the artery and the muscles that give way, right side."""
    layers = dict(route.ground)
    nerve = branching_part(NERVE, _with_limb(route), layers, trunk=_thinner(route))
    artery = branching_part(
        ARTERY, _with_artery_branches(route), {**layers, NERVE: nerve.field}, ARTERY_DEPTH_MM, trunk=route.artery
    )
    for part in (nerve, artery):
        yield _Form(part.key, contour(part.field, part.spacing, faces=part.faces, true=True), part)
    for muscle in dict.fromkeys((*route.grooves, *route.passed, SSC, TRAPEZIUS)):
        yield _Form(muscle, _muscle(anatomy[f"{muscle}_right"].mesh, muscle, route))


def _muscle(mesh: SurfaceMesh, muscle: str, route: Route) -> SurfaceMesh:
    """Return a muscle's surface without the shipped groove and with this course's."""
    out = without_groove(mesh, route.layers[muscle])
    if muscle == SSC and route.recess is not None:
        out = with_vertices(out, route.recess.moved(out.vertices_mm))
    if muscle in route.passed:
        out = with_groove(out, [Tube(route.nerve.points, route.nerve.radius_mm + BED_MM)])
    elif muscle in route.grooves and muscle != TRAPEZIUS:  # too thin for a groove: the nerve owns what it shares
        out = with_groove(out, route.grooves[muscle])
    share = {SSC: float(route.course.semispinalis == "band"), TRAPEZIUS: float(route.course.trapezius == "aponeurosis")}.get(
        muscle
    )
    place = midway(route.nerve.points, route.pressed[muscle]) if muscle in (SSC, TRAPEZIUS) else None
    return out if share is None or place is None else with_tendon(out, place, share)


def _on_side(anatomy: Anatomy, form: _Form, side: str) -> Structure:
    """Return a structure of the anatomy with a new right-sided form, mirrored for the left."""
    old, right = anatomy[f"{form.key}_{side}"], side == "right"
    mesh = form.mesh if right else mirrored_mesh(form.mesh)
    if form.part is None or form.part.centerline is None:
        return replace(old, mesh=mesh)
    flip = np.ones(3) if right else FLIP
    branches = {name: line * flip for name, line in form.part.branches.items()}
    return replace(old, mesh=mesh, centerline=form.part.centerline * flip, radius_mm=form.part.radius_mm, branches=branches)


def _limb(route: Route) -> tuple[int, int, int] | None:
    """Return where a doubled nerve splits, comes through and reunites: indices of its trunk."""
    if not route.course.doubled:
        return None
    line = route.nerve.points
    at = int(np.argmin(np.linalg.norm(line[:, [0, 2]] - route.places.pierces, axis=1)))
    step = round(LIMB_MM / PATH_STEP_MM)
    return max(at - step, 1), at, min(at + step, len(line) - 2)


def _thinner(route: Route) -> Tube:
    """Return the nerve's trunk, thinner where it is one of two limbs."""
    ends = _limb(route)
    if ends is None:
        return route.nerve
    first, _, last = ends
    radius = route.nerve.radius_mm.copy()
    radius[first:last] *= load_table("variants")["doubled_form"]["radius_share"]
    return Tube(route.nerve.points, radius)


def _with_limb(route: Route) -> Mapping[str, Any]:
    """Return the nerve's row with the second limb of a doubled nerve as a branch."""
    ends = _limb(route)
    if ends is None:
        return route.nerve_row
    first, at, last = ends
    line, table = route.nerve.points, load_table("variants")["doubled_form"]
    out = gradient(route.layers["skin"], line[at][None])[0]
    aside = np.cross(out, line[last] - line[first])
    aside *= -np.sign(aside[0]) * table["apart_mm"] / np.linalg.norm(aside)
    radius = float(route.nerve.radius_mm[at] * table["radius_share"])
    nodes = [{"seat": "point", "near": (line[at] + aside).tolist()}, {"seat": "point", "near": line[last].tolist()}]
    limb = {"from": "trunk", "at": first / (len(line) - 1), "radius": [[0.0, radius], [1.0, radius]], "nodes": nodes}
    return {**route.nerve_row, "branches": {**route.nerve_row.get("branches", {}), "second_limb": limb}}


def _with_artery_branches(route: Route) -> Mapping[str, Any]:
    """Return the artery's row with branches that leave its trunk where they did, or before it has crossed the nerve."""
    row, line = route.artery_row, route.artery.points
    branches: dict[str, Any] = {}
    shipped = course_trunk(load_table("vessels")[ARTERY], route.layers).points
    for name, twig in row.get("branches", {}).items():
        start = point_at(shipped, twig.get("at", 1.0))
        if route.course.artery == "single":
            if name != "lateral":
                continue
            comes = node_named(row, load_table("variants")["crossed"]["branch_node"])
            start = course_nodes({"nodes": [comes]}, route.layers)[0]
        branches[name] = {**twig, "at": _nearest(line, start) / (len(line) - 1)}
    return {**row, "branches": branches}


def _nearest(line: Array, place: Array) -> int:
    return int(np.argmin(np.linalg.norm(line - place, axis=1)))
