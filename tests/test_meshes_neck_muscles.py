"""Neck muscles: published sizes of the inferior oblique, order of the layers, no overlaps, cover, fibres."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes import fields
from meshes.contour import contour
from meshes.fields import Field
from meshes.girdle import girdle_parts
from meshes.muscle_recipes import read_recipe, recipe_points
from meshes.neck_muscles import muscle_order, neck_muscle_parts
from meshes.parts import Part
from meshes.points import load_table
from meshes.skin import skin_field
from meshes.skull import skull_parts
from meshes.spine import spine_parts

Array = NDArray[np.float64]
SUBOCCIPITAL = muscle_order()[1:5]
pytestmark = pytest.mark.slow  # the muscles are built anew from their recipes


def _near(field: Field) -> Field:
    """Return a coarse copy of the part of a field near the neck, right half."""
    low, high = np.array([-10.0, -115.0, -220.0]), np.array([195.0, 65.0, 15.0])
    return fields.sampled(Field(field.distance, np.maximum(field.lower, low), np.minimum(field.upper, high)), 1.5, margin=2.0)


@pytest.fixture(scope="module")
def bones() -> Field:
    return fields.union(*[_near(p.field) for p in [*skull_parts(), *spine_parts(), *girdle_parts()]])


@pytest.fixture(scope="module")
def skin() -> Field:
    return _near(skin_field())


@pytest.fixture(scope="module")
def parts(bones: Field, skin: Field) -> dict[str, Part]:
    return {p.key: p for p in neck_muscle_parts(bones, skin)}


def _spans(part: Part, line: Array) -> tuple[float, float] | None:
    """Return the first and last place along a line of points, 0.1 mm apart, that lies in a part."""
    inside = np.flatnonzero(part.field(line) < 0)
    return (inside[0] * 0.1, inside[-1] * 0.1) if len(inside) else None


def _boxed(part: Part, points: Array) -> NDArray[np.bool_]:
    """Return which points lie in the box of a part."""
    return np.asarray(((points > part.field.lower) & (points < part.field.upper)).all(axis=1))


def _from_behind(skin: Field, x: float, z: float, depth: float = 60.0) -> Array:
    """Return points from the skin forward, 0.1 mm apart."""
    y = np.arange(-120.0, 0.0, 0.1)
    line = np.column_stack([np.full(len(y), x), y, np.full(len(y), z)])
    start = int(np.argmax(skin(line) < 0))
    return line[start : start + int(depth * 10)]


def test_parts_come_deep_to_superficial(parts: dict[str, Part]) -> None:
    assert tuple(parts) == muscle_order()
    assert muscle_order()[-1] == "trapezius"


def test_inferior_oblique_has_its_published_size(parts: dict[str, Part]) -> None:
    form = parts["obliquus_capitis_inferior"].field
    mesh = contour(form, 0.8)
    points = recipe_points("neck_muscles")
    start, end = points["oci_axis_spine_tubercle"], points["oci_atlas_transverse_tip"]
    axis = (end - start) / np.linalg.norm(end - start)
    along = mesh.vertices_mm @ axis
    assert 50 <= np.ptp(along) <= 63  # scherer2019
    wide = np.cross(axis, [0.462, -0.785, 0.414])
    thick = np.cross(wide, axis)
    grid = np.arange(-20, 20, 0.25)
    w, t = np.meshgrid(grid, grid, indexing="ij")
    middle = mesh.vertices_mm.mean(axis=0)
    inside = (form(middle + w.reshape(-1, 1) * wide + t.reshape(-1, 1) * thick) < 0).reshape(w.shape)
    assert 185 <= inside.sum() * 0.25**2 <= 325  # area of men, mm2
    assert 8 <= inside.sum(axis=1).max() * 0.25 <= 16  # thickness at the nerve's crossing


@pytest.mark.parametrize(
    ("x", "z", "expected"),
    [
        (11.0, -64.0, ["trapezius", "semispinalis_capitis", "rectus_capitis_posterior_major", "obliquus_capitis_inferior"]),
        (25.0, -62.0, ["trapezius", "splenius_capitis", "semispinalis_capitis", "obliquus_capitis_inferior"]),
        (20.0, -90.0, ["trapezius", "splenius_capitis", "semispinalis_capitis"]),
        (12.0, -32.0, ["trapezius", "semispinalis_capitis", "rectus_capitis_posterior_minor"]),
    ],
)
def test_layers_lie_in_order_from_behind(parts: dict[str, Part], skin: Field, x: float, z: float, expected: list[str]) -> None:
    line = _from_behind(skin, x, z)
    spans = [_spans(parts[key], line) for key in expected]
    assert all(s is not None for s in spans), dict(zip(expected, spans, strict=True))
    starts = [s[0] for s in spans if s is not None]
    assert starts == sorted(starts), dict(zip(expected, spans, strict=True))


def test_nerve_finds_one_plane_on_the_inferior_oblique(parts: dict[str, Part], skin: Field) -> None:
    line = _from_behind(skin, 25.0, -62.0)
    over, under = _spans(parts["semispinalis_capitis"], line), _spans(parts["obliquus_capitis_inferior"], line)
    assert over is not None and under is not None
    assert under[0] - over[1] <= 1.5
    plane = line[int(round(under[0] * 10))][None]
    assert 20 <= -skin(plane)[0] <= 31  # shortest way to the skin, uncompressed


def test_nothing_overlaps_what_is_deeper(parts: dict[str, Part], bones: Field) -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform([0, -100, -211], [120, 60, 0], (120_000, 3))
    deeper = bones(points)
    for part in parts.values():
        here = _boxed(part, points)
        own = part.field(points[here])
        assert np.minimum(-own, -deeper[here]).max() < 0.5, part.key
        deeper[here] = np.minimum(deeper[here], own)


def test_every_muscle_keeps_under_the_skin(parts: dict[str, Part], skin: Field) -> None:
    rng = np.random.default_rng(6)
    points = rng.uniform([0, -115, -200], [185, 60, 0], (150_000, 3))
    points = points[skin(points) > -2.4]
    for part in parts.values():
        assert not (part.field(points[_boxed(part, points)]) < 0).any(), part.key


@pytest.mark.parametrize("key", ["obliquus_capitis_inferior", "semispinalis_capitis", "sternocleidomastoid", "trapezius"])
def test_fibres_are_unit_and_run_from_origin_to_insertion(parts: dict[str, Part], key: str) -> None:
    part = parts[key]
    mesh = contour(part.field, 2.0)
    assert part.fibres is not None
    fibres, grain, tendon = part.fibres(mesh.vertices_mm)
    assert np.allclose(np.linalg.norm(fibres, axis=1), 1.0, atol=1e-6)
    assert grain.shape == (len(mesh.vertices_mm), 2)
    assert tendon.min() >= 0 and tendon.max() <= 1
    course = {
        "obliquus_capitis_inferior": [1, 1, 1],
        "semispinalis_capitis": [0, 0, 1],
        "sternocleidomastoid": [0, -0.3, 1],
        "trapezius": [1, 0.3, 0],
    }[key]
    assert ((fibres @ np.array(course)) > 0).mean() > 0.95


@pytest.mark.parametrize("key", ["rectus_capitis_posterior_major", "obliquus_capitis_superior", "splenius_capitis"])
def test_surfaces_are_closed(parts: dict[str, Part], key: str) -> None:
    mesh = contour(parts[key].field, 1.6)
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()


def test_every_row_names_sources_and_evidence() -> None:
    for key, row in load_table("neck_muscles")["muscle"].items():
        assert row["sources"] and row["evidence"], key
        assert set(row["sources"]) <= set(load_table("references")), key


@pytest.mark.parametrize("z", [-124.0, -136.0, -148.0])
def test_scalenes_lie_one_behind_the_other_with_a_cleft_for_the_plexus(parts: dict[str, Part], z: float) -> None:
    x, y = np.meshgrid(np.arange(15.0, 70.0, 0.5), np.arange(-40.0, 30.0, 0.5), indexing="ij")
    level = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, z)])
    front, middle, back = (level[parts[f"scalenus_{n}"].field(level) < 0] for n in ("anterior", "medius", "posterior"))
    assert front[:, 1].mean() > middle[:, 1].mean() + 4 > back[:, 1].mean() + 8
    assert 5 < len(front) * 0.25 < 120  # mm2
    assert len(middle) > len(back)


def test_scalenes_end_on_the_first_rib(parts: dict[str, Part]) -> None:
    rib = next(p.field for p in girdle_parts() if p.key == "first_rib")
    for name in ("anterior", "medius"):
        mesh = contour(parts[f"scalenus_{name}"].field, 1.5)
        low = mesh.vertices_mm[mesh.vertices_mm[:, 2] < mesh.vertices_mm[:, 2].min() + 6]
        assert rib(low).min() < 2.5, name


@pytest.mark.parametrize(("x", "z"), [(12.0, -110.0), (15.0, -120.0), (12.0, -135.0)])
def test_multifidus_lies_under_semispinalis_cervicis(parts: dict[str, Part], skin: Field, x: float, z: float) -> None:
    line = _from_behind(skin, x, z)
    over, under = _spans(parts["semispinalis_cervicis"], line), _spans(parts["multifidus"], line)
    assert over is not None and under is not None
    assert over[1] < under[0] < over[1] + 6


def test_unknown_point_names_the_nearest() -> None:
    row = {"shape": "sweep", "nodes": ["c2_spinous_tp"], "width": [[0, 1]], "thickness": [[0, 1]], "wide_along": [1, 0, 0]}
    with pytest.raises(ValueError, match="c2_spinous_tip"):
        read_recipe(row, recipe_points("neck_muscles"))
