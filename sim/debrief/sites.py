"""The body map of a series of sites: where product was given, and where it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.cameras import axes_of
from sim.debrief.charts import figure_of
from sim.debrief.html import NOTHING, Html, esc, figure, joined, table, tag
from sim.debrief.overlay import cross, dot, link, overlaid, ring, words_beside
from sim.debrief.pictures import NAMED, place_said
from sim.picture import Camera
from sim.tables import table as data
from sim.training.metrics_attempt import Attempt
from sim.training.metrics_sites import doubled
from sim.training.state import TrialLog

if TYPE_CHECKING:
    from scenarios.targets import FoundTarget
    from sim.app.scene.live import Scene
    from sim.training.world import World

Array = NDArray[np.float64]
VIEWS = ("anterior", "posterior", "right", "left")
FACES = 0.45  # cosine between skin and view from which a site is drawn
SAID_MM = 1e-9
ROOM = 1.1


@dataclass(frozen=True, eq=False)
class SiteRow:
    """A site, and what was given there.

    Parameters
    ----------
    target : FoundTarget
    entry_mm : (3,) array or None
        Where the needle entered for its first injection; None if nothing was given.
    error_mm : float or None
        From there to the site, on the skin.
    volume_ml, units : float
        Given.
    inside : str
        What the tip lay in, in words.
    right_muscle : bool or None
        None where no muscle is meant, or nothing was given.
    twice : bool
        Clearly more than planned.
    """

    target: FoundTarget
    entry_mm: Array | None
    error_mm: float | None
    volume_ml: float
    units: float
    inside: str
    right_muscle: bool | None
    twice: bool


def has_map(world: World) -> bool:
    """Return whether a procedure is a series of sites that a map shows better than one needle's way."""
    return len(world.targets) > 2 and any(t.kind in ("sites", "attachment") for t in world.targets)


def site_rows(world: World, log: TrialLog) -> tuple[SiteRow, ...]:
    """Return every site in the order of giving."""
    attempt = Attempt(world, log)
    twice = {t.id for t in doubled(attempt)}
    rows = []
    for target, given in attempt.by_target:
        held = [g.state.needle for g in given if g.state.needle is not None]
        entries = [needle.entry_mm for needle in held]
        off = float(np.mean([np.linalg.norm(e - target.skin_mm) for e in entries])) if entries else None
        volume = float(sum(g.deposit.volume_ml for g in given))
        hit = None
        if given and target.muscles:
            hit = all({g.deposit.inside, *g.deposit.layers} & set(target.muscles) for g in given)
        places = dict.fromkeys(place_said(world, g.deposit.inside, g.deposit.layers) for g in given)
        units, first = volume * world.procedure.product.units_per_ml, entries[0] if entries else None
        rows.append(SiteRow(target, first, off, volume, units, ", ".join(places), hit, target.id in twice))
    return tuple(sorted(rows, key=lambda row: row.target.order))


def site_map(world: World, rows: tuple[SiteRow, ...], scene: Scene) -> Html:
    """Return the head and neck from four sides, with true sites as rings and injections as dots.

    Parameters
    ----------
    world : World
    rows : tuple of SiteRow
    scene : Scene
    """
    rules = data("debrief")["pictures"]
    size = int(rules["map_px"][0]), int(rules["map_px"][1])
    scene.resize(size)
    scene.show("skin")
    scene.update()
    shown = _shared_out(world, rows)
    sides = [_side(held, scene, name, int(rules["quality"])) for name, held in zip(VIEWS, shown, strict=True)]
    key = data("debrief")["captions"]["map"]
    return joined([tag("p", esc(key)), tag("div", *(side for side in sides if side), class_="two")])


def _shared_out(world: World, rows: tuple[SiteRow, ...]) -> list[list[SiteRow]]:
    """The sites that face each view; one that faces none goes to the view that it faces most."""
    normals = world.ground.skin.closest(np.array([row.target.skin_mm for row in rows]))[1]
    facing = normals @ np.array([axes_of(Camera(view=name))[0] for name in VIEWS]).T
    seen = (facing > FACES) | (facing >= facing.max(axis=1, keepdims=True))
    return [[row for row, yes in zip(rows, column, strict=True) if yes] for column in seen.T]


def _side(shown: list[SiteRow], scene: Scene, name: str, quality: int) -> Html:
    """The map of some sites from one side; nothing without any."""
    if not shown:
        return NOTHING
    scene.view(name)
    spots = np.array([row.target.skin_mm for row in shown])
    entries = [row.entry_mm for row in shown if row.entry_mm is not None]
    _frame(scene, np.concatenate([spots, *([e[None] for e in entries])]))
    pixels = scene.project(spots)
    signs = [_signs(row, pixel, scene) for row, pixel in zip(shown, pixels, strict=True)]
    dots = scene.project(np.array(entries)) if entries else None
    signs += words_beside([str(row.target.order) for row in shown], pixels, scene.size, dots)
    given = sum(row.entry_mm is not None for row in shown)
    alt = f"Body map from {NAMED[name]}: {len(shown)} sites, {given} of them given."
    caption = esc(f"From {NAMED[name]}: {given} of {len(shown)} sites given.")
    return figure(overlaid(scene.jpeg(quality, fine=True), scene.size, alt, signs), caption)


def _frame(scene: Scene, places: Array) -> None:
    """Widen the view until all places lie within."""
    pixels = scene.project(places)
    half = np.array(scene.size) / 2
    need = float(np.abs((pixels - half) / half).max()) * ROOM
    if need > 1:
        scene.zoom(1 / need)


def _signs(row: SiteRow, place: Array, scene: Scene) -> Html:
    """A ring at the true place (2,), and what was given."""
    if row.entry_mm is None:
        return tag("g", ring(place), cross(place))
    entry = scene.project(row.entry_mm)[0]
    return tag("g", ring(place), link(place, entry), dot(entry))


def site_table(world: World, rows: tuple[SiteRow, ...]) -> Html:
    """Return the table of sites: error, muscle, volume or units."""
    toxin = world.procedure.product.units_per_ml > 0
    head = ["No.", "Site", "Error on the skin", "The tip lay", "Given" + (", U" if toxin else ", mL"), "Planned"]
    lines = []
    for row in rows:
        t = row.target
        given, planned = (row.units, t.units) if toxin else (row.volume_ml, t.volume_ml)
        if row.entry_mm is None and given <= SAID_MM:
            amount, place, off = tag("span", esc("nothing given"), class_="word-bad"), esc("–"), esc("–")
        else:
            said = figure_of(given) + (" (more than planned)" if row.twice else "")
            amount = tag("span", esc(said), class_="word-bad" if row.twice else None)
            place = _place(row)
            off = esc("–" if row.error_mm is None else f"{row.error_mm:.1f} mm")
        lines.append([esc(t.order), esc(f"{t.id.replace('_', ' ')}: {t.text}"), off, place, amount, esc(figure_of(planned))])
    return table("Every site, in the order of the plan", head, lines, class_="sites")


def _place(row: SiteRow) -> Html:
    """What the tip lay in, and whether that was right."""
    if row.right_muscle is None:
        return esc(row.inside or "–")
    word = ("as meant", "word-good") if row.right_muscle else ("not the muscle meant", "word-bad")
    return joined([esc(f"{row.inside} "), tag("span", esc(f"({word[0]})"), class_=word[1])], "")
