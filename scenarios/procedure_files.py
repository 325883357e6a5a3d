"""From a procedure file to a checked `Procedure`; every fault is one line with its file and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError

from meshes._check import nearest, unknown
from meshes.points import load_table
from meshes.terms import terms
from scenarios.faults import KeyPath, Origin, ScenarioError
from scenarios.loader import ENDING, MAX_BYTES, parsed_toml
from scenarios.procedure_model import Cited, ProcedureFile, Product, Target
from scenarios.schema import without_null
from scenarios.sites import needles
from scenarios.table_faults import faults_of


class Procedure(ProcedureFile):
    """A procedure file with its key."""

    _key: str = PrivateAttr(default="procedure")

    @property
    def key(self) -> str:
        """Name of the file without its ending: how commands and recordings call the procedure."""
        return self._key

    def keyed(self, key: str) -> Procedure:
        """Return the same procedure under another key."""
        out = self.model_copy()
        out._key = key
        return out


def list_procedures() -> list[str]:
    """Return the keys of the shipped procedures, sorted."""
    return sorted(p.name.removesuffix(ENDING) for p in _folder().iterdir() if p.name.endswith(ENDING))


def load_procedure(source: str | Path) -> Procedure:
    """Return a procedure by the key of a shipped one, or by the path of a file.

    Parameters
    ----------
    source : str or Path
        Such as 'gon-block-c2', or 'mine/my-block.toml'.

    Raises
    ------
    ScenarioError
        If there is no such procedure or the file is at fault: a ValueError, one line for each fault.
    """
    if isinstance(source, str) and source in list_procedures():
        return _shipped(source)
    path = Path(source)
    if not str(source) or "\0" in str(source) or (path.suffix != ENDING and len(path.parts) < 2):
        hint = f"A file needs its ending: {source}{ENDING}."
        raise ScenarioError([f"{unknown('procedure', str(source), list_procedures())} {hint}"])
    return parse_procedure(_read(path), file=str(source))


def parse_procedure(text: str, *, file: str = "procedure") -> Procedure:
    """Return the procedure that a TOML text describes.

    Parameters
    ----------
    text : str
        TOML.
    file : str
        Shown in messages; its name without the ending becomes the key.

    Raises
    ------
    ScenarioError
        If the text is at fault.
    """
    table, lines = parsed_toml(text, file)
    key = Path(file).name.removesuffix(ENDING) or "procedure"
    origin = Origin(key, file, lines=lines)
    try:
        procedure = Procedure.model_validate(table)
    except ValidationError as error:
        raise ScenarioError(faults_of(error, ProcedureFile, origin)) from None
    wrong = list(dict.fromkeys(origin.fault(path, message) for path, message in _faults(procedure, table)))
    if wrong:
        raise ScenarioError(wrong)
    return procedure.keyed(key)


def procedure_schema() -> dict[str, Any]:
    """Return the JSON Schema of procedure files, for editors and for other programs that write them."""
    schema: dict[str, Any] = without_null(ProcedureFile.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "Inion procedure"}


def _folder() -> Any:
    return files("scenarios") / "data" / "procedures"


@cache
def _shipped(key: str) -> Procedure:
    name = f"{key}{ENDING}"
    return parse_procedure((_folder() / name).read_text("utf-8"), file=name)


def _read(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise ScenarioError([f"{path}: is larger than {MAX_BYTES / 1e6:.0f} MB. Is it the right file?"])
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        near = nearest(path.stem, list_procedures())
        hint = f" Did you mean the shipped procedure {near[0]!r}?" if near else f" Shipped: {', '.join(list_procedures())}."
        raise ScenarioError([f"{path}: there is no such file.{hint}"]) from None
    except UnicodeDecodeError:
        raise ScenarioError([f"{path}: is not a text file in UTF-8; a procedure is a TOML text."]) from None
    except OSError as error:
        raise ScenarioError([f"{path}: cannot be read ({error.strerror})."]) from None


def _faults(procedure: ProcedureFile, table: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield what the types cannot see: names that do not exist, texts that are empty, ids given twice."""
    if procedure.needle not in needles():
        yield ("needle",), unknown("it", procedure.needle, needles())
    references = [key for key, row in load_table("references").items() if isinstance(row, Mapping)]
    for path, value in _leaves(table):
        if isinstance(value, str) and not value.strip():
            yield path, "must not be empty."
        if path[-2:-1] == ("sources",) and value not in references:
            yield path, unknown("it", value, references)
    for index, target in enumerate(procedure.targets):
        named = [("structure", target.structure)] if target.structure else []
        named += [(key, name) for key in ("between", "muscle") for name in getattr(target, key)]
        yield from ((("targets", index, k), unknown("it", name, terms())) for k, name in named if name not in terms())
        if target.between and len(target.between) != 2:
            yield ("targets", index, "between"), "must name two layers, the superficial one first."
    yield from _twice("steps", (step.id for step in procedure.steps))
    yield from _twice("landmarks", (task.name for task in procedure.landmarks))
    yield from _twice("metrics", procedure.metrics)
    yield from _twice("critical", procedure.critical)
    yield from _levels(procedure)
    low, high = procedure.product.range_ml
    if not low <= procedure.product.volume_ml <= high:
        yield ("product", "volume_ml"), f"must lie within range_ml, {low:g} to {high:g}."


def _twice(name: str, ids: Iterable[str]) -> Iterator[tuple[KeyPath, str]]:
    yield from (((name,), f"{key!r} is given {n} times.") for key, n in Counter(ids).items() if n > 1)


def _levels(procedure: ProcedureFile) -> Iterator[tuple[KeyPath, str]]:
    """Yield everything that claims to be read somewhere and does not say where."""
    for name in ("indication", "contraindications", "checklist", "errors", "complications", "success"):
        for index, cited in enumerate(getattr(procedure, name)):
            yield from _unsourced((name, index), cited)
    for index, limit in enumerate(procedure.product.limits):
        yield from _unsourced(("product", "limits", index), limit)
    for index, target in enumerate(procedure.targets):
        yield from _unsourced(("targets", index), target)
    for name in ("position", "evidence", "product"):
        yield from _unsourced((name,), getattr(procedure, name))


def _unsourced(path: KeyPath, cited: Cited | Product | Target) -> Iterator[tuple[KeyPath, str]]:
    if cited.evidence in ("FOUND", "V", "M") and not cited.sources:
        yield path, f"its evidence is {cited.evidence!r}, so it must name its sources."


def _leaves(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _leaves(value, (*path, index))
    else:
        yield path, node
