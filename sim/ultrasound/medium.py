"""What the sound runs through: an anatomy as voxels and strands, or a phantom, with the tissue of each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.model import Anatomy
from meshes.strands import Strands, strands_from, strands_of
from meshes.volume import EMPTY, FILLING, LabelVolume
from meshes.volume_store import VolumeStore
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.tissues import Tissue, reflection, tissue, tissue_for, tissues

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
EXTRA = ("injectate", "needle", "gel", "air")
REACH_MM = 2.0  # kept free round a box that is asked for


class Medium(Protocol):
    """Anything that sound can run through."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the labels of the volume."""
        ...

    @property
    def strands(self) -> Strands:
        """Nerves and vessels."""
        ...

    def tissue(self, key: str) -> Tissue:
        """The tissue of a label of the volume or of a strand."""
        ...

    def volume(self, low: Array, high: Array) -> LabelVolume:
        """Voxels that hold a box, mm RAS."""
        ...

    def strands_in(self, volume: LabelVolume) -> Strands:
        """Nerves and vessels that come into a volume's box."""
        ...


class AnatomyMedium:
    """The medium that an anatomy is. Its voxels are built when a frame first needs them.

    Parameters
    ----------
    anatomy : Anatomy
    store : VolumeStore, optional
        Where the voxels come from; by default the user's cache.
    """

    def __init__(self, anatomy: Anatomy, store: VolumeStore | None = None) -> None:
        self.anatomy = anatomy
        self.store = store if store is not None else VolumeStore(anatomy)
        self.keys = self.store.keys
        self._held: LabelVolume | None = None
        self._near: Strands | None = None

    @cached_property
    def strands(self) -> Strands:
        """Nerves and vessels with an axis."""
        return strands_of(self.anatomy)

    def tissue(self, key: str) -> Tissue:
        """The tissue of a structure."""
        if key == EMPTY:
            return tissue("air")
        return tissue("soft_tissue") if key == FILLING else tissue_for(key, self.anatomy[key].tissue)

    def volume(self, low: Array, high: Array) -> LabelVolume:
        """The voxels that are held, if they hold the box; else those of the tiles round it."""
        if self._held is None or not self._held.holds([low, high]):
            self._held = self.store.box(low - REACH_MM, high + REACH_MM)
            self._near = self.strands.near(self._held.low, self._held.high)
        return self._held

    def strands_in(self, volume: LabelVolume) -> Strands:
        """Nerves and vessels that come into a volume's box; kept for the volume that is held."""
        return self._near if volume is self._held and self._near is not None else self.strands.near(volume.low, volume.high)


@dataclass(frozen=True, eq=False)
class Phantom:
    """A medium made of given voxels, for measuring what the scanner does.

    Parameters
    ----------
    held : LabelVolume
    by_key : mapping of str to Tissue
        Of every key of the volume and of every strand.
    strands : Strands
    """

    held: LabelVolume
    by_key: Mapping[str, Tissue]
    strands: Strands

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.held.keys

    def tissue(self, key: str) -> Tissue:
        """The tissue of a label or strand."""
        return self.by_key[key]

    def volume(self, low: Array, high: Array) -> LabelVolume:
        """All of it."""
        return self.held

    def strands_in(self, volume: LabelVolume) -> Strands:
        """All of them."""
        return self.strands


def no_strands() -> Strands:
    """Return strands without any."""
    return strands_from({})


@dataclass(frozen=True, eq=False)
class Tables:
    """What the compiled loops know of labels and tissues. Rows are tissues, in the order of `tissues`."""

    labels: tuple[str, ...]
    tissues: tuple[Tissue, ...]
    tissue_of: NDArray[np.int32]
    bony: NDArray[np.bool_]
    amplitude: Floats
    loss_square: Floats
    loss_along: Floats
    speed: Floats
    connective: Floats
    anisotropy: Floats
    reflect: Floats
    through: Floats
    diffuse: Floats
    special: NDArray[np.int32]

    @property
    def first_strand(self) -> int:
        """Label of the first strand."""
        return int(self.special[6])

    def label(self, name: str) -> int:
        """Return the label of a name."""
        return self.labels.index(name)


