"""Named landmarks and curves of a built anatomy, each seated on the surface that it belongs to.

Bony points start from the shared table and are moved to the nearest point of their bone; skin points are
the nearest skin. Left and right are seated on their own surfaces, which need not mirror each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import catmull_rom, resample, serrated
from meshes.model import Structure
from meshes.points import FLIP, load_table, shared_curves, shared_points
from meshes.sections import muscle_sections
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
SIDES = ("right", "left")
AHEAD = np.array([0.0, 1.0, 0.0])
FARTHEST_SKIN_MM = 60.0
CURVE_STEP_MM = 1.0
RIDGE_STATIONS = 60
RIDGE_SMOOTHING = 7  # stations averaged along the crest


def derive_landmarks(structures: Mapping[str, Structure]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the landmarks (3,) and curves (n, 3) of an anatomy, mm RAS.

    Parameters
    ----------
    structures : mapping of str to Structure
        Built surfaces by key. Landmarks of absent structures are left out.

    Returns
    -------
    landmarks, curves : dict of str to array
        Bony names plain (`inion`), skin ones with `_skin` (`inion_skin`), side last.

    Raises
    ------
    ValueError
        If a bony point lies further from its bone than `farthest_mm` of `seats.toml`.
    """
    seats = load_table("seats")
    queries = {key: SurfaceQuery(s.mesh) for key, s in structures.items() if s.kind == "bone" or key == "skin"}
    landmarks = _bony(seats, queries)
    curves = _bony_curves(seats, queries)
    if "skin" in queries:
        landmarks |= _on_skin(seats, queries["skin"], landmarks)
        curves |= _curves_on_skin(seats, queries["skin"], curves)
        curves |= _ridges(seats["ridge"], queries["skin"], landmarks)
    return landmarks | _section_centres(structures, landmarks), curves


def _section_centres(structures: Mapping[str, Structure], landmarks: Mapping[str, Array]) -> dict[str, Array]:
    """The middles of the muscles at the levels of `data/sections.toml`."""
    out: dict[str, Array] = {}
    for side in SIDES:
        surfaces = {k.removesuffix(f"_{side}"): s.mesh for k, s in structures.items() if s.side == side and s.kind == "muscle"}
        out |= {f"{name}_{side}": cut.centre for name, cut in muscle_sections(surfaces, landmarks, side).items()}
    return out


def _bony(seats: Mapping[str, Any], queries: Mapping[str, SurfaceQuery]) -> dict[str, Array]:
    owner = {name: bone for bone, names in seats["bones"].items() for name in names}
    out: dict[str, Array] = {}
    for name, at in shared_points().items():
        bare, side = _split(name)
        if bare not in owner:
            out[name] = at
            continue
        query = queries.get(owner[bare]) or queries.get(f"{owner[bare]}_{side}")
        if query is not None:
            out[name] = _seated(name, at[None], query, seats["farthest_mm"], median=side is None)[0]
    return out


def _bony_curves(seats: Mapping[str, Any], queries: Mapping[str, SurfaceQuery]) -> dict[str, Array]:
    out = {}
    for name, row in seats["curves"].items():
        for side in (None,) if row.get("median") else SIDES:
            query = queries.get(row["on"]) or queries.get(f"{row['on']}_{side}")
            if query is None:
                continue
            label = name if side is None else f"{name}_{side}"
            through = shared_curves()[label] if "through" not in row else _sided(row["through"], side)
            line = _seated(label, catmull_rom(through, CURVE_STEP_MM), query, seats["farthest_mm"])
            if row.get("serrated"):
                wave = seats["serration"]
                line = serrated(line, query.closest(line)[1], wave=wave["wave_mm"], swing=wave["swing_mm"])
            out[label] = _on(query, line)
    return out


