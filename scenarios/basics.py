"""The smallest pieces of a scenario file: numbers, names, places. Tables are built of these."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Length = Annotated[float, Field(strict=True, gt=0, le=5000, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(strict=True, ge=-5000, le=5000, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate, Coordinate]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=80)]
Text = Annotated[str, Field(strict=True, max_length=2000)]
Colour = Annotated[str, Field(strict=True, pattern=r"^(#[0-9a-fA-F]{6}|[a-z][a-z0-9_]*)$")]
Told = StrictStr | StrictBool | StrictInt | Number
Pixels = Annotated[int, Field(strict=True, ge=64, le=7680)]
Ident = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]

Side = Literal["left", "right"]
Sides = Literal["left", "right", "both"]
Direction = Literal["left", "right", "anterior", "posterior", "superior", "inferior"]
CameraName = Literal[
    "posterior", "anterior", "right", "left", "superior", "inferior", "oblique", "posterior-oblique-right",
    "posterior-oblique-left", "anterior-oblique", "anterior-oblique-right", "anterior-oblique-left", "posterior-inferior",
    "posterior-superior",
]  # fmt: skip
Style = Literal["atlas", "patient", "dark", "print", "distinct"]
ProcedureName = Literal[
    "gon-block-landmark", "gon-block-c2", "gon-block-nuchal-line", "preempt", "adipose-preempt-regions", "exosome-gon",
    "lesser-occipital-block", "msc-gon", "ons-lead", "prf-gon", "prp-cervical-attachments", "prp-gon", "third-occipital-block",
    "trigger-splenius-capitis", "trigger-sternocleidomastoid", "trigger-trapezius",
]  # fmt: skip
ConditionName = Literal[
    "chronic-migraine", "occipital-neuralgia", "cervicogenic-headache", "cluster-headache", "post-traumatic-headache"
]
Addition = Literal["needle", "probe", "markers", "lines", "maps", "ultrasound"]
FilmKind = Literal["turntable", "layer-peel", "needle-path", "ultrasound-sweep", "tour"]
Definition = Literal["medial_third", "two_by_two", "three_by_one_and_a_half", "nuchal_line_ultrasound", "twenty_two_percent"]
FollowGroup = Literal["temporalis", "occipitalis", "trapezius"]
DIRECTIONS: dict[str, Point] = {
    "left": (-1.0, 0.0, 0.0), "right": (1.0, 0.0, 0.0), "anterior": (0.0, 1.0, 0.0),
    "posterior": (0.0, -1.0, 0.0), "superior": (0.0, 0.0, 1.0), "inferior": (0.0, 0.0, -1.0),
}  # fmt: skip


class Part(BaseModel):
    """A table of a scenario: unknown keys are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


PartType = TypeVar("PartType", bound=Part)


class Place(Part):
    """A point of the anatomy: exactly one of landmark, site, structure, curve or point_mm, and an offset."""

    landmark: Name | None = Field(None, description="Named landmark, such as 'inion' (bone) or 'inion_skin'.")
    site: Name | None = Field(None, description="Injection site of the scenario's procedure, by its id: its point on the skin.")
    structure: Name | None = Field(None, description="A nerve's or vessel's axis, or the middle of any other structure.")
    curve: Name | None = Field(None, description="Named curve, such as 'superior_nuchal_line_right'.")
    point_mm: Point | None = Field(None, description="Right, anterior, superior, mm from the middle of the porions.")
    along: Share = Field(0.5, description="Share of the length of the curve, or of the axis of the nerve or vessel.")
    offset_mm: Point = Field((0.0, 0.0, 0.0), description="Added: right, anterior, superior, mm.")
    on_skin: StrictBool = Field(False, description="Move the point to the nearest point of the skin.")

    @model_validator(mode="after")
    def _one(self) -> Place:
        given = [k for k in ("landmark", "site", "structure", "curve", "point_mm") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of landmark, site, structure, curve, point_mm; {len(given)} are given.")
        return self


def one_of(part: PartType, first: str, second: str) -> PartType:
    """Return a table if it gives one of two keys and not both; else raise ValueError."""
    if (getattr(part, first) is None) == (getattr(part, second) is None):
        raise ValueError(f"give {first} or {second}, one of them and not both.")
    return part


def named_source(value: object) -> object:
    """Return the table that a text stands for: `anatomy = "bodyparts3d"` is `[anatomy]` with that `source`."""
    return {"source": value} if isinstance(value, str) else value