def tables(medium: Medium, frequency_mhz: float) -> Tables:
    """Return the tables of a medium at a frequency."""
    names = [*medium.keys, *medium.strands.keys, *EXTRA]
    stand_in = {"injectate": "injectate", "needle": "steel", "gel": "gel", "air": "air"}
    rows: dict[str, Tissue] = {t.key: t for t in tissues().values()}
    rows = {k: v for k, v in rows.items() if k not in ("nerve_fascicle", "nerve_sheath")} | {
        k: rows[k] for k in ("nerve_fascicle", "nerve_sheath")
    }
    of = []
    for name in names:
        own = tissue(stand_in[name]) if name in stand_in else medium.tissue(name)
        rows[own.key] = own
        of.append(own.key)
    order = list(rows)
    listed = tuple(rows.values())
    first = len(medium.keys)
    special = [
        names.index("gel"), names.index("injectate"), order.index("nerve_fascicle"), order.index("nerve_sheath"),
        order.index("tendon"),
        names.index("air"), first, 0,
    ]  # fmt: skip
    per_mm = 2 * frequency_mhz / 10
    return Tables(
        tuple(names), listed, np.array([order.index(k) for k in of], dtype=np.int32),
        np.array([rows[k].key in ("bone", "steel") for k in of]),
        _floats([10 ** (t.backscatter_db / 20) for t in listed]), _floats([t.attenuation_db_cm_mhz * per_mm for t in listed]),
        _floats([t.attenuation_along_db_cm_mhz * per_mm for t in listed]), _floats([t.sound_speed_m_s / 1540 for t in listed]),
        np.array([_connective(t) for t in listed], dtype=np.float32), np.array([_anisotropy(t) for t in listed],
        dtype=np.float32),
        _pairs(listed, _mirror), _pairs(listed, lambda a, b: 1 - reflection(a, b) ** 2),
        _pairs(listed, lambda a, b: max(a.diffuse_share, b.diffuse_share)), np.array(special, dtype=np.int32),
    )  # fmt: skip


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float32)


def _pairs(listed: Sequence[Tissue], rule: object) -> Floats:
    values = [rule(a, b) for a, b in product(listed, repeat=2)]  # type: ignore[operator]
    return np.array(values, dtype=np.float32).reshape(len(listed), len(listed))


def _mirror(a: Tissue, b: Tissue) -> float:
    """Reflected amplitude: the jump of impedance, and the thin layer of connective tissue between two structures."""
    return float(np.hypot(reflection(a, b), max(a.boundary_reflection, b.boundary_reflection)))


def _connective(t: Tissue) -> Floats:
    low, high = scanner_table()["connective"].get(t.key, (0.0, 0.0))
    return np.asarray(10 ** (np.linspace(low, high, 256) / 20), dtype=np.float32)


def _anisotropy(t: Tissue) -> Floats:
    """Factor of the amplitude by the share (0 to 1) of the beam that runs along the fibres."""
    tilt = np.rad2deg(np.arcsin(np.linspace(0.0, 1.0, 256)))
    return np.asarray(10 ** (-t.loss_db(tilt) / 20), dtype=np.float32)


def block(
    parts: Mapping[str, Tissue],
    inside: Mapping[str, ArrayLike],
    low: ArrayLike,
    shape: tuple[int, int, int],
    spacing_mm: float = 0.25,
) -> LabelVolume:
    """Return voxels from signed distances (mm, negative inside) of the parts, later ones over earlier ones.

    Parameters
    ----------
    parts : mapping of str to Tissue
        Keys of the labels; '' is outside.
    inside : mapping of str to (nx, ny, nz) array
    low : (3,) array
        First voxel, mm.
    shape : (nx, ny, nz)
        Multiples of 4.
    """
    from meshes.splat import lay
    from meshes.volume import bricked, packed

    keys = tuple(dict.fromkeys(["", *parts]))
    label, depth = np.zeros(shape, dtype=np.uint8), np.full(shape, 9.0, dtype=np.float32)
    for key, distance in inside.items():
        d = np.asarray(distance, dtype=np.float32)
        lay(label, depth, d < 0, np.abs(d), keys.index(key))
    nothing = np.zeros(shape, dtype=np.uint8)
    coarse = tuple(-(-n // 4) for n in shape)
    return LabelVolume(
        bricked(packed(label, depth, nothing, nothing)),
        np.zeros((*coarse, 4), dtype=np.int16),
        np.asarray(low, dtype=np.float64),
        spacing_mm,
        keys,
    )
