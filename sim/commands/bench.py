"""`inion bench`: time and memory of a picture, beside a bare PyVista render of the same meshes."""

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
    import pyvista
    from sim.cameras import axes_of
    plotter = pyvista.Plotter(off_screen=True, window_size=(width, height))
    plotter.enable_anti_aliasing("ssaa")
    for shown in picture.shown:
        mesh = anatomy[shown.key].mesh
        data = pyvista.PolyData.from_regular_faces(mesh.vertices_mm, mesh.faces)
        data.point_data["Normals"] = mesh.normals
        data.point_data.active_normals_name = "Normals"
        plotter.add_mesh(data, opacity=shown.opacity, smooth_shading=True)
    toward, right, up = axes_of(picture.camera)
    plotter.camera.focal_point = picture.camera.focus_mm or (0, 0, 0)
    plotter.camera.position = [f + 800 * t for f, t in zip(plotter.camera.focal_point, toward)]
    plotter.camera.up = up
    plotter.screenshot(return_img=True)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
print(json.dumps({"prepare_s": ready - start, "draw_s": end - ready, "peak_mb": peak}))
"""


def run(args: argparse.Namespace) -> int:
    """Time both in fresh processes and print the medians and their ratio."""
    size = parse_size(args.size)
    load_scenario(args.scenario)
    if args.repeat < 1 or size is None:
        raise BadInput(f"--repeat is {args.repeat}; it must be 1 or more.")
    ours, bare = (_median(args.scenario, kind, size, args.repeat) for kind in ("ours", "bare"))
    answer = {
        "scenario": args.scenario,
        "size": f"{size[0]}x{size[1]}",
        "ours": ours,
        "bare_pyvista": bare,
        "ratio": round(ours["draw_s"] / bare["draw_s"], 2),
    }
    if args.json:
        print(json.dumps(answer))
        return 0
    for name, row in (("ours", ours), ("bare PyVista", bare)):
        print(f"{name:<13} prepare {row['prepare_s']:.2f} s, draw {row['draw_s']:.2f} s, peak memory {row['peak_mb']:.0f} MB")
    print(f"ratio of drawing: {answer['ratio']}")
    return 0


def _median(scenario: str, kind: str, size: tuple[int, int], repeat: int) -> dict[str, float]:
    rows = [_once(scenario, kind, size) for _ in range(repeat)]
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


def _once(scenario: str, kind: str, size: tuple[int, int]) -> dict[str, float]:
    command = [sys.executable, "-c", TIMED, scenario, kind, str(size[0]), str(size[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImportError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}")
    row: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return row
