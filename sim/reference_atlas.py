"""The reference adult as an anatomy, so that his surfaces can be drawn by the project's own means beside the model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from meshes.model import Anatomy, Side, Structure, SurfaceMesh
from meshes.reference_adult import ReferenceAdult
from meshes.terms import split_key, terms

NAME = "BodyParts3D"
CREDIT = (
    "BodyParts3D, (c) The Database Center for Life Science, CC BY-SA 2.1 JP; "
    "vessels, nerves and skin as redrawn by Z-Anatomy, CC BY-SA 4.0."
)
PART = re.compile(r"(?:\w+ part of )?(?:(?P<side>left|right) )?(?P<name>.+)")
DRAWN = re.compile(r"(?:(?P<kind>vessel|nerve)__)?(?P<name>.+?)(?:\.(?P<side>[lr]))?")
SIDED = re.compile(r"(?P<side>left|right)_(?P<name>.+)")
UNUSED = ("set of", "gingiva", "labial part", "ear")  # hair, gums, and what the redrawn skin has already
OTHER_NAMES = {"white_matter_of_spinal_cord": "spinal_cord", "cervical_rotator": "multifidus"}


def reference_atlas(folder: Path) -> Anatomy:
    """Return the surfaces of the reference adult under the model's keys where it has the structure, else under their own.

    Parameters
    ----------
    folder : Path
        As `ReferenceAdult` wants it.

    Raises
    ------
    FileNotFoundError
        If a part of the folder is absent.
    ValueError
        If its manifest or a surface cannot be read.

    References
    ----------
    bodyparts3d, z_anatomy; skin and vessels are those of the redrawing.
    """
    adult = ReferenceAdult(folder)
    found: dict[str, Structure] = {}
    for key, kind, mesh in (*_drawn(adult), *_published(adult)):
        found.setdefault(key, _structure(key, kind, mesh))
    return Anatomy.of(NAME, found.values(), {}, {}, {"credit": CREDIT})


def _published(adult: ReferenceAdult) -> Iterator[tuple[str, str, SurfaceMesh]]:
    """Bones, discs, teeth and the muscles that the model has too; the parts of one muscle together."""
    manifest = json.loads((adult.folder / "bodyparts3d" / "manifest.json").read_text("utf-8"))
    groups: dict[str, tuple[str, list[str]]] = {}
    for item in manifest["items"]:
        name, kind = item["name"], item["group"]
        key = _key(name)
        known = kind != "muscle" or split_key(key)[0] in terms()
        if known and kind != "vessel" and not name.startswith(UNUSED):
            groups.setdefault(key, (kind, []))[1].append(name)
    for key, (kind, names) in groups.items():
        yield key, kind, adult.surface(names)


def _drawn(adult: ReferenceAdult) -> Iterator[tuple[str, str, SurfaceMesh]]:
    """Skin, vessels and nerves of the redrawing."""
    for path in sorted((adult.folder / "z-anatomy").glob("*.ply")):
        found = DRAWN.fullmatch(path.stem)
        if found is None:
            continue
        name = str(found["name"]).lower()
        sided = SIDED.fullmatch(name)
        side = {"l": "left", "r": "right"}.get(str(found["side"])) or (sided["side"] if sided else "")
        bare = sided["name"] if sided else name.rstrip("_")
        bare = OTHER_NAMES.get(bare, bare)
        kind = {"nerve": "nerve", "vessel": "vein" if "vein" in bare else "artery"}.get(str(found["kind"]), bare)
        yield f"{bare}_{side}" if side else bare, kind, adult.drawn(path.stem)


def _key(name: str) -> str:
    """Key of the model for a published name: 'descending part of left trapezius' is 'trapezius_left'."""
    found = PART.fullmatch(name)
    assert found is not None
    snake = re.sub(r"\W+", "_", found["name"]).strip("_")
    snake = OTHER_NAMES.get(snake, snake)
    return f"{snake}_{found['side']}" if found["side"] else snake


def _structure(key: str, kind: str, mesh: SurfaceMesh) -> Structure:
    base, side = split_key(key)
    term = terms().get(base)
    words = base.replace("_", " ")
    return Structure(
        key, cast(Side, side), kind, kind, term.ta2 if term else words, term.latin if term else words, None, mesh,
        sources=("bodyparts3d",), evidence="FOUND",
    )  # fmt: skip
