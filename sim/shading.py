"""Light and texture computed on the vertices: occlusion and soft shadow of the scene, outlines, fibres, mottling, clear skin.

Nothing here draws; arrays in, arrays out. Colours are linear shares 0 to 1 in display space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

CELL_MM = 2.0
LEVELS = 4
BLUR_CELLS = 1.1
PAD_CELLS = 4
OCCLUSION_GAIN = (0.9, 0.75, 0.6, 0.45)
SHADOW_STEPS_MM = (7.0, 13.0, 24.0, 44.0)
SHADOW_GAIN = 1.6
SHADOW_TINT = np.array([0.72, 1.03, 1.18])
TEXTURE_MM = (48.0, 24.0)
TEXTURE_PX = (256, 1024)
DEPTH_REACH_MM, DEPTH_GAIN = 7.0, 0.26
CLEAR_LOW, CLEAR_HIGH = 0.6, 4.2


@dataclass(frozen=True)
class Occupancy:
    """How much surface there is about each point of space, at several blurs.

    Parameters
    ----------
    origin_mm : (3,) array
        Centre of the first cell of the finest level.
    levels : tuple of (i, j, k) arrays
        Share of each cell that is taken; each level has cells twice as wide as the one before.
    """

    origin_mm: Array
    levels: tuple[Floats, ...]

    def sample(self, points_mm: Array, level: int) -> Floats:
        """Return the taken share (n,) at points (n, 3) of one level; 0 outside."""
        cell = CELL_MM * 2**level
        centre = self.origin_mm + (cell - CELL_MM) / 2
        index = ((points_mm - centre) / cell).T.astype(np.float32)
        return np.asarray(ndimage.map_coordinates(self.levels[level], index, order=1, mode="constant"), dtype=np.float32)


def occupancy(meshes: Sequence[SurfaceMesh]) -> Occupancy:
    """Return how the surfaces of a scene fill space, blurred at 2, 4, 8 and 16 mm."""
    centres, areas = zip(*(_triangles(m) for m in meshes), strict=True)
    points, area = np.concatenate(centres), np.concatenate(areas)
    low = points.min(axis=0) - PAD_CELLS * CELL_MM
    step = 2 ** (LEVELS - 1)
    shape = tuple(int(np.ceil(n / step)) * step for n in (points.max(axis=0) - low) / CELL_MM + PAD_CELLS)
    index = np.ravel_multi_index(tuple(((points - low) / CELL_MM + 0.5).astype(np.int64).T), shape)
    grid = np.bincount(index, weights=area / CELL_MM**2, minlength=int(np.prod(shape)))
    level = np.minimum(grid, 1.0).astype(np.float32).reshape(shape)
    sharp = [level]
    for _ in range(LEVELS - 1):
        i, j, k = (n // 2 for n in level.shape)
        level = level.reshape(i, 2, j, 2, k, 2).mean(axis=(1, 3, 5))
        sharp.append(level)
    return Occupancy(low, tuple(ndimage.gaussian_filter(x, BLUR_CELLS, mode="constant", truncate=2.5) for x in sharp))


def ambient_light(scene: Occupancy, points_mm: Array, normals: Array) -> Floats:
    """Return the share of sky light (n,) that reaches points (n, 3) with unit normals (n, 3)."""
    blocked = np.zeros(len(points_mm), dtype=np.float32)
    for level, gain in enumerate(OCCLUSION_GAIN):
        reach = CELL_MM * 2**level * 1.6
        flat = 0.5 * 2.0**-level * 0.22
        blocked += gain * np.maximum(scene.sample(points_mm + reach * normals, level) - flat, 0.0)
    return np.asarray(np.exp(-1.9 * blocked), dtype=np.float32)


def key_light(scene: Occupancy, points_mm: Array, normals: Array, toward_light: Array) -> Floats:
    """Return the share of the key light (n,) that is not shadowed, soft, at points (n, 3)."""
    blocked = np.zeros(len(points_mm), dtype=np.float32)
    for level, reach in enumerate(SHADOW_STEPS_MM):
        blocked += np.maximum(
            scene.sample(points_mm + (3.0 + 0.7 * CELL_MM * 2**level) * normals + reach * toward_light, level) - 0.04, 0.0
        ) * (1.0 + level)
    facing = np.clip(1.7 * (normals @ toward_light) - 0.2, 0.0, 1.0)
    return np.asarray(1.0 - facing * (1.0 - np.exp(-SHADOW_GAIN * blocked)), dtype=np.float32)


def outline(normals: Array, toward_camera: Array) -> Floats:
    """Return how much (n,) a surface turns away from the camera: 0 facing, 1 at its outline."""
    facing = np.abs(normals @ toward_camera)
    return np.asarray((1.0 - np.clip(facing, 0.0, 1.0)) ** 3, dtype=np.float32)


def shade(colour: Array, ambient: Floats, key: Floats, edge: Floats, strengths: tuple[float, float, float]) -> Array:
    """Return `colour`, (3,) or (n, 3), darkened by (ambient, shadow, edge) with those strengths; shadows are warm."""
    occlusion, shadow, line = strengths
    light = (1 - occlusion * (1 - ambient)) * (1 - shadow * (1 - key)) * (1 - line * edge)
    return np.asarray(colour * np.maximum(light, 0.05)[:, None] ** SHADOW_TINT)


def clear_alpha(normals: Array, toward_camera: Array, opacity: float) -> Floats:
    """Return the opacity (n,) of a clear shell: low where it faces the camera, rising to its outline.

    Its middle keeps about half of `opacity`; the outline reaches `opacity` times four, at most 0.95.
    """
    edge = (1.0 - np.clip(normals @ toward_camera, 0.0, 1.0)) ** 2.5
    alpha = opacity * (CLEAR_LOW + (CLEAR_HIGH - CLEAR_LOW) * edge)
    return np.asarray(np.clip(alpha, 0.0, max(0.95, opacity)), dtype=np.float32)


def surroundings(depth_mm: Floats, sigma_px: float) -> Floats:
    """Return the mean height (rows, columns) of the solid things about each pixel; -inf in `depth_mm` is paper."""
    solid = np.isfinite(depth_mm)
    weight = ndimage.gaussian_filter(solid.astype(np.float32), sigma_px, truncate=3.0)
    height = ndimage.gaussian_filter(np.where(solid, depth_mm, np.float32(0)), sigma_px, truncate=3.0)
    return np.asarray(height / np.maximum(weight, 1e-6), dtype=np.float32)


def depth_light(depth_mm: Floats, around_mm: Floats) -> Floats:
    """Return a factor (rows, columns) that darkens what lies just behind the edge of something nearer.

    Parameters
    ----------
    depth_mm : (rows, columns) array
        Height toward the camera; -inf on paper, which stays as it is.
    around_mm : (rows, columns) array
        From `surroundings`.

    References
    ----------
    Luft, Colditz, Deussen 2006, doi 10.1145/1141911.1142016: unsharp masking of the depth buffer.
    """
    below = np.clip(around_mm - depth_mm, 0.0, DEPTH_REACH_MM) * np.isfinite(depth_mm)
    return np.asarray(1.0 - DEPTH_GAIN * below / DEPTH_REACH_MM, dtype=np.float32)


def topmost(pixels: Array, depth_mm: Array, cell_px: float, clearance_mm: float) -> Floats:
    """Return 1 for points (n,) that no other covers by more than `clearance_mm`, falling to 0 at twice that."""
    cells = np.floor((pixels - pixels.min(axis=0)) / cell_px).astype(np.int64)
    index = cells[:, 0] * (cells[:, 1].max() + 1) + cells[:, 1]
    top = np.full(index.max() + 1, -np.inf)
    np.maximum.at(top, index, depth_mm)
    return np.asarray(np.clip(2.0 - (top[index] - depth_mm) / clearance_mm, 0.0, 1.0), dtype=np.float32)


def fibre_texture(seed: int) -> NDArray[np.uint8]:
    """Return a grey tile (v, u) that repeats: fine fibres and bundles, long in u, for coordinates from `texture_coordinates`."""
    rng = np.random.default_rng([seed, 1])
    height, width = TEXTURE_PX[1], TEXTURE_PX[0]
    layers = ((0.55, 1.6, 40.0), (0.35, 0.55, 26.0), (0.20, 0.22, 14.0))
    image = sum(gain * _grain(rng, height, width, across, along) for gain, across, along in layers)
    ridge = np.tanh(1.1 * np.asarray(image) / np.std(image)) * 0.5 + 0.5
    return np.asarray(np.round(255 * (0.70 + 0.30 * ridge)), dtype=np.uint8)


def texture_coordinates(grain_mm: Array) -> Floats:
    """Return texture coordinates (n, 2) of millimetres along and across the fibres (n, 2)."""
    return np.asarray(grain_mm / TEXTURE_MM, dtype=np.float32)


def mottling(points_mm: Array, seed: int, *, amount: float = 0.02) -> Floats:
    """Return a factor (n,) about 1 that varies slowly over space, for bone."""
    rng = np.random.default_rng([seed, 2])
    total = np.zeros(len(points_mm), dtype=np.float32)
    points = points_mm.astype(np.float32)
    for wavelength, gain in ((34.0, 1.0), (15.0, 0.7), (6.0, 0.5)):
        waves = rng.normal(size=(3, 5)).astype(np.float32)
        waves *= 2 * np.pi / wavelength / np.linalg.norm(waves, axis=0)
        phase = rng.uniform(0, 2 * np.pi, 5).astype(np.float32)
        total += gain * np.sin(points @ waves + phase).sum(axis=1) / np.float32(np.sqrt(5))
    return np.asarray(1.0 + amount * total, dtype=np.float32)


def _triangles(mesh: SurfaceMesh) -> tuple[Array, Array]:
    """Centres (m, 3) and areas (m,) of the triangles; big ones are split in three about their corners."""
    a, b, c = (mesh.vertices_mm[mesh.faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    centre = (a + b + c) / 3
    big = np.flatnonzero(area > CELL_MM**2)
    inner = [(centre[big] + 2 * corner[big]) / 3 for corner in (a, b, c)]
    area[big] /= 4
    return np.concatenate([centre, *inner]), np.concatenate([area, *([area[big]] * 3)])


def _grain(rng: np.random.Generator, height: int, width: int, across_mm: float, along_mm: float) -> Array:
    """Periodic noise of unit deviation with those lengths of correlation."""
    noise = np.fft.rfft2(rng.standard_normal((height, width)))
    v = np.fft.fftfreq(height, TEXTURE_MM[1] / height)[:, None]
    u = np.fft.rfftfreq(width, TEXTURE_MM[0] / width)[None, :]
    smooth = np.exp(-0.5 * ((v * across_mm * 1.6) ** 2 + (u * along_mm) ** 2))
    image = np.fft.irfft2(noise * smooth, (height, width))
    return np.asarray(image / image.std())
