from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.lettering import text_width
from sim.overlay import Words
from sim.page import Box
from sim.theme import load_theme
from sim.ultrasound.colours import flow_colours, power_colours
from sim.ultrasound.image import BModeImage, Doppler
from sim.ultrasound.naming import name_of
from sim.ultrasound.outlines import border_distance, outline_colour, seen_structures
from sim.ultrasound.readout import settings_lines
from sim.ultrasound.screen import Screen, compose_screen, screen

Rect = tuple[float, float, float, float]
GON, ARTERY, SKIN, MUSCLE, BONE = (
    "greater_occipital_nerve_right",
    "vertebral_artery_right",
    "skin",
    "obliquus_capitis_inferior_right",
    "axis",
)
KEYS = ("", SKIN, "subcutaneous_fat", "semispinalis_capitis_right", MUSCLE, BONE, GON, ARTERY, "soft_tissue", "needle")
SETTINGS = MappingProxyType(
    {"probe": "linear 12-3", "frequency_mhz": 10.0, "focus_mm": 20.0, "gain_db": 50, "dynamic_range_db": 60, "tgc_db_cm": 0.8}
)


def labels(rows: int, columns: int, deep: float, wide: float) -> NDArray[np.int16]:
    z = ((np.arange(rows) + 0.5) * deep / rows)[:, None]
    x = ((np.arange(columns) + 0.5) * wide / columns - wide / 2)[None]
    out: NDArray[np.int16] = np.full((rows, columns), 8, dtype=np.int16)
    for key, mask in (
        (1, z + 0 * x < 1.6),
        (2, (z > 1.6) & (z < 5 + 0.05 * x)),
        (3, (z > 7) & (z < 17 + 0.06 * x)),
        (4, ((x - 1) / 13) ** 2 + ((z - 23) / 3.4) ** 2 < 1),
        (5, z > 30 - 3 * np.cos((x + 8) / 9)),
        (6, (x / 2.0) ** 2 + ((z - 19.2) / 1.0) ** 2 < 1),
        (7, (x - 14) ** 2 + (z - 27) ** 2 < 2.2**2),
    ):
        out[mask] = key
    return out


def frame(**change: Any) -> BModeImage:
    """Layers, a muscle, an oval nerve, a round artery, and a bone with its shadow, under speckle."""
    rows, columns, deep, wide = change.pop("size", (500, 200, 40.0, 38.0))
    found = labels(rows, columns, deep, wide)
    rng = np.random.default_rng(4)
    level = np.array([0, 200, 90, 80, 60, 2, 50, 5, 110, 200])[found]
    pixels = np.clip(level * rng.rayleigh(0.8, found.shape), 0, 255).astype(np.uint8)
    image = BModeImage(pixels, found, KEYS, (deep / rows, wide / columns), np.eye(4), deep, "left", SETTINGS)
    return replace(image, **change)


def with_doppler(mode: Any = "colour", sign: float = 1.0) -> BModeImage:
    image = frame()
    shown = image.labels == 7
    speed = np.where(shown, sign * 9.0, 0).astype(np.float32)
    return replace(image, doppler=Doppler(mode, speed, (20 * shown).astype(np.float32), (260, 130, 420, 198), 16.0))


def pixels_of(done: Screen) -> NDArray[np.int64]:
    return np.asarray(done.image).astype(np.int64)


def rect_of(word: Words) -> Rect:
    wide = text_width(word.text, word.size, bold=word.bold)
    x = word.x - {"l": 0.0, "m": wide / 2, "r": wide}[word.anchor[0]]
    return x, word.y - 0.5 * word.size, x + wide, word.y + 0.5 * word.size


def overlap(a: Rect, b: Rect) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.01 and min(a[3], b[3]) - max(a[1], b[1]) > 0.01


