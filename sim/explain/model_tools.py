"""What a scenario adds to the anatomy on the patient's page: needle, probe with its picture, sites."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.model import Scenario
from sim.app.scene import parts
from sim.compose import Scene
from sim.explain.model_glb import Surface
from sim.insets import insonated
from sim.picture import Marker, Needle, Picture, Probe
from sim.procedures import aimed_at
from sim.procedures import told as procedure_file
from sim.tables import table
from sim.theme import Theme
from sim.ultrasound.image import BModeImage
from sim.ultrasound.poses import ProbePose

Array = NDArray[np.float64]

SHAFT, HUB, PROBE, RIM = "needle_shaft", "needle_hub", "probe", "ultrasound_rim"


def picture_of(scenario: Scenario, anatomy: Anatomy, side: str | None) -> Picture:
    """Return what a scenario places on an anatomy, with the needle's way at each site; `side` in place of the procedure's.

    Raises ScenarioError as `sim.compose.compose` does.
    """
    procedure = scenario.procedure
    if procedure is not None:
        changed: dict[str, Any] = {"show_needles": True}
        if side is not None and procedure.name != "preempt":
            changed["side"] = side
        origin = scenario.origin
        scenario = scenario.model_copy(update={"procedure": procedure.model_copy(update=changed)}).read_from(origin)
    return Scene(scenario, anatomy, table("explain_model")["style"]).base()


def aim_of(scenario: Scenario, anatomy: Anatomy, side: str) -> str:
    """Return the key of the nerve that a scenario's needle is aimed at, on a side ('both': the right); empty for none."""
    own = "left" if side == "left" else "right"
    if scenario.procedure is None or all(t.kind != "nerve" for t in procedure_file(scenario.procedure).targets):
        return ""
    key = aimed_at(scenario.procedure, own)
    return key if key in anatomy else ""


def needle_of(picture: Picture, side: str) -> Needle | None:
    """Return the needle that is shown: the picture's own, else that of a site with a way, of that side if there is one."""
    if picture.needles:
        return min(picture.needles, key=lambda n: _off_side(n.entry_mm, side))
    ways = [m for m in picture.markers if m.target_mm is not None]
    if not ways:
        return None
    chosen = min(ways, key=lambda m: _off_side(m.point_mm, side))
    assert chosen.target_mm is not None
    return Needle(chosen.point_mm, chosen.target_mm)


def needle_told(needle: Needle, theme: Theme) -> tuple[dict[str, Any], list[Surface]]:
    """Return a needle as numbers, and its two surfaces in its own frame: z from the hub to the tip."""
    entry, tip = np.array(needle.entry_mm), np.array(needle.tip_mm)
    direction = (tip - entry) / np.linalg.norm(tip - entry)
    held = parts.Held(entry, tip, direction, needle.diameter_mm, needle.length_mm)
    rules = table("explain_model")["tools"]
    told = {
        "entry_mm": _plain(entry), "tip_mm": _plain(tip), "direction": _plain(direction, 5), "length_mm": needle.length_mm,
        "diameter_mm": needle.diameter_mm, "depth_mm": round(float(np.linalg.norm(tip - entry)), 1),
        "ras_from_needle": _plain(parts.needle_matrix(held, 1.0), 5), "away_mm": rules["away_mm"], "way_mm": rules["way_mm"],
    }  # fmt: skip
    shaft, hub = (_surface(k, s) for k, s in zip((SHAFT, HUB), parts.needle_solids(held, theme), strict=True))
    return told, [shaft, _without_syringe(hub)]


def site_told(marker: Marker, theme: Theme) -> dict[str, Any]:
    """Return a site as numbers."""
    colour = theme.colour(f"group_{marker.group}")
    return {
        "id": marker.id, "text": marker.text, "point_mm": _plain(marker.point_mm), "units": marker.units,
        "normal": _plain(marker.normal if marker.normal is not None else (0.0, 0.0, 1.0), 4),
        "target_mm": None if marker.target_mm is None else _plain(marker.target_mm), "colour": hex_of(colour),
    }  # fmt: skip


def entry_told(needle: Needle, skin: Surface, theme: Theme) -> dict[str, Any]:
    """Return the place where a needle enters as a site, for a procedure that marks none."""
    near = int(np.argmin(np.linalg.norm(np.asarray(skin.vertices_mm) - needle.entry_mm, axis=1)))
    x, y, z = (float(v) for v in skin.normals[near])
    return site_told(Marker("entry", needle.entry_mm, target_mm=needle.tip_mm, normal=(x, y, z)), theme)


