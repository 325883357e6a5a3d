"""An anatomy as a zip of STL files, one for each structure: mm, RAS, ready for a printer and for 3D Slicer."""

from __future__ import annotations

import json
import struct

import numpy as np

from meshes.exports.files import zipped
from meshes.exports.request import Export, about, about_line, landmark_notes, row
from meshes.markups import markups_json, markups_table
from meshes.model import SurfaceMesh

HEADER = 80
FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
README = """{title}

{credit}

Unit: millimetre. Frame: {frame}.
+z is up, so the parts stand upright on a printer's bed; all lie in one common frame and fit together as they are.

3D Slicer: drop the .stl files on its window. It takes an STL for LPS unless the file says otherwise; these say SPACE=RAS in
their first 80 bytes, so that the patient's right is right. landmarks.mrk.json opens as a list of points (RAS); landmarks.fcsv
holds the same points for older programs.
Blender: import with scale 0.001 and with +Y forward, +Z up, or use the GLB export instead, which needs neither.
Programs that tell no frame: +x is the patient's right. An STL has no colours and no names within; parts.json has both, with
the side, the kind and the FMA id of each file. Left and right are the patient's.

Files:
"""


def stl_zip(export: Export) -> bytes:
    """Return a zip: `KEY.stl` (binary) for each structure, `README.txt`, `parts.json`, and the landmarks as markups."""
    rows = [row(export, key) | {"file": f"{key}.stl"} for key in export.keys]
    told = about(export)
    table = {**told, "unit": "mm", "parts": rows}
    text = README.format(title=f"{export.anatomy.name}: {len(rows)} surfaces", credit=about_line(export), frame=told["frame"])
    width = max(len(r["file"]) for r in rows)
    lines = [f"{r['file']:<{width}}  {r['colour']}  {_name(r)}" for r in rows]
    points, notes = export.anatomy.landmarks, landmark_notes(export.anatomy)
    files = {"README.txt": (text + "\n".join(lines) + "\n").encode(), "parts.json": _json(table)}
    if points:
        files["landmarks.mrk.json"] = markups_json(points, about=about_line(export), notes=notes).encode()
        files["landmarks.fcsv"] = markups_table(points, about=about_line(export), notes=notes).encode()
    return zipped(files | {f"{s.key}.stl": stl(s.mesh, s.key) for s in export.structures})


def stl(mesh: SurfaceMesh, name: str) -> bytes:
    """Return a binary STL, mm RAS, whose header says so in the words that 3D Slicer looks for."""
    corners = mesh.vertices_mm[mesh.faces]
    facets = np.zeros(len(corners), dtype=FACET)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facets["normal"] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    facets["corners"] = corners
    header = f"inion SPACE=RAS UNIT=mm {name}".encode("ascii", "replace")[:HEADER].ljust(HEADER)
    return header + struct.pack("<I", len(corners)) + facets.tobytes()


def _name(told: dict[str, object]) -> str:
    side = "" if told["side"] == "median" else f"{told['side']} "
    return f"{side}{told['ta2']}" + (" (place estimated)" if told["estimated"] else "")


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
