"""Sound beside the edge of a bone fades evenly across the slice: no ruled line below it."""

from __future__ import annotations

import numpy as np
import pytest

from sim.ultrasound.bone_edges import passing
from sim.ultrasound.image import BModeImage

NONE = 45.0


def _slice(outer: list[float], inner: list[float]) -> np.ndarray:
    return np.array([outer, inner, inner]).T


def test_what_passes_shrinks_along_the_edge_to_where_the_whole_slice_is_stopped() -> None:
    bone = _slice([NONE] * 12 + [20.0] * 4, [NONE] * 4 + [20.0] * 12)
    depth, factor = passing(bone, 3.0)
    assert (factor[:4] == 1).all() and (factor[:, 1:] == 1).all()
    fading = factor[4:12, 0]
    assert (np.diff(fading) < 0).all() and fading[0] > 0.9 and 0 < fading[-1] < 0.1
    assert (depth[4:12, 0] == 20).all() and factor[12, 0] == 0  # a grazing beam


def test_a_notch_fades_from_both_its_sides_and_another_bone_is_no_end() -> None:
    _, notch = passing(_slice([20.0] * 3 + [NONE] * 8 + [20.0] * 3, [20.0] * 14), 3.0)
    assert notch[3:11, 0] == pytest.approx(notch[3:11, 0][::-1]) and notch[6, 0] > 0.8 > 0.2 > notch[3, 0]
    _, apart = passing(_slice([8.0] * 3 + [NONE] * 8, [8.0] * 3 + [20.0] * 8), 3.0)
    assert (apart == 1).all()
    _, even = passing(np.full((10, 3), 20.0), 3.0)
    assert (even == 1).all()


def test_below_the_lamina_of_c2_no_line_is_ruled(oblique: BModeImage) -> None:
    mm_down, mm_across = oblique.pixel_mm
    deep = oblique.pixels[round(29 / mm_down) : round(38 / mm_down)].astype(float).mean(axis=0)
    below = deep[round(4.5 / mm_across) : round(15 / mm_across)]
    width = max(round(0.8 / mm_across), 1)
    mean = np.convolve(below, np.ones(width) / width, mode="valid")
    assert np.abs(mean[width:] - mean[:-width]).max() < 6  # grey levels in 0.8 mm; a ruled line had 17
