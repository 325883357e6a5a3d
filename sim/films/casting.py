"""From a scenario and the wishes of the command line to what a film is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from meshes._check import check_choice
from meshes.model import Anatomy
from scenarios.basics import CameraName
from scenarios.measured import measured
from scenarios.model import Scenario
from scenarios.products import Film
from sim.compose import compose
from sim.films.easing import Stand, stand_of
from sim.films.furniture import FilmPage, film_page
from sim.films.kinds import Cast
from sim.insets import without_panel
from sim.page import lay_out
from sim.picture import Picture
from sim.skin_paint import whole_legend
from sim.stage import pieces_of
from sim.stills import standing
from sim.theme import load_theme

MOST_UPRIGHT = 0.85  # height by width of a still that a film, which is wider, must show whole


def film_of(scenario: Scenario, wishes: dict[str, Any]) -> Film:
    """Return the film that a scenario describes, with `wishes` in place of its own settings where they are not None.

    Raises
    ------
    ValueError
        If a wish is out of range; the text names it.
    """
    own = (scenario.film or Film()).model_dump()
    if wishes.get("kind") not in (None, own["kind"]):
        own |= {"caption": (), "stop": ()}  # written for another kind of film
    return Film.model_validate(own | {k: v for k, v in wishes.items() if v is not None})


def cast_of(
    scenario: Scenario, anatomy: Anatomy, film: Film, *, style: str | None = None, seed: int | None = None
) -> tuple[Cast, FilmPage]:
    """Return what a film is made of, and the page of its frames.

    Raises
    ------
    ScenarioError
        If the scenario cannot be shown.
    ValueError
        If a view or step is not known.
    """
    scenario, film = measured(scenario, anatomy), measured(film, anatomy)
    names = _views(scenario, film)
    made = []
    for name in names:
        pictures = compose(scenario, anatomy, views=[name], size=film.size, style=style, seed=seed)
        made.append((name, tuple(_for_film(p, scenario) for p in pictures)))
    page = _page(made[0][1], film, [p for _, pictures in made for p in pictures])
    by_view = tuple((name, pictures, _stand(anatomy, pictures[0], page)) for name, pictures in made)
    return Cast(scenario, anatomy, film, made[0][1], by_view), page


def _views(scenario: Scenario, film: Film) -> list[str]:
    """The views that a film uses, its own first; of a tour, those of its stops."""
    first = film.view or scenario.view[0].name
    check_choice("view", first, dict.fromkeys([*(v.name for v in scenario.view), *get_args(CameraName)]))
    if film.kind != "tour":
        return [first]
    stops = [s.view for s in film.stop] or [v.name for v in scenario.view]
    return list(dict.fromkeys(stops))


def _for_film(picture: Picture, scenario: Scenario) -> Picture:
    """A picture on paper, in which what is hidden stays hidden, with a legend that holds from every side."""
    shown = tuple(replace(x, behind="hidden") for x in picture.shown)
    plain = scenario.labels.plain or load_theme(picture.style).plain
    return whole_legend(replace(picture, shown=shown, transparent=False), scenario.map, plain=plain)


def _page(pictures: Sequence[Picture], film: Film, every: Sequence[Picture]) -> FilmPage:
    """The page of the frames, with room for whatever any of them holds."""
    captions = [c.text for c in film.caption] + [s.caption for s in film.stop]
    if film.kind == "layer-peel" or (film.kind == "tour" and not film.stop):
        whole = film.kind == "layer-peel" and len(pictures) > 1  # its steps; else layers are found, each with few words
        captions += [p.caption if whole else p.caption.split(". ")[0] for p in every]
    panel = film.kind in ("needle-path", "ultrasound-sweep") and pictures[-1].inset is not None
    names = film.kind not in ("turntable", "ultrasound-sweep") and any(p.labels for p in every)
    return film_page(every, load_theme(pictures[0].style), captions, panel=panel, names=names)


def _stand(anatomy: Anatomy, picture: Picture, page: FilmPage) -> Stand:
    """The camera of a picture in the film's drawing, which shows what the still of it does."""
    camera, theme = picture.camera, load_theme(picture.style)
    told = camera.focus_mm is not None and camera.width_mm is not None
    still = lay_out(without_panel(picture), theme).drawing
    view = standing(anatomy, picture, [] if told else pieces_of(anatomy, picture, theme), page.page)
    if told:
        width_mm = float(camera.width_mm or 0.0) / camera.zoom
        height_mm = width_mm * min(still.height / still.width, MOST_UPRIGHT)
        px_per_mm = min(view.width_px / width_mm, view.height_px / height_mm)
        view = replace(view, px_per_mm=px_per_mm)
    return stand_of(camera, view)
