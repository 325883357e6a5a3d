"""From a scenario file to a checked `Scenario`; every fault is one line with its file and line."""

from __future__ import annotations

import re
import stat
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from meshes._check import nearest, unknown
from scenarios.checks import faults
from scenarios.faults import KeyPath, Origin, ScenarioError
from scenarios.locate import DEEPEST, locate, too_deep
from scenarios.model import Scenario
from scenarios.wording import told

MAX_BYTES = 1_000_000
ENDING = ".toml"
_LONG_NUMBER = re.compile(r"[0-9_]{1000,}")
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
    table, lines = parsed_toml(text, file)
    origin = Origin(name, file, folder, lines)
    try:
        scenario = Scenario.model_validate(table).read_from(origin)
    except ValidationError as error:
        raise ScenarioError(told(error, table, origin)) from None
    wrong = faults(scenario)
    if wrong:
        raise ScenarioError(wrong)
    return scenario


def parsed_toml(text: str, file: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Return the table of a TOML text, and the line of every key."""
    deep = too_deep(text)
    if deep is not None:
        raise ScenarioError([f"{file}:{deep}: a key has more than {DEEPEST} parts."])
    try:
        return tomllib.loads(text), locate(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file, text, str(error)) from None
    except RecursionError:
        raise ScenarioError([f"{file}: brackets are nested too deeply."]) from None
    except ValueError:  # Python reads no number of more than a few thousand digits
        long = _LONG_NUMBER.search(text)
        place = file if long is None else f"{file}:{text.count(chr(10), 0, long.start()) + 1}"
        raise ScenarioError([f"{place}: holds a number that has too many digits, or a date that does not exist."]) from None


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
    try:
        if path.exists() or path.suffix == ENDING or len(path.parts) > 1:
            return path
    except OSError as error:
        raise ScenarioError([f"{text if len(text) < 256 else text[:60] + '...'}: cannot be read ({error.strerror})."]) from None
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
