"""What a scenario file holds. These types check a file, and publish its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StrictBool, StrictInt, model_validator

from scenarios.basics import (
    CameraName,
    Colour,
    Definition,
    Direction,
    FollowGroup,
    Ident,
    Length,
    Name,
    Part,
    Pixels,
    Place,
    Point,
    ProcedureName,
    Share,
    Side,
    Sides,
    Style,
    Text,
    Told,
    named_source,
    one_of,
)  # fmt: skip
from scenarios.faults import Origin
from scenarios.products import Figure, Film, PatientPage, SkinMap

SCHEMA = 1


class Source(Part):
    """Which anatomy is shown."""

    source: Name = Field(
        "shipped", description="'shipped', a name of `inion atlas list`, or the path of a model file, from the scenario's folder."
    )
    patient: dict[Name, Told | dict[Name, Told | Point]] = Field(
        default_factory=dict,
        description="A person in place of the shipped man: sex, head_length_mm, head_breadth_mm, head_height_mm, "
        "neck_circumference_mm, biacromial_breadth_mm, bmi, external_occipital_protuberance_mm (or _type), "
        "cervical_lordosis_deg, pulse_rate_per_min; tables muscle_bulk, muscle_area_mm2, landmarks, right, left.",
    )


class Show(Part):
    """Some structures, and how they look. A later entry overrides an earlier one."""

    structures: tuple[Name, ...] = Field(
        min_length=1,
        description="Keys, with or without side ('trapezius' is both), names of groups ('bones', 'suboccipital'), "
        "clinical names ('gon'), or patterns ('*_nerve_right').",
    )
    side: Sides = Field("both", description="Keep only those of one side, and those of the midline.")
    opacity: Share = Field(1.0, description="1 is solid, 0.2 a ghost; 0 hides what an earlier entry showed.")
    highlight: StrictBool = Field(False, description="Brighter, while all else is muted a little.")
    colour: Colour | None = Field(None, description="'#rrggbb' or a name of the style's colours.")
    behind: Literal["hidden", "dashed"] = Field(
        "hidden", description="Of nerves and vessels: what lies behind other structures is not seen, or drawn in dashes."
    )


class Cut(Part):
    """A plane that takes away one side of some structures."""

    at: Place = Field(description="A point of the plane.")
    remove: Direction | None = Field(None, description="The side that is taken away.")
    normal: Point | None = Field(None, description="In place of `remove`: points to the side that is taken away.")
    structures: tuple[Name, ...] = Field((), description="What is cut; none given cuts all that is shown.")
    side: Sides = Field("both", description="Keep only structures of one side, and those of the midline.")
    capped: StrictBool = Field(True, description="Close the openings with a flat face.")
    fill: StrictBool = Field(False, description="Draw fat and connective tissue between structures, behind the spine's front.")

    @model_validator(mode="after")
    def _one(self) -> Cut:
        return one_of(self, "remove", "normal")


class Window(Part):
    """A region in which the skin is cleared."""

    at: Place = Field(description="Middle of the ball, or a point of the plane.")
    radius_mm: Length | None = Field(None, description="Of the ball. Give this, or `clear`.")
    clear: Direction | None = Field(None, description="Clear all on this side of a plane.")
    opacity: Share = Field(0.0, description="What is left of the skin inside.")
    structures: tuple[Name, ...] = Field(("skin",), description="What has the window.")

    @model_validator(mode="after")
    def _one(self) -> Window:
        return one_of(self, "radius_mm", "clear")


class Procedure(Part):
    """What is injected, and where."""

    name: ProcedureName = Field(description="The procedure, whose rules give the sites.")
    side: Sides = Field("right", description="The patient's side. PREEMPT is always both.")
    sites: tuple[Name, ...] = Field((), description="Ids of the sites that are marked; none given marks all.")
    follow_the_pain: dict[FollowGroup, StrictInt | dict[Side, StrictInt]] = Field(
        default_factory=dict,
        description="PREEMPT only: extra sites by muscle, both sides together or { left = 1, right = 0 }.",
    )
    definitions: tuple[Definition, ...] = Field(
        (), description="GON block: the published definitions that are marked; the first is the site that is used."
    )
    show_units: StrictBool = Field(False, description="Write the dose beside each site.")
    show_needles: StrictBool = Field(False, description="Draw the needle's way from each site to its target.")


class Needle(Part):
    """A needle, from its entry to its tip. Without places it goes from the site of the procedure to its target."""

    entry: Place | None = Field(None, description="Where it crosses the skin.")
    tip: Place | None = Field(None, description="Where its tip is.")
    length_mm: Length | None = Field(None, description="Of the shaft; by default that of the procedure's needle.")
    diameter_mm: Length | None = Field(None, description="Of the shaft; by default that of the procedure's needle.")
    hub: StrictBool = Field(True, description="Draw the hub.")
    end: Literal["lateral", "medial"] = Field("lateral", description="End of the probe beside which it enters in plane.")


class Probe(Part):
    """An ultrasound probe on the skin: in a named pose, or over the line between two places."""

    pose: Name | None = Field(
        None, description="A pose of `inion list poses`, on the procedure's side. Give this, or `medial` and `lateral`."
    )
    medial: Place | None = Field(None, description="What one end of the footprint lies over.")
    lateral: Place | None = Field(None, description="What the other end lies over.")
    outward: Direction | None = Field(None, description="Side of the body where it lies; by default where the skin is nearest.")
    length_mm: Length = Field(38.0, description="Of the footprint; a named pose has its probe's.")
    width_mm: Length = Field(8.0, description="Of the footprint.")
    depth_mm: Length = Field(40.0, description="Of the scanned sheet.")
    body: StrictBool = Field(True, description="Draw the ghost of the probe.")
    plane: StrictBool = Field(True, description="Draw the scanned sheet.")

    @model_validator(mode="after")
    def _placed(self) -> Probe:
        if (self.medial is None) != (self.lateral is None):
            raise ValueError("medial and lateral go together.")
        return one_of(self, "pose", "medial")


class Ultrasound(Part):
    """The ultrasound image of the probe, beside the picture."""

    probe: Name = Field("linear-12-3", description="A probe of `inion list probes`.")
    frequency_mhz: Annotated[float, Field(strict=True, gt=0, le=50)] | None = Field(
        None, description="By default the probe's usual."
    )
    gain_db: Annotated[float, Field(strict=True, ge=-30, le=30)] = Field(0.0, description="Of the image.")
    press_mm: Annotated[float, Field(strict=True, ge=0, le=25)] | None = Field(
        None, description="How far the probe presses the skin in; by default as the named pose does, else 1 mm."
    )
    overlay: StrictBool = Field(True, description="Outline and name what the image shows.")
    doppler: Literal["colour", "power"] | None = Field(None, description="Show flow.")
    needle: StrictBool = Field(True, description="Show the scenario's needle, if it lies in the scanned plane.")
    inject_ml: Annotated[float, Field(strict=True, ge=0, le=20)] = Field(0.0, description="Fluid at the needle's tip.")


class View(Part):
    """A camera. The first view of a scenario is its main one."""

    name: Ident = Field(description="Goes into the name of the file.")
    camera: CameraName | None = Field(None, description="Named direction. Give this, or azimuth_deg and elevation_deg.")
    azimuth_deg: Annotated[float, Field(strict=True, ge=-360, le=360)] | None = Field(
        None, description="0 from in front, 90 from the patient's right, 180 from behind, -90 from the left."
    )
    elevation_deg: Annotated[float, Field(strict=True, ge=-90, le=90)] | None = Field(None, description="Up from the horizon.")
    focus: Place | None = Field(None, description="Middle of the picture; by default the middle of what is shown.")
    width_mm: Annotated[float, Field(strict=True, ge=1, le=5000)] | None = Field(None, description="Width of the drawing.")
    zoom: Annotated[float, Field(strict=True, ge=0.05, le=50)] = Field(1.0, description="Enlarges further.")
    title: Text | None = Field(None, description="In place of the scenario's title.")
    caption: Text | None = Field(None, description="In place of the scenario's caption.")
    hide: tuple[Name, ...] = Field((), description="Structures left out of this view.")
    label: tuple[Name, ...] = Field((), description="Structures named in this view, beside those of `labels`.")
    extra: StrictBool = Field(False, description="Made only when it is asked for by name, or with --view all.")

    @model_validator(mode="after")
    def _one(self) -> View:
        if (self.azimuth_deg is None) != (self.elevation_deg is None):
            raise ValueError("azimuth_deg and elevation_deg go together.")
        return one_of(self, "camera", "azimuth_deg")


class Labels(Part):
    """Which names are written."""

    show: StrictBool = Field(True, description="Write names at all.")
    structures: tuple[Name, ...] = Field((), description="What is named, as in `show.structures`.")
    side: Sides | None = Field(None, description="Of a pair, name only this one; by default whichever side has room.")
    plain: StrictBool = Field(False, description="Plain words for a patient in place of the terms.")


class Label(Part):
    """One more name, at a place or a structure."""

    text: Text | None = Field(None, description="What is written; by default the structure's or landmark's name.")
    at: Place = Field(description="Where the leader line ends.")
    priority: Annotated[float, Field(strict=True, ge=0, le=10)] = Field(1.0, description="The least are left out first.")
    emphasis: StrictBool = Field(False, description="Bold.")


class Line(Part):
    """A line through places, or a named curve."""

    curve: Name | None = Field(None, description="Named curve. Give this, or `through`.")
    through: tuple[Place, ...] | None = Field(None, min_length=2, description="Places in order.")
    on_skin: StrictBool = Field(False, description="Walk along the skin.")
    colour: Colour = Field("line", description="'#rrggbb' or a name of the style's colours.")
    width_mm: Length = Field(1.2, description="Thickness.")
    ticks: tuple[Share, ...] = Field((), description="Shares of the length that carry a bead.")
    dashed: StrictBool = Field(False, description="Broken into dashes.")
    label: Text | None = Field(None, description="Name, written at the middle.")
    legend: Text | None = Field(None, description="Row of the legend.")

    @model_validator(mode="after")
    def _one(self) -> Line:
        return one_of(self, "curve", "through")


class LegendRow(Part):
    """One row of the legend."""

    text: Text = Field(description="What is written.")
    colour: Colour = Field(description="'#rrggbb' or a name of the style's colours.")
    sign: Literal["swatch", "dot", "line"] = Field("swatch", description="What carries the colour.")


class Step(Part):
    """One of several pictures in a row; what a step removes stays away in the following ones."""

    name: Ident = Field(description="Goes into the name of the file.")
    title: Text | None = Field(None, description="In place of the scenario's title.")
    caption: Text | None = Field(None, description="In place of the scenario's caption.")
    remove: tuple[Name, ...] = Field((), description="Structures taken away, here and later.")
    side: Sides = Field("both", description="Remove only those of one side, and those of the midline.")
    label: tuple[Name, ...] = Field((), description="Structures named in this step, beside those of `labels`.")


class Scenario(Part):
    """A scene, and the pictures that are made of it.

    A scenario is read by `load_scenario`; `name` and `origin` say where it came from.
    """

    schema_: Literal[1] = Field(alias="schema", description="Version of this format.")
    title: Annotated[str, Field(strict=True, min_length=1, max_length=120)] = Field(description="Heading of the pictures.")
    caption: Text = Field("", description="What is seen, and from where.")
    sources: tuple[Name, ...] = Field((), description="Keys of meshes/data/references.toml that the caption rests on.")
    evidence: Text = Field("", description="Level of evidence, in words.")
    seed: Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)] = Field(0, description="Of all that is random.")
    style: Style = Field("atlas", description="Look of the pictures.")
    size: tuple[Pixels, Pixels] = Field((1920, 1080), description="Width and height in pixels, 64 to 7680.")
    anatomy: Annotated[Source, BeforeValidator(named_source, json_schema_input_type=Name | Source)] = Field(
        default_factory=lambda: Source(), description="Anatomy and patient; a text is the `source` alone."
    )
    eyebrows: StrictBool = Field(True, description="Draw the eyebrows on a solid skin.")
    hair: StrictBool = Field(False, description="Draw short hair on a solid skin.")
    show: tuple[Show, ...] = Field(min_length=1, description="What is shown.")
    cut: tuple[Cut, ...] = Field((), description="Cut-aways.")
    window: Window | None = Field(None, description="Skin window.")
    procedure: Procedure | None = Field(None, description="Injection sites.")
    needle: Needle | None = Field(None, description="Needle.")
    probe: Probe | None = Field(None, description="Ultrasound probe.")
    ultrasound: Ultrasound | None = Field(None, description="Image of the probe, beside the picture.")
    view: tuple[View, ...] = Field(min_length=1, description="Cameras; the first is the main one.")
    labels: Labels = Field(default_factory=lambda: Labels(), description="Names of structures.")
    label: tuple[Label, ...] = Field((), description="Further names.")
    line: tuple[Line, ...] = Field((), description="Lines.")
    map: tuple[SkinMap, ...] = Field((), description="Painted regions of the skin.")
    legend: tuple[LegendRow, ...] = Field((), description="Rows of the legend, beside those of the procedure.")
    transparent: StrictBool = Field(False, description="No paper behind the drawing.")
    figure: Figure | None = Field(None, description="Several pictures on one page.")
    film: Film | None = Field(None, description="Of `inion movie`.")
    page: PatientPage | None = Field(None, description="Of `inion explain`.")
    step: tuple[Step, ...] = Field((), description="Several pictures from one scene.")

    _origin: Origin = PrivateAttr(default_factory=lambda: Origin("scenario", "scenario"))

    @property
    def name(self) -> str:
        """Short name: the file's without its ending."""
        return self._origin.name

    @property
    def origin(self) -> Origin:
        """Where it was read."""
        return self._origin

    def read_from(self, origin: Origin) -> Scenario:
        """Return the same scenario, read from `origin`."""
        out = self.model_copy()
        out._origin = origin
        return out
