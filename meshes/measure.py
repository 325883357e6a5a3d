"""Measurements of an anatomy, each a function of (subject, side) named in `data/literature.toml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length
from meshes.model import Anatomy, Structure
from meshes.points import load_table
from meshes.surface import SurfaceQuery, path_length

Array = NDArray[np.float64]
PLATE_MM, BELOW_MM = 5.0, 18.0  # half of the endplate that is read, and where it is looked at from
PROFILE_MM = 60.0  # from the inion to the middle that its profile is seen from
ENDPLATES = {"axis": ("c2_body", "c3_body"), "seventh_cervical_vertebra": ("c7_body", "t1_body")}
UNDER_NAPE = ("nuchal_ligament", "trapezius_right", "trapezius_left")


@dataclass(frozen=True)
class Subject:
    """An anatomy with the search trees of its surfaces, made when first asked for."""

    anatomy: Anatomy
    _trees: dict[str, SurfaceQuery] = field(default_factory=dict, repr=False)

    def query(self, key: str) -> SurfaceQuery:
        """Return the search trees of a structure."""
        if key not in self._trees:
            self._trees[key] = SurfaceQuery(self.anatomy[key].mesh)
        return self._trees[key]

    def eop(self, point: Array) -> tuple[float, float]:
        """Return (lateral, inferior) of a point from the inion, mm, as cadaver studies report it."""
        return abs(float(point[0])), float(self.anatomy.landmark("inion")[2] - point[2])

    def skin_depth(self, point: Array) -> float:
        """Return the shortest distance from a point to the skin, mm."""
        return -float(self.query("skin").signed_distance(point[None])[0])


Measure = Callable[[Subject, str], float]


def _line(s: Subject, key: str) -> tuple[Structure, Array, Array]:
    structure = s.anatomy[key]
    if structure.centerline is None or structure.radius_mm is None:
        raise ValueError(f"{key} has no centreline.")
    return structure, structure.centerline, structure.radius_mm


def path_of(s: Subject, key: str) -> Array:
    """Return the centreline (n, 3) mm of a nerve or vessel."""
    return _line(s, key)[1]


def gon_bend(s: Subject, side: str) -> Array:
    """Return where the greater occipital nerve rounds the lower border of obliquus capitis inferior."""
    _, line, _ = _line(s, f"greater_occipital_nerve_{side}")
    return np.asarray(line[np.argmin(line[:, 2])])


def gon_exit(s: Subject, side: str, muscle: str) -> Array:
    """Return where the nerve last leaves a muscle that it pierces."""
    _, line, _ = _line(s, f"greater_occipital_nerve_{side}")
    inside = np.flatnonzero(s.query(f"{muscle}_{side}").contains(line))
    if not len(inside):
        raise ValueError(f"greater_occipital_nerve_{side} does not pierce {muscle}.")
    return np.asarray(line[inside[-1]])


def crossing(s: Subject, key: str, side: str) -> int:
    """Return the index of a path's point nearest to the superior nuchal line of its side, seen from behind."""
    _, line, _ = _line(s, f"{key}_{side}")
    nuchal = s.anatomy.curve(f"superior_nuchal_line_{side}")
    order = np.argsort(nuchal[:, 0])
    height = np.interp(line[:, 0], nuchal[order, 0], nuchal[order, 2])
    above = line[:, 2] - height
    late = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    return int(late[-1] + 1) if len(late) else int(np.argmin(np.abs(above)))


def at_nuchal_line(s: Subject, key: str, side: str) -> Array:
    """Return where a path crosses the superior nuchal line."""
    _, line, _ = _line(s, f"{key}_{side}")
    return np.asarray(line[crossing(s, key, side)])


