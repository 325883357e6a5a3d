"""From a scenario file to a checked `Scenario`; every fault is one line with its file and line."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from meshes._check import nearest, unknown
from scenarios.faults import KeyPath, Origin, ScenarioError
from scenarios.locate import locate
from scenarios.model import Place, Scenario
from scenarios.selection import catalogue, select_one

MAX_BYTES = 1_000_000
ENDING = ".toml"
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def list_scenarios() -> list[str]:
    """Return the names of the shipped scenarios, sorted."""
    return sorted(p.name.removesuffix(ENDING) for p in _library().iterdir() if p.name.endswith(ENDING))


def load_scenario(source: str | Path) -> Scenario:
    """Return a scenario by the name of a shipped one, or by the path of a file.

    Raises
    ------
    ScenarioError
        If there is no such scenario or the file is at fault: a ValueError, one line for each fault.
    """
    path = _find(source)
    return parse_scenario(_read(path), file=str(source) if Path(source) == path else path.name, folder=str(path.parent))


def parse_scenario(text: str, *, file: str = "scenario", folder: str = ".") -> Scenario:
    """Return the scenario that a TOML text describes.

    Parameters
    ----------
    text : str
        TOML.
    file, folder : str
        Shown in messages; start of the paths in the text.

    Raises
    ------
    ScenarioError
        If the text is at fault.
    """
    name = Path(file).name.removesuffix(ENDING) or "scenario"
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file, text, str(error)) from None
    except RecursionError:
        raise ScenarioError([f"{file}: brackets are nested too deeply."]) from None
    origin = Origin(name, file, folder, locate(text))
    try:
        scenario = Scenario.model_validate(table).read_from(origin)
    except ValidationError as error:
        raise ScenarioError(_faults(error, table, origin)) from None
    wrong = list(_unknown_structures(scenario))
    if wrong:
        raise ScenarioError(wrong)
    return scenario


def _library() -> Any:
    return files("scenarios") / "library"


def _find(source: str | Path) -> Path:
    """Return the path of a scenario; a word that is no path is the name of a shipped one."""
    text = str(source)
    if isinstance(source, str) and text in list_scenarios():
        return Path(str(_library() / f"{text}{ENDING}"))
    path = Path(source)
    if not text or "\0" in text:
        raise ScenarioError([f"{text!r} is no name of a scenario. Give a name of `inion list` or a path."])
    if path.suffix == ENDING or len(path.parts) > 1 or path.exists():
        return path
    raise ScenarioError([f"{unknown('scenario', text, list_scenarios())} A file needs its ending: {text}{ENDING}."])


def _read(path: Path) -> str:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ScenarioError([f"{path}: is a directory, not a scenario file.{_inside(path)}"])
        if not stat.S_ISREG(status.st_mode):
            raise ScenarioError([f"{path}: is not a regular file."])
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 1e6:,.0f} MB"
            raise ScenarioError([f"{path}: has {size}; a scenario has at most {MAX_BYTES / 1e6:.0f} MB. Is it the right file?"])
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        near = nearest(path.stem, list_scenarios())
        hint = f" Did you mean the shipped scenario {near[0]!r}?" if near else " `inion list` names the shipped ones."
        raise ScenarioError([f"{path}: there is no such file.{hint}"]) from None
    except OSError as error:
        raise ScenarioError([f"{path}: cannot be read ({error.strerror})."]) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError([f"{path}:{line}: is not a text file in UTF-8; a scenario is a TOML text."]) from None
    if "\0" in text:
        raise ScenarioError([f"{path}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: is binary; a scenario is a TOML text."])
    return text


def _inside(folder: Path) -> str:
    """Name one scenario inside a folder that was given by mistake."""
    inside = sorted(p.name for p in folder.glob(f"*{ENDING}"))
    return f" Give one of its files, such as {folder / inside[0]}." if inside else " Give a file, or a name of `inion list`."


def _syntax_error(file: str, text: str, message: str) -> ScenarioError:
    place = _POSITION.search(message)
    line = place.group(1) if place and place.group(1) else str(text.rstrip("\n").count("\n") + 1)
    column = f", column {place.group(2)}" if place and place.group(2) else ""
    what = " ".join(_POSITION.sub("", message).split())
    return ScenarioError([f"{file}:{line}: is not valid TOML{column}: {what}."])


def _faults(error: ValidationError, table: Mapping[str, Any], origin: Origin) -> list[str]:
    """Return one line for each place at fault, in the order of the file."""
    out: dict[KeyPath, str] = {}
    for detail in error.errors():
        if detail["type"] == "too_short" and detail["input"]:
            continue  # pydantic counts only the items that are sound
        path = _known_path(detail["loc"], table)
        if path not in out:
            out[path] = _fault(detail, path, table, origin)
    return list(out.values())


def _fault(detail: ErrorDetails, path: KeyPath, table: Mapping[str, Any], origin: Origin) -> str:
    kind, value = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return origin.fault(path, unknown("key", str(path[-1]), _keys_at(path[:-1])))
    if kind == "missing":
        return origin.fault(path, f"the key {str(detail['loc'][-1])!r} is missing.")
    if kind == "literal_error":
        allowed = re.findall(r"'([^']+)'|(\d+)", context.get("expected", ""))
        names = [a or b for a, b in allowed]
        text = unknown("it", value, names).removeprefix("it ") if isinstance(value, str) else f"is {_short(value)}; allowed: "
        return origin.fault(path, text if isinstance(value, str) else f"{text}{', '.join(names)}.")
    if kind == "value_error":
        return origin.fault(path, str(context.get("error", detail["msg"])))
    message = detail["msg"].removeprefix("Input ").rstrip(".")
    return origin.fault(path, f"{message}; it is {_short(value)}.")


def _short(value: Any) -> str:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known_path(location: tuple[str | int, ...], table: Any) -> KeyPath:
    """Return the part of pydantic's location that exists in the file: no names of unions, no missing key."""
    path: KeyPath = ()
    for part in location:
        inside = part in table if isinstance(table, Mapping) else isinstance(table, list) and part in range(len(table))
        if inside:
            table = table[part]
            path = (*path, part)
    return path


