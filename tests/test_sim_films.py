"""Films: what happens in each kind, sides that stay true, motion without jumps, files that a browser plays."""

from __future__ import annotations

import argparse
import base64
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.loader import load_scenario, parse_scenario
from scenarios.products import FilmCaption
from sim.cameras import axes_of, stand
from sim.commands.faults import BadInput
from sim.commands.movie import run
from sim.films.casting import cast_of, film_of
from sim.films.easing import Stand, between, eased, there_and_back
from sim.films.frames import frames_of
from sim.films.kinds import aside, script_of, sweep_of
from sim.films.script import Moment, Script, caption_at, web_captions
from tests.browsers import browsing

Pixels = NDArray[np.uint8]
SIZE = (400, 240)

PAINTED = """
schema = 1
title = "A patch on the right"
[[show]]
structures = ["skin", "auricle"]
[[map]]
region = "greater_occipital_nerve"
side = "right"
colour = "#0000ff"
[[view]]
name = "back"
camera = "posterior"
focus = { point_mm = [0, 0, 20] }
width_mm = 300
[[view]]
name = "front"
camera = "anterior"
focus = { point_mm = [0, 0, 20] }
width_mm = 300
"""
NEEDLE = """
schema = 1
title = "A needle"
[[show]]
structures = ["cranium", "atlas", "axis"]
[[show]]
structures = ["skin"]
opacity = 0.15
[procedure]
name = "gon-block-landmark"
side = "right"
[needle]
[labels]
structures = ["cranium", "atlas"]
[[view]]
name = "back"
camera = "posterior"
focus = { point_mm = [0, 0, 0] }
width_mm = 300
"""
PEEL = """
schema = 1
title = "Layers"
[[show]]
structures = ["skin", "trapezius", "semispinalis_capitis", "bones"]
[labels]
structures = ["trapezius", "cranium"]
[[view]]
name = "back"
camera = "posterior"
focus = { point_mm = [0, -60, 0] }
width_mm = 300
"""


def made(text: str, anatomy: Anatomy, **wishes: Any) -> tuple[Script, Callable[[], list[Pixels]]]:
    """The script of a scenario's film, and what draws its frames."""
    scenario = parse_scenario(text)
    film = film_of(scenario, {"size": SIZE, **wishes})
    cast, page = cast_of(scenario, anatomy, film)
    script = script_of(cast)
    sweep = sweep_of(film) if film.kind == "ultrasound-sweep" else None
    return script, lambda: list(frames_of(anatomy, script, page, sweep))


def blueness(frame: Pixels) -> NDArray[np.float64]:
    """How blue the columns about the middle of the head are, without the words beside it."""
    part = frame[int(0.2 * len(frame)) : int(0.8 * len(frame)), 60:300].astype(float)
    return np.asarray(np.clip(part[..., 2] - part[..., 0] - 25, 0, None).sum(axis=0))


def axis_column(script: Script, anatomy: Anatomy) -> int:
    """Column of `blueness` at which the midline stands in the first frame."""
    scenario = parse_scenario(PAINTED)
    _, page = cast_of(scenario, anatomy, film_of(scenario, {"size": SIZE, "kind": script.kind}))
    box = page.page.drawing
    view = stand(script.moments[0].stand.camera(), np.zeros((1, 3)), box.width, box.height)
    return round(box.x0 + float(view.project(np.array([0.0, -90, 20]))[0][0])) - 60


def step_between(a: Moment, b: Moment) -> tuple[float, float, float]:
    """Turn in degrees, shift as a share of what is shown, and change of scale, from frame to frame."""
    turn = abs((b.stand.azimuth_deg - a.stand.azimuth_deg + 180) % 360 - 180)
    shift = float(np.linalg.norm(np.subtract(b.stand.focus_mm, a.stand.focus_mm))) / a.stand.width_mm
    return turn, shift, abs(b.stand.width_mm / a.stand.width_mm - 1)


def test_motion_is_at_rest_at_its_ends_and_takes_the_short_way() -> None:
    shares = [eased(i / 200) for i in range(201)]
    assert shares[0] == 0 and shares[-1] == 1 and all(b > a for a, b in pairwise(shares))
    assert shares[1] < 0.001 and eased(-1) == 0 and eased(2) == 1
    assert there_and_back(0.0) == pytest.approx(there_and_back(1.0)) == 0 and there_and_back(0.5) == 1
    here, there = Stand(170, 0, (0, 0, 0), 100), Stand(-170, 20, (10, 0, 0), 400)
    assert between(here, there, 0.5) == Stand(180, 10, (5, 0, 0), 200)


