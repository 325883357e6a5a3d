from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.terms import terms
from scenarios import model
from scenarios.basics import ProcedureName
from scenarios.loader import load_scenario, parse_scenario
from scenarios.model import Scenario
from scenarios.procedure_files import load_procedure
from scenarios.sites import Ground, needle
from scenarios.targets import targets_of
from sim.compose import compose
from sim.picture import Picture
from sim.procedures import aimed_at, by_ultrasound, marked, site_needles

Array = NDArray[np.float64]
BY_LANDMARK = (
    "lesser-occipital-block", "trigger-splenius-capitis", "trigger-sternocleidomastoid", "trigger-trapezius",
    "prp-cervical-attachments", "ons-lead", "adipose-preempt-regions",
)  # fmt: skip
BY_ULTRASOUND = ("third-occipital-block", "prp-gon", "msc-gon", "exosome-gon", "prf-gon")
SCENE = """schema = 1
title = "A test"
[[show]]
structures = ["bones"]
[[view]]
name = "main"
camera = "posterior"
[procedure]
name = "{name}"
side = "{side}"
[needle]
"""


@pytest.fixture(scope="module")
def ground(anatomy: Anatomy) -> Ground:
    return Ground(anatomy)


def scene(name: str, side: str = "right") -> Scenario:
    return parse_scenario(SCENE.format(name=name, side=side), file="a.toml")


def drawn(name: str, anatomy: Anatomy, side: str = "right") -> Picture:
    return compose(scene(name, side), anatomy)[0]


@pytest.mark.parametrize("name", BY_LANDMARK)
def test_by_landmarks_each_target_is_a_marker_and_a_needle_of_the_procedure(name: ProcedureName, ground: Ground) -> None:
    file, asked = load_procedure(name), model.Procedure(name=name)
    found = targets_of(file, ground, "right")
    markers, shafts = marked(asked, ground).markers, site_needles(asked, ground, model.Needle())
    kind = needle(file.needle)
    assert [m.id for m in markers] == [t.id for t in found]
    assert [m.text for m in markers] == [str(i) for i in range(1, len(found) + 1)]
    for target, marker, shaft in zip(found, markers, shafts, strict=True):
        np.testing.assert_allclose(marker.point_mm, target.skin_mm, atol=1e-3)
        np.testing.assert_allclose((shaft.entry_mm, shaft.tip_mm), (target.skin_mm, target.point_mm), atol=1e-3)
        assert (shaft.length_mm, shaft.diameter_mm) == (kind.length_mm, kind.diameter_mm)
        assert np.linalg.norm(np.subtract(shaft.tip_mm, shaft.entry_mm)) <= shaft.length_mm
        assert marker.units is None, "only toxin is counted in units"


@pytest.mark.parametrize("name", BY_ULTRASOUND)
@pytest.mark.parametrize("side", ["right", "left"])
def test_by_ultrasound_the_needle_runs_in_plane_to_the_nerve_that_the_procedure_names(
    name: ProcedureName, side: str, anatomy: Anatomy, ground: Ground
) -> None:
    picture = drawn(name, anatomy, side)  # no probe is drawn: the procedure's own pose says where the plane lies
    assert not picture.markers and len(picture.needles) == 1 and picture.probe is None
    shaft = picture.needles[0]
    key = aimed_at(scene(name, side).procedure, side)
    assert key.endswith(side) and key.startswith("third" if name.startswith("third") else "greater")
    line = anatomy[key].centerline
    assert line is not None
    assert min(np.linalg.norm(line - shaft.tip_mm, axis=1)) < 1.5
    assert abs(ground.skin.signed_distance(np.array([shaft.entry_mm]))[0]) < 0.01
    assert np.sign(shaft.tip_mm[0]) == (1 if side == "right" else -1)
    assert shaft.length_mm == needle(load_procedure(name).needle).length_mm


@pytest.mark.parametrize("name", [n for n in BY_LANDMARK if n != "adipose-preempt-regions"])
def test_left_is_the_patients_left_and_both_sides_are_numbered_through(name: ProcedureName, ground: Ground) -> None:
    left = marked(model.Procedure(name=name, side="left"), ground).markers
    both = marked(model.Procedure(name=name, side="both"), ground).markers
    assert all(m.point_mm[0] < 1.0 for m in left)
    assert [m.text for m in both] == [str(i) for i in range(1, len(both) + 1)]
    sided = [m for m in both if m.id.endswith("_left")]
    assert sided and {m.id for m in sided} == {m.id for m in left if m.id.endswith("_left")}
    assert len(both) == len({m.id for m in both})


