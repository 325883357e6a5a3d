from __future__ import annotations

from itertools import pairwise

import pytest

from meshes.model import Anatomy
from scenarios.basics import CameraName, Definition, Style
from scenarios.faults import ScenarioError
from scenarios.loader import list_scenarios, load_scenario, parse_scenario
from scenarios.sites import read_table
from sim.cameras import camera_names
from sim.compose import compose, missing_structures
from sim.theme import style_names

BASE = """schema = 1
title = "A test"
[[show]]
structures = ["bones", "skin"]
[[view]]
name = "main"
camera = "posterior"
"""


def read(text: str) -> object:
    return parse_scenario(text, file="a.toml")


def test_names_in_the_format_are_those_of_the_renderer_and_the_tables() -> None:
    assert CameraName.__args__ == camera_names()  # type: ignore[attr-defined]
    assert Style.__args__ == style_names()  # type: ignore[attr-defined]
    assert Definition.__args__ == tuple(read_table("gon_sites")["definitions"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", list_scenarios())
def test_every_shipped_scenario_composes(name: str, tiny_anatomy: Anatomy, anatomy: Anatomy) -> None:
    scenario = load_scenario(name)
    of_muscles = scenario.procedure is not None and scenario.procedure.name.startswith(("trigger", "prp-cervical", "ons"))
    posed = scenario.probe is not None and scenario.probe.pose is not None
    true_forms = name == "convergence" or scenario.map or of_muscles or posed  # what is found on no ellipsoid
    held = anatomy if true_forms else tiny_anatomy
    pictures = compose(scenario, held, views=["all"], size=(320, 240), style="dark", seed=5)
    assert len({p.name for p in pictures}) == len(pictures) == len(scenario.view) * max(len(scenario.step), 1)
    assert pictures[0].name == (name if not scenario.step else f"{name}-1-{scenario.step[0].name}")
    for picture in pictures:
        assert (picture.width_px, picture.height_px, picture.style, picture.seed) == (320, 240, "dark", 5)
        assert picture.sources and picture.evidence and picture.caption
    assert not missing_structures(scenario, held)


def test_the_same_file_gives_the_same_pictures(tiny_anatomy: Anatomy) -> None:
    first, second = (compose(load_scenario("gon-block-landmark"), tiny_anatomy) for _ in range(2))
    assert first == second


def test_views_not_marked_extra_are_made_unless_some_are_named(tiny_anatomy: Anatomy) -> None:
    scenario = load_scenario("gon-path")
    assert [p.name for p in compose(scenario, tiny_anatomy)] == ["gon-path"]
    assert [p.name for p in compose(scenario, tiny_anatomy, views=["close-up", "left"])] == ["gon-path-close-up", "gon-path-left"]
    assert [p.name for p in compose(load_scenario("preempt-31"), tiny_anatomy)] == [
        "preempt-31",
        "preempt-31-side",
        "preempt-31-back",
    ]
    with pytest.raises(ValueError, match="'close-up'"):
        compose(scenario, tiny_anatomy, views=["closeup"])


def test_steps_take_away_and_never_give_back(tiny_anatomy: Anatomy) -> None:
    shown = [{x.key for x in p.shown} for p in compose(load_scenario("layers"), tiny_anatomy)]
    assert all(later < earlier for earlier, later in pairwise(shown))
    assert "skin" in shown[0] and "skin" not in shown[1]
    assert {"atlas", "cranium"} <= shown[-1] and "trapezius_left" not in shown[-1]


def test_preempt_marks_every_site_with_its_group(tiny_anatomy: Anatomy) -> None:
    (plain, *_), (pain, *_) = (compose(load_scenario(n), tiny_anatomy) for n in ("preempt-31", "preempt-39"))
    assert len(plain.markers) == 31 and sum(m.units or 0 for m in plain.markers) == 155
    assert len(pain.markers) == 39 and sum(m.units or 0 for m in pain.markers) == 195
    assert {m.group for m in pain.markers} == set(range(1, 8))
    assert any("195 U" in row.text for row in pain.legend)


def test_the_needle_at_c2_runs_in_the_scanned_plane(anatomy: Anatomy) -> None:
    import numpy as np

    (picture,) = compose(load_scenario("gon-block-c2"), anatomy)
    probe, (needle,) = picture.probe, picture.needles
    assert probe is not None
    lateral, axis = np.array(probe.lateral), np.array(probe.axis)
    assert abs(lateral @ axis) < 1e-3 and lateral[0] > 0
    off = (np.array(needle.tip_mm) - probe.centre_mm) @ np.cross(lateral, axis)
    assert abs(off) < 0.05
    nerve = anatomy["greater_occipital_nerve_right"].centerline
    assert np.linalg.norm(nerve - np.array(needle.tip_mm), axis=1).min() < 0.6


def test_an_entry_overrides_an_earlier_one_and_zero_hides(tiny_anatomy: Anatomy) -> None:
    text = BASE + '[[show]]\nstructures = ["skin"]\nopacity = 0.0\n[[show]]\nstructures = ["atlas"]\nhighlight = true\n'
    (picture,) = compose(read(text), tiny_anatomy)  # type: ignore[arg-type]
    look = {x.key: x for x in picture.shown}
    assert "skin" not in look and look["atlas"].highlight and not look["axis"].highlight


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('focus = { landmark = "inionn" }', 8, ["'inion'"]),
        ('focus = { site = "medial_third" }', 8, ["site"]),
        ('[procedure]\nname = "preempt"\nsites = ["TEM_L9"]', 8, ["TEM_L9", "TEM_L4"]),
        ('[procedure]\nname = "preempt"\nfollow_the_pain = { temporalis = 4 }', 8, ["limit", "2"]),
        ('[[cut]]\nremove = "left"\nat = { curve = "nope" }', 10, ["curve"]),
        ('[[show]]\nstructures = ["atlas"]\ncolour = "puce"', 10, ["colour", "puce"]),
        ("[needle]\nhub = true", 8, ["entry and tip"]),
        ('[[line]]\ncurve = "superior_nuchal_line"', 8, ["superior_nuchal_line_right"]),
    ],
)
def test_what_the_anatomy_lacks_is_told_with_its_line(text: str, line: int, words: list[str], tiny_anatomy: Anatomy) -> None:
    with pytest.raises(ScenarioError) as caught:
        compose(read(BASE + text), tiny_anatomy)  # type: ignore[arg-type]
    (message,) = caught.value.lines
    assert message.startswith(f"a.toml:{line}: ")
    for word in words:
        assert word in message


