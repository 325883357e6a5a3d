"""The 3-D view as the browser draws it: what it is told, what it cannot get, where its pointer points, and that it is drawn."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.app import local
from sim.app.local_scene import GHOSTS, SCENE
from sim.app.messages import message_from
from sim.app.session import Session
from sim.app.shelf import Shelf
from sim.records import Records
from tests.browsers import FLAGS, Page, browser_path, serving
from tests.pages import Clock, begun

pytestmark = [
    pytest.mark.image,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, voxel_cache: Path) -> Iterator[Shelf]:
    with Records(tmp_path_factory.mktemp("records") / "records.sqlite") as records:
        yield Shelf(records, rendering="auto")


@pytest.fixture
def session(shelf: Shelf) -> Iterator[Session]:
    made = Session(shelf, Clock())
    made.call({"do": "draw", "by": "device"})
    yield made
    made.close()


def placed(session: Session) -> dict[str, Any]:
    return session.call({"do": "acts", "acts": [{"kind": "probe_pose", "name": "c2-oblique", "side": "right"}]})


def actors(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {a["id"].removeprefix(f"{SCENE}-"): a for r in answer["scene"]["dependencies"] for a in r["dependencies"]}


def hashes(value: Any) -> set[str]:
    """All names of arrays in a description."""
    if isinstance(value, dict):
        own = {value["hash"]} if "hash" in value else set()
        return own.union(*(hashes(v) for v in value.values()))
    return set().union(*(hashes(v) for v in value)) if isinstance(value, list) else set()


def stance(session: Session) -> dict[str, Any]:
    """The camera that a browser of the scene's size has."""
    seen = session.scene().camera
    return {
        "position": (seen.focus_mm + 2000 * seen.toward).tolist(), "focal_point": seen.focus_mm.tolist(),
        "view_up": seen.up.tolist(), "parallel_scale": seen.height_px / seen.px_per_mm / 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "webgl", "by"),
    [
        ("auto", "", "server"), ("auto", "ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device), SwiftShader driver)", "server"),
        ("auto", "llvmpipe (LLVM 15.0.6, 256 bits)", "server"), ("auto", "ANGLE (Microsoft Basic Render Driver)", "server"),
        ("auto", "Apple GPU", "local"), ("auto", "ANGLE (Intel, Mesa Intel(R) UHD Graphics 620)", "local"),
        ("local", "", "local"), ("server", "Apple GPU", "server"),
    ],
)  # fmt: skip
def test_hardware_draws_itself_and_software_is_drawn_for(wanted: str, webgl: str, by: str) -> None:
    assert local.chosen(wanted, webgl) == by


def test_a_browser_gets_a_scene_and_no_picture_of_it(session: Session) -> None:
    first = begun(session)
    assert first["error"] == "" and "view" not in first
    told = actors(first)
    assert told["solid"]["properties"]["visibility"] == 1 and told["body"]["properties"]["visibility"] == 0
    assert set(GHOSTS) <= set(told)
    for name in hashes(first["scene"]):
        assert len(session.local.array(name)) > 0
    assert "view" not in placed(session)


def test_a_slid_probe_costs_matrices_and_nothing_else(session: Session) -> None:
    begun(session)
    placed(session)
    slid = session.call({"do": "acts", "acts": [{"kind": "probe_slide", "along_mm": 5.0}]})
    told = actors(slid)
    assert set(told) == {"rim", "sheet", "body"} and not hashes(slid["scene"])
    matrix = np.array(told["body"]["properties"]["userMatrix"]).reshape(4, 4).T
    assert session.state.probe is not None
    assert matrix == pytest.approx(session.state.probe.ras_from_probe.matrix, abs=1e-9)
    assert len(slid["scan"]) > 5000
    assert "scene" not in session.call({"do": "tick"})


def test_an_examination_gives_away_no_more_than_the_skin(session: Session) -> None:
    inside = hashes(begun(session)["scene"])
    session.call({"do": "home"})
    exam = begun(session, mode="exam")
    told = {name: a for name, a in actors(exam).items() if a["properties"]["visibility"]}
    assert set(told) == {"solid", "marks"}
    solid = told["solid"]["dependencies"][0]["dependencies"][0]["properties"]
    places = np.frombuffer(session.local.array(solid["points"]["hash"]), dtype=np.float32).reshape(-1, 3)
    model, baked = session.scene().model, session.scene().model.baked
    allowed = baked.vertices_mm[np.unique(baked.faces[model.solid("skin")])]
    assert len(places) == len(allowed)
    assert {p.tobytes() for p in places} == {p.tobytes() for p in allowed}
    for name in inside - hashes(exam["scene"]):
        with pytest.raises(KeyError):
            session.local.array(name)


