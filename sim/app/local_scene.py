"""The 3-D view as the browser draws it itself: a description of the scene for vtk.js, and the arrays that it then fetches.

In the form that trame-vtk's component `vtk-local-view` reads. Not taken from a render window: that is read whole at every change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.app.scene import parts
from sim.canvas import AMBIENT, MATERIALS
from sim.tables import table
from sim.theme import Theme, load_theme

if TYPE_CHECKING:
    from sim.app.scene.model import SceneModel

Array = NDArray[np.float64]
Numbers = NDArray[Any]

SCENE = "inion-scene"
STYLE = "atlas"
DIFFUSE = 0.92
GHOST_MEAN = 0.1  # of (1 - z)^3, by which an outline thickens, over what is seen of a ball
SOLIDS = ("solid", "flesh")
TOOLS = ("rim", "shaft", "hub", "marks", "sheet", "fluid", "body")
GHOSTS = ("ghost-muscle", "ghost-skin")
NAMES = (*SOLIDS, *TOOLS, *GHOSTS)  # in the order in which they are drawn: the outermost of what is seen through last
KINDS = {"float32": "Float32Array", "uint8": "Uint8Array", "uint32": "Uint32Array"}
STILL = tuple(float(v) for v in np.eye(4).ravel())


@dataclass(frozen=True, eq=False)
class Shape:
    """Triangles as the browser is told of them.

    Parameters
    ----------
    told : mapping
        Properties of a vtkPolyData of vtk.js, its arrays by the names under which they are fetched.
    arrays : mapping of str to array
        Those arrays, by name.
    """

    told: Mapping[str, Any]
    arrays: Mapping[str, Numbers]


@dataclass(frozen=True, eq=False)
class Piece:
    """One thing that is drawn.

    Parameters
    ----------
    shape : Shape
    look : mapping
        Properties of a vtkProperty of vtk.js.
    matrix : tuple of 16 floats
        From its own frame to RAS mm, column after column.
    """

    shape: Shape
    look: Mapping[str, Any]
    matrix: tuple[float, ...] = STILL


class LocalScene:
    """The scene of one page.

    Parameters
    ----------
    model : SceneModel
        Shared.
    """

    def __init__(self, model: SceneModel) -> None:
        self._model, self._theme = model, load_theme(STYLE)
        self._level = ""
        self._anatomy: dict[str, Piece] = {}
        self._made: dict[str, tuple[Any, Shape]] = {}
        self._sent: dict[str, Piece | None] = {}
        self._arrays: dict[str, Numbers] = {}
        self._of_level, self._of_tools = "", frozenset[str]()

    def array(self, name: str) -> bytes:
        """Return an array that the scene of now has. Raises KeyError for any other: what is not shown cannot be fetched."""
        return self._arrays[name].tobytes()

    def forget(self) -> None:
        """Take it that the browser knows nothing yet."""
        self._sent = {}

    def update(self, level: str, px_per_mm: float, shown: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any] | None:
        """Return what the browser has to be told, None if nothing has changed.

        Parameters
        ----------
        level : str
            Of `app_scene.toml`; the surfaces of no other level are told of, nor can they be fetched.
        px_per_mm : float
            Scale of the view, by which the needle's shaft is kept broad enough to be seen.
        shown : mapping
            What `sim.app.showing.shown_in` returns; the ultrasound is not laid on the sheet.
        """
        if level != self._level:
            self._level, self._anatomy = level, dict(self._pieces_of(level))
        pieces = self._anatomy | dict(self._tools(shown, px_per_mm))
        own = {name: array for piece in pieces.values() for name, array in piece.shape.arrays.items()}
        # a slow browser may still be fetching the tools of a moment ago; no more is kept, least of all another level
        late = {n: a for n, a in self._arrays.items() if n in self._of_tools and level == self._of_level}
        self._of_level, self._of_tools = level, frozenset(n for t in TOOLS if t in pieces for n in pieces[t].shape.arrays)
        self._arrays = late | own
        return self._told(pieces)

    # What is drawn

    def _pieces_of(self, level: str) -> Iterator[tuple[str, Piece]]:
        """The anatomy of a level."""
        rows, fleshy = self._model.solid(level), self._model.baked.rows(["muscle"])
        is_flesh = np.isin(rows, fleshy)
        for name, chosen, material in (("solid", rows[~is_flesh], "soft"), ("flesh", rows[is_flesh], "muscle")):
            if len(chosen):
                yield name, Piece(self._surface(chosen), _look(material))
        for kind, chosen in self._model.ghosts(level).items():
            if len(chosen):
                ghost = table("app_scene")["ghost"][kind]
                opacity = ghost["middle"] + GHOST_MEAN * (ghost["outline"] - ghost["middle"])
                yield f"ghost-{kind}", Piece(self._surface(chosen), _look("glass", opacity))

    def _surface(self, rows: NDArray[np.int64]) -> Shape:
        """Some faces of the model, with no corners but theirs."""
        baked = self._model.baked
        corners, faces = np.unique(baked.faces[rows], return_inverse=True)
        return shape_of(baked.vertices_mm[corners], baked.normals[corners], baked.colours[corners], faces.reshape(-1, 3))

    def _tools(self, shown: Mapping[str, Any], px_per_mm: float) -> Iterator[tuple[str, Piece]]:
        """Probe, sheet, needle, marks and fluid."""
        yield from self._probe(shown)
        if shown.get("needle") is not None:
            held = parts.Held(*shown["needle"])
            pair = parts.needle_solids(held, self._theme) if self._stale("hub", held[3:]) else (None, None)
            for name, solid in zip(("shaft", "hub"), pair, strict=True):
                shape = self._shape(name, held[3:], solid)
                least = table("app_scene")["needle"]["least_px"] / px_per_mm / (held.diameter_mm / 2)
                broader = max(1.0, least) if name == "shaft" else 1.0
                yield name, Piece(shape, _look("mark"), _columns(parts.needle_matrix(held, broader)))
        marks, targets = shown.get("marks", {}), shown.get("targets", [])
        key = (len(marks), tuple(np.asarray(p, dtype=np.float64).tobytes() for p in (*marks.values(), *targets)))
        if key[1]:
            solid = parts.marks_solid(marks, targets, None, self._theme) if self._stale("marks", key) else None
            yield "marks", Piece(self._shape("marks", key, solid), _look("mark"))
        pools = [parts.Fluid(*pool) for pool in shown.get("fluid", [])]
        if pools:
            told = tuple((np.asarray(p.centre_mm).tobytes(), p.radius_mm, p.thickness_mm) for p in pools)
            solid = parts.fluid_solid(pools, self._theme) if self._stale("fluid", told) else None
            yield "fluid", Piece(self._shape("fluid", told, solid), _look("mark", table("app_scene")["marks"]["fluid"]))

    def _probe(self, shown: Mapping[str, Any]) -> Iterator[tuple[str, Piece]]:
        """The probe with its sheet."""
        if (pose := shown.get("probe")) is None:
            return
        width, deep = float(shown["probe_width_mm"]), float(shown["probe_depth_mm"])
        matrix = _columns(parts.probe_matrix(pose))
        body = parts.probe_solid(width, self._theme) if self._stale("body", width) else None
        opacity = float(table("app_scene")["levels"][self._level]["probe"])
        rim = parts.sheet_rim(width, deep, self._theme) if self._stale("rim", (width, deep)) else None
        sheet = _sheet(width, deep, self._theme) if self._stale("sheet", (width, deep)) else None
        yield "rim", Piece(self._shape("rim", (width, deep), rim), _look("mark"), matrix)
        flat = _look("mark", 0.45) | {"lighting": 0, "backfaceCulling": 0}
        yield "sheet", Piece(self._shape("sheet", (width, deep), sheet), flat, matrix)
        yield "body", Piece(self._shape("body", width, body), _look("mark", opacity), matrix)

    def _stale(self, name: str, key: Any) -> bool:
        """Whether a tool has to be made anew."""
        return name not in self._made or self._made[name][0] != key

    def _shape(self, name: str, key: Any, solid: parts.Solid | None) -> Shape:
        """The shape of a tool: the one that was made last where there is no new one."""
        if solid is not None:
            self._made[name] = (key, shape_of(solid.vertices_mm, solid.normals, solid.colours, solid.faces))
        return self._made[name][1]

    def _told(self, pieces: Mapping[str, Piece]) -> dict[str, Any] | None:
        """The description of what differs from what was sent last."""
        whole = not self._sent
        changed = []
        for name in NAMES:
            now = pieces.get(name)
            if whole or not _same(now, self._sent.get(name)):
                changed.append(_actor(name, now, None if whole else self._sent.get(name)))
        self._sent = {name: pieces.get(name) for name in NAMES}
        if not changed:
            return None
        calls = [["addViewProp", [_called(name)]] for name in NAMES] if whole else []
        renderer: dict[str, Any] = {
            "parent": SCENE, "id": f"{SCENE}-renderer", "type": "vtkRenderer", "dependencies": changed, "calls": calls,
            "properties": {"background": [float(v) for v in self._theme.paper]} if whole else {},
        }  # fmt: skip
        return window([renderer], [["addRenderer", [_called(renderer["id"])]]] if whole else [])


def window(dependencies: Sequence[Mapping[str, Any]] = (), calls: Sequence[Any] = ()) -> dict[str, Any]:
    """Return the description of the render window; of an empty one by default."""
    return {
        "parent": "0x0", "id": SCENE, "type": "vtkRenderWindow", "properties": {"numberOfLayers": 1},
        "dependencies": list(dependencies), "calls": list(calls), "mtime": 0,
    }  # fmt: skip


def shape_of(vertices_mm: Numbers, normals: Numbers, colours: Numbers, faces: Numbers) -> Shape:
    """Return triangles (m, 3) over vertices (n, 3) mm with unit normals (n, 3) and colours (n, 3) uint8 as a `Shape`."""
    arrays: dict[str, Numbers] = {}

    def told(values: Numbers, kind: str, name: str, **more: Any) -> dict[str, Any]:
        array = np.ascontiguousarray(values, dtype=kind)
        key = f"{hashlib.md5(array.tobytes(), usedforsecurity=False).hexdigest()}_{array.size}{name}"
        arrays[key] = array
        columns = array.shape[1] if array.ndim == 2 else 1
        return {"hash": key, "dataType": KINDS[kind], "name": name, "numberOfComponents": columns, "size": array.size} | more

    field = {"vtkClass": "vtkDataArray", "location": "pointData"}
    corners = np.column_stack([np.full(len(faces), 3), faces]).ravel()
    properties = {
        "points": told(vertices_mm, "float32", "points", vtkClass="vtkPoints"),
        "polys": told(corners, "uint32", "polys", vtkClass="vtkCellArray"),
        "fields": [
            told(normals, "float32", "Normals", registration="setNormals", **field),
            told(colours, "uint8", "Colours", registration="setScalars", **field),
        ],
    }
    return Shape(properties, arrays)


def _sheet(width_mm: float, depth_mm: float, theme: Theme) -> parts.Solid:
    """The scanned sheet."""
    corners = parts.sheet_corners(width_mm, depth_mm).astype(np.float32)
    colour = np.round(255 * np.clip(np.tile(theme.colours["sheet"], (4, 1)), 0, 1)).astype(np.uint8)
    normals = np.tile(np.array([0, 1, 0], dtype=np.float32), (4, 1))
    return parts.Solid(corners, normals, colour, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))


def _look(material: str, opacity: float = 1.0) -> dict[str, Any]:
    """How a thing takes the light."""
    specular, power = MATERIALS[material]
    return {
        "ambient": AMBIENT, "diffuse": DIFFUSE - AMBIENT / 2, "specular": specular if opacity >= 1 else 0.0,
        "specularPower": power, "opacity": float(opacity), "interpolation": 2, "backfaceCulling": 1, "lighting": 1,
    }  # fmt: skip


def _same(one: Piece | None, other: Piece | None) -> bool:
    """Whether two pieces look the same."""
    if one is None or other is None:
        return one is other
    return one.shape is other.shape and one.matrix == other.matrix and one.look == other.look


def _actor(name: str, now: Piece | None, before: Piece | None) -> dict[str, Any]:
    """The description of an actor; only what differs from `before`."""
    actor: dict[str, Any] = {"parent": f"{SCENE}-renderer", "id": _id(name), "type": "vtkActor", "dependencies": [], "calls": []}
    if now is None:
        return actor | {"properties": {"visibility": 0}}
    glass = now.look["opacity"] < 1
    actor["properties"] = {"visibility": 1, "userMatrix": list(now.matrix), "forceTranslucent": glass, "forceOpaque": not glass}
    mapper, look, data = f"{_id(name)}-mapper", f"{_id(name)}-look", f"{_id(name)}-data"
    if before is None or before.shape is not now.shape:
        solid = {"parent": mapper, "id": data, "type": "vtkPolyData", "properties": dict(now.shape.told)}
        drawn = {"scalarVisibility": 1, "colorMode": 0, "scalarMode": 0}
        calls = [["setInputData", [f"instance:${{{data}}}"]]]
        actor["dependencies"].append(
            {"parent": _id(name), "id": mapper, "type": "vtkMapper", "properties": drawn, "calls": calls, "dependencies": [solid]}
        )
        actor["calls"].append(["setMapper", [f"instance:${{{mapper}}}"]])
    if before is None or before.look != now.look:
        actor["dependencies"].append({"parent": _id(name), "id": look, "type": "vtkProperty", "properties": dict(now.look)})
        actor["calls"].append(["setProperty", [f"instance:${{{look}}}"]])
    return actor


def _id(name: str) -> str:
    """The name of a piece in the description."""
    return name if name.startswith(SCENE) else f"{SCENE}-{name}"


def _called(name: str) -> str:
    """How a description refers to another part of it."""
    return f"instance:${{{_id(name)}}}"


def _columns(matrix: Array) -> tuple[float, ...]:
    """A (4, 4) transform as vtk.js has it, column after column."""
    return tuple(float(v) for v in np.asarray(matrix).T.ravel())
