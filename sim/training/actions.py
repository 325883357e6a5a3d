"""What a trainee can do, one action at a time. These types check scripts, messages of the page and recordings alike.

A recording is the list of actions with their times; everything else (poses, events, scores) follows from it by `trial.step`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Seconds = Annotated[float, Field(strict=True, ge=0, le=86_400, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(strict=True, ge=-1000, le=1000, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate, Coordinate]
Degrees = Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)]
SmallDegrees = Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)]
Shift = Annotated[float, Field(strict=True, ge=-120, le=120, allow_inf_nan=False)]
Advance = Annotated[float, Field(strict=True, ge=-100, le=100, allow_inf_nan=False)]
Word = Annotated[str, Field(strict=True, min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")]
Side = Literal["left", "right"]


class Act(BaseModel):
    """What all actions share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_s: Seconds = Field(0.0, description="Seconds since the attempt began.")


class ChooseSide(Act):
    """Say which side of the patient is treated."""

    kind: Literal["choose_side"] = "choose_side"
    side: Side


class Confirm(Act):
    """Tick an item of the checklist, by its number from 0."""

    kind: Literal["confirm"] = "confirm"
    item: Annotated[int, Field(strict=True, ge=0, le=99)]


class NextStep(Act):
    """Go to a step of the procedure, by its id."""

    kind: Literal["go_to_step"] = "go_to_step"
    step: Word


class Palpate(Act):
    """Feel the place under a finger, on the skin nearest to a point."""

    kind: Literal["palpate"] = "palpate"
    point_mm: Point


class Mark(Act):
    """Mark a landmark, or the place of an injection, on the skin nearest to a point."""

    kind: Literal["mark"] = "mark"
    name: Word
    point_mm: Point


class ProbePlace(Act):
    """Lay the probe flat on the skin nearest to a point, its marked end along a direction (the patient's left by default)."""

    kind: Literal["probe_place"] = "probe_place"
    point_mm: Point
    toward: Point = (-1.0, 0.0, 0.0)


class ProbePoseNamed(Act):
    """Let the instructor lay the probe in a named pose, on the chosen side."""

    kind: Literal["probe_pose"] = "probe_pose"
    name: Word
    side: Side


class ProbeSlide(Act):
    """Slide over the skin: toward the marked end, and toward the elevation axis."""

    kind: Literal["probe_slide"] = "probe_slide"
    along_mm: Shift = 0.0
    across_mm: Shift = 0.0


class ProbeTurn(Act):
    """Rotate, tilt or rock the probe."""

    kind: Literal["probe_turn"] = "probe_turn"
    how: Literal["rotate", "tilt", "rock"]
    deg: Degrees


class ProbePress(Act):
    """Press harder, or let go (negative)."""

    kind: Literal["probe_press"] = "probe_press"
    mm: Annotated[float, Field(strict=True, ge=-25, le=25, allow_inf_nan=False)]


class ProbeLift(Act):
    """Take the probe off."""

    kind: Literal["probe_lift"] = "probe_lift"


class Knob(Act):
    """Turn a knob of the scanner; `doppler` is set with 0 off, 1 colour, 2 power."""

    kind: Literal["knob"] = "knob"
    name: Literal["depth_mm", "gain_db", "focus_mm", "frequency_mhz", "dynamic_range_db", "doppler"]
    value: Annotated[float, Field(strict=True, ge=-100, le=500, allow_inf_nan=False)]


class NeedlePlace(Act):
    """Put the needle's tip on the skin nearest to a point, its shaft along a direction into the body."""

    kind: Literal["needle_place"] = "needle_place"
    point_mm: Point
    direction: Point


class NeedleBeside(Act):
    """Put the needle's tip on the skin beside an end of the probe, in the scanned plane.

    `steep_deg` is the angle between shaft and the probe's face, `off_plane_deg` the angle out of the scanned plane (positive
    toward the probe's elevation), `gap_mm` from the end of the face to the entry, `shift_mm` of the entry out of the plane.
    """

    kind: Literal["needle_beside"] = "needle_beside"
    end: Literal["marked", "other"]
    steep_deg: SmallDegrees = 35.0
    off_plane_deg: SmallDegrees = 0.0
    gap_mm: Annotated[float, Field(strict=True, ge=0, le=60, allow_inf_nan=False)] = 2.5
    shift_mm: Annotated[float, Field(strict=True, ge=-40, le=40, allow_inf_nan=False)] = 0.0


class NeedleAim(Act):
    """Turn the shaft about its entry: `pitch_deg` steeper (away from the skin), `yaw_deg` clockwise seen from outside."""

    kind: Literal["needle_aim"] = "needle_aim"
    pitch_deg: SmallDegrees = 0.0
    yaw_deg: Degrees = 0.0


class NeedleAdvance(Act):
    """Push the needle along its shaft; negative draws it back."""

    kind: Literal["needle_advance"] = "needle_advance"
    mm: Advance


class NeedleRemove(Act):
    """Take the needle out."""

    kind: Literal["needle_remove"] = "needle_remove"


class Aspirate(Act):
    """Pull the plunger back and look for blood."""

    kind: Literal["aspirate"] = "aspirate"


class Inject(Act):
    """Give some of the product."""

    kind: Literal["inject"] = "inject"
    ml: Annotated[float, Field(strict=True, gt=0, le=20, allow_inf_nan=False)]


class Stimulate(Act):
    """Send current through the needle and ask what is felt."""

    kind: Literal["stimulate"] = "stimulate"
    volt: Annotated[float, Field(strict=True, gt=0, le=5, allow_inf_nan=False)]


class Wait(Act):
    """Do nothing until this time."""

    kind: Literal["wait"] = "wait"


class Finish(Act):
    """End the attempt."""

    kind: Literal["finish"] = "finish"


AnyAction = (
    ChooseSide | Confirm | NextStep | Palpate | Mark | ProbePlace | ProbePoseNamed | ProbeSlide | ProbeTurn | ProbePress
    | ProbeLift | Knob | NeedlePlace | NeedleBeside | NeedleAim | NeedleAdvance | NeedleRemove | Aspirate | Inject | Stimulate
    | Wait | Finish
)  # fmt: skip
Action = Annotated[AnyAction, Field(discriminator="kind")]
KINDS: tuple[str, ...] = tuple(c.model_fields["kind"].default for c in get_args(AnyAction))
_ADAPTER: TypeAdapter[AnyAction] = TypeAdapter(Action)


def action_from(value: Any) -> AnyAction:
    """Return the action that a mapping (of a script, a message or a recording) describes.

    Raises
    ------
    ValueError
        One line: which key is at fault, and how to mend it.
    """
    try:
        return _ADAPTER.validate_python(_tupled(value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "action"
        raise ValueError(f"{place}: {first['msg']}.") from None


def told(action: AnyAction) -> dict[str, Any]:
    """Return an action as a mapping that JSON can hold; floats keep every bit."""
    return action.model_dump(mode="json")


def _tupled(value: Any) -> Any:
    """Lists of numbers as tuples, and whole numbers as floats where a float is asked for: TOML and JSON write 5 for 5.0."""
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, list):
            out[key] = tuple(float(n) if isinstance(n, int) and not isinstance(n, bool) else n for n in item)
        elif isinstance(item, int) and not isinstance(item, bool) and key != "item":
            out[key] = float(item)
        else:
            out[key] = item
    return out
