"""The shipped model is what the data give, and it is sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshes.archive import read_archive, write_archive
from meshes.build import build_anatomy
from meshes.compare import differences
from meshes.measure import Subject
from meshes.model import Anatomy, mirrored_mesh
from meshes.surface import SurfaceQuery
from meshes.terms import split_key, terms

OUTSIDE = {"skin", "hair"}  # kinds that are on or over the skin


def test_every_structure_is_closed_and_outward(anatomy: Anatomy) -> None:
    broken = [k for k, s in anatomy.structures.items() if not s.surface.is_watertight or s.surface.volume <= 0]
    assert not broken


def test_every_structure_has_a_term_sources_and_an_evidence_level(anatomy: Anatomy) -> None:
    assert [k for k in anatomy.structures if split_key(k)[0] not in terms()] == []
    assert [k for k, s in anatomy.structures.items() if not s.evidence] == []


def test_left_is_the_mirror_of_right(anatomy: Anatomy) -> None:
    for key, s in anatomy.structures.items():
        if s.side == "right":
            left = anatomy[key.removesuffix("_right") + "_left"]
            assert s.mesh.vertices_mm[:, 0].mean() > 0 > left.mesh.vertices_mm[:, 0].mean(), key
            assert np.allclose(mirrored_mesh(s.mesh).vertices_mm, left.mesh.vertices_mm, atol=0.02), key


def test_nothing_pokes_through_the_skin(anatomy: Anatomy) -> None:
    skin = SurfaceQuery(anatomy["skin"].mesh)
    out = {}
    for key, s in anatomy.structures.items():
        if s.kind not in OUTSIDE:
            inner = s.mesh.vertices_mm[s.mesh.vertices_mm[:, 2] > -195][::7]
            if len(inner) and (worst := float(skin.signed_distance(inner).max())) > 0:
                out[key] = round(worst, 2)
    assert not out


def test_muscles_are_striated_along_unit_fibres(anatomy: Anatomy) -> None:
    for key, s in anatomy.structures.items():
        if s.kind == "muscle":
            assert s.mesh.fibres is not None and s.mesh.grain is not None, key
            assert np.allclose(np.linalg.norm(s.mesh.fibres, axis=1), 1, atol=1e-3), key


def test_a_moved_structure_is_named_as_a_difference(anatomy: Anatomy) -> None:
    atlas = anatomy["atlas"]
    mesh = replace(atlas.mesh, vertices_mm=atlas.mesh.vertices_mm + np.array([0, 0.3, 0]))
    moved = dict(anatomy.structures) | {"atlas": replace(atlas, mesh=mesh)}
    other = Anatomy.of("x", moved.values(), anatomy.landmarks, anatomy.curves)
    assert [line.split()[1] for line in differences(anatomy, other, 0.1)] == ["atlas"]


def test_vessels_stay_out_of_bone(anatomy: Anatomy) -> None:
    subject = Subject(anatomy)
    line = anatomy["vertebral_artery_right"].centerline
    radius = anatomy["vertebral_artery_right"].radius_mm
    assert line is not None and radius is not None
    for bone in ("atlas", "axis", "third_cervical_vertebra", "fifth_cervical_vertebra", "cranium"):
        assert (subject.query(bone).signed_distance(line) > 0.6 * radius).all(), bone


@pytest.mark.slow
def test_the_shipped_model_equals_a_rebuild(anatomy: Anatomy, tmp_path: Path) -> None:
    write_archive(build_anatomy(), tmp_path / "model")
    found = differences(read_archive(tmp_path / "model"), anatomy, 0.25)
    assert not found, found
