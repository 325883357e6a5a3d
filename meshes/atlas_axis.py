"""The atlas and the axis: a ring without body, and the tooth that it turns about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.blades import blade, carved, joined
from meshes.fields import Field, ellipsoid, intersect, rounded_cone, sphere, symmetric, tube
from meshes.levels import SIDE, Level, lower_joint
from meshes.points import load_table, shared_points
from meshes.vertebra import ARCH_BLEND, CLEARANCE, canal_bore, pillar
from meshes.vertebral_body import body

Array = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])


def atlas(artery: Field) -> Field:
    """Return the atlas as a field, whole; `artery` is the clear way of the vertebral artery."""
    row = load_table("vertebrae")["atlas"]
    ligament = sphere(row["ligament_tubercle"], row["ligament_tubercle_radius"])
    pieces = [_lateral_mass(row), *_arches(row), *_transverse(row), ligament]
    tools = [
        artery,
        tube(row["foramen_way"], row["foramen_radius"]),
        tube(row["lateral_mass_groove"], row["lateral_mass_groove_radius"]),
        blade(row["canal_way"], row["canal_half_width"], row["canal_half_depth"], SIDE),
    ]
    return symmetric(carved(joined(pieces, 2.0), tools, 1.6))


def axis(place: Level, below: Level, others: Sequence[Field], artery: Field) -> Field:
    """Return the axis as a field, whole; it keeps clear of `others`, the pillars below, and of the artery."""
    row = place.size
    gap = float(load_table("vertebrae")["joints"]["facet_gap"])
    dens = blade(row["dens_axis"], row["dens_half_width"], row["dens_half_depth"], SIDE, 0.5)
    tall = 0.5 * row["lamina_height"] * np.array([0.66, 0.9, 1])
    lamina = blade(row["lamina_axis"], tall, 0.5 * row["lamina_thickness"], [0, 0.45, 1.0], 0.5, 2.2)
    back = pillar(place, None, lower_joint(place, below), gap)
    stem = blade(row["spine_axis"], row["spine_half_height"], row["spine_half_width"], [0, -0.3, 1.0], 0.5)
    pieces = [dens, joined([lamina, back, stem, _shoulder(row)], ARCH_BLEND), *_prongs(row), *_axis_transverse(row)]
    canal = canal_bore([*row["canal_way"], place.canal_centre(), below.canal_centre()], row["canal_width"], row["canal_depth"])
    right = joined([carved(joined(pieces, 2.0), others, 0.8, CLEARANCE * gap), body(place, below)], 2.2)
    right = carved(right, [artery, canal], 1.2)
    return symmetric(intersect(right, _facet_roof(row, 0.0), 0.8))


def _lateral_mass(row: Mapping[str, Any]) -> Field:
    """Return the right lateral mass between the condyle and the axis."""
    turn = np.radians(row["lateral_mass_convergence"])
    along = np.array([-np.sin(turn), np.cos(turn), 0.0])
    axes = np.array([np.cross(along, UP), along, UP])
    centre, half = np.array(row["lateral_mass"]), np.array(row["lateral_mass_half"])
    foot = ellipsoid(row["lateral_mass_foot"], row["lateral_mass_foot_half"])
    mass = joined([ellipsoid(centre, half, axes), foot], 3.0)
    facet, slope, hollow = np.array(row["superior_facet"]), row["superior_facet_slope"], row["superior_facet_hollow"]

    def above(p: Array) -> Array:
        d = p - facet
        across, far = d @ axes[0], d @ axes[1]
        return np.asarray((d[:, 2] - slope * across - hollow * (far**2 + across**2)) * 0.85)

    roof = Field(above, centre - 40, centre + 40)
    axis_row = load_table("vertebrae")["axis"]
    return intersect(intersect(mass, roof, 1.0), _facet_floor(axis_row, row["inferior_facet_gap"]), 1.0)


def _facet_height(row: Mapping[str, Any], p: Array) -> Array:
    """Height over the plane of the axis's superior facet, mm along the plane's normal; it falls to the side and back."""
    at, (out, rear) = np.array(row["superior_facet"]), row["superior_facet_slope"]
    d = p - at
    far = np.hypot(d[:, 0], d[:, 1])
    dome = 0.006 * np.minimum(far, 14.0) ** 2
    return np.asarray((d[:, 2] + out * d[:, 0] - rear * d[:, 1] + dome) / np.sqrt(1 + out**2 + rear**2))


def _facet_floor(row: Mapping[str, Any], gap: float) -> Field:
    wide = np.full(3, 1e3)
    return Field(lambda p: gap - _facet_height(row, p), -wide, wide)


def _facet_roof(row: Mapping[str, Any], gap: float) -> Field:
    """Return what lies under the superior facet, or medial to it where the dens rises."""
    wide = np.full(3, 1e3)
    return Field(lambda p: np.minimum(_facet_height(row, p) + gap, 0.9 * (np.abs(p[:, 0]) - 7.0)), -wide, wide)


def _arches(row: Mapping[str, Any]) -> list[Field]:
    """Return the right halves of both arches with their tubercles."""
    points = shared_points()
    front, rear = points["c1_anterior_tubercle"], points["c1_posterior_tubercle"]
    rf, rr = row["anterior_tubercle_radius"], row["posterior_tubercle_radius"]
    return [
        blade(row["anterior_arch"], row["anterior_arch_half_height"], row["anterior_arch_half_thickness"], UP, 0.5),
        blade(row["posterior_arch"], row["posterior_arch_half_height"], row["posterior_arch_half_thickness"], UP, 0.5),
        sphere(front - np.array([0.0, rf, 0.0]), rf),
        rounded_cone(rear + np.array([0.0, rr + 1.5, 0.0]), rear + np.array([0.0, rr, 0.0]), rr + 0.8, rr),
    ]


def _transverse(row: Mapping[str, Any]) -> list[Field]:
    """Return both bars of the right transverse process of the atlas, and its knob."""
    tall, thick = row["transverse_half_height"], row["transverse_half_thickness"]
    bars = [blade(row[k], tall, thick, UP, 0.5) for k in ("transverse_front", "transverse_back")]
    web = ellipsoid(row["transverse_web"], row["transverse_web_half"])
    return [*bars, web, ellipsoid(row["transverse_knob"], row["transverse_knob_half"])]


def _shoulder(row: Mapping[str, Any]) -> Field:
    """Return the mass under the superior facet of the axis and the bar from it to the inferior pillar."""
    at = np.array(row["superior_facet"])
    plate = ellipsoid(at - np.array([0, 0, 2.5]), [0.5 * row["superior_facet_width"], 0.5 * row["superior_facet_length"], 5.5])
    bar = tube(row["shoulder_axis"], row["shoulder_radius"])
    inner = ellipsoid(row["shoulder_inner"], row["shoulder_inner_half"])
    return joined([plate, bar, inner], 3.0)


def _prongs(row: Mapping[str, Any]) -> list[Field]:
    (root, tip), (thick, thin) = row["prong"], row["prong_radius"]
    return [rounded_cone(root, tip, thick, thin)]


def _axis_transverse(row: Mapping[str, Any]) -> list[Field]:
    """Return both bars of the right transverse process of the axis."""
    return [
        blade(row[k], row[f"{k}_half_height"], row[f"{k}_half_thickness"], UP, 0.5)
        for k in ("transverse_front", "transverse_back")
    ]
