"""Tasks on Dask: local worker processes, or the workers of a scheduler that runs already."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.batch.work import TOPIC, Task, do
from sim.commands.faults import BadInput

RETRIES = 2  # of a task whose worker fails in a way that it could not tell
ANY_PORT = "127.0.0.1:0"  # of its page: none is promised
ANSWERS_S = 15.0  # how long a scheduler may take to answer
NEEDS = 'Dask is not installed. Run `pip install "inion[batch]"`, or use --workers 0.'
Event = tuple[str, Any]


def on_dask(tasks: Sequence[Task], *, workers: int, scheduler: str | None) -> Iterator[Event]:
    """Yield what happens to tasks: ('item', id) as items are done, ('task', (task, failed or an exception)) as tasks end.

    A worker that is lost is replaced, and its task begun again: items that it had finished are not made twice.

    Parameters
    ----------
    tasks : sequence of Task
    workers : int
        Processes on this machine, of one thread each.
    scheduler : str, optional
        Address of an existing cluster, in place of processes of its own. Its workers must see the folder.

    Raises
    ------
    BadInput
        If no scheduler answers, or its workers cannot do this batch.
    """
    events: queue.Queue[Event] = queue.Queue()
    with _client(workers, scheduler) as client:
        if scheduler is not None:
            _check_workers(client, tasks[0])
        client.subscribe_topic(TOPIC, lambda event: events.put(("item", event[1]["done"])))
        alone = scheduler is None
        futures = {}
        for task in tasks:
            future = client.submit(do, replace(task, alone=alone), pure=False, retries=RETRIES, key=_key(task))
            futures[future.key] = task
            future.add_done_callback(lambda f: events.put(("future", f)))
        while futures:
            kind, what = events.get()
            if kind == "item":
                yield kind, what
                continue
            error = what.exception()
            yield "task", (futures.pop(what.key), error if error is not None else what.result())


def _key(task: Task) -> str:
    return f"inion-{task.wanted[0]}-{len(task.wanted)}"


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Any]:
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise BadInput(NEEDS) from error
    with ExitStack() as stack:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        threads = {"NUMBA_NUM_THREADS": 1, "VTK_SMP_MAX_THREADS": 1}
        changes = {f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in threads.items()}
        stack.enter_context(dask.config.set({**changes, "distributed.logging.distributed": "critical"}))
        if scheduler is None:
            cluster = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=ANY_PORT,
                silence_logs=logging.CRITICAL, host="127.0.0.1",
            )  # fmt: skip
            stack.enter_context(cluster)
            yield stack.enter_context(Client(cluster))  # type: ignore[no-untyped-call]
            return
        try:
            yield stack.enter_context(Client(scheduler, timeout=ANSWERS_S))  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError, ValueError) as error:
            text = " ".join(str(error).split()) or "no answer"
            raise BadInput(f"--scheduler is {scheduler!r}, where no Dask scheduler answers ({text}).") from error


def _check_workers(client: Any, task: Task) -> None:
    """Refuse a cluster without workers, of another version of Inion, or that does not see the folder."""
    found = client.run(_seen, task.folder)
    if not found:
        raise BadInput("the scheduler has no workers; start some with `dask worker ADDRESS --nthreads 1`.")
    own = _seen(task.folder)
    for address, told in found.items():
        if told[0] != own[0]:
            raise BadInput(f"the worker {address} has another version of Inion or of its model; install {own[0][0]} there.")
        if not told[1]:
            raise BadInput(f"the worker {address} does not see {task.folder}; choose a folder that all workers share with -o.")


def _seen(folder: str) -> tuple[tuple[str, str], bool]:
    """What a worker has: version of the program and digest of its model; whether it sees the batch's folder."""
    from meshes.archive import digest, shipped_path
    from sim.batch.files import MANIFEST
    from sim.release import program_version

    return (f"inion {program_version()}", digest(shipped_path())), (Path(folder) / MANIFEST).is_file()