def test_cut_window_and_line_are_found(tiny_anatomy: Anatomy) -> None:
    text = BASE + (
        '[[cut]]\nat = { landmark = "inion" }\nremove = "right"\nstructures = ["skin"]\n'
        '[window]\nat = { landmark = "inion", on_skin = true }\nclear = "left"\n'
        '[[line]]\nthrough = [{ landmark = "inion" }, { landmark = "mastoid_tip_right" }]\non_skin = true\nlabel = "x"\n'
        '[[label]]\nat = { landmark = "inion_skin" }\n'
    )
    (picture,) = compose(read(text), tiny_anatomy)  # type: ignore[arg-type]
    assert picture.cuts[0].normal == (1, 0, 0) and picture.cuts[0].keys[0] == "skin"
    assert picture.window is not None and picture.window.normal == (-1, 0, 0)
    assert len(picture.lines[0].points_mm) > 5
    assert [x.text for x in picture.labels] == ["inion", "x"]


def test_names_of_which_an_anatomy_has_nothing_are_told_and_passed_over(tiny_anatomy: Anatomy) -> None:
    kept = {k: s for k, s in tiny_anatomy.structures.items() if "nerve" not in k and k != "atlas"}
    poorer = Anatomy("poorer", kept, tiny_anatomy.landmarks, tiny_anatomy.curves)
    scenario = read(BASE.replace('"skin"', '"skin", "atlas", "gon"'))
    assert missing_structures(scenario, poorer) == ["atlas", "gon"]  # type: ignore[arg-type]
    (picture,) = compose(scenario, poorer)  # type: ignore[arg-type]
    assert "axis" in {x.key for x in picture.shown}


def test_the_style_for_patients_has_plain_words_also_when_it_is_asked_for_later(tiny_anatomy: Anatomy) -> None:
    scenario = load_scenario("gon-path")
    atlas, patient = (compose(scenario, tiny_anatomy, style=style)[0] for style in ("atlas", "patient"))
    words = [{label.key: label.text for label in p.labels if label.key} for p in (atlas, patient)]
    assert words[0].keys() == words[1].keys()
    assert words[1]["splenius_capitis_left"] == "splenius, a turning muscle of the neck"
    assert words[0]["cranium"] == "cranium" and words[1]["cranium"] == "skull"


def test_a_real_persons_picture_says_whose_it_is_and_how_sure_the_nerves_are(tiny_anatomy: Anatomy) -> None:
    from sim.compose import told_of

    told = {"credit": "BodyParts3D, (c) DBCLS", "tre_mm": 3.6, "tre_90_mm": 9.6}
    real = Anatomy.of("x", tiny_anatomy.structures.values(), {}, {}, told)
    assert told_of(real, "read.") == (
        "read; nerves carried over from the model: their position is estimated, ± 4 mm (nine in ten within 10 mm); "
        "anatomy: BodyParts3D, (c) DBCLS"
    )
    assert told_of(tiny_anatomy, "read.") == "read"


def test_a_camera_in_place_of_a_view_is_told_in_the_caption(tiny_anatomy: Anatomy) -> None:
    from sim.compose import chosen_views

    def told(name: str, camera: str) -> str:
        return chosen_views(load_scenario(name), [camera])[0].caption

    assert told("gon-block-landmark", "anterior").startswith("Seen from in front. The needle enters")
    assert told("gon-path", "posterior-superior").startswith("Seen from behind and from above; the skin is a ghost")
    assert told("preempt-map", "anterior").startswith("On the skin, seen from in front. 5 U")
    assert told("preempt-31", "posterior").startswith("Seen from behind. Fixed plan")
    assert "back is below" in load_scenario("cross-section-c2").caption
    assert "back is below" not in told("cross-section-c2", "inferior")
    for name in list_scenarios():
        text = told(name, "anterior")
        assert "from in front" in text.split(".")[0] and "from behind" not in text.split(".")[0].split(";")[0], name
    steps = compose(load_scenario("layers"), tiny_anatomy, views=["left"])
    assert steps and all(p.caption.startswith("Seen from the left") for p in steps)


def test_a_broken_line_is_broken_in_the_legend(tiny_anatomy: Anatomy) -> None:
    rows = [r for r in compose(load_scenario("gon-landmark"), tiny_anatomy)[0].legend if r.sign == "line"]
    lines = {row.legend: row.dashed for row in load_scenario("gon-landmark").line if row.legend}
    assert rows and {r.text: r.dashed for r in rows} == lines
