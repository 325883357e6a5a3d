"""Compiled loops over triangles and voxels: distances near a surface, bundles along fibres. Imported only where a volume is
built.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from meshes.compiled import njit, prange

FAR_MM = np.float32(9.0)


@njit(cache=True, nogil=True, fastmath=True)
def _square_to_triangle(px: Any, py: Any, pz: Any, t: Any) -> Any:
    """Square of the distance from a point to a triangle `t` (3, 3) (Ericson 2005, Real-Time Collision Detection, 5.1.5)."""
    ax, ay, az = t[0, 0], t[0, 1], t[0, 2]
    ux, uy, uz = t[1, 0] - ax, t[1, 1] - ay, t[1, 2] - az
    vx, vy, vz = t[2, 0] - ax, t[2, 1] - ay, t[2, 2] - az
    wx, wy, wz = px - ax, py - ay, pz - az
    uu, uv, vv = ux * ux + uy * uy + uz * uz, ux * vx + uy * vy + uz * vz, vx * vx + vy * vy + vz * vz
    wu, wv = wx * ux + wy * uy + wz * uz, wx * vx + wy * vy + wz * vz
    det = uu * vv - uv * uv
    s, r = vv * wu - uv * wv, uu * wv - uv * wu
    if det > 1e-12 and s >= 0 and r >= 0 and s + r <= det:
        s, r = s / det, r / det
    else:
        best, s, r = 1e30, 0.0, 0.0
        k = min(max(wu / max(uu, 1e-18), 0.0), 1.0)
        d = uu * k * k - 2 * wu * k
        if d < best:
            best, s, r = d, k, 0.0
        k = min(max(wv / max(vv, 1e-18), 0.0), 1.0)
        d = vv * k * k - 2 * wv * k
        if d < best:
            best, s, r = d, 0.0, k
        ee = uu - 2 * uv + vv
        k = min(max((wv - wu - uv + uu) / max(ee, 1e-18), 0.0), 1.0)
        a = 1 - k
        d = uu * a * a + 2 * uv * a * k + vv * k * k - 2 * (wu * a + wv * k)
        if d < best:
            best, s, r = d, a, k
    x, y, z = wx - s * ux - r * vx, wy - s * uy - r * vy, wz - s * uz - r * vz
    return x * x + y * y + z * z


@njit(cache=True, nogil=True, fastmath=True)
def splat_distances(corners: Any, low: Any, step: Any, band: Any, out: Any) -> None:
    """Lower `out` (nx, ny, nz) float32 mm to the distance to the triangles (m, 3, 3) wherever that is below `band` mm.

    `low` (3,) is node (0, 0, 0), mm; `step` the spacing of the nodes.
    """
    nx, ny, nz = out.shape
    for m in range(len(corners)):
        t = corners[m]
        i0 = max(0, int(np.ceil((min(t[0, 0], t[1, 0], t[2, 0]) - band - low[0]) / step)))
        i1 = min(nx - 1, int(np.floor((max(t[0, 0], t[1, 0], t[2, 0]) + band - low[0]) / step)))
        j0 = max(0, int(np.ceil((min(t[0, 1], t[1, 1], t[2, 1]) - band - low[1]) / step)))
        j1 = min(ny - 1, int(np.floor((max(t[0, 1], t[1, 1], t[2, 1]) + band - low[1]) / step)))
        k0 = max(0, int(np.ceil((min(t[0, 2], t[1, 2], t[2, 2]) - band - low[2]) / step)))
        k1 = min(nz - 1, int(np.floor((max(t[0, 2], t[1, 2], t[2, 2]) + band - low[2]) / step)))
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                for k in range(k0, k1 + 1):
                    d = _square_to_triangle(low[0] + i * step, low[1] + j * step, low[2] + k * step, t)
                    if d < out[i, j, k] * out[i, j, k]:
                        out[i, j, k] = np.sqrt(d)


@njit(cache=True, nogil=True)
def lay(label: Any, depth: Any, inside: Any, distance: Any, index: Any) -> None:
    """Lay one structure over what is there: where `inside`, it takes the voxel; elsewhere it bounds what the voxel has.

    `label` (nx, ny, nz) uint8 and `depth` float32 mm (distance to the nearest border of what the voxel holds) are changed in
    place.
    """
    nx, ny, nz = label.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if inside[i, j, k]:
                    label[i, j, k], depth[i, j, k] = index, distance[i, j, k]
                elif distance[i, j, k] < depth[i, j, k]:
                    depth[i, j, k] = distance[i, j, k]


@njit(cache=True, nogil=True)
def hashed(i: Any, j: Any, k: Any, seed: Any) -> Any:
    """Return a number of the normal law (sum of eight bytes) that depends on a lattice point and a seed alone."""
    h = np.uint32(i) * np.uint32(0x8DA6B343) ^ np.uint32(j) * np.uint32(0xD8163841) ^ np.uint32(k) * np.uint32(0xCB1AB31F)
    h = np.uint32(h ^ np.uint32(seed) * np.uint32(0x9E3779B1))
    total = 0.0
    for _ in range(2):
        h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D))
        h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B))
        h = np.uint32(h ^ (h >> np.uint32(16)))
        total += (h & np.uint32(255)) + ((h >> np.uint32(8)) & np.uint32(255))
        total += ((h >> np.uint32(16)) & np.uint32(255)) + ((h >> np.uint32(24)) & np.uint32(255))
    return (total - 1020.0) / 209.0


@njit(cache=True, parallel=True)
def white(first: Any, shape: Any, seed: Any) -> Any:
    """Return noise (shape) float32 of the normal law on the lattice whose first node is `first` (3,): the same wherever it is
    asked.
    """
    out = np.empty((shape[0], shape[1], shape[2]), dtype=np.float32)
    for i in prange(shape[0]):
        for j in range(shape[1]):
            for k in range(shape[2]):
                out[i, j, k] = hashed(first[0] + i, first[1] + j, first[2] + k, seed)
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _read(grid: Any, x: Any, y: Any, z: Any) -> Any:
    """Value of `grid` between its nodes; the border's value beyond."""
    nx, ny, nz = grid.shape
    x, y, z = min(max(x, 0.0), nx - 1.001), min(max(y, 0.0), ny - 1.001), min(max(z, 0.0), nz - 1.001)
    i, j, k = int(x), int(y), int(z)
    x, y, z = x - i, y - j, z - k
    a = (grid[i, j, k] * (1 - z) + grid[i, j, k + 1] * z) * (1 - y) + (
        grid[i, j + 1, k] * (1 - z) + grid[i, j + 1, k + 1] * z
    ) * y
    i += 1
    b = (grid[i, j, k] * (1 - z) + grid[i, j, k + 1] * z) * (1 - y) + (
        grid[i, j + 1, k] * (1 - z) + grid[i, j + 1, k + 1] * z
    ) * y
    return a * (1 - x) + b * x


