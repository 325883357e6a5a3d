"""What of an anatomy a still picture shows: structures, cuts and windows, as plain frozen values; millimetres (RAS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Shown:
    """One structure of the picture.

    Parameters
    ----------
    key : str
        Key of the structure in the anatomy.
    opacity : float
        1 is solid. Below 1 a skin becomes a clear shell that stays visible at its outline, any other structure glass.
    highlight : bool
        Brighter and more saturated; whatever is not highlighted is then muted a little.
    colour : str, optional
        In place of the style's colour.
    behind : {'hidden', 'dashed'}
        Of a nerve or vessel: what lies behind other structures is not seen, or its axis is drawn in dashes.
    """

    key: str
    opacity: float = 1.0
    highlight: bool = False
    colour: str | None = None
    behind: Literal["hidden", "dashed"] = "hidden"

    def __post_init__(self) -> None:
        check_range(f"opacity of {self.key!r}", self.opacity, 0.0, 1.0)


@dataclass(frozen=True)
class Cut:
    """A plane that takes away one side of some structures, and closes them with a flat face.

    Parameters
    ----------
    point_mm : (x, y, z)
        A point of the plane.
    normal : (x, y, z)
        Points to the side that is taken away.
    keys : tuple of str
        Structures that are cut; none given cuts all that are shown.
    capped, fill : bool
        Close the openings; and the space between structures (`sim.filling`).
    """

    point_mm: Point
    normal: Point
    keys: tuple[str, ...] = ()
    capped: bool = True
    fill: bool = False


@dataclass(frozen=True)
class Window:
    """A region in which the skin (or other covering structures) is cleared away.

    Parameters
    ----------
    shape : {'sphere', 'half_space'}
        Ball about `centre_mm`, or all on the side of `normal`.
    centre_mm : (x, y, z)
        Of the ball, or a point of the plane.
    radius_mm : float
        Of the ball.
    normal : (x, y, z), optional
        Of the half space, toward the side that is cleared.
    opacity : float
        What is left of the skin inside, 0 to 1.
    keys : tuple of str
        Structures with the window.
    steep : bool
        Whether it shows markers that are seen edge on: wanted where no other view of the scenario shows them better.
    """

    shape: Literal["sphere", "half_space"]
    centre_mm: Point
    radius_mm: float = 45.0
    normal: Point | None = None
    opacity: float = 0.0
    keys: tuple[str, ...] = ("skin",)
    steep: bool = False

    def __post_init__(self) -> None:
        check_range("opacity of the window", self.opacity, 0.0, 1.0)
        if self.shape == "half_space" and self.normal is None:
            raise ValueError("A window that is a half space needs a normal.")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless low <= value <= high."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; it must lie between {low:g} and {high:g}.")
