"""Measurements of the nerves of ear, forehead and temple, each a function of (subject, side)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length
from meshes.measure import Subject, path_of
from meshes.points import FLIP, load_table

Array = NDArray[np.float64]
BORDER_STEP_MM = 3.0
BORDER_LENGTH_MM = 110.0  # of the border that is looked at, below the mastoid tip
DOWN = np.array([0.0, 0.0, -1.0])


def sternocleidomastoid_border(s: Subject, side: str) -> tuple[Array, Array]:
    """Return the rear and the middle (n, 3) of sternocleidomastoid's sections from the mastoid tip down."""
    v = s.anatomy[f"sternocleidomastoid_{side}"].mesh.vertices_mm
    top = float(s.anatomy.landmark(f"mastoid_tip_{side}")[2])
    rear, middle = [], []
    for z in np.arange(top, top - BORDER_LENGTH_MM, -BORDER_STEP_MM):
        slab = v[np.abs(v[:, 2] - z) < BORDER_STEP_MM]
        if len(slab):
            last = slab[np.argmin(slab[:, 1])]
            rear.append([last[0], last[1], z])
            middle.append([slab[:, 0].mean(), 0.5 * (slab[:, 1].min() + slab[:, 1].max()), z])
    return np.array(rear), np.array(middle)


def great_auricular_point(s: Subject, side: str) -> float:
    """Way along the posterior border of sternocleidomastoid from the mastoid tip to the great auricular nerve, mm."""
    border, _ = sternocleidomastoid_border(s, side)
    apart = np.linalg.norm(path_of(s, f"great_auricular_nerve_{side}")[:, None] - border[None], axis=2)
    return float(arc_length(border)[np.unravel_index(np.argmin(apart), apart.shape)[1]])


def mckinney_point(s: Subject, side: str) -> Array:
    """Return where the great auricular nerve crosses the middle of sternocleidomastoid."""
    line = path_of(s, f"great_auricular_nerve_{side}")
    _, middle = sternocleidomastoid_border(s, side)
    ahead = line[:, 1] - np.interp(-line[:, 2], -middle[:, 2], middle[:, 1])
    outside = np.abs(line[:, 0]) > np.abs(np.interp(-line[:, 2], -middle[:, 2], middle[:, 0]))
    crossed = np.flatnonzero((ahead[:-1] < 0) & (ahead[1:] >= 0) & outside[1:])
    if not len(crossed):
        raise ValueError(f"great_auricular_nerve_{side} does not cross the middle of sternocleidomastoid.")
    return np.asarray(line[crossed[0] + 1])


def lon_below_canals(s: Subject, side: str) -> float:
    """How far below the ear canals the lesser occipital nerve comes out behind sternocleidomastoid, mm."""
    line = path_of(s, f"lesser_occipital_nerve_{side}")
    border, _ = sternocleidomastoid_border(s, side)
    behind = np.flatnonzero(line[:, 1] < np.interp(-line[:, 2], -border[:, 2], border[:, 1]))
    if not len(behind):
        raise ValueError(f"lesser_occipital_nerve_{side} does not come out behind sternocleidomastoid.")
    return float(_from_porion(s, side, "middle")[2] - line[behind[0], 2])


def gan_below_canal(s: Subject, side: str) -> float:
    """From the lower edge of the bony ear canal to the great auricular nerve in the middle of sternocleidomastoid, mm."""
    return float(np.linalg.norm(mckinney_point(s, side) - canal_floor(s, side)))


def jugular_before_gan(s: Subject, side: str) -> float:
    """How far the external jugular vein lies before the great auricular nerve on the middle of sternocleidomastoid, mm."""
    here, vein = mckinney_point(s, side), path_of(s, f"external_jugular_vein_{side}")
    return float(vein[np.argmin(np.abs(vein[:, 2] - here[2])), 1] - here[1])


def at_rim(s: Subject, nerve: str, landmark: str, side: str) -> float:
    """Distance of a nerve from the midline where it passes the rim of the orbit, mm."""
    line = path_of(s, f"{nerve}_{side}")
    return float(abs(line[np.argmin(np.linalg.norm(line - s.anatomy.landmark(f"{landmark}_{side}"), axis=1)), 0]))


def supraorbital_at_rim(s: Subject, side: str) -> float:
    """Distance of the supraorbital nerve from the midline at the rim of the orbit, mm."""
    return at_rim(s, "supraorbital_nerve", "supraorbital_notch", side)


def supratrochlear_medial(s: Subject, side: str) -> float:
    """How far medial to the supraorbital nerve the supratrochlear nerve passes the rim, mm."""
    return supraorbital_at_rim(s, side) - at_rim(s, "supratrochlear_nerve", "supraorbital_rim_medial", side)


def auriculotemporal_before_canal(s: Subject, side: str) -> float:
    """How far the auriculotemporal nerve runs before the upper front edge of the ear canal, at its first narrow place, mm."""
    line, row = path_of(s, f"auriculotemporal_nerve_{side}"), load_table("literature")["ear_canal"]
    edge = _from_porion(s, side, "upper_front_edge")
    return float(line[np.argmin(np.abs(line[:, 2] - edge[2] - row["first_narrow_place_above"])), 1] - edge[1])


def canal_floor(s: Subject, side: str) -> Array:
    """Return the lower edge of the bony ear canal, mm."""
    start = _from_porion(s, side, "middle")
    hits, _ = s.query("cranium").ray(start, DOWN, 30.0)
    if not len(hits):
        raise ValueError(f"the ear canal of the {side} side has no floor.")
    return np.asarray(start + hits[0] * DOWN)


def _from_porion(s: Subject, side: str, name: str) -> Array:
    offset = np.array(load_table("literature")["ear_canal"][name])
    return np.asarray(s.anatomy.landmark(f"porion_{side}") + offset * (FLIP if side == "left" else 1.0))
