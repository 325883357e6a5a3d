"""Phantoms: blocks of made-up tissue with exact answers, laid out in the frame of the probe that will look at them.

Every function takes the pose first and describes shapes in that pose's frame (x toward the marked end, y elevation, z depth,
mm), so that one phantom can be met from any direction. The surface is the plane z = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.strands import Strands, strands_from
from meshes.volume import EMPTY, FIBRE_SCALE, LabelVolume
from sim.ultrasound.medium import Phantom, block, no_strands
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.scene import Targets
from sim.ultrasound.tissues import Tissue, tissue

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Shapes = Callable[[Floats, Floats, Floats], Mapping[str, Floats]]
HALF_MM = (21.0, 6.0)  # of the block, along the face and in elevation
DEEP_MM = 46.0
ABOVE_MM = 2.0
SPACING_MM = 0.5
SILENT_DB = -200.0
ORIENTATIONS = 5


@cache
def orientations() -> tuple[ProbePose, ...]:
    """Return the poses at which what depends on the probe's orientation is measured: straight down, then any."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(1)
    out = [ProbePose(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]))]
    for turn in Rotation.random(ORIENTATIONS - 1, random_state=1).as_matrix():
        out.append(ProbePose(rng.uniform(-50, 50, 3), turn[:, 0], turn[:, 2]))
    return tuple(out)


def plain(key: str = "plain", like: str = "muscle", **changes: float) -> Tissue:
    """Return a tissue without fibres or connective layer; by default it does not swallow sound.

    Parameters
    ----------
    key : str
        Its name; any that is not a tissue's, so that no texture is laid into it.
    like : str
        Tissue whose other numbers it has.
    **changes
        Numbers of `Tissue`; `attenuation_db_cm_mhz` holds for every direction.
    """
    loss = float(changes.pop("attenuation_db_cm_mhz", 0.0))
    if not (np.isfinite(loss) and 0 <= loss <= 100):
        raise ValueError(f"attenuation_db_cm_mhz is {loss:g}. Allowed: 0 to 100 dB/cm/MHz.")
    bare = replace(tissue(like), key=key, anisotropy="none", boundary_reflection=0.0)
    return replace(bare, attenuation_db_cm_mhz=loss, attenuation_along_db_cm_mhz=loss, **changes)  # type: ignore[arg-type]


def bath() -> Tissue:
    """Return a tissue that neither scatters nor swallows sound, with the impedance of gel, so that its surface is not seen."""
    return plain("bath", like="gel", backscatter_db=SILENT_DB)


def shaped(pose: ProbePose, parts: Mapping[str, Tissue], shapes: Shapes, *, strands: Strands | None = None,
           strand_tissues: Mapping[str, Tissue] | None = None, fibres: ArrayLike | None = None, spacing_mm: float = SPACING_MM,
           half_mm: tuple[float, float] = HALF_MM) -> Phantom:  # fmt: skip
    """Return a phantom of any shapes.

    Parameters
    ----------
    pose : ProbePose
    parts : mapping of str to Tissue
    shapes : function
        From x, y, z in the probe's frame, mm, to signed distances (negative inside) by part; later ones lie over earlier ones.
    strands, strand_tissues : optional
        Nerves and vessels, and their tissues.
    fibres : (3,) array, optional
        Direction of the fibres everywhere, in the probe's frame.
    spacing_mm : float
        Of the voxels.
    half_mm : (float, float)
        Half the block's length and half its thickness.
    """
    low, shape = _box(pose, spacing_mm, half_mm)
    inside = shapes(*_places(pose, low, shape, spacing_mm))
    volume = block(parts, inside, low, shape, spacing_mm)
    if fibres is not None:
        volume = _with_fibres(volume, pose.ras_from_probe.matrix[:3, :3] @ _unit(fibres))
    held = strands if strands is not None else no_strands()
    return Phantom(volume, {EMPTY: tissue("air"), **parts, **(strand_tissues or {})}, held)


def uniform(pose: ProbePose, of: Tissue, *, fibres: ArrayLike | None = None, above_mm: float = 0.0) -> Phantom:
    """Return a block of one tissue, whose surface lies `above_mm` over the face."""
    return shaped(pose, {of.key: of}, lambda x, y, z: {of.key: -z - np.float32(above_mm)}, fibres=fibres)


