"""PyMUST's SIMUS beside our frames, for `inion bench ultrasound`: time on one scene; speckle, cyst and point of one phantom.

SIMUS: Garcia 2022, doi 10.1016/j.cmpb.2022.106726.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim.ultrasound.poses import ProbePose
    from sim.ultrasound.scanner import Scanner

    Array = NDArray[np.float64]
Row = dict[str, Any]
PATIENCE_S = 60.0  # a run of SIMUS that would take longer is extrapolated
POINT_MM, CYST_MM, WIDE_MM, HIGH_MM = 15.0, 3.0, 16.0, 12.0  # depth of point and cyst, its radius; size of the speckle round it
PER_MM2 = 130  # scatterers of SIMUS: more than eight in a cell of resolution
CYSTS_DB = (-9.0, -30.0)


def timed(tasks: Iterable[Callable[[Any], object]], values: Iterable[Any]) -> list[float]:
    """Return how long each task took on its value, ms."""
    spent = []
    for task, value in zip(tasks, values, strict=True):
        before = time.perf_counter()
        task(value)
        spent.append(1e3 * (time.perf_counter() - before))
    return spent


def simus(counts: list[int], probed: int) -> Row:
    """Time PyMUST's SIMUS and its beamforming on scatterers sampled from the labels of our own frame."""
    import numpy as np

    from meshes import load_anatomy
    from sim.ultrasound.placing import probe_pose
    from sim.ultrasound.rules import scanner_table
    from sim.ultrasound.scanner import Scanner

    anatomy = load_anatomy()
    scanner = Scanner(anatomy)
    pose = probe_pose(anatomy, "c2-oblique")
    image, ours = scanner.image(pose), statistics.median(timed([scanner.image] * 11, [pose] * 11)[1:])
    wide, deep = scanner.settings.model.width_mm, image.depth_mm
    level = scanner.tables.amplitude[scanner.tables.tissue_of][image.labels] * (image.labels > 0)
    rng, param = np.random.default_rng(0), _param(scanner_table()["picture"]["tgc_db_cm_mhz"])
    flat, rows, pace = np.zeros((1, param.Nelements)), [], 0.0
    for n in (50, probed, *counts):  # the first is there to warm up
        asked = n * pace > PATIENCE_S
        if not asked:
            at = rng.random((2, n))
            felt = level[(at[1] * level.shape[0]).astype(int), (at[0] * level.shape[1]).astype(int)]
            before = time.perf_counter()
            rf = _rf(param, (at[0] - 0.5) * wide, at[1] * deep, felt * rng.choice([-1.0, 1.0], n), flat, deep)
            took = time.perf_counter() - before
            pace = took / n
        rows.append({"points": n, "simulation_s": round(n * pace, 2), "extrapolated": asked})
    x, z = ((np.arange(256) + 0.5) / 256 - 0.5) * wide, (np.arange(1024) + 0.5) / 1024 * deep
    matrix_s, beam_s, _ = _beamformed(param, [rf], flat, *np.meshgrid(x, z))
    for row in rows:
        row["ratio"] = round((row["simulation_s"] + beam_s) * 1e3 / ours, 1)
    return {"ours_ms": round(ours, 2), "matrix_s": round(matrix_s, 2), "beamforming_s": round(beam_s, 3), "rows": rows[1:]}


def check() -> Row:
    """Compare speckle, a cyst and a point of the same phantom, by us and by SIMUS (one plane wave; focused for the point)."""
    import numpy as np

    param, rng = _param(0.0), np.random.default_rng(1)
    deep, n = POINT_MM + HIGH_MM / 2 + 1, int(PER_MM2 * (WIDE_MM + 2) * (HIGH_MM + 2))
    x, z = rng.uniform(-0.5, 0.5, (2, n)) * [[WIDE_MM + 2], [HIGH_MM + 2]] + [[0.0], [POINT_MM]]
    inside, flat = np.hypot(x, z - POINT_MM) < CYST_MM, np.zeros((1, param.Nelements))
    gx = np.arange(-WIDE_MM / 2, WIDE_MM / 2, 0.15)
    gx, gz = np.meshgrid(gx, np.arange(POINT_MM - HIGH_MM / 2, POINT_MM + HIGH_MM / 2, 0.03))
    signals = [_rf(param, x[m], z[m], np.ones(m.sum()), flat, deep) for m in (~inside, inside)]
    _, _, (round_it, within) = _beamformed(param, signals, flat, gx, gz)
    lateral, axial = (np.arange(-1.5, 1.5, 0.01) for _ in range(2))
    line, column = np.meshgrid(lateral, [POINT_MM]), np.meshgrid([0.0], POINT_MM + axial)
    spot = [_rf(param, np.zeros(1), np.full(1, POINT_MM), np.ones(1), flat, deep)]
    across, along = (abs(_beamformed(param, spot, flat, *g)[2][0]).ravel() for g in (line, column))
    theirs: Row = {"lateral_mm": _focused_width(deep), "axial_mm": width(along, 0.01)}
    theirs["plane_wave_lateral_mm"], mine = width(across, 0.01), _own_point()
    for db in CYSTS_DB:
        for row, field, at in ((theirs, abs(round_it + 10 ** (db / 20) * within), (gx, gz)), (mine, *_own_cyst(db))):
            row |= {k if k == "snr" else f"contrast_{-db:g}_db": v for k, v in measured(field, *at).items()}
    return {"points": n, "ours": _rounded(mine), "simus": _rounded(theirs)}


