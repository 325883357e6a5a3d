"""Shoulder girdle: clavicle, first rib, and the scapula, down to the lower cut of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.blades import blade, carved, joined
from meshes.fields import Field, ellipsoid, half_space, intersect, sphere, tube
from meshes.parts import Part
from meshes.points import load_table
from meshes.spine import spine_parts

Array = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])
SPACING_MM = 0.9


def girdle_parts() -> list[Part]:
    """Return right clavicle, right first rib and right scapula."""
    table = load_table("girdle")
    cut = half_space([0.0, 0.0, table["model"]["lower_cut"]], -UP)
    forms = {
        "clavicle": (_clavicle(table["clavicle"]), 4000),
        "first_rib": (_first_rib(table["first_rib"]), 3000),
        "scapula": (_scapula(table["scapula"]), 8000),
    }
    parts = []
    for key, (form, faces) in forms.items():
        about = table[key]
        whole = intersect(form, cut, 1.0)
        parts.append(Part(key, whole, SPACING_MM, faces, sources=tuple(about["sources"]), evidence=about["evidence"]))
    return parts


def _clavicle(row: Mapping[str, Any]) -> Field:
    form = blade(row["axis"], row["half_height"], row["half_depth"], UP, 0.5)
    for face in ("sternal_face", "acromial_face"):
        form = intersect(form, half_space(*row[face]), 3.0)
    return form


def _first_rib(row: Mapping[str, Any]) -> Field:
    """Return the flat bar of the rib: its neck upright, its body with one face up and the other on the lung."""
    bar = blade(row["axis"], row["half_width"], row["half_thickness"], row["wide_along"], 0.5, 2.5)
    vertebra = next(part.field for part in spine_parts() if part.key == "first_thoracic_vertebra")
    return carved(bar, [vertebra], 0.6, row["joint_gap"])


def _scapula(row: Mapping[str, Any]) -> Field:
    along = np.append(row["blade_direction"][:2], 0.0)
    along = along / np.linalg.norm(along)
    out = np.cross(along, UP)
    shelf = blade(row["spine_shelf"], row["spine_half_width"], row["spine_half_thickness"], [0.6, -0.75, 0.2], 0.5)
    crest = blade(row["spine_crest"], row["spine_crest_half_height"], row["spine_crest_half_depth"], UP, 0.5)
    acromion = blade(row["acromion"], row["acromion_half_width"], row["acromion_half_height"], [0.9, 0.25, 0.0], 0.5, 2.5)
    coracoid = blade(row["coracoid"], row["coracoid_half_width"], row["coracoid_half_height"], [1.0, -0.3, 0.0], 0.5)
    glenoid = ellipsoid(row["glenoid"], row["glenoid_half"], np.array([along, np.cross(UP, along), UP]))
    hollow = row["glenoid_hollow_radius"]
    socket = sphere(np.array(row["glenoid"]) + (hollow + 1.0) * along, hollow)
    head = carved(joined([glenoid, tube(row["neck"], row["neck_radius"])], 5.0), [socket], 1.0)
    return joined([_plate(row, along, out), shelf, crest, acromion, coracoid, head], 3.0)


def _plate(row: Mapping[str, Any], along: Array, out: Array) -> Field:
    """Return the thin blade: an outline in the scapular plane, bent forward above and below its spine."""
    origin, half = np.array(row["blade_origin"]), row["blade_half_thickness"]
    outline = np.array(row["outline"])
    above, below = row["blade_forward_bend"]

    def distance(p: Array) -> Array:
        u, rise = (p - origin) @ along, p[:, 2] - origin[2]
        bend = np.where(rise > 0, above, below) * rise**2
        steep = 2.0 * np.where(rise > 0, above, below) * rise
        off = ((p - origin) @ out + bend) / np.sqrt(1.0 + steep**2)
        edge = polygon_distance(outline, np.column_stack([u, p[:, 2]])) + half
        return np.asarray(0.9 * (np.hypot(np.maximum(edge, 0.0), off) - half))

    corners = origin + outline[:, :1] * along - np.array([[0, 0, origin[2]]])
    corners[:, 2] = outline[:, 1]
    return Field(distance, corners.min(axis=0) - [16, 8, 4], corners.max(axis=0) + [8, 18, 4])


def polygon_distance(outline: ArrayLike, points: ArrayLike) -> Array:
    """Return signed distances (n,) of plane points (n, 2) to a closed outline (m, 2), negative inside."""
    a = np.asarray(outline, dtype=np.float64)
    b = np.roll(a, -1, axis=0)
    p = np.asarray(points, dtype=np.float64)
    square = np.full(len(p), np.inf)
    inside = np.zeros(len(p), dtype=bool)
    for start, end in zip(a, b, strict=True):
        edge, d = end - start, p - start
        t = np.clip(d @ edge / (edge @ edge), 0.0, 1.0)
        square = np.minimum(square, ((d - t[:, None] * edge) ** 2).sum(axis=1))
        spans = (start[1] > p[:, 1]) != (end[1] > p[:, 1])
        if abs(edge[1]) > 1e-12:
            inside ^= spans & (d[:, 0] < d[:, 1] * edge[0] / edge[1])
    return np.asarray(np.where(inside, -1.0, 1.0) * np.sqrt(square))
