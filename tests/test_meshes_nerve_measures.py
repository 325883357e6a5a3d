"""Measurements of the superficial nerves on a box for a muscle, a block for a skull, and lines known by construction."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from meshes import fields as f
from meshes import nerve_measures as nm
from meshes.contour import contour
from meshes.curves import resample
from meshes.fields import Array
from meshes.measure import Subject
from meshes.model import Anatomy, Side, Structure, SurfaceMesh
from meshes.points import load_table

PORION = np.array([55.0, 0.0, 0.0])
MUSCLE = f.box([50, -5, -80], [6, 15, 60])  # rear edge y = -20, middle y = -5, outer face x = 56
PATHS = {
    "great_auricular_nerve": [[40, -15, -90], [50, -24, -88], [58, -22, -84], [58, -5, -75], [58, 10, -45]],
    "lesser_occipital_nerve": [[40, -10, -70], [52, -21, -58], [52, -25, -30]],
    "external_jugular_vein": [[58, 1, -40], [58, 1, -110]],
    "supraorbital_nerve": [[24, 74, 31], [24, 79, 34], [25, 79, 45]],
    "supratrochlear_nerve": [[13, 74, 30], [11, 79, 33], [10, 80, 42]],
    "auriculotemporal_nerve": [[60, 14, -20], [68, 16, 0], [69, 16, 30]],
}


def structure(key: str, side: Side, mesh: SurfaceMesh, line: Array | None = None) -> Structure:
    name = key if side == "median" else f"{key}_{side}"
    return Structure(name, side, "x", "x", key, key, None, mesh, line, None if line is None else np.ones(len(line)))


@cache
def subject() -> Subject:
    canal = f.tube(np.array([[40.0, 2, -4.5], [70, 2, -4.5]]), np.array([4.0, 4.0]))
    skull = contour(f.subtract(f.box([0, 2, -4.5], [59, 12, 12]), canal, f.mirrored(canal)), 1.2)
    parts = [structure("cranium", "median", skull)]
    landmarks: dict[str, Array] = {}
    sides: tuple[tuple[Side, Array], ...] = (("right", np.array([1.0, 1, 1])), ("left", np.array([-1.0, 1, 1])))
    for side, flip in sides:
        muscle = contour(f.placed(MUSCLE, np.eye(3), [0, 0, 0]) if side == "right" else f.mirrored(MUSCLE), 1.5)
        parts.append(structure("sternocleidomastoid", side, muscle))
        parts += [structure(k, side, muscle, resample(np.array(p) * flip, 0.5)) for k, p in PATHS.items()]
        points = {
            "porion": PORION,
            "mastoid_tip": [52, -8, -28],
            "supraorbital_notch": [24, 78, 33],
            "supraorbital_rim_medial": [12, 78, 32],
        }
        landmarks |= {f"{k}_{side}": np.array(v, dtype=float) * flip for k, v in points.items()}
    return Subject(Anatomy.of("box", parts, landmarks, {}))


def test_border_and_middle_of_a_box() -> None:
    rear, middle = nm.sternocleidomastoid_border(subject(), "right")
    assert rear[:, 1] == pytest.approx(-20, abs=0.3) and middle[:, 1] == pytest.approx(-5, abs=0.3)
    assert rear[0, 2] == -28 and np.diff(rear[:, 2]) == pytest.approx(-3)


def test_great_auricular_point_is_measured_down_the_border_from_the_height_of_the_mastoid_tip() -> None:
    assert nm.great_auricular_point(subject(), "right") == pytest.approx(58, abs=4)


def test_mckinney_point_is_outside_on_the_middle() -> None:
    here = nm.mckinney_point(subject(), "right")
    assert here == pytest.approx([58, -5, -75], abs=0.6)
    floor = nm.canal_floor(subject(), "right")
    assert floor == pytest.approx([50, 2, -8.5], abs=0.4)
    assert nm.gan_below_canal(subject(), "right") == pytest.approx(np.linalg.norm(here - floor), abs=0.01)


def test_the_vein_runs_six_millimetres_before_the_nerve() -> None:
    assert nm.jugular_before_gan(subject(), "right") == pytest.approx(6, abs=0.6)


def test_lesser_occipital_nerve_comes_out_behind_the_border() -> None:
    assert nm.lon_below_canals(subject(), "right") == pytest.approx(-4.5 + 59, abs=1.0)


def test_nerves_of_the_forehead_are_measured_where_they_pass_the_rim() -> None:
    assert nm.supraorbital_at_rim(subject(), "right") == pytest.approx(24, abs=0.2)
    assert nm.supratrochlear_medial(subject(), "right") == pytest.approx(24 - 11.5, abs=0.6)


def test_auriculotemporal_nerve_before_the_canal() -> None:
    edge = load_table("literature")["ear_canal"]["upper_front_edge"][1]
    assert nm.auriculotemporal_before_canal(subject(), "right") == pytest.approx(16 - edge, abs=0.3)


@pytest.mark.parametrize("name", [
    "great_auricular_point", "gan_below_canal", "jugular_before_gan", "lon_below_canals", "supraorbital_at_rim",
    "supratrochlear_medial", "auriculotemporal_before_canal",
])  # fmt: skip
def test_left_and_right_give_the_same(name: str) -> None:
    measure = getattr(nm, name)
    step = nm.BORDER_STEP_MM if name == "great_auricular_point" else 0.5  # it is read off the stations of the border
    assert measure(subject(), "left") == pytest.approx(measure(subject(), "right"), abs=step + 0.5)
