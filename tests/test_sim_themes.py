from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from meshes.model import Anatomy, Structure
from meshes.terms import terms
from sim import palette_checks as checks
from sim.marks import ball, tube
from sim.picture import Camera, Label, LegendItem, Picture
from sim.picture_shown import Shown
from sim.tables import table
from sim.theme import hex_colour, load_theme

KINDS = ("bone", "nerve", "muscle", "artery", "vein")
GROUPS = tuple(f"group_{i}" for i in range(1, 8))
LEAST_KINDS, LEAST_GROUPS, LEAST_GREY = 18.0, 15.0, 11.0


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [  # Sharma, Wu, Dalal 2005
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_differences_of_colours_are_those_of_the_published_pairs(first: object, second: object, told: float) -> None:
    assert float(checks.difference(first, second)) == pytest.approx(told, abs=1e-4)  # type: ignore[arg-type]


def test_lab_and_back() -> None:
    rgb = np.random.default_rng(3).uniform(0, 1, (200, 3))
    assert np.abs(checks.rgb_of(checks.lab(rgb)) - rgb).max() < 2e-3
    assert checks.lab([1.0, 1.0, 1.0]) == pytest.approx([100, 0, 0], abs=0.1)


def test_a_deficient_eye_sees_grey_as_grey_and_confuses_its_own_hues() -> None:
    for eye in checks.DEFICIENCIES:
        assert checks.seen_by([0.5, 0.5, 0.5], eye) == pytest.approx([0.5, 0.5, 0.5], abs=2e-3)
    red, green = hex_colour("#c04040"), hex_colour("#5e7a2e")
    plain = checks.difference(checks.lab(red), checks.lab(green))
    deutan = checks.difference(checks.lab(checks.seen_by(red, "deutan")), checks.lab(checks.seen_by(green, "deutan")))
    assert float(deutan) < 0.5 * float(plain)


def test_distinct_kinds_differ_for_every_eye_and_in_grey() -> None:
    colours = load_theme("distinct").colours
    for a, b in combinations(KINDS, 2):
        assert checks.least_difference(colours[a], colours[b]) >= LEAST_KINDS, (a, b)
        assert abs(float(checks.lab(colours[a])[0] - checks.lab(colours[b])[0])) >= LEAST_GREY, (a, b)
    assert checks.least_difference(*(load_theme("atlas").colours[k] for k in ("muscle", "artery"))) < LEAST_KINDS


def test_distinct_groups_differ_for_every_eye() -> None:
    colours = load_theme("distinct").colours
    for a, b in combinations(GROUPS, 2):
        assert checks.least_difference(colours[a], colours[b]) >= LEAST_GROUPS, (a, b)


def test_every_single_muscle_of_distinct_stays_apart_from_nerves_vessels_and_bone() -> None:
    theme = load_theme("distinct")
    muscles = [k for k in theme.structures if terms()[k].kind == "muscle"]
    assert len(muscles) > 15
    for key in muscles:
        for kind in ("bone", "nerve", "artery", "vein"):
            assert checks.least_difference(theme.structures[key], theme.colours[kind]) >= 15, (key, kind)


def test_text_of_every_style_stands_out_from_its_paper() -> None:
    for name in table("themes")["styles"]:
        theme = load_theme(name)
        for colour, least in ((theme.ink, 7.0), (theme.muted, 4.5)):
            dark, light = sorted(float(checks.linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (colour, theme.paper))
            assert (light + 0.05) / (dark + 0.05) >= least, name


def test_all_colours_of_print_can_be_printed_and_those_of_the_screen_cannot() -> None:
    theme = load_theme("print")
    for name, colour in {**theme.colours, **theme.structures}.items():
        assert checks.printable(colour), name
    for colour in (theme.paper, theme.ink, theme.muted, theme.rule, theme.halo):
        assert checks.printable(colour)
    for screen in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [0, 0, 0]):
        assert not checks.printable(np.array(screen, dtype=float))


def test_full_inks_are_at_the_border_of_what_can_be_printed() -> None:
    solid = checks._lab_of(checks._ink("my") / checks._ink("paper"))
    assert checks.printable(checks.rgb_of(solid * [1, 0.9, 0.9]))
    assert not checks.printable(checks.rgb_of(solid * [1, 1.15, 1.15]))


def test_colours_are_brought_into_print_with_their_hue() -> None:
    rgb = np.random.default_rng(5).uniform(0, 1, (500, 3))
    new = checks.to_press(rgb)
    assert checks.printable(new).mean() > 0.99
    inside = checks.printable(rgb) & (checks.lab(rgb)[:, 0] > 40)
    assert float(np.median(checks.difference(checks.lab(rgb[inside]), checks.lab(new[inside])))) < 1.0


def test_palettes_name_what_exists() -> None:
    themes = table("themes")
    for palette in themes["palettes"].values():
        assert set(palette.get("colours", {})) <= set(themes["colours"])
        assert set(palette.get("structures", {})) <= set(terms())
        values = [*palette.get("colours", {}).values(), *palette.get("structures", {}).values()]
        assert [v for v in values if not re.fullmatch(r"#[0-9a-f]{6}", v)] == []
    used = {style["palette"] for style in themes["styles"].values()} - {""}
    assert used == set(themes["palettes"])


@pytest.mark.image
def test_every_pixel_of_a_printed_picture_can_be_printed() -> None:
    from sim.stills import compose_still, render_picture

    parts = [
        Structure("cranium", "median", "bone", "bone", "cranium", "cranium", None, ball((-45, 0, 0), 25)),
        Structure("vein", "median", "vein", "vein", "vein", "vein", None, tube([[0, 0, -40], [0, 0, 40]], 9.0)),
        Structure("nerve", "median", "nerve", "nerve", "nerve", "nerve", None, tube([[45, 0, -40], [45, 0, 40]], 9.0)),
    ]
    anatomy = Anatomy.of("balls", parts, {}, {})
    picture = Picture(
        "p", (Shown("cranium", colour="#ff0000"), Shown("vein", colour="#0000ff"), Shown("nerve")), style="print",
        width_px=320, height_px=240, camera=Camera("posterior", focus_mm=(0, 0, 0), width_mm=200), title="T",
        labels=(Label("vein", key="vein"),), legend=(LegendItem("blue", "#0000ff"),),
    )  # fmt: skip
    pixels = np.asarray(render_picture(anatomy, picture)).astype(float) / 255
    assert checks.printable(pixels).mean() > 0.98
    values = checks.lab(pixels)
    reach = checks._reach(values[..., 0], checks._split(values)[2])
    assert (np.hypot(values[..., 1], values[..., 2]) - reach).max() < 5
    plate = compose_still(anatomy, picture).plate
    assert all(checks.printable(s.colour) for s in (*plate.shapes, *plate.words))
