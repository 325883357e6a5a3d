"""One run of a batch: what is finished already, what is left, who makes it, and what is told of it at the end."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshes.archive import digest, shipped_path
from sim.batch import files
from sim.batch.cluster import Event, on_dask
from sim.batch.items import LAYOUT, Item, items_of, sheaves
from sim.batch.people import people
from sim.batch.plan import plain
from sim.batch.plan_model import Plan
from sim.batch.work import DISCLAIMER, Task, do
from sim.commands.faults import BadInput, cannot
from sim.release import program_version

TASKS_PER_WORKER = 2  # at least, so that none waits long for the last one
Step = Callable[[str], None]
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Parameters
    ----------
    planned : int
        Items of the plan.
    found : int
        That were finished before.
    made : tuple of str
        Ids made by this run.
    failed : mapping of str to str
        Ids that could not be made, and why.
    complete : bool
        All items of the plan are finished.
    """

    planned: int
    found: int = 0
    made: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False


@dataclass(frozen=True)
class Prepared:
    """A batch in its folder: its items, those that this run is asked for, and those of them that are left to do."""

    plan: Plan
    folder: Path
    items: tuple[Item, ...]
    asked: tuple[Item, ...]
    left: tuple[Item, ...]


def prepare(plan: Plan, folder: Path, limit: int | None) -> Prepared:
    """Look at what a folder holds already, and write the manifest if it is a new one. The folder must be held.

    Raises
    ------
    BadInput
        If the folder holds another batch.
    """
    items = tuple(items_of(plan))
    asked = items if limit is None else items[:limit]
    head = _head(plan, items)
    _check_same(folder, head)
    if not (folder / files.MANIFEST).is_file():
        files.put_json(folder / files.MANIFEST, head | _counts(items, [], {}))
    left = tuple(item for item in asked if not files.is_whole(folder / files.ITEMS / item.id))
    return Prepared(plan, folder, items, asked, left)


def carry_out(batch: Prepared, *, workers: int, scheduler: str | None = None, step: Step | None = None) -> Outcome:
    """Make what is left of a batch, and write its manifest, index and checksums.

    Parameters
    ----------
    batch : Prepared
    workers : int
        Local processes; 0 makes everything in this one, without Dask.
    scheduler : str, optional
        Address of an existing cluster.
    step : callable, optional
        Called with the id of each item that is done.

    Raises
    ------
    BadInput
        If the folder cannot be written, or the cluster cannot be used.
    """
    tasks = _tasks(batch, max(workers, 1))
    say, told = step or (lambda _id: None), set()
    failed: dict[str, str] = {}
    events = on_dask(tasks, workers=workers, scheduler=scheduler) if workers or scheduler else _here(tasks, say)
    for kind, what in events if tasks else ():
        if kind == "item":
            if what not in told:
                told.add(what)
                say(what)
            continue
        task, answer = what
        failed |= _answered(batch.folder, task, answer)
    return finish(batch, failed)


def finish(batch: Prepared, failed: Mapping[str, str]) -> Outcome:
    """Write manifest, index and checksums of what is finished, and return what the run came to."""
    lost = [i.id for i in batch.left if i.id not in failed and not files.is_whole(batch.folder / files.ITEMS / i.id)]
    failed = dict(failed) | dict.fromkeys(lost, "its files were not found whole after it was made.")
    known = {item.id for item in batch.asked} - set(failed)
    whole = [i.id for i in batch.items if i.id in known or files.is_whole(batch.folder / files.ITEMS / i.id)]
    ordered = {item.id: failed[item.id] for item in batch.items if item.id in failed}
    try:
        manifest = _head(batch.plan, batch.items) | _counts(batch.items, whole, ordered)
        files.put_json(batch.folder / files.MANIFEST, manifest)
        files.put_text(batch.folder / files.INDEX, "".join(_rows(batch.folder, whole)))
        files.put_sums(batch.folder, whole)
    except OSError as error:
        raise cannot("be written", batch.folder, error) from error
    made = tuple(item.id for item in batch.left if item.id not in failed)
    return Outcome(len(batch.items), len(batch.asked) - len(batch.left), made, ordered, len(whole) == len(batch.items))


def _here(tasks: Sequence[Task], say: Step) -> Iterator[Event]:
    """Do tasks one after the other in this process."""
    for task in tasks:
        try:
            yield "task", (task, do(task, say))
        except OSError as error:
            yield "task", (task, error)


