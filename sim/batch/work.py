"""What a worker does: some of the items of one patient, each put whole into its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from meshes.model import Anatomy
from sim.batch.files import ITEMS, is_whole, put_error, put_item
from sim.batch.items import LAYOUT, Item, sheaves
from sim.batch.people import Someone, anatomy_of
from sim.release import program_version

TOPIC = "inion-batch"
KEPT = 256  # results that a cached function may hold before they are let go
DISCLAIMER = "Simulated. For training and explanation. Not medical advice. Not a medical device."
Tell = Callable[[str], None]
_held: dict[str, Anatomy] = {}


@dataclass(frozen=True)
class Task:
    """Items of one patient.

    Parameters
    ----------
    folder : str
        Of the batch, the same for all workers.
    whole : tuple of Item
        All items of the sheaves that it touches; see `sim.batch.ultrasound.shots`.
    wanted : tuple of str
        Ids of those that are made.
    alone : bool
        The worker's process was started for this batch, so that it may be kept to one core.
    """

    folder: str
    whole: tuple[Item, ...]
    wanted: tuple[str, ...]
    alone: bool = False


def do(task: Task, tell: Tell | None = None) -> dict[str, str]:
    """Make the items of a task and return those that could not be made, with the reason.

    Parameters
    ----------
    task : Task
    tell : callable, optional
        Called with the id of each item that is done; by default the scheduler is told.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    say = tell or _say
    keep_to_one_core(everywhere=task.alone)
    folder, wanted = Path(task.folder), set(task.wanted)
    for item_id in task.wanted:
        if is_whole(folder / ITEMS / item_id):  # made by a worker that was lost before its task ended
            wanted.remove(item_id)
            say(item_id)
    failed = _made(folder, task.whole, wanted, say) if wanted else {}
    for item in task.whole:
        if item.id in failed:
            put_error(folder, item.id, _head(item) | {"error": failed[item.id], "asked": dict(item.asked)})
            say(item.id)
    return failed


def _made(folder: Path, whole: Sequence[Item], left: Set[str], say: Tell) -> dict[str, str]:
    """Make what is left of one patient's items; return what failed."""
    try:
        anatomy = _anatomy(whole[0].someone)
    except ValueError as error:
        return dict.fromkeys(left, _why(error))
    failed: dict[str, str] = {}
    for sheaf in sheaves(list(whole)):
        wanted = [item for item in sheaf if item.id in left]
        if wanted:
            failed |= _sheaf(folder, anatomy, sheaf, wanted, say)
    return failed


def _sheaf(folder: Path, anatomy: Anatomy, whole: Sequence[Item], wanted: Sequence[Item], say: Tell) -> dict[str, str]:
    """Make the items of one sheaf; return what failed."""
    from sim.batch.ultrasound import shots

    failed: dict[str, str] = {}
    if wanted[0].kind == "picture":
        for item in wanted:
            failed |= _tried(folder, item, partial(_draw, anatomy, item), say)
        return failed
    for item, shot in shots(anatomy, whole, wanted):
        if isinstance(shot, ValueError):
            failed[item.id] = _why(shot)
        else:
            failed |= _tried(folder, item, partial(_scan, anatomy, item, shot), say)
    _let_go()
    return failed


def _tried(folder: Path, item: Item, write: Callable[[Path], Mapping[str, Any]], say: Tell) -> dict[str, str]:
    """Put one item into its place; what is wrong with it is told, a folder that cannot be written is raised."""
    try:
        put_item(folder, item.id, write)
    except OSError:
        raise
    except Exception as error:  # one bad item must not stop the rest, whatever is wrong with it
        return {item.id: _why(error)}
    say(item.id)
    return {}


def _head(item: Item) -> dict[str, Any]:
    """What every `meta.json` begins with."""
    return {
        "layout": LAYOUT, "id": item.id, "kind": item.kind, "software": f"inion {program_version()}",
        "patient": item.someone.plain(), "disclaimer": DISCLAIMER,
    }  # fmt: skip


def _draw(anatomy: Anatomy, item: Item, folder: Path) -> dict[str, Any]:
    from sim.batch.pictures import draw_item

    return _head(item) | draw_item(anatomy, item, folder)


def _scan(anatomy: Anatomy, item: Item, shot: Any, folder: Path) -> dict[str, Any]:
    """Write the files of an ultrasound item."""
    from PIL import Image

    from sim.batch.pictures import draw_scene
    from sim.batch.ultrasound import told
    from sim.stills import save_png

    image, outputs = shot.image, item.asked["outputs"]
    marks = {"Software": f"inion {program_version()}", "Disclaimer": DISCLAIMER}
    if "bmode" in outputs:
        save_png(Image.fromarray(image.pixels), folder / "bmode.png", marks)
    if "labels" in outputs:
        save_png(Image.fromarray(image.labels.astype(np.uint16)), folder / "labels.png", marks)
    if "picture" in outputs:
        draw_scene(anatomy, item, shot, folder)
    return _head(item) | told(item, shot)


def _anatomy(someone: Someone) -> Anatomy:
    """The anatomy of a patient; the last one is kept, for a patient's items may come in several tasks."""
    key = repr((sorted(someone.measures.items()), sorted(someone.anatomy.items())))
    if key not in _held:
        _held.clear()
        _held[key] = anatomy_of(someone)
    return _held[key]


def keep_to_one_core(*, everywhere: bool) -> None:
    """Let this worker's loops run in one thread, so that as many workers as there are cores share them evenly.

    Parameters
    ----------
    everywhere : bool
        Also the trees of SciPy and the filters of VTK, which ask the system how many cores there are.
    """
    from meshes.compiled import set_num_threads

    set_num_threads(1)
    if everywhere:
        from vtkmodules.vtkCommonCore import vtkMultiThreader

        vtkMultiThreader.SetGlobalMaximumNumberOfThreads(1)
        os.cpu_count = lambda: 1  # scipy's `workers=-1` asks it at every call


def _let_go() -> None:
    """Empty what was kept for settings and seeds that do not come again, before it fills the memory."""
    from sim.ultrasound import frame, geometry, scatterers, spread

    for module in (frame, geometry, scatterers, spread):
        for thing in vars(module).values():
            info = getattr(thing, "cache_info", None)
            if info is not None and info().currsize > KEPT:
                thing.cache_clear()


def _why(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split()) or "no reason is given"
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def _say(item_id: str) -> None:
    """Tell the scheduler that an item is done."""
    from distributed import get_worker

    get_worker().log_event(TOPIC, {"done": item_id})
