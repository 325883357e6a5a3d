"""Pictures of an attempt: the needle's way in the head, and the ultrasound frames of its errors."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.cameras import axes_of
from sim.debrief.html import NOTHING, Html, esc, figure, image, joined, paragraph, tag
from sim.debrief.moments import Shot, passes_of, shots_of, telling_state
from sim.debrief.overlay import dot, overlaid, ring, words_beside
from sim.debrief.timeline import clock
from sim.picture import Camera
from sim.tables import table
from sim.training.state import TrialLog, TrialState
from sim.training.trial_events import spoken
from sim.training.trial_path import at_rest

if TYPE_CHECKING:
    from sim.app.scene.live import Scene
    from sim.training.world import World

Array = NDArray[np.float64]
MOST_LETTERS = 12
SIDES = ("posterior", "right", "left", "anterior")
NAMED: Mapping[str, str] = {
    "posterior": "behind", "anterior": "the front", "right": "the patient's right", "left": "the patient's left",
}  # fmt: skip


def facing(outward: Array) -> str:
    """Return the named view that looks most straight at a surface with an outward normal (3,)."""
    return max(SIDES, key=lambda name: float(axes_of(Camera(view=name))[0] @ outward))


def trace_figures(world: World, log: TrialLog, critical: Sequence[Mapping[str, Any]], scene: Scene) -> Html:
    """Return two pictures of the needle's way: the whole head, and from near.

    Parameters
    ----------
    world, log
    critical : sequence of mapping
        With `at_s`.
    scene : Scene
        Left as it was found but for what it shows.
    """
    state, passes = telling_state(log, critical), passes_of(world, log)
    if state is None or not passes:
        return paragraph("The needle was not brought under the skin, so that there is no way to show.")
    rules, texts = table("debrief")["pictures"], table("debrief")["captions"]
    view = facing(-np.mean([t.direction for t in world.targets], axis=0))
    scene.resize((int(rules["view_px"][0]), int(rules["view_px"][1])))
    shown = _shown(world, state, passes)
    scene.show("glass")
    scene.view(view)
    scene.update(**shown)
    often = f"{len(passes)} {'puncture' if len(passes) == 1 else 'punctures'}"
    far = str(texts["far"]).format(view=NAMED[view], time=clock(state.at_s), often=often)
    pictures = [figure(image(_jpeg(scene), f"3-D picture. {far}", scene.size), esc(far))]
    scene.show("nerves")
    points = np.concatenate([*passes, [_near_target(world, passes)]])
    low, high = points.min(axis=0), points.max(axis=0)
    scene.look_at((low + high) / 2, max(float(rules["near_mm"]), 1.3 * float((high - low).max())))
    scene.update(**shown | {"probe": None})
    near = f"{texts['near']} {_deposits_said(world, log)}".strip()
    picture = overlaid(_jpeg(scene), scene.size, f"3-D picture. {near}", _signs(world, log, passes, scene))
    pictures.append(figure(picture, esc(near)))
    scene.update()
    return joined([tag("div", *pictures, class_="two"), paragraph(texts["note"], "soft")])


def _jpeg(scene: Scene) -> bytes:
    return scene.jpeg(int(table("debrief")["pictures"]["quality"]), fine=True)


def _signs(world: World, log: TrialLog, passes: Sequence[Array], scene: Scene) -> list[Html]:
    """A ring about the target, and a dot with a letter for each deposit."""
    deposits = log.moments[-1].state.deposits[:MOST_LETTERS]
    places = scene.project(np.array([_near_target(world, passes), *(d.tip_mm for d in deposits)]))
    names = ["target", *(ascii_uppercase[i] for i in range(len(deposits)))]
    return [ring(places[0]), *(dot(place) for place in places[1:]), *words_beside(names, places, scene.size)]


def _deposits_said(world: World, log: TrialLog) -> str:
    """The letters of the deposits in words."""
    deposits = log.moments[-1].state.deposits[:MOST_LETTERS]
    told = [f"{ascii_uppercase[i]} {d.volume_ml:.2g} mL {place_said(world, d.inside, d.layers)}" for i, d in enumerate(deposits)]
    return f"{'; '.join(told)}." if told else "Nothing was given."


def _near_target(world: World, passes: Sequence[Array]) -> Array:
    """The point (3,) of the target nearest to the end of the last way: others may lie far off."""
    points = np.array([t.point_mm for t in world.targets])
    return np.asarray(points[int(np.argmin(np.linalg.norm(points - passes[-1][-1], axis=1)))])


def place_said(world: World, inside: str, layers: tuple[str, str]) -> str:
    """Return where a tip or a deposit lies, in words: 'in right trapezius', 'between ... and ...'."""
    beside = [spoken(world.anatomy, key) for key in layers if key]
    return f"between {' and '.join(beside)}" if len(beside) == 2 else f"in {spoken(world.anatomy, inside)}"


def _shown(world: World, state: TrialState, passes: Sequence[Array]) -> dict[str, Any]:
    """What the scene draws: as the app does, with needle and way carried back to the tissue at rest."""
    from sim.app.showing import shown_in

    shown = shown_in(world, state, "glass", None)
    shown["marks"], shown["trace"] = {}, np.concatenate(list(passes))
    held = state.needle
    if held is not None:
        entry, tip = at_rest(world, state, np.array([held.entry_mm, held.tip_mm]))
        way = tip - entry
        length = float(np.linalg.norm(way))
        direction = way / length if length > 1.0 else held.direction
        shown["needle"] = (entry, tip, direction, world.tool.diameter_mm, world.tool.length_mm)
    return shown


def scan_figures(world: World, log: TrialLog, critical: Sequence[Mapping[str, Any]]) -> Html:
    """Return the ultrasound frames of the errors and of the first injection, with outlines and names."""
    shots = shots_of(log, critical)
    if not shots:
        used = any(m.state.probe is not None for m in log.moments)
        text = "Nothing happened under the probe that calls for a picture." if used else "The probe was not used in this attempt."
        return paragraph(text)
    return joined(_scan_figure(world, shot) for shot in shots)


def _scan_figure(world: World, shot: Shot) -> Html:
    """One frame, as the scanner's screen shows it."""
    from sim.app.pictures import scan_image
    from sim.scans import ends_of
    from sim.ultrasound.screen import screen

    frame = scan_image(world, shot.state, shot.state.at_s)
    if frame is None:
        return NOTHING
    wide = int(table("debrief")["pictures"]["scan_px"])
    ends = ends_of(frame)
    shown = screen(frame, overlay=True, width_px=wide, ends=ends)
    out = io.BytesIO()
    shown.save(out, "JPEG", quality=int(table("debrief")["pictures"]["quality"]))
    alt = f"Ultrasound frame at {clock(shot.state.at_s)}, {ends[0]} at the left and {ends[1]} at the right. {shot.reason}"
    word = "word-bad" if shot.rank in (0, 2) else "word-warn" if shot.rank > 2 else None
    caption = joined([tag("strong", esc(clock(shot.state.at_s) + " ")), tag("span", esc(shot.reason), class_=word)], "")
    return figure(image(out.getvalue(), alt, shown.size), joined([caption, esc(_needle_said(world, shot.state))], " "), "beside")


def _needle_said(world: World, state: TrialState) -> str:
    """Where the needle was, in words."""
    held, probe = state.needle, state.probe
    if held is None or held.depth_mm <= 0 or probe is None:
        return "No needle in the patient."
    tip = world.truth.tip(at_rest(world, state, held.tip_mm[None])[0])
    off = float((held.tip_mm - probe.centre_mm) @ probe.elevation)
    place = "in the scanned plane" if abs(off) < 0.5 else f"{abs(off):.1f} mm out of the scanned plane"
    return f"Needle {held.depth_mm:.0f} mm along its shaft; the tip lies {place_said(world, tip.key, tip.layers)}, {place}."
