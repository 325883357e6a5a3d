"""From a scenario to the script of a film: what happens in each of the five kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.model import Anatomy
from scenarios.model import Scenario
from scenarios.products import Film, FilmStop
from sim.cameras import axes_of
from sim.films.easing import Stand, between, eased, there_and_back
from sim.films.layers import layered
from sim.films.script import Moment, Script, caption_at
from sim.picture import Picture
from sim.scans import Sweep

MOST_FRAMES = 6000
WHOLE_MM = 200.0  # a view that shows more turns about the axis of the head, a closer one about what it looks at
MOVE_S, FADE_S = 1.8, 0.45  # of a camera from stop to stop; of labels
CHANGE = 0.45  # of a step's time in a layer peel that is the change to it
DRAWN_BACK_MM = 28.0  # from which a needle comes
CLOSER = 0.5  # of the width, where a needle film ends
CLOSEST_MM = 80.0
ASIDE_DEG, TURN_DEG = 45.0, 3  # least angle between sight and needle where a needle film ends; steps of the search
IN, AT_REST, NAMED = 0.16, 0.72, 0.78  # shares of a needle film: it starts to move, the tip is there, names come


@dataclass(frozen=True)
class Cast:
    """What a film is made of.

    Parameters
    ----------
    scenario : Scenario
    anatomy : Anatomy
    film : Film
        Its settings, with what the command line put in their place.
    pictures : tuple of Picture
        Of the film's view, one for each step of the scenario; of its size and style.
    by_view : tuple of (str, tuple of Picture, Stand)
        Every view that the film uses, the film's own first: its name, its pictures as above, its camera in the film's drawing.
    """

    scenario: Scenario
    anatomy: Anatomy
    film: Film
    pictures: tuple[Picture, ...]
    by_view: tuple[tuple[str, tuple[Picture, ...], Stand], ...]

    @property
    def stand(self) -> Stand:
        """The camera of the film's view."""
        return self.by_view[0][2]

    def frames(self, seconds: float | None = None) -> int:
        """Number of frames of the film, or of some seconds of it."""
        return max(1, round((self.film.seconds if seconds is None else seconds) * self.film.fps))


def script_of(cast: Cast) -> Script:
    """Return the script of a film.

    Raises
    ------
    ValueError
        If the scenario lacks what the kind of film shows, or the film would be too long.
    """
    makers = {
        "turntable": _turntable, "layer-peel": _layer_peel, "needle-path": _needle_path, "ultrasound-sweep": _sweep,
        "tour": _tour,
    }  # fmt: skip
    script = makers[check_choice("kind", cast.film.kind, makers)](cast)
    if len(script.moments) > MOST_FRAMES:
        raise ValueError(
            f"the film would have {len(script.moments)} frames; the most are {MOST_FRAMES}: make it shorter or slower."
        )
    return script


def _turntable(cast: Cast) -> Script:
    """A full turn; the first frame follows the last."""
    n, stand = cast.frames(), _on_axis(cast)
    moments = tuple(Moment(stand.turned(360.0 * i / n), caption=caption_at(cast.film.caption, i / n)) for i in range(n))
    return Script("turntable", _plain(cast.pictures[:1]), moments, cast.film.fps, cast.film.bar, loops=True)


def _on_axis(cast: Cast) -> Stand:
    """The camera, looking at the axis of the head if it sees much of it."""
    stand, skin = cast.stand, cast.anatomy.structures.get("skin")
    if stand.width_mm < WHOLE_MM or skin is None:
        return stand
    head = skin.mesh.vertices_mm[skin.mesh.vertices_mm[:, 2] > stand.focus_mm[2]]
    if not len(head):
        return stand
    y = float((head[:, 1].min() + head[:, 1].max()) / 2)
    return replace(stand, focus_mm=(0.0, round(y, 1), stand.focus_mm[2]))


