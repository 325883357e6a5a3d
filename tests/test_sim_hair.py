"""Hair that comes with the skin of a picture."""

from __future__ import annotations

from sim.hair import EYEBROWS, HAIR, with_hair
from sim.picture import Picture
from sim.picture_shown import Cut, Shown, Window

ALL = ("skin", *EYEBROWS, *HAIR)


def keys(picture: Picture) -> list[str]:
    return [x.key for x in picture.shown]


def test_a_solid_skin_brings_what_is_wanted_and_there() -> None:
    bare = Picture("a", (Shown("skin"),))
    assert keys(with_hair(bare, ALL, eyebrows=True, hair=False)) == ["skin", *EYEBROWS]
    assert keys(with_hair(bare, ALL, eyebrows=False, hair=True)) == ["skin", *HAIR]
    assert keys(with_hair(bare, ("skin",), eyebrows=True, hair=True)) == ["skin"]


def test_a_ghost_of_a_skin_and_a_picture_without_skin_get_none() -> None:
    for picture in (Picture("a", (Shown("skin", 0.3),)), Picture("a", (Shown("cranium"),))):
        assert with_hair(picture, ALL, eyebrows=True, hair=True) == picture


def test_hair_that_the_picture_names_keeps_its_look() -> None:
    own = Shown("eyebrow_left", 0.5)
    shown = with_hair(Picture("a", (Shown("skin"), own)), ALL, eyebrows=True, hair=False).shown
    assert shown == (Shown("skin"), own, Shown("eyebrow_right"))


def test_what_opens_the_skin_opens_its_hair() -> None:
    cuts = (Cut((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), ("skin",)), Cut((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), ("cranium",)))
    picture = Picture("a", (Shown("skin"),), cuts=cuts, window=Window("sphere", (0.0, 80.0, 40.0)))
    dressed = with_hair(picture, ALL, eyebrows=True, hair=False)
    assert dressed.window is not None and dressed.window.keys == ("skin", *EYEBROWS)
    assert [c.keys for c in dressed.cuts] == [("skin", *EYEBROWS), ("cranium",)]