@njit(cache=True, parallel=True, fastmath=True)
def drawn_along(noise: Any, fibres: Any, wanted: Any, margin: Any, ratio: Any, steps: Any, stride: Any) -> Any:
    """Average noise along fibres through every wanted voxel (line integral convolution, Cabral & Leedom 1993).

    Parameters
    ----------
    noise : (a, b, c) float32 array
        On the voxels of the tile and `margin` voxels round it.
    fibres : (p, q, r, 3) float32 array
        Unit directions on a coarser lattice with the same first node, `ratio` voxels apart.
    wanted : (nx, ny, nz) bool array
        Voxels of the tile.
    margin, steps : int
        Voxels round the tile; steps each way.
    ratio, stride : float
        Voxels between nodes of `fibres`; voxels of one step.

    Returns
    -------
    (nx, ny, nz) float32 array
        The average; 0 where it is not wanted.
    """
    nx, ny, nz = wanted.shape
    p, q, r = fibres.shape[:3]
    out = np.zeros((nx, ny, nz), dtype=np.float32)
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                if not wanted[i, j, k]:
                    continue
                a, b, c = int((i + margin) / ratio + 0.5), int((j + margin) / ratio + 0.5), int((k + margin) / ratio + 0.5)
                if fibres[a, b, c, 0] == 0 and fibres[a, b, c, 1] == 0 and fibres[a, b, c, 2] == 0:
                    continue
                total = _read(noise, i + margin, j + margin, k + margin)
                for way in (-1.0, 1.0):
                    x, y, z = float(i + margin), float(j + margin), float(k + margin)
                    dx, dy, dz = 0.0, 0.0, 0.0
                    for step in range(steps):
                        a = min(int(x / ratio + 0.5), p - 1)
                        b = min(int(y / ratio + 0.5), q - 1)
                        c = min(int(z / ratio + 0.5), r - 1)
                        fx, fy, fz = fibres[a, b, c, 0], fibres[a, b, c, 1], fibres[a, b, c, 2]
                        sign = 1.0 if fx * dx + fy * dy + fz * dz > 0 else -1.0
                        sign = way if step == 0 else sign
                        dx, dy, dz = sign * fx, sign * fy, sign * fz
                        x, y, z = x + stride * dx, y + stride * dy, z + stride * dz
                        if x < 0 or y < 0 or z < 0:
                            break
                        total += _read(noise, x, y, z)
                out[i, j, k] = total / (2 * steps + 1)
    return out


