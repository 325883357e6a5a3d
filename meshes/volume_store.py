"""Label volumes of an anatomy, tile by tile: built when first needed, kept on disk by the anatomy's content."""

from __future__ import annotations

import logging
import os
import secrets
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import blake2b
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.model import Anatomy
from meshes.points import load_table
from meshes.volume import BRICK, FIBRE_RATIO, SPACING_MM, LabelVolume
from meshes.volume_build import TILE, Tile, build_tile, first_node, volume_keys

Array = NDArray[np.float64]
VERSION = 5  # of the tiles' content; a change makes old files useless
FOLDER_VARIABLE = "INION_CACHE"
LARGEST_MB = 3000.0  # of the folder; the oldest files go
LARGEST_TILES = 64
KEPT_TILES = 16  # held in memory beside the box in hand; the others are read from disk again
FARTHEST_MM = 1e5  # from the origin, of a box
TILE_MM = TILE * SPACING_MM
_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder that holds built tiles: `INION_CACHE`, or the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("inion", appauthor=False))


def content_digest(anatomy: Anatomy) -> str:
    """Return a name for what an anatomy's voxels depend on: surfaces, fibres, keys, and the rules that make voxels."""
    digest = blake2b(f"{VERSION} {sorted(load_table('volume').items())!r}".encode(), digest_size=16)
    for key in volume_keys(anatomy)[2:]:
        mesh = anatomy[key].mesh
        digest.update(f"{key} {anatomy[key].kind} {anatomy[key].tissue}".encode())
        for array in (mesh.vertices_mm, mesh.faces, mesh.fibres, mesh.tendon):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class VolumeStore:
    """The voxels of one anatomy.

    Parameters
    ----------
    anatomy : Anatomy
    folder : Path, optional
        Where tiles are kept; `cache_folder()` by default. If it cannot be written, tiles are kept in memory only.
    tell : callable, optional
        Called with (tiles done, tiles in all) while tiles are built.
    """

    def __init__(self, anatomy: Anatomy, folder: Path | None = None, tell: Callable[[int, int], None] | None = None) -> None:
        self.anatomy = anatomy
        self.keys = volume_keys(anatomy)
        self.tell = tell
        self._folder = folder if folder is not None else cache_folder()
        self._name = content_digest(anatomy)
        self._tiles: dict[tuple[int, int, int], Tile] = {}
        self._most = KEPT_TILES

    def box(self, low: ArrayLike, high: ArrayLike) -> LabelVolume:
        """Return the voxels of the whole tiles that hold the box from `low` to `high` (3,), mm RAS.

        Raises
        ------
        ValueError
            If a corner is not finite or far from the head, or the box needs more than 64 tiles (of 40 mm).
        """
        a, count = _tiles_of(np.array([low, high], dtype=np.float64))
        bricks = np.empty((*(count * TILE // BRICK), BRICK**3), dtype=np.uint32)
        fibres = np.empty((*(count * TILE // FIBRE_RATIO), 4), dtype=np.int16)
        wanted = list(product(*(range(int(n)) for n in count)))
        self._most = max(KEPT_TILES, len(wanted))
        self._fetch([tuple(int(v) for v in a + at) for at in wanted])
        for done, at in enumerate(wanted):
            tile = self._tile(tuple(int(v) for v in a + at), done, len(wanted))
            bricks[_block(at, TILE // BRICK)], fibres[_block(at, TILE // FIBRE_RATIO)] = tile.bricks, tile.fibres
        for array in (bricks, fibres):
            array.setflags(write=False)
        return LabelVolume(bricks, fibres, np.asarray(first_node(a) * SPACING_MM, dtype=np.float64), SPACING_MM, self.keys)

    def _fetch(self, tiles: list[tuple[int, ...]]) -> None:
        """Read tiles that are kept on disk, several at a time: unpacking them leaves the interpreter free."""
        missing = [(i, j, k) for i, j, k in tiles if (i, j, k) not in self._tiles]
        with ThreadPoolExecutor(max_workers=4) as pool:
            read = pool.map(lambda at: _read(self._path(at)), missing)
            found = [(at, tile) for at, tile in zip(missing, read, strict=True) if tile is not None]
        for at, tile in found:
            self._keep(at, tile)

    def _keep(self, at: tuple[int, int, int], tile: Tile) -> None:
        """Hold a tile, and let go of the oldest ones that the box in hand does not need."""
        while len(self._tiles) >= self._most:
            self._tiles.pop(next(iter(self._tiles)))
        self._tiles[at] = tile

    def _path(self, at: tuple[int, int, int]) -> Path:
        return self._folder / "volumes" / self._name / f"{at[0]}_{at[1]}_{at[2]}.tile"

    def _tile(self, at: tuple[int, ...], done: int, of: int) -> Tile:
        i, j, k = at
        if (i, j, k) not in self._tiles:
            path = self._path((i, j, k))
            tile = _read(path)
            if tile is None:
                if self.tell is not None:
                    self.tell(done, of)
                tile = build_tile(self.anatomy, at)
                _write(path, tile, self._folder / "volumes")
            self._keep((i, j, k), tile)
        return self._tiles[i, j, k]


def _tiles_of(corners: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First tile (3,) and number of tiles (3,) that hold a box, from its corners (2, 3) mm."""
    if not np.isfinite(corners).all():
        raise ValueError("a corner of the box is not finite.")
    if (corners[1] < corners[0]).any():
        raise ValueError("the upper corner of the box lies below its lower one.")
    first, last = np.floor(corners / TILE_MM)
    count = last - first + 1
    # sums of logarithms, for the product of absurd numbers is no number
    if np.log(count).sum() > np.log(LARGEST_TILES) + 1e-9:
        raise ValueError(f"the box needs more tiles of {TILE_MM:g} mm than can be held; at most {LARGEST_TILES} are allowed.")
    if np.abs(corners).max() > FARTHEST_MM:
        raise ValueError(f"the box lies {np.abs(corners).max():.3g} mm from the origin; at most {FARTHEST_MM:g} mm are allowed.")
    return first.astype(np.int64), count.astype(np.int64)


def _block(at: tuple[int, ...], size: int) -> tuple[slice, ...]:
    return tuple(slice(n * size, (n + 1) * size) for n in at)


def _read(path: Path) -> Tile | None:
    """A tile from disk; None if there is none, or it is damaged."""
    try:
        content = zlib.decompress(path.read_bytes())
    except (OSError, zlib.error):
        return None
    voxels, coarse = TILE**3, (TILE // FIBRE_RATIO) ** 3
    if len(content) != 4 * voxels + 8 * coarse:
        return None
    planes = np.frombuffer(content, dtype=np.uint8, count=4 * voxels).reshape(4, voxels)
    fibres = np.frombuffer(content, dtype="<i2", offset=4 * voxels).reshape(*(TILE // FIBRE_RATIO,) * 3, 4)
    cells = np.empty((voxels, 4), dtype=np.uint8)
    for i in range(4):
        cells[:, i] = planes[i]
    bricks = cells.view("<u4")[:, 0].astype(np.uint32, copy=False)
    return Tile(bricks.reshape(*(TILE // BRICK,) * 3, BRICK**3), fibres)


def _write(path: Path, tile: Tile, folder: Path) -> None:
    """Keep a tile, whole or not at all; a folder that cannot be written is no fault."""
    cells = tile.bricks.astype("<u4").reshape(-1, 1).view(np.uint8)
    content = zlib.compress(np.ascontiguousarray(cells.T).tobytes() + tile.fibres.astype("<i2").tobytes(), 1)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        _log.info("a tile is kept in memory only: %s", error)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    _prune(folder)


def _prune(folder: Path) -> None:
    """Remove the oldest tiles beyond the size that the folder may have."""
    with suppress(OSError):
        files = sorted(folder.glob("*/*.tile"), key=lambda p: p.stat().st_mtime, reverse=True)
        total = 0.0
        for path in files:
            total += path.stat().st_size / 1e6
            if total > LARGEST_MB:
                path.unlink(missing_ok=True)
