"""The steps of the patient's page: camera, layer and what is told apart, for the side that is treated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim.explain.model_cameras import Sight, angles, best, direction, framed, thin
from sim.explain.model_glb import Surface
from sim.tables import table

Array = NDArray[np.float64]

NERVE, FLOOR = "greater_occipital_nerve", "obliquus_capitis_inferior"  # and the muscle on which it lies
SHAFT_MM = 40.0  # of the needle outside the skin, which is to be seen
MAP_SURE = 128  # weight from which a vertex counts as of a region


@dataclass(frozen=True, eq=False)
class Placed:
    """What the scenario has placed: the numbers that the page is told, of `sim.explain.model_tools` and `model_paths`."""

    side: str
    needle: Mapping[str, Any] | None
    sites: Sequence[Mapping[str, Any]]
    ultrasound: Mapping[str, Any]
    convergence: Mapping[str, Any] | None
    aim: str = ""  # key of the nerve that needle and probe are aimed at; empty for the greater occipital one


class Steps:
    """Finds the camera of every step.

    Parameters
    ----------
    anatomy : Anatomy
    surfaces : sequence of Surface
        Those of the anatomy, thinned.
    placed : Placed
    """

    def __init__(self, anatomy: Anatomy, surfaces: Sequence[Surface], placed: Placed) -> None:
        self.anatomy, self.placed, self.sight = anatomy, placed, Sight(anatomy, surfaces)
        self.skin = next(np.asarray(s.vertices_mm, dtype=np.float64) for s in surfaces if s.key == "skin")
        self.skin_normals = next(np.asarray(s.normals, dtype=np.float64) for s in surfaces if s.key == "skin")
        self.rules = table("explain_model")
        self.sign = 1.0 if placed.side == "right" else -1.0

    def all(self, maps: Mapping[str, Any], weights: NDArray[np.uint8] | None) -> dict[str, dict[str, Any]]:
        """Return every step by its name, and `map:REGION` for each region, painted on the treated side."""
        made = {name: self.step(name) for name in self.rules["steps"]}
        out = {name: step for name, step in made.items() if step is not None} | self._many()
        for name, row in maps.items():
            if weights is not None:
                out[f"map:{name}"] = self._map(name, weights[:, row[self.placed.side]])
        return out

    def step(self, name: str) -> dict[str, Any] | None:
        """Return a step; None if the scenario has nothing to show at it."""
        row = self.rules["steps"][name]
        focus = self._focus(name)
        if focus is None:
            return None
        points, rays, also = focus
        if name == "needle":
            row = self._needle_row(row)
        show, own = self._aimed(name, self._show(row), [self._own(k) for k in row.get("highlight", ())])
        asked = self._asked(name, row)
        share = self.sight.free(thin(rays, self.rules["camera"]["rays"]), show, own)
        azimuth, elevation = best(share, asked, row["free_deg"], also)
        seen = round(share(direction(azimuth, elevation)), 2)
        extra = {k: row[k] for k in ("needle", "convergence") if k in row}
        camera = framed(points, azimuth, elevation, row.get("least_mm"))
        return camera | {"show": show, "highlight": own, "paint": [], "seen": seen} | extra

    def _show(self, row: Mapping[str, Any]) -> dict[str, float]:
        """The opacities of a step: its layer, and what it adds."""
        return self.named(self.rules["layers"][row["layer"]]["show"] | row.get("add", {}))

    def _aimed(self, name: str, show: dict[str, float], own: list[str]) -> tuple[dict[str, float], list[str]]:
        """What is shown and told apart at needle and probe: the nerve that they are aimed at, in place of the usual one."""
        usual, aim = f"{NERVE}_{self.placed.side}", self.placed.aim
        if name not in ("needle", "ultrasound") or aim in ("", usual):
            return show, own
        return show | {usual: 0.0, f"{FLOOR}_{self.placed.side}": 0.0, aim: 1.0}, [aim if k == usual else k for k in own]

    def named(self, show: Mapping[str, float]) -> dict[str, float]:
        """Return opacities with the side that is treated in place of 'own:'."""
        return {self._own(k): float(v) for k, v in show.items()}

    def _own(self, name: str) -> str:
        return f"{name.removeprefix('own:')}_{self.placed.side}" if name.startswith("own:") else name

    def _asked(self, name: str, row: Mapping[str, Any]) -> tuple[float, float]:
        """The direction that is asked for: the table's, or that toward which the sites' skin faces."""
        sites = self._sites()
        if name in ("place", "after") and sites:
            azimuth, elevation = angles(np.mean([s["normal"] for s in sites], axis=0))
            return azimuth, float(np.clip(0.6 * elevation, -25.0, 25.0))
        if name == "needle" and self.placed.needle is not None and row["view_deg"][0] == 0.0:
            return angles(-np.array(self.placed.needle["direction"]))[0], row["view_deg"][1]
        return self.sign * row["view_deg"][0], row["view_deg"][1]

    def _needle_row(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The step of the needle; of one that goes into a muscle, with that muscle told apart."""
        assert self.placed.needle is not None
        tip, other = np.array(self.placed.needle["tip_mm"]), {k: v for k, v in row["elsewhere"].items() if k != "beyond_mm"}
        nerve = self._nerve(self.placed.aim)
        if nerve is not None and _apart(nerve, tip) <= row["elsewhere"]["beyond_mm"]:
            return row
        if len(self.placed.sites) >= self.rules["steps"]["place"]["many"]["from"]:
            return {**row, **other, **row["many"], "highlight": []}
        muscles = [s for s in self.sight.surfaces if self.sight.kinds.get(s.key) == "muscle"]
        nearest = min(muscles, key=lambda s: _apart(np.asarray(s.vertices_mm), tip), default=None)
        keys = [] if nearest is None else [nearest.key]
        return {**row, **other, "add": row["add"] | dict.fromkeys(keys, 1.0), "highlight": keys}

    def _many(self) -> dict[str, dict[str, Any]]:
        """Views of all the sites of a procedure that has many: `place:front`, `place:side`, `place:back`."""
        row = self.rules["steps"]["place"]
        if len(self.placed.sites) < row["many"]["from"]:
            return {}
        plain = {"show": self._show(row), "highlight": [], "paint": []}
        views = {k.removesuffix("_deg"): v for k, v in row["many"].items() if k.endswith("_deg")}
        return {f"place:{k}": framed(self._turning(), self.sign * a, e) | plain for k, (a, e) in views.items()}

    def _focus(self, name: str) -> tuple[Array, Array, Any] | None:
        """Points that the picture holds, points that are to be seen, and what else a direction is worth."""
        p = self.placed
        if name in ("start", "feel"):
            return self._turning(), np.zeros((0, 3)), None
        if name == "nerve":
            line = self._nerve()
            return None if line is None else (np.concatenate([line, self._nape()]), line, None)
        if name in ("place", "after"):
            sites = np.array([s["point_mm"] for s in self._sites()]).reshape(-1, 3)
            return (np.concatenate([sites, self._near(sites)]), sites, None) if len(sites) else None
        if name == "needle" and p.needle is not None:
            entry, tip = np.array(p.needle["entry_mm"]), np.array(p.needle["tip_mm"])
            way = np.linspace(entry, tip, 12)
            line = np.array(p.needle["direction"])
            outside = entry - np.linspace(SHAFT_MM / 8, SHAFT_MM, 8)[:, None] * line
            held = np.concatenate([way, outside, self._near(entry[None], name)])
            return held, np.concatenate([way, outside]), self._from_the_side(line, entry)
        if name == "ultrasound" and p.ultrasound:
            corners, normal = np.array(p.ultrasound["corners_mm"]), np.array(p.ultrasound["normal"])
            face = corners[:2].mean(axis=0)
            held = np.concatenate([corners, [face - 30 * np.array(p.ultrasound["axis"])], self._near(face[None], name)])
            # what stands before the sheet is cut away, so nothing hides it
            return held, held[:0], lambda toward: abs(float(toward @ normal))
        if name == "convergence" and p.convergence is not None:
            path = np.array(p.convergence["path_mm"])
            return np.concatenate([path, self._head(-90.0)]), path, None
        return None

    def _from_the_side(self, line: Array, entry: Array) -> Callable[[Array], float]:
        """What a direction is worth for a needle: one looks at it from the side, and at the skin that it enters."""
        rules = self.rules["steps"]["needle"]
        normal = self.skin_normals[np.linalg.norm(self.skin - entry, axis=1).argmin()]
        enough = float(np.sin(np.radians(rules["aside_deg"])))

        def worth(toward: Array) -> float:
            aside = min(float(np.sqrt(max(1 - float(toward @ line) ** 2, 0.0))) / enough, 1.0)
            return float(rules["aside_worth"]) * aside + float(rules["facing_worth"]) * max(float(toward @ normal), 0.0)

        return worth

    def _map(self, name: str, weight: NDArray[np.uint8]) -> dict[str, Any]:
        """The step that shows one painted region: from where its skin faces, not too high."""
        sure = weight >= min(MAP_SURE, int(weight.max()))
        way = (weight[sure, None] * self.skin_normals[sure]).mean(axis=0)
        azimuth, elevation = angles(way)
        show = self.rules["layers"]["whole"]["show"]
        step = framed(self._turning(), azimuth, float(np.clip(0.6 * elevation, -15, 30)))
        return step | {"show": show, "highlight": [], "paint": [{"name": name, "side": self.placed.side, "strength": 1.0}]}

    def _sites(self) -> list[Mapping[str, Any]]:
        """The sites of the treated side, or all if there are none."""
        own = [s for s in self.placed.sites if s["point_mm"][0] * self.sign >= 0]
        return own or list(self.placed.sites)

    def _turning(self) -> Array:
        """Rings that hold head and neck, however they are turned about the vertical."""
        head = self._head()
        low, high = head.min(axis=0), head.max(axis=0)
        middle, radius = (low + high)[:2] / 2, float(np.max(high[:2] - low[:2])) / 2
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = middle + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return np.concatenate([np.column_stack([ring, np.full(len(ring), z)]) for z in (low[2], high[2])])

    def _head(self, floor: float | None = None) -> Array:
        """Points of the skin of head and neck, above a height."""
        spine = self.anatomy.landmarks.get("c7_spinous_tip")
        if floor is None:
            floor = -np.inf if spine is None else float(spine[2]) - self.rules["camera"]["lowest_mm"]
        kept = self.skin[self.skin[:, 2] > floor]
        above = self.skin[self.skin[:, 2] > 0]
        broad = np.abs(above[:, 0]).max() if len(above) else np.inf
        return np.asarray(kept[np.abs(kept[:, 0]) <= broad])

    def _nape(self) -> Array:
        """Points of the neck's back at the level of the second vertebra."""
        tip = self.anatomy.landmarks.get("c2_spinous_tip")
        return np.zeros((0, 3)) if tip is None else np.asarray(tip)[None] - [0.0, 0.0, 30.0]

    def _near(self, sites: Array, name: str = "place") -> Array:
        """Skin about the sites of a step, so that a picture of one site still shows which part of the head it is."""
        if len(sites) > 4:
            return self._head()
        head = self._head()
        away = np.linalg.norm(head[:, None] - sites[None], axis=2).min(axis=1)
        return np.asarray(head[away < self.rules["steps"][name]["about_mm"]])

    def _nerve(self, key: str = "") -> Array | None:
        """Points of a nerve and its branches; by default the greater occipital one of the treated side."""
        if (key := key or f"{NERVE}_{self.placed.side}") not in self.anatomy:
            return None
        nerve = self.anatomy[key]
        lines = [line for line in (nerve.centerline, *nerve.branches.values()) if line is not None]
        return np.concatenate(lines) if lines else np.asarray(nerve.mesh.vertices_mm)


def _apart(points: Array, place: Array) -> float:
    """Least distance (mm) from points (n, 3) to a place."""
    return float(np.linalg.norm(points - place, axis=1).min())
