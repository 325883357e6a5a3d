"""What is made of a scenario beside plain pictures: painted skin, figures, films, the patient's page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, model_validator

from scenarios.basics import Addition, Colour, ConditionName, FilmKind, Ident, Name, Part, Pixels, Share, Sides, Text


class SkinMap(Part):
    """A region of the skin that is painted: where a nerve feels, or where pain is felt."""

    region: Name = Field(description="A region of `inion list maps`.")
    side: Sides = Field("both", description="The patient's side.")
    colour: Colour | None = Field(None, description="'#rrggbb' or a name of the style's colours; by default the region's.")
    opacity: Share = Field(0.8, description="Of the paint where the region is surest.")
    label: Text | None = Field(None, description="Name, written with a line to the middle of the region.")
    legend: Text | None = Field(None, description="Row of the legend; by default the region's name.")


class Panel(Part):
    """One picture of a figure that has several."""

    view: Ident | None = Field(None, description="A view of the scenario; by default the first.")
    step: Ident | None = Field(None, description="A step of the scenario.")
    title: Text | None = Field(None, description="Written beside the panel's letter.")
    hide: tuple[Name, ...] = Field((), description="Structures left out of this panel.")
    without: tuple[Addition, ...] = Field((), description="What else is left out, as for a 'before' beside an 'after'.")
    inject_ml: Annotated[float, Field(strict=True, ge=0, le=20)] | None = Field(
        None, description="Fluid at the needle's tip in this panel's ultrasound image."
    )


class Figure(Part):
    """Several pictures of the scenario on one page, lettered a, b, c."""

    columns: Annotated[int, Field(strict=True, ge=1, le=4)] = Field(2, description="Panels in a row.")
    size: tuple[Pixels, Pixels] | None = Field(None, description="Width and height of the whole, pixels.")
    title: Text | None = Field(None, description="In place of the scenario's title.")
    caption: Text | None = Field(None, description="In place of the scenario's caption.")
    panel: tuple[Panel, ...] = Field(min_length=1, max_length=12, description="The panels, in order.")


class FilmCaption(Part):
    """Words under a film, from one moment to the next caption."""

    at: Share = Field(description="When it appears, as a share of the film's length.")
    text: Text = Field(description="What is written.")


class FilmStop(Part):
    """One stop of a guided tour."""

    view: Ident = Field(description="A view of the scenario.")
    step: Ident | None = Field(None, description="A step of the scenario, reached here.")
    seconds: Annotated[float, Field(strict=True, gt=0, le=60)] = Field(4.0, description="How long the camera rests.")
    caption: Text = Field("", description="What is written meanwhile.")


class Film(Part):
    """What `inion movie` makes of the scenario."""

    kind: FilmKind = Field("turntable", description="What happens.")
    view: Ident | None = Field(None, description="A view of the scenario; by default the first.")
    seconds: Annotated[float, Field(strict=True, gt=0, le=600)] = Field(8.0, description="Length; a tour's is that of its stops.")
    fps: Annotated[float, Field(strict=True, ge=1, le=60)] = Field(24.0, description="Pictures a second.")
    size: tuple[Pixels, Pixels] = Field((1280, 720), description="Width and height, pixels.")
    sweep: Text | None = Field(None, description="Of an ultrasound sweep: WHAT:FROM:TO, as in `inion scan --sweep`.")
    caption: tuple[FilmCaption, ...] = Field((), description="Words, in order of time.")
    stop: tuple[FilmStop, ...] = Field((), description="The stops of a tour, in order.")
    bar: StrictBool = Field(True, description="Draw the bar that shows how far the film is.")


class PatientPage(Part):
    """What `inion explain` tells a patient with the scenario."""

    procedure: Name | None = Field(None, description="Key of a procedure of `inion list procedures`.")
    condition: ConditionName | None = Field(None, description="What the patient has.")
    side: Sides | None = Field(None, description="The patient's side; by default the procedure's.")

    @model_validator(mode="after")
    def _some(self) -> PatientPage:
        if self.procedure is None and self.condition is None:
            raise ValueError("give procedure, condition, or both.")
        return self
