"""From scenarios to PNG, SVG and PDF files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from meshes._check import check_choice
from meshes.model import Anatomy
from scenarios.model import Scenario
from sim.anatomies import anatomy_for
from sim.compose import compose
from sim.picture import Picture
from sim.release import program_version

if TYPE_CHECKING:
    from sim.vector_plate import Plate

FORMATS = ("png", "svg", "pdf")


def render(
    scenario: Scenario,
    folder: str | Path,
    *,
    views: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    style: str | None = None,
    seed: int | None = None,
    formats: Sequence[str] = ("png",),
    transparent: bool = False,
    figure: bool = False,
) -> list[Path]:
    """Write the pictures of a scenario as files and return their paths.

    Parameters
    ----------
    scenario, folder
        From `load_scenario`; made if it does not exist.
    views, size, style, seed
        As in `sim.compose.compose`.
    formats : sequence of {'png', 'svg', 'pdf'}
        One file of each for every picture. SVG and PDF keep text and lines as such.
    transparent : bool
        No paper behind the drawing, also where the scenario does not ask for that.
    figure : bool
        One page of the scenario's panels in place of its views.

    Raises
    ------
    ScenarioError
        If the scenario cannot be shown, or a figure is asked for and it has none.
    ValueError
        If a format is not known.
    OSError
        If a file cannot be written; none is left half-written.
    """
    for name in formats:
        check_choice("format", name, FORMATS)
    anatomy, target = anatomy_for(scenario), Path(folder)
    look: dict[str, Any] = {"size": size, "style": style, "seed": seed, "transparent": transparent}
    if figure:
        return _render_figure(scenario, anatomy, target, formats, look)
    pictures = pictures_of(scenario, anatomy, views=views, **look)
    target.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        write_picture(picture, anatomy, target / file_name(picture), scenario, formats=formats)
    return [target / f"{picture.name}.{ending}" for picture in pictures for ending in formats]


def _render_figure(
    scenario: Scenario, anatomy: Anatomy, folder: Path, formats: Sequence[str], look: Mapping[str, Any]
) -> list[Path]:
    """Write the figure of a scenario."""
    from sim.figures import figure_of

    page = figure_of(scenario, anatomy, **look)
    folder.mkdir(parents=True, exist_ok=True)
    return write_plate(page.plate, folder / file_name(page.frame), metadata(page.frame, anatomy, scenario), formats)


def pictures_of(
    scenario: Scenario,
    anatomy: Anatomy,
    *,
    views: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    style: str | None = None,
    seed: int | None = None,
    transparent: bool = False,
) -> list[Picture]:
    """Return the pictures of a scenario as `render` draws them. Raises as `sim.compose.compose` does."""
    pictures = compose(scenario, anatomy, views=views, size=size, style=style, seed=seed)
    bare = transparent or scenario.transparent
    return [replace(picture, transparent=True) for picture in pictures] if bare else pictures


def write_picture(
    picture: Picture, anatomy: Anatomy, path: Path, scenario: Scenario, *, formats: Sequence[str] = ("png",)
) -> tuple[str, ...]:
    """Draw one picture into a file of each format, beside `path`; return the labels for which there was no room."""
    from sim.stills import compose_still

    made = compose_still(anatomy, picture)
    write_plate(made.plate, path, metadata(picture, anatomy, scenario), formats)
    return made.dropped


def write_plate(plate: Plate, path: Path, facts: Mapping[str, str], formats: Sequence[str]) -> list[Path]:
    """Write a plate into a file of each format, beside `path`, each whole or not at all; return their paths.

    What needs a library that is not installed is refused before anything is written.
    """
    from sim.stills import save_png, write_whole
    from sim.vector_plate import painted

    makers: dict[str, Callable[[], bytes]] = {}
    if "svg" in formats:
        from sim.vector_svg import svg_text

        makers["svg"] = lambda: svg_text(plate, facts).encode()
    if "pdf" in formats:
        from sim.vector_pdf import pdf_bytes

        makers["pdf"] = lambda: pdf_bytes(plate, facts)
    made = {ending: make() for ending, make in makers.items()}
    written = []
    for ending in dict.fromkeys(formats):
        target = path.with_name(f"{path.stem}.{ending}")
        if ending == "png":
            save_png(painted(plate), target, facts)
        else:
            write_whole(target, partial(_put, made[ending]))
        written.append(target)
    return written


def _put(data: bytes, stream: IO[bytes]) -> None:
    """Write all of some bytes."""
    stream.write(data)


def metadata(picture: Picture, anatomy: Anatomy, scenario: Scenario) -> Mapping[str, str]:
    """Return what a file says of itself: enough to make it again."""
    request = scenario.model_dump_json(by_alias=True)
    return {
        "Software": f"Inion {program_version()}",
        "Title": picture.title,
        "Description": picture.caption,
        "Scenario": scenario.name,
        "Scenario-SHA256": hashlib.sha256(request.encode()).hexdigest(),
        "Picture": picture.name,
        "Anatomy": anatomy.name,
        "Seed": str(picture.seed),
        "Style": picture.style,
        "Sources": "; ".join(picture.sources),
        "Evidence": picture.evidence,
        "Disclaimer": "For training and explanation. Not medical advice. Not a medical device.",
    }


def file_name(picture: Picture) -> str:
    """Return the name of a picture's PNG file; others differ in their ending."""
    return f"{picture.name}.png"
