"""What is wrong with a scenario file, in one line with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from meshes.model import MissingName
from scenarios.locate import line_of

KeyPath = tuple[str | int, ...]
LONGEST = 60


class ScenarioError(ValueError):
    """A scenario that cannot be used; each of `lines` is one fault with its file and line.

    Parameters
    ----------
    lines : sequence of str
        At least one.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True)
class Origin:
    """Where a scenario was read, so that faults found later still name file and line.

    Parameters
    ----------
    name : str
        Short name: the file's without its ending.
    file : str
        As it is shown in messages.
    folder : str
        Paths inside the scenario start here.
    lines : mapping of path to int
        From `scenarios.locate`.
    """

    name: str
    file: str
    folder: str = "."
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def fault(self, path: KeyPath, message: str) -> str:
        """Return 'file:line: key: message', on one line."""
        line = line_of(self.lines, path)
        place = self.file if line is None else f"{self.file}:{line}"
        name = path_text(path)
        return " ".join(f"{place}: {f'{name}: ' if name else ''}{message}".split())

    def error(self, path: KeyPath, message: str) -> ScenarioError:
        """Return the error to raise for one fault."""
        return ScenarioError([self.fault(path, message)])

    @contextmanager
    def at(self, *path: str | int) -> Iterator[None]:
        """Turn a ValueError or a name that the anatomy lacks, raised inside, into a fault of `path`."""
        try:
            yield
        except ScenarioError:
            raise
        except (ValueError, MissingName) as error:
            raise self.error(path, str(error)) from error


def path_text(path: KeyPath) -> str:
    """Return a path as a reader writes it: `show[2].opacity`, counted from 1."""
    out = ""
    for part in path:
        name = f"{part[:LONGEST]}..." if isinstance(part, str) and len(part) > LONGEST else part
        out += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if out else ''}{name}"
    return out
