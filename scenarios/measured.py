"""Numbers that a scenario's words tell of the head that is drawn: measured on that head, never written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel

from meshes._check import unknown
from meshes.measure import Subject
from meshes.metrics import METRICS
from meshes.model import Anatomy
from meshes.terms import split_key
from scenarios.faults import KeyPath

PLACEHOLDER = re.compile(r"\{(?P<name>[a-z][a-z0-9_]*)(?::(?P<places>[0-2]))?\}")
SENTENCE = re.compile(r"(?<=[.!?])\s+")
Part = TypeVar("Part")


def measured(part: Part, anatomy: Anatomy) -> Part:
    """Return a scenario, or a film of one, whose words tell the numbers of an anatomy in place of `{measure_side:places}`.

    Parameters
    ----------
    part : Scenario or Film
        Its words may name measures of `meshes.metrics.METRICS`, with the side last where the measure has one.
    anatomy : Anatomy
        The one that is drawn. A sentence with a measure that it cannot answer is left out.
    """
    return _filled(part, Subject(anatomy))


def faults_of_measures(part: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield path and message of every placeholder in a scenario that names no measure."""
    if isinstance(part, str):
        for found in PLACEHOLDER.finditer(part):
            if split_key(found["name"])[0] not in METRICS:
                yield path, unknown("measure", found["name"], METRICS)
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from faults_of_measures(getattr(part, name), (*path, name))
    elif isinstance(part, tuple):
        for i, item in enumerate(part):
            yield from faults_of_measures(item, (*path, i))


def _filled(part: Part, subject: Subject) -> Part:
    """The same with all its words filled; the very same where nothing is to be told."""
    if isinstance(part, str):
        return _told(part, subject) if PLACEHOLDER.search(part) else part  # type: ignore[return-value]
    if isinstance(part, BaseModel):
        own = {name: getattr(part, name) for name in type(part).model_fields}
        new = {name: _filled(value, subject) for name, value in own.items()}
        changed: Mapping[str, object] = {name: value for name, value in new.items() if value is not own[name]}
        return part.model_copy(update=changed) if changed else part
    if isinstance(part, tuple):
        items = tuple(_filled(item, subject) for item in part)
        return part if all(a is b for a, b in zip(items, part, strict=True)) else items  # type: ignore[return-value]
    return part


def _told(text: str, subject: Subject) -> str:
    """A text with its numbers, less the sentences whose numbers the anatomy does not have."""
    out = []
    for sentence in SENTENCE.split(text):
        try:
            out.append(PLACEHOLDER.sub(lambda found: _number(found, subject), sentence))
        except (KeyError, ValueError, IndexError):
            continue
    return " ".join(out)


def _number(found: re.Match[str], subject: Subject) -> str:
    name, side = split_key(found["name"])
    value = METRICS[name](subject, side)
    if not -1e6 < value < 1e6:
        raise ValueError(f"{name} is not a number.")
    return f"{value:.{found['places'] or 0}f}"
