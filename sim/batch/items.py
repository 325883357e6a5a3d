"""From a plan to its items: each says in full what it shows, so that its id and its bytes depend on nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b, sha256
from itertools import groupby
from typing import Any

from scenarios.model import Scenario
from sim.batch.people import Someone, people
from sim.batch.plan import DRAWN, FIXED, scenario_of, usual_settings
from sim.batch.plan_model import NeedlePlan, Plan, Ultrasound
from sim.compose import chosen_views
from sim.scans import MOTIONS

LAYOUT = 1  # number of the layout of items; a change of their content makes new ids
DECIMALS = 3
ARRIVED = 0.95  # share of its way from which a needle injects: fluid is drawn at its aim


@dataclass(frozen=True)
class Item:
    """One item of a batch.

    Parameters
    ----------
    id : str
        Name of its folder: patient, what is shown, and a digest of all that it depends on.
    kind : {'picture', 'ultrasound'}
    someone : Someone
        The patient.
    asked : mapping
        What JSON can hold: all that was drawn for the item.
    sheaf : str
        Images of one pose of one patient share voxels, which are made once for all of them.
    scenario : Scenario, optional
        Of a picture, or of the 3-D scene beside an ultrasound image.
    """

    id: str
    kind: str
    someone: Someone
    asked: Mapping[str, Any]
    sheaf: str
    scenario: Scenario | None = field(default=None, compare=False)


def items_of(plan: Plan) -> Iterator[Item]:
    """Yield the items of a plan, each once, patient by patient, pose by pose."""
    seen: set[str] = set()
    for item in _all_items(plan):
        if item.id not in seen:
            seen.add(item.id)
            yield item


def _all_items(plan: Plan) -> Iterator[Item]:
    """The items, those that are asked for twice also twice."""
    pictures = [(asked, scenario_of(plan, asked.scenario)) for asked in plan.picture]
    scenes = [scenario_of(plan, b.scene.scenario) if "picture" in b.outputs else None for b in plan.ultrasound]
    for someone in people(plan):
        for asked, scenario in pictures:
            for view in chosen_views(scenario, asked.views):
                told: dict[str, Any] = {
                    "scenario": scenario.name,
                    "scenario_sha256": scenario_digest(scenario),
                    "view": view.name,
                }
                told |= {"size": list(asked.size) if asked.size else None, "style": asked.style}
                yield _item("picture", someone, f"{scenario.name}-{view.name}", told, scenario)
        for block, scene in zip(plan.ultrasound, scenes, strict=True):
            for side in ("right", "left") if block.side == "both" else (block.side,):
                for index in range(block.images):
                    yield _scan(plan, block, someone, side, index, scene)


def sheaves(items: list[Item]) -> list[list[Item]]:
    """Return items in the pieces that share voxels, in their order."""
    return [list(part) for _, part in groupby(items, key=lambda item: (item.someone.name, item.sheaf))]


def scenario_digest(scenario: Scenario) -> str:
    """Return the SHA-256 of what a scenario asks for."""
    return sha256(scenario.model_dump_json(by_alias=True).encode()).hexdigest()


def _item(kind: str, someone: Someone, name: str, asked: Mapping[str, Any], scenario: Scenario | None, sheaf: str = "") -> Item:
    whole: dict[str, Any] = {"layout": LAYOUT, "kind": kind, "patient": asdict(someone), "asked": asked}
    if not someone.anatomy:
        del whole["patient"]["anatomy"]
    digest = blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=4).hexdigest()
    return Item(f"{someone.name}-{name}-{digest}", kind, someone, asked, sheaf or name, scenario)


def _scan(plan: Plan, block: Ultrasound, someone: Someone, side: str, index: int, scene: Scenario | None) -> Item:
    name = f"{block.name or block.pose}-{side}"
    lot = Lots(plan.seed, someone.name, name, str(index))
    motions = {m: lot.within(m, getattr(block.motions, m)) for m in MOTIONS}
    asked: dict[str, Any] = {
        "pose": block.pose, "side": side, "index": index, "motions": {k: v for k, v in motions.items() if v},
        "settings": _settings(block, lot), "needle": None, "nerve": block.nerve, "outputs": sorted(block.outputs),
    }  # fmt: skip
    if block.needle is not None and lot.share("needle") < block.needle.share:
        asked["needle"] = _needle(block.needle, lot)
    if scene is not None:
        told = block.scene.model_dump(mode="json") | {"scenario_sha256": scenario_digest(scene)}
        asked["scene"] = told
    return _item("ultrasound", someone, f"{name}-{index:04d}", asked, scene, sheaf=name)


def _settings(block: Ultrasound, lot: Lots) -> dict[str, Any]:
    out = usual_settings(block.pose, block.settings) | {"seed": lot.seed("speckle")}
    for name in DRAWN:
        value = getattr(block.settings, name)
        if value is not None:
            out[name] = lot.within(name, value)
    return out | {name: value for name in FIXED if (value := getattr(block.settings, name)) is not None}


def _needle(needle: NeedlePlan, lot: Lots) -> dict[str, Any]:
    either = "lateral" if lot.share("end") < 0.5 else "medial"
    drawn = {n: lot.within(n, getattr(needle, n)) for n in ("reached", "beside_plane_mm", "diameter_mm", "inject_ml")}
    if drawn["reached"] < ARRIVED:
        drawn["inject_ml"] = 0.0
    return {
        "aim": needle.aim, "end": either if needle.end == "either" else needle.end, "must_show": needle.must_show,
        "echogenic": lot.share("echogenic") < needle.echogenic,
        **drawn,
    }  # fmt: skip


@dataclass(frozen=True)
class Lots:
    """Draws of one item, each by its name, so that one that is added to a plan changes none of the others."""

    plan_seed: int
    patient: str
    name: str
    index: str

    def seed(self, what: str) -> int:
        """Return a whole number below 2 to the 31."""
        key = "|".join((str(self.plan_seed), self.patient, self.name, self.index, what))
        return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) >> 33

    def share(self, what: str) -> float:
        """Return a number from 0 to 1, evenly drawn."""
        return self.seed(what) / 2**31

    def within(self, what: str, span: tuple[float, float]) -> float:
        """Return a number of a range, evenly drawn."""
        return round(span[0] + (span[1] - span[0]) * self.share(what), DECIMALS)
