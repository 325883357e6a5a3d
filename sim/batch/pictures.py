"""3-D pictures of a batch: of a scenario, and of probe and needle as they lie in an ultrasound image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshes.model import Anatomy
from sim.batch.items import Item
from sim.batch.ultrasound import Shot
from sim.compose import compose
from sim.picture import Needle, Picture, Probe
from sim.places import as_point
from sim.rendering import write_picture
from sim.ultrasound.settings import settings_from

PICTURE = "picture.png"


def draw_item(anatomy: Anatomy, item: Item, folder: Path) -> dict[str, Any]:
    """Draw the pictures of an item into a folder, and return what `meta.json` says of them.

    A scenario of one picture gives 'picture.png'; one of several steps 'picture-01.png', 'picture-02.png', ...

    Raises
    ------
    ScenarioError
        (a ValueError) if the scenario cannot be shown on this patient.
    """
    assert item.scenario is not None
    size, style = item.asked["size"], item.asked["style"]
    pictures = compose(
        item.scenario, anatomy, views=[item.asked["view"]], size=None if size is None else (size[0], size[1]), style=style
    )
    names = [PICTURE] if len(pictures) == 1 else [f"picture-{i + 1:02d}.png" for i in range(len(pictures))]
    dropped = [write_picture(p, anatomy, folder / name, item.scenario) for p, name in zip(pictures, names, strict=True)]
    return {
        "scenario": dict(item.asked) | {"size": [pictures[0].width_px, pictures[0].height_px], "style": pictures[0].style},
        "seed": pictures[0].seed,
        "pictures": [
            {"file": name, "title": p.title, "labels_without_room": list(none)}
            for p, name, none in zip(pictures, names, dropped, strict=True)
        ],
    }


def draw_scene(anatomy: Anatomy, item: Item, shot: Shot, folder: Path) -> None:
    """Draw the scenario beside an ultrasound image, with probe and needle as they lie in it, the neck at rest."""
    assert item.scenario is not None
    asked = item.asked["scene"]
    views: Sequence[str] = [asked["view"]] if asked["view"] else [item.scenario.view[0].name]
    base = compose(item.scenario, anatomy, views=views, size=tuple(asked["size"]), style=asked["style"])[-1]
    write_picture(_as_scanned(base, item, shot), anatomy, folder / PICTURE, item.scenario)


def _as_scanned(base: Picture, item: Item, shot: Shot) -> Picture:
    """A picture of the scenario without its own probe, needle, site and image, and with those of the shot."""
    pose, settings = shot.pose, settings_from(item.asked["settings"])
    usual = base.probe or Probe(as_point(pose.face_mm), as_point(pose.lateral), as_point(pose.axis))
    probe = replace(
        usual, centre_mm=as_point(pose.centre_mm), lateral=as_point(pose.lateral), axis=as_point(pose.axis),
        length_mm=settings.model.width_mm, depth_mm=settings.deep_mm,
    )  # fmt: skip
    needles: tuple[Needle, ...] = ()
    if shot.needle is not None and shot.at_rest_mm is not None:  # the neck is drawn at rest, so the needle must be too
        entry, tip = (as_point(p) for p in shot.at_rest_mm)
        needles = (Needle(entry, tip, diameter_mm=shot.needle.diameter_mm),)
    return replace(base, probe=probe, needles=needles, inset=None, markers=(), lines=(), legend=(), title="", caption="")
