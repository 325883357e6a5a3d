"""An anatomy as a scene of VTK: a `.vtm` that names the parts and a folder of `.vtp` files, mm, RAS, for ParaView, PyVista."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from meshes.exports.request import Array, Export, about, plain, row
from meshes.model import Structure

SPACE = "SPACE"  # field by which 3D Slicer knows the frame of a VTP


def vtk_files(export: Export, stem: str) -> dict[str, bytes]:
    """Return `stem.vtm` and its parts `stem/BLOCK/NAME.vtp`, by file name, the scene last.

    Blocks: `surfaces` (`rgb`, normals, fibres and share of tendon at each point), `courses` (axes of nerves and vessels, with
    their radius), `curves` and `landmarks`. Field data of the whole and of each part say frame, unit, credit, and what it is.

    Parameters
    ----------
    export : Export
    stem : str
        Name of the scene without ending.
    """
    blocks = {
        "surfaces": {s.key: _surface(export, s) for s in export.structures},
        "courses": {s.key: _course(export, s) for s in export.structures if s.centerline is not None},
        "curves": {name: _stamped(_line([line]), export) for name, line in export.anatomy.curves.items()},
        "landmarks": {"landmarks": _landmarks(export)} if export.anatomy.landmarks else {},
    }
    return _written(_scene({name: parts for name, parts in blocks.items() if parts}, export), stem)


def _scene(blocks: Mapping[str, Mapping[str, Any]], export: Export) -> Any:
    import pyvista as pv

    return _stamped(pv.MultiBlock({name: pv.MultiBlock(dict(parts)) for name, parts in blocks.items()}), export)


def _surface(export: Export, s: Structure) -> Any:
    import pyvista as pv

    mesh = s.mesh
    faces: Any = np.array(mesh.faces)
    points: Any = np.array(mesh.vertices_mm, dtype=np.float32)
    out: Any = pv.PolyData.from_regular_faces(points, faces)
    colour = export.colours[s.key]
    share = np.zeros((len(mesh.vertices_mm), 1)) if mesh.tendon is None else np.clip(mesh.tendon, 0, 1)[:, None]
    out.point_data["Normals"] = np.array(mesh.normals, dtype=np.float32)
    if mesh.fibres is not None:
        out.point_data["fibres"] = np.array(mesh.fibres, dtype=np.float32)
    if mesh.tendon is not None:
        out.point_data["tendon"] = np.array(mesh.tendon, dtype=np.float32)
    out.point_data["rgb"] = np.round(255 * (colour + share * (export.tendon - colour))).astype(np.uint8)
    out.set_active_scalars("rgb")
    return _stamped(out, export, row(export, s.key))


def _course(export: Export, s: Structure) -> Any:
    """Axis and named branches of a nerve or vessel."""
    assert s.centerline is not None and s.radius_mm is not None
    out = _line([s.centerline, *s.branches.values()])
    rest = len(out.points) - len(s.centerline)
    out.point_data["radius_mm"] = np.concatenate([s.radius_mm, np.full(rest, np.nan)]).astype(np.float32)
    out.cell_data["name"] = np.array(["trunk", *map(plain, s.branches)])
    return _stamped(out, export, row(export, s.key))


def _line(courses: Iterable[Array]) -> Any:
    """Polylines of several courses (n, 3) mm."""
    import pyvista as pv

    points, cells, start = [], [], 0
    for course in courses:
        points.append(np.asarray(course, dtype=np.float32))
        cells.append(np.concatenate([[len(course)], np.arange(start, start + len(course))]))
        start += len(course)
    return pv.PolyData(np.vstack(points), lines=np.concatenate(cells))


def _landmarks(export: Export) -> Any:
    import pyvista as pv

    marks = export.anatomy.landmarks
    out: Any = pv.PolyData(np.array(list(marks.values()), dtype=np.float32))
    out.point_data["name"] = np.array([plain(name) for name in marks])
    return _stamped(out, export)


def _stamped(data: Any, export: Export, own: Mapping[str, Any] | None = None) -> Any:
    """Write into the field data of `data` what every file says, and what it is."""
    told = about(export) | {"unit": "mm"} | dict(own or {})
    for name, value in told.items():
        if value is not None and value != []:
            data.add_field_data([plain(value) if isinstance(value, str) else json.dumps(value)], name)
    data.add_field_data(["RAS"], SPACE)
    return data


def _written(scene: Any, stem: str) -> dict[str, bytes]:
    """The files that VTK writes, each part under its name."""
    with tempfile.TemporaryDirectory(prefix="inion-") as name:
        folder = Path(name)
        scene.save(folder / "scene.vtm")
        tree = ElementTree.parse(folder / "scene.vtm")
        out = {}
        for block in tree.getroot().iter("Block"):
            for part in block.iter("DataSet"):
                place = f"{stem}/{block.get('name')}/{part.get('name')}.vtp"  # a curve may have the name of a structure
                out[place] = (folder / part.get("file", "")).read_bytes()
                part.set("file", place)
        out[f"{stem}.vtm"] = ElementTree.tostring(tree.getroot(), encoding="utf-8", xml_declaration=True)
    return out
