"""The measurements of `data/literature.toml` that an anatomy alone can answer, by name."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from meshes import measure as m
from meshes import nerve_measures as nm
from meshes.curves import arc_length, point_at
from meshes.measure import Measure, Subject
from meshes.model import Anatomy
from meshes.passage import visits, walk_tissues
from meshes.points import load_table


def _distance(s: Subject, a: str, b: str) -> float:
    return float(np.linalg.norm(s.anatomy.landmark(a) - s.anatomy.landmark(b)))


def _lateral_order(s: Subject, side: str) -> float:
    ssc, trapezius = m.gon_exit(s, side, "semispinalis_capitis"), m.gon_exit(s, side, "trapezius")
    return float(abs(ssc[0]) < abs(trapezius[0]) <= abs(m.gon_bend(s, side)[0]))


def _inferior_order(s: Subject, side: str) -> float:
    places = [m.gon_bend(s, side), m.gon_exit(s, side, "semispinalis_capitis"), m.gon_exit(s, side, "trapezius")]
    heights = [p[2] for p in places] + [m.at_nuchal_line(s, "greater_occipital_nerve", side)[2]]
    return float(all(a < b for a, b in pairwise(heights)))


def _passage(s: Subject, side: str) -> float:
    table = load_table("literature")["passage"]
    return float(visits(walk_tissues(s.anatomy, f"greater_occipital_nerve_{side}", table["muscles"]), table["wanted"]))


def _radius_at(s: Subject, key: str, index: int) -> float:
    structure = s.anatomy[key]
    assert structure.radius_mm is not None
    return float(structure.radius_mm[index])


def _gon_radius(s: Subject, side: str) -> float:
    nerve = s.anatomy[f"greater_occipital_nerve_{side}"]
    assert nerve.centerline is not None
    leaves = m.gon_exit(s, side, "semispinalis_capitis")
    return _radius_at(s, nerve.key, int(np.argmin(np.linalg.norm(nerve.centerline - leaves, axis=1))))


def _artery_radius(s: Subject, side: str) -> float:
    return _radius_at(s, f"occipital_artery_{side}", m.crossing(s, "occipital_artery", side))


def _ton_radius(s: Subject, side: str) -> float:
    nerve = s.anatomy[f"third_occipital_nerve_{side}"]
    assert nerve.radius_mm is not None
    return float(np.median(nerve.radius_mm[: len(nerve.radius_mm) // 2]))


def _va_medial(s: Subject, side: str) -> float:
    line, radius = m.va_on_c1(s, side)
    arch = line[:, 2] < s.anatomy.landmark("c1_transverse_foramen_right")[2] + 11
    return float((np.abs(line[arch, 0]) - radius[arch]).min())


def _va_length(s: Subject, side: str) -> float:
    return float(arc_length(m.va_on_c1(s, side)[0])[-1])


def _cobb(s: Subject, side: str) -> float:
    return m.endplate(s, "seventh_cervical_vertebra")[1] - m.endplate(s, "axis")[1]


def _head_loop(s: Subject, side: str) -> float:
    front, back = s.anatomy.landmark("glabella_skin"), s.anatomy.landmark("opisthocranion_skin")
    along = back - front
    normal = np.array([0.0, -along[2], along[1]])
    return m.section_area(s.query("skin"), 0.5 * (front + back), normal / np.linalg.norm(normal))[1]


def neck_girth(anatomy: Anatomy) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a point of the plane in which the neck is measured, below the larynx, and its unit normal."""
    axis = anatomy.landmark("c4_body") - anatomy.landmark("c6_body")
    throat = anatomy.landmark("laryngeal_prominence") - np.array([0.0, 0.0, 12.0])
    return 0.5 * (throat + anatomy.landmark("c6_spinous_tip")), axis / np.linalg.norm(axis)


def _neck_loop(s: Subject, side: str) -> float:
    return m.section_area(s.query("skin"), *neck_girth(s.anatomy))[1]


def _head_breadth(s: Subject, side: str) -> float:
    v = s.anatomy["skin"].mesh.vertices_mm
    return float(np.ptp(v[(v[:, 2] > 15) & (v[:, 2] < 100), 0]))


def _skull_breadth(s: Subject, side: str) -> float:
    v = s.anatomy["cranium"].mesh.vertices_mm
    return float(np.ptp(v[(v[:, 2] > 15) & (v[:, 1] < 40), 0]))


def _bone_lateral(s: Subject, side: str) -> float:
    line = s.anatomy.curve(f"superior_nuchal_line_{side}")
    spot = point_at(line, 0.55) + np.array([0.0, 0.0, 14.0])
    near, normal = s.query("cranium").closest(spot[None])
    return m.bone_at(s, near[0], -normal[0])


def _third(s: Subject, side: str) -> float:
    return _distance(s, "inion", f"mastoid_tip_{side}") / 3


