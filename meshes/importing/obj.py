"""OBJ: points, polygons, and the groups and objects that part them; colours from the material file beside it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from meshes.importing.limits import AGAIN, LIMITS, Limits, check_count, colour_of, triangles
from meshes.importing.raw import ImportFault, RawPart
from meshes.importing.stl_ply import pruned, told_of
from meshes.importing.unpacking import File

Colour = tuple[float, float, float]


@dataclass
class _Group:
    """Faces between two names."""

    name: str
    material: str = ""
    corners: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))


def read_obj(file: File, name: str, data: bytes, limits: Limits = LIMITS) -> list[RawPart]:
    """Return the surfaces of an OBJ: one for each `o` or `g` that holds faces, polygons as triangles.

    Raises
    ------
    ImportFault
        If a line cannot be read, or there is no face.
    """
    origin = file.origin
    points, groups, libraries, comments = _lines(origin, data)
    held = [g for g in groups if g.sizes]
    if not held:
        raise ImportFault(f"{origin} holds no face; export it as a surface, or leave it out.")
    check_count(origin, "triangles", sum(len(g.corners) for g in held), 4 * limits.faces)
    check_count(origin, "groups", len(held), limits.files)
    colours: dict[str, Colour] = {}
    for library in libraries[:20]:
        colours.update(_colours(file, library))
    vertices = np.frombuffer(points, dtype=np.float64).reshape(-1, 3).copy()
    unit, frame = told_of(comments)
    out = []
    for group in held:
        offsets = np.concatenate([[0], np.cumsum(np.frombuffer(group.sizes, dtype=np.int64))])
        faces = triangles(origin, np.frombuffer(group.corners, dtype=np.int64), offsets)
        check_count(origin, "triangles", len(faces), limits.faces)
        whole = RawPart(group.name or name, origin, vertices, faces, colours.get(group.material), None, unit, frame)
        if len(held) > 1:
            whole = RawPart(whole.name, origin, *pruned(vertices, faces), whole.colour, None, unit, frame)
        out.append(whole)
    return out if len(out) > 1 else [out[0].renamed(name, origin)]


def _lines(origin: str, data: bytes) -> tuple[array[float], list[_Group], list[str], str]:
    """Coordinates in a row, groups, names of material files, comments."""
    points, comments = array("d"), list[str]()
    groups: dict[str, _Group] = {"": _Group("")}
    group, material, libraries, count = groups[""], "", [], 0
    for number, line in enumerate(data.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] == b"v":
                x, y, z = words[1:4]
                points.extend((float(x), float(y), float(z)))
                count += 1
            elif words[0] == b"f":
                corners = [_corner(w, count) for w in words[1:]]
                if len(corners) < 3:
                    raise ValueError
                group.corners.extend(corners)
                group.sizes.append(len(corners))
                group.material = group.material or material
            elif words[0] in (b"g", b"o"):
                told = b" ".join(words[1:]).decode("utf-8", "replace")
                group = groups.setdefault(told, _Group(told))
            elif words[0] == b"usemtl":
                material = b" ".join(words[1:]).decode("utf-8", "replace")
            elif words[0] == b"mtllib":
                libraries.append(b" ".join(words[1:]).decode("utf-8", "replace"))
            elif words[0].startswith(b"#") and len(comments) < 50:
                comments.append(line[:200].decode("latin-1"))
        except ValueError:
            raise ImportFault(f"{origin}, line {number}: {line[:40].decode('latin-1')!r} cannot be read; {AGAIN}") from None
    return points, list(groups.values()), libraries, "\n".join(comments)


def _corner(word: bytes, count: int) -> int:
    """The number of a point, from 0; negative numbers count back from the last point so far."""
    value = int(word.split(b"/", 1)[0])
    if value == 0 or abs(value) > 1 << 40:
        raise ValueError
    return value - 1 if value > 0 else count + value


def _colours(file: File, library: str) -> Mapping[str, Colour]:
    """Diffuse colours of a material file beside; one that is not there, or elsewhere, is passed over: it holds nothing else."""
    try:
        found = file.find(library)
        text = found.read().decode("utf-8", "replace") if found else ""
    except ImportFault:
        return {}
    out: dict[str, Colour] = {}
    name = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["newmtl"]:
            name = " ".join(words[1:])
        elif words[:1] == ["Kd"] and (colour := colour_of(words[1:4])):
            out[name] = colour
    return out
