"""Compiled loops along the beams: what a line of sound meets, and the echo that it sends back.

All places are mm in the probe's frame unless `ras` is in the name. Imported only where a frame is made.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from meshes.compiled import njit, prange

STEP = 4  # samples between the places at which the volume is read
F = np.float32
DEPTH_STEP = F(0.01)  # mm, of the volume's second byte


@njit(cache=True, nogil=True, fastmath=True)
def cell_at(flat: Any, counts: Any, i: Any, j: Any, k: Any) -> Any:
    """The voxel (i, j, k) of `flat` (a * b * c * 64,), which is laid in bricks; `counts` of bricks are (a, b, c)."""
    brick = ((i >> 2) * counts[1] + (j >> 2)) * counts[2] + (k >> 2)
    return flat[np.uint64((brick << 6) + (((i & 3) << 4) | ((j & 3) << 2) | (k & 3)))]


@njit(cache=True, nogil=True, fastmath=True)
def nearest_cell(flat: Any, counts: Any, x: Any, y: Any, z: Any) -> Any:
    """The voxel nearest to (x, y, z), counted in voxels."""
    i = min(max(int(x + F(0.5)), 0), (counts[0] << 2) - 1)
    j = min(max(int(y + F(0.5)), 0), (counts[1] << 2) - 1)
    k = min(max(int(z + F(0.5)), 0), (counts[2] << 2) - 1)
    return cell_at(flat, counts, i, j, k)


@njit(cache=True, nogil=True, fastmath=True)
def _label_at(flat: Any, counts: Any, x: Any, y: Any, z: Any) -> Any:
    """Label of the voxel nearest to (x, y, z), counted in voxels; 0 outside the box."""
    i, j, k = int(x + F(0.5)), int(y + F(0.5)), int(z + F(0.5))
    if x < 0 or y < 0 or z < 0 or i >= counts[0] << 2 or j >= counts[1] << 2 or k >= counts[2] << 2:
        return 0
    return int(cell_at(flat, counts, i, j, k) & 255)


@njit(cache=True, nogil=True, fastmath=True)
def _eight_cells(flat: Any, counts: Any, i: Any, j: Any, k: Any) -> Any:
    """The voxels from (i, j, k) to (i + 1, j + 1, k + 1), the last coordinate running fastest."""
    row = counts[2] << 6
    plane = counts[1] * row
    # each coordinate adds its own part to the place in memory
    a0, a1 = (i >> 2) * plane + ((i & 3) << 4), ((i + 1) >> 2) * plane + (((i + 1) & 3) << 4)
    b0, b1 = (j >> 2) * row + ((j & 3) << 2), ((j + 1) >> 2) * row + (((j + 1) & 3) << 2)
    g0, g1 = ((k >> 2) << 6) + (k & 3), (((k + 1) >> 2) << 6) + ((k + 1) & 3)
    return (
        flat[np.uint64(a0 + b0 + g0)], flat[np.uint64(a0 + b0 + g1)], flat[np.uint64(a0 + b1 + g0)],
        flat[np.uint64(a0 + b1 + g1)],
        flat[np.uint64(a1 + b0 + g0)], flat[np.uint64(a1 + b0 + g1)], flat[np.uint64(a1 + b1 + g0)],
        flat[np.uint64(a1 + b1 + g1)],
    )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=True)
def _outside(counts: Any, x: Any, y: Any, z: Any) -> bool:
    """Whether a place, counted in voxels, has not eight voxels round it."""
    return (
        x < 0
        or y < 0
        or z < 0
        or int(x) >= (counts[0] << 2) - 1
        or int(y) >= (counts[1] << 2) - 1
        or int(z) >= (counts[2] << 2) - 1
    )


@njit(cache=True, nogil=True, fastmath=True)
def read_volume(flat: Any, counts: Any, x: Any, y: Any, z: Any) -> Any:
    """Return (label, distance to its border mm) at (x, y, z), counted in voxels, to a fraction of a voxel.

    The distances of the eight voxels round the place are interpolated, negative where the voxel holds another structure than the
    nearest one; below zero the place belongs to the strongest of the others.
    """
    if _outside(counts, x, y, z):
        return 0, F(0.6)
    i, j, k = int(x), int(y), int(z)
    u, v, w = F(x - F(i)), F(y - F(j)), F(z - F(k))
    label = int(cell_at(flat, counts, int(x + F(0.5)), int(y + F(0.5)), int(z + F(0.5))) & 255)
    c000, c001, c010, c011, c100, c101, c110, c111 = _eight_cells(flat, counts, i, j, k)
    a00 = _between(_signed(c000, label), _signed(c100, label), u)
    a01 = _between(_signed(c001, label), _signed(c101, label), u)
    a10 = _between(_signed(c010, label), _signed(c110, label), u)
    a11 = _between(_signed(c011, label), _signed(c111, label), u)
    value = _between(_between(a00, a10, v), _between(a01, a11, v), w)
    if value >= 0:
        return label, value
    one = F(1.0)
    best, other = F(-1.0), label
    best, other = _stronger(c000, (one - u) * (one - v) * (one - w), label, best, other)
    best, other = _stronger(c001, (one - u) * (one - v) * w, label, best, other)
    best, other = _stronger(c010, (one - u) * v * (one - w), label, best, other)
    best, other = _stronger(c011, (one - u) * v * w, label, best, other)
    best, other = _stronger(c100, u * (one - v) * (one - w), label, best, other)
    best, other = _stronger(c101, u * (one - v) * w, label, best, other)
    best, other = _stronger(c110, u * v * (one - w), label, best, other)
    best, other = _stronger(c111, u * v * w, label, best, other)
    return other, -value


@njit(cache=True, nogil=True, fastmath=True)
def slope_at(flat: Any, counts: Any, x: Any, y: Any, z: Any) -> Any:
    """Return the gradient (three numbers, per voxel) of the distance that `read_volume` interpolates; zero outside the box."""
    if _outside(counts, x, y, z):
        return F(0.0), F(0.0), F(0.0)
    i, j, k = int(x), int(y), int(z)
    u, v, w = F(x - F(i)), F(y - F(j)), F(z - F(k))
    label = int(cell_at(flat, counts, int(x + F(0.5)), int(y + F(0.5)), int(z + F(0.5))) & 255)
    c000, c001, c010, c011, c100, c101, c110, c111 = _eight_cells(flat, counts, i, j, k)
    d000, d001, d010, d011 = _signed(c000, label), _signed(c001, label), _signed(c010, label), _signed(c011, label)
    d100, d101, d110, d111 = _signed(c100, label), _signed(c101, label), _signed(c110, label), _signed(c111, label)
    gx = _between(_between(d100 - d000, d110 - d010, v), _between(d101 - d001, d111 - d011, v), w)
    a00, a01, a10, a11 = _between(d000, d100, u), _between(d001, d101, u), _between(d010, d110, u), _between(d011, d111, u)
    return gx, _between(a10 - a00, a11 - a01, w), _between(a01, a11, v) - _between(a00, a10, v)


@njit(cache=True, nogil=True, fastmath=True)
def _between(a: Any, b: Any, share: Any) -> Any:
    return a + share * (b - a)


@njit(cache=True, nogil=True, fastmath=True)
def _stronger(cell: Any, weight: Any, label: Any, best: Any, other: Any) -> Any:
    """The heavier of a voxel and the best so far, of those that hold another structure than `label`."""
    own = int(cell & 255)
    return (weight, own) if own != label and weight > best else (best, other)


@njit(cache=True, nogil=True, fastmath=True)
def _signed(cell: Any, label: Any) -> Any:
    d = F((cell >> 8) & 255) * DEPTH_STEP
    return d if int(cell & 255) == label else -d


@njit(cache=True, parallel=True, fastmath=True)
def find_contact(
    bricks: Any, bony: Any, origin: Any, way: Any, reach: Any, deepest: Any, step: Any, skin: Any, bone: Any
) -> None:
    """Find the resting skin and the first bone along every beam.

    Parameters
    ----------
    bricks : (a, b, c, 64) uint32 array
        Of the volume.
    bony : (labels,) bool array
    origin, way : (lines, planes, 3), (lines, 3) float32 arrays
        Place on the face, counted in voxels; direction of the beam, voxels per mm.
    reach, deepest, step : float
        How far above and below the face the skin is looked for, how deep bone is looked for, and the stride, mm.
    skin, bone : (lines, planes) float32 arrays
        Depth of the skin along the beam (negative: pressed in; inf: not met) and of bone (`deepest` if none), changed in place.
    """
    lines, planes = skin.shape
    flat, counts = bricks.reshape(-1), bricks.shape
    for i in prange(lines):
        for e in range(planes):
            x, y, z = origin[i, e, 0], origin[i, e, 1], origin[i, e, 2]
            skin[i, e], bone[i, e] = np.inf, deepest
            inside = _label_at(flat, counts, x, y, z) != 0
            towards = F(-1.0) if inside else F(1.0)
            s = F(0.0)
            while s < reach:
                s += F(step)
                t = towards * s
                if (_label_at(flat, counts, x + t * way[i, 0], y + t * way[i, 1], z + t * way[i, 2]) != 0) != inside:
                    low, high = t - towards * F(step), t
                    for _ in range(8):
                        middle = F(0.5) * (low + high)
                        label, _d = read_volume(
                            flat, counts, x + middle * way[i, 0], y + middle * way[i, 1], z + middle * way[i, 2]
                        )
                        if (label != 0) == inside:
                            low = middle
                        else:
                            high = middle
                    skin[i, e] = F(0.5) * (low + high)
                    break
            s = F(0.0)
            while s < deepest:
                if bony[_label_at(flat, counts, x + s * way[i, 0], y + s * way[i, 1], z + s * way[i, 2])]:
                    bone[i, e] = s
                    break
                s += F(step)


@njit(cache=True, nogil=True, fastmath=True)
def _rod_interval(ox: Any, oy: Any, oz: Any, dx: Any, dy: Any, dz: Any, rod: Any) -> Any:
    """Entry and exit (mm along the unit beam) of a rod with round ends; entry > exit if it is missed. Also the miss distance.

    `rod` is start, end, radius at start, radius at end; the mean radius at the nearest place is taken.
    """
    ax, ay, az = rod[0], rod[1], rod[2]
    bx, by, bz = rod[3] - ax, rod[4] - ay, rod[5] - az
    wx, wy, wz = ox - ax, oy - ay, oz - az
    bb, bd = bx * bx + by * by + bz * bz, bx * dx + by * dy + bz * dz
    bw, dw = bx * wx + by * wy + bz * wz, dx * wx + dy * wy + dz * wz
    det = bb - bd * bd
    along = F(0.5)
    if det > F(1e-6):
        along = (bw - bd * dw) / det
    share = min(max(along, F(0.0)), F(1.0))
    radius = rod[6] + share * (rod[7] - rod[6])
    first, last = F(1.0), F(0.0)
    # the long side
    if det > F(1e-6):
        q = dw * bb - bd * bw
        ww = wx * wx + wy * wy + wz * wz
        c = (ww - radius * radius) * bb - bw * bw
        h = q * q - det * c
        if h > 0:
            root = np.sqrt(h)
            t0, t1 = (-q - root) / det, (-q + root) / det
            s0, s1 = bw + t0 * bd, bw + t1 * bd
            if s0 >= 0 and s0 <= bb:
                first = t0
                last = t1 if (s1 >= 0 and s1 <= bb) else t0
            elif s1 >= 0 and s1 <= bb:
                first, last = t1, t1
    # the two round ends
    for end in range(2):
        if end == 0:
            cx, cy, cz, r = wx, wy, wz, rod[6]
        else:
            cx, cy, cz, r = wx - bx, wy - by, wz - bz, rod[7]
        p = cx * dx + cy * dy + cz * dz
        h = p * p - (cx * cx + cy * cy + cz * cz - r * r)
        if h > 0:
            root = np.sqrt(h)
            if first > last:
                first, last = -p - root, -p + root
            else:
                first, last = min(first, -p - root), max(last, -p + root)
    mx, my, mz = wx + bx * (-share), wy + by * (-share), wz + bz * (-share)
    p = mx * dx + my * dy + mz * dz
    miss = np.sqrt(max(mx * mx + my * my + mz * mz - p * p, F(0.0)))
    if along < F(-0.01) or along > F(1.01):
        miss = F(1e9)  # the tube passes the beam in another of its pieces
    return first, last, miss, -p, radius


@njit(cache=True, parallel=True, fastmath=True)
def cross_rods(
    origin: Any, way: Any, rods: Any, owner: Any, reach: Any, edge_from: Any, count: Any, spans: Any, edges: Any
) -> None:
    """Find the stretches of every beam that lie in a nerve or vessel.

    Parameters
    ----------
    origin : (lines, planes, 3) float32 array
        mm RAS, on the face.
    way : (lines, 3) float32 array
        Unit.
    rods : (n, 8) float32 array
        Start, end, two radii, mm RAS.
    owner : (n,) int32 array
    reach : (n, 2) int32 array
        First and last line that can meet each rod.
    edge_from : float
        Radius, mm, from which a wall throws an edge shadow.
    count : (lines, planes) int32 array
        How many stretches, out.
    spans : (lines, planes, most, 4) float32 array
        Entry, exit, owner, rod; sorted by entry, out. Stretches of one owner that touch are one.
    edges : (lines, planes, 2) float32 array
        Deepest edge shadow: depth from which, and factor of the amplitude, out.
    """
    lines, planes, most = spans.shape[:3]
    for i in prange(lines):
        dx, dy, dz = way[i, 0], way[i, 1], way[i, 2]
        for e in range(planes):
            ox, oy, oz = origin[i, e, 0], origin[i, e, 1], origin[i, e, 2]
            n = 0
            edges[i, e, 0], edges[i, e, 1] = F(1e9), F(1.0)
            for r in range(len(rods)):
                if i < reach[r, 0] or i > reach[r, 1]:
                    continue
                first, last, miss, depth, radius = _rod_interval(ox, oy, oz, dx, dy, dz, rods[r])
                if radius >= edge_from and abs(miss - radius) < F(0.7):
                    factor = F(1.0) - F(0.5) * np.exp(-(((miss - radius) / F(0.3)) ** 2))
                    if factor < edges[i, e, 1]:
                        edges[i, e, 0], edges[i, e, 1] = depth, factor
                if first >= last:
                    continue
                joined = False
                for m in range(n):
                    if (
                        spans[i, e, m, 2] == owner[r]
                        and first <= spans[i, e, m, 1] + F(0.02)
                        and last >= spans[i, e, m, 0] - F(0.02)
                    ):
                        if last - first > spans[i, e, m, 1] - spans[i, e, m, 0]:
                            spans[i, e, m, 3] = r
                        spans[i, e, m, 0], spans[i, e, m, 1] = min(spans[i, e, m, 0], first), max(spans[i, e, m, 1], last)
                        joined = True
                        break
                if not joined and n < most:
                    m = n
                    while m > 0 and spans[i, e, m - 1, 0] > first:
                        for c in range(4):
                            spans[i, e, m, c] = spans[i, e, m - 1, c]
                        m -= 1
                    spans[i, e, m, 0], spans[i, e, m, 1], spans[i, e, m, 2], spans[i, e, m, 3] = first, last, owner[r], r
                    n += 1
            count[i, e] = n