def test_captions_follow_the_clock() -> None:
    told = (FilmCaption(at=0.0, text="first"), FilmCaption(at=0.5, text="second"))
    assert [caption_at(told, t) for t in (0, 0.4999, 0.5, 1)] == ["first", "first", "second", "second"]
    moments = tuple(Moment(Stand(0, 0, (0, 0, 0), 100), caption=caption_at(told, i / 20)) for i in range(20))
    text = web_captions(Script("turntable", (), moments, 10.0))
    assert text.startswith("WEBVTT\n") and "00:00:00.000 --> 00:00:01.000\nfirst" in text
    assert "00:00:01.000 --> 00:00:02.000\nsecond" in text


@pytest.mark.image
def test_a_turntable_turns_once_loops_and_keeps_sides_true(anatomy: Anatomy) -> None:
    script, draw = made(PAINTED, anatomy, kind="turntable", seconds=2, fps=8)
    assert len(script.moments) == 16 and script.loops
    frames = draw()
    assert {f.shape for f in frames} == {(SIZE[1], SIZE[0], 3)}
    steps = [float(np.abs(b.astype(int) - a.astype(int)).mean()) for a, b in pairwise([*frames, frames[0]])]
    assert steps[-1] < 1.5 * max(steps[:-1]) and min(steps) > 0  # the last frame leads on to the first
    back, front = blueness(frames[0]), blueness(frames[8])
    middle = axis_column(script, anatomy)
    assert back[middle:].sum() > 20 * back[:middle].sum()  # seen from behind his right is at the right
    assert front.sum() < 0.1 * back.sum()
    beside = blueness(frames[4])  # a quarter on: seen from one side
    quarter = script.moments[4].stand
    view = stand(quarter.camera(), np.zeros((1, 3)), 100, 60)
    seen_from_right = float(view.toward[0]) > 0
    assert (beside.sum() > 0.3 * back.sum()) == seen_from_right


@pytest.mark.image
def test_a_layer_peel_goes_from_skin_to_bone(anatomy: Anatomy) -> None:
    script, draw = made(PEEL, anatomy, kind="layer-peel", seconds=2, fps=12)
    keys = [{x.key for x in p.shown} for p in script.pictures]
    assert "skin" in keys[0] and "skin" not in keys[1] and "trapezius_left" in keys[1]
    assert not any("trapezius" in k or "semispinalis" in k for k in keys[-1]) and "cranium" in keys[-1]
    assert all(b < a for a, b in pairwise(keys))
    went = [p.caption for p in script.pictures]
    assert went[1].startswith("The skin is taken away. Now seen: the ") and went[-1].endswith("the bones, nerves and vessels.")
    named = [[x.text for x in p.labels] for p in script.pictures]
    assert "skin" in named[0] and "trapezius" in named[1] and all(len(set(n)) == len(n) for n in named)
    assert all(x.key in {y.key for y in p.shown} for p in script.pictures for x in p.labels if x.key is not None)
    changing = next(m for m in script.moments if 0 < m.share < 0.5)
    assert changing.caption == went[changing.following]  # what goes is told while it goes
    shown = [m.scene + m.share for m in script.moments]
    assert shown == sorted(shown) and shown[0] == 0 and shown[-1] == len(keys) - 1
    frames = draw()
    head = [f[90:130, 180:220].astype(float) for f in frames]
    reddish = [float((h[..., 0] - h[..., 2]).mean()) for h in head]
    assert reddish[0] > reddish[-1] + 8  # skin and flesh are redder than bone
    fading = next(i for i, m in enumerate(script.moments) if 0.2 < m.share < 0.8)
    least, most = np.minimum(head[0], head[fading + 4]), np.maximum(head[0], head[fading + 4])
    assert ((head[fading] >= least - 3) & (head[fading] <= most + 3)).mean() > 0.9  # between what was and what comes


@pytest.mark.image
def test_a_needle_comes_to_rest_at_its_target_while_the_camera_comes_closer(anatomy: Anatomy) -> None:
    script, draw = made(NEEDLE, anatomy, kind="needle-path", seconds=2, fps=8)
    needle = script.pictures[0].needles[0]
    depth = float(np.linalg.norm(np.subtract(needle.tip_mm, needle.entry_mm)))
    away = [m.away_mm for m in script.moments if m.away_mm is not None]
    assert len(away) == len(script.moments)
    assert away[0] > depth + 10 and away[-1] == 0 and away == sorted(away, reverse=True)
    widths = [m.stand.width_mm for m in script.moments]
    assert widths == sorted(widths, reverse=True) and widths[-1] < 0.6 * widths[0]
    assert script.moments[0].names == 0 and script.moments[-1].names == 1
    frames = draw()
    view = stand(script.moments[-1].stand.camera(), np.zeros((1, 3)), 200, 120)
    assert view.project(np.array(needle.tip_mm))[0] == pytest.approx([100, 60], abs=12)  # amid the picture
    still = [float(np.abs(b.astype(int) - a.astype(int)).mean()) for a, b in pairwise(frames)]
    assert still[0] < 0.4 * max(still) and still[-1] < 0.4 * max(still)


