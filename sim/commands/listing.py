"""`inion list`: scenarios, structures, poses, procedures and whatever else has names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput

if TYPE_CHECKING:
    from meshes.model import Anatomy


def run(args: argparse.Namespace) -> int:
    """Print the names that can be used, with what they mean."""
    if args.records is not None and args.what not in RECORDED:
        raise BadInput("--records belongs to attempts and trainees.")
    if args.anatomy is not None and args.what != "structures":
        raise BadInput("--anatomy belongs to structures; leave it out, or ask for `inion list structures`.")
    if args.anatomy is not None:
        return _print(_structures_of(named_anatomy(args.anatomy)), as_json=args.json)
    rows = RECORDED[args.what](args.records) if args.what in RECORDED else TABLES[args.what]()
    return _print(rows, as_json=args.json)


def _print(rows: Mapping[str, str], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(rows, indent=2))
        return 0
    width = max((len(name) for name in rows), default=0)
    for name, text in rows.items():
        print(f"{name:<{width}}  {text}".rstrip())
    return 0


def _scenarios() -> Mapping[str, str]:
    from scenarios.loader import list_scenarios, load_scenario

    return {name: load_scenario(name).title for name in list_scenarios()}


def _structures() -> Mapping[str, str]:
    from meshes.terms import split_key, terms
    from scenarios.selection import catalogue

    return {key: terms()[split_key(key)[0]].latin for key in catalogue()}


def _structures_of(anatomy: Anatomy) -> Mapping[str, str]:
    """Every structure of an anatomy; of a real person's, whether its place is known or estimated."""
    from sim.anatomies import is_real

    carried, real = set(anatomy.meta.get("estimated", ())), is_real(anatomy)
    out = {}
    for key, s in anatomy.structures.items():
        whence = ("; place estimated" if key in carried else "; from the scan or atlas") if real else ""
        out[key] = f"{s.ta2}{whence}"
    return out


def _groups() -> Mapping[str, str]:
    from scenarios.selection import groups

    return {name: ", ".join(members) for name, members in groups().items()}


def _sites() -> Mapping[str, str]:
    from scenarios.sites import read_table

    plan = read_table("preempt_sites")
    out = {name: row["text"] for name, row in read_table("gon_sites")["definitions"].items()}
    for row in [*plan["sites"], *plan["extra"]]:
        group, number = row["id"].split("_")
        for letter in "M" if "middle_of" in row["from"] else "LR":
            out[f"{group}_{letter}{number}"] = f"{plan['groups'][row['group']]['label']}: {row['text']}"
    return out


def _views() -> Mapping[str, str]:
    from sim.cameras import VIEWS

    return {name: f"azimuth {azimuth:g}, elevation {elevation:g} degrees" for name, (azimuth, elevation) in VIEWS.items()}


def _poses() -> Mapping[str, str]:
    from sim.ultrasound.pose_rules import named_poses

    return {
        name: f"{pose.label} ({pose.probe}, {pose.depth_mm:g} mm, {pose.frequency_mhz:g} MHz)"
        for name, pose in named_poses().items()
    }


def _probes() -> Mapping[str, str]:
    from sim.ultrasound.probes import probes

    return {
        name: f"{p.label}; {p.lowest_mhz:g} to {p.highest_mhz:g} MHz, usually {p.default_mhz:g}" for name, p in probes().items()
    }


def _styles() -> Mapping[str, str]:
    from sim.theme import load_theme, style_names

    return {name: load_theme(name).about for name in style_names()}


def _procedures() -> Mapping[str, str]:
    from scenarios.procedure_files import list_procedures, load_procedure

    found = {key: load_procedure(key) for key in list_procedures()}
    return {key: f"{p.title} ({p.status})" for key, p in found.items()}


def _maps() -> Mapping[str, str]:
    from scenarios.skin_maps import map_names, skin_map

    return {name: f"{row.label} ({row.kind}; {row.evidence})" for name in map_names() for row in (skin_map(name),)}


def _metrics() -> Mapping[str, str]:
    from sim.tables import table

    return {key: f"{row['label']} ({row['unit']}): {row['text']}" for key, row in table("metrics")["metrics"].items()}


def _attempts(path: str | None) -> Mapping[str, str]:
    from sim.commands.held_records import opened

    with opened(path) as records:
        people = {t["id"]: t["name"] or "no name" for t in records.trainees()}
        return {
            a["id"]: f"{a['started']} {a['procedure']} {a['side']} {people.get(a['trainee'] or '', 'no name')} "
            + ("not finished" if a["finished"] is None else "passed" if a["passed"] else "not passed")
            for a in records.attempts()
        }


def _trainees(path: str | None) -> Mapping[str, str]:
    from sim.commands.held_records import opened

    with opened(path) as records:
        return {t["id"]: t["name"] or "no name" for t in records.trainees()}


TABLES = {
    "scenarios": _scenarios,
    "structures": _structures,
    "groups": _groups,
    "sites": _sites,
    "views": _views,
    "styles": _styles,
    "poses": _poses,
    "probes": _probes,
    "procedures": _procedures,
    "maps": _maps,
    "metrics": _metrics,
}
RECORDED = {"attempts": _attempts, "trainees": _trainees}