def ultrasound_told(anatomy: Anatomy, picture: Picture, theme: Theme) -> tuple[dict[str, Any], list[Surface]]:
    """Return the scanned sheet with its picture, and the surfaces of the probe, RAS; nothing if the scenario has no probe."""
    if picture.probe is None:
        return {}, []
    probe, png = picture.probe, ""
    pose = ProbePose(np.array(probe.centre_mm), np.array(probe.lateral), np.array(probe.axis))
    corners = _sheet(probe, pose)
    if picture.inset is not None:
        image = insonated(anatomy, picture.inset)
        lateral, axis = np.array(picture.inset.lateral), np.array(picture.inset.axis)
        pose = ProbePose(np.array(picture.inset.centre_mm), lateral, axis, picture.inset.press_mm)
        corners, png = corners_of(image), png_of(image.pixels, image.pixel_mm, table("explain_model")["tools"]["screen_px"])
    told = {
        "corners_mm": _plain(corners), "png": png, "centre_mm": _plain(pose.face_mm), "axis": _plain(pose.axis, 5),
        "normal": _plain(pose.elevation, 5), "lateral": _plain(pose.lateral, 5),
        "left_side": side_toward(corners[0] - corners[1]),
    }  # fmt: skip
    deep = float(np.linalg.norm(corners[3] - corners[0]))
    solids = {PROBE: parts.probe_solid(probe.length_mm, theme), RIM: parts.sheet_rim(probe.length_mm, deep, theme)}
    matrix = parts.probe_matrix(pose)
    return told, [_placed(_surface(key, solid), matrix) for key, solid in solids.items()]


def corners_of(image: BModeImage) -> Array:
    """Return the outer corners (4, 3) of an image, mm RAS: top left, top right, bottom right, bottom left, as it is looked at."""
    rows, columns = image.pixels.shape
    low, right, bottom = -0.5, columns - 0.5, rows - 0.5
    return np.array([image.ras(low, low), image.ras(low, right), image.ras(bottom, right), image.ras(bottom, low)])


def png_of(pixels: NDArray[np.uint8], pixel_mm: Sequence[float], width_px: int) -> str:
    """Return grey levels as a PNG file of square pixels, as the text of a data address."""
    from PIL import Image

    rows, columns = pixels.shape
    height = max(1, round(width_px * rows * pixel_mm[0] / (columns * pixel_mm[1])))
    held = io.BytesIO()
    Image.fromarray(pixels).resize((width_px, height), Image.Resampling.LANCZOS).save(held, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()


def side_toward(way: Array) -> str:
    """Return which of the patient's sides a direction points to most: 'R', 'L', 'A', 'P', 'S' or 'I'."""
    axis = int(np.argmax(np.abs(way)))
    return ("RL", "AP", "SI")[axis][0 if way[axis] > 0 else 1]


def hex_of(colour: Array) -> str:
    """Return a colour (3,) of 0 to 1 as '#rrggbb'."""
    return "#" + "".join(f"{round(255 * float(np.clip(c, 0, 1))):02x}" for c in colour)


def _sheet(probe: Probe, pose: ProbePose) -> Array:
    """The corners of a sheet without a picture, its marked end first."""
    corners = parts.sheet_corners(probe.length_mm, probe.depth_mm)
    return np.asarray(corners @ pose.ras_from_probe.matrix[:3, :3].T + pose.face_mm)


def _surface(key: str, solid: parts.Solid) -> Surface:
    """A tool as a surface."""
    return Surface(key, solid.vertices_mm, solid.normals, solid.colours, solid.faces)


def _without_syringe(hub: Surface) -> Surface:
    """The hub alone: a syringe in front of a head frightens, and hides what it points to."""
    low = -float(table("app_scene")["needle"]["hub_mm"][-1][0]) - 1e-6
    faces = hub.faces[(np.asarray(hub.vertices_mm)[hub.faces][..., 2] >= low).all(axis=1)]
    used, again = np.unique(faces, return_inverse=True)
    return Surface(hub.key, hub.vertices_mm[used], hub.normals[used], hub.colours[used], again.reshape(faces.shape))


def _placed(surface: Surface, matrix: Array) -> Surface:
    """A surface moved by a rigid (4, 4) transform."""
    turn, shift = matrix[:3, :3], matrix[:3, 3]
    return Surface(surface.key, surface.vertices_mm @ turn.T + shift, surface.normals @ turn.T, surface.colours, surface.faces)


def _off_side(point: Sequence[float], side: str) -> bool:
    """Whether a point lies on the other side."""
    return (point[0] < 0) == (side == "right")


def _plain(values: Any, digits: int = 3) -> Any:
    """Numbers as a file of text holds them."""
    return (np.round(np.asarray(values, dtype=np.float64), digits) + 0.0).tolist()
