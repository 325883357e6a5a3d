"""One real adult to measure against: his landmarks (data), and a reader of his surfaces where the user has them.

The surfaces are BodyParts3D 3.0 (bones, muscles) and its redrawing by Z-Anatomy (skin, vessels), in a folder that holds
`landmarks.json`, `bodyparts3d/` with its manifest, and `z-anatomy/`. Nothing of them is part of this project.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import unknown
from meshes.model import SurfaceMesh
from meshes.points import FLIP, load_table

Array = NDArray[np.float64]
WELD_DIGITS = 4  # of a millimetre, under which two vertices of the published files are one


def adult_landmarks() -> Mapping[str, Array]:
    """Return the reference adult's landmarks by the model's names, (3,) mm RAS.

    References
    ----------
    bodyparts3d, z_anatomy; measured to about 2 mm.
    """
    table = load_table("reference_adult")
    out = {name: np.array(at, dtype=np.float64) for name, at in table["landmarks"].items()}
    sections = {name: {"at": at, "side": "right"} for name, at in table["sections"].items()}
    for name, row in (table["measured"] | sections).items():
        at = np.array(row["at"], dtype=np.float64)
        if row.get("side") == "right":
            out[f"{name}_right"], out[f"{name}_left"] = at, at * FLIP
        else:
            out[name] = at
    return MappingProxyType(out)


def adult_muscle_areas() -> Mapping[str, float]:
    """Return the greatest cross-sections of the reference adult's bellies (mm2), by unsided muscle."""
    return MappingProxyType({muscle: float(area) for muscle, area in load_table("reference_adult")["belly_area_mm2"].items()})


@dataclass(frozen=True)
class ReferenceAdult:
    """The reference adult's surfaces in a folder.

    Parameters
    ----------
    folder : Path
        Holds `landmarks.json`, `bodyparts3d/manifest.json` with its OBJ files, and `z-anatomy/` with its PLY files.

    Raises
    ------
    FileNotFoundError
        If one of the three is absent.
    """

    folder: Path

    def __post_init__(self) -> None:
        for name in ("landmarks.json", "bodyparts3d/manifest.json", "z-anatomy"):
            if not (self.folder / name).exists():
                raise FileNotFoundError(f"{self.folder} has no {name}; give the folder that holds the reference anatomy.")

    @cached_property
    def _to_ras(self) -> Array:
        return np.array(json.loads((self.folder / "landmarks.json").read_text("utf-8"))["inion_from_native"])

    @cached_property
    def _files(self) -> dict[str, str]:
        text = (self.folder / "bodyparts3d" / "manifest.json").read_text("utf-8")
        return {item["name"]: item["file"] for item in json.loads(text)["items"]}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bones and muscles that the folder's manifest lists."""
        return tuple(self._files)

    def surface(self, names: Sequence[str]) -> SurfaceMesh:
        """Return bones or muscles of the manifest as one surface, mm RAS, welded."""
        for name in names:
            if name not in self._files:
                raise ValueError(f"{self.folder}: {unknown('structure', name, list(self._files))}")
        return _merged([self._read(self.folder / "bodyparts3d" / self._files[name]) for name in names])

    def drawn(self, name: str) -> SurfaceMesh:
        """Return a surface of `z-anatomy/` by its file name without ending, mm RAS, welded."""
        path = self.folder / "z-anatomy" / f"{name}.ply"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is absent.")
        return _merged([self._read(path)])

    def _read(self, path: Path) -> Any:
        import trimesh

        mesh: Any = trimesh.load(path, process=False, force="mesh")
        mesh = trimesh.Trimesh(mesh.vertices @ self._to_ras[:3, :3].T + self._to_ras[:3, 3], mesh.faces, process=False)
        mesh.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=WELD_DIGITS)
        if mesh.volume < 0:
            mesh.invert()
        return mesh


def _merged(meshes: Sequence[Any]) -> SurfaceMesh:
    import trimesh

    mesh: Any = trimesh.util.concatenate(list(meshes))
    return SurfaceMesh(
        np.asarray(mesh.vertices, dtype=np.float64),
        np.asarray(mesh.faces, dtype=np.int32),
        np.asarray(mesh.vertex_normals, dtype=np.float64),
    )
