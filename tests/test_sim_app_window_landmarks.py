"""`inion landmarks --view`: landmarks chosen and moved by clicks where they are seen, judged at once, saved, and read again."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes import library
from meshes.model import Anatomy
from meshes.real_correct import BY_HAND
from sim.app.scene.bones import LAYERS as SHOWN
from sim.app.window.corrections import Corrections
from sim.app.window.landmark_frame import LAYERS, VIEWS, taken
from sim.app.window.landmark_marks import Rect
from sim.app.window.landmarks import SIZE, TWICE_S, LandmarkWindow
from sim.app.window.screen import Input
from sim.cameras import edge_marks
from sim.cli import main
from sim.commands.landmarks import set_landmarks
from sim.commands.landmarks_view import NO_SCREEN
from sim.landmark_effects import effects
from sim.landmark_rows import rows_of
from sim.page import DISCLAIMER
from tests.landmark_person import keep, person_of, quick_map
from tests.test_sim_app_window import Desk, focused, screen

__all__ = ["screen"]

Array = NDArray[np.float64]
UP_MM = 5.0
PAPER = 140, 700  # a pixel of the window beside the patient, seen from behind


class Hand:
    """Stands in the place of a user: presses, clicks and looks."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.now = 0.0
        self.window = LandmarkWindow(anatomy, rows_of(anatomy), lambda change: set_landmarks("mine", change), lambda: self.now)
        self.window.resize(SIZE, 1.0)
        self.desk = self.window.desk

    def again(self) -> None:
        while self.desk.made.undo() is not None:
            pass
        self.press("1", "b")
        self.choose("inion")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.now += 2 * TWICE_S
            self.window.handle(Input("key", key=key))
        self.window.frame()

    def choose(self, name: str) -> None:
        self.desk.do(f"choose:{name}")
        self.window.frame()

    def pixel(self, point: Array) -> tuple[int, int]:
        x, y = self.desk.scene.project(point)[0]
        return round(x) + self.window.places.view.x0, round(y) + self.window.places.view.y0

    def click(self, x: int, y: int, wait_s: float = 2 * TWICE_S) -> None:
        self.now += wait_s
        for kind in ("down", "up"):
            self.window.handle(Input(kind, x=x, y=y, button="left"))  # type: ignore[arg-type]
        self.window.frame()

    def wait(self) -> str:
        end = time.monotonic() + 60
        while self.desk.saving.busy and time.monotonic() < end:
            self.window.work()
            time.sleep(0.01)
        return self.desk.said.text

    def at(self, name: str = "inion") -> Array:
        return self.desk.made.at(name)


@pytest.fixture(scope="module")
def person(anatomy: Anatomy) -> Anatomy:
    return person_of(anatomy)


@pytest.fixture
def kept(person: Anatomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "kept"))
    keep(person)
    return tmp_path / "kept"


@pytest.fixture(scope="module")
def held(person: Anatomy) -> Iterator[Hand]:
    hand = Hand(person)
    yield hand
    hand.window.close()


@pytest.fixture
def hand(held: Hand) -> Hand:
    held.again()
    return held


def up(hand: Hand, name: str = "inion", mm: float = UP_MM) -> Array:
    """A place on the cranium, walked up from a landmark."""
    return hand.desk.scene.query("cranium").walk(hand.at(name), [0.0, 0.0, 1.0], mm)[0]


