"""`inion bench ultrasound`: whole frames, the first one, growth with settings and triangles, and PyMUST's SIMUS beside ours."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sim.commands.bench_simus import POINT_MM, check, simus, simus_told, timed
from sim.commands.faults import BadInput

if TYPE_CHECKING:
    from meshes.model import Anatomy, Structure
    from sim.ultrasound.poses import ProbePose
    from sim.ultrasound.scanner import Scanner

Row = dict[str, Any]
CHILD = "import sys; from sim.commands.bench_ultrasound import child; child(*sys.argv[1:])"
POSES = ("c2-oblique", "nuchal-line")
SIZES = ((256, 1024, 3, False), (512, 1024, 5, False), (256, 1024, 3, True))  # lines, samples, planes, with what else is drawn
GRID = tuple((n, s, p) for n in (128, 256, 512) for s in (512, 1024, 2048) for p in (1, 3, 5))
SMALL = tuple(g for g in GRID if g[0] < 512 and g[1] < 2048 and g[2] < 5)
WARM = 5  # frames before the counted ones
BUSY = 0.7  # load of the machine beyond which the reader is warned
KEPT = 0.25  # of the triangles, in the coarse copy


def run(args: argparse.Namespace) -> int:
    """Time what is asked, each in fresh processes, and print medians over `args.repeat` of them.

    `args.quick` takes fewer frames, settings and scatterers; `args.part` names parts, all if there are none.
    """
    if args.repeat < 1:
        raise BadInput(f"--repeat is {args.repeat}; it must be 1 or more.")
    parts, quick = getattr(args, "part", None) or list(PARTS), bool(getattr(args, "quick", False))
    for name in parts:
        if name not in PARTS:
            raise BadInput(f"--part is {name!r}; allowed: {', '.join(PARTS)}.")
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0
    if load > BUSY and not args.json:
        print(f"other work runs on this machine (load {load}): times are longer than on a quiet one")
    answer: Row = {"cores": os.cpu_count(), "load": load, "repeat": args.repeat, "quick": quick}
    for name in parts:
        times = 1 if name in ("triangles", "simus") else args.repeat  # minutes each
        answer[name] = _middle([PARTS[name][0](quick) for _ in range(times)])
        if not args.json:
            print(*PARTS[name][1](answer[name]), sep="\n", flush=True)
    if args.json:
        print(json.dumps(answer))
    return 0


def child(part: str, told: str) -> None:
    """Measure one thing in this process and print it for the one that asked."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for SIMUS: threads of small matrices wait for each other
    print(json.dumps(CHILDREN[part](**json.loads(told)) | {"peak_mb": round(_peak_mb(), 1)}))


def frames(threads: int, count: int) -> Row:
    """Time whole frames, sampling to grey pixels, while the probe moves from each to the next."""
    from meshes.compiled import get_num_threads, set_num_threads
    from sim.ultrasound.scanner import Scanner

    set_num_threads(min(threads, get_num_threads()))
    anatomy, rows = _anatomy(), []
    for name in POSES:
        poses, scanner = moving(anatomy, name, count + WARM), Scanner(anatomy)
        for lines, samples, planes, whole in SIZES:
            set_so = scanner.with_settings(lines=lines, samples=samples, planes=planes)
            extras = _extras(set_so, poses[0]) if whole else {}
            spent = timed([partial(set_so.image, **extras)] * len(poses), poses)[WARM:]
            rows.append({"pose": name, "size": f"{lines}x{samples}x{planes}", "with": sorted(extras), **_spread(spent)})
    return {"threads": get_num_threads(), "rows": rows}


def start(born: float) -> Row:
    """Time the first frame of a process that was started at `born` (seconds of the clock), stage by stage."""
    marks = [born, time.time()]
    from sim.ultrasound import beams, echoes, forming  # noqa: F401
    from sim.ultrasound.medium import AnatomyMedium
    from sim.ultrasound.placing import probe_pose
    from sim.ultrasound.scanner import Scanner

    marks.append(time.time())
    anatomy = _anatomy()
    marks.append(time.time())
    pose = probe_pose(anatomy, POSES[0])
    marks.append(time.time())
    read: list[float] = []

    class Watched(AnatomyMedium):
        def volume(self, low: Any, high: Any) -> Any:
            before = time.time()
            out = super().volume(low, high)
            read.append(time.time() - before)
            return out

    scanner = Scanner(Watched(anatomy))
    marks.append(time.time())
    scanner.image(pose)
    marks.append(time.time())
    steady = statistics.median(timed([scanner.image] * 5, [pose] * 5)[1:]) / 1e3
    python, imports, loaded, placed, named, first = (b - a for a, b in pairwise(marks))
    return {
        "python_s": python, "imports_s": imports, "anatomy_s": loaded, "pose_s": placed, "voxels_s": named + read[0],
        "compiled_s": first - read[0] - steady, "frame_s": steady, "whole_s": marks[-1] - born,
    }  # fmt: skip


