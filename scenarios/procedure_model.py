"""What a procedure file holds: indication, targets, steps, product, success and dangers. These types check a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, model_validator

from scenarios.basics import Ident, Length, Name, Part, Text

Guidance = Literal["landmark", "ultrasound"]
Status = Literal["approved", "standard", "off-label", "investigational"]
Evidence = Literal["FOUND", "V", "KNOWN", "B", "R", "M", "DERIVED", "I", "design"]
TargetKind = Literal["nerve", "sites", "attachment", "lead"]
Volume = Annotated[float, Field(strict=True, gt=0, le=50)]


class Cited(Part):
    """A text with its sources and evidence level."""

    text: Text
    sources: tuple[Name, ...] = ()
    evidence: Evidence = "design"


class Product(Part):
    """What is given."""

    name: Text = Field(description="Generic name, as written to a trainee.")
    volume_ml: Volume = Field(description="At each target.")
    range_ml: tuple[Volume, Volume] = Field(description="Accepted at each target.")
    most_ml: Volume = Field(description="In all, both sides: beyond it is a dose over the limit.")
    units_per_ml: Annotated[float, Field(strict=True, ge=0, le=1000)] = Field(0.0, description="Of toxin; 0 where none is given.")
    most_units: Annotated[float, Field(strict=True, ge=0, le=1000)] = Field(0.0, description="Of toxin in all.")
    limits: tuple[Cited, ...] = Field((), description="What bounds the dose, in words.")
    sources: tuple[Name, ...] = ()
    evidence: Evidence = "design"


class Target(Part):
    """Where the tip must come to, as a rule on any anatomy; `scenarios.targets` finds the place."""

    id: Name
    kind: TargetKind
    text: Text = Field(description="What it is, for a trainee.")
    structure: Name | None = Field(
        None, description="Unsided key: the nerve that is bathed or crossed, or the bone at an attachment."
    )
    at: Name = Field(description="Name of the rule that finds the place; `scenarios.targets` lists them.")
    between: tuple[Name, ...] = Field((), description="Unsided keys of the layers above and below the plane, superficial first.")
    muscle: tuple[Name, ...] = Field((), description="Unsided keys of the muscle aimed at.")
    volume_ml: Volume | None = Field(None, description="In place of the product's.")
    sources: tuple[Name, ...] = ()
    evidence: Evidence = "design"


class LandmarkTask(Part):
    """A landmark that the trainee finds by hand and marks on the skin."""

    name: Name = Field(description="Landmark without side ('mastoid_tip'), or the id of a target whose skin point is marked.")
    text: Text
    sided: StrictBool = False


class Step(Part):
    """One step, as it is read to the trainee."""

    id: Ident
    text: Text
    hint: Text = Field("", description="How it is done in the simulator, or what it should look like.")
    done_when: tuple[Name, ...] = Field((), description="Kinds of event after which the step counts as done; none: by hand.")


class ProcedureFile(Part):
    """A procedure that can be trained.

    One TOML file of `scenarios/data/procedures`; its name is the procedure's key.
    """

    schema_: Literal[1] = Field(alias="schema")
    title: Text
    short: Text = Field(description="A few words, for lists.")
    guidance: Guidance
    status: Status = Field(description="Regulatory standing in the United States.")
    status_text: Text = Field(description="The same in one plain sentence.")
    sides: Literal["one", "both"] = Field(description="Whether one side is treated, or both in one attempt.")
    indication: tuple[Cited, ...] = Field(min_length=1)
    contraindications: tuple[Cited, ...] = ()
    position: Cited
    landmarks: tuple[LandmarkTask, ...] = ()
    pose: Name | None = Field(None, description="Named pose of the probe (`inion list poses`), by ultrasound.")
    needle: Name = Field(description="Key of needles.toml.")
    needle_end: Literal["lateral", "medial"] = Field("lateral", description="End of the probe beside which it enters in plane.")
    angle_deg: tuple[Annotated[float, Field(strict=True, ge=0, le=90)], Annotated[float, Field(strict=True, ge=0, le=90)]] = (
        Field((0.0, 90.0), description="Accepted between needle and skin.")
    )
    product: Product
    targets: tuple[Target, ...] = Field(min_length=1)
    checklist: tuple[Cited, ...] = Field(
        (), description="What is confirmed before the needle: consent, side, allergy, asepsis, ..."
    )
    steps: tuple[Step, ...] = Field(min_length=3)
    metrics: tuple[Name, ...] = Field(min_length=4, description="Keys of metrics that decide, of sim/data/metrics.toml.")
    critical: tuple[Name, ...] = Field(
        min_length=3, description="Keys of critical errors that apply, of sim/data/critical_errors.toml."
    )
    errors: tuple[Cited, ...] = Field(min_length=2, description="Common errors.")
    complications: tuple[Cited, ...] = Field(min_length=2)
    success: tuple[Cited, ...] = Field(min_length=1, description="What tells that it worked, at the bedside and here.")
    bone_contact: StrictBool = Field(False, description="The technique touches bone first, then draws back.")
    fan: StrictBool = Field(False, description="The volume is given in several passes.")
    stimulate: StrictBool = Field(False, description="The nerve is sought with a stimulating needle.")
    aspirate: StrictBool = Field(True, description="Aspirate before each injection.")
    sources: tuple[Name, ...] = Field(min_length=1)
    evidence: Cited = Field(description="What is known of benefit, with its level.")
    reach_mm: Length = Field(60.0, description="Farthest from a target that the needle is thought to be meant for it.")

    @model_validator(mode="after")
    def _sound(self) -> ProcedureFile:
        if self.guidance == "ultrasound" and self.pose is None:
            raise ValueError("guidance by ultrasound needs a pose.")
        if self.product.range_ml[0] > self.product.range_ml[1]:
            raise ValueError("product.range_ml must rise.")
        if len({t.id for t in self.targets}) < len(self.targets):
            raise ValueError("ids of targets must differ.")
        return self
