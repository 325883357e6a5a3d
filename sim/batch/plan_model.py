"""What a plan of `inion batch` holds. These types check a file, and publish its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StrictBool, WithJsonSchema, model_validator

from scenarios.basics import Ident, Name, Number, Part, Pixels, Share, Sides, Style, Text, Told
from scenarios.basics import Point as MeasuredPoint
from scenarios.faults import Origin

SCHEMA = 1
Seed = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Output = Literal["bmode", "labels", "picture"]


def _pair(value: Any) -> Any:
    """A single number is a range of no width."""
    return [value, value] if isinstance(value, int | float) and not isinstance(value, bool) else value


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"begins at {value[0]:g} and ends at {value[1]:g}; write the lower number first.")
    return value


Range = Annotated[
    tuple[Number, Number],
    BeforeValidator(_pair),
    AfterValidator(_rising),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            ]
        }
    ),
]


class Person(Part):
    """One patient whose measures are given."""

    name: Ident = Field(description="Begins the ids of this patient's items.")
    measures: dict[Name, Told | dict[Name, Told | MeasuredPoint]] = Field(
        default_factory=dict, description="As the table `anatomy.patient` of a scenario: sex, bmi, neck_circumference_mm, ..."
    )


class Patients(Part):
    """Who is shown."""

    count: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = Field(
        0, description="People sampled from the published distributions; person i is the same however many are drawn."
    )
    seed: Seed | None = Field(None, description="Of the people that are sampled; by default the plan's.")
    shipped: StrictBool = Field(False, description="Also the shipped adult.")
    person: tuple[Person, ...] = Field((), description="People whose measures are given.")
    anatomies: tuple[Ident, ...] = Field((), description="Real anatomies, by their names in `inion atlas list`; as they are.")

    @model_validator(mode="after")
    def _some(self) -> Patients:
        if not (self.count or self.shipped or self.person or self.anatomies):
            raise ValueError("there is no patient; give count, shipped = true, anatomies, or [[patients.person]].")
        return self


class Pictures(Part):
    """Pictures of one scenario, of every patient."""

    scenario: Text = Field(min_length=1, description="A name of `inion list`, or the path of a file, from the plan's folder.")
    views: tuple[Name, ...] = Field((), description="Views of the scenario, cameras, or 'all'; none given is as `inion render`.")
    size: tuple[Pixels, Pixels] | None = Field(None, description="Width and height, in place of the scenario's.")
    style: Style | None = Field(None, description="In place of the scenario's.")


class Motions(Part):
    """How far the probe may be from its named pose; a number, or a range from which each image draws evenly."""

    slide: Range = Field((0.0, 0.0), description="Along the face over the skin, mm.")
    across: Range = Field((0.0, 0.0), description="Across the face over the skin, mm.")
    rotate: Range = Field((0.0, 0.0), description="About the beam, clockwise from outside, degrees.")
    tilt: Range = Field((0.0, 0.0), description="Fanning of the plane, degrees.")
    rock: Range = Field((0.0, 0.0), description="Heel to toe, degrees.")
    press: Range = Field((0.0, 0.0), description="Pressed more, or less, mm.")


class ScanSettings(Part):
    """The scanner; what is not given is as the pose names it. A range is drawn from evenly for each image."""

    probe: Name | None = Field(None, description="A probe of `inion list probes`.")
    depth_mm: Range | None = Field(None, description="Depth of the image.")
    frequency_mhz: Range | None = Field(None, description="Frequency.")
    focus_mm: Range | None = Field(None, description="Depth of the transmit focus.")
    gain_db: Range | None = Field(None, description="Gain.")
    dynamic_range_db: Range | None = Field(None, description="From black to white.")
    lines: Annotated[int, Field(strict=True)] | None = Field(None, description="Beams that are computed; 256 by default.")
    samples: Annotated[int, Field(strict=True)] | None = Field(None, description="Samples of each beam; 1024 by default.")
    planes: Annotated[int, Field(strict=True)] | None = Field(None, description="Elevation planes: 1, 3 or 5.")
    marker_side: Literal["left", "right"] = Field("left", description="Side of the picture with the probe's marked end.")


class NeedlePlan(Part):
    """Needles: how many images show one, and how it lies."""

    aim: Name = Field("greater_occipital_nerve", description="Key, key without side, or clinical name of what it is aimed at.")
    share: Share = Field(1.0, description="Of the images that have a needle.")
    end: Literal["lateral", "medial", "either"] = Field("lateral", description="End of the probe beside which it enters.")
    reached: Range = Field((1.0, 1.0), description="Share of its way that it has gone.")
    beside_plane_mm: Range = Field((0.0, 0.0), description="How far it lies beside the plane; beyond the slice it is not seen.")
    diameter_mm: Range = Field((0.7, 0.7), description="Of the shaft.")
    echogenic: Share = Field(0.0, description="Share of the needles whose shaft is echogenic.")
    inject_ml: Range = Field(
        (0.0, 0.0), description="Fluid at the tip, of needles that have gone their way (reached at least 0.95)."
    )
    must_show: StrictBool = Field(
        False, description="Refuse an image in which the aim is not in view; otherwise it is made without a needle."
    )


class PoseScene(Part):
    """The 3-D picture of an ultrasound item: a scenario in which probe and needle lie as in the image."""

    scenario: Text = Field("gon-block-c2", min_length=1, description="A name of `inion list`, or the path of a file.")
    view: Name | None = Field(None, description="A view of the scenario or a camera; by default the first.")
    size: tuple[Pixels, Pixels] = Field((960, 720), description="Width and height, pixels.")
    style: Style | None = Field(None, description="In place of the scenario's.")


class Ultrasound(Part):
    """Ultrasound images of one named pose, of every patient."""

    name: Ident | None = Field(None, description="Stands in the ids; by default the pose.")
    pose: Ident = Field(description="A pose of `inion list poses`.")
    side: Sides = Field("right", description="The patient's side.")
    images: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(1, description="Of each side of each patient.")
    motions: Motions = Field(default_factory=Motions, description="From the pose.")
    settings: ScanSettings = Field(default_factory=ScanSettings, description="Of probe and scanner.")
    needle: NeedlePlan | None = Field(None, description="None given: no needle.")
    nerve: Name = Field("greater_occipital_nerve", description="The structure of which each item says whether it is in view.")
    outputs: tuple[Output, ...] = Field(("bmode", "labels"), min_length=1, description="Files of each item, beside meta.json.")
    scene: PoseScene = Field(default_factory=PoseScene, description="Of the output 'picture'.")


class Plan(Part):
    """Scenarios x patients x views x ultrasound poses."""

    schema_number: Literal[1] = Field(alias="schema", description="Number of this format.")
    title: Text = Field("", description="What the set is for.")
    seed: Seed = Field(0, description="Of all that is drawn: the same number, the same bytes.")
    patients: Patients = Field(description="Who is shown.")
    picture: tuple[Pictures, ...] = Field((), description="Pictures of scenarios.")
    ultrasound: tuple[Ultrasound, ...] = Field((), description="Ultrasound images.")
    _origin: Origin = PrivateAttr(default_factory=lambda: Origin("plan", "plan"))

    @model_validator(mode="after")
    def _some(self) -> Plan:
        if not (self.picture or self.ultrasound):
            raise ValueError("nothing is asked for; give [[picture]] or [[ultrasound]].")
        return self

    @property
    def origin(self) -> Origin:
        """Where the plan was read."""
        return self._origin

    def read_from(self, origin: Origin) -> Plan:
        """Return the plan with the place where it was read."""
        self._origin = origin
        return self
