"""`inion bench`: time and memory of a picture, beside a bare PyVista render of the same meshes, and of a new patient."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from scenarios.loader import load_scenario
from sim.commands.faults import BadInput
from sim.commands.sizes import parse_size

TIMED = """
import json, resource, sys, time
start = time.perf_counter()
name, kind, width, height = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
from scenarios.loader import load_scenario
from sim.anatomies import anatomy_for
from sim.compose import compose
scenario = load_scenario(name)
anatomy = anatomy_for(scenario)
picture = compose(scenario, anatomy, size=(width, height))[0]
ready = time.perf_counter()
if kind == "ours":
    from sim.stills import render
    render(anatomy, picture)
else:
    import numpy, pyvista
    from sim.page import lay_out
    from sim.stage import pieces_of
    from sim.stills import standing
    from sim.theme import load_theme
    theme = load_theme(picture.style)
    page = lay_out(picture, theme)
    view = standing(anatomy, picture, pieces_of(anatomy, picture, theme), page)
    ready = time.perf_counter()
    plotter = pyvista.Plotter(off_screen=True, window_size=(2 * view.width_px, 2 * view.height_px))
    plotter.disable_anti_aliasing()
    for shown in picture.shown:
        mesh = anatomy[shown.key].mesh
        data = pyvista.PolyData.from_regular_faces(mesh.vertices_mm, mesh.faces)
        plotter.add_mesh(data, opacity=shown.opacity, smooth_shading=True)
    plotter.camera.parallel_projection = True
    plotter.camera.focal_point = view.focus_mm
    plotter.camera.position = view.focus_mm + 2000 * view.toward
    plotter.camera.up = view.up
    plotter.camera.parallel_scale = view.height_px / view.px_per_mm / 2
    plotter.renderer.ResetCameraClippingRange()
    big = plotter.screenshot(return_img=True)
    big.reshape(view.height_px, 2, view.width_px, 2, 3).mean(axis=(1, 3)).round().astype(numpy.uint8)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
print(json.dumps({"prepare_s": ready - start, "draw_s": end - ready, "peak_mb": peak}))
"""

COLD = """
import json, resource, subprocess, sys, tempfile, time
name, size = sys.argv[1], sys.argv[2]
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "sim", "render", name, "-o", folder, "--size", size, "-q", *sys.argv[3:]],
        stdout=subprocess.DEVNULL, check=True)
    end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
print(json.dumps({"whole_s": end - start, "peak_mb": peak}))
"""

PATIENT = """
import json, resource, sys, time
seed = int(sys.argv[1])
start = time.perf_counter()
import meshes
shipped = meshes.load_anatomy()
loaded = time.perf_counter()
from meshes.patient import bent
from meshes.population import sample_patient
anatomy = bent(shipped, sample_patient(seed))
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
faces = sum(len(s.mesh.faces) for s in anatomy.structures.values())
print(json.dumps({"load_s": loaded - start, "patient_s": end - loaded, "peak_mb": peak,
    "structures": len(anatomy.structures), "triangles": faces}))
"""


def run(args: argparse.Namespace) -> int:
    """Time what is asked in fresh processes and print the medians."""
    if args.repeat < 1:
        raise BadInput(f"--repeat is {args.repeat}; it must be 1 or more.")
    if args.what == "ultrasound":
        from sim.commands.bench_ultrasound import run as ultrasound

        return ultrasound(args)
    if args.what == "app":
        from sim.commands.bench_app import run as app

        return app(args)
    if args.what == "batch":
        from sim.commands.bench_batch import run as batch

        return batch(args)
    return _patient(args) if args.what == "patient" else _render(args)


def _patient(args: argparse.Namespace) -> int:
    """Load the shipped model and make new patients of it, each with another seed."""
    rows = [_once([PATIENT, str(seed)]) for seed in range(args.repeat)]
    row = {key: round(statistics.median(r[key] for r in rows), 3) for key in rows[0]}
    if args.json:
        print(json.dumps(row))
    else:
        print(f"loading the shipped model {row['load_s']:.2f} s (imports included)")
        print(f"a new patient {row['patient_s']:.1f} s, {row['structures']:.0f} structures, {row['triangles']:.0f} triangles")
        print(f"peak memory {row['peak_mb']:.0f} MB")
    return 0


def _render(args: argparse.Namespace) -> int:
    """Time ours and a bare PyVista render and print the medians and their ratio."""
    size = parse_size(args.size)
    load_scenario(args.scenario)
    if size is None:
        raise BadInput("--size is empty; it must be WIDTHxHEIGHT, such as 1920x1080.")
    wide, high = (str(n) for n in size)
    first = load_scenario(args.scenario).view[0].name
    ours, bare = (_median([TIMED, args.scenario, kind, wide, high], args.repeat) for kind in ("ours", "bare"))
    cold = _median([COLD, args.scenario, f"{wide}x{high}", "--view", first], args.repeat)
    answer = {
        "scenario": args.scenario,
        "size": f"{size[0]}x{size[1]}",
        "ours": ours,
        "bare_pyvista": bare,
        "cold_process": cold,
        "ratio": round(ours["draw_s"] / bare["draw_s"], 2),
    }
    if args.json:
        print(json.dumps(answer))
        return 0
    for name, row in (("ours", ours), ("bare PyVista", bare)):
        print(f"{name:<13} prepare {row['prepare_s']:.2f} s, draw {row['draw_s']:.2f} s, peak memory {row['peak_mb']:.0f} MB")
    print(f"ratio of drawing: {answer['ratio']}")
    print(f"cold process  {cold['whole_s']:.2f} s, peak memory {cold['peak_mb']:.0f} MB")
    return 0


def _median(words: list[str], repeat: int) -> dict[str, float]:
    rows = [_once(words) for _ in range(repeat)]
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


def _once(words: list[str]) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImportError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}")
    row: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return row