def test_a_tour_moves_without_a_jump_and_rests_at_its_stops(anatomy: Anatomy) -> None:
    stops = [{"view": "back", "seconds": 1.0, "caption": "behind"}, {"view": "front", "seconds": 1.0, "caption": "in front"}]
    script, _ = made(PAINTED, anatomy, kind="tour", fps=10, stop=stops)
    steps = [step_between(a, b) for a, b in pairwise(script.moments)]
    assert max(s[0] for s in steps) < 18 and max(s[1] for s in steps) < 0.1 and max(s[2] for s in steps) < 0.1
    assert sum(s[0] for s in steps) == pytest.approx(180, abs=0.1)
    assert all(step_between(script.moments[0], m) == (0, 0, 0) for m in script.moments[:10])
    assert all(step_between(script.moments[-1], m) == (0, 0, 0) for m in script.moments[-10:])
    assert (script.moments[0].caption, script.moments[-1].caption) == ("behind", "in front")


@pytest.mark.parametrize("name", ["gon-block-c2", "gon-block-nuchal-line"])
def test_a_sweep_goes_there_and_back(anatomy: Anatomy, name: str) -> None:
    scenario = load_scenario(name)
    cast, page = cast_of(scenario, anatomy, film_of(scenario, {"kind": "ultrasound-sweep", "size": (640, 360), "fps": 6}))
    script, sweep = script_of(cast), sweep_of(cast.film)
    values = [m.swept for m in script.moments if m.swept is not None]
    assert values[0] == sweep.start and max(values) == pytest.approx(sweep.end, abs=0.2) and values[-1] < sweep.start + 1
    assert script.loops and page.panel is not None and not script.pictures[0].needles
    assert page.panel.x0 > page.page.drawing.x1


@pytest.mark.slow
@pytest.mark.image
def test_the_probe_moves_with_its_image(anatomy: Anatomy, voxel_cache: Path) -> None:
    scenario = load_scenario("gon-block-c2")
    film = film_of(scenario, {"kind": "ultrasound-sweep", "size": (800, 450), "fps": 2, "seconds": 1.0, "sweep": "slide:-8:8"})
    cast, page = cast_of(scenario, anatomy, film)
    frames = list(frames_of(anatomy, script_of(cast), page, sweep_of(film)))
    box, panel = page.page.drawing, page.panel
    assert panel is not None
    for part in (np.s_[box.y0 : box.y1, box.x0 : box.x1], np.s_[panel.y0 : panel.y1, panel.x0 : panel.x1]):
        assert np.abs(frames[0][part].astype(int) - frames[1][part]).mean() > 0.2


REFUSED = [
    (PAINTED, {"kind": "needle-path"}, r"no needle"),
    (PAINTED, {"kind": "ultrasound-sweep"}, r"no ultrasound image"),
    (PAINTED.replace('"auricle"', '"eyebrow_left"'), {"kind": "turntable", "view": "sideways"}, r"view is 'sideways'"),
    (PAINTED, {"kind": "turntable", "seconds": 600.0, "fps": 60.0}, r"36000 frames"),
    (PAINTED, {"kind": "tour", "stop": [{"view": "back", "step": "none"}]}, r"step is 'none'"),
]


@pytest.mark.parametrize(("text", "wishes", "told"), REFUSED)
def test_what_cannot_be_filmed_is_refused_with_the_reason(anatomy: Anatomy, text: str, wishes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        made(text, anatomy, **wishes)


def test_sweeps_are_read_strictly(anatomy: Anatomy) -> None:
    scenario = load_scenario("gon-block-c2")
    for sweep in ("slide", "slide:1", "slide:a:b", "sidle:0:1", "slide:0:9999", "slide:0:1:2"):
        with pytest.raises(ValueError, match=r"sweep|slide"):
            sweep_of(film_of(scenario, {"sweep": sweep}))


def command(scenario: str, out: Path, **more: Any) -> argparse.Namespace:
    """Arguments as the command line gives them."""
    given = {
        "kind": None, "view": None, "size": "320x180", "fps": 6.0, "seconds": 1.0, "style": None, "seed": None, "sweep": None,
        "captions_file": False, "quiet": True, "json": True, "tell": print,
    }  # fmt: skip
    return argparse.Namespace(scenario=scenario, out=str(out), **(given | more))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"kind": "ultrasound-sweep"}, "no ultrasound image"),
        ({"size": "10x10"}, "--size"),
        ({"size": "64x64"}, "64x64 pixels leave the film's drawing no room"),
        ({"fps": 500.0}, "--fps: must be at most 60"),
        ({"fps": 60.0}, "fps is 60.0; it must be above 0 and at most 50"),
        ({"seconds": float("nan")}, "--seconds: must be a finite number"),
        ({"seconds": 0.0}, "--seconds: must be more than 0"),
        ({"view": "nowhere"}, "view is 'nowhere'"),
        ({"view": "all"}, "view is 'all'"),
        ({"kind": "tour"}, "--seconds is not for a film of the kind 'tour'"),
        ({"sweep": "slide:0:1"}, "--sweep is not for a film of the kind 'turntable'"),
        ({"captions_file": True}, "film.vtt: is a directory"),
    ],
)
def test_a_bad_request_is_one_line_and_writes_nothing(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    (tmp_path / "s.toml").write_text(PAINTED)
    out = tmp_path / "new" / "film.gif"
    if more.get("captions_file"):
        out = tmp_path / "film.gif"
        out.with_suffix(".vtt").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=told) as fault:
        run(command(str(tmp_path / "s.toml"), out, **more))
    assert "\n" not in str(fault.value) and sorted(tmp_path.rglob("*")) == before


