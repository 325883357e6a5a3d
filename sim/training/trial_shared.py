"""What all attempts on one anatomy share: search trees, the truth under the needle, voxels, targets and poses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from threading import RLock
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.strands import Strands
from meshes.volume import LabelVolume
from meshes.volume_store import TILE_MM, VolumeStore
from scenarios.procedure_files import Procedure
from scenarios.sites import Ground
from scenarios.targets import FoundTarget, landmark_points, targets_of
from sim.training.truth import NeedleTruth
from sim.ultrasound.medium import REACH_MM, AnatomyMedium
from sim.ultrasound.placing import probe_pose
from sim.ultrasound.poses import ProbePose

Array = NDArray[np.float64]
MOST_ANATOMIES = 4
LARGEST_BYTES = 700e6  # of the boxes of voxels that are held
Found = tuple[tuple[FoundTarget, ...], Mapping[str, Array]]
Box = tuple[LabelVolume, Strands]


class SharedMedium(AnatomyMedium):
    """The medium of several scanners at once; what it gives depends on the box asked for alone, not on what was asked before.

    So a recording replays bit for bit, whoever else scans the same anatomy meanwhile.
    """

    def __init__(self, anatomy: Anatomy) -> None:
        super().__init__(anatomy, VolumeStore(anatomy))
        self._boxes: OrderedDict[tuple[int, ...], Box] = OrderedDict()
        self._lock = RLock()

    def volume(self, low: Array, high: Array) -> LabelVolume:
        """The voxels of the tiles round a box (3,), (3,) mm RAS, read only."""
        ends = np.array([low - REACH_MM, high + REACH_MM])
        tiles = tuple(int(n) for n in np.floor(ends / TILE_MM).ravel())
        with self._lock:
            if tiles not in self._boxes:
                made = self.store.box(*ends)
                self._boxes[tiles] = made, self.strands.near(made.low, made.high)
                while len(self._boxes) > 1 and sum(box.bricks.nbytes for box, _ in self._boxes.values()) > LARGEST_BYTES:
                    self._boxes.popitem(last=False)
            self._boxes.move_to_end(tiles)
            return self._boxes[tiles][0]

    def strands_in(self, volume: LabelVolume) -> Strands:
        """Nerves and vessels that come into a volume's box."""
        with self._lock:
            held = next((strands for box, strands in self._boxes.values() if box is volume), None)
        return self.strands.near(volume.low, volume.high) if held is None else held


class Shared:
    """What all attempts on one anatomy share.

    Parameters
    ----------
    anatomy : Anatomy
    """

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.ground = Ground(anatomy)
        self.truth = NeedleTruth(anatomy, self.ground)
        self._lock = RLock()
        self._found: dict[tuple[str, str], Found] = {}
        self._poses: dict[tuple[str, str], ProbePose | str] = {}

    @cached_property
    def medium(self) -> SharedMedium:
        """What is scanned, made when first asked for."""
        return SharedMedium(self.anatomy)

    def found(self, procedure: Procedure, side: str) -> Found:
        """Return the targets, and the landmarks, of a procedure on a side."""
        held = procedure.model_dump_json(), side  # by content: a user's file may change under the same name
        with self._lock:
            if held not in self._found:
                targets = targets_of(procedure, self.ground, side)
                self._found[held] = targets, MappingProxyType(dict(landmark_points(procedure, self.ground, side)))
            return self._found[held]

    def pose(self, name: str, side: str) -> ProbePose:
        """Return a named pose; raises ValueError if there is none, or it cannot be placed here."""
        with self._lock:
            if (name, side) not in self._poses:
                try:
                    self._poses[name, side] = probe_pose(self.anatomy, name, side)
                except ValueError as fault:
                    self._poses[name, side] = str(fault)
            held = self._poses[name, side]
        if isinstance(held, str):
            raise ValueError(held)
        return held


_held: OrderedDict[int, Shared] = OrderedDict()
_held_lock = RLock()


def shared_of(anatomy: Anatomy) -> Shared:
    """Return what all attempts on this very anatomy share; of the anatomies last used only."""
    with _held_lock:
        shared = _held.get(id(anatomy))
        if shared is None:  # an id is safe as a key: the anatomy lives as long as its entry
            shared = _held[id(anatomy)] = Shared(anatomy)
        _held.move_to_end(id(anatomy))
        while len(_held) > MOST_ANATOMIES:
            _held.popitem(last=False)
        return shared
