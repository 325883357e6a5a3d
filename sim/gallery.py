"""The gallery of the documentation: a page that shows every shipped scenario, each picture with the file that makes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.loader import list_scenarios, load_scenario
from scenarios.model import Scenario

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = (1280, 720)
QUALITY = 84
MARK = b"scenario "
PAGE, FOLDER = "gallery.md", "images/gallery"
HEAD = """# Gallery

Every shipped scenario with the picture it makes. This page is written by `inion build --gallery`; the name under a picture is its
scenario's, a file of the folder `scenarios/library`, and the commands make the picture, the film and the patient's page anew.

For training and explanation. No medical advice, no medical device.
"""


def make_gallery(docs: Path, tell: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Write the gallery into a folder of documentation.

    Parameters
    ----------
    docs : Path
        Gets `gallery.md` and `images/gallery/<scenario>.jpg`; pictures that are up to date are left as they are, those of
        scenarios that are no more are removed.
    tell : callable
        Told the name of each scenario before its picture is made.

    Returns
    -------
    list of Path
        The files that were written.
    """
    from sim.stills import write_whole

    scenarios = [load_scenario(name) for name in list_scenarios()]
    pictures = docs / FOLDER
    pictures.mkdir(parents=True, exist_ok=True)
    written = []
    for scenario in scenarios:
        target = pictures / f"{scenario.name}.jpg"
        if mark_of(target) != request_mark(scenario):
            tell(scenario.name)
            _save(_picture(scenario), target, request_mark(scenario))
            written.append(target)
    for gone in set(pictures.glob("*.jpg")) - {pictures / f"{s.name}.jpg" for s in scenarios}:
        if mark_of(gone):
            gone.unlink()
    page = write_whole(docs / PAGE, lambda stream: stream.write(page_text(scenarios).encode()))
    return [*written, page]


def request_mark(scenario: Scenario) -> str:
    """Return what tells whether a picture is that of a scenario as it stands: the SHA-256 of all that it asks for."""
    return hashlib.sha256(scenario.model_dump_json(by_alias=True).encode()).hexdigest()


def mark_of(path: Path) -> str:
    """Return the mark that a picture of the gallery carries, '' for none, for no file and for one that is no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            comment = image.info.get("comment", b"")
    except (FileNotFoundError, IsADirectoryError, UnidentifiedImageError):
        return ""
    own = isinstance(comment, bytes) and comment.startswith(MARK)
    return comment.removeprefix(MARK).decode("ascii", "replace") if own else ""


def page_text(scenarios: list[Scenario]) -> str:
    """Return the gallery's page in Markdown."""
    parts = [HEAD]
    for heading, belongs in GROUPS:
        chosen = [s for s in scenarios if belongs(s)]
        if chosen:
            parts += [f"\n## {heading}\n", *(_entry(s) for s in chosen)]
    return "\n".join(parts)


def _condition(scenario: Scenario) -> bool:
    return scenario.page is not None and scenario.page.procedure is None


GROUPS: tuple[tuple[str, Callable[[Scenario], bool]], ...] = (
    ("The nerve and its neighbours", lambda s: s.procedure is None and not _condition(s)),
    ("Blocks and other procedures", lambda s: s.procedure is not None and not _condition(s)),
    ("Conditions: where pain is felt", _condition),
)  # fmt: skip


def _entry(s: Scenario) -> str:
    commands = [f"inion render {s.name}"]
    if s.figure is not None:
        commands.append(f"inion render {s.name} --figure")
    if s.film is not None:
        commands.append(f"inion movie {s.name} -o {s.name}.mp4")
    if s.page is not None:
        commands.append(f"inion explain {s.name} -o {s.name}.html")
    lines = "\n".join(commands)
    link = f"[`{s.name}`](../scenarios/library/{s.name}.toml)"
    return f"### {s.title}\n\n![{s.title}]({FOLDER}/{s.name}.jpg)\n\n{link}\n\n```sh\n{lines}\n```\n"


def _picture(scenario: Scenario) -> Image:
    from sim.anatomies import anatomy_for
    from sim.compose import compose
    from sim.stills import render_picture

    anatomy = anatomy_for(scenario)
    return render_picture(anatomy, compose(scenario, anatomy, size=SIZE)[0])


def _save(image: Image, path: Path, mark: str) -> None:
    from sim.stills import write_whole

    look: dict[str, Any] = {"format": "JPEG", "quality": QUALITY, "optimize": True, "comment": MARK + mark.encode()}
    write_whole(path, lambda stream: image.convert("RGB").save(stream, **look))
