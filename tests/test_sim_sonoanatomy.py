from __future__ import annotations

from dataclasses import replace

import pytest

from meshes.model import Anatomy
from sim.scans import Scan, frame, scanner_for
from sim.sonoanatomy import artery_lateral_mm, in_order, layers, roofed, sonoanatomy, views

NERVE, ARTERY = "greater_occipital_nerve_right", "occipital_artery_right"
COLUMN = [("skin", 0.0, 1.5), ("subcutaneous_fat", 1.5, 5.0), ("greater_occipital_nerve", 5.0, 7.0), ("cranium", 7.5, 10.0)]


def test_order_needs_every_layer_after_the_one_before() -> None:
    assert in_order(["skin", "greater_occipital_nerve", "cranium"], COLUMN)
    assert not in_order(["greater_occipital_nerve", "skin"], COLUMN)
    assert not in_order(["skin", "trapezius", "cranium"], COLUMN)


def test_views_name_poses_and_windows() -> None:
    assert [v["pose"] for v in views()] == ["c2-oblique", "nuchal-line"]
    assert all(v["low"] < v["high"] for v in views())


@pytest.mark.slow
def test_the_nuchal_view_is_read_from_its_labels(anatomy: Anatomy) -> None:
    scan = Scan(pose="nuchal-line")
    image, _ = frame(scanner_for(anatomy, scan), anatomy, scan)
    column = layers(image, NERVE, "right")
    assert [name for name, _, _ in column][:2] == ["skin", "subcutaneous_fat"]
    assert roofed(image, NERVE, "superficial_fascia") and not roofed(image, NERVE, "cranium")
    away = artery_lateral_mm(image, NERVE, ARTERY, "right")
    assert away > 0.5
    mirrored = replace(image, labels=image.labels[:, ::-1].copy())
    assert artery_lateral_mm(mirrored, NERVE, ARTERY, "right") < -0.5  # a mirrored image is found out


@pytest.mark.slow
def test_both_views_of_the_default_patient_show_what_they_must(anatomy: Anatomy) -> None:
    rows = sonoanatomy(anatomy)
    assert len(rows) >= 12 and not [(r.id, r.side, r.measured, r.problem) for r in rows if not r.inside]
