"""A person of four bones for the tests of landmarks, in a library of the test's own; and a map that takes no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshes import library
from meshes.model import Anatomy, SurfaceMesh
from meshes.real_landmarks import Found
from meshes.real_landmarks_fits import owner_of

BONES = ("cranium", "mandible", "atlas", "axis")
Made = Callable[..., Anatomy]


def person_of(anatomy: Anatomy) -> Anatomy:
    """The model dressed as a person: four bones are his own, the rest is carried; his inion was not found for sure."""
    own = [n for n in anatomy.landmarks if owner_of(n, dict.fromkeys(BONES))]
    sure = dict.fromkeys(own, 0.8) | {"inion": 0.4, "nasion": 0.3}
    how = dict.fromkeys(own, "as a test found it")
    meta = {
        "credit": "Nobody, CC0", "licence": "CC0", "estimated": [k for k in anatomy.structures if k not in BONES],
        "landmark_confidence": sure, "landmark_how": how, "tre_mm": 4.4, "tre_90_mm": 9.0, "sex": "unknown",
    }  # fmt: skip
    return Anatomy.of("mine", anatomy.structures.values(), anatomy.landmarks, anatomy.curves, meta)


def keep(person: Anatomy) -> None:
    """Keep a small copy of the person, of which no map can be made, in the library."""
    few = [person[k] for k in (*BONES, "skin")]
    meta = dict(person.meta) | {"estimated": ["skin"]}
    library.write(Anatomy.of("mine", few, person.landmarks, {}, meta), {"title": "Mine", "credit": "Nobody, CC0"})


def quick_map(calls: list[Mapping[str, Any]]) -> Made:
    """In place of the map, which takes its time: landmarks as given, and what else follows with the inion."""

    def made(name: str, parts: Mapping[str, SurfaceMesh], known: Mapping[str, Found], meta: Any, *, again: Any) -> Anatomy:
        calls.append({"parts": parts, "known": known, "again": again})
        old = library.read(name)
        step = known["inion"].point_mm - old.landmark("inion")
        marks = {n: p + step * (n == "vertex") for n, p in old.landmarks.items()} | {n: f.point_mm for n, f in known.items()}
        sure = {
            "landmark_confidence": {n: f.confidence for n, f in known.items()},
            "landmark_how": {n: f.how for n, f in known.items()},
        }
        return Anatomy.of(name, old.structures.values(), marks, old.curves, {**meta, **sure})

    return made
