"""From a plan file to a checked `Plan`; every fault is one line with its file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from meshes._check import check_choice
from scenarios.faults import KeyPath, Origin, ScenarioError
from scenarios.loader import load_scenario, parsed_toml
from scenarios.model import Scenario
from scenarios.schema import without_null
from scenarios.selection import catalogue, select_one
from scenarios.table_faults import faults_of
from sim.anatomies import load_anatomy
from sim.batch.people import patient_from
from sim.batch.plan_model import Plan, ScanSettings, Ultrasound
from sim.compose import chosen_views
from sim.scans import MOTIONS, check_reach
from sim.ultrasound.pose_rules import named_poses
from sim.ultrasound.probes import probes
from sim.ultrasound.settings import settings_from

MOST_BYTES, MOST_ITEMS = 1_000_000, 1_000_000
DRAWN = ("depth_mm", "frequency_mhz", "focus_mm", "gain_db", "dynamic_range_db")
FIXED = ("lines", "samples", "planes", "marker_side")
NEEDLE_LIMITS = {"reached": (0.02, 1.0), "beside_plane_mm": (-20.0, 20.0), "diameter_mm": (0.1, 5.0), "inject_ml": (0.0, 50.0)}
Faults = Iterator[tuple[KeyPath, str]]


def load_plan(path: str | Path) -> Plan:
    """Return the plan of a file.

    Raises
    ------
    ScenarioError
        If there is no such file or it is at fault: a ValueError, one line for each fault.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ScenarioError([f"{path}: is larger than {MOST_BYTES / 1e6:.0f} MB. Is it the right file?"])
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError([f"{path}: there is no such file. docs/batch.md shows plans to start from."]) from None
    except IsADirectoryError:
        raise ScenarioError([f"{path}: is a directory; give a plan, a file that ends in .toml."]) from None
    except UnicodeDecodeError:
        raise ScenarioError([f"{path}: is not a text file in UTF-8; a plan is a TOML text."]) from None
    except (OSError, ValueError) as error:
        raise ScenarioError([f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})."]) from None
    return parse_plan(text, file=str(path), folder=str(file.parent))


def parse_plan(text: str, *, file: str = "plan.toml", folder: str = ".") -> Plan:
    """Return the plan that a TOML text describes; `folder` is where its paths start.

    Raises
    ------
    ScenarioError
        If the text is at fault.
    """
    table, lines = parsed_toml(text, file)
    origin = Origin(Path(file).name.removesuffix(".toml") or "plan", file, folder, lines)
    try:
        plan = Plan.model_validate(table).read_from(origin)
    except ValidationError as error:
        raise ScenarioError(faults_of(error, Plan, origin)) from None
    wrong = list(dict.fromkeys(line for path, message in _faults(plan) for line in _lines(origin, path, message)))
    if wrong:
        raise ScenarioError(wrong)
    return plan


def plan_schema() -> str:
    """Return the JSON Schema of plans, for editors and for other programs that write them."""
    schema = without_null(Plan.model_json_schema(by_alias=True))
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "Inion batch plan"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def scenario_of(plan: Plan, name: str) -> Scenario:
    """Return a scenario that a plan names; its path starts in the plan's folder. Raises ScenarioError."""
    path = Path(plan.origin.folder) / name
    return load_scenario(path if name.endswith(".toml") and not Path(name).is_absolute() else name)


def _lines(origin: Origin, path: KeyPath, message: str) -> list[str]:
    return [origin.fault(path, line) for line in message.splitlines()]