def meets(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.image
def test_a_click_moves_the_inion_to_where_it_is_seen_and_undo_brings_it_back(hand: Hand) -> None:
    before = hand.at().copy()
    hand.press("c")
    goal = up(hand)
    hand.click(*hand.pixel(goal))
    assert np.linalg.norm(hand.at() - goal) < 0.5
    assert hand.desk.made.far_mm("inion") == pytest.approx(np.linalg.norm(goal - before), abs=0.5)
    assert not hand.desk.made.refusal() and hand.desk.made.moved == ("inion",)
    hand.click(*hand.pixel(up(hand, mm=3.0)))
    assert np.linalg.norm(hand.at() - before) > UP_MM
    hand.press("u")
    assert np.linalg.norm(hand.at() - goal) < 0.5
    hand.press("u")
    np.testing.assert_array_equal(hand.at(), before)
    assert hand.desk.made.count == 0
    hand.press("u")
    assert hand.desk.said.text == "There is nothing to undo."


@pytest.mark.image
def test_a_click_beside_the_patient_or_on_another_bone_moves_nothing(hand: Hand) -> None:
    hand.click(*PAPER)
    assert hand.desk.made.count == 0 and "no cranium under the pointer" in hand.desk.said.text
    hand.click(*hand.pixel(hand.at("c2_spinous_tip") + [9, 0, 5]))
    assert hand.desk.made.count == 0 and "nothing was moved" in hand.desk.said.text
    hand.press("3")
    hand.click(*hand.pixel(up(hand)))
    assert hand.desk.made.count == 0 and "which is not shown; 1 shows it" in hand.desk.said.text
    hand.choose("c2_body")
    hand.click(*hand.pixel(hand.at("c2_spinous_tip") + [9, 0, 5]))
    assert hand.desk.made.count == 0 and "no click can reach it" in hand.desk.said.text


@pytest.mark.image
def test_a_click_on_a_dot_chooses_it_and_the_second_of_two_does_not_move_it(hand: Hand) -> None:
    x, y = hand.pixel(hand.at("asterion_left"))
    hand.click(x, y)
    assert hand.desk.chosen == "asterion_left"
    hand.click(x + 3, y, wait_s=TWICE_S / 2)
    assert hand.desk.made.count == 0
    hand.press("b")
    view = hand.window.places.view
    for kind, dx in (("down", 0), ("move", 30), ("up", 30)):
        hand.window.handle(Input(kind, x=view.x0 + 400 + dx, y=view.y0 + 300, button="left"))  # type: ignore[arg-type]
    assert hand.desk.made.count == 0 and hand.desk.scene.camera.toward[0] != pytest.approx(0.0)  # it has turned the view
    hand.window.handle(Input("key", key="Left"))
    hand.click(x, y)  # on what is no longer there: the window has not been drawn since
    assert hand.desk.made.count == 0
    hand.press("n")
    names = [r.name for r in hand.desk.made.rows]
    assert hand.desk.chosen == names[names.index("asterion_left") + 1]
    hand.press("p", "p")
    assert hand.desk.chosen == names[names.index("asterion_left") - 1]


@pytest.mark.image
def test_a_left_landmark_on_the_right_is_refused_at_once_and_not_saved(hand: Hand, kept: Path) -> None:
    before = files(kept)
    hand.choose("asterion_left")
    hand.press("b")
    hand.click(*hand.pixel(hand.at("asterion_right") + [-9, 0, 9]))
    assert hand.desk.made.moved == ("asterion_left",)
    assert hand.desk.said.text.startswith("Would be refused. Asterion (left) lies on the patient's other side.")
    hand.press("s")
    assert not hand.desk.saving.busy and "Nothing was saved. Asterion (left)" in hand.desk.said.text
    assert files(kept) == before
    hand.press("u")
    assert hand.desk.made.count == 0 and not hand.desk.made.refusal()


def test_the_bounds_are_those_of_the_file(person: Anatomy) -> None:
    made = Corrections(person, rows_of(person))
    for name, point, says in (
        ("inion", person.landmark("inion") + [30, 0, 0], "Inion lies 3. mm beside the midline"),
        ("inion", person.landmark("inion") - [0, 60, 0], "mm off the cranium, to which it belongs"),
        ("inion", person.landmark("glabella"), "Inion would move 1.. mm, more than 45"),
        ("inion", person.landmark("inion_lower_border") + [0, 0, 0.3], "Inion and Inion lower border lie in one place"),
    ):
        made.place(name, point)
        assert re.search(says, made.refusal(name)), made.refusal(name)
        made.undo()
    step = {"porion": 9.0, "orbitale": -9.0}
    for name, mm in step.items():
        for side in ("left", "right"):
            made.place(f"{name}_{side}", person.landmark(f"{name}_{side}") + [0, 0, mm])
    assert made.refusal()


@pytest.mark.image
def test_what_is_saved_is_what_was_seen(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Mapping[str, Any]] = []
    monkeypatch.setattr("meshes.real_correct.real_anatomy", quick_map(calls))
    hand = Hand(library.read("mine"))
    hand.choose("inion")
    hand.press("c")
    hand.click(*hand.pixel(up(hand)))
    hand.choose("nasion")
    hand.press("a")
    skin_first = library.read("mine").landmark("inion_skin")
    goal, first, nasion = hand.at().copy(), library.read("mine").landmark("inion"), hand.at("nasion").copy()
    hand.press("q")
    assert not hand.window.closed and "2 changes are not saved" in hand.desk.said.text
    hand.press("s", "q")
    assert not hand.window.closed or not hand.desk.saving.busy
    assert hand.wait().startswith("Saved. The model was laid on anew.")
    now = library.read("mine")
    np.testing.assert_allclose(now.landmark("inion"), goal, atol=0.01)
    np.testing.assert_allclose(now.landmark("nasion"), nasion, atol=1e-9)
    how = now.meta["landmark_how"]
    assert how["inion"] == BY_HAND and how["nasion"].startswith("approved by hand") and len(calls) == 1
    far = np.linalg.norm(goal - first)
    assert hand.desk.told[:2] == (f"Set by hand: Inion, {far:.1f} mm from where it was.", "Approved: Nasion.")
    assert "Estimated error of what is carried over: 4.4 mm (was 4.4 mm), nine in ten within 9.0 mm." in hand.desk.told
    site = next(line for line in hand.desk.told if "medial third" in line)
    skin = now.landmark("inion_skin") - skin_first
    assert all(float(mm) == pytest.approx(2 / 3 * np.linalg.norm(skin), abs=1.5) for mm in re.findall(r"(\d\.\d) mm", site))
    assert hand.desk.made.count == 0
    np.testing.assert_allclose(hand.at(), goal, atol=0.01)
    hand.window.frame()
    hand.press("q")
    assert hand.window.closed
    hand.window.close()


@pytest.mark.image
def test_a_saving_that_fails_loses_nothing(
    hand: Hand, kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def folded(*_args: object, **_more: object) -> None:
        raise ValueError("the model cannot be carried to these points.")

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("a slip")

    monkeypatch.setattr("meshes.real_correct.real_anatomy", folded)
    before = files(kept)
    hand.press("c")
    hand.click(*hand.pixel(up(hand)))
    hand.press("s")
    assert hand.wait() == "Nothing was saved. The model cannot be carried to these points."
    assert hand.desk.made.moved == ("inion",) and files(kept) == before
    monkeypatch.setattr("meshes.real_correct.real_anatomy", broken)
    hand.press("s")
    assert "is still here" in hand.wait() and hand.desk.made.moved == ("inion",) and files(kept) == before
    assert "saving failed" in caplog.text
    hand.press("q", "n", "q")
    assert not hand.window.closed  # something else was done between: it asks again


@pytest.mark.image
def test_no_word_lies_over_another_and_sides_are_true(hand: Hand) -> None:
    assert tuple(LAYERS) == SHOWN
    for key, (side, _) in VIEWS.items():
        for layer in ("1", "3") if side == "anterior" else ("3",) if side == "left" else ("1",):
            hand.press(layer, key)
            words, size = [w.box for w in hand.window.words], hand.desk.scene.size
            assert len(words) > 4, (side, layer)
            for i, word in enumerate(words):
                assert min(word) >= 0 and word[2] <= size[0] and word[3] <= size[1]
                assert not any(meets(word, other) for other in (*words[i + 1 :], *taken(size)))
            x = {d.name: d.x for d in hand.window.dots if not d.hidden}
            marks, pairs = edge_marks(hand.desk.scene.camera), 0
            for name in (n for n in x if n.endswith("_left") and n[:-4] + "right" in x):
                assert (x[name] < x[name[:-4] + "right"]) == (marks["left"] == "L")
                pairs += 1
            assert pairs >= 2 or side in ("left", "right")
            bony = {"inion", "mastoid_tip_left", "nasion", "menton"} - {hand.desk.chosen}
            assert bool(bony & x.keys()) == (layer == "1") or side == "superior"  # the skin hides them


@pytest.mark.image
def test_the_window_says_what_it_is_at_any_size(hand: Hand) -> None:
    assert hand.desk.made.rows[0].asked
    assert "choose:inion" in (deed for _, deed in hand.window.zones)
    for _ in range(9):
        hand.window.handle(Input("wheel", x=SIZE[0] - 100, y=SIZE[1] // 2))
    hand.window.frame()
    assert "choose:inion" not in (deed for _, deed in hand.window.zones)
    hand.press("p", "n")
    for size, scale in (((900, 600), 1.0), ((2000, 1300), 1.8), (SIZE, 1.0)):
        hand.window.resize(size, scale)
        picture = hand.window.frame()
        assert picture.shape == (size[1], size[0], 3)
        deeds = [deed for _, deed in hand.window.zones]
        assert {"save", "leave", "undo", "approve", "close-up", "choose:inion", "view:left", "layer:skin"} <= set(deeds)
        assert all(0 <= b.x0 < b.x1 <= size[0] and 0 <= b.y0 < b.y1 <= size[1] for b, _ in hand.window.zones)
    assert DISCLAIMER.startswith("For training") and len(hand.window._foot()) > 0


def test_the_way_of_the_nerve_is_told_of_both_sides(anatomy: Anatomy) -> None:
    assert effects(anatomy, anatomy) == []  # no landmark has moved
    nerves = [anatomy[f"greater_occipital_nerve_{side}"] for side in ("right", "left")]
    moved = [replace(nerves[0], centerline=nerves[0].centerline + [0.0, -3.0, 0.0]), nerves[1]]
    before = Anatomy.of("few", nerves, {"inion": anatomy.landmark("inion")}, anatomy.curves)
    after = Anatomy.of("few", moved, {"inion": anatomy.landmark("inion") + 1.0}, anatomy.curves)
    assert effects(before, after) == ["Greater occipital nerve at the superior nuchal line: moved 3.0 mm (right), 0.0 mm (left)."]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a screen")
def test_without_a_screen_there_is_one_clear_line(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["landmarks", "mine", "--view"]) == 2
    assert capsys.readouterr().err == f"inion landmarks: {NO_SCREEN}\n"
    for words, says in (
        (("shipped",), "the model itself"), (("mine", "--json"), "leave the other options out"), (("nobody",), "'nobody'"),
    ):  # fmt: skip
        assert main(["landmarks", *words, "--view"]) == 2
        err = capsys.readouterr().err
        assert says in err and err.count("\n") == 1


@pytest.mark.image
def test_a_real_mouse_chooses_and_saves(held: Hand, screen: str, kept: Path, tmp_path: Path) -> None:
    held.again()
    held.window.resize((SIZE[0], 900 - 80), 1.0)  # as the window is on that screen
    x, y = held.pixel(held.at("mastoid_tip_left"))
    held.window.resize(SIZE, 1.0)
    desk = Desk(screen, ["landmarks", "mine", "--view", "-q"], tmp_path)
    try:
        desk.wait(lambda p: float(p[100:600, 100:900].std()) > 20)
        focused(desk)
        first = desk.picture().astype(int)
        desk.keys("b")
        desk.wait(lambda p: float(np.abs(p - first)[100:600, 100:900].mean()) > 4)
        desk.tool("mousemove", str(x), str(y), "click", "1")
        desk.keys("a", "s")
        end = time.monotonic() + 60
        while "landmark_how" in (meta := library.read("mine").meta) and time.monotonic() < end:
            if meta["landmark_how"]["mastoid_tip_left"].startswith("approved"):
                break
            time.sleep(0.2)
        while desk.program.poll() is None and time.monotonic() < end:
            desk.keys("q")  # it does not leave before it has saved
            time.sleep(0.3)
        assert desk.program.wait(5) == 0
        out, err = desk.program.communicate()
        assert "Approved: Mastoid tip (left)." in out and err == ""
    finally:
        desk.program.kill()
        desk.program.communicate()