def test_a_pointer_is_followed_along_the_cameras_ray(session: Session) -> None:
    begun(session)
    scene = session.scene()
    goal = scene.model.skin.closest(np.array([20.0, -90.0, -40.0]))[0][0]
    x, y = scene.project(goal)[0][:2]
    aim = {"do": "point", "tool": "cursor", "x": float(x) * 2, "y": float(y) * 2, "camera": stance(session)}
    answer = session.call(aim | {"width": scene.size[0] * 2, "height": scene.size[1] * 2})
    assert answer["error"] == "" and session.cursor is not None
    assert np.linalg.norm(session.cursor.point_mm - goal) < 0.5
    assert "width" in session.call(aim)["error"]


def test_where_the_browser_looks_from_is_known_to_the_server(session: Session) -> None:
    assert begun(session)["look"]["azimuth_deg"] == pytest.approx(180.0)
    wanted = {"azimuth_deg": 42.5, "elevation_deg": -20.0, "focus_mm": [1.0, 2.0, 3.0], "width_mm": 300.0}
    answer = session.call({"do": "look", **wanted})
    assert answer["error"] == "" and "look" not in answer
    assert local.look_of(session.scene().camera) == pytest.approx(wanted | {"focus_mm": pytest.approx([1, 2, 3])})
    assert session.call({"do": "camera", "view": "superior"})["look"]["elevation_deg"] == pytest.approx(90.0)


def test_the_server_can_take_over_again(session: Session) -> None:
    begun(session)
    back = session.call({"do": "draw", "by": "server"})
    assert len(back["view"]) > 5000 and "scene" not in back
    again = session.call({"do": "draw", "by": "device"})
    assert "view" not in again and again["look"] and "solid" in actors(again)


UNIT = st.tuples(*(st.floats(-1, 1) for _ in range(3))).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.2)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(UNIT, UNIT, st.floats(0, 640), st.floats(0, 480), st.booleans())
def test_a_ray_goes_through_its_pixel(toward: Any, upward: Any, x: float, y: float, parallel: bool) -> None:
    place, focus = 300 * toward, np.array([5.0, -8.0, 12.0])
    if np.linalg.norm(np.cross(upward, place - focus)) < 0.05 * np.linalg.norm(place - focus):
        return
    told = {"position": place.tolist(), "focal_point": focus.tolist(), "view_up": upward.tolist(), "parallel_scale": 90.0}
    aim: Any = message_from(
        {"do": "point", "tool": "cursor", "x": x, "y": y, "width": 640, "height": 480, "camera": told | {"parallel": parallel}}
    )
    start, way = local.ray(aim.camera, x, y, 640, 480)
    away = float(np.linalg.norm(place - focus))
    z = (place - focus) / away
    right = np.cross(upward, z) / np.linalg.norm(np.cross(upward, z))
    half = 90.0 if parallel else away * math.tan(math.radians(15.0))
    hit = start + way * ((focus - start) @ z) / (way @ z) - focus
    assert hit @ right == pytest.approx((x - 320) / 240 * half, abs=1e-6)
    assert hit @ np.cross(z, right) == pytest.approx((240 - y) / 240 * half, abs=1e-6)


@pytest.mark.parametrize(
    "camera",
    [
        {"position": [0, 0, 0], "focal_point": [0, 0, 0], "view_up": [0, 0, 1], "parallel_scale": 1},
        {"position": [0, 0, 5], "focal_point": [0, 0, 0], "view_up": [0, 0, 1], "parallel_scale": 1},
        {"position": [0, float("nan"), 5], "focal_point": [0, 0, 0], "view_up": [0, 0, 1], "parallel_scale": 1},
        {"position": [0, 5, 0], "focal_point": [0, 0, 0], "view_up": [0, 0, 1], "parallel_scale": -1}, {"position": [1, 2]},
    ],
)  # fmt: skip
def test_a_camera_that_cannot_be_is_told_in_a_line(session: Session, camera: dict[str, Any]) -> None:
    begun(session)
    before = session.cursor
    aim = {"do": "point", "tool": "cursor", "x": 1, "y": 1, "width": 640, "height": 480, "camera": camera}
    error = session.call(aim)["error"]
    assert error.startswith("point.camera") or error.startswith("camera")
    assert session.cursor is before


