"""What a page may send. Everything else is refused with one line, and nothing is lost."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

Pixel = Annotated[float, Field(ge=-20_000, le=20_000, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")]
Mm = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
Side = Annotated[float, Field(ge=1, le=20_000, allow_inf_nan=False)]
Angle = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]
Layer = Literal["skin", "glass", "muscles", "nerves"]


class Message(BaseModel):
    """What all messages share."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Begin(Message):
    """Start an attempt."""

    do: Literal["begin"]
    procedure: Name
    side: Literal["left", "right", "both"] = "right"
    mode: Literal["learn", "exam"] = "learn"
    patient: Annotated[str, Field(max_length=1000)] = ""  # one of the shelf's; its first if none is named
    trainee: Annotated[str, Field(max_length=80)] = ""


class Resume(Message):
    """Take up an attempt that was broken off."""

    do: Literal["resume"]
    attempt: Name


class Acts(Message):
    """Do things: actions of `sim.training.actions` without their time, which the session adds."""

    do: Literal["acts"]
    acts: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=50)]


class Stance(Message):
    """The camera of a browser that draws the view itself, mm RAS and degrees."""

    position: tuple[Mm, Mm, Mm]
    focal_point: tuple[Mm, Mm, Mm]
    view_up: tuple[Mm, Mm, Mm]
    view_angle: Annotated[float, Field(ge=1, le=170, allow_inf_nan=False)] = 30.0
    parallel_scale: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
    parallel: bool = True


class Aim(Message):
    """Point at the 3-D view: where the pointer is, in pixels of the picture; with the view's size and camera if that is local."""

    do: Literal["point"]
    tool: Literal["cursor", "probe"]
    x: Pixel
    y: Pixel
    width: Side | None = None
    height: Side | None = None
    camera: Stance | None = None

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if self.camera is not None and (self.width is None or self.height is None):
            raise ValueError("a camera needs the width and height of the view")
        return self


class MoveCursor(Message):
    """Walk the cursor over the skin, mm toward the right and the top of the view."""

    do: Literal["cursor"]
    right_mm: Annotated[float, Field(ge=-60, le=60, allow_inf_nan=False)] = 0.0
    up_mm: Annotated[float, Field(ge=-60, le=60, allow_inf_nan=False)] = 0.0


class AtCursor(Message):
    """Do something at the cursor."""

    do: Literal["here"]
    what: Literal["palpate", "mark", "probe", "needle"]
    name: Name | None = None


class Camera(Message):
    """Turn, shift or zoom the view, choose a named one, or what is shown."""

    do: Literal["camera"]
    azimuth_deg: Angle = 0.0
    elevation_deg: Angle = 0.0
    zoom: Annotated[float, Field(ge=0.2, le=5, allow_inf_nan=False)] = 1.0
    right: Pixel = 0.0
    up: Pixel = 0.0
    view: Name | None = None
    layer: Layer | None = None
    width: Annotated[int, Field(ge=200, le=1920)] | None = None
    height: Annotated[int, Field(ge=200, le=1440)] | None = None


class Able(Message):
    """Tell what a browser draws with: the name of its WebGL renderer, '' for none."""

    do: Literal["able"]
    webgl: Annotated[str, Field(max_length=300)] = ""


class Draw(Message):
    """Choose who draws the 3-D view from now on."""

    do: Literal["draw"]
    by: Literal["device", "server"]


class Look(Message):
    """Tell where a browser that draws the view itself looks from."""

    do: Literal["look"]
    azimuth_deg: Angle
    elevation_deg: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    focus_mm: tuple[Mm, Mm, Mm]
    width_mm: Annotated[float, Field(ge=1, le=2000, allow_inf_nan=False)]


class Tick(Message):
    """Ask for the pictures of now; `still` when nothing needs to be drawn."""

    do: Literal["tick"]


class Replay(Message):
    """Look at an attempt that was recorded."""

    do: Literal["replay"]
    attempt: Name


class Seek(Message):
    """Go to a moment of the replay."""

    do: Literal["seek"]
    at_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class Home(Message):
    """Leave the attempt or the replay; what is recorded stays."""

    do: Literal["home"]


AnyMessage = Begin | Resume | Acts | Aim | MoveCursor | AtCursor | Camera | Able | Draw | Look | Tick | Replay | Seek | Home
_ADAPTER: TypeAdapter[AnyMessage] = TypeAdapter(Annotated[AnyMessage, Field(discriminator="do")])


def message_from(value: Any) -> AnyMessage:
    """Return the message that a value from the network describes.

    Raises
    ------
    ValueError
        One line: which key is at fault.
    """
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:80] or "message"
        raise ValueError(f"{place}: {first['msg'][:200]}.") from None