def _plain(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Pictures without names that lead to a place: they would have to jump about."""
    return tuple(replace(p, labels=()) for p in pictures)


def _layer_peel(cast: Cast) -> Script:
    """Layer after layer fades away under a camera that rests, from outside inward."""
    pictures = cast.pictures if len(cast.pictures) > 1 else layered(cast.pictures[0], cast.anatomy)
    if len(pictures) < 2:
        raise ValueError("nothing of what is shown lies over anything else; a layer peel needs at least two layers.")
    each, fps = cast.film.seconds / len(pictures), cast.film.fps
    moments = []
    for i in range(cast.frames()):
        at = i / fps / each
        scene = min(int(at), len(pictures) - 1)
        inside = at - scene
        change = 0.0 if scene == len(pictures) - 1 else eased((inside - (1 - CHANGE)) / CHANGE)
        names = 1.0 - eased((inside - (1 - CHANGE)) / (CHANGE / 3)) if scene < len(pictures) - 1 else 1.0
        names *= 1.0 if scene == 0 else eased(inside * each / FADE_S)
        told = pictures[scene if change <= 0 else min(scene + 1, len(pictures) - 1)].caption
        caption = caption_at(cast.film.caption, i / cast.frames(), told)
        moments.append(Moment(cast.stand, scene, min(scene + 1, len(pictures) - 1), change, caption, names))
    return Script("layer-peel", tuple(pictures), tuple(moments), fps, cast.film.bar)


def _needle_path(cast: Cast) -> Script:
    """The needle comes, goes in and rests at its target, while the camera eases closer."""
    picture = cast.pictures[-1]
    if not picture.needles:
        raise ValueError("the scenario has no needle; add [needle] to it, or ask for another kind of film.")
    first = picture.needles[0]
    entry, tip = np.array(first.entry_mm), np.array(first.tip_mm)
    start = float(np.linalg.norm(tip - entry)) + DRAWN_BACK_MM
    x, y, z = (round(float(v), 2) for v in (entry + tip) / 2)
    width = max(CLOSER * cast.stand.width_mm, min(CLOSEST_MM, cast.stand.width_mm))
    closer = replace(aside(cast.stand, entry, tip), focus_mm=(x, y, z), width_mm=width)
    fluid = picture.inset.inject_ml if picture.inset is not None else 0.0
    n, moments = cast.frames(), []
    for i in range(n):
        at = i / max(n - 1, 1)
        gone = eased((at - IN) / (AT_REST - IN))
        names = eased((at - NAMED) * max(cast.film.seconds / FADE_S, 2 / (1 - NAMED)))
        stand = between(cast.stand, closer, eased(at / AT_REST))
        given = round(fluid * eased((at - AT_REST) / (0.94 - AT_REST)), 3)
        caption = caption_at(cast.film.caption, at)
        moments.append(
            Moment(
                stand,
                caption=caption,
                names=names,
                away_mm=round(start * (1 - gone), 3),
                inject_ml=given,
                marks=1 - eased(2 * gone),
            )
        )
    return Script("needle-path", (picture,), tuple(moments), cast.film.fps, cast.film.bar)


def aside(stand: Stand, entry: NDArray[np.float64], tip: NDArray[np.float64]) -> Stand:
    """Return a camera turned about the vertical by no more than is needed to see a needle from the side, not end on.

    The shorter way round; of two like ones, that toward the needle's side of the body.
    """
    line = (tip - entry) / max(float(np.linalg.norm(tip - entry)), 1e-9)
    most = float(np.cos(np.radians(ASIDE_DEG)))
    stands = [(abs(t), stand.turned(t)) for t in range(-60, 61, TURN_DEG)]
    seen = [(far, axes_of(s.camera())[0], s) for far, s in stands]
    fit = [(far, -float(toward[0] * entry[0]), s) for far, toward, s in seen if abs(float(toward @ line)) <= most]
    return min(fit, key=lambda found: found[:2])[2] if fit else stand


def _sweep(cast: Cast) -> Script:
    """The probe moves there and back beside its image."""
    picture = cast.pictures[-1]
    if picture.probe is None or picture.inset is None:
        raise ValueError(
            "the scenario has no ultrasound image; add [probe] and [ultrasound] to it, or ask for another kind of film."
        )
    sweep = sweep_of(cast.film)
    once = sweep.what in ("needle", "inject", "time")
    if sweep.what in ("needle", "inject") and picture.inset.aim is None:
        raise ValueError(f"a sweep of {sweep.what} needs a needle in the plane; add [needle] to the scenario.")
    if not once:
        picture = replace(picture, needles=())
    n, moments = cast.frames(), []
    for i in range(n):
        at = i / n
        share = eased(i / max(0.9 * (n - 1), 1)) if once else there_and_back(at)
        value = round(sweep.start + (sweep.end - sweep.start) * share, 4)
        moments.append(Moment(cast.stand, caption=caption_at(cast.film.caption, at), swept=value))
    return Script("ultrasound-sweep", _plain((picture,)), tuple(moments), cast.film.fps, cast.film.bar, loops=not once)


def sweep_of(film: Film) -> Sweep:
    """Return the sweep that a film asks for. Raises ValueError unless it is WHAT:FROM:TO within reach."""
    text = film.sweep or "slide:-10:10"
    what, *ends = text.split(":")
    try:
        start, end = (float(v) for v in ends)
    except ValueError as error:
        raise ValueError(f"sweep is {text!r}; it must be WHAT:FROM:TO, such as slide:-10:10 or needle:0:1.") from error
    return Sweep(what, start, end)


def _tour(cast: Cast) -> Script:
    """The camera eases from stop to stop and rests at each, where names and captions appear."""
    views = {name: (pictures, stand) for name, pictures, stand in cast.by_view}
    scenes: list[Picture] = []
    rests: list[tuple[int, Stand, float, str]] = []
    for stop in _stops(cast):
        pictures, stand = views[stop.view]
        picture = pictures[_step(cast.scenario, stop.step)] if stop.step is not None else pictures[0]
        if picture not in scenes:
            scenes.append(picture)
        rests.append((scenes.index(picture), stand, stop.seconds, stop.caption))
    moments: list[Moment] = []
    for i, (scene, stand, seconds, caption) in enumerate(rests):
        moments += _resting(cast, scene, stand, seconds, caption, first=i == 0, last=i + 1 == len(rests))
        if i + 1 < len(rests):
            moments += _moving(cast, rests[i], rests[i + 1])
    return Script("tour", tuple(scenes), tuple(moments), cast.film.fps, cast.film.bar)


def _stops(cast: Cast) -> Sequence[FilmStop]:
    """The stops that the film names, else every view of the scenario in turn."""
    if cast.film.stop:
        return cast.film.stop
    return [FilmStop(view=name, caption=pictures[0].caption.split(". ")[0]) for name, pictures, _ in cast.by_view]


def _step(scenario: Scenario, name: str) -> int:
    """Index of a step."""
    names = [s.name for s in scenario.step]
    return names.index(check_choice("step", name, names))


def _resting(cast: Cast, scene: int, stand: Stand, seconds: float, caption: str, *, first: bool, last: bool) -> list[Moment]:
    """The frames of a stop; names fade in, and out before the camera moves on."""
    n, out = cast.frames(seconds), []
    for i in range(n):
        since, left = (i + 1) / cast.film.fps, (n - i) / cast.film.fps
        names = min(1.0 if first else eased(since / FADE_S), 1.0 if last else eased(left / FADE_S))
        out.append(Moment(stand, scene, scene, 0.0, caption, names))
    return out


def _moving(cast: Cast, here: tuple[int, Stand, float, str], there: tuple[int, Stand, float, str]) -> list[Moment]:
    """The frames between two stops."""
    n, out = cast.frames(MOVE_S), []
    for i in range(1, n + 1):
        share = eased(i / (n + 1))
        stand = between(here[1], there[1], share)
        out.append(Moment(stand, here[0], there[0], share if here[0] != there[0] else 0.0, here[3] if i <= n // 2 else there[3]))
    return out
