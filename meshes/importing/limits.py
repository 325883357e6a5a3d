"""How much a reading may take, and the checks that hold what a file declares against what it has."""

from __future__ import annotations

import gzip
import math
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.importing.raw import ImportFault

MOST_PACKED = 1032  # a byte of deflate stands for no more bytes than this
AGAIN = "the file is damaged or was cut off; export or copy it again."


@dataclass(frozen=True)
class Limits:
    """What is refused as too large, before memory is taken for it.

    Parameters
    ----------
    file_bytes : int
        Of one file, as it lies there or unpacked.
    total_bytes : int
        Of all files of a zip, unpacked.
    files : int
        In a folder or a zip, and parts of one file.
    faces : int
        Triangles of one part, and of all parts of a file.
    voxels : int
        Of a label volume.
    labels : int
        Different numbers in it; a scan of grey values has more.
    """

    file_bytes: int = 1_000_000_000
    total_bytes: int = 2_000_000_000
    files: int = 5_000
    faces: int = 10_000_000
    voxels: int = 400_000_000
    labels: int = 1_000


LIMITS = Limits()


def check_count(origin: str, what: str, count: int, most: int) -> int:
    """Return `count` if it is from 0 to `most`, else raise ImportFault."""
    if not 0 <= count <= most:
        raise ImportFault(f"{origin} declares {count:,} {what}, more than can be read here ({most:,}); make it smaller.")
    return count


def check_room(origin: str, what: str, needed: int, there: int) -> None:
    """Raise ImportFault if a file declares more bytes than it has."""
    if not 0 <= needed <= there:
        raise ImportFault(f"{origin} declares {what} of {needed:,} bytes, but holds only {there:,}; {AGAIN}")


@contextmanager
def faults_of(origin: str) -> Iterator[None]:
    """Turn whatever a damaged file raises in a parser into one ImportFault that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImportFault:
        raise
    except MemoryError:
        raise ImportFault(f"{origin} needs more memory than there is; make it smaller, or import fewer parts.") from None
    except ModuleNotFoundError as error:
        raise ImportFault(f'{origin} needs {error.name}; use `pip install "inion[medical]"`.') from None
    except Exception as error:  # a parser of a spoiled file may raise anything; the reader is told one plain line
        text = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImportFault(f"{origin} cannot be read ({text}); {AGAIN}") from None


def numbers_in(origin: str, text: bytes, kind: Any = np.float64) -> NDArray[Any]:
    """Return the numbers of a text that holds nothing else, parted by blanks."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found: NDArray[Any] = np.fromstring(text.decode("ascii"), dtype=kind, sep=" ") if text.strip() else np.zeros(0, kind)
        except (ValueError, DeprecationWarning, UnicodeDecodeError):
            raise ImportFault(f"{origin} has something else where numbers should stand; {AGAIN}") from None
    return found


def inflated(origin: str, data: bytes, needed: int, *, kind: str = "zlib") -> bytes:
    """Return exactly `needed` bytes that `data` unpacks to; no more are ever held.

    Parameters
    ----------
    origin : str
    data : bytes
        Packed.
    needed : int
        Bytes as declared elsewhere.
    kind : {'zlib', 'gzip', 'bzip2', 'lzma'}

    Raises
    ------
    ImportFault
        If it unpacks to fewer, or the declared bytes cannot come out of so few.
    """
    if kind in ("zlib", "gzip") and needed > MOST_PACKED * len(data) + MOST_PACKED:
        raise ImportFault(f"{origin} declares {needed:,} bytes packed in {len(data):,}, which cannot be; {AGAIN}")
    with faults_of(origin):
        out = _opener(kind)(data, needed)
    if len(out) < needed:
        raise ImportFault(f"{origin} unpacks to {len(out):,} bytes of {needed:,}; {AGAIN}")
    return out


def _opener(kind: str) -> Callable[[bytes, int], bytes]:
    if kind == "zlib":
        return lambda data, most: zlib.decompressobj().decompress(data, max(most, 1))[:most]
    if kind == "gzip":
        return gunzipped
    if kind == "bzip2":
        import bz2

        return lambda data, most: bz2.BZ2Decompressor().decompress(data, max(most, 1))[:most]
    import lzma

    return lambda data, most: lzma.LZMADecompressor().decompress(data, max(most, 1))[:most]


def gunzipped(data: bytes, most: int) -> bytes:
    """Return at most `most` bytes of a gzip file; several members in a row count as one."""
    import io

    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        out = bytearray()
        while len(out) < most:
            block = stream.read(min(most - len(out), 1 << 24))
            if not block:
                break
            out += block
    return bytes(out)


def _fans(origin: str, corners: NDArray[Any], offsets: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the polygon of each triangle begins among the corners, and the triangle's number within it."""
    sizes = np.diff(offsets)
    if len(offsets) and (offsets[0] < 0 or offsets[-1] > len(corners) or (sizes < 0).any()):
        raise ImportFault(f"{origin} has polygons that reach beyond their list of corners; {AGAIN}")
    fans = np.maximum(sizes - 2, 0)
    step = np.arange(int(fans.sum())) - np.repeat(np.cumsum(fans) - fans, fans)
    return offsets[:-1][np.repeat(np.arange(len(sizes)), fans)], step


def triangles(origin: str, corners: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return polygons as triangles (m, 3), each polygon a fan about its first corner.

    Parameters
    ----------
    origin : str
    corners : (k,) int array
        Of all polygons in a row.
    offsets : (n + 1,) int array
        Where each polygon begins, and where the last ends.
    """
    first, step = _fans(origin, corners, offsets)
    return np.column_stack([corners[first], corners[first + step + 1], corners[first + step + 2]]).astype(np.int64)


def strips(origin: str, corners: NDArray[Any], offsets: NDArray[Any]) -> NDArray[np.int64]:
    """Return strips of triangles as triangles (m, 3), every second one of a strip turned round; arguments as of `triangles`."""
    first, step = _fans(origin, corners, offsets)
    a, b, c = (corners[first + step + i] for i in range(3))
    odd = step % 2 == 1
    return np.column_stack([np.where(odd, b, a), np.where(odd, a, b), c]).astype(np.int64)


def colour_of(values: Any) -> tuple[float, float, float] | None:
    """Return three numbers as a colour in 0 to 1, or None if they are none."""
    try:
        red, green, blue = (float(v) for v in list(values)[:3])
    except (TypeError, ValueError):
        return None
    if not all(math.isfinite(c) and 0 <= c <= 1 for c in (red, green, blue)):
        return None
    return red, green, blue


def colour_from_hex(text: object) -> tuple[float, float, float] | None:
    """Return the colour that '#rrggbb' tells, or None."""
    if not isinstance(text, str) or len(text) != 7 or not text.startswith("#"):
        return None
    try:
        return colour_of(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    except ValueError:
        return None
