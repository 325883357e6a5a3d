"""One frame, step by step: contact, voxels, strands, echoes, spread, levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from meshes.strands import Strands
from meshes.volume import LabelVolume
from sim.ultrasound.bone_edges import passing
from sim.ultrasound.geometry import Beams, beams, plane_weights, reference_slice_mm
from sim.ultrasound.medium import Medium, Tables
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.pulse import pulsed
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.scatterers import lattices, texture
from sim.ultrasound.scene import Injectate, ScanNeedle, Targets
from sim.ultrasound.settings import Settings
from sim.ultrasound.spread import lateral_grain_mm, spread

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
MOST_SPANS = 12
SMOOTH_MM = 6.0  # over which the depth of bone is smoothed along the face, for the compression
STRIDE_MM = 0.5
LOOKED = 32  # beams on which skin and bone are looked for; both are smooth between them
BESIDE = 64  # beams on which bone beside them is looked for
FAR_MM = 99.0  # of a skin that is not met
PUSH_MM = 3.0  # over which the push of the fluid fades in the tissue
FLOAT_SHARE = 0.6  # of the way out of the fluid that a nerve is lifted


@dataclass(frozen=True, eq=False)
class Contact:
    """How the face meets the body.

    Parameters
    ----------
    skin_mm : (lines, planes) float32 array
        Depth of the resting skin along each beam: negative where the face presses it in, 99 where there is none.
    bone_mm : (lines, planes) float32 array
        Depth at which tissue stands still, smoothed.
    """

    skin_mm: Floats
    bone_mm: Floats

    @property
    def stretch(self) -> Floats:
        """Rest length over pressed length of the tissue (lines, planes)."""
        return np.asarray(np.where(self.skin_mm < 0, (self.bone_mm - self.skin_mm) / self.bone_mm, 1.0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Echoes:
    """A frame on lines and samples.

    Parameters
    ----------
    levels_db : (lines, samples) float32 array
        Envelope after gain, dB against muscle.
    real, imaginary : (lines, samples) float32 arrays
        Complex echoes after the axial spread, before the lateral one and the noise.
    seen : (lines, samples) int16 array
        Labels.
    first_bone_mm : (lines,) float32 array
        Depth of the first bone in the middle plane; 1e9 times the sample if there is none.
    vessel : (lines, nodes, 2) float32 array
        Share of the planes that lies in blood, and the rod, at every fourth sample.
    rods : Strands
        Those that `vessel` counts.
    contact : Contact
    """

    levels_db: Floats
    real: Floats
    imaginary: Floats
    seen: NDArray[np.int16]
    first_bone_mm: Floats
    vessel: Floats
    rods: Strands
    contact: Contact


def find_echoes(
    medium: Medium, settings: Settings, table: Tables, pose: ProbePose, *, time_s: float = 0.0, rate_per_min: float = 70.0,
    needle: ScanNeedle | None = None, injectate: Injectate | None = None, targets: Targets | None = None,
) -> Echoes:  # fmt: skip
    """Return the echoes of one frame. Parameters as of `Scanner.image`."""
    from sim.ultrasound.beams import cross_rods
    from sim.ultrasound.echoes import sound_beams
    from sim.ultrasound.forming import spread_axially
    from sim.ultrasound.needle_echo import add_needle, add_targets

    b = beams(settings)
    start, way = placed(b, pose)
    room = _room(start, way, settings.deep_mm)
    volume = medium.volume(*room)
    contact = find_surface(volume, table, start, way, settings)
    pool = _pool(injectate, pose, contact, b)
    strands = pulsed(medium.strands_in(volume).near(*room), time_s, rate_per_min, float(np.median(contact.stretch)))
    rods = _moved(strands, pool)
    packed = _packed_rods(rods)
    lines, samples, planes = settings.lines, settings.samples, settings.planes
    nodes = samples // 4 + 1
    count, spans = np.empty((lines, planes), dtype=np.int32), np.zeros((lines, planes, MOST_SPANS, 4), dtype=np.float32)
    edges = np.empty((lines, planes, 2), dtype=np.float32)
    face = scanner_table()
    edge_mm = np.float32(face["borders"]["edge_shadow_from_mm"])
    cross_rods(start, way, packed, rods.owner.astype(np.int32), _lines_of(rods, pose, settings), edge_mm, count, spans, edges)
    _fade_beside_bone(edges, volume, table, start, way)
    weight, flat = plane_weights(settings, np.arange(nodes, dtype=np.float64) * 4 * settings.sample_mm)
    turn, blend = lattices(_axes(pose), _grain(settings), settings.seed)
    real, imaginary = np.empty((lines, samples), dtype=np.float32), np.empty((lines, samples), dtype=np.float32)
    seen, bone = np.zeros((lines, samples), dtype=np.int16), np.empty(lines, dtype=np.float32)
    vessel = np.empty((lines, nodes, 2), dtype=np.float32)
    sound_beams(
        volume.bricks, volume.fibres, volume.low, 1 / volume.spacing_mm, start, way,
        contact.skin_mm,
        contact.bone_mm, count, spans, edges, packed, rods.across.astype(np.float32),
        (table.first_strand + rods.owner).astype(np.int32), table.tissue_of, table.amplitude, table.loss_square, table.loss_along,
        table.speed, table.connective, table.anisotropy, table.bony, table.reflect, table.through, table.diffuse, table.special,
        fascicles(), _packed_texture(settings.seed), turn, blend, weight, flat, spread(settings).border_gain, pool, _drag(needle),
        pose.elevation.astype(np.float32), _numbers(settings), _mirror(), _blot(), real, imaginary, seen, bone, vessel,
    )  # fmt: skip
    if needle is not None:
        add_needle(real, imaginary, seen, needle, pose, settings, table, bone)
    if targets is not None:
        add_targets(real, targets, pose, settings)
    spread_real, spread_imaginary = np.empty_like(real), np.empty_like(real)
    spread_axially(real, imaginary, spread(settings).axial, spread_real, spread_imaginary)
    levels = detected(spread_real, spread_imaginary, settings)
    return Echoes(levels, spread_real, spread_imaginary, seen, bone, vessel, rods, contact)


def detected(real: Floats, imaginary: Floats, settings: Settings) -> Floats:
    """Return the levels (lines, samples), dB, of complex echoes after the axial spread."""
    from sim.ultrasound.forming import detect

    rule = scanner_table()["picture"]
    depth_cm = np.arange(settings.samples) * settings.sample_mm / 10
    gain = settings.gain_db + 2 * rule["tgc_db_cm_mhz"] * settings.mhz * depth_cm
    if settings.tgc_db:
        at = np.linspace(0, settings.deep_mm / 10, len(settings.tgc_db))
        gain = gain + np.interp(depth_cm, at, settings.tgc_db)
    floor = 10 ** (rule["noise_db"] / 20) / 32.0 if settings.noise else 0.0
    out = np.empty(real.shape, dtype=np.float32)
    noise = _receiver_noise(settings.lines, settings.samples, settings.seed)
    detect(real, imaginary, spread(settings).lateral, np.float32(floor), noise, gain.astype(np.float32), out)
    return out


def find_surface(volume: LabelVolume, table: Tables, start: Floats, way: Floats, settings: Settings) -> Contact:
    """Return how the face meets the body, for beams that start at `start` (lines, planes, 3) mm RAS along `way` (lines, 3)."""
    from sim.ultrasound.beams import find_contact

    rule = scanner_table()["face"]
    lines = len(start)
    looked = np.unique(np.append(np.arange(0, lines, max(1, lines // LOOKED)), lines - 1))
    origin = (start[looked].astype(np.float64) - volume.low) / volume.spacing_mm
    skin, bone = (np.empty(origin.shape[:2], dtype=np.float32) for _ in range(2))
    look = np.float32(rule["look_above_mm"]), np.float32(rule["look_below_mm"])
    ways = way[looked].astype(np.float64) / volume.spacing_mm
    find_contact(volume.bricks, table.bony, origin, ways, look[0], look[1], np.float32(STRIDE_MM), skin, bone)
    pitch = float(np.linalg.norm(start[looked[1], 0] - start[looked[0], 0]))
    smooth = gaussian_filter1d(bone.mean(axis=1), SMOOTH_MM / max(pitch, 1e-3), mode="nearest")
    at = np.arange(lines)
    deep = np.interp(at, looked, np.maximum(smooth, 1.0))[:, None]
    whole = np.stack([np.interp(at, looked, np.minimum(column, FAR_MM)) for column in skin.T], axis=1)
    least = np.maximum(-whole, 0) / (rule["most_stretch"] - 1)
    return Contact(whole.astype(np.float32), np.maximum(deep, least).astype(np.float32))


def _fade_beside_bone(edges: Floats, volume: LabelVolume, table: Tables, start: Floats, way: Floats) -> None:
    """Put what bone beside a beam takes from it into its edge shadows (lines, planes, 2), where that is more; in place."""
    from sim.ultrasound.beams import find_contact

    lines, planes = edges.shape[:2]
    if planes == 1:
        return
    face = scanner_table()
    looked = np.arange(0, lines, max(1, lines // BESIDE))
    origin = (start[looked].astype(np.float64) - volume.low) / volume.spacing_mm
    skin, bone = (np.empty((len(looked), planes), dtype=np.float32) for _ in range(2))
    ways, deepest = way[looked].astype(np.float64) / volume.spacing_mm, np.float32(face["face"]["look_below_mm"])
    find_contact(volume.bricks, table.bony, origin, ways, np.float32(0.0), deepest, np.float32(STRIDE_MM), skin, bone)
    depth, factor = passing(bone.astype(np.float64), float(face["borders"]["same_bone_mm"]))
    nearest = np.abs(np.arange(lines)[:, None] - looked).argmin(axis=1)
    depth = depth[nearest]
    factor = np.stack([np.interp(np.arange(lines), looked, column) for column in factor.T], axis=1)
    more = (factor < edges[..., 1]) & (depth < FAR_MM)
    edges[more] = np.stack([depth, factor], axis=-1)[more]


def rest_depth(depth_mm: Array, skin_mm: Array, bone_mm: Array) -> Array:
    """Return the depth at rest of what a beam meets at a depth (n,), all mm: between face and bone tissue is pressed evenly."""
    pressed = (skin_mm < 0) & (depth_mm < bone_mm)
    return np.where(pressed, skin_mm + (bone_mm - skin_mm) / bone_mm * depth_mm, depth_mm)


def rest_places(points: Array, pose: ProbePose, contact: Contact, b: Beams) -> Array:
    """Return where points (n, 3) mm RAS of the pressed tissue lie at rest."""
    p = pose.probe_from_ras.apply(points)
    middle = contact.skin_mm.shape[1] // 2
    order = np.argsort(b.start[:, 0])
    skin = np.interp(p[:, 0], b.start[order, 0], contact.skin_mm[order, middle])
    bone = np.interp(p[:, 0], b.start[order, 0], contact.bone_mm[order, middle])
    rest = rest_depth(p[:, 2], skin, bone)
    return pose.ras_from_probe.apply(np.column_stack([p[:, :2], rest]))


def placed(b: Beams, pose: ProbePose) -> tuple[Floats, Floats]:
    """Return starts (lines, planes, 3) and directions (lines, 3) of the beams, mm RAS."""
    m = pose.ras_from_probe.matrix
    points = b.start[:, None] + b.planes_mm[None, :, None] * np.array([0.0, 1.0, 0.0])
    start = points @ m[:3, :3].T + m[:3, 3]
    return start.astype(np.float32), (b.way @ m[:3, :3].T).astype(np.float32)


def _axes(pose: ProbePose) -> Array:
    return np.asarray(pose.ras_from_probe.matrix[:3, :3])


def _room(start: Floats, way: Floats, depth_mm: float) -> tuple[Array, Array]:
    """The box (low, high), mm RAS, that the beams may read."""
    above = float(scanner_table()["face"]["look_above_mm"])
    ends = np.concatenate([(start + t * way[:, None]).reshape(-1, 3) for t in (-above, depth_mm)]).astype(np.float64)
    return ends.min(axis=0), ends.max(axis=0)


def _grain(settings: Settings) -> tuple[float, float, float]:
    rule = scanner_table()["grain"]
    return (
        lateral_grain_mm(settings), float(rule["elevation_widths"]) * reference_slice_mm(settings),
        float(rule["axial_samples"]) * settings.sample_mm,
    )  # fmt: skip


def _packed_rods(rods: Strands) -> Floats:
    if not len(rods):
        return np.zeros((0, 8), dtype=np.float32)
    return np.column_stack([rods.start, rods.end, rods.radius_mm]).astype(np.float32)


def _lines_of(rods: Strands, pose: ProbePose, settings: Settings) -> NDArray[np.int32]:
    """First and last line (n, 2) that can meet each rod."""
    out = np.zeros((len(rods), 2), dtype=np.int32)
    out[:, 1] = settings.lines - 1
    if len(rods) and settings.model.kind == "linear":
        reach = rods.radius_mm.max(axis=1) + 1.0
        lateral = np.stack([(ends - pose.face_mm) @ pose.lateral for ends in (rods.start, rods.end)])
        share = np.stack([lateral.max(axis=0) + reach, lateral.min(axis=0) - reach], axis=1) / settings.model.width_mm
        out[:] = np.clip(np.round((0.5 - share) * settings.lines - 0.5), -1, settings.lines)
    return out


def _pool(injectate: Injectate | None, pose: ProbePose, contact: Contact, b: Beams) -> Floats:
    """The injectate as the compiled loops want it: centre at rest, normal, radius, half thickness, whether there is any,
    reach.
    """
    out = np.zeros(10, dtype=np.float32)
    if injectate is None or injectate.volume_ml <= 0:
        return out
    out[:3] = rest_places(injectate.centre_mm[None], pose, contact, b)[0]
    out[3:6], out[6], out[7] = injectate.normal, injectate.radius_mm, injectate.thickness_mm / 2
    out[8], out[9] = 1.0, PUSH_MM
    return out


def _moved(rods: Strands, pool: Floats) -> Strands:
    """Strands lifted by the injectate."""
    if pool[8] <= 0 or not len(rods):
        return rods
    centre, normal = pool[:3].astype(np.float64), pool[3:6].astype(np.float64)

    def lifted(points: Array, radius: Array) -> Array:
        away = (points - centre) @ normal
        flat = points - centre - away[:, None] * normal
        half = pool[7] * np.maximum(1 - (flat**2).sum(axis=1) / pool[6] ** 2, 0)
        out = FLOAT_SHARE * np.maximum(half + radius - np.abs(away), 0) * (half > 0)
        return np.asarray(points + (out * np.where(away >= 0, 1, -1))[:, None] * normal)

    return replace(rods, start=lifted(rods.start, rods.radius_mm[:, 0]), end=lifted(rods.end, rods.radius_mm[:, 1]))


def _drag(needle: ScanNeedle | None) -> Floats:
    """What the needle drags along: tip, direction, the size of the zones of ASME 2019 (1.34 mm round, 4.53 mm behind the tip)."""
    out = np.zeros(10, dtype=np.float32)
    if needle is None or needle.moved_mm == 0:
        return out
    rule = scanner_table()["needle"]
    out[:3], out[3:6] = needle.tip_mm, needle.direction
    out[7] = np.clip(needle.moved_mm, -rule["most_drag_mm"], rule["most_drag_mm"])
    out[8], out[9] = rule["drag_round_mm"], rule["drag_behind_mm"]
    return out


def _numbers(settings: Settings) -> Floats:
    table = scanner_table()
    levels: Sequence[float] = [
        10 ** (table["picture"]["border_db"] / 20),
        10 ** (table["face"]["ladder_db"] / 20) if settings.face_echoes else 0.0,
        10 ** (table["face"]["skull_ladder_db"] / 20) if settings.face_echoes else 0.0,
    ]
    planes = beams(settings).planes_mm
    half = float(planes[1] - planes[0]) / 2 if len(planes) > 1 else reference_slice_mm(settings) / 4
    return np.array([settings.sample_mm, float(settings.true_speed), settings.gap_mm, *levels, half], dtype=np.float32)


def border_width_deg() -> float:
    """Return the tilt at which a smooth border's echo has fallen to 1/e: the aperture's half angle and the border's roughness."""
    rule = scanner_table()["borders"]
    aperture = np.rad2deg(np.arctan(1 / (2 * rule["f_number"])))
    return float(np.hypot(aperture, rule["roughness_deg"]))


