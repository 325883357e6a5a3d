"""Sheets: thickness over a mid-surface, wrapped between what lies beneath and what lies above."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import fields as f
from meshes.contour import contour
from meshes.fields import Array
from meshes.model import SurfaceMesh
from meshes.sheets import Sheet, loft, wrap

if TYPE_CHECKING:
    import trimesh

ROWS = [[[-15, 0, 0], [0, 0, 0], [15, 0, 0]], [[-15, 0, 20], [0, 0, 20], [15, 0, 20]], [[-15, 0, 40], [0, 0, 40], [15, 0, 40]]]
FLAT = [(0.0, 4.0), (1.0, 4.0)]


def solid(mesh: SurfaceMesh) -> trimesh.Trimesh:
    import trimesh

    return trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)


def plate(**options: object) -> Sheet:
    return loft(ROWS, thickness=FLAT, edge_share=1.0, **options)  # type: ignore[arg-type]


def over(height: float) -> Sheet:
    """Return a sheet that lies flat at a height over the xz plane of an upright ball."""
    rows = [[[x, height, z] for x in (-12, 0, 12)] for z in (-15, 0, 15)]
    return loft(rows, thickness=[(0, 3), (1, 3)], step_mm=1.5)


def test_loft_runs_along_its_rows() -> None:
    sheet = plate()
    assert sheet.points[0, 0] == pytest.approx([-15, 0, 0]) and sheet.points[-1, -1] == pytest.approx([15, 0, 40])
    assert np.abs(sheet.points[..., 1]).max() < 1e-9
    assert np.ptp(sheet.points[:, 3, 0]) < 1e-6 and np.ptp(sheet.points[5, :, 2]) < 1e-6


@settings(max_examples=8, deadline=None)
@given(st.floats(0.6, 2.0))
def test_grid_steps_are_about_the_step_asked_for(step: float) -> None:
    sheet = plate(step_mm=step)
    for axis in (0, 1):
        steps = np.linalg.norm(np.diff(sheet.points, axis=axis), axis=-1)
        assert steps.max() < 1.25 * step and steps.min() > 0.8 * step


def test_thickness_is_half_on_either_side_of_the_middle() -> None:
    x, y = np.meshgrid(np.linspace(-8, 8, 9), np.linspace(-4, 4, 33))
    at = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 20.0)])
    assert plate().field()(at) == pytest.approx(np.abs(y.ravel()) - 2, abs=0.05)


def test_thickness_changes_along_the_fibres() -> None:
    sheet = loft(ROWS, thickness=[(0, 2), (0.5, 6), (1, 1)], edge_share=1.0)
    middle = sheet.half_mm[:, sheet.half_mm.shape[1] // 2]
    assert [middle[0], middle.max(), middle[-1]] == pytest.approx([1, 3, 0.5], abs=0.02)
    assert np.argmax(middle) == pytest.approx(len(middle) / 2, abs=1.5)


def test_side_edges_thin_down_to_their_share_and_the_breadth_table_is_followed() -> None:
    sheet = loft(ROWS, thickness=FLAT, edge=0.25, edge_share=0.3)
    row = sheet.half_mm[10]
    assert row[0] == pytest.approx(0.6) and row[-1] == pytest.approx(0.6) and row.max() == pytest.approx(2)
    assert (np.diff(row[: len(row) // 2]) >= -1e-9).all()
    leaning = loft(ROWS, thickness=FLAT, edge_share=1.0, breadth=[(0, 0.5), (1, 1.0)]).half_mm[10]
    assert [leaning[0], leaning[-1]] == pytest.approx([1, 2])


def test_thickness_at_every_point_of_aligned_rows() -> None:
    table = [[2, 4, 6], [2, 4, 6], [4, 8, 12]]
    sheet = loft(ROWS, thickness=table, aligned=True, edge_share=1.0)
    corners = sheet.half_mm[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners == pytest.approx([1, 3, 2, 6], abs=0.02)


def test_tendon_is_full_at_its_end_and_gone_in_the_belly() -> None:
    sheet = plate(tendon=(0.2, 0.0))
    assert (sheet.tendon[0] == 1).all() and (sheet.tendon[len(sheet.tendon) // 2 :] == 0).all()
    assert (np.diff(sheet.tendon[:, 0]) <= 0).all()
    uneven = plate(tendon=(0.2, 0.2), tendon_breadth=[(0, 1, 0), (1, 0.25, 1)])
    long, short = uneven.tendon[:20, 0].sum(), uneven.tendon[:20, -1].sum()
    assert long > 2 * short and uneven.tendon[-1, 0] == 0 and uneven.tendon[-1, -1] == 1


def test_fibres_are_unit_and_run_from_origin_to_insertion() -> None:
    rng = np.random.default_rng(0)
    at = np.column_stack([rng.uniform(-12, 12, 50), rng.uniform(-2, 2, 50), rng.uniform(3, 37, 50)])
    direction, grain, tendon = plate(tendon=(0.1, 0.1)).fibres_at(at)
    assert direction == pytest.approx(np.tile([0, 0, 1.0], (50, 1)), abs=1e-6)
    assert grain[:, 0] == pytest.approx(at[:, 2], abs=1.3) and grain[:, 1] == pytest.approx(at[:, 0] + 15, abs=1.3)
    assert ((tendon >= 0) & (tendon <= 1)).all()


def test_sheet_contours_to_a_closed_slab_of_about_its_volume() -> None:
    mesh = contour(plate().field(), 0.9)
    body = solid(mesh)
    assert body.is_watertight and body.body_count == 1
    rim = 2 * (30 + 40) * np.pi * 4 / 2  # half a round all about
    assert 30 * 40 * 4 < body.volume < 30 * 40 * 4 + 1.6 * rim


def test_field_has_no_jumps() -> None:
    line = np.column_stack([np.linspace(-14, 14, 4000), np.full(4000, 2.7), np.full(4000, 17.3)])
    assert np.abs(np.diff(plate().field()(line))).max() < 0.05


def test_side_edge_runs_straight_between_grid_points() -> None:
    line = np.column_stack([np.full(600, 15.8), np.zeros(600), np.linspace(8, 32, 600)])
    assert np.ptp(plate(step_mm=1.4).field()(line)) < 0.01


def beneath_gap(sheet: Sheet, bone: f.Field) -> Array:
    return bone(sheet.points.reshape(-1, 3)) - sheet.half_mm.ravel()


def test_wrap_lifts_a_sheet_out_of_bone_and_keeps_the_gap() -> None:
    bone = f.sphere([0, 0, 0], 30)
    sunk = over(27.0)
    assert beneath_gap(sunk, bone).min() < -3
    assert beneath_gap(wrap(sunk, bone, gap=0.5), bone).min() > 0.5 - 0.25


def test_wrap_presses_a_sheet_under_the_skin_and_keeps_the_cover() -> None:
    skin = f.sphere([0, 0, 0], 40)
    proud = over(39.0)
    inside = wrap(proud, None, skin, cover=2.0)
    top = skin(inside.points.reshape(-1, 3)).reshape(inside.half_mm.shape) + inside.half_mm
    belly = slice(len(top) // 4, -(len(top) // 4))  # attachments stay put
    assert (skin(proud.points.reshape(-1, 3)).reshape(top.shape) + proud.half_mm)[belly].min() > 0
    assert top[belly].max() < -2.0 + 0.25


def test_wrap_settles_only_what_stands_close() -> None:
    bone = f.sphere([0, 0, 0], 30)
    hovering = over(36.0)
    middle = tuple(s // 2 for s in hovering.half_mm.shape)
    above = [beneath_gap(s, bone).reshape(hovering.half_mm.shape)[middle] for s in (
        hovering, wrap(hovering, bone), wrap(hovering, bone, settle=8.0),
    )]  # fmt: skip
    assert above[1] == pytest.approx(above[0], abs=0.5)
    assert above[2] < 1.5


def test_wrap_leaves_a_free_flat_sheet_where_it_is_and_holds_its_corners() -> None:
    sheet = plate()
    free = wrap(sheet, f.sphere([0, -200, 20], 50), f.half_space([0, 100, 0], [0, 1, 0]))
    assert free.points == pytest.approx(sheet.points, abs=1e-6)
    assert np.array_equal(free.half_mm, sheet.half_mm) and np.array_equal(free.tendon, sheet.tendon)


def test_wrap_does_not_change_the_sheet_it_is_given() -> None:
    sheet = over(27.0)
    before = sheet.points.copy()
    wrap(sheet, f.sphere([0, 0, 0], 30))
    assert np.array_equal(sheet.points, before)