def _on_skin(seats: Mapping[str, Any], skin: SurfaceQuery, bony: Mapping[str, Array]) -> dict[str, Array]:
    table = load_table("skin").get("landmarks", {})
    out: dict[str, Array] = {}
    for name, row in table.items():
        at = np.array(row["at"] if isinstance(row, Mapping) else row, dtype=np.float64)
        if at[0] == 0:
            out[name] = _seated(name, at[None], skin, seats["farthest_mm"], median=True)[0]
            continue
        for side in SIDES:
            label = f"{name}_{side}"
            out[label] = _seated(label, _sided([at], side), skin, seats["farthest_mm"])[0]
    for name, at in bony.items():
        bare, which = _split(name)
        label = f"{bare}_skin" if which is None else f"{bare}_skin_{which}"
        if label in out:
            continue
        if bare in seats["skin"]["nearest"]:
            out[label] = _seated(label, at[None], skin, np.inf, median=which is None)[0]
        elif bare in seats["skin"]["ahead"]:
            far, _ = skin.ray(at, AHEAD, FARTHEST_SKIN_MM)
            out[label] = at + far[-1] * AHEAD if len(far) else _seated(label, at[None], skin, np.inf)[0]
    return out


def _curves_on_skin(seats: Mapping[str, Any], skin: SurfaceQuery, bony: Mapping[str, Array]) -> dict[str, Array]:
    out = {}
    for name, row in seats["curves"].items():
        for side in SIDES:
            line = bony.get(f"{name}_{side}")
            if row["skin"] and line is not None:
                out[f"{name}_skin_{side}"] = _laid(line[:: max(int(4 / CURVE_STEP_MM), 1)], skin)
    for name, row in load_table("skin").get("curves", {}).items():
        through = np.array(row["through"], dtype=np.float64)
        if row.get("side") == "right":
            for side in SIDES:
                out[f"{name}_{side}"] = _laid(_sided(through, side), skin)
        else:
            out[name] = _laid(through, skin)
    return out


def _ridges(row: Mapping[str, Any], skin: SurfaceQuery, landmarks: Mapping[str, Array]) -> dict[str, Array]:
    """The highest skin between two points on each side, the crest that a horizontal needle enters behind."""
    out = {}
    for side in SIDES:
        a, b = landmarks.get(f"{row['from']}_{side}"), landmarks.get(f"{row['to']}_{side}")
        if a is None or b is None:
            continue
        line = a + np.linspace(0, 1, RIDGE_STATIONS)[:, None] * (b - a)
        crest = np.array([_highest(skin, p, row["half_window_mm"]) for p in line])
        crest[0], crest[-1] = a, b
        out[f"{row['name']}_{side}"] = _on(skin, skin.closest(_smoothed(crest))[0])
    return out


def _highest(skin: SurfaceQuery, at: Array, half: float) -> Array:
    best = at
    top = at[2] + 80.0
    found = -np.inf
    for dy in np.arange(-half, half + 0.1, 2.0):
        start = np.array([at[0], at[1] + dy, top])
        far, _ = skin.ray(start, [0.0, 0.0, -1.0], 200.0)
        far = far[far > 1e-6]
        if len(far) and top - far[0] > found:
            found, best = float(top - far[0]), start - [0.0, 0.0, far[0]]
    return best


def _smoothed(line: Array) -> Array:
    half = RIDGE_SMOOTHING // 2
    out = line.copy()
    for i in range(1, len(line) - 1):
        reach = min(half, i, len(line) - 1 - i)
        out[i] = line[i - reach : i + reach + 1].mean(axis=0)
    return out


def _laid(points: Array, skin: SurfaceQuery) -> Array:
    """A smooth curve through the nearest skin of `points`, on the skin all along."""
    return _on(skin, catmull_rom(skin.closest(points)[0], CURVE_STEP_MM))


def _on(surface: SurfaceQuery, line: Array) -> Array:
    """`line` in even steps, every point of it on the surface."""
    for _ in range(2):
        line = resample(surface.closest(line)[0], CURVE_STEP_MM)
    return surface.closest(line)[0]


def _seated(name: str, at: Array, query: SurfaceQuery, farthest: float, median: bool = False) -> Array:
    near = query.closest(at)[0]
    if median:
        near[:, 0] = 0.0
        near = query.closest(near)[0]
        near[:, 0] = 0.0
    moved = float(np.linalg.norm(near - at, axis=1).max())
    if moved > farthest:
        raise ValueError(f"landmark {name} lies {moved:.1f} mm from its surface; {farthest:g} mm is the most allowed.")
    return near


def _sided(points: Any, side: str | None) -> Array:
    return np.asarray(points, dtype=np.float64) * (FLIP if side == "left" else 1.0)


def _split(name: str) -> tuple[str, str | None]:
    for side in SIDES:
        if name.endswith(f"_{side}"):
            return name.removesuffix(f"_{side}"), side
    return name, None