def check_text(done: Screen) -> None:
    rects = [*(rect_of(w) for w in done.layout.words), *(n.box for n in done.names)]
    for i, a in enumerate(rects):
        assert a[0] >= 0 and a[1] >= 0 and a[2] <= done.image.width and a[3] <= done.image.height
        assert not any(overlap(a, b) for b in rects[i + 1 :])
    for name in done.names:
        if name.leader is not None:
            ends = np.array(name.leader)
            for x, y in ends[0] + np.linspace(0, 1, 60)[:, None] * (ends[1] - ends[0]):
                assert not any(overlap((x, y, x + 0.1, y + 0.1), o.box) for o in done.names if o is not name)


@pytest.mark.parametrize("width", [320, 501, 960, 1920, 3840])
@pytest.mark.parametrize("size", [(500, 200, 40.0, 38.0), (300, 256, 25.0, 60.0), (600, 100, 90.0, 38.0), (600, 90, 90.0, 12.0)])
def test_the_image_keeps_its_true_aspect_and_all_text_stands_apart(width: int, size: tuple[int, int, float, float]) -> None:
    done = compose_screen(frame(size=size), overlay=width < 1000, width_px=width, ends=("medial", "lateral"))
    box, scale = done.layout.image, done.layout.px_per_mm
    assert done.image.size == (width, done.layout.height) and done.image.mode == "RGB"
    assert abs(box.width - size[3] * scale) <= 1 and abs(box.height - size[2] * scale) <= 1
    assert box.x0 >= 0 and box.x1 < width and box.y1 < done.image.height
    check_text(done)