@njit(cache=True, parallel=True, fastmath=True)
def spread_over(noise: Any, normals: Any, wanted: Any, margin: Any, ratio: Any, radius: Any) -> Any:
    """Average noise over a disc square to a normal through every wanted voxel, so that it forms sheets.

    Parameters
    ----------
    noise : (a, b, c) float32 array
        On the voxels of the tile and `margin` voxels round it.
    normals : (p, q, r, 3) float32 array
        On a coarser lattice of the tile, `ratio` voxels apart.
    wanted : (nx, ny, nz) bool array
    margin : int
    ratio, radius : float
        Voxels.

    Returns
    -------
    (nx, ny, nz) float32 array
        The average; 0 where it is not wanted.
    """
    nx, ny, nz = wanted.shape
    p, q, r = normals.shape[:3]
    out = np.zeros((nx, ny, nz), dtype=np.float32)
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                if not wanted[i, j, k]:
                    continue
                a, b, c = min(int(i / ratio + 0.5), p - 1), min(int(j / ratio + 0.5), q - 1), min(int(k / ratio + 0.5), r - 1)
                n0, n1, n2 = normals[a, b, c, 0], normals[a, b, c, 1], normals[a, b, c, 2]
                if abs(n2) < 0.9:
                    u0, u1, u2 = n1, -n0, 0.0
                else:
                    u0, u1, u2 = 0.0, n2, -n1
                length = max(np.sqrt(u0 * u0 + u1 * u1 + u2 * u2), 1e-6)
                u0, u1, u2 = u0 / length, u1 / length, u2 / length
                v0, v1, v2 = n1 * u2 - n2 * u1, n2 * u0 - n0 * u2, n0 * u1 - n1 * u0
                x, y, z = float(i + margin), float(j + margin), float(k + margin)
                total = _read(noise, x, y, z)
                for ring in range(1, 5):
                    away = radius * ring / 4
                    for turn in range(8):
                        angle = (turn + 0.5 * (ring % 2)) * np.pi / 4
                        s, t = away * np.cos(angle), away * np.sin(angle)
                        total += _read(noise, x + s * u0 + t * v0, y + s * u1 + t * v1, z + s * u2 + t * v2)
                out[i, j, k] = total / 33
    return out
