"""What the types of a scenario cannot refuse: names that mean nothing, keys that do not go together."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from meshes._check import unknown
from scenarios.basics import Place
from scenarios.faults import KeyPath
from scenarios.measured import faults_of_measures
from scenarios.model import Scenario
from scenarios.selection import catalogue, procedure_names, select_one

Fault = tuple[KeyPath, str]


def faults(scenario: Scenario) -> list[str]:
    """Return one line for each fault of a scenario whose types are sound."""
    found = [*_unknown_structures(scenario), *_procedure(scenario), *_names_twice(scenario), *_flat_cuts(scenario)]
    found += [*_sites_of_nothing(scenario), *_ultrasound(scenario), *_control_characters(scenario, ())]
    found += [*_views_and_steps(scenario), *_film(scenario), *_page(scenario), *_maps(scenario), *faults_of_measures(scenario)]
    return [scenario.origin.fault(path, message) for path, message in found]


def _unknown_structures(scenario: Scenario) -> Iterator[Fault]:
    for path, name in _structure_names(scenario):
        try:
            select_one(name, catalogue())
        except ValueError as error:
            yield path, str(error)


def _structure_names(scenario: Scenario) -> Iterator[tuple[KeyPath, str]]:
    lists: list[tuple[KeyPath, tuple[str, ...]]] = [(("labels", "structures"), scenario.labels.structures)]
    lists += [(("show", i, "structures"), s.structures) for i, s in enumerate(scenario.show)]
    lists += [(("cut", i, "structures"), s.structures) for i, s in enumerate(scenario.cut)]
    lists += [(("view", i, "hide"), s.hide) for i, s in enumerate(scenario.view)]
    lists += [(("view", i, "label"), s.label) for i, s in enumerate(scenario.view)]
    lists += [(("step", i, "remove"), s.remove) for i, s in enumerate(scenario.step)]
    lists += [(("step", i, "label"), s.label) for i, s in enumerate(scenario.step)]
    lists += [(("figure", "panel", i, "hide"), p.hide) for i, p in enumerate(scenario.figure.panel if scenario.figure else ())]
    if scenario.window:
        lists.append((("window", "structures"), scenario.window.structures))
    for path, names in lists:
        yield from (((*path, i), name) for i, name in enumerate(names))
    for path, place in places(scenario, ()):
        if place.structure is not None:
            yield (*path, "structure"), place.structure


def _procedure(scenario: Scenario) -> Iterator[Fault]:
    asked = scenario.procedure
    if asked is None:
        return
    if asked.name != "preempt" and asked.follow_the_pain:
        yield ("procedure", "follow_the_pain"), f"only preempt has extra sites; the procedure is {asked.name!r}."
    if asked.name == "preempt" and "side" in asked.model_fields_set and asked.side != "both":
        yield ("procedure", "side"), f"is {asked.side!r}; preempt is always on both sides. Leave the key out."
    if asked.definitions and not asked.name.startswith("gon-block"):
        yield ("procedure", "definitions"), f"belongs to the blocks of the greater occipital nerve, not to {asked.name}."
    if asked.name != "preempt" and asked.show_units:
        yield ("procedure", "show_units"), f"counts units of toxin; {asked.name} gives none. Leave the key out."


def _ultrasound(scenario: Scenario) -> Iterator[Fault]:
    if scenario.ultrasound is not None and scenario.probe is None:
        yield ("ultrasound",), "needs a probe; add a table [probe]."
    if scenario.ultrasound is not None and scenario.ultrasound.inject_ml > 0 and scenario.needle is None:
        yield ("ultrasound", "inject_ml"), "needs a needle; add a table [needle]."


def _names_twice(scenario: Scenario) -> Iterator[Fault]:
    for kind, names in (("view", [v.name for v in scenario.view]), ("step", [s.name for s in scenario.step])):
        for i, name in enumerate(names):
            if name in names[:i]:
                yield (kind, i, "name"), f"two {kind}s are called {name!r}; give each its own name."


def _views_and_steps(scenario: Scenario) -> Iterator[Fault]:
    """Yield the names of views and steps, in figure and film, that the scenario has not."""
    views, steps = [v.name for v in scenario.view], [s.name for s in scenario.step]
    asked: list[tuple[KeyPath, str | None, str | None]] = []
    if scenario.figure:
        asked += [(("figure", "panel", i), p.view, p.step) for i, p in enumerate(scenario.figure.panel)]
    if scenario.film:
        asked.append((("film",), scenario.film.view, None))
        asked += [(("film", "stop", i), s.view, s.step) for i, s in enumerate(scenario.film.stop)]
    for path, view, step in asked:
        if view is not None and view not in views:
            yield (*path, "view"), unknown("view", view, views)
        if step is not None and step not in steps:
            yield (*path, "step"), unknown("step", step, steps) if steps else f"is {step!r}; the scenario has no [[step]]."


def _film(scenario: Scenario) -> Iterator[Fault]:
    """Yield what a film lacks, so that it is told before the first picture is made."""
    film = scenario.film
    if film is None:
        return
    if film.kind == "tour" and not film.stop:
        yield ("film",), "a tour needs stops; add tables [[film.stop]]."
    if film.kind != "tour" and film.stop:
        yield ("film", "stop"), f"belongs to a tour; the film is a {film.kind}."
    if film.kind == "needle-path" and scenario.needle is None:
        yield ("film", "kind"), "is 'needle-path', which needs a needle; add a table [needle]."
    if film.kind == "ultrasound-sweep" and scenario.probe is None:
        yield ("film", "kind"), "is 'ultrasound-sweep', which needs a probe; add a table [probe]."
    if film.sweep is not None and film.kind != "ultrasound-sweep":
        yield ("film", "sweep"), f"belongs to an ultrasound-sweep; the film is a {film.kind}."
    times = [caption.at for caption in film.caption]
    if times != sorted(times):
        yield ("film", "caption"), "stand out of order; `at` must rise from one to the next."


def _page(scenario: Scenario) -> Iterator[Fault]:
    page = scenario.page
    if page is not None and page.procedure is not None and page.procedure not in procedure_names():
        yield ("page", "procedure"), unknown("procedure", page.procedure, procedure_names())


def _maps(scenario: Scenario) -> Iterator[Fault]:
    if scenario.map:
        from scenarios.skin_maps import map_names

        names = map_names()
        wrong = ((i, m.region) for i, m in enumerate(scenario.map) if m.region not in names)
        yield from ((("map", i, "region"), unknown("region", region, names)) for i, region in wrong)


def _flat_cuts(scenario: Scenario) -> Iterator[Fault]:
    for i, cut in enumerate(scenario.cut):
        if cut.normal is not None and max(abs(x) for x in cut.normal) < 1e-9:
            yield ("cut", i, "normal"), "has no length, so it points nowhere; give a direction such as [0, 0, 1]."


def _sites_of_nothing(scenario: Scenario) -> Iterator[Fault]:
    if scenario.procedure is None:
        for path, place in places(scenario, ()):
            if place.site is not None:
                yield (
                    (*path, "site"),
                    f"{place.site!r} is a site of a procedure, and there is none; add a table [procedure].",
                )


def _control_characters(part: Any, path: KeyPath) -> Iterator[Fault]:
    """Line ends and tabs are blanks; all other control characters cannot be drawn."""
    if isinstance(part, str):
        wrong = next((x for x in part if unicodedata.category(x) == "Cc" and x not in "\n\r\t"), None)
        if wrong is not None:
            yield path, f"holds the control character U+{ord(wrong):04X}, which cannot be drawn."
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _control_characters(getattr(part, name), (*path, name))
    elif isinstance(part, tuple):
        for i, item in enumerate(part):
            yield from _control_characters(item, (*path, i))


def places(part: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Place]]:
    """Yield every `Place` of a scenario with its path."""
    if isinstance(part, Place):
        yield path, part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from places(getattr(part, name), (*path, name))
    elif isinstance(part, tuple):
        for i, item in enumerate(part):
            yield from places(item, (*path, i))
