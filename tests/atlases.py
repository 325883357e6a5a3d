"""A small atlas that is made for a test, copies of it, and a server of its files that fails as asked."""

from __future__ import annotations

import hashlib
import re
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from meshes.atlas_files import Atlas, AtlasPart
from meshes.model import Anatomy, Structure, SurfaceMesh

KEYS = ("cranium", "cranium", "mandible", "scapula_left", "scapula_right", "atlas")
MENDING = {"weld_mm": 1e-4, "least_share": 0.003, "most_bytes": 1_000_000}
TOLD = {"title": "A test", "credit": "Nobody, CC0", "licence": "CC0", "changes": "none", "posture": "upright", "sex": "male"}


@cache
def ball(centre: tuple[float, float, float], radius: float = 5.0, *, flipped: bool = False) -> bytes:
    """An OBJ file of a sphere whose triangles share no vertex, as the published ones are."""
    import trimesh

    mesh: Any = trimesh.creation.icosphere(2, radius)
    corners = (mesh.vertices + centre)[mesh.faces[:, ::-1] if flipped else mesh.faces].reshape(-1, 3)
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in corners]
    lines += [f"f {i}//{i} {i + 1}//{i + 1} {i + 2}//{i + 2}" for i in range(1, len(corners), 3)]
    return "\n".join(["# a sphere", *lines, ""]).encode()


def small_atlas(url: str = "http://127.0.0.1:9/") -> tuple[Atlas, dict[str, bytes]]:
    """An atlas of six files that are needed and one that need not be there, and their contents."""
    places = [(0, 0, 50), (0, 20, 50), (0, 0, 20), (40, 0, -40), (-40, 0, -40), (0, 0, 0)]
    contents = {f"P{i}.obj": ball(at, flipped=i == 2) for i, at in enumerate(places)}
    parts = [
        AtlasPart(f"P{i}.obj", f"FMA{i}", f"part {i}", key, len(contents[f"P{i}.obj"]), sha256=sha256(contents[f"P{i}.obj"]))
        for i, key in enumerate(KEYS)
    ]
    skin = ball((0, 0, 0), 90.0)
    blob = hashlib.sha1(b"blob %d\0" % len(skin) + skin).hexdigest()
    parts.append(AtlasPart("S.obj", "FMA9", "skin", "skin", int(MENDING["most_bytes"]), git_blob=blob))
    zipped = zip_of(contents)
    table = {**TOLD, "frame": "lps", "mending": MENDING, "mirror": {"url": f"{url}files/"}}
    table["archive"] = {"url": f"{url}atlas.zip", "bytes": len(zipped), "sha256": sha256(zipped)}
    return Atlas("bodyparts3d", tuple(parts), table), {**contents, "S.obj": skin, "atlas.zip": zipped}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zip_of(contents: Mapping[str, bytes]) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(f"obj/{name}", (2020, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def unpacked(folder: Path, contents: Mapping[str, bytes], *, skin: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if name.endswith(".obj") and (skin or name != "S.obj"):
            (folder / name).write_bytes(content)
    return folder


def as_it_is(name: str, parts: Mapping[str, SurfaceMesh], _landmarks: object, meta: Mapping[str, Any]) -> Anatomy:
    """In place of `real_anatomy`, which takes its time: the parts, and nothing else."""
    return Anatomy.of(name, [structure(key, mesh) for key, mesh in parts.items()], {"inion": np.zeros(3)}, {}, meta)


def structure(key: str, mesh: SurfaceMesh) -> Structure:
    side = next((s for s in ("left", "right") if key.endswith(s)), "median")
    return Structure(key, side, "bone", "bone", key, key, None, mesh, sources=("bodyparts3d",), evidence="FOUND")  # type: ignore[arg-type]


def small_anatomy(name: str = "mine", radius: float = 5.0, **meta: Any) -> Anatomy:
    import trimesh

    mesh: Any = trimesh.creation.icosphere(2, radius)
    parts = np.array(mesh.vertices), np.array(mesh.faces), np.array(mesh.vertex_normals)
    return Anatomy.of(name, [structure("atlas", SurfaceMesh(*parts))], {"inion": np.array([1.0, 2.0, 3.0])}, {}, meta)


@dataclass
class Faults:
    """How a server fails: files that are not there, and bytes of each file after which its first answers break off or stall."""

    gone: tuple[str, ...] = ()
    broken: Mapping[str, int] = field(default_factory=dict)
    breaks: int = 1
    wrong: tuple[str, ...] = ()
    ranges: bool = True
    stall_s: float = 0.0
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def served(contents: Mapping[str, bytes], faults: Faults) -> Iterator[str]:
    """Serve files; give the address."""
    left = dict.fromkeys(faults.broken, faults.breaks)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            name, asked = self.path.rsplit("/", 1)[-1], self.headers.get("Range", "")
            faults.asked.append((name, asked))
            if name in faults.gone or name not in contents:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = contents[name] if name not in faults.wrong else bytes(len(contents[name]))
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", asked) if faults.ranges else None
            first = int(span[1]) if span else 0
            last = int(span[2]) + 1 if span and span[2] else len(content)
            self.send_response(206 if span else 200)
            if span:
                self.send_header("Content-Range", f"bytes {first}-{last - 1}/{len(content)}")
            self.send_header("Content-Length", str(last - first))
            self.end_headers()
            body = content[first:last]
            if left.get(name, 0) > 0:
                left[name] -= 1
                self.wfile.write(body[: faults.broken[name]])
                self.wfile.flush()
                time.sleep(faults.stall_s)
                self.close_connection = True
                return
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
