"""The tissue table: what published arithmetic it must reproduce, its anisotropy laws, its classes and its evidence."""

from __future__ import annotations

import math
import tomllib
from dataclasses import fields, replace
from importlib.resources import files

import numpy as np
import pytest

from meshes.references import reference
from meshes.terms import terms
from sim.ultrasound.tissues import Tissue, reflection, tissue, tissue_of, tissues

ROWS = [
    "skin", "fat", "muscle", "tendon", "fascia", "ligament",
    "nuchal_ligament", "joint_capsule", "nerve_fascicle", "nerve_sheath", "blood", "vessel_wall", "bone",
    "cartilage", "csf", "brain", "soft_tissue", "injectate", "gel", "steel", "air", "hair",
]  # fmt: skip
NUMBERS = [f.name for f in fields(Tissue) if f.type == "float"]
TABLE = tomllib.loads(files("sim").joinpath("data/tissues.toml").read_text("utf-8"))
EVERY = pytest.mark.parametrize("row", tissues().values(), ids=lambda t: t.key)


def test_rows_are_those_that_the_scanner_names() -> None:
    assert list(tissues()) == ROWS


@EVERY
def test_numbers_are_possible(row: Tissue) -> None:
    assert all(math.isfinite(getattr(row, name)) for name in NUMBERS)
    assert 300 < row.sound_speed_m_s < 6500 and 1 < row.density_kg_m3 < 8000
    assert 0 < row.attenuation_db_cm_mhz <= row.attenuation_along_db_cm_mhz < 20
    assert -60 <= row.backscatter_db <= 10
    assert 0 <= row.boundary_reflection < 0.2 and 0 < row.diffuse_share <= 0.1
    assert row.label and hash(row) == hash(replace(row))


@EVERY
def test_every_quantity_says_how_it_is_known(row: Tissue) -> None:
    missing = set(NUMBERS) - set(row.evidence)
    assert missing == set() and set(row.evidence) <= {f.name for f in fields(Tissue)}
    assert set(row.evidence.values()) <= {"FOUND", "DERIVED", "KNOWN", "design"}
    assert all(reference(key) for key in row.sources)
    assert "FOUND" not in row.evidence.values() or any(reference(key)["level"] == "read" for key in row.sources)


@EVERY
def test_every_echo_level_is_our_choice(row: Tissue) -> None:
    assert row.evidence["backscatter_db"] == "design"


def test_a_row_says_nothing_that_no_tissue_has() -> None:
    known = {f.name for f in fields(Tissue)} - {"key"}
    assert [f"{key}.{name}" for key, row in TABLE["tissues"].items() for name in row if name not in known] == []


@pytest.mark.parametrize(
    ("a", "b", "published"),
    [
        ("muscle", "bone", 0.59), ("skin", "fat", 0.157), ("fat", "muscle", 0.138), ("muscle", "tendon", 0.07),
        ("muscle", "blood", 0.022), ("muscle", "nerve_fascicle", 0.006), ("muscle", "steel", 0.93), ("muscle", "air", 1.0),
    ],
)  # fmt: skip
def test_boundaries_reflect_what_the_literature_expects(a: str, b: str, published: float) -> None:
    assert reflection(tissue(a), tissue(b)) == pytest.approx(published, abs=0.004)
    assert reflection(tissue(b), tissue(a)) == reflection(tissue(a), tissue(b))
    assert reflection(tissue(a), tissue(a)) == 0


def test_impedance_is_speed_times_density() -> None:
    assert tissue("bone").impedance_mrayl == pytest.approx(6.707, abs=0.001)
    assert tissue("fascia").impedance_mrayl == pytest.approx(1.95, abs=0.01)
    assert tissue("nerve_sheath").impedance_mrayl == pytest.approx(1.85, abs=0.01)


def test_derived_numbers_can_be_derived_again() -> None:
    assert tissue("muscle").attenuation_db_cm_mhz == pytest.approx(np.mean([0.55, 0.62, 0.96, 1.09]), abs=0.01)
    assert tissue("cartilage").sound_speed_m_s == pytest.approx((1565 + 1770) / 2, abs=1)
    assert tissue("cartilage").density_kg_m3 == pytest.approx((1033 + 1100) / 2, abs=1)
    nerve = tissue("nerve_fascicle")
    assert nerve.boundary_reflection > reflection(nerve, tissue("nerve_sheath"))  # the jump, and its connective tissue


