"""The files of a published atlas from their pinned addresses: in parallel, going on where a download stopped.

The official archive comes first, in pieces; if it is away or another, the mirror, file by file. Nothing is used before its
SHA-256 is right.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshes.archive import digest
from meshes.atlas_files import Atlas, AtlasFault, AtlasPart

if TYPE_CHECKING:
    import requests

Tell = Callable[[str], None]
Meter = Callable[[int], AbstractContextManager[Tell]]
CHUNK = 1 << 14  # bytes; what a break can lose
GONE = (401, 403, 404, 410, 451)
ARCHIVE, FILES = "archive.zip", "files"


class Away(Exception):
    """What an address does not give; its text says why."""


class _Again(Exception):
    """A failure that another try may mend."""


class _NoRange(Away):
    """A server that gives whole files only."""


@dataclass(frozen=True)
class Manner:
    """How files are fetched.

    Parameters
    ----------
    workers : int
        Connections at a time.
    tries : int
        Per piece; each goes on where the last one stopped.
    timeout_s, pause_s : float
        Longest silence of a server, and the pause before the second try, doubled before each next.
    piece_bytes : int
        Of a large file.
    """

    workers: int = 4
    tries: int = 4
    timeout_s: float = 30.0
    pause_s: float = 0.5
    piece_bytes: int = 8 << 20


@dataclass(frozen=True)
class Piece:
    """A file of an address, or the bytes from `start` to before `stop` of it.

    Parameters
    ----------
    url : str
    path : Path
        Where it is kept once it is whole; `.part` is added until then.
    most : int
        Bytes that it has, or at most has.
    start : int or None
        None for a whole file.
    part : AtlasPart or None
        The part that it must prove to be.
    exact : bool
        Whether it has `most` bytes, not fewer.
    """

    url: str
    path: Path
    most: int
    start: int | None = None
    part: AtlasPart | None = None
    exact: bool = True


def download(known: Atlas, where: Path, tell: Tell, meter: Meter | None = None, manner: Manner | None = None) -> Path:
    """Return a folder or ZIP file with a copy of an atlas, fetched into `where`.

    Parameters
    ----------
    known : Atlas
    where : Path
        Keeps what is fetched; what an earlier call left there is used.
    tell : callable
        Gets a line where something went another way than planned.
    meter : callable, optional
        Gets a number of pieces and gives a context with a function that tells the name of each that is there.
    manner : Manner, optional

    Raises
    ------
    AtlasFault
        If neither address gives the files.
    OSError
        If they cannot be written.
    """
    how = manner or Manner()
    count: Meter = meter or (lambda _total: nullcontext(lambda _text: None))
    where.mkdir(parents=True, exist_ok=True)
    try:
        return _archive(known, where, count, how)
    except Away as fault:
        tell(f"The archive is not to be had ({fault}); taking the mirror, file by file.")
        first = fault
    try:
        return _mirror(known, where, count, how)
    except Away as fault:
        raise AtlasFault(
            f"{known.name} cannot be downloaded: {first}; {fault}. Look at the network, or install a copy with "
            "--from FOLDER|ZIP; what is already here is kept, and the next try goes on from there."
        ) from fault


def _archive(known: Atlas, where: Path, meter: Meter, how: Manner) -> Path:
    """The official archive, whole and of the pinned SHA-256."""
    row, target = known.table["archive"], where / ARCHIVE
    if target.is_file() and digest(target) == row["sha256"]:
        return target
    size = int(row["bytes"])
    fresh = where / f"{ARCHIVE}.whole"
    starts = range(0, size, how.piece_bytes)
    pieces = [Piece(row["url"], where / f"{ARCHIVE}.{s}", min(how.piece_bytes, size - s), s) for s in starts]
    try:
        _fetch_all(pieces, meter, how)
        _join(pieces, fresh)
    except _NoRange:
        whole = Piece(row["url"], where / f"{ARCHIVE}.all", size)
        _fetch_all([whole], meter, how)
        os.replace(whole.path, fresh)
    for piece in pieces:
        piece.path.unlink(missing_ok=True)
    if digest(fresh) != row["sha256"]:
        fresh.unlink()
        raise Away(f"what {_host(row['url'])} gave is not the pinned archive: its SHA-256 is another")
    os.replace(fresh, target)
    return target


def _join(pieces: Sequence[Piece], path: Path) -> None:
    with path.open("wb") as out:
        for piece in pieces:
            with piece.path.open("rb") as held:
                shutil.copyfileobj(held, out, CHUNK)


def _mirror(known: Atlas, where: Path, meter: Meter, how: Manner) -> Path:
    """A folder with the files that are used; what is not needed may be absent."""
    folder = where / FILES
    folder.mkdir(exist_ok=True)
    base = known.table["mirror"]["url"]
    used = [p for p in known.parts if p.key]
    _fetch_all([Piece(base + p.file, folder / p.file, p.most_bytes, None, p, p.needed) for p in used], meter, how)
    return folder


def _fetch_all(pieces: Sequence[Piece], meter: Meter, how: Manner) -> None:
    """Fetch pieces in parallel; the first that cannot be had stops the others."""
    stop = threading.Event()
    with meter(len(pieces)) as step, _session(how) as session, ThreadPoolExecutor(how.workers) as pool:
        work = {pool.submit(_fetch, session, piece, how, stop): piece for piece in pieces}
        try:
            for done in as_completed(work):
                done.result()
                step(work[done].path.name)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _session(how: Manner) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=how.workers))
    session.headers["Accept-Encoding"] = "identity"  # the bytes as they are kept, so that a range of them means the same
    return session


def _fetch(session: requests.Session, piece: Piece, how: Manner, stop: threading.Event) -> None:
    """Fetch one piece, unless it is there; wrong bytes are fetched once more."""
    why = ""
    for attempt in range(how.tries):
        if stop.wait(how.pause_s * 2 ** (attempt - 1) if attempt else 0):
            raise Away("stopped")
        try:
            if not piece.path.is_file():
                _load(session, piece, how, stop)
            why = piece.part.fault(piece.path.read_bytes()) if piece.part else ""
        except _Again as fault:
            why = str(fault)
        except Away:
            if piece.part is None or piece.part.needed:
                raise
            return
        if not why:
            return
        piece.path.unlink(missing_ok=True)
    if piece.part is None or piece.part.needed:
        raise Away(why)


def _load(session: requests.Session, piece: Piece, how: Manner, stop: threading.Event) -> None:
    """Get what is still lacking of a piece."""
    import requests

    part = piece.path.with_name(f"{piece.path.name}.part")
    have = part.stat().st_size if part.is_file() else 0
    if have < piece.most or not piece.exact:
        try:
            with session.get(
                piece.url, headers=_range(piece, have), stream=True, timeout=(how.timeout_s, how.timeout_s)
            ) as answer:
                _write(answer, piece, part, have, stop)
        except requests.RequestException as error:
            raise _Again(f"{_host(piece.url)} cannot be reached ({_plain(error)})") from error
    size = part.stat().st_size
    if piece.exact and size < piece.most:
        raise _Again(f"{_host(piece.url)} broke off after {size:,} of {piece.most:,} bytes")
    if size > piece.most:
        part.unlink()
        raise _Again(f"{_host(piece.url)} gave more than {piece.most:,} bytes of {piece.path.name}")
    os.replace(part, piece.path)


def _range(piece: Piece, have: int) -> dict[str, str]:
    if piece.start is not None:
        return {"Range": f"bytes={piece.start + have}-{piece.start + piece.most - 1}"}
    return {"Range": f"bytes={have}-"} if have else {}


def _write(answer: requests.Response, piece: Piece, part: Path, have: int, stop: threading.Event) -> None:
    """Add an answer to what is there, or put it in its place if the server gives the file from its start."""
    status = answer.status_code
    if status in GONE:
        raise Away(f"{_host(piece.url)} has no {piece.url.rsplit('/', 1)[-1]} ({status})")
    if status == 416:
        part.unlink(missing_ok=True)
        raise _Again(f"{_host(piece.url)} has no such part of {piece.path.name}")
    if status not in (200, 206):
        raise _Again(f"{_host(piece.url)} answers {status}")
    if status == 200 and piece.start is not None:
        raise _NoRange(f"{_host(piece.url)} gives whole files only")
    if status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {(piece.start or 0) + have}-"):
        raise _Again(f"{_host(piece.url)} gave another part of {piece.path.name}")
    with part.open("ab" if status == 206 else "wb") as out:
        for chunk in _wanted(answer, piece.most - (have if status == 206 else 0)):
            if stop.is_set():
                raise Away("stopped")
            out.write(chunk)


def _wanted(answer: requests.Response, most: int) -> Iterator[bytes]:
    """The bytes of an answer, and one more than `most` if there are more."""
    for chunk in answer.iter_content(CHUNK):
        yield chunk[: most + 1]
        most -= len(chunk)
        if most < 0:
            return


def _host(url: str) -> str:
    return url.split("/")[2]


def _plain(error: Exception) -> str:
    """The innermost reason of a failure, in its own words."""
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    while isinstance(inner := error.__cause__ or error.__context__, Exception):
        error = inner
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.removeprefix("[").replace("]", ":") if text.startswith("[") else text