def _faults(plan: Plan) -> Faults:
    """Yield what the types alone cannot see."""
    names = [person.name for person in plan.patients.person]
    for i, person in enumerate(plan.patients.person):
        if names.index(person.name) < i or person.name in ("shipped", *plan.patients.anatomies):
            yield ("patients", "person", i, "name"), f"is {person.name!r}, which names another patient."
        yield from _tried(("patients", "person", i, "measures"), lambda p=person: patient_from(p.measures))
    for i, name in enumerate(plan.patients.anatomies):
        yield from _tried(("patients", "anatomies", i), lambda n=name: load_anatomy(n))
        if plan.patients.anatomies.index(name) < i or name == "shipped":
            yield ("patients", "anatomies", i), f"is {name!r}, which is among the patients already."
    for i, picture in enumerate(plan.picture):
        yield from _scene(plan, ("picture", i), picture.scenario, picture.views)
    blocks = [block.name or block.pose for block in plan.ultrasound]
    for i, block in enumerate(plan.ultrasound):
        if blocks.index(blocks[i]) < i:
            yield ("ultrasound", i), f"two blocks are called {blocks[i]!r}; give each a `name`."
        yield from _of_block(plan, block, ("ultrasound", i))
    people = plan.patients.count + plan.patients.shipped + len(plan.patients.person) + len(plan.patients.anatomies)
    items = people * sum(b.images * (2 if b.side == "both" else 1) for b in plan.ultrasound)
    if items > MOST_ITEMS:
        yield (), f"the plan asks for {items:,} images; at most {MOST_ITEMS:,} are made in one folder."


def _of_block(plan: Plan, block: Ultrasound, path: KeyPath) -> Faults:
    yield from _tried((*path, "pose"), lambda: check_choice("it", block.pose, named_poses()))
    for name in MOTIONS:
        for value in dict.fromkeys(getattr(block.motions, name)):
            yield from _tried((*path, "motions", name), lambda n=name, v=value: check_reach(n, v))
    yield from _structure((*path, "nerve"), block.nerve)
    if block.settings.probe is not None:
        yield from _tried((*path, "settings", "probe"), lambda: check_choice("it", str(block.settings.probe), probes()))
    if block.pose in named_poses() and (block.settings.probe in probes() or block.settings.probe is None):
        yield from _settings(block, (*path, "settings"))
    if block.needle is not None:
        yield from _structure((*path, "needle", "aim"), block.needle.aim)
        for name, (low, high) in NEEDLE_LIMITS.items():
            first, last = getattr(block.needle, name)
            if not low <= first <= last <= high:
                yield (*path, "needle", name), f"goes from {first:g} to {last:g}; it must lie within {low:g} and {high:g}."
    if "picture" in block.outputs:
        yield from _scene(plan, (*path, "scene"), block.scene.scenario, [block.scene.view] if block.scene.view else [])


def _settings(block: Ultrasound, path: KeyPath) -> Faults:
    """Whether the scanner takes both ends of every range."""
    for name in (*DRAWN, *FIXED):
        value = getattr(block.settings, name)
        for end in dict.fromkeys(value if isinstance(value, tuple) else (value,)):
            if end is not None:
                told = usual_settings(block.pose, block.settings) | {name: end}
                yield from _tried((*path, name), lambda t=told: settings_from(t))


def usual_settings(pose: str, settings: ScanSettings) -> dict[str, Any]:
    """Return what the scanner is set to by a pose and a probe, before anything is drawn."""
    named = named_poses()[pose]
    out: dict[str, Any] = {"probe": settings.probe or named.probe}
    if out["probe"] == named.probe:
        out |= {"depth_mm": named.depth_mm, "frequency_mhz": named.frequency_mhz}
    return out


def _structure(path: KeyPath, name: str) -> Faults:
    yield from _tried(path, lambda: select_one(name, catalogue()))


def _scene(plan: Plan, path: KeyPath, name: str, views: Any) -> Faults:
    try:
        scenario = scenario_of(plan, name)
    except ScenarioError as error:
        yield (*path, "scenario"), str(error)
        return
    if scenario.anatomy.source != "shipped" or scenario.anatomy.patient:
        yield (*path, "scenario"), f"{name} names its own anatomy; in a batch the plan's patients take its place."
    yield from _tried((*path, "views"), lambda: chosen_views(scenario, tuple(views)))


def _tried(path: KeyPath, attempt: Any) -> Faults:
    try:
        attempt()
    except (ValueError, KeyError) as error:
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        yield path, text.removeprefix("it ")


def plain(plan: Plan) -> Mapping[str, Any]:
    """Return a plan as JSON holds it, every default written out."""
    told: dict[str, Any] = plan.model_dump(mode="json", by_alias=True)
    return told