def layered(pose: ProbePose, layers: Mapping[Tissue, float] | list[tuple[Tissue, float]], *, tilt_deg: float = 0.0,
            toward: str = "lateral") -> Phantom:  # fmt: skip
    """Return layers from the surface down.

    Parameters
    ----------
    pose : ProbePose
    layers : list of (Tissue, float)
        Each with the depth of its upper border under the middle of the face, mm; the first is 0.
    tilt_deg : float
        By which all borders but the surface are tilted, about the middle of the face's shadow.
    toward : {'lateral', 'elevation'}
        Way in which they get deeper.
    """
    rows = list(layers.items()) if isinstance(layers, Mapping) else layers
    if not -80 <= tilt_deg <= 80:
        raise ValueError(f"tilt_deg is {tilt_deg:g}. Allowed: -80 to 80.")
    s, c = np.sin(np.deg2rad(tilt_deg)), np.cos(np.deg2rad(tilt_deg))

    def shapes(x: Floats, y: Floats, z: Floats) -> dict[str, Floats]:
        way = x if toward == "lateral" else y
        out = {rows[0][0].key: -z}
        for t, at in rows[1:]:
            out[t.key] = np.maximum((at - z) * c + way * s, -z).astype(np.float32)
        return out

    return shaped(pose, {t.key: t for t, _ in rows}, shapes)


def bone_plane(pose: ProbePose, depth_mm: float, over: Tissue, *, tilt_deg: float = 0.0, thick_mm: float = np.inf,
               step_mm: float = 0.0) -> Phantom:  # fmt: skip
    """Return tissue over a plate of bone, `step_mm` deeper on the side of the marked end."""
    s, c = np.float32(np.sin(np.deg2rad(tilt_deg))), np.float32(np.cos(np.deg2rad(tilt_deg)))

    def shapes(x: Floats, y: Floats, z: Floats) -> dict[str, Floats]:
        top = (np.where(x > 0, depth_mm + step_mm, depth_mm) - z) * c + x * s
        plate = np.maximum(np.maximum(top, -top - np.float32(min(thick_mm, 1e3))), -z)
        return {over.key: -z, "bone": plate.astype(np.float32)}

    return shaped(pose, {over.key: over, "bone": tissue("bone")}, shapes)


def cylinders(pose: ProbePose, ground: Tissue, rods: list[tuple[Tissue, float, float, float]]) -> Phantom:
    """Return cylinders square to the image in a ground: (tissue, x, depth, diameter), mm."""

    def shapes(x: Floats, y: Floats, z: Floats) -> dict[str, Floats]:
        out = {ground.key: -z}
        for t, at, deep, wide in rods:
            d = (np.hypot(x - np.float32(at), z - np.float32(deep)) - np.float32(wide / 2)).astype(np.float32)
            out[t.key] = np.minimum(out[t.key], d) if t.key in out else d
        return out

    return shaped(pose, {ground.key: ground, **{t.key: t for t, *_ in rods}}, shapes)


def vessel(pose: ProbePose, ground: Tissue, diameter_mm: float, depth_mm: float, *, x_mm: float = 0.0) -> Phantom:
    """Return a vein square to the image (veins do not beat)."""
    return strand(pose, ground, "vein", diameter_mm, depth_mm, x_mm=x_mm)


def strand(pose: ProbePose, ground: Tissue, kind: str, diameter_mm: float, depth_mm: float, *, tilt_deg: float = 0.0,
           x_mm: float = 0.0) -> Phantom:  # fmt: skip
    """Return a nerve or vessel that runs in elevation, tilted into the depth."""
    if not 0.2 <= diameter_mm <= 20:
        raise ValueError(f"diameter_mm is {diameter_mm:g}. Allowed: 0.2 to 20 mm.")
    a = np.deg2rad(tilt_deg)
    along = np.array([0.0, np.cos(a), np.sin(a)])
    line = np.array([x_mm, 0, depth_mm]) + np.linspace(-12, 12, 3)[:, None] * along
    of = {"nerve": "nerve_fascicle"}.get(kind, "blood")
    strands = strands_from({"rod": (kind, pose.ras_from_probe.apply(line), diameter_mm / 2)})
    return shaped(
        pose, {ground.key: ground}, lambda x, y, z: {ground.key: -z}, strands=strands, strand_tissues={"rod": tissue(of)}
    )


def wires(pose: ProbePose, points_mm: ArrayLike) -> Targets:
    """Return points (n, 3) of the probe's frame as targets of amplitude 1."""
    points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64))
    return Targets(pose.ras_from_probe.apply(points), np.ones(len(points)))


def stepped_cysts(pose: ProbePose, loss_db_cm_mhz: float = 0.5) -> Phantom:
    """Return a cell as of the multi-purpose phantoms (0.5 or 0.7 dB/cm/MHz) with cysts of 1.5 to 6 mm at two depths."""
    ground = plain("ground", attenuation_db_cm_mhz=loss_db_cm_mhz, sound_speed_m_s=1540.0)
    cyst = plain("cyst", backscatter_db=-60.0, sound_speed_m_s=1540.0, attenuation_db_cm_mhz=loss_db_cm_mhz)
    rods = [(cyst, x, z, d) for z in (12.0, 24.0) for x, d in ((-14.0, 1.5), (-7.0, 2.0), (0.0, 3.0), (7.0, 4.0), (14.5, 6.0))]
    return cylinders(pose, ground, rods)