def growth(count: int, grid: list[list[int]]) -> Row:
    """Time frames over settings; fit the time's power of lines x samples x planes, of each, and a straight line."""
    import numpy as np

    from sim.ultrasound.scanner import Scanner

    anatomy = _anatomy()
    poses, scanner, rows = moving(anatomy, POSES[0], count + 2), Scanner(anatomy), []
    for lines, samples, planes in grid:
        set_so = scanner.with_settings(lines=lines, samples=samples, planes=planes)
        rows.append([lines, samples, planes, round(statistics.median(timed([set_so.image] * len(poses), poses)[2:]), 2)])
    table = np.array(rows)
    sizes, ms = table[:, :3], table[:, 3]
    work = sizes.prod(axis=1)
    alone = np.linalg.lstsq(np.column_stack([np.log(work), np.ones(len(ms))]), np.log(ms), rcond=None)[0]
    each = np.linalg.lstsq(np.column_stack([np.log(sizes), np.ones(len(ms))]), np.log(ms), rcond=None)[0]
    slope, fixed = np.polyfit(work, ms, 1)
    left = 1 - ((ms - slope * work - fixed) ** 2).sum() / ((ms - ms.mean()) ** 2).sum()
    names = ("exponent", "of_lines", "of_samples", "of_planes", "ns_per_sample", "fixed_ms", "r2")
    values = (alone[0], *each[:3], slope * 1e6, fixed, left)
    return {"rows": rows} | {k: round(float(v), 3) for k, v in zip(names, values, strict=True)}


def triangles(count: int) -> Row:
    """Time frames of the shipped anatomy and of a copy with a quarter of the triangles, in turn."""
    import tempfile
    from pathlib import Path

    from meshes.volume_store import VolumeStore
    from sim.ultrasound.medium import AnatomyMedium
    from sim.ultrasound.scanner import Scanner

    shipped = _anatomy()
    poses, coarse = moving(shipped, POSES[0], count + WARM), decimated(shipped, KEPT)
    with tempfile.TemporaryDirectory() as folder:
        both = [Scanner(shipped), Scanner(AnatomyMedium(coarse, VolumeStore(coarse, Path(folder))))]
        built = timed([both[1].image], poses[:1])[0] / 1e3
        spent = timed([s.image for _ in poses for s in both], [p for p in poses for _ in both])[2 * WARM :]
    counts = [sum(len(s.mesh.faces) for s in a.structures.values()) for a in (shipped, coarse)]
    told = [{"triangles": n, **_spread(spent[i::2])} for i, n in enumerate(counts)]
    return {"rows": told, "built_s": built, "ratio": told[1]["median_ms"] / told[0]["median_ms"]}


def moving(anatomy: Anatomy, name: str, count: int) -> list[ProbePose]:
    """Return `count` poses, a slide of at most 0.2 mm and a tilt of at most 0.3 degrees from each to the next."""
    import math

    from meshes.measure import Subject
    from sim.ultrasound.placing import probe_pose
    from sim.ultrasound.poses import slide, tilt

    skin, middle = Subject(anatomy).query("skin"), probe_pose(anatomy, name)
    turns = [2 * math.pi * i / 120 for i in range(count)]
    return [tilt(slide(middle, skin, along_mm=3 * math.sin(t)), 3 * math.sin(2 * t)) for t in turns]


def decimated(anatomy: Anatomy, kept: float) -> Anatomy:
    """Return a copy whose every surface has about the share `kept` of its triangles. Raises ValueError unless 0 < kept < 1."""
    from dataclasses import replace

    import numpy as np
    import pyvista
    from scipy.spatial import cKDTree

    from meshes.model import SurfaceMesh

    if not 0 < kept < 1:
        raise ValueError(f"kept is {kept}; it must be more than 0 and less than 1.")

    def coarse(s: Structure) -> Structure:
        mesh = s.mesh
        data = pyvista.PolyData.from_regular_faces(mesh.vertices_mm, mesh.faces.astype(int)).decimate(1 - kept)
        vertices, faces = np.asarray(data.points, dtype=np.float64), np.asarray(data.regular_faces, dtype=np.int64)
        near = cKDTree(mesh.vertices_mm).query(vertices)[1]
        told = [None if of is None else of[near] for of in (mesh.fibres, mesh.grain, mesh.tendon)]
        return replace(s, mesh=SurfaceMesh(vertices, faces, mesh.normals[near], *told))

    return anatomy.of(anatomy.name, map(coarse, anatomy.structures.values()), anatomy.landmarks, anatomy.curves, anatomy.meta)