def test_filling_lies_between_fat_and_fascia() -> None:
    fat, filling, fascia = (tissue(key) for key in ("fat", "soft_tissue", "fascia"))
    for name in ("sound_speed_m_s", "density_kg_m3", "attenuation_db_cm_mhz", "backscatter_db"):
        assert getattr(fat, name) < getattr(filling, name) < getattr(fascia, name)


def test_order_of_grey_levels_is_that_of_a_neck() -> None:
    order = ["csf", "blood", "bone", "nerve_fascicle", "cartilage", "muscle", "skin", "nerve_sheath", "tendon"]
    levels = [tissue(key).backscatter_db for key in order]
    assert levels == sorted(levels) and len(set(levels)) == len(levels)


def test_muscle_loses_more_along_its_fibres_and_others_the_same() -> None:
    assert [t.key for t in tissues().values() if t.attenuation_along_db_cm_mhz != t.attenuation_db_cm_mhz] == ["muscle"]
    assert tissue("muscle").attenuation_along_db_cm_mhz == 1.3
    assert tissue("fat").evidence["attenuation_along_db_cm_mhz"] == "FOUND"


def test_muscle_darkens_by_ten_decibels_at_45_degrees() -> None:
    muscle = tissue("muscle")
    assert muscle.loss_db([0, 22.5, 45, 90]).tolist() == [0, 6, 12, 12]
    assert float(muscle.loss_db(45)) == pytest.approx(10, abs=2)


def test_tendon_and_nerve_darken_with_the_square_of_the_tilt() -> None:
    tendon, nerve = tissue("tendon"), tissue("nerve_fascicle")
    assert tendon.loss_db([0, 1, 2, 3, 90]) == pytest.approx([0, 1.55, 6.2, 13.95, 25])
    assert nerve.loss_db([0, 5, 10, 90]).tolist() == [0, 1.5, 6, 10]
    assert nerve.loss_db([3, 8]).tolist() == tissue("nerve_sheath").loss_db([3, 8]).tolist()  # or the honeycomb would invert


@EVERY
def test_loss_grows_from_nothing_to_its_floor(row: Tissue) -> None:
    loss = row.loss_db(np.linspace(0, 90, 181))
    assert loss[0] == 0 and (np.diff(loss) >= 0).all() and loss.max() == row.anisotropy_floor_db
    assert (row.loss_db([-7.0]) == row.loss_db([7.0])).all()
    assert row.loss_db(np.zeros((2, 3))).shape == (2, 3)
    assert (row.anisotropy == "none") == (row.anisotropy_db == 0)


@pytest.mark.parametrize("tilt", [math.nan, math.inf, 400.0, -91.0, [0.0, math.nan]])
@pytest.mark.parametrize("key", ["fat", "muscle", "tendon"])
def test_a_tilt_that_is_none_is_refused(key: str, tilt: float | list[float]) -> None:
    with pytest.raises(ValueError, match=r"tilt_deg holds a value that is no tilt\. Allowed: finite degrees"):
        tissue(key).loss_db(tilt)


def test_rounding_beyond_a_right_angle_is_let_pass() -> None:
    assert float(tissue("muscle").loss_db(90 + 1e-9)) == 12


def test_every_class_of_the_anatomy_has_a_tissue() -> None:
    classes = {term.tissue for term in terms().values()}
    assert sorted(classes) == sorted(TABLE["classes"])
    assert all(tissue_of(name) is tissues()[TABLE["classes"][name]] for name in classes)


def test_classes_are_the_tissues_that_one_expects() -> None:
    expected = {"artery": "blood", "vein": "blood", "nerve": "nerve_fascicle", "muscle": "muscle", "bone": "bone", "hair": "hair"}
    assert {name: tissue_of(name).key for name in expected} == expected


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"tissue is 'musle', which is not known\. Did you mean 'muscle'"):
        tissue("musle")
    with pytest.raises(ValueError, match=r"class of tissue is 'arterie', which is not known\. Did you mean 'artery'"):
        tissue_of("arterie")


def test_the_table_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        tissues()["skin"] = tissue("fat")  # type: ignore[index]
    with pytest.raises(TypeError):
        tissue("skin").evidence["label"] = "FOUND"  # type: ignore[index]
