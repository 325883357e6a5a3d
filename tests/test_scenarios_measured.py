"""Numbers told of the head that is drawn are those of the head that is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import BaseModel

from meshes.measure import Subject
from meshes.metrics import METRICS
from meshes.model import Anatomy, Structure
from scenarios.faults import ScenarioError
from scenarios.loader import list_scenarios, load_scenario, parse_scenario
from scenarios.measured import PLACEHOLDER, measured
from scenarios.occipital import medial_third_point
from scenarios.procedure_files import load_procedure
from scenarios.products import Film
from scenarios.sites import read_table
from sim.compose import compose

NUCHAL = "gon-block-nuchal-line"
THICKER_MM = 3.0
LENGTH = re.compile(r"\b\d+(?:\.\d+)?(?: to \d+)? ?(?:mm|cm)\b")
# Lengths that stand in a scenario's words, and whose they are: technique, a cut's thickness, a study's mean, a taught place.
PUBLISHED = {
    "gon-block-landmark": {"1 to 2 mm"},
    "cross-section-c2": {"9 mm"},
    "gon-block-nuchal-line": {"7 mm", "22 mm"},
    "trigger-splenius-capitis": {"2 to 3 cm"},
}
TEXT = """schema = 1
title = "A test"
caption = "{caption}"
[[show]]
structures = ["bones"]
[[view]]
name = "main"
camera = "posterior"
"""


@pytest.fixture(scope="module")
def thicker(anatomy: Anatomy) -> Anatomy:
    """The same head under a skin that lies 3 mm further out."""
    skin = anatomy["skin"]
    mesh = replace(skin.mesh, vertices_mm=skin.mesh.vertices_mm + THICKER_MM * skin.mesh.normals)
    return with_only(anatomy, [replace(s, mesh=mesh) if s is skin else s for s in anatomy.structures.values()])


def with_only(anatomy: Anatomy, structures: list[Structure]) -> Anatomy:
    return Anatomy.of(anatomy.name, structures, anatomy.landmarks, anatomy.curves, anatomy.meta)


def words(part: object) -> Iterator[str]:
    """Every text of a scenario."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from words(getattr(part, name))
    elif isinstance(part, tuple):
        for item in part:
            yield from words(item)


def test_a_caption_tells_the_depth_of_the_head_that_is_drawn(anatomy: Anatomy, thicker: Anatomy) -> None:
    depth, told = METRICS["gon_depth_at_nuchal_line"], []
    plain = parse_scenario(TEXT.format(caption=load_scenario(NUCHAL).caption), file="a.toml")  # drawn without its probe: quick
    for head in (anatomy, thicker):
        caption = compose(plain, head)[0].caption
        told.append(caption)
        assert f"here it lies {depth(Subject(head), 'right'):.1f} mm below it" in caption
        assert f"line {METRICS['gon_from_inion_at_nuchal_line'](Subject(head), 'right'):.0f} mm from the inion" in caption
        assert "{" not in caption
    assert told[0] != told[1]
    assert depth(Subject(thicker), "right") > depth(Subject(anatomy), "right") + 0.8 * THICKER_MM


def test_a_sentence_whose_number_a_head_does_not_have_is_left_out(anatomy: Anatomy) -> None:
    nerve = "greater_occipital_nerve_right"
    bare = with_only(anatomy, [s for s in anatomy.structures.values() if s.key != nerve])
    caption = "Seen from behind. It lies {gon_depth_at_nuchal_line_right:1} mm deep. The inion is bone."
    scenario = parse_scenario(TEXT.format(caption=caption), file="a.toml")
    assert measured(scenario, bare).caption == "Seen from behind. The inion is bone."
    assert measured(scenario, anatomy).caption.count(" mm deep.") == 1
    assert measured(scenario, anatomy).origin is scenario.origin


def test_films_tell_measured_numbers_too(anatomy: Anatomy) -> None:
    film = Film.model_validate({"caption": [{"at": 0.0, "text": "{head_breadth:0} mm broad"}]})
    assert measured(film, anatomy).caption[0].text == f"{METRICS['head_breadth'](Subject(anatomy), 'median'):.0f} mm broad"
    plain = Film()
    assert measured(plain, anatomy) is plain


def test_a_measure_that_is_none_is_refused_with_its_line() -> None:
    with pytest.raises(ScenarioError, match=r"a\.toml:3: caption: .*gon_depth_at_nuchal_lin") as caught:
        parse_scenario(TEXT.format(caption="{gon_depth_at_nuchal_lin_right:1} mm"), file="a.toml")
    assert "gon_depth_at_nuchal_line" in str(caught.value)


@pytest.mark.parametrize("name", list_scenarios())
def test_no_scenario_writes_down_a_number_of_a_head(name: str) -> None:
    for text in words(load_scenario(name)):
        assert set(LENGTH.findall(PLACEHOLDER.sub("", text))) <= PUBLISHED.get(name, set()), text
        for sentence in re.split(r"[.;]\s", text):
            if re.search(r"(this|default|model) head|head drawn", sentence):
                assert not LENGTH.search(PLACEHOLDER.sub("", sentence)), sentence


def test_what_a_step_tells_of_the_model_head_is_measured_on_it(anatomy: Anatomy) -> None:
    hints = " ".join(step.hint for step in load_procedure("gon-block-landmark").steps)
    told = re.search(r"Inion's model head it lies some (\d+) mm", hints)
    assert told is not None
    for side in ("right", "left"):
        bone = medial_third_point(anatomy, side).depth_mm + float(read_table("gon_sites")["technique"]["above_bone_mm"])
        assert abs(bone - float(told[1])) <= 0.5
