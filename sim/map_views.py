"""The views of a PREEMPT map sheet: the head from each side, and where its sites lie in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.sites import InjectionSite, read_table
from sim.cameras import View, axes_of, edge_marks
from sim.picture import Camera, Picture
from sim.picture_shown import Shown
from sim.places import as_point
from sim.plates import Plate, framed, plate
from sim.stills import lowest_mm
from sim.tables import table

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]

OUTSIDE = ("skin", "auricle_left", "auricle_right", "eyebrow_left", "eyebrow_right")
PAD_MM = 5.0
BESIDE_SITES_MM, BELOW_SITES_MM = 26.0, 24.0
THROUGH = 0.5  # how much of a muscle shows through the skin
DEEP_MM, FADING_MM = 20.0, 8.0  # what lies deeper, as behind an ear, does not
BEHIND_MM = 3.0


@dataclass(frozen=True)
class Spot:
    """A site in a view: the site, and its pixel."""

    site: InjectionSite
    x: float
    y: float


@dataclass(frozen=True, eq=False)
class SheetView:
    """One view of the sheet.

    Parameters
    ----------
    row : mapping
        Of `map_sheet.toml`: name, title, groups, what is said beside it.
    image : PIL.Image.Image
        The head, on white.
    view : View
        Its camera.
    spots : tuple of Spot
        The sites that are shown here and nowhere else on a page, in order.
    unseen : tuple of str
        Ids of those that this view does not see: none, on a head of usual form.
    curves : tuple of (n, 2) arrays
        Dashed lines, pixels.
    points : mapping of str to (x, y)
        Named landmarks, pixels.
    edges : mapping of str to str
        Which of the patient's sides, R, L, A or P, lies at the picture's 'left' and 'right'.
    """

    row: Mapping[str, Any]
    image: Image
    view: View
    spots: tuple[Spot, ...]
    unseen: tuple[str, ...]
    curves: tuple[Array, ...]
    points: Mapping[str, tuple[float, float]]
    edges: Mapping[str, str]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of what is shown."""
        return self.view.width_px / self.view.px_per_mm, self.view.height_px / self.view.px_per_mm


def view_of_site(site: InjectionSite) -> str:
    """Return the name of the one view that shows a site. Raises ValueError for a group that no view shows."""
    for row in table("map_sheet")["views"]:
        if site.group in row["groups"] and row.get("side", site.side) == site.side:
            return str(row["name"])
    raise ValueError(f"{site.id} is of the group {site.group!r}, which no view of the map sheet shows.")


def sheet_views(anatomy: Anatomy, sites: Sequence[InjectionSite], px_per_mm: float) -> tuple[SheetView, ...]:
    """Return the views of a sheet, each site in one of them.

    Parameters
    ----------
    anatomy : Anatomy
    sites : sequence of InjectionSite
        Of the PREEMPT plan.
    px_per_mm : float
        Fineness of the drawings.
    """
    shown: dict[str, list[InjectionSite]] = {}
    for site in sites:
        shown.setdefault(view_of_site(site), []).append(site)
    return tuple(_view(anatomy, row, shown.get(row["name"], []), px_per_mm) for row in table("map_sheet")["views"])


def _view(anatomy: Anatomy, row: Mapping[str, Any], sites: Sequence[InjectionSite], px_per_mm: float) -> SheetView:
    camera = Camera(row["camera"])
    points = np.array([s.skin_point for s in sites])
    low, high = _reach(anatomy, row, camera, points)
    _, right, up = axes_of(camera)
    focus = as_point((low[0] + high[0]) / 2 * right + (low[1] + high[1]) / 2 * up)
    width, height = (round(float(v) * px_per_mm) for v in high - low)
    camera = Camera(row["camera"], focus_mm=focus, width_mm=width / px_per_mm)
    outside = plate(anatomy, _picture(anatomy, OUTSIDE, camera, width, height))
    muscles = plate(anatomy, _picture(anatomy, _muscles(anatomy, row), camera, width, height))
    view, depth = outside.view, outside.depth_mm
    spots = tuple(Spot(s, *map(float, view.project(s.skin_point)[0])) for s in sites)
    curves = tuple(c for name in row["curves"] if name in anatomy.curves for c in _seen_parts(view, depth, anatomy.curve(name)))
    named = {t: anatomy.landmark(k) for k, t in row.get("points", {}).items() if k in anatomy.landmarks}
    places = {t: (float(p[0]), float(p[1])) for t, p in ((t, view.project(m)[0]) for t, m in named.items())}
    unseen = tuple(s.id for s, behind in zip(sites, _behind(view, depth, points), strict=True) if behind)
    image = _laid_over(outside, muscles)
    return SheetView(row, image, view, spots, unseen, curves, places, edge_marks(view))


