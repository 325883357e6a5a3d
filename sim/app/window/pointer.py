"""The pointer in the 3-D view of a window: what pressing, dragging and the wheel ask for, by the tool in hand."""

from __future__ import annotations

from sim.app.window.asks import Message

TURN, AIM = 0.5, 0.2  # degrees per pixel
ADVANCE_MM = 0.5
ZOOM = 1.1


def pressed(tool: str, x: float, y: float) -> tuple[Message, ...]:
    """Return what a press of the left button at pixel (x, y) of the picture asks for: finger or probe go there."""
    return ({"do": "point", "tool": tool, "x": x, "y": y},) if tool in ("cursor", "probe") else ()


def dragged(tool: str, button: str, shift: bool, at: tuple[float, float], by: tuple[float, float]) -> tuple[Message, ...]:
    """Return what a drag asks for.

    Parameters
    ----------
    tool : str
        As of `Hands`.
    button : {'left', 'middle', 'right'}
        Right turns the view whatever is in hand, middle shifts it.
    shift : bool
        Whether Shift is held: turning becomes shifting.
    at : (float, float)
        Where the pointer is, pixels of the picture, y down.
    by : (float, float)
        How far it has come since the last time.
    """
    dx, dy = by
    if tool == "view" or button != "left":
        if shift or button == "middle":
            return ({"do": "camera", "right": dx, "up": -dy},)
        return ({"do": "camera", "azimuth_deg": dx * TURN, "elevation_deg": dy * TURN},)
    if tool == "needle":
        return ({"do": "acts", "acts": [{"kind": "needle_aim", "pitch_deg": -dy * AIM, "yaw_deg": dx * AIM}]},)
    return pressed(tool, *at)


def wheeled(tool: str, up: bool) -> tuple[Message, ...]:
    """Return what a notch of the wheel asks for: the needle goes in or out, else the view comes nearer or goes away."""
    if tool == "needle":
        return ({"do": "acts", "acts": [{"kind": "needle_advance", "mm": ADVANCE_MM if up else -ADVANCE_MM}]},)
    return ({"do": "camera", "zoom": ZOOM if up else 1 / ZOOM},)