@cache
def muscle_texture(along: str, seed: int = 11) -> tuple[ProbePose, Phantom]:
    """Return a muscle with the anatomy's bundles, its fibres along the face ('lateral') or square to the image ('elevation')."""
    from scipy.ndimage import gaussian_filter

    from meshes.points import load_table
    from meshes.splat import drawn_along, white
    from meshes.volume import FIBRE_RATIO, bricked, packed

    pose, rule, spacing = orientations()[0], load_table("volume")["bundles"], 0.25
    shape, margin = (164, 48, 104), 24
    low = np.array([-20.5, -6.0, -25.5])
    around = int(np.ceil(3 * rule["coarse_mm"] / spacing))
    whole = tuple(n + 2 * (margin + around) for n in shape)
    noise = white(np.zeros(3, dtype=np.int64), whole, seed)
    fine, coarse = (gaussian_filter(noise, rule[k] / spacing, truncate=3.0) for k in ("fine_mm", "coarse_mm"))
    cut = tuple(slice(around, n - around) for n in whole)
    direction = pose.ras_from_probe.matrix[:3, :3] @ {"lateral": [1.0, 0, 0], "elevation": [0, 1.0, 0]}[along]
    nodes = np.zeros((*(-(-(n + 2 * margin) // FIBRE_RATIO) for n in shape), 3), dtype=np.float32)
    nodes[:] = direction
    steps = int(rule["half_length_mm"] / rule["stride_mm"])
    drawn = drawn_along(np.ascontiguousarray((fine - coarse)[cut]), nodes, np.ones(shape, dtype=bool), margin, FIBRE_RATIO, steps,
                        rule["stride_mm"] / spacing)  # fmt: skip
    share = np.clip((drawn / rule["deviation"] - rule["from"]) / (rule["to"] - rule["from"]), 0, 1)
    deep = -(low[2] + spacing * np.arange(shape[2]))  # below the plane z = 0 of RAS
    inside = np.broadcast_to(deep > 0, shape)
    cells = packed(
        inside.astype(np.uint8), np.broadcast_to(np.abs(deep), shape).astype(np.float32),
        np.round(share * 255).astype(np.uint8), np.zeros(shape, dtype=np.uint8),
    )  # fmt: skip
    volume = LabelVolume(bricked(cells), np.zeros((*(n // 4 for n in shape), 4), dtype=np.int16), low, spacing, (EMPTY, "muscle"))
    return pose, Phantom(_with_fibres(volume, direction), {EMPTY: tissue("air"), "muscle": tissue("muscle")}, no_strands())


def _box(pose: ProbePose, spacing: float, half: tuple[float, float]) -> tuple[Array, tuple[int, int, int]]:
    """First voxel (3,) and shape of the box, along RAS, that holds the block."""
    ends = product((-half[0], half[0]), (-half[1], half[1]), (-ABOVE_MM, DEEP_MM))
    corners = pose.ras_from_probe.apply(np.array(list(ends)))
    low = corners.min(axis=0) - spacing
    a, b, c = (int(np.ceil(n / 4) * 4) for n in (corners.max(axis=0) + spacing - low) / spacing + 2)
    return low, (a, b, c)


def _places(pose: ProbePose, low: Array, shape: tuple[int, int, int], spacing: float) -> tuple[Floats, Floats, Floats]:
    """x, y, z (nx, ny, nz) of the voxels in the probe's frame."""
    m = pose.probe_from_ras.matrix
    i, j, k = np.ogrid[: shape[0], : shape[1], : shape[2]]
    shift = m[:3, :3] @ low + m[:3, 3]
    x, y, z = ((m[r, 0] * i + m[r, 1] * j + m[r, 2] * k) * spacing + shift[r] for r in range(3))
    return x.astype(np.float32), y.astype(np.float32), z.astype(np.float32)


def _with_fibres(volume: LabelVolume, direction: Array) -> LabelVolume:
    fibres = volume.fibres.copy()
    fibres[..., :3] = np.round(direction * FIBRE_SCALE)
    return replace(volume, fibres=fibres)


def _unit(value: ArrayLike) -> Array:
    way = np.asarray(value, dtype=np.float64)
    length = float(np.linalg.norm(way)) if way.shape == (3,) else 0.0
    if not (np.isfinite(length) and length > 0):
        raise ValueError("fibres must be three finite numbers that are not all 0.")
    return way / length