def simus_told(row: Row) -> list[str]:
    """Return the lines that tell what `simus` and `check` found."""
    if "missing" in row:
        return [f"SIMUS is left out: {row['missing']}"]
    out = [
        f"SIMUS (one plane wave, two processes) beside our {row['ours_ms']:.1f} ms a frame; "
        f"its matrix of delays, made once, {row['matrix_s']:.1f} s"
    ]
    for r in row["rows"]:
        how = " (extrapolated from fewer)" if r["extrapolated"] else ""
        times = f"simulation {r['simulation_s']:.1f} s{how}, beamforming {row['beamforming_s']:.2f} s"
        out.append(f"  {r['points']:.0f} points: {times}: {r['ratio']:.0f} times ours")
    if "check" not in row:
        return out
    ours, theirs = row["check"]["ours"], row["check"]["simus"]
    out.append(f"same phantom, {row['check']['points']:.0f} points of SIMUS: ours / SIMUS")
    return out + [f"  {k}: {ours.get(k, '-')} / {theirs[k]}" for k in theirs]


def width(profile: Array, step: float) -> float:
    """Return the full width at half of the greatest value of a profile (n,) with even steps.

    Raises
    ------
    ValueError
        If it holds what is no number, or does not fall to half on both sides.
    """
    import numpy as np

    values = np.asarray(profile, dtype=np.float64)
    top = int(np.argmax(values))
    half = values[top] / 2
    left, right = np.flatnonzero(values[:top] < half), np.flatnonzero(values[top:] < half) + top
    if not np.isfinite(values).all() or not len(left) or not len(right):
        raise ValueError("the profile does not fall to half of its greatest value on both sides; give more of it.")
    i, j = left[-1], right[0]
    start_at = i + (half - values[i]) / (values[i + 1] - values[i])
    return float((j - (half - values[j]) / (values[j - 1] - values[j]) - start_at) * step)


def measured(envelope: Array, x_mm: Array, z_mm: Array) -> dict[str, float]:
    """Return the contrast (dB) of the cyst and the mean over the deviation of the speckle round it, less its slope with depth.

    Parameters
    ----------
    envelope, x_mm, z_mm : arrays of one shape
        Amplitudes, and where they lie: from the probe's middle, and deep.

    Raises
    ------
    ValueError
        If an amplitude is not positive, or no sample lies in the cyst or round it.
    """
    import numpy as np

    if not (np.isfinite(envelope) & (envelope > 0)).all():
        raise ValueError("an amplitude is not a positive number; give an envelope, not its level in dB.")
    away = np.hypot(x_mm, z_mm - POINT_MM)
    near = (abs(x_mm) <= WIDE_MM / 2) & (abs(z_mm - POINT_MM) <= HIGH_MM / 2)
    core, outside = away < 0.7 * CYST_MM, near & (away > 1.2 * CYST_MM)
    if not core.any() or not outside.any():
        raise ValueError(f"no sample lies in the cyst, {POINT_MM:g} mm deep, or round it; give the region that holds it.")
    slope, level = np.polyfit(z_mm[outside], np.log(envelope[outside]), 1)
    even = envelope / np.exp(slope * z_mm + level)
    ground = even[outside]
    contrast = 10 * np.log10((even[core] ** 2).mean() / (ground**2).mean())
    return {"contrast": float(contrast), "snr": float(ground.mean() / ground.std())}


def _own_point() -> Row:
    """Widths of a point in our frames, at the frequency and focus of SIMUS."""
    import numpy as np

    from sim.ultrasound.geometry import beams
    from sim.ultrasound.scene import Targets

    scanner, pose = _phantom(-60.0, -60.0, lines=512)
    middle = beams(scanner.settings).start[256, 0]
    image = scanner.echoes(pose, targets=Targets(np.array([[middle, 0.0, POINT_MM]]), np.array([1e3])))
    field = 10 ** (image.levels_db.astype(np.float64) / 20)
    i, k = np.unravel_index(np.argmax(field), field.shape)
    step = scanner.settings.model.width_mm / scanner.settings.lines
    return {"lateral_mm": width(field[:, k], step), "axial_mm": width(field[i], scanner.settings.sample_mm)}


def _own_cyst(level_db: float) -> tuple[Array, tuple[Array, Array]]:
    """Our envelope (lines, samples) of the phantom, and where its samples lie."""
    import numpy as np

    from sim.ultrasound.geometry import beams

    scanner, pose = _phantom(0.0, level_db)
    depth = (np.arange(scanner.settings.samples) + 0.5) * scanner.settings.sample_mm
    field = 10 ** (scanner.echoes(pose).levels_db.astype(np.float64) / 20)
    x, z = np.meshgrid(beams(scanner.settings).start[:, 0], depth, indexing="ij")
    return field, (x, z)