def _answered(folder: Path, task: Task, answer: Any) -> Mapping[str, str]:
    """What failed of a task; all that is not finished of it, if its workers were lost time and again."""
    if isinstance(answer, OSError) and answer.errno in UNWRITABLE:
        raise cannot("be written", answer.filename or folder, answer) from answer
    if not isinstance(answer, BaseException):
        return dict(answer)
    why = f"its worker was lost or failed, more than once ({type(answer).__name__})."
    left = [i for i in task.wanted if not files.is_whole(folder / files.ITEMS / i)]
    for item_id in left:
        files.put_error(folder, item_id, {"layout": LAYOUT, "id": item_id, "error": why})
    return dict.fromkeys(left, why)


def _tasks(batch: Prepared, workers: int) -> list[Task]:
    """One task for each patient, whose anatomy is then made once; more, by poses, where there are few patients."""
    left = {item.id for item in batch.left}
    by_person: dict[str, list[list[Item]]] = {}
    for sheaf in sheaves(list(batch.items)):
        if any(item.id in left for item in sheaf):
            by_person.setdefault(sheaf[0].someone.name, []).append(sheaf)
    pieces = max(1, -(-TASKS_PER_WORKER * workers // max(len(by_person), 1)))
    out = []
    for own in by_person.values():
        size = -(-len(own) // min(pieces, len(own)))
        for at in range(0, len(own), size):
            whole = tuple(item for sheaf in own[at : at + size] for item in sheaf)
            out.append(Task(str(batch.folder.resolve()), whole, tuple(item.id for item in whole if item.id in left)))
    return out


def _head(plan: Plan, items: Sequence[Item]) -> dict[str, Any]:
    """What a manifest says of a batch before anything is made."""
    head: dict[str, Any] = {
        "layout": LAYOUT, "title": plan.title, "software": f"inion {program_version()}",
        "anatomy_sha256": digest(shipped_path()),
        "items_sha256": hashlib.sha256("\n".join(item.id for item in items).encode()).hexdigest(), "plan": plain(plan),
        "patients": [someone.plain() for someone in people(plan)],
    }  # fmt: skip
    if plan.ultrasound:
        from sim.batch.ultrasound import label_keys

        head["labels"] = list(label_keys())
    return head | {"disclaimer": DISCLAIMER}


def _counts(items: Sequence[Item], whole: Sequence[str], failed: Mapping[str, str]) -> dict[str, Any]:
    counts = {"planned": len(items), "finished": len(whole), "failed": len(failed)}
    rows = [{"id": item_id, "error": why} for item_id, why in failed.items()]
    return {"counts": counts, "complete": len(whole) == len(items), "failed": rows}


def _check_same(folder: Path, head: Mapping[str, Any]) -> None:
    """Refuse a folder that holds another batch."""
    path = folder / files.MANIFEST
    try:
        held = json.loads(path.read_text("utf-8"))
        different = [text for key, text in KEYS.items() if held[key] != head[key]]
    except FileNotFoundError:
        if (folder / files.ITEMS).exists():
            raise BadInput(f"{folder} holds items without a manifest; choose another folder with -o.") from None
        return
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path} is damaged; remove it and {folder / files.ITEMS}, or choose another folder with -o.") from None
    if different:
        raise BadInput(f"{folder} holds a batch of {different[0]}; choose another folder with -o.")


KEYS = {
    "layout": "another layout", "software": "another version of Inion", "anatomy_sha256": "another model of the anatomy",
    "items_sha256": "another plan",
}  # fmt: skip


def _rows(folder: Path, whole: Sequence[str]) -> Iterator[str]:
    """The lines of the index: of each finished item, what one sorts by."""
    for item_id in whole:
        place = folder / files.ITEMS / item_id
        meta = json.loads((place / files.META).read_text("utf-8"))
        needle, nerve = meta.get("needle"), meta.get("nerve")
        row = {
            "id": item_id, "kind": meta["kind"], "patient": meta["patient"]["name"],
            "files": sorted(files.read_sums(place / files.SUMS)),
        }  # fmt: skip
        if meta["kind"] == "ultrasound":
            row |= {"pose": meta["pose"], "side": meta["side"], "nerve_visible": nerve["visible"], "seed": meta["seed"]}
            row["needle_visible"] = bool(needle and needle.get("visible"))
        else:
            row |= {"scenario": meta["scenario"]["scenario"], "view": meta["scenario"]["view"]}
        yield json.dumps(row, ensure_ascii=False) + "\n"