@contextmanager
def drawing(address: str) -> Iterator[Page]:
    """Open the app in a browser that has WebGL, in software."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        flags = [f for f in FLAGS if f != "--disable-gpu"]
        browser = tool.chromium.launch(executable_path=browser_path(), args=[*flags, *WEBGL])
        try:
            page = Page(browser.new_page(viewport={"width": 1280, "height": 720}))
            page.page.goto(address)
            page.until("document.querySelector('.home button[type=submit]') && window.inion.rendering")
            page.settled()
            yield page
        finally:
            browser.close()


def begin(page: Page) -> None:
    page.page.click("button[type=submit]")
    page.until("window.inion.state.phase === 'attempt'")
    still(page)


def still(page: Page) -> NDArray[np.int64]:
    """The view's pixels once they no longer change."""
    from PIL import Image

    page.settled()
    last = None
    for _ in range(40):
        page.page.wait_for_timeout(100)
        shot = page.page.locator("#view3d").screenshot()
        now = np.asarray(Image.open(io.BytesIO(shot)).convert("L")).astype(np.int64)
        if last is not None and last.shape == now.shape and np.abs(last - now).max() < 8 and np.ptp(now[60:]) > 80:
            return now
        last = now
    raise AssertionError("the view stays blank, or never comes to rest")


def letters(page: Page) -> list[str]:
    return [e.inner_text()[0] for e in page.page.locator(".edge").all()]


@pytest.mark.slow
def test_the_browser_draws_and_points(tmp_path: Path, voxel_cache: Path) -> None:
    with serving(tmp_path, "--rendering", "local") as address, drawing(address) as page:
        begin(page)
        before = still(page)
        assert page.page.inner_text("#drawn") == "Drawn by: this device" and letters(page) == ["L", "R"]
        page.page.click("text=Show me the place")
        with_probe = still(page)
        assert np.abs(before - with_probe).mean() > 1, "the probe does not appear"
        page.page.focus("#view3d")
        page.page.keyboard.press("3")
        for _ in range(6):
            page.page.keyboard.press("Shift+ArrowLeft")
        assert np.abs(with_probe - still(page)).mean() > 0.5, "the probe does not move"

        page.page.click("[data-tool=view]")
        asked = page.page.evaluate("window.inion.stats.waits.length")
        box = page.page.locator("#view3d").bounding_box()
        assert box is not None
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.page.mouse.move(*middle)
        page.page.mouse.down()
        page.page.mouse.move(middle[0] + 40, middle[1] + 12, steps=4)
        page.page.mouse.up()
        assert page.page.evaluate("window.inion.local.now.azimuth_deg") == pytest.approx(-160.0, abs=0.1)
        assert page.page.evaluate("window.inion.stats.waits.length") == asked, "turning the head asks the server"

        page.page.click("[data-tool=cursor]")
        where = middle[0] - 30, middle[1] + 40
        page.page.mouse.move(*middle)
        page.page.mouse.down()
        page.page.mouse.move(*where, steps=3)
        page.page.mouse.up()
        page.settled()
        page.page.click("text=Feel here")
        page.settled()
        finger, look = last_felt(tmp_path), page.page.evaluate("window.inion.local.now")
        pixel = seen_at(finger, look, box)
        scale = look["width_mm"] / box["width"]
        assert np.hypot(*(pixel - where)) * scale < 3.0

        page.page.select_option("#camera", "anterior")
        still(page)
        assert letters(page) == ["R", "L"]
        page.page.click("#drawn")
        page.until("window.inion.rendering.by === 'server'")
        still(page)
        assert letters(page) == []
        assert page.complaints == []


def last_felt(folder: Path) -> NDArray[np.float64]:
    """Where the finger felt last, as the server has recorded it."""
    import time

    for _ in range(40):
        with Records(folder / "r.sqlite") as records:
            (attempt,) = records.open_attempts()
            felt = [a for a in records.actions(attempt["id"]) if a.kind == "palpate"]
        if felt:
            return np.array(felt[-1].point_mm)
        time.sleep(0.1)
    raise AssertionError("nothing was felt")


def seen_at(place: NDArray[np.float64], look: dict[str, Any], box: Any) -> NDArray[np.float64]:
    """The page's pixel at which a place is seen."""
    from sim.cameras import stand
    from sim.picture import Camera

    focus = tuple(look["focus_mm"])
    camera = Camera(
        azimuth_deg=look["azimuth_deg"], elevation_deg=look["elevation_deg"], focus_mm=focus, width_mm=look["width_mm"]
    )
    view = stand(camera, np.array([focus]), round(box["width"]), round(box["height"]))
    return np.asarray(view.project(place[None])[0][0] + (box["x"], box["y"]))


@pytest.mark.slow
def test_software_is_left_to_the_server(tmp_path: Path, voxel_cache: Path) -> None:
    with serving(tmp_path) as address, drawing(address) as page:
        assert page.page.evaluate("window.inion.rendering") == {"by": "server", "choice": True}
        assert page.page.evaluate("window.inion.local") is None
        assert page.page.locator("#inion-local canvas").count() == 0
        assert page.complaints == []