def test_a_film_of_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(PAINTED)
    with pytest.raises(BadInput, match=r"must be one of \.mp4"):
        run(command(str(tmp_path / "s.toml"), tmp_path / "film.avi"))
    assert [p.name for p in tmp_path.iterdir()] == ["s.toml"]


# A frame that is decoded need not be there to be drawn yet; this waits for it.
PAINT = """() => new Promise(done => { const v = document.getElementById('v');
  v.requestVideoFrameCallback(() => done(true)); v.currentTime = 0.02; })"""


@pytest.mark.image
def test_films_play_in_a_browser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av")
    (tmp_path / "s.toml").write_text(PAINTED + '[film]\n[[film.caption]]\nat = 0.0\ntext = "Turning"\n')
    for suffix in ("mp4", "webm", "gif"):
        assert run(command(str(tmp_path / "s.toml"), tmp_path / f"film.{suffix}", captions_file=suffix == "mp4")) == 0
    assert '"frames": 6' in capsys.readouterr().out and "Turning" in (tmp_path / "film.vtt").read_text()
    assert (tmp_path / "film.gif").read_bytes()[:6] == b"GIF89a"
    with browsing(640, 360) as page:
        for suffix in ("mp4", "webm"):
            data = base64.b64encode((tmp_path / f"film.{suffix}").read_bytes()).decode()
            page.page.set_content(f'<video id="v" muted src="data:video/{suffix};base64,{data}"></video><canvas id="c"></canvas>')
            page.until("document.getElementById('v').readyState >= 2", 30)
            page.page.evaluate(PAINT)
            seen = page.page.evaluate(
                """() => { const v = document.getElementById('v'), c = document.getElementById('c');
                c.width = v.videoWidth; c.height = v.videoHeight; const x = c.getContext('2d'); x.drawImage(v, 0, 0);
                const d = x.getImageData(0, 0, c.width, c.height).data; let left = 0, right = 0;
                for (let i = 0; i < d.length; i += 4) { const blue = Math.max(0, d[i + 2] - d[i] - 25),
                  y = Math.floor(i / 4 / c.width) / c.height;
                  const at = (i / 4) % c.width / c.width;
                  if (y > 0.2 && y < 0.8 && at < 0.75) { if (at < 0.45) left += blue; else right += blue; } }
                return { seconds: v.duration, width: c.width, height: c.height, left, right }; }"""
            )
            assert seen["seconds"] == pytest.approx(1.0, abs=0.2) and (seen["width"], seen["height"]) == (320, 180)
            assert seen["right"] > 10 * seen["left"] and seen["right"] > 10_000
            page.page.evaluate("() => document.getElementById('v').play()")
            page.until("document.getElementById('v').ended", 30)


@pytest.mark.slow
@pytest.mark.image
def test_a_turntable_of_120_frames_is_made_in_a_minute(anatomy: Anatomy, tmp_path: Path) -> None:
    """Time of all processors together, so that what else the machine does is not counted."""
    started = time.process_time()
    assert run(command("gon-path", tmp_path / "t.mp4", kind="turntable", size="1280x720", fps=24.0, seconds=5.0)) == 0
    assert time.process_time() - started < 60


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_needle_film_ends_beside_its_needle_not_end_on(side: float) -> None:
    entry, tip = np.array([side * 30, -70, 0.0]), np.array([side * 30, -50, 0.0])
    behind = Stand(180.0, 0.0, (0, 0, 0), 200.0)
    turned = aside(behind, entry, tip)
    away = float(np.degrees(np.arccos(abs(axes_of(turned.camera())[0] @ (tip - entry)) / np.linalg.norm(tip - entry))))
    assert 45 <= away < 50
    assert axes_of(turned.camera())[0][0] * side > 0  # from the needle's own side
    assert aside(Stand(side * 100.0, 0.0, (0, 0, 0), 200.0), entry, tip).azimuth_deg == side * 100.0