def _phantom(ground_db: float, cyst_db: float, lines: int = 256) -> tuple[Scanner, ProbePose]:
    """A scanner on a block of speckle with a cyst along the elevation, and the probe on it; the block's frame is the probe's."""
    from dataclasses import replace

    import numpy as np

    from sim.ultrasound.medium import Phantom, block, no_strands
    from sim.ultrasound.poses import ProbePose
    from sim.ultrasound.rules import scanner_table
    from sim.ultrasound.scanner import Scanner
    from sim.ultrasound.tissues import tissue

    loss = scanner_table()["picture"]["tgc_db_cm_mhz"]
    even = replace(tissue("brain"), key="ground", attenuation_db_cm_mhz=loss, attenuation_along_db_cm_mhz=loss)
    even = replace(even, backscatter_db=ground_db)
    low, shape, step = np.array([-22.0, -6.0, -26.0]), (176, 48, 224), 0.25
    x, _, z = np.meshgrid(*(a + step * np.arange(n) for a, n in zip(low, shape, strict=True)), indexing="ij")
    parts = {"ground": even, "cyst": replace(even, key="cyst", backscatter_db=cyst_db)}
    held = block(parts, {"ground": -z, "cyst": np.hypot(x, z - POINT_MM) - CYST_MM}, low, shape, step)
    medium = Phantom(held, parts | {"": tissue("air")}, no_strands())
    asked = {"frequency_mhz": _param(0.0).fc / 1e6, "focus_mm": POINT_MM, "depth_mm": 28.0, "noise": False, "face_echoes": False}
    return Scanner(medium, lines=lines, **asked), ProbePose(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))


def _focused_width(deep_mm: float) -> float:
    """Width by SIMUS of a point at the focus, each line focused there: the point moves, the beam stays."""
    import numpy as np
    import pymust

    param = _param(0.0)
    at = (np.arange(param.Nelements) - (param.Nelements - 1) / 2) * param.pitch
    param.TXapodization = (abs(at) <= POINT_MM * 1e-3 / (2 * _optics()["transmit_f_number"])).astype(np.float32)[None]
    delays = pymust.txdelay(0.0, POINT_MM * 1e-3, param)
    depths, offsets, found = np.arange(POINT_MM - 0.5, POINT_MM + 0.5, 0.02), np.arange(-0.8, 0.81, 0.05), []
    for off in offsets:
        rf = _rf(param, np.array([off]), np.array([POINT_MM]), np.ones(1), delays, deep_mm)
        found.append(abs(_beamformed(param, [rf], delays, *np.meshgrid([0.0], depths))[2][0]).max())
    return width(np.array(found), 0.05)


def _param(loss_db_cm_mhz: float) -> Any:
    """The probe L12-3v of PyMUST, received through our aperture."""
    try:
        import pymust
    except ImportError as missing:
        raise ImportError("pymust is not installed, which `inion[bench]` brings") from missing
    param = pymust.getparam("L12-3v")
    param.fs, param.c, param.attenuation = 4 * param.fc, 1540.0, loss_db_cm_mhz
    param.fnumber = _optics()["receive_f_number"]
    return param


def _optics() -> dict[str, float]:
    """What our own beams are computed with."""
    import tomllib
    from importlib.resources import files

    return dict(tomllib.loads((files("sim") / "data" / "probes.toml").read_text("utf-8"))["beam"])


def _rf(param: Any, x_mm: Array, z_mm: Array, amplitude: Array, delays: Array, deep_mm: float) -> Array:
    """Signals (times, elements) of scatterers; two silent ones at the far corners make the number of times the same for all."""
    import numpy as np
    import pymust

    edge, options = param.pitch * param.Nelements / 2, pymust.utils.Options()
    x = np.concatenate([x_mm * 1e-3, [-edge, edge]])[None]
    z = np.concatenate([z_mm * 1e-3, [deep_mm * 1e-3] * 2])[None]
    if x.size > 100:
        options.setParPool(2)
        options.ParPool = True
    return np.asarray(pymust.simus(x, z, np.concatenate([amplitude, [0.0, 0.0]])[None], delays, param, options)[0])


def _beamformed(param: Any, signals: list[Array], delays: Array, x_mm: Array, z_mm: Array) -> tuple[float, float, list[Array]]:
    """Seconds for the matrix of delay and sum, which serves every frame, and for one frame; complex images on the grid."""
    import numpy as np
    import pymust

    begin = time.perf_counter()
    matrix = pymust.dasmtx(1j * np.array(signals[0].shape), x_mm * 1e-3, z_mm * 1e-3, delays, param)
    made = time.perf_counter()
    images = []
    for rf in signals:
        iq = pymust.rf2iq(rf, param.fs, param.fc, param.bandwidth)
        images.append((matrix @ iq.flatten(order="F")).reshape(x_mm.shape, order="F"))
        if x_mm.size > 1000:
            pymust.bmode(images[-1], 60)
    return made - begin, (time.perf_counter() - made) / len(signals), images


def _rounded(row: Row) -> Row:
    return {k: round(float(v), 3) for k, v in row.items()}