def _keys_at(path: KeyPath) -> list[str]:
    """Return the keys that a table of the format may have."""
    model: type[BaseModel] = Scenario
    for part in path:
        if isinstance(part, str):
            inner = [f for n, f in model.model_fields.items() if (f.alias or n) == part]
            model = _model_in(inner[0].annotation) or model if inner else model
    return [f.alias or n for n, f in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in get_args(annotation) if (m := _model_in(a)) is not None), None)


def _unknown_structures(scenario: Scenario) -> Iterator[str]:
    """Yield a line for each name that means no structure of the catalogue."""
    for path, name in _structure_names(scenario):
        try:
            select_one(name, catalogue())
        except ValueError as error:
            yield scenario.origin.fault(path, str(error))


def _structure_names(scenario: Scenario) -> Iterator[tuple[KeyPath, str]]:
    lists: list[tuple[KeyPath, tuple[str, ...]]] = [(("labels", "structures"), scenario.labels.structures)]
    lists += [(("show", i, "structures"), s.structures) for i, s in enumerate(scenario.show)]
    lists += [(("cut", i, "structures"), s.structures) for i, s in enumerate(scenario.cut)]
    lists += [(("view", i, "hide"), s.hide) for i, s in enumerate(scenario.view)]
    lists += [(("step", i, "remove"), s.remove) for i, s in enumerate(scenario.step)]
    lists += [(("step", i, "label"), s.label) for i, s in enumerate(scenario.step)]
    if scenario.window:
        lists.append((("window", "structures"), scenario.window.structures))
    for path, names in lists:
        yield from (((*path, i), name) for i, name in enumerate(names))
    for path, place in places(scenario, ()):
        if place.structure is not None:
            yield (*path, "structure"), place.structure


def places(part: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Place]]:
    """Yield every `Place` of a scenario with its path."""
    if isinstance(part, Place):
        yield path, part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from places(getattr(part, name), (*path, name))
    elif isinstance(part, tuple):
        for i, item in enumerate(part):
            yield from places(item, (*path, i))