def _reach(anatomy: Anatomy, row: Mapping[str, Any], camera: Camera, sites: Array) -> tuple[Array, Array]:
    """Lower left and upper right corner of what a view shows, mm along its axes."""
    _, right, up = axes_of(camera)
    points = np.concatenate([anatomy[key].mesh.vertices_mm for key in OUTSIDE if key in anatomy])
    floor = lowest_mm(anatomy)
    if "down_to" in row:
        floor = float(anatomy.landmark(row["down_to"]["landmark"])[2]) - row["down_to"]["mm"]
    elif len(sites):
        floor = max(floor, float(sites[:, 2].min()) - BELOW_SITES_MM)
    points = points[points[:, 2] >= floor]
    flat = np.stack([points @ right, points @ up], axis=1)
    low, high = flat.min(axis=0) - PAD_MM, flat.max(axis=0) + PAD_MM
    low[1] = floor
    if "down_to" not in row and len(sites):
        across = sites @ right
        low[0], high[0] = max(low[0], across.min() - BESIDE_SITES_MM), min(high[0], across.max() + BESIDE_SITES_MM)
    return low, high


def _picture(anatomy: Anatomy, keys: Sequence[str], camera: Camera, width: int, height: int) -> Picture:
    shown = tuple(Shown(key) for key in keys if key in anatomy)
    return framed(Picture("map", shown, camera=camera), width, height)


def _muscles(anatomy: Anatomy, row: Mapping[str, Any]) -> list[str]:
    groups = read_table("preempt_sites")["groups"]
    unsided = dict.fromkeys(muscle for group in row["groups"] for muscle in groups[group]["muscles"])
    return [key for muscle in unsided for key in (muscle, f"{muscle}_left", f"{muscle}_right") if key in anatomy]


def _laid_over(skin: Plate, muscles: Plate) -> Image:
    """The skin with the muscles showing through as if it were thin."""
    from PIL import Image as Images

    over, under = (np.asarray(p.image, dtype=np.float64) / 255 for p in (skin, muscles))
    with np.errstate(invalid="ignore"):
        below = np.nan_to_num(skin.depth_mm - muscles.depth_mm, nan=np.inf)
    share = THROUGH * np.clip((DEEP_MM - below) / FADING_MM, 0, 1)[..., None]
    return Images.fromarray(np.round(255 * over * (1 - share * (1 - under))).astype(np.uint8))


def _seen_parts(view: View, depth_mm: NDArray[np.float32], line: Array) -> list[Array]:
    """The parts of a line on the skin that the camera sees, as pixels."""
    seen = ~_behind(view, depth_mm, line)
    pixels, _ = view.project(line)
    cuts = np.flatnonzero(np.diff(seen)) + 1
    return [part for part, flags in zip(np.split(pixels, cuts), np.split(seen, cuts), strict=True) if flags[0] and len(part) > 1]


def _behind(view: View, depth_mm: NDArray[np.float32], points: Array) -> NDArray[np.bool_]:
    """Which points (n, 3) lie behind what is drawn, or outside the picture."""
    pixels, depth = view.project(points.reshape(-1, 3))
    columns, rows = np.floor(pixels).astype(np.int64).T
    outside = (columns < 0) | (columns >= view.width_px) | (rows < 0) | (rows >= view.height_px)
    level = depth_mm[np.clip(rows, 0, view.height_px - 1), np.clip(columns, 0, view.width_px - 1)]
    return np.asarray(outside | (level > depth + BEHIND_MM))