def test_places_of_targets_have_names_on_the_skin_and_at_the_tip(anatomy: Anatomy, ground: Ground) -> None:
    found = marked(model.Procedure(name="ons-lead", side="both"), ground)
    target = targets_of(load_procedure("ons-lead"), ground, "right")[0]
    for name in ("lead_right", "lead"):
        np.testing.assert_allclose(found.points[name], target.skin_mm)
        np.testing.assert_allclose(found.points[name + "_tip"], target.point_mm)
    assert found.points["lead_left_tip"][0] < 0
    assert "gon_tip" in marked(model.Procedure(name="prf-gon", side="left"), ground).points


def test_only_some_sites_are_kept_with_their_numbers_and_needles(anatomy: Anatomy) -> None:
    text = SCENE.format(name="prp-cervical-attachments", side="right").replace("[needle]", "sites = [{}]\n[needle]")
    picture = compose(parse_scenario(text.format('"attachments_c2_spine"'), file="a.toml"), anatomy)[0]
    assert [(m.id, m.text) for m in picture.markers] == [("attachments_c2_spine", "4")] and len(picture.needles) == 1
    assert len([r for r in picture.legend if r.sign == "dot"]) == 1
    with pytest.raises(ValueError, match="attachments_c2_spine"):
        compose(parse_scenario(text.format('"attachments_c2_spin"'), file="a.toml"), anatomy)


def test_the_legend_says_what_is_given_where(ground: Ground) -> None:
    rows = {n: [r.text for r in marked(model.Procedure(name=n), ground).legend] for n in (*BY_LANDMARK, *BY_ULTRASOUND)}
    assert rows["lesser-occipital-block"] == ["1: lesser occipital nerve; 2 mL of lidocaine 2 % and bupivacaine 0.5 %, 1:1"]
    assert rows["third-occipital-block"] == ["aimed at: third occipital nerve; plan: 0.6 mL of bupivacaine 0.5 %"]
    assert rows["prp-cervical-attachments"][-1] == "0.5 mL of platelet-rich plasma, autologous at each of 6 sites"
    assert rows["trigger-trapezius"][0].startswith("1: trapezius; 1 mL of lidocaine")
    plain = marked(model.Procedure(name="trigger-trapezius"), ground, plain=True).legend[0].text
    assert plain.startswith(f"1: {terms()['trapezius'].plain};") and "trapezius;" not in plain
    both = marked(model.Procedure(name="adipose-preempt-regions", side="both"), ground)
    assert len(both.markers) == 24 and both.legend[0].text == "temporalis: 8 sites"
    assert len({m.group for m in both.markers}) == 4
    assert "24 sites" in both.legend[-1].text


def test_needles_of_toxin_are_those_of_its_sites(anatomy: Anatomy) -> None:
    text = SCENE.replace('side = "{side}"\n', 'sites = ["TEM_R1", "TEM_L1"]\n').format(name="preempt")
    picture = compose(parse_scenario(text, file="a.toml"), anatomy)[0]
    assert [n.length_mm for n in picture.needles] == [12.7, 12.7]
    assert {m.id for m in picture.markers} == {"TEM_R1", "TEM_L1"} and all(m.units == 5 for m in picture.markers)


def test_show_needles_draws_the_way_of_each(ground: Ground) -> None:
    asked = model.Procedure(name="prp-cervical-attachments", show_needles=True)
    for marker in marked(asked, ground).markers:
        assert marker.target_mm is not None
        assert np.linalg.norm(np.subtract(marker.target_mm, marker.point_mm)) > 5
    assert all(m.target_mm is None for m in marked(model.Procedure(name="prp-cervical-attachments"), ground).markers)


def test_what_guides_is_read_from_the_procedure() -> None:
    assert [by_ultrasound(model.Procedure(name=n)) for n in (*BY_LANDMARK, *BY_ULTRASOUND)] == [False] * 7 + [True] * 5
    assert not by_ultrasound(model.Procedure(name="preempt", side="both"))
    assert aimed_at(None, "left") == "greater_occipital_nerve_left"


def test_a_probe_along_the_neck_has_the_head_at_the_left_of_its_image(anatomy: Anatomy) -> None:
    for name in ("third-occipital-block", "gon-block-c2"):
        picture = compose(load_scenario(name), anatomy)[0]
        assert picture.inset is not None
        way = picture.inset.lateral
        assert way[2] > 0.9 if name.startswith("third") else way[0] < -0.5  # toward the marked end


def test_depth_of_the_lead_stays_under_the_skin_and_above_the_fascia(anatomy: Anatomy, ground: Ground) -> None:
    shaft = drawn("ons-lead", anatomy).needles[0]
    way = np.linspace(shaft.entry_mm, shaft.tip_mm, 40)[2:]
    deep = -ground.skin.signed_distance(way)
    assert (deep * np.sign(deep[-1]) > 0).all() and np.abs(deep).max() < 12
    assert all(a[0] < b[0] for a, b in pairwise(way))