@cache
def _mirror() -> Floats:
    """Echo of a smooth border by the square of the sine of its tilt."""
    tilt = np.rad2deg(np.arcsin(np.sqrt((np.arange(1024) + 0.25) / 1024)))
    return np.exp(-((tilt / border_width_deg()) ** 2)).astype(np.float32)


@cache
def _blot() -> Floats:
    """Shape of a sharp echo, as wide as a scatterer's grain along the beam, at sixteen places between two samples."""
    offset = (np.arange(16) + 0.5) / 16 - 0.5
    taps = np.arange(7) - 3
    grain = float(scanner_table()["grain"]["axial_samples"])
    return np.exp(-0.5 * ((taps[None] - offset[:, None]) / grain) ** 2).astype(np.float32)


@cache
def _packed_texture(seed: int) -> NDArray[np.uint32]:
    """Scatterers as the compiled loops read them."""
    from sim.ultrasound.scatter import packed

    return packed(texture(seed))


@cache
def _receiver_noise(lines: int, samples: int, seed: int) -> NDArray[np.int8]:
    rng = np.random.default_rng([seed, 3])
    return np.clip(np.round(rng.standard_normal((2, lines, samples)) * 32), -127, 127).astype(np.int8)


@cache
def fascicles() -> NDArray[np.uint8]:
    """Return where fascicles lie (1) in a section of 4 x 4 mm (64, 64): discs that do not touch, laid at random."""
    rule = scanner_table()["nerve"]
    rng = np.random.default_rng(5)
    small, large = rule["fascicle_diameter_mm"]
    x, y = np.meshgrid(*[(np.arange(64) + 0.5) / 16 - 2] * 2, indexing="ij")
    discs: list[tuple[float, float, float]] = []
    for _ in range(4000):
        u, v, r = *rng.uniform(-2, 2, 2), rng.uniform(small, large) / 2
        if all(np.hypot(u - a, v - b) > r + s + rule["gap_mm"] for a, b, s in discs):
            discs.append((u, v, r))
    inside = np.any([np.hypot(x - a, y - b) < r for a, b, r in discs], axis=0)
    return np.asarray(inside, dtype=np.uint8)
