"""What one still picture shows, as plain frozen values: no drawing library, no scenario file.

Lengths are millimetres in the patient's frame (RAS: +x right, +y anterior, +z superior). Colours are '#rrggbb' or a name
of the style's table of colours in `sim/data/themes.toml` (`nerve`, `artery`, `group_1`, ...).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sim.picture_shown import Cut, Point, Shown, Window, check_range

MIN_SIDE_PX = 64
MAX_WIDTH_PX = 7680
MAX_HEIGHT_PX = 7680


@dataclass(frozen=True)
class Marker:
    """One injection site: a numbered disc on the skin, and a needle if asked.

    Parameters
    ----------
    id : str
        Name of the site; used in reports.
    point_mm : (x, y, z)
        On the skin.
    text : str
        What stands in the disc, at most three letters.
    group : int
        1 to 7: colour `group_<n>` of the style (for PREEMPT, the muscle).
    units : float, optional
        Dose of toxin, shown beside the number when `show_units` of the picture is set.
    target_mm : (x, y, z), optional
        Where the needle's tip goes; draws its shaft.
    normal : (x, y, z), optional
        Outward normal of the skin; a marker that faces away from the camera is left out.
    """

    id: str
    point_mm: Point
    text: str = ""
    group: int = 1
    units: float | None = None
    target_mm: Point | None = None
    normal: Point | None = None


@dataclass(frozen=True)
class Needle:
    """A needle with its hub, from outside the skin to its tip.

    Parameters
    ----------
    entry_mm, tip_mm : (x, y, z)
        Where it crosses the skin, and its tip.
    length_mm, diameter_mm : float
        Of the shaft.
    hub : bool
        Draw the hub and the start of a syringe.
    """

    entry_mm: Point
    tip_mm: Point
    length_mm: float = 50.0
    diameter_mm: float = 0.7
    hub: bool = True


@dataclass(frozen=True)
class Probe:
    """An ultrasound probe on the skin: its footprint, a ghost of its body and the sheet that it scans.

    Parameters
    ----------
    centre_mm : (x, y, z)
        Middle of the footprint, on the skin.
    lateral : (x, y, z)
        Long axis of the footprint, from the marked end's opposite to the marked end.
    axis : (x, y, z)
        Into the tissue.
    length_mm, width_mm, depth_mm : float
        Of the footprint; of the scanned sheet.
    body, plane : bool
        Draw the ghost of the body; draw the sheet.
    """

    centre_mm: Point
    lateral: Point
    axis: Point
    length_mm: float = 38.0
    width_mm: float = 8.0
    depth_mm: float = 40.0
    body: bool = True
    plane: bool = True


@dataclass(frozen=True)
class Inset:
    """The ultrasound image of the probe, beside the drawing.

    Parameters
    ----------
    centre_mm, lateral, axis : (x, y, z)
        Of the probe on the resting skin; its marked end, its beam.
    press_mm, settings
        How far it is pressed in; names and values of the scanner's settings.
    overlay, doppler
        Outline and name what is seen; flow, if it is looked for.
    aim, needle_end, needle_mm, inject_ml
        Key of what the needle in the plane is aimed at; end of the probe beside which it enters, its diameter, fluid at its tip.
    """

    centre_mm: Point
    lateral: Point
    axis: Point
    press_mm: float = 0.0
    settings: tuple[tuple[str, str | float], ...] = ()
    overlay: bool = True
    doppler: Literal["colour", "power"] | None = None
    aim: str | None = None
    needle_end: Literal["marked", "other"] = "other"
    needle_mm: float = 0.7
    inject_ml: float = 0.0


@dataclass(frozen=True)
class SkinPaint:
    """A painted region of the skin.

    Parameters
    ----------
    region : str
        One of `scenarios.skin_maps.map_names()`.
    side : {'left', 'right', 'both'}
        Of the patient.
    colour : str, optional
        Hex or name of the style's colours; by default the region's.
    opacity : float
        Of the paint where the region is surest.
    """

    region: str
    side: Literal["left", "right", "both"] = "both"
    colour: str | None = None
    opacity: float = 0.8

    def __post_init__(self) -> None:
        check_range(f"opacity of {self.region!r}", self.opacity, 0.0, 1.0)


@dataclass(frozen=True)
class Line:
    """A line on the skin or in the body.

    Parameters
    ----------
    points_mm : tuple of (x, y, z)
        At least two.
    colour : str
        Hex or name of the style's colours.
    width_mm : float
        Thickness.
    ticks : tuple of float
        Shares of the length (0 to 1) that carry a bead: (1/3, 2/3) marks thirds.
    dashed : bool
        Broken into dashes.
    """

    points_mm: tuple[Point, ...]
    colour: str = "line"
    width_mm: float = 1.2
    ticks: tuple[float, ...] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Label:
    """A name at the end of a leader line. Give `key` or `point_mm`.

    Parameters
    ----------
    text, emphasis
        What is written; bold.
    key : str, optional
        Structure that is named; the renderer finds a point of it that can be seen, and leaves the label out if none can.
    twin : str, optional
        The same structure of the other side, which may be named in its place to balance the columns of text.
    point_mm : (x, y, z), optional
        Point that is named.
    priority : float
        The least are left out first when there is no room.
    """

    text: str
    key: str | None = None
    point_mm: Point | None = None
    priority: float = 1.0
    emphasis: bool = False
    twin: str | None = None

    def __post_init__(self) -> None:
        if (self.key is None) == (self.point_mm is None):
            raise ValueError(f"Label {self.text!r} needs a key or a point_mm, and not both.")


@dataclass(frozen=True)
class LegendItem:
    """One row of the legend: a colour (hex or name) as a 'swatch', a 'dot' or a 'line', which may be dashed, and its text."""

    text: str
    colour: str
    sign: Literal["swatch", "dot", "line"] = "swatch"
    dashed: bool = False


@dataclass(frozen=True)
class Camera:
    """Where the picture is seen from; parallel projection.

    Parameters
    ----------
    view : str
        One of `sim.cameras.camera_names()`.
    azimuth_deg, elevation_deg : float, optional
        In place of those of the view: 0 from in front, 90 from the patient's right, 180 from behind, -90 from the left;
        elevation up.
    focus_mm : (x, y, z), optional
        Middle of the picture; by default the middle of what is shown.
    width_mm : float, optional
        Width of the drawing's free area; by default all that is shown fits.
    zoom : float
        Enlarges further.
    """

    view: str = "posterior"
    azimuth_deg: float | None = None
    elevation_deg: float | None = None
    focus_mm: Point | None = None
    width_mm: float | None = None
    zoom: float = 1.0

    def __post_init__(self) -> None:
        check_range("zoom", self.zoom, 0.01, 1000.0)
        if self.width_mm is not None:
            check_range("width_mm of the camera", self.width_mm, 1.0, 5000.0)


@dataclass(frozen=True)
class Picture:
    """All that one still picture shows.

    Parameters
    ----------
    name, shown : str, tuple of Shown
        Of the picture, for reports and file names; and structures, in any order.
    title, caption : str
        Heading, and what is seen, from where.
    sources : tuple of str
        Written out as a reader wants them ('Shim 2011'), for the caption.
    evidence, whose : str
        Level of evidence in words, for the caption; of a real person's anatomy, in few words how sure it is and whose.
    style : str
        One of `sim.theme.style_names()`: 'atlas', 'patient', 'dark'.
    width_px, height_px : int
        Size of the picture, up to 7680 a side.
    camera, cuts, window, markers, needles, probe, inset, lines, maps, labels, legend
        See the types above.
    show_units : bool
        Write the units beside each marker.
    scale_bar, orientation, disclaimer : bool
        Draw the bar, the marks of side and direction, the line "not medical advice".
    seed : int
        Of all that is random (texture of muscle and bone).
    transparent : bool
        No paper behind the drawing.
    """

    name: str
    shown: tuple[Shown, ...]
    title: str = ""
    caption: str = ""
    sources: tuple[str, ...] = ()
    evidence: str = ""
    whose: str = ""
    style: str = "atlas"
    width_px: int = 1920
    height_px: int = 1080
    camera: Camera = field(default_factory=Camera)
    cuts: tuple[Cut, ...] = ()
    window: Window | None = None
    markers: tuple[Marker, ...] = ()
    needles: tuple[Needle, ...] = ()
    probe: Probe | None = None
    inset: Inset | None = None
    lines: tuple[Line, ...] = ()
    maps: tuple[SkinPaint, ...] = ()
    labels: tuple[Label, ...] = ()
    legend: tuple[LegendItem, ...] = ()
    show_units: bool = False
    scale_bar: bool = True
    orientation: bool = True
    disclaimer: bool = True
    seed: int = 0
    transparent: bool = False

    def __post_init__(self) -> None:
        check_range("width of the picture", self.width_px, MIN_SIDE_PX, MAX_WIDTH_PX)
        check_range("height of the picture", self.height_px, MIN_SIDE_PX, MAX_HEIGHT_PX)
