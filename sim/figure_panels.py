"""The pictures of a figure: what each panel shows and leaves out, and one scale for panels that are seen from one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from meshes._check import check_choice
from meshes.model import Anatomy
from scenarios.model import Scenario
from scenarios.products import Figure, Panel
from scenarios.selection import catalogue, select
from sim.cameras import View
from sim.compose import compose
from sim.insets import without_panel
from sim.page import lay_out
from sim.picture import Camera, Picture
from sim.stage import pieces_of
from sim.stills import standing
from sim.theme import load_theme

SCENARIO_PARTS: dict[str, dict[str, Any]] = {
    "needle": {"needle": None}, "lines": {"line": ()}, "maps": {"map": ()}, "ultrasound": {"ultrasound": None},
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One panel: its letter, what stands beside it, its picture, the view that it shows, and what the picture rests on."""

    letter: str
    title: str
    picture: Picture
    view: str
    sources: tuple[str, ...]


def figure_parts(
    scenario: Scenario, anatomy: Anatomy, figure: Figure, *, style: str | None = None, seed: int | None = None
) -> list[Part]:
    """Return the panels of a figure, bare of title, caption and sources, in the size of the scenario.

    Raises
    ------
    ScenarioError
        If a panel names what is not there, or leaves nothing to be shown.
    """
    made: dict[str, list[Picture]] = {}
    parts = []
    for i, panel in enumerate(figure.panel):
        view = panel.view or scenario.view[0].name
        changed = _changed(scenario, panel)
        key = f"{view} {panel.step} {panel.inject_ml} {sorted(panel.without)}"
        if key not in made:
            made[key] = compose(changed, anatomy, views=[view], style=style, seed=seed)
        with scenario.origin.at("figure", "panel", i, "step"):
            picture = _step(scenario, panel, made[key])
        picture = _bare(scenario, anatomy, picture, panel, i)
        letter = chr(ord("a") + i)
        name, sources = f"{scenario.name}-figure-{letter}", picture.sources
        picture = replace(picture, name=name, title="", caption="", sources=(), evidence="", disclaimer=False)
        parts.append(Part(letter, panel.title or "", picture, view, sources))
    return parts


def sized(parts: Sequence[Part], anatomy: Anatomy, size: tuple[int, int], unit: float) -> list[Part]:
    """Return the panels in a size; those of one view are drawn about one point at one scale."""
    parts = [replace(p, picture=replace(p.picture, width_px=size[0], height_px=size[1])) for p in parts]
    for view in dict.fromkeys(p.view for p in parts):
        alike = [i for i, p in enumerate(parts) if p.view == view]
        if len(alike) > 1:
            cameras = _one_scale([parts[i].picture for i in alike], anatomy, unit)
            for i, camera in zip(alike, cameras, strict=True):
                parts[i] = replace(parts[i], picture=replace(parts[i].picture, camera=camera))
    return parts


def _one_scale(pictures: Sequence[Picture], anatomy: Anatomy, unit: float) -> list[Camera]:
    """The cameras of pictures of one view, about one point, at the scale of that which needs the most room."""
    views = [_view(picture, anatomy, unit) for picture in pictures]
    scale = min(v.px_per_mm for v in views)
    x, y, z = (float(v) for v in views[0].focus_mm)
    return [
        replace(p.camera, focus_mm=(x, y, z), width_mm=v.width_px / scale, zoom=1.0) for p, v in zip(pictures, views, strict=True)
    ]


def _view(picture: Picture, anatomy: Anatomy, unit: float) -> View:
    """How the camera of a picture would stand."""
    theme = load_theme(picture.style)
    page = lay_out(without_panel(picture), theme, unit=unit)
    known = picture.camera.width_mm is not None and picture.camera.focus_mm is not None
    return standing(anatomy, picture, [] if known else pieces_of(anatomy, picture, theme), page)


def _changed(scenario: Scenario, panel: Panel) -> Scenario:
    """The scenario without what a panel leaves out, as far as that is a part of the scenario."""
    change: dict[str, Any] = {}
    for name in panel.without:
        change |= SCENARIO_PARTS.get(name, {})
    if panel.inject_ml is not None and scenario.ultrasound is not None and "ultrasound" not in panel.without:
        change["ultrasound"] = scenario.ultrasound.model_copy(update={"inject_ml": panel.inject_ml})
    if panel.step is None:
        change["step"] = ()
    return scenario.model_copy(update=change)


def _step(scenario: Scenario, panel: Panel, pictures: Sequence[Picture]) -> Picture:
    """The picture of the step that a panel asks for."""
    if panel.step is None:
        return pictures[0]
    names = [step.name for step in scenario.step]
    return pictures[names.index(check_choice("step", panel.step, names))]


def _bare(scenario: Scenario, anatomy: Anatomy, picture: Picture, panel: Panel, index: int) -> Picture:
    """The picture without the structures and marks that a panel leaves out."""
    with scenario.origin.at("figure", "panel", index, "hide"):
        known = [*catalogue(), *(k for k in anatomy.structures if k not in catalogue())]
        gone = set(select(panel.hide, known)) if panel.hide else set[str]()
        shown = tuple(s for s in picture.shown if s.key not in gone)
        if not shown:
            raise ValueError("hides all that is shown; the panel would be empty.")
    labels = tuple(label for label in picture.labels if label.key not in gone)
    out = replace(picture, shown=shown, labels=labels)
    if "probe" in panel.without:
        out = replace(out, probe=None)
    if "markers" in panel.without:
        own = {row.text for row in scenario.legend}
        rows = tuple(item for item in out.legend if item.sign != "dot" or item.text in own)
        out = replace(out, markers=(), legend=rows, show_units=False)
    return out
