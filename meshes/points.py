"""The named points that builders share, both sides, from `data/landmarks.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FLIP = np.array([-1.0, 1.0, 1.0])


@cache
def load_table(name: str) -> Mapping[str, Any]:
    """Return a packaged data table of `meshes/data` by its file name without ending."""
    text = (files("meshes") / "data" / f"{name}.toml").read_text("utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def shared_points() -> Mapping[str, Array]:
    """Return every shared bony point, (3,) mm RAS; sided ones as `name_right` and `name_left`."""
    out: dict[str, Array] = {}
    for name, row in load_table("landmarks")["points"].items():
        _add(out, name, np.array(row["at"], dtype=np.float64), row.get("side") == "right")
    return MappingProxyType(out)


@cache
def shared_curves() -> Mapping[str, Array]:
    """Return the control points of every shared curve, (n, 3) mm RAS, both sides."""
    out: dict[str, Array] = {}
    for name, row in load_table("landmarks")["curves"].items():
        _add(out, name, np.array(row["through"], dtype=np.float64), True)
    return MappingProxyType(out)


def _add(out: dict[str, Array], name: str, value: Array, sided: bool) -> None:
    value.setflags(write=False)
    if not sided:
        out[name] = value
        return
    left = value * FLIP
    left.setflags(write=False)
    out[f"{name}_right"], out[f"{name}_left"] = value, left