def test_the_drawn_picture_lies_in_its_box_and_no_row_or_column_is_swapped() -> None:
    pixels = np.zeros((400, 200), dtype=np.uint8)
    pixels[:100, :50] = 255
    done = compose_screen(frame(size=(400, 200, 40.0, 38.0), pixels=pixels))
    box, shot = done.layout.image, pixels_of(done)
    part = shot[box.y0 : box.y1, box.x0 : box.x1, 0] > 128
    rows, columns = np.nonzero(part)
    assert (rows.min(), columns.min()) == (0, 0)
    assert rows.max() + 1 == pytest.approx(box.height / 4, abs=1.5) and columns.max() + 1 == pytest.approx(box.width / 4, abs=1.5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_marker_is_over_the_corner_of_the_marked_end(side: Any) -> None:
    done = compose_screen(frame(marker_side=side))
    box = done.layout.image
    head = pixels_of(done)[: box.y0]
    blue = (head[..., 2] > 150) & (head[..., 0] < 120)
    assert blue.any()
    x = float(np.nonzero(blue)[1].mean())
    near, far = (box.x0, box.x1) if side == "left" else (box.x1, box.x0)
    assert abs(x - near) < 15 < abs(x - far)


def test_the_words_of_the_ends_stand_on_their_sides() -> None:
    done = compose_screen(frame(), ends=("medial", "lateral"))
    at = {w.text: rect_of(w) for w in done.layout.words}
    middle = (done.layout.image.x0 + done.layout.image.x1) / 2
    assert at["medial"][2] < middle < at["lateral"][0]


def test_the_scale_is_true_and_the_focus_stands_at_its_depth() -> None:
    done = compose_screen(frame())
    layout, shot = done.layout, pixels_of(done)
    centimetres = {t.cm: t.y for t in layout.ticks if t.cm is not None}
    assert centimetres == {cm: pytest.approx(layout.image.y0 + 10 * cm * layout.px_per_mm) for cm in range(5)}
    assert len(layout.ticks) == 41
    beside = shot[:, layout.image.x1 : layout.image.x1 + 14]
    orange = (beside[..., 0] > 180) & (beside[..., 2] < 60)
    assert float(np.nonzero(orange)[0].mean()) == pytest.approx(layout.image.y0 + 20 * layout.px_per_mm, abs=1.0)
    assert compose_screen(frame(settings={})).layout.focus_y == ()
    assert compose_screen(frame(settings={"focus_mm": 90.0})).layout.focus_y == ()


def test_the_settings_and_the_footer_are_written() -> None:
    lines = settings_lines(with_doppler())
    assert lines[0] == "linear 12-3" and {"10 MHz", "Depth 4 cm", "Gain 50 dB", "DR 60 dB", "TGC +0.8 dB/cm"} <= set(lines)
    assert "Colour ±16 cm/s" in lines
    text = " ".join(w.text for w in compose_screen(with_doppler(), width_px=320).layout.words)
    assert all(line in text for line in lines) and "not a medical device" in text


@pytest.mark.parametrize("width", [320, 960, 2500])
def test_outlines_follow_the_borders_of_the_map(width: int) -> None:
    image = frame()
    box = compose_screen(image, width_px=width).layout.image
    y = (np.arange(box.height) + 0.5) * image.labels.shape[0] / box.height
    x = (np.arange(box.width) + 0.5) * image.labels.shape[1] / box.width
    drawn = image.labels[np.ix_(y.astype(int), x.astype(int))]
    step = max(1.5, 0.5 * box.width / image.labels.shape[1])  # the map itself is no finer than half its pixel
    from scipy.ndimage import distance_transform_edt

    for seen in seen_structures(image):
        mask = drawn == image.keys.index(seen.key)
        rim = np.minimum(distance_transform_edt(np.pad(mask, 1, mode="edge")), 99)[1:-1, 1:-1]
        rim = np.where(mask, rim, np.minimum(distance_transform_edt(~mask), 99)) - 0.5
        part, distance = border_distance(seen, image.pixel_mm, box.width, box.height)
        line = np.abs(distance) < 0.55
        assert line.any()
        rows, columns = np.nonzero(line)
        off = rim[rows + part.y0, columns + part.x0]
        inner = (columns + part.x0 > 3) & (columns + part.x0 < box.width - 4)
        assert off[inner].max() <= step + 0.25 and off[inner].mean() < 0.5 * step + 0.25


def test_outlines_are_drawn_in_the_colours_of_their_kinds_and_only_with_the_overlay() -> None:
    image, theme = frame(), load_theme("dark")
    plain, taught = compose_screen(image), compose_screen(image, overlay=True)
    assert plain.layout.image == taught.layout.image and not plain.names
    box, shot = taught.layout.image, pixels_of(taught)
    scale = taught.layout.px_per_mm
    assert (pixels_of(plain)[box.y0 : box.y1, box.x0 : box.x1].std(axis=2) == 0).all()
    middle = box.x0 + box.width / 2
    for key, x, y in ((GON, 0.0, 18.2), (ARTERY, 14.0, 24.8), (BONE, -8.0, 27.0)):
        row, column = round(box.y0 + y * scale), round(middle + x * scale)
        window = shot[row - 3 : row + 4, column - 1 : column + 2].reshape(-1, 3)
        assert np.abs(window - outline_colour(key, theme) * 255).max(axis=1).min() < 40, key
    hue = {key: outline_colour(key, theme) for key in (GON, ARTERY, MUSCLE, BONE, "internal_jugular_vein_left")}
    assert hue[GON][1] > 0.7 > 0.5 > hue[GON][2] and hue[ARTERY][0] > 3 * hue[ARTERY][1]
    assert hue["internal_jugular_vein_left"][2] > hue["internal_jugular_vein_left"][0]


def test_names_are_those_of_the_terms_or_the_given_ones_and_stay_off_small_things() -> None:
    done = compose_screen(frame(), overlay=True, names={SKIN: "Haut über dem Nacken", BONE: "", "nothing_here": "x"})
    said = {n.key: " ".join(n.lines) for n in done.names}
    assert said[GON] == "greater occipital nerve" and said[SKIN] == "Haut über dem Nacken"
    assert BONE not in said and "soft_tissue" not in said and "" not in said and not done.dropped
    image, box = frame(), done.layout.image
    for name in done.names:
        r0, r1 = ((y - box.y0) / box.height * image.labels.shape[0] for y in (name.box[1], name.box[3]))
        c0, c1 = ((x - box.x0) / box.width * image.labels.shape[1] for x in (name.box[0], name.box[2]))
        under = image.labels[max(0, int(r0)) : max(0, int(r1) + 1), max(0, int(c0)) : max(0, int(c1) + 1)]
        assert not np.isin(under, [KEYS.index(GON), KEYS.index(ARTERY)]).any(), name.key
        if name.leader is None:
            assert (under == KEYS.index(name.key)).all(), name.key
            continue
        x, y = name.leader[1]
        row, column = int((y - box.y0) / box.height * 500), int((x - box.x0) / box.width * 200)
        assert np.isin(KEYS.index(name.key), image.labels[row - 3 : row + 4, column - 1 : column + 2]), name.key
    assert [n.key for n in done.names][:2] == [GON, ARTERY]
    assert name_of("my_own_thing_left", {}) == "my own thing"


def test_a_crowd_of_long_names_never_collides_and_small_things_keep_theirs() -> None:
    image = frame(size=(500, 200, 40.0, 38.0))
    crowd = {key: f"a very long name of the thing called {key.replace('_', ' ')}"[:80] for key in KEYS}
    for width in (320, 400):
        done = compose_screen(image, overlay=True, names=crowd, width_px=width)
        check_text(done)
        assert {n.key for n in done.names} | set(done.dropped) == {k for k in KEYS if k not in ("", "soft_tissue", "needle")}
        assert GON not in done.dropped


def test_a_border_at_the_edge_of_the_image_gets_no_line() -> None:
    image = frame(labels=np.full((500, 200), 4, dtype=np.int16))
    seen = seen_structures(image)[0]
    _, distance = border_distance(seen, image.pixel_mm, 400, 420)
    assert (distance > 3).all()


def test_doppler_toward_the_probe_is_red_and_away_blue() -> None:
    for sign, strong, weak in ((1.0, 0, 2), (-1.0, 2, 0)):
        done = compose_screen(with_doppler(sign=sign))
        box, scale, shot = done.layout.image, done.layout.px_per_mm, pixels_of(done)
        vessel = shot[round(box.y0 + 27 * scale), round(box.x0 + box.width / 2 + 14 * scale)]
        assert vessel[strong] > vessel[weak] + 80
        away = shot[round(box.y0 + 27 * scale), round(box.x0 + 3 * scale)]
        assert np.ptp(away) == 0
        bar = done.layout.colour_bar
        assert bar is not None
        top, foot = shot[bar.y0 + 8, bar.x0 + 3], shot[bar.y1 - 8, bar.x0 + 3]
        assert top[0] > top[2] and foot[2] > foot[0]
    assert flow_colours([0.5])[0, 0] > flow_colours([0.5])[0, 2] and flow_colours([-0.5])[0, 2] > flow_colours([-0.5])[0, 0]


def test_power_doppler_is_orange_and_nothing_shown_leaves_the_grey() -> None:
    vessel = power_colours([0.6])[0]
    assert vessel[0] > vessel[1] > vessel[2]
    done = compose_screen(with_doppler("power"))
    assert {"dB", "30", "0"} <= {w.text for w in done.layout.words}
    quiet = with_doppler()
    assert quiet.doppler is not None
    quiet = replace(quiet, doppler=replace(quiet.doppler, power_db=np.zeros((500, 200), np.float32)))
    area = done.layout.image
    shot = pixels_of(compose_screen(quiet))[area.y0 : area.y0 + 100, area.x0 : area.x0 + 100]
    assert (np.ptp(shot, axis=2) == 0).all()


def test_the_colour_box_is_outlined_at_its_place() -> None:
    plain, boxed = compose_screen(frame()), compose_screen(with_doppler())
    box: Box = boxed.layout.image
    row, column = box.y0 + round(260 / 500 * box.height), box.x0 + round(160 / 200 * box.width)
    assert pixels_of(boxed)[row - 1 : row + 2, column].max(axis=0).min() > 150
    assert plain.layout.colour_bar is None


def test_the_same_frame_gives_the_same_screen() -> None:
    assert screen(frame(), overlay=True).tobytes() == screen(frame(), overlay=True).tobytes()


@pytest.mark.parametrize(
    ("change", "asked", "message"),
    [
        ({}, {"width_px": 319}, "from 320 to 3840"),
        ({}, {"width_px": 4000}, "from 320 to 3840"),
        ({}, {"width_px": float("nan")}, "whole number"),
        ({}, {"width_px": True}, "whole number"),
        ({}, {"ends": ("x" * 100, "")}, "none longer"),
        ({}, {"ends": ("L",)}, "two words"),
        ({}, {"names": {GON: 7}}, "names must be words"),
        ({"pixel_mm": (float("nan"), 0.2)}, {}, "pixel_mm is"),
        ({"pixel_mm": (0.0, 0.2)}, {}, "pixel_mm is"),
        ({"pixel_mm": (1e-6, 0.2)}, {}, "too thin"),
        ({"depth_mm": float("inf")}, {}, "depth_mm is"),
        ({"marker_side": "top"}, {}, "marker_side is"),
        ({"pixels": np.zeros((500, 200))}, {}, "pixels have"),
        ({"pixels": np.zeros((0, 200), np.uint8)}, {}, "pixels have"),
        ({"labels": np.zeros((5, 5), np.int16)}, {}, "labels have"),
        ({"labels": np.full((500, 200), 99, np.int16)}, {}, "labels hold"),
        ({"labels": np.full((500, 200), -1, np.int16)}, {}, "labels hold"),
        ({"settings": {"focus_mm": float("nan")}}, {}, "focus_mm is"),
        ({"settings": {"focus_mm": -3.0}}, {}, "focus_mm is"),
        ({"settings": {"gain_db": float("nan")}}, {}, "gain_db is"),
        ({"settings": {"frequency_mhz": "fast"}}, {}, "frequency_mhz is"),
        ({"settings": {"tgc_db": [0.0, float("nan")]}}, {}, "tgc_db is"),
    ],
)
def test_what_cannot_be_shown_is_refused(change: dict[str, Any], asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        screen(frame(**change), **asked)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"velocity_cm_s": np.full((500, 200), np.nan, np.float32)}, "velocity_cm_s"),
        ({"power_db": np.zeros((3, 3), np.float32)}, "power_db"),
        ({"nyquist_cm_s": 0.0}, "nyquist_cm_s is"),
        ({"box": (0, 0, 900, 10)}, "box is"),
        ({"mode": "rainbow"}, "mode of the Doppler"),
    ],
)
def test_doppler_that_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    image = with_doppler()
    assert image.doppler is not None
    with pytest.raises(ValueError, match=message):
        screen(replace(image, doppler=replace(image.doppler, **change)))


