"""The training app in a real headless browser: a whole block with the keyboard alone, and the screen's layout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browsers import Page, browsing, serving

pytestmark = [
    pytest.mark.image,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, voxel_cache: Path) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("app")) as url:
        yield url


def tabbed_to(page: Page, text: str, most: int = 150) -> None:
    """Press Tab until what has the focus carries a text."""
    for _ in range(most):
        page.page.keyboard.press("Tab")
        if page.page.evaluate("(t) => (document.activeElement.textContent || '').trim() === t", text):
            return
    raise AssertionError(f"Tab does not reach {text!r}")


def pressed(page: Page, *keys: str) -> None:
    for key in keys:
        page.page.keyboard.press(key)
        page.settled()


def shown_the_place(page: Page, address: str, press: Callable[[str], None]) -> None:
    """Begin the block that is chosen at first, and have the probe laid."""
    page.page.goto(address)
    page.until("document.querySelector('.home button[type=submit]')")
    press("button[type=submit]")
    page.until("window.inion.state.phase === 'attempt'")
    page.settled()
    press("text=Show me the place")
    page.until("window.inion.scanShown")
    page.settled()


def changed(before: list[int], after: list[int]) -> float:
    return float(np.abs(np.subtract(before, after)).mean())


def eventually(look: Callable[[], list[int]], good: Callable[[list[int]], bool]) -> list[int]:
    """Look until what is seen is good; fail after three minutes, for a region scanned for the first time is built first."""
    until = time.monotonic() + 180
    while not good(found := look()):
        assert time.monotonic() < until, "the picture does not become what it should"
        time.sleep(0.1)
    return found


@pytest.mark.slow
def test_a_whole_block_with_the_keyboard_alone(address: str) -> None:
    with browsing() as page:
        page.page.goto(address)
        page.until("document.querySelector('.home button[type=submit]')")
        tabbed_to(page, "Start")
        page.page.keyboard.press("Enter")
        page.until("window.inion.state.phase === 'attempt' && window.inion.state.clock_s >= 0")
        page.settled()
        tabbed_to(page, "Show me the place")
        page.page.keyboard.press("Enter")
        page.until("window.inion.scanShown")
        page.settled()
        start = eventually(lambda: page.pixels("scan2d"), lambda found: np.ptp(found) > 60)
        pressed(page, "3", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft")
        eventually(lambda: page.pixels("scan2d"), lambda found: changed(start, found) > 3)  # the ultrasound follows the probe
        pressed(page, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
        pressed(page, "n", *["w"] * 24, "a", "i")
        state = page.page.evaluate("window.inion.state")
        assert state["needle"]["depth_mm"] == pytest.approx(24.0, abs=0.6)
        assert state["given_ml"] == pytest.approx(0.5)
        log = page.page.inner_text("#log")
        assert "aspiration" in log and "mL given" in log
        tabbed_to(page, "Finish")
        page.page.keyboard.press("Enter")
        page.until("window.inion.state.phase === 'done'")
        frame = page.page.frame_locator("iframe")
        frame.locator("h1").first.wait_for(timeout=240_000)
        box = page.page.locator("iframe").bounding_box()
        assert box is not None and box["width"] > 1000 and box["height"] > 500, "the debrief has the screen"
        text = frame.locator("body").inner_text()
        assert "assed" in text and "greater occipital nerve" in text.lower()
        assert page.complaints == []


SIZES = [("gon-block-c2", 1280, 720), ("gon-block-c2", 768, 1024), ("gon-block-c2", 1024, 768), ("preempt-31", 1280, 720),
         ("preempt-31", 768, 1024)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("procedure", "width", "height"), SIZES)
def test_nothing_is_cut_off_and_nothing_overlaps(address: str, procedure: str, width: int, height: int) -> None:
    with browsing(width, height) as page:
        page.page.goto(address)
        page.until("document.querySelector('.home button[type=submit]')")
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.page.click(f"input[value='{procedure}']")
        page.page.click("button[type=submit]")
        page.until("window.inion.state.phase === 'attempt'")
        page.settled()
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if width >= 1200:
            assert page.page.evaluate("document.documentElement.scrollHeight <= innerHeight"), (
                "the whole screen fits without scrolling"
            )
        wrong = page.page.evaluate((Path(__file__).parent / "faults_of_layout.js").read_text("utf-8"))
        assert wrong == []
        assert page.complaints == []


@pytest.mark.slow
def test_touch_drags_the_probe(address: str) -> None:
    with browsing(768, 1024, has_touch=True) as page:
        shown_the_place(page, address, page.page.tap)
        page.page.tap("[data-tool=probe]")
        before = eventually(lambda: page.pixels("scan2d"), lambda found: np.ptp(found) > 60)
        box = page.page.locator("#view3d").bounding_box()
        assert box is not None
        page.page.touchscreen.tap(box["x"] + box["width"] * 0.62, box["y"] + box["height"] * 0.45)
        eventually(lambda: page.pixels("scan2d"), lambda found: changed(before, found) > 2)
        assert page.complaints == []


PAD = """window.pad = { axes: [0, 0, 0, 0], buttons: Array.from({ length: 8 }, () => ({ pressed: false, value: 0 })) };
navigator.getGamepads = () => [window.pad];"""


@pytest.mark.slow
def test_a_gamepad_slides_the_probe_and_advances_the_needle(address: str) -> None:
    with browsing() as page:
        page.page.add_init_script(PAD)
        shown_the_place(page, address, page.page.click)
        before = page.pixels("scan2d")
        page.page.evaluate("window.pad.axes[0] = 1")
        page.page.wait_for_timeout(700)
        page.page.evaluate("window.pad.axes[0] = 0")
        page.settled()
        eventually(lambda: page.pixels("scan2d"), lambda found: changed(before, found) > 2)
        page.page.evaluate("window.pad.buttons[4].pressed = true")  # places the needle
        page.until("window.inion.state.needle")
        page.page.evaluate("window.pad.buttons[4].pressed = false; window.pad.buttons[0].pressed = true")
        page.until("window.inion.state.needle.depth_mm > 2")
        page.page.evaluate("window.pad.buttons[0].pressed = false")
        assert page.complaints == []
