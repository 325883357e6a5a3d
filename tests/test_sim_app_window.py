from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scenarios.procedure_files import load_procedure
from sim.app.shelf import Shelf
from sim.app.window.screen import NO_SCREEN, Input
from sim.app.window.talk import Talk
from sim.app.window.trainer import Trainer
from sim.page import Box
from sim.records import Records

ROOT = Path(__file__).parent.parent
Pixels = NDArray[np.uint8]
SIZE = (1360, 860)

# A whole attempt, without a screen


class Window:
    """Stands in the place of a window: does what is pressed and clicked, and looks at the picture."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        trainer.resize(SIZE, 1.0)
        while trainer.talk.phase == "loading":
            trainer.work()
            time.sleep(0.02)
        self.picture = trainer.frame()

    def press(self, *keys: str) -> Pixels:
        for key in keys:
            self.trainer.handle(Input("key", key=key.removeprefix("shift+"), shift=key.startswith("shift+")))
        return self.look()

    def click(self, deed: str) -> Pixels:
        box = next(box for box, d in self.trainer._composer.zones if d == deed)
        self.trainer.handle(Input("down", x=(box.x0 + box.x1) // 2, y=(box.y0 + box.y1) // 2, button="left"))
        return self.look()

    def drag(self, by: tuple[int, int]) -> Pixels:
        box = self.box("view")
        x, y = (box.x0 + box.x1) // 2, (box.y0 + box.y1) // 2
        for kind, at in (("down", (x, y)), ("move", (x + by[0], y + by[1])), ("up", (x, y))):
            self.trainer.handle(Input(kind, x=at[0], y=at[1], button="left"))  # type: ignore[arg-type]
        return self.look()

    def look(self) -> Pixels:
        self.trainer.work()
        self.picture = self.trainer.frame()
        return self.picture

    def box(self, name: str) -> Box:
        found: Box = getattr(self.trainer._composer.places, name)
        return found

    def part(self, name: str) -> Pixels:
        box = self.box(name)
        return self.picture[box.y0 : box.y1, box.x0 : box.x1].copy()

    @property
    def state(self) -> Any:
        assert self.trainer.talk.told is not None
        return self.trainer.talk.told.state


@pytest.fixture(scope="module")
def shelf(voxel_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    records = Records(tmp_path_factory.mktemp("records") / "records.sqlite")
    yield Shelf(records)
    records.close()


@pytest.fixture(scope="module")
def begun(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    debrief = tmp_path_factory.mktemp("debrief") / "debrief.html"
    trainer = Trainer(Talk(shelf, load_procedure("gon-block-c2"), "right", "man", debrief=debrief))
    yield Window(trainer)
    trainer.close()


@pytest.mark.image
def test_an_attempt_goes_from_the_checklist_to_the_debrief(begun: Window, shelf: Shelf) -> None:
    w = begun
    assert w.picture.shape == (SIZE[1], SIZE[0], 3)
    assert w.part("view").std() > 15  # a head, not an empty pane
    dark = w.part("scan")

    w.press("c", "c", "x", "Tab")
    assert (w.state["confirmed"], w.state["side"], w.state["step"]) == ([0, 1], "right", "side")
    w.click("item:2")
    assert w.state["confirmed"] == [0, 1, 2]

    w.press("h")
    assert w.state["probe"] is not None
    first, view = w.part("scan"), w.part("view")
    assert first.mean() > dark.mean() + 15
    w.press("3", "Right", "Right", "Right")
    assert np.abs(w.part("scan").astype(int) - first).mean() > 3  # the probe has slid, and shows something else
    assert not np.array_equal(w.part("view"), view)

    w.press("n", "shift+W", "w", "w")
    assert w.state["needle"]["depth_mm"] == pytest.approx(7.0)
    w.click("far:advance-")
    assert w.state["needle"]["depth_mm"] == pytest.approx(2.0)
    w.press("a", "i")
    assert w.state["given_ml"] == pytest.approx(0.5)
    texts = " ".join(e["text"] for e in w.trainer.talk.shown.events) if w.trainer.talk.shown else ""
    assert "aspiration" in texts and "0.5 mL given" in texts

    w.press("Delete", "Escape")
    assert w.state["phase"] == "attempt"
    w.press("Escape")
    assert w.state["phase"] == "done"
    w.look()
    written = w.trainer.talk.written
    assert written is not None and "<html" in written.read_text("utf-8")
    kept = shelf.records.attempts()[-1]
    assert kept["procedure"] == "gon-block-c2" and kept["lines"] > 8
    before = w.part("view")
    w.drag((80, 0))
    assert not np.array_equal(w.part("view"), before)  # one may still look round
    w.press("a", "i")
    assert w.state["given_ml"] == pytest.approx(0.5)  # but do nothing more


@pytest.mark.image
def test_after_the_end_one_begins_anew_or_closes(begun: Window, shelf: Shelf) -> None:
    w = begun
    if w.state["phase"] != "done":
        w.press("Escape", "Escape")
    count = len(shelf.records.attempts())
    w.press("Return")
    assert w.state["phase"] == "attempt" and w.state["confirmed"] == []
    assert len(shelf.records.attempts()) == count + 1

    w.press("2")
    session, box = w.trainer.talk.session, w.box("view")
    w.drag((0, -60))
    assert session.cursor is not None and session._scene is not None
    (x, y), *_ = session._scene.project(session.cursor.point_mm)
    assert (x, y) == pytest.approx((box.width / 2, box.height / 2 - 60), abs=2)  # the finger is where the pointer let go

    w.trainer.resize((1700, 1000), 1.0)
    time.sleep(0.2)
    assert w.look().shape == (1000, 1700, 3)
    assert w.trainer.talk.session.size == (w.box("view").width, w.box("view").height)
    w.trainer.handle(Input("close"))
    assert w.trainer.closed


@pytest.mark.image
def test_a_fault_inside_costs_a_request_and_not_the_attempt(begun: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_messages: Any) -> Any:
        raise OSError("the disk is full")

    w = begun
    with monkeypatch.context() as patch:
        patch.setattr(w.trainer.talk.session, "call", broken)
        w.press("V")
    assert w.trainer.talk.shown is not None and "attempt is kept" in w.trainer.talk.shown.fault
    w.press("V")
    assert w.state["phase"] in ("attempt", "done")


# Commands, and a real screen


def inion(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")} | environment
    return subprocess.run([sys.executable, "-m", "sim", *words], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a screen")
@pytest.mark.parametrize("command", ["view", "train"])
def test_without_a_screen_there_is_one_clear_line(command: str, tmp_path: Path) -> None:
    done = inion(command, *(["--records", str(tmp_path / "r.sqlite")] if command == "train" else []))
    assert done.returncode == 2
    assert done.stderr == f"inion {command}: {NO_SCREEN}.\n"


@pytest.mark.image
def test_a_shot_shows_the_head(begun: Window, tmp_path: Path) -> None:
    from PIL import Image

    done = inion("view", "--show", "skin", "--shot", str(tmp_path / "head.png"))
    assert (done.returncode, done.stderr) == (0, "")
    picture = np.asarray(Image.open(tmp_path / "head.png").convert("RGB")).astype(int)
    assert picture.shape[0] > 600 and picture.shape[1] > 900
    middle, beside = picture[300:500, 520:720], picture[300:500, 60:200]
    assert (middle[..., 0] - middle[..., 2]).mean() > (beside[..., 0] - beside[..., 2]).mean() + 15  # skin is warmer than paper
    assert np.abs(middle.mean((0, 1)) - beside.mean((0, 1))).max() > 20 and beside.std((0, 1)).max() < 2


def test_a_shot_must_be_a_png(tmp_path: Path) -> None:
    done = inion("view", "--shot", str(tmp_path / "head.jpg"))
    assert done.returncode == 2 and "ends in .png" in done.stderr and not (tmp_path / "head.jpg").exists()


class Desk:
    """A screen of its own, with a program in a window on it."""

    def __init__(self, number: str, words: list[str], folder: Path) -> None:
        self.number = number
        self.environment = dict(os.environ) | {"DISPLAY": number}
        self.program = subprocess.Popen(
            [sys.executable, "-m", "sim", *words], cwd=folder, env=self.environment | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tool(self, *words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=self.environment, capture_output=True, text=True)
        return done.stdout.strip()

    def keys(self, *keys: str) -> None:
        self.tool("key", "--delay", "40", *keys)

    def picture(self) -> Pixels:
        from PIL import ImageGrab

        return np.asarray(ImageGrab.grab(xdisplay=self.number).convert("RGB"))

    def wait(self, for_what: Callable[[Pixels], bool], seconds: float = 120.0) -> Pixels:
        """Return the screen once it is as wanted."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.program.poll() is None, self.program.communicate()
            picture = self.picture()
            if for_what(picture):
                return picture
            time.sleep(0.2)
        raise AssertionError("the screen did not become what it should")


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    read, write = os.pipe()
    # without -noreset it starts anew, deaf for a moment, whenever its last client leaves: each picture taken is one
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-noreset", "-screen", "0", "1440x900x24"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as line:
        number = line.readline().strip()
    if not number:
        server.wait()
        pytest.skip("Xvfb does not start here")
    yield f":{number}"
    server.send_signal(signal.SIGTERM)
    server.wait()