METRICS: Mapping[str, Measure] = {
    "gon_lateral_at_oci": lambda s, side: s.eop(m.gon_bend(s, side))[0],
    "gon_inferior_at_oci": lambda s, side: s.eop(m.gon_bend(s, side))[1],
    "gon_lateral_at_ssc": lambda s, side: s.eop(m.gon_exit(s, side, "semispinalis_capitis"))[0],
    "gon_inferior_at_ssc": lambda s, side: s.eop(m.gon_exit(s, side, "semispinalis_capitis"))[1],
    "gon_lateral_at_trapezius": lambda s, side: s.eop(m.gon_exit(s, side, "trapezius"))[0],
    "gon_inferior_at_trapezius": lambda s, side: s.eop(m.gon_exit(s, side, "trapezius"))[1],
    "gon_lateral_order": _lateral_order,
    "gon_inferior_order": _inferior_order,
    "gon_passage": _passage,
    "gon_depth_at_nuchal_line": lambda s, side: s.skin_depth(m.at_nuchal_line(s, "greater_occipital_nerve", side)),
    "gon_depth_at_c2": m.gon_depth_c2,
    "gon_width_at_ssc": lambda s, side: 2 * _gon_radius(s, side),
    "gon_area": lambda s, side: float(np.pi * _gon_radius(s, side) ** 2),
    "gon_from_inion_at_nuchal_line": lambda s, side: float(
        np.linalg.norm(m.at_nuchal_line(s, "greater_occipital_nerve", side) - s.anatomy.landmark("inion"))
    ),
    "gon_artery_gap": m.gon_gap_to_artery,
    "artery_lateral_to_gon": lambda s, side: float(
        abs(m.at_nuchal_line(s, "occipital_artery", side)[0]) > abs(m.at_nuchal_line(s, "greater_occipital_nerve", side)[0])
    ),
    "artery_diameter": lambda s, side: 2 * _artery_radius(s, side),
    "artery_lateral": lambda s, side: abs(float(m.at_nuchal_line(s, "occipital_artery", side)[0])),
    "ton_lateral_at_trapezius": lambda s, side: s.eop(m.ton_at_trapezius(s, side))[0],
    "ton_inferior_at_trapezius": lambda s, side: s.eop(m.ton_at_trapezius(s, side))[1],
    "ton_diameter": lambda s, side: 2 * _ton_radius(s, side),
    "lon_lateral": m.lon_emergence,
    "lon_below_canals": nm.lon_below_canals,
    "gan_below_mastoid": nm.great_auricular_point,
    "gan_below_canal": nm.gan_below_canal,
    "jugular_before_gan": nm.jugular_before_gan,
    "son_lateral": nm.supraorbital_at_rim,
    "stn_medial_to_son": nm.supratrochlear_medial,
    "atn_before_canal": nm.auriculotemporal_before_canal,
    "supraorbital_notch_lateral": lambda s, side: abs(float(s.anatomy.landmark(f"supraorbital_notch_{side}")[0])),
    "oci_length": lambda s, side: m.belly_axis(s, f"obliquus_capitis_inferior_{side}")[2],
    "oci_thickness": m.oci_thickness,
    "oci_area": lambda s, side: m.belly_area(s, f"obliquus_capitis_inferior_{side}"),
    "c1_width": lambda s, side: m.extent(s, "atlas", 0),
    "va_medial_edge": _va_medial,
    "va_horizontal_length": _va_length,
    "va_to_midline": lambda s, side: float(np.abs(m.va_on_c1(s, side)[0][:, 0]).mean()),
    "c2_to_va_loop": m.c2_to_va_loop,
    "c2_ganglion_height": lambda s, side: m.extent(s, f"c2_spinal_ganglion_{side}", 2),
    "csf_depth": m.csf_depth,
    "cobb_c2_c7": _cobb,
    "head_circumference": _head_loop,
    "head_breadth": _head_breadth,
    "head_length": lambda s, side: _distance(s, "glabella_skin", "opisthocranion_skin"),
    "neck_circumference": _neck_loop,
    "tragion_cervicale": lambda s, side: float(
        s.anatomy.landmark("tragus_right")[2] - s.anatomy.landmark("c7_spinous_tip_skin")[2]
    ),
    "head_height": lambda s, side: float(s.anatomy.landmark("vertex")[2] - s.anatomy.landmark("tragus_right")[2]),
    "external_occipital_protuberance": m.protuberance,
    "subcutis_at_c2": m.subcutis,
    "biacromial_breadth": lambda s, side: _distance(s, "acromion_skin_left", "acromion_skin_right"),
    "bizygomatic_breadth": lambda s, side: _distance(s, "zygion_skin_left", "zygion_skin_right"),
    "menton_sellion": lambda s, side: _distance(s, "menton_skin", "sellion"),
    "ear_length": lambda s, side: m.extent(s, f"auricle_{side}", 2),
    "basion_nasion": lambda s, side: _distance(s, "basion", "nasion"),
    "biasterionic_breadth": lambda s, side: _distance(s, "asterion_left", "asterion_right"),
    "bizygomatic_bone": lambda s, side: _distance(s, "zygion_left", "zygion_right"),
    "frontal_chord": lambda s, side: _distance(s, "nasion", "bregma"),
    "parietal_chord": lambda s, side: _distance(s, "bregma", "lambda"),
    "occipital_chord": lambda s, side: _distance(s, "lambda", "opisthion"),
    "foramen_magnum_length": lambda s, side: _distance(s, "basion", "opisthion"),
    "c1_depth": lambda s, side: m.extent(s, "atlas", 1),
    "rcpmaj_area": lambda s, side: m.belly_area(s, f"rectus_capitis_posterior_major_{side}"),
    "skin_to_c2_spine": lambda s, side: _distance(s, "c2_spinous_tip", "c2_spinous_tip_skin"),
    "skull_length": lambda s, side: _distance(s, "glabella", "opisthocranion"),
    "skull_breadth": _skull_breadth,
    "basion_bregma": lambda s, side: _distance(s, "basion", "bregma"),
    "inion_nasion": lambda s, side: _distance(s, "inion", "nasion"),
    "inion_opisthion": lambda s, side: _distance(s, "inion", "opisthion"),
    "bone_at_inion": lambda s, side: m.bone_at(s, s.anatomy.landmark("inion"), -s.anatomy.landmark("inion"), 50),
    "bone_lateral": _bone_lateral,
    "inion_mastoid": lambda s, side: _distance(s, "inion", f"mastoid_tip_{side}"),
    "third_from_inion": _third,
}
