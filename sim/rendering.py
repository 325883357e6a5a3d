"""From scenarios to PNG files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from meshes.model import Anatomy
from scenarios.model import Scenario
from sim.anatomies import anatomy_for
from sim.compose import compose
from sim.picture import Picture
from sim.release import program_version


def render(
    scenario: Scenario,
    folder: str | Path,
    *,
    views: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    style: str | None = None,
    seed: int | None = None,
) -> list[Path]:
    """Write the pictures of a scenario as PNG files and return their paths.

    Parameters
    ----------
    scenario : Scenario
        From `load_scenario`.
    folder : str or Path
        Made if it does not exist.
    views, size, style, seed
        As in `sim.compose.compose`.

    Raises
    ------
    ScenarioError
        If the scenario cannot be shown.
    OSError
        If a file cannot be written; none is left half-written.
    """
    anatomy = anatomy_for(scenario)
    pictures = compose(scenario, anatomy, views=views, size=size, style=style, seed=seed)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        write_picture(picture, anatomy, target / file_name(picture), scenario)
    return [target / file_name(picture) for picture in pictures]


def write_picture(picture: Picture, anatomy: Anatomy, path: Path, scenario: Scenario) -> tuple[str, ...]:
    """Draw one picture into a PNG file; return the labels for which there was no room."""
    from sim.stills import render as drawn
    from sim.stills import save_png

    rendering = drawn(anatomy, picture)
    save_png(rendering.image, path, metadata(picture, anatomy, scenario))
    return rendering.dropped


def metadata(picture: Picture, anatomy: Anatomy, scenario: Scenario) -> Mapping[str, str]:
    """Return what the PNG file says of itself: enough to make it again."""
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
    """Return the name of a picture's file."""
    return f"{picture.name}.png"
