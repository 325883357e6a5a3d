"""Ligaments of the cervical spine: where they stand, what they leave free."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from meshes.canal import canal_parts
from meshes.contour import contour
from meshes.fields import Field, offset
from meshes.ligaments import ligament_parts
from meshes.model import SurfaceMesh
from meshes.parts import Part
from meshes.points import load_table
from meshes.skull import skull_parts
from meshes.spine import artery_way, facet_joints, spine_parts
from meshes.terms import terms

MEMBRANES = ("posterior_atlanto_occipital_membrane", "anterior_atlanto_occipital_membrane", "posterior_atlanto_axial_membrane")
INTERSPINOUS = tuple(f"interspinous_ligament_c{n}_c{n + 1}" for n in range(2, 7))
CAPSULES = tuple(f"zygapophysial_joint_capsule_c{n}_c{n + 1}" for n in range(2, 6))


@cache
def bones() -> dict[str, Part]:
    return {p.key: p for p in [*skull_parts(), *spine_parts()]}


@cache
def clear() -> tuple[Field, ...]:
    return tuple(p.field for p in canal_parts() if p.key in ("spinal_dura_mater", "c2_spinal_ganglion"))


@cache
def ligaments() -> dict[str, Part]:
    return {p.key: p for p in ligament_parts(list(bones().values()), clear())}


@cache
def mesh(key: str) -> SurfaceMesh:
    return contour(ligaments()[key].field, 0.5)


def test_every_ligament_is_there_and_has_its_term() -> None:
    assert tuple(ligaments()) == (*MEMBRANES, *INTERSPINOUS, *CAPSULES)
    for key in ligaments():
        assert terms()[key].kind == "ligament"
        assert terms()[key].paired is (key in CAPSULES)


def test_without_the_cranium_only_its_membranes_are_left_out() -> None:
    keys = [p.key for p in ligament_parts([p for k, p in bones().items() if k != "cranium"])]
    assert keys == [MEMBRANES[2], *INTERSPINOUS, *CAPSULES]


@pytest.mark.parametrize("key", [*MEMBRANES, *INTERSPINOUS, *CAPSULES])
def test_surface_is_one_and_closed(key: str) -> None:
    import trimesh

    surface = trimesh.Trimesh(mesh(key).vertices_mm, mesh(key).faces, process=False)
    assert surface.is_watertight and surface.is_winding_consistent and surface.volume > 10
    assert surface.body_count == 1


@pytest.mark.parametrize("key", [*MEMBRANES, *INTERSPINOUS, *CAPSULES])
def test_no_ligament_is_inside_a_bone_or_the_dura(key: str) -> None:
    v = mesh(key).vertices_mm
    for form in [*(p.field for p in bones().values()), *clear()]:
        near = v[((v > form.lower - 1) & (v < form.upper + 1)).all(axis=1)]
        if len(near):
            assert form(near).min() > -0.4


@pytest.mark.parametrize(("key", "ends"), [
    (MEMBRANES[0], ("cranium", "atlas")), (MEMBRANES[1], ("cranium", "atlas")), (MEMBRANES[2], ("atlas", "axis")),
    (INTERSPINOUS[0], ("axis", "third_cervical_vertebra")),
    (INTERSPINOUS[4], ("sixth_cervical_vertebra", "seventh_cervical_vertebra")),
    (CAPSULES[0], ("axis", "third_cervical_vertebra")),
])  # fmt: skip
def test_ligament_reaches_both_bones(key: str, ends: tuple[str, str]) -> None:
    for bone in ends:
        assert (bones()[bone].field(mesh(key).vertices_mm) < 0.4).sum() > 10


def test_vertebral_artery_passes_beside_the_posterior_membrane() -> None:
    form = ligaments()[MEMBRANES[0]].field
    way = offset(artery_way(), -1.0)
    inside = mesh(MEMBRANES[0]).vertices_mm[way(mesh(MEMBRANES[0]).vertices_mm) < 0]
    assert not len(inside)
    through = np.array(load_table("vertebrae")["artery"]["beyond"])
    assert form(through).min() > 2.5
    assert form(np.array([[10.0, -28.0, -40.0]]) + np.arange(-6, 6, 0.1)[:, None] * [0, 1.0, 0]).min() < 0


def test_capsule_wraps_the_joint_and_keeps_its_thickness() -> None:
    row = load_table("ligaments")["capsule"]
    for key, below in zip(CAPSULES, row["levels"], strict=True):
        v = mesh(key).vertices_mm
        assert np.linalg.norm(v.mean(axis=0) - facet_joints()[below]) < 2.5
        own = bones()[below].field
        assert np.median(np.abs(own(v[v[:, 2] < facet_joints()[below][2] - 2]))) < row["thickness"] + 0.5


@pytest.mark.parametrize("key", INTERSPINOUS)
def test_interspinous_ligament_is_a_median_sheet(key: str) -> None:
    extent = np.ptp(mesh(key).vertices_mm, axis=0)
    assert extent[0] == pytest.approx(load_table("ligaments")["interspinous"]["thickness"], abs=0.3)
    assert extent[1] > 5 and extent[2] > 2.5
