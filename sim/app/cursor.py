"""The finger on the skin: where it stands, and what is done there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.sites import Ground

Array = NDArray[np.float64]
START = "inion"
ABOVE_MM = 25.0


@dataclass(frozen=True, eq=False)
class Cursor:
    """A place on the skin.

    Parameters
    ----------
    ground : Ground
    point_mm, normal : (3,) arrays
        mm RAS; unit, outward.
    """

    ground: Ground
    point_mm: Array
    normal: Array

    def at(self, point: Array) -> Cursor:
        """Return the cursor at the skin nearest to a point (3,), mm RAS."""
        place, normal = self.ground.skin.closest(point)
        return replace(self, point_mm=place[0], normal=normal[0])

    def moved(self, way: Array) -> Cursor:
        """Return the cursor walked over the skin by a vector (3,), mm."""
        length = float(np.linalg.norm(way))
        if length < 1e-6:
            return self
        along = way - (way @ self.normal) * self.normal
        if np.linalg.norm(along) < 0.05 * length:
            return self
        end, _ = self.ground.skin.walk(self.point_mm, along, length)
        return self.at(end)

    def action(self, what: str, name: str | None) -> dict[str, Any]:
        """Return the action of doing something here: 'palpate', 'mark', 'probe' or 'needle'.

        Raises
        ------
        ValueError
            If a mark has no name.
        """
        point = self.point_mm.tolist()
        if what == "palpate":
            return {"kind": "palpate", "point_mm": point}
        if what == "probe":
            return {"kind": "probe_place", "point_mm": point}
        if what == "needle":
            return {"kind": "needle_place", "point_mm": point, "direction": (-self.normal).tolist()}
        if name is None:
            raise ValueError("name is missing; say which landmark is marked.")
        return {"kind": "mark", "name": name, "point_mm": point}


def first_cursor(ground: Ground) -> Cursor:
    """Return the cursor where an attempt begins: in the midline, above the inion, which has to be looked for."""
    start = ground.skin_landmark(START, "median") + np.array([0.0, 0.0, ABOVE_MM])
    place, normal = ground.skin.closest(start)
    return Cursor(ground, place[0], normal[0])