def _extras(scanner: Scanner, pose: ProbePose) -> Row:
    """A needle in the plane to the middle of the picture, 2 mL there, and colour Doppler where the scanner has it."""
    from importlib import import_module

    from sim.ultrasound.scene import Injectate, ScanNeedle

    entry, tip = pose.ras_from_probe.apply([[16.0, 0.0, 0.0], [2.0, 0.0, POINT_MM]])
    out: Row = {"needle": ScanNeedle(entry, tip, moved_mm=0.4), "injectate": Injectate(tip, pose.axis, 2.0)}
    if "doppler" in inspect.signature(scanner.image).parameters:
        out["doppler"] = import_module("sim.ultrasound.doppler").DopplerSettings()
    return out


def _anatomy() -> Anatomy:
    from meshes import load_anatomy

    return load_anatomy()


def _spread(spent_ms: list[float]) -> Row:
    order, middle = sorted(spent_ms), statistics.median(spent_ms)
    told = {"median_ms": middle, "p95_ms": order[int(0.95 * (len(order) - 1) + 0.5)], "worst_ms": order[-1], "fps": 1e3 / middle}
    return {"frames": len(order)} | {k: round(v, 2) for k, v in told.items()}


def _peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _fresh(part: str, **told: Any) -> Row:
    done = subprocess.run([sys.executable, "-c", CHILD, part, json.dumps(told)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImportError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _middle(rows: list[Any]) -> Any:
    """Medians of the numbers of answers of one form."""
    first = rows[0]
    if isinstance(first, dict):
        return {k: _middle([r[k] for r in rows]) for k in first}
    if isinstance(first, list):
        return [_middle(list(each)) for each in zip(*rows, strict=True)]
    return round(statistics.median(rows), 3) if type(first) in (int, float) else first


def _frames(quick: bool) -> Row:
    return {name: _fresh("frames", threads=n, count=20 if quick else 120) for name, n in (("two_threads", 2), ("one_thread", 1))}


def _start(_quick: bool) -> Row:
    _fresh("start", born=time.time())  # compiles and fills the caches if they are not
    return _fresh("start", born=time.time())


def _simus(quick: bool) -> Row:
    if importlib.util.find_spec("pymust") is None:
        return {"missing": "pymust is not installed; `pip install inion[bench]` brings it."}
    times = _fresh("simus", counts=[500] if quick else [20_000, 200_000], probed=200 if quick else 1000)
    return times if quick else times | {"check": _fresh("check")}


def _frames_told(row: Row) -> list[str]:
    out = []
    for each in row.values():
        out.append(f"whole frames, threads: {each['threads']:.0f}, probe moving; peak memory {each['peak_mb']:.0f} MB")
        for r in each["rows"]:
            what = f"{r['pose']:<12} {r['size']:<11} {' + '.join(r['with']) or 'tissue':<30}"
            late = f"p95 {r['p95_ms']:6.1f}, worst {r['worst_ms']:6.0f}"
            out.append(f"  {what} median {r['median_ms']:6.1f} ms, {late}, {r['fps']:5.1f} frames/s")
    return out


def _start_told(row: Row) -> list[str]:
    stages = ", ".join(f"{k[:-2]} {row[k]:.2f}" for k in list(row)[:-2])
    return [f"first frame of a fresh process {row['whole_s']:.2f} s ({stages} s); peak memory {row['peak_mb']:.0f} MB"]


def _growth_told(row: Row) -> list[str]:
    grid = [f"  {a}x{b}x{c}: {ms:.1f} ms" for a, b, c, ms in row["rows"]]
    each = ", ".join(f"{k} {row[f'of_{k}']:.2f}" for k in ("lines", "samples", "planes"))
    line = f"straight line: {row['fixed_ms']:.1f} ms + {row['ns_per_sample']:.1f} ns a sample, R2 {row['r2']:.3f}"
    return [f"time grows with (lines x samples x planes) to the power {row['exponent']:.2f} ({each})", line, *grid]


def _triangles_told(row: Row) -> list[str]:
    told = ", ".join(f"{r['triangles']:.0f} triangles {r['median_ms']:.1f} ms" for r in row["rows"])
    return [f"{told}: ratio {row['ratio']:.2f} (voxels of the coarse copy, built once, {row['built_s']:.0f} s)"]


CHILDREN: dict[str, Callable[..., Row]] = {f.__name__: f for f in (frames, start, growth, triangles, simus, check)}
PARTS: dict[str, tuple[Callable[[bool], Row], Callable[[Row], list[str]]]] = {
    "frames": (_frames, _frames_told),
    "start": (_start, _start_told),
    "growth": (lambda quick: _fresh("growth", count=5 if quick else 15, grid=SMALL if quick else GRID), _growth_told),
    "triangles": (lambda quick: _fresh("triangles", count=20 if quick else 60), _triangles_told),
    "simus": (_simus, simus_told),
}
