"""From scenarios to PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scenarios.model import Scenario
from sim.anatomies import anatomy_for
from sim.compose import compose
from sim.picture import Picture


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
    from sim.stills import save_still

    return [save_still(picture, anatomy, target / file_name(picture)) for picture in pictures]


def file_name(picture: Picture) -> str:
    """Return the name of a picture's file."""
    return f"{picture.name}.png"