def test_nerves_are_tinted_and_the_far_side_of_bone_is_not_outlined() -> None:
    found = frame().labels.copy()
    found[420:][found[420:] == KEYS.index(BONE)] = KEYS.index("soft_tissue")
    image = frame(labels=found)
    plain, taught = compose_screen(image), compose_screen(image, overlay=True, names=dict.fromkeys(KEYS, ""))
    box, scale = taught.layout.image, taught.layout.px_per_mm
    before, after = (pixels_of(s)[box.y0 : box.y1, box.x0 : box.x1] for s in (plain, taught))
    y, x = np.argwhere(found == KEYS.index(GON)).mean(axis=0) / found.shape * (box.height, box.width)
    assert after[round(y), round(x), 0] - after[round(y), round(x), 2] > 30
    column = round(box.width / 2 - 8.0 * scale)
    drawn = np.flatnonzero(np.abs(after - before).max(axis=2)[:, column] > 60)
    near, far = 27.0 * scale, 420 / found.shape[0] * box.height
    assert np.abs(drawn - near).min() < 4 and np.abs(drawn - far).min() > 6


def test_larger_letters_enlarge_the_text_and_cover_no_nerve() -> None:
    image = frame()
    usual, large = (compose_screen(image, overlay=True, letters=k) for k in (1.0, 1.6))
    assert large.layout.text_px >= 1.5 * usual.layout.text_px
    assert {n.size_px for n in large.names} and min(n.size_px for n in large.names) > max(n.size_px for n in usual.names)
    assert GON in {n.key for n in large.names}
