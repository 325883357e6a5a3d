"""The compiled loops that lay scatterers along a beam.

Written as plain loops over the nodes of a beam, which the compiler turns into vectors; all numbers are of 32 bits for that.
Imported only where a frame is made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.compiled import njit
from sim.ultrasound.beams import STEP, F

AXIAL_BITS, LATERAL_BITS, ELEVATION_BITS = 9, 5, 2  # of the texture's sizes
AXIAL_MASK, LATERAL_MASK, ELEVATION_MASK = 511, 31, 3
COLUMN_MASK = 0xFFFF  # of a place in the texture
TEXTURE_STEP = F(1.0 / 4096.0)  # of the 16 bits that hold a scatterer
FIXED = 65536.0  # steps of the fixed-point places along the texture


@njit(cache=True, nogil=True, fastmath=True)
def lay_beam(spots: Any, last: Any, lattice: Any, q: Any, ox: Any, oy: Any, oz: Any, place: Any, height: Any) -> None:
    """Find where the nodes of one beam lie in the texture.

    Parameters
    ----------
    spots : (3, nodes) float32 array
        Place of the tissue at each node, from the beam's origin, mm.
    last : int
        The last node.
    lattice, q : (lattices, 3, 4) float64 array, int
        The lattices, and which of them is meant. From mm RAS to steps of the texture: lateral, elevation, axial.
    ox, oy, oz : float
        The beam's origin, mm RAS.
    place, height : (nodes,) int32 arrays
        Out: column of the texture and, 16 bits higher, the jump along it; place along the column, fixed point.
    """
    column = lattice[q, 0, 0] * ox + lattice[q, 0, 1] * oy + lattice[q, 0, 2] * oz + lattice[q, 0, 3]
    row = lattice[q, 1, 0] * ox + lattice[q, 1, 1] * oy + lattice[q, 1, 2] * oz + lattice[q, 1, 3]
    along = lattice[q, 2, 0] * ox + lattice[q, 2, 1] * oy + lattice[q, 2, 2] * oz + lattice[q, 2, 3]
    # whole steps apart, so that 32 bits are enough for the rest
    column0, row0 = np.int32(np.floor(column)), np.int32(np.floor(row))
    along0 = np.int32((np.int64(np.floor(along)) & AXIAL_MASK) << 16)
    c, r, a = column - np.floor(column), row - np.floor(row), along - np.floor(along)
    c0, c1, c2 = lattice[q, 0, 0], lattice[q, 0, 1], lattice[q, 0, 2]
    r0, r1, r2 = lattice[q, 1, 0], lattice[q, 1, 1], lattice[q, 1, 2]
    a0, a1, a2 = lattice[q, 2, 0], lattice[q, 2, 1], lattice[q, 2, 2]
    for n in range(last + 1):
        x, y, z = spots[0, n], spots[1, n], spots[2, n]
        cell_c = np.int32(np.int32(np.floor(c + c0 * x + c1 * y + c2 * z)) + column0)
        cell_r = np.int32(np.int32(np.floor(r + r0 * x + r1 * y + r2 * z)) + row0)
        # beyond the texture's width it goes on at another height, so that nothing is seen to repeat
        mixed = np.uint32(np.uint32(cell_r >> ELEVATION_BITS) * np.uint32(0x27D4EB2F))
        mixed = np.uint32(mixed ^ np.uint32(np.uint32(cell_c >> LATERAL_BITS) * np.uint32(0x165667B1)))
        jump = np.uint32(np.uint32(mixed * np.uint32(0x2545F491)) >> np.uint32(12)) & np.uint32(AXIAL_MASK)
        where = ((cell_r & ELEVATION_MASK) << (AXIAL_BITS + LATERAL_BITS)) | ((cell_c & LATERAL_MASK) << AXIAL_BITS)
        place[n] = np.int32(np.int32(where) | np.int32(jump << np.uint32(16)))
        height[n] = np.int32(np.int32((a + a0 * x + a1 * y + a2 * z) * FIXED) + along0)


@njit(cache=True, nogil=True, fastmath=True)
def gather(texture: Any, place: Any, height: Any, last: Any, weight: Any, index: Any, both: Any, noise: Any) -> None:
    """Add one lattice's noise to `noise` (2, 4, nodes), at the four samples after each node but the last.

    `texture` (4 * 32 * 512,) uint32 holds the real part in its lower, the imaginary part in its upper 16 bits; `index` (nodes,)
    uint16 and `both` (nodes,) uint32 are scratch.
    Three loops, since a processor reads one by one faster than by its instruction for scattered places.
    """
    for s in range(STEP):
        for n in range(last):
            here, to = height[n], place[n + 1]
            quarter = np.int32(np.int32(height[n + 1] - here) >> 2)
            up = np.int32(np.int32(here + np.int32(quarter * s)) >> 16)
            index[n] = np.uint16((to & COLUMN_MASK) | (np.int32(up + np.int32(to >> 16)) & AXIAL_MASK))
        for n in range(last):
            both[n] = texture[index[n]]
        for n in range(last):
            pair = np.int32(both[n])
            noise[0, s, n] += weight * F(np.int32(np.int32(pair << 16) >> 16))
            noise[1, s, n] += weight * F(np.int32(pair >> 16))


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _level(a: Any, b: Any, cut: Any, s: Any) -> Any:
    """Loudness at the s-th sample after a node: it runs evenly, or jumps at a border (`cut`, share of the way; below 0: none)."""
    share = F(s) * F(1.0 / STEP)
    jump = F(1.0) if share >= cut else F(0.0)
    return a + (share if cut < 0 else jump) * (b - a)


@njit(cache=True, nogil=True, fastmath=True)
def add_noise(real: Any, imaginary: Any, i: Any, last: Any, loud: Any, cuts: Any, noise: Any, sign: Any) -> None:
    """Add noise (2, 4, nodes) to line `i` of `real` and `imaginary` (lines, samples), as loud as its nodes (nodes,) tell."""
    for n in range(last):
        a, b, cut, at = loud[n], loud[n + 1], cuts[n + 1], n * STEP
        l0, l1, l2, l3 = _level(a, b, cut, 0), _level(a, b, cut, 1), _level(a, b, cut, 2), _level(a, b, cut, 3)
        real[i, at] += l0 * noise[0, 0, n]
        real[i, at + 1] += l1 * noise[0, 1, n]
        real[i, at + 2] += l2 * noise[0, 2, n]
        real[i, at + 3] += l3 * noise[0, 3, n]
        imaginary[i, at] += sign * l0 * noise[1, 0, n]
        imaginary[i, at + 1] += sign * l1 * noise[1, 1, n]
        imaginary[i, at + 2] += sign * l2 * noise[1, 2, n]
        imaginary[i, at + 3] += sign * l3 * noise[1, 3, n]


@njit(cache=True, nogil=True, fastmath=True)
def scatter(
    real: Any, imaginary: Any, i: Any, last: Any, loud: Any, cuts: Any, spots: Any, ox: Any, oy: Any, oz: Any, texture: Any,
    lattice: Any, blend: Any, used: Any, place: Any, height: Any, index: Any, both: Any, noise: Any, sign: Any,
) -> None:  # fmt: skip
    """Add the echoes of scatterers along one beam of one plane, from what was found at its nodes; `place` and on are scratch."""
    noise[:] = F(0.0)
    for q in range(used):
        lay_beam(spots, last, lattice, q, ox, oy, oz, place, height)
        gather(texture, place, height, last, blend[q] * TEXTURE_STEP, index, both, noise)
    add_noise(real, imaginary, i, last, loud, cuts, noise, sign)


def packed(texture: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return noise (2, n) of unit deviation as two numbers of 16 bits in one of 32 (n,): real part below, imaginary above."""
    limit = 32767
    small = np.clip(np.round(texture / TEXTURE_STEP), -limit, limit).astype(np.int16).view(np.uint16).astype(np.uint32)
    return np.asarray(small[0] | (small[1] << np.uint32(16)), dtype=np.uint32)