def gon_c2_point(s: Subject, side: str) -> Array:
    """Return the nerve on the dorsal face of obliquus capitis inferior, midway up it."""
    _, line, _ = _line(s, f"greater_occipital_nerve_{side}")
    start = int(np.argmin(line[:, 2]))
    oci = s.query(f"obliquus_capitis_inferior_{side}").signed_distance(line)
    on = [i for i in range(start, len(line)) if oci[i] < 4.0]
    return np.asarray(line[on[len(on) // 2]])


def gon_depth_c2(s: Subject, side: str) -> float:
    """Depth at C2 under the probe: the uncompressed depth times the compression of section 1.4."""
    return s.skin_depth(gon_c2_point(s, side)) * float(load_table("literature")["compression"]["factor"])


def gon_gap_to_artery(s: Subject, side: str) -> float:
    """Smallest gap between the walls of nerve and occipital artery within 6 mm of the nuchal line."""
    _, nerve, rn = _line(s, f"greater_occipital_nerve_{side}")
    _, artery, ra = _line(s, f"occipital_artery_{side}")
    here = nerve[crossing(s, "greater_occipital_nerve", side)]
    n, a = np.linalg.norm(nerve - here, axis=1) < 6, np.linalg.norm(artery - here, axis=1) < 14
    gap = np.linalg.norm(nerve[n][:, None] - artery[a][None], axis=2) - rn[n][:, None] - ra[a][None]
    return float(gap.min())


def ton_at_trapezius(s: Subject, side: str) -> Array:
    """Return where the third occipital nerve leaves trapezius."""
    _, line, _ = _line(s, f"third_occipital_nerve_{side}")
    inside = np.flatnonzero(s.query(f"trapezius_{side}").contains(line))
    if not len(inside):
        raise ValueError(f"third_occipital_nerve_{side} does not pierce trapezius.")
    return np.asarray(line[inside[-1]])


def lon_emergence(s: Subject, side: str) -> float:
    """Straight distance from the posterior midline of the skin to the nerve where it leaves sternocleidomastoid."""
    _, line, _ = _line(s, f"lesser_occipital_nerve_{side}")
    scm = s.query(f"sternocleidomastoid_{side}").signed_distance(line)
    leaves = [i for i in range(1, len(line)) if scm[i] < 3.5 and line[i, 2] < -40]
    if not leaves:
        raise ValueError(f"lesser_occipital_nerve_{side} does not meet sternocleidomastoid.")
    point = line[leaves[-1]]
    hits, _ = s.query("skin").ray([0.0, -150.0, point[2]], [0, 1, 0], 150)
    return float(np.hypot(point[0], point[1] - (hits[0] - 150.0)))


def section_loop(mesh_query: SurfaceQuery, origin: Array, normal: Array) -> Array:
    """Return the largest loop (n, 3) of a surface's section by a plane, closed, mm; empty if the plane misses it."""
    import trimesh

    mesh = trimesh.Trimesh(mesh_query.mesh.vertices_mm, mesh_query.mesh.faces, process=False)
    section = mesh.section(plane_origin=origin, plane_normal=normal)
    loops = [] if section is None else [np.asarray(loop, dtype=np.float64) for loop in section.discrete]
    return max(loops, key=loop_area, default=np.empty((0, 3)))


def loop_area(loop: Array) -> float:
    """Return the area (mm2) within a flat closed loop (n, 3)."""
    return 0.5 * float(np.linalg.norm(np.cross(loop[:-1] - loop[0], loop[1:] - loop[0]).sum(axis=0))) if len(loop) else 0.0


def section_area(mesh_query: SurfaceQuery, origin: Array, normal: Array) -> tuple[float, float]:
    """Return the area (mm2) and the perimeter (mm) of a surface's section by a plane, its largest loop."""
    loop = section_loop(mesh_query, origin, normal)
    return loop_area(loop), path_length(loop)


def belly_axis(s: Subject, key: str) -> tuple[Array, Array, float]:
    """Return centre, unit axis and length of a muscle between its ends."""
    vertices = s.anatomy[key].mesh.vertices_mm
    centre = vertices.mean(axis=0)
    axis = np.linalg.svd(vertices - centre, full_matrices=False)[2][0]
    along = (vertices - centre) @ axis
    return centre + axis * 0.5 * (along.max() + along.min()), axis, float(np.ptp(along))


def belly_area(s: Subject, key: str) -> float:
    """Largest section of a muscle square to its axis in its middle third, mm2."""
    centre, axis, length = belly_axis(s, key)
    return max(section_area(s.query(key), centre + axis * t * length, axis)[0] for t in np.linspace(-0.17, 0.17, 5))


def oci_thickness(s: Subject, side: str) -> float:
    """Thickness of obliquus capitis inferior along the depth direction where the nerve crosses it."""
    point = gon_c2_point(s, side)
    skin, _ = s.query("skin").closest(point[None])
    inward = point - skin[0]
    hits, _ = s.query(f"obliquus_capitis_inferior_{side}").ray(skin[0], inward, 90.0)
    return float(hits[-1] - hits[0]) if len(hits) > 1 else 0.0


def va_on_c1(s: Subject, side: str) -> tuple[Array, Array]:
    """Return the points and radii of the horizontal part of the vertebral artery behind the lateral mass of C1."""
    _, line, radius = _line(s, f"vertebral_artery_{side}")
    foramen = s.anatomy.landmark(f"c1_transverse_foramen_{side}")
    start = int(np.argmin(np.linalg.norm(line - foramen, axis=1)))
    after = np.arange(start, len(line))
    on = after[line[after, 2] > foramen[2] + 3]
    # the horizontal part ends where the artery turns up through the membrane, at its most posterior point's medial side
    end = on[line[on, 2] <= -30]
    return line[end], radius[end]


def c2_to_va_loop(s: Subject, side: str) -> float:
    """From the C2 spinous tip to the nearest (medial) face of the distal loop of the vertebral artery."""
    line, radius = va_on_c1(s, side)
    loop = np.argmin(line[:, 1])
    return float(np.linalg.norm(line[loop] - s.anatomy.landmark("c2_spinous_tip")) - radius[loop])


def endplate(s: Subject, key: str) -> tuple[Array, float]:
    """Return a vertebra's lower endplate, looked at along the column: its middle (3,) mm, and its forward tilt, degrees."""
    here, below = ENDPLATES[key]
    body = s.anatomy.landmark(here)
    up = body - s.anatomy.landmark(below)
    up /= np.linalg.norm(up)
    ahead = np.array([0.0, up[2], -up[1]])
    found = []
    for forward in np.linspace(-PLATE_MM, PLATE_MM, 11):
        far, _ = s.query(key).ray(body + forward * ahead - BELOW_MM * up, up, BELOW_MM)
        found += [(forward, far[0])] if len(far) else []
    if len(found) < 6:
        raise ValueError(f"{key} shows no lower endplate.")
    along, height = np.transpose(found)
    slope, level = np.polyfit(along, height, 1)
    middle = body + (level - BELOW_MM) * up
    return middle, float(np.rad2deg(np.arctan2(up[1], up[2]) - np.arctan(slope)))


def csf_depth(s: Subject, side: str) -> float:
    """Gap behind the cord between cord and dura halfway between the C1 arch and the C2 lamina."""
    c1, c2 = s.anatomy.landmark("c1_posterior_tubercle"), s.anatomy.landmark("c2_spinous_tip")
    level = 0.5 * (c1[2] - 4 + c2[2] + 14)
    start = np.array([0.0, -60.0, level])
    cord, _ = s.query("spinal_cord").ray(start, [0, 1, 0], 90)
    dura, _ = s.query("spinal_dura_mater").ray(start, [0, 1, 0], 90)
    return float(cord[0] - dura[0])


def bone_at(s: Subject, start: Array, inward: Array, spread_deg: int = 0) -> float:
    """Thickness of the cranium at a point of its outer table: the shortest way inward within a fan, mm."""
    inward = inward / np.linalg.norm(inward)
    side = np.array([1.0, 0.0, 0.0])
    up = np.cross(inward, side)
    ways = []
    for tilt in np.deg2rad(np.arange(-spread_deg, spread_deg + 1, 5)):
        direction = np.cos(tilt) * inward + np.sin(tilt) * up
        hits, _ = s.query("cranium").ray(start - 4 * direction, direction, 60.0)
        ways += [float(hits[1] - hits[0])] if len(hits) > 1 and hits[0] < 8 else []
    if not ways:
        raise ValueError("the cranium has no inner table there.")
    return min(ways)


def midline_profile(s: Subject) -> Array:
    """Outer midline profile (n, 3) of the occiput from below the inion upward, mm."""
    inion = s.anatomy.landmark("inion")
    middle = inion - PROFILE_MM * inion / np.linalg.norm(inion)
    back = np.rad2deg(np.arctan2(inion[2] - middle[2], middle[1] - inion[1]))
    out = []
    for turn in np.deg2rad(back + np.arange(-40.0, 45.5, 0.5)):
        way = np.array([0.0, -np.cos(turn), np.sin(turn)])
        far, _ = s.query("cranium").ray(middle + 3 * PROFILE_MM * way, -way, 3 * PROFILE_MM)
        out += [middle + (3 * PROFILE_MM - far[0]) * way] if len(far) else []
    return np.array(out)


def protuberance(s: Subject, side: str) -> float:
    """How far (mm) the bone at the inion stands out of the smooth curve through the occiput's midline above and below it."""
    tip, near, far = (load_table("patient")["protuberance"][name] for name in ("tip", "near", "far"))
    profile = midline_profile(s)
    along = arc_length(profile)
    along -= along[np.argmin(np.linalg.norm(profile - s.anatomy.landmark("inion"), axis=1))]
    about = (np.abs(along) > near) & (np.abs(along) < far)
    forward, up = (np.polyfit(along[about], profile[about, i], 2) for i in (1, 2))
    here = np.flatnonzero(np.abs(along) < tip)
    out = np.column_stack([-np.polyval(np.polyder(up), along[here]), np.polyval(np.polyder(forward), along[here])])
    smooth = np.column_stack([np.polyval(forward, along[here]), np.polyval(up, along[here])])
    return float(np.einsum("ij,ij->i", profile[here, 1:] - smooth, out / np.linalg.norm(out, axis=1, keepdims=True)).max())


def subcutis(s: Subject, side: str) -> float:
    """Fat (mm) in the midline straight behind the C2 spine, from the skin to the first muscle or ligament."""
    behind = np.array([0.0, -200.0, s.anatomy.landmark("c2_spinous_tip")[2]])
    skin, _ = s.query("skin").ray(behind, [0, 1, 0], 200)
    hits = [s.query(k).ray(behind, [0, 1, 0], 200)[0] for k in UNDER_NAPE if k in s.anatomy.structures]
    return float(min(h[0] for h in hits if len(h)) - skin[0])


def extent(s: Subject, key: str, axis: int) -> float:
    """Extent of a structure along an axis."""
    return float(np.ptp(s.anatomy[key].mesh.vertices_mm[:, axis]))
