"""What is done in the window of landmarks: choosing, placing, approving, undoing, turning, saving, and what it says of that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from meshes.model import Anatomy
from meshes.real_bounds import is_inside
from sim.app.window.corrections import SKIN, Corrections, title_of, told_lines
from sim.app.window.landmark_frame import VIEWS
from sim.app.window.landmark_panel import Said
from sim.app.window.landmark_saving import Save, Saved, Saving
from sim.app.window.pointer import ZOOM
from sim.landmark_rows import Row

if TYPE_CHECKING:
    from sim.app.scene.bones import BoneScene

CLOSE_MM, LONE_MM = 90.0, 240.0  # width of the picture of a place close up, and of a bone that is shown alone
HELLO = "Click a dot to choose it, then the place where it belongs. N, P: next, previous. Drag turns, with Shift it shifts; \
the wheel zooms."
SAVES = "S saves: the model is then laid on anew, which takes about a minute."
LAID = "The model is laid on anew: about a minute, longer on a busy machine."
BROKEN = "This went wrong inside the program. What you moved is still here; the terminal says more."
UNDOES = "U undoes the last step."

log = logging.getLogger(__name__)


class LandmarkDesk:
    """Landmarks, the view of them, and the deeds that change both.

    Parameters
    ----------
    anatomy : Anatomy
        Of a person, with landmarks that were found on it.
    rows : sequence of Row
        Of `rows_of`.
    save : callable
        As of `Saving`.
    size : (int, int)
        Of the view, pixels.
    clock : callable
        Seconds; monotonic.
    """

    def __init__(
        self, anatomy: Anatomy, rows: Sequence[Row], save: Save, size: tuple[int, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        from sim.app.scene.bones import BoneScene

        self.saving = Saving(save, clock)
        self.made = Corrections(anatomy, rows)
        self.said, self.side, self.closed = Said(HELLO), "posterior", False
        self.told: tuple[str, ...] = ()  # of what was saved
        self._leaving, self._lone, self._second = False, False, -1  # lone: a bone is shown alone, though nobody asked for it
        self.scene: BoneScene = BoneScene(anatomy, size)
        self.choose(self.made.rows[0].name)

    def close(self) -> None:
        """Wait for what is being saved, and give the 3-D view's memory back."""
        self.saving.close()
        self.scene.close()

    def do(self, deed: str) -> None:
        """Do what a key, a button or the list asks for."""
        name, _, what = deed.partition(":")
        leaving, self._leaving = self._leaving, False
        if name == "leave":
            self._leave(leaving)
        elif name == "choose":
            self.choose(what)
        elif name in ("next", "previous"):
            names = [r.name for r in self.made.rows]
            self.choose(names[(names.index(self.chosen) + (1 if name == "next" else -1)) % len(names)])
        elif name == "layer":
            self._lone = False
            self.scene.show(what, self.made.surface[self.chosen])
        elif name in ("undo", "approve", "save"):
            if not self.saving.busy:
                {"undo": self._undo, "approve": self._approve, "save": self._save}[name]()
        else:
            self._look(name, what)

    def choose(self, name: str) -> None:
        """Choose a landmark, show what it lies on, and turn to a side from which it is seen."""
        self.chosen = name
        self._judge()
        key, point = self.made.surface[name], self.made.at(name)
        if self.scene.layer == "alone" and key != SKIN and not self._lone:
            self.scene.show("alone", key)
        elif self._lone or key not in self.scene.shown:
            self.scene.show(SKIN if key == SKIN else "glass")
        self._lone = False
        x, y = self.scene.project(point)[0]
        within = 0 <= x < self.scene.size[0] and 0 <= y < self.scene.size[1]
        if is_inside(name) or (within and self.scene.seen(point[None], [key])[0]):
            return
        side = self._side_of(name)
        if side is None and key != SKIN:
            self._lone = True
            self.scene.show("alone", key)
            side = self._side_of(name)
        if side is not None:
            self._look("view", side)
        if self._lone:
            self.scene.look_at(point, LONE_MM)

    def _side_of(self, name: str) -> str | None:
        """The named side from which a landmark is seen best."""
        return self.scene.side_of(self.made.at(name), self.made.surface[name], [side for side, _ in VIEWS.values()])

    def place(self, x: float, y: float) -> None:
        """Put the chosen landmark where a pixel of the view shows the surface that it belongs to, or say why it cannot be."""
        self._leaving = False
        key, title, front = self.made.surface[self.chosen], title_of(self.chosen), self.scene.front(x, y)
        words, before = key.replace("_", " "), front.replace("_", " ")
        point = self.scene.pick(x, y, key) if front else None
        if self.saving.busy:
            return
        if is_inside(self.chosen):
            self._warn(f"{title} lies inside the {words}, where no click can reach it. Set it in a file (--set).")
        elif key not in self.scene.shown:
            self._warn(f"{title} lies on the {words}, which is not shown; {3 if key == SKIN else 1} shows it.")
        elif point is None:
            self._warn(f"There is no {words} under the pointer; nothing was moved.")
        elif front != key:
            alone = "Turn the view, or show its bone alone: 4."
            self._warn(f"{before.capitalize()} lies before the {words} here; nothing was moved. {alone}")
        else:
            self.made.place(self.chosen, point)
            self._judge()

    def wait(self) -> bool:
        """Look whether what is being saved is done, and return whether there is something new to show."""
        second = int(self.saving.seconds)
        try:
            saved = self.saving.done()
        except (ValueError, OSError) as error:
            why = str(error)
            self.said = Said(f"Nothing was saved. {why[:1].upper()}{why[1:]}", "bad")
            return True
        except Exception:
            log.exception("saving failed")
            self.said = Said(BROKEN, "bad")
            return True
        if saved is not None:
            self._show(saved)
            return True
        new, self._second = second != self._second, second
        self.said = Said(f"{LAID if self.made.moved else 'It is being written.'} {second} s", "busy")
        return new

    def _look(self, name: str, what: str) -> None:
        """Look from a named side, from nearer or farther, or at the chosen landmark."""
        self.side = what if name == "view" else ""
        if name == "view":
            self.scene.view(what)
        elif name == "close-up":
            self.scene.look_at(self.made.at(self.chosen), CLOSE_MM)
        else:
            self.scene.zoom(ZOOM if name == "nearer" else 1 / ZOOM)

    def _judge(self) -> None:
        """Say at once whether what was done could be kept."""
        if why := self.made.refusal(self.chosen) or self.made.refusal():
            self.said = Said(f"Would be refused. {why} {UNDOES}", "bad")
        else:
            self.said = Said(SAVES if self.made.moved else "S saves: nothing moves." if self.made.count else HELLO)

    def _undo(self) -> None:
        name = self.made.undo()
        if name is None:
            self._warn("There is nothing to undo.")
        else:
            self.choose(name)

    def _approve(self) -> None:
        if why := self.made.approve(self.chosen):
            self._warn(why)
        else:
            self._judge()

    def _save(self) -> None:
        if why := self.made.refusal():
            self.said = Said(f"Nothing was saved. {why} Move it again, or undo: U.", "bad")
        elif not self.made.count:
            self._warn("Nothing was moved or approved; there is nothing to save.")
        else:
            self.saving.begin(self.made.change())

    def _show(self, saved: Saved) -> None:
        """Go on with the anatomy as it is now."""
        laid = "The model was laid on anew." if self.made.moved else "Nothing was moved."
        self.told = (*self.told, *told_lines(self.made), *saved.lines)
        self.made = Corrections(saved.anatomy, saved.rows)
        self.scene.wear(saved.anatomy)
        self.said = Said("\n".join([f"Saved. {laid}", *saved.lines]), "good")

    def _leave(self, asked: bool) -> None:
        """Close, but ask first where something would be lost."""
        one = self.made.count == 1
        if self.saving.busy:
            self._warn("It is being saved; wait until that is done.")
        elif self.made.count and not asked:
            self._leaving = True
            lost = "1 change is" if one else f"{self.made.count} changes are"
            self._warn(f"{lost} not saved. S saves; Q again leaves and loses {'it' if one else 'them'}.")
        else:
            self.closed = True

    def _warn(self, text: str) -> None:
        self.said = Said(text, "warning")