def focused(desk: Desk) -> None:
    desk.wait(lambda p: bool(p.any()))
    desk.tool("search", "--name", "^Inion", "windowfocus")


@pytest.mark.image
def test_a_real_window_turns_the_head_by_keys_and_closes(begun: Window, screen: str, tmp_path: Path) -> None:
    desk = Desk(screen, ["view"], tmp_path)
    try:
        first = desk.wait(lambda p: float(p[300:500, 500:700].std()) > 8)
        focused(desk)
        desk.keys("3", "shift+Right", "shift+Right")
        desk.wait(lambda p: float(np.abs(p.astype(int) - first).mean()) > 4)
        desk.keys("q", "e")  # keys by which VTK itself would close
        time.sleep(0.5)
        assert desk.program.poll() is None
        desk.keys("Escape")
        assert desk.program.wait(30) == 0
        assert desk.program.communicate() == ("", "")
    finally:
        desk.program.kill()
        desk.program.communicate()


@pytest.mark.slow
@pytest.mark.image
def test_a_real_window_trains(screen: str, tmp_path: Path) -> None:
    desk = Desk(screen, ["train", "--records", str(tmp_path / "records.sqlite")], tmp_path)
    try:
        desk.wait(lambda p: float(p[200:600, 300:860].std()) > 20)
        focused(desk)
        scan = slice(80, 480), slice(900, 1280)
        desk.keys("h")
        first = desk.wait(lambda p: float(p[scan].mean()) > 25)
        desk.keys("3", "Right", "Right", "Right", "Right")
        desk.wait(lambda p: float(np.abs(p[scan].astype(int) - first[scan]).mean()) > 4)
        desk.keys("Escape", "Escape")
        end = time.monotonic() + 90
        while not list(tmp_path.glob("inion-debrief-*.html")) and time.monotonic() < end:
            time.sleep(0.2)
        time.sleep(1.0)
        desk.keys("Escape")
        assert desk.program.wait(60) in (0, 1)
        out, _ = desk.program.communicate()
        assert "Debrief: inion-debrief-" in out
    finally:
        desk.program.kill()
        desk.program.communicate()
