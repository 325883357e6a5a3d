"""Critical errors: what fails an attempt by itself. Found from the events, deposits and states of a log; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from meshes._check import check_choice
from sim.tables import table
from sim.training.metrics_attempt import Attempt, Given, depth
from sim.training.metrics_needle import accepted_ml
from sim.training.metrics_sites import before_needle, doubled, missed
from sim.training.state import TrialLog
from sim.training.trial_events import spoken

if TYPE_CHECKING:
    from scenarios.targets import FoundTarget
    from sim.training.world import World

VESSEL, SPINAL = "artery", ("dura", "cord", "brain")
SPILL_ML = 1e-9  # rounding of added volumes


@dataclass(frozen=True)
class CriticalError:
    """A critical error as the table describes it.

    Parameters
    ----------
    key, label : str
    happened : str
        What happened, with {structure}, {count}, {value}, {limit} to be filled in.
    why, next : str
        The danger, and what to do another time.
    sources : tuple of str
    evidence : str
    happened_lead : str
        In place of `happened` where a lead is laid and nothing is given.
    """

    key: str
    label: str
    happened: str
    why: str
    next: str
    sources: tuple[str, ...]
    evidence: str
    happened_lead: str = ""


@dataclass(frozen=True)
class Critical:
    """A critical error that was made.

    Parameters
    ----------
    key : str
        Of the table.
    at_s : float
        When first.
    structure : str
        Key of the structure, id of the target, or side concerned; '' if none.
    text : str
        What happened.
    """

    key: str
    at_s: float
    structure: str
    text: str


Found = Iterator[tuple[float, str, Mapping[str, Any]]]
Detector = Callable[[Attempt], Found]


@cache
def critical_table() -> Mapping[str, CriticalError]:
    """Return every critical error by its key, in the order of the table."""
    rows = table("critical_errors")["errors"]
    return MappingProxyType({k: CriticalError(key=k, **{**row, "sources": tuple(row["sources"])}) for k, row in rows.items()})


def critical_errors(world: World, log: TrialLog) -> tuple[Critical, ...]:
    """Return the critical errors of an attempt that its procedure lists: each once, when it first happened, in order of time.

    Raises
    ------
    ValueError
        If the procedure lists an error that is not known; names the nearest.
    """
    attempt, out = Attempt(world, log), []
    for key in world.procedure.critical:
        row = critical_table()[check_choice("critical error", key, critical_table())]
        first = next(DETECTORS[key](attempt), None)
        if first is not None:
            at_s, structure, fill = first
            template = row.happened_lead if "lead" in fill else row.happened
            text = template.format_map({"structure": _spoken(attempt, structure), **fill})
            out.append(Critical(key, at_s, structure, text))
    return tuple(sorted(out, key=lambda c: c.at_s))


def _spoken(a: Attempt, key: str) -> str:
    """A structure, or a target by its id, as a trainee calls it."""
    return f"the {spoken(a.world.anatomy, key)}" if key in a.world.anatomy else key.replace("_", " ")


def _settings() -> Mapping[str, Any]:
    settings: Mapping[str, Any] = table("critical_errors")["settings"]
    return settings


def _wrong_side(a: Attempt) -> Found:
    """The side named as the needle enters, or the side of the tip at its deepest, is not the side asked for."""
    asked, margin = a.world.side, float(_settings()["side_margin_mm"])
    if asked == "both":
        return
    sign, other = (1.0, "right") if asked == "left" else (-1.0, "left")
    found = [(c.after.at_s, "named") for c in a.entered if c.after.side not in (None, asked)]
    for state in a.deepest:
        if state.needle is not None and state.needle.tip_mm[0] * sign > margin:
            found.append((state.at_s, "treated with the needle"))
    for at_s, how in sorted(found):
        yield at_s, other, {"structure": f"the {other} was {how}, the {asked} was asked for"}


def _artery_entered(a: Attempt) -> Found:
    for e in a.log.events:
        if e.kind == "vessel_entered" and VESSEL in e.structure:
            yield e.at_s, e.structure, {}


def _artery_injection(a: Attempt) -> Found:
    for g in a.given:
        if g.deposit.kind == VESSEL:
            yield g.deposit.at_s, g.deposit.inside, {"value": _ml(g)}


def _vertebral_artery(a: Attempt) -> Found:
    for e in a.log.events:
        if e.kind in ("vessel_entered", "intravascular") and e.structure.startswith("vertebral_artery"):
            yield e.at_s, e.structure, {}


def _dura(a: Attempt) -> Found:
    for e in a.log.events:
        if e.kind == "dura_entered":
            yield e.at_s, e.structure, {}
    for g in a.given:
        if g.deposit.kind in SPINAL:
            yield g.deposit.at_s, g.deposit.inside, {}


def _intraneural(a: Attempt) -> Found:
    for g in a.given:
        if g.deposit.kind == "nerve":
            yield g.deposit.at_s, g.deposit.inside, {"value": _ml(g)}


def _beyond_plane(a: Attempt) -> Found:
    """Product deep to the target's deeper layer; without layers, as deep as where the tip went too deep on that puncture."""
    for target, given in a.by_target:
        for g in given:
            deeper = target.between[-1] if target.between else ""
            if deeper in a.world.anatomy and a.world.truth.below(g.deposit.tip_mm, deeper):
                yield g.deposit.at_s, deeper, {"value": _ml(g)}
    yield from _too_deep(a)


def _too_deep(a: Attempt) -> Found:
    plain = {t.id for t in a.world.targets if not t.between}
    leads = {t.id for t in a.world.targets if t.kind == "lead"}
    passed_mm, name, done = float("inf"), "", 0
    for c in a.changes:
        if depth(c.after) <= 0:
            passed_mm = float("inf")
        for e in c.events:
            if e.kind == "beyond" and e.structure in plain:
                name = e.structure
                passed_mm = min(passed_mm, depth(c.after))
                if name in leads:
                    yield c.after.at_s, name, {"lead": True}
        if depth(c.after) >= passed_mm:
            for deposit in c.after.deposits[done:]:
                yield deposit.at_s, name, {"value": f"{deposit.volume_ml:.2g}"}
        done = len(c.after.deposits)


def _dose_over_limit(a: Attempt) -> Found:
    product, total = a.world.procedure.product, 0.0
    for g in a.given:
        total += g.deposit.volume_ml
        units = total * product.units_per_ml
        if total > product.most_ml + SPILL_ML:
            yield g.deposit.at_s, "", {"value": f"{a.last.given_ml:.3g} mL", "limit": f"{product.most_ml:g} mL"}
        if product.most_units > 0 and units > product.most_units + SPILL_ML * max(product.units_per_ml, 1.0):
            given = a.last.given_ml * product.units_per_ml
            yield g.deposit.at_s, "", {"value": f"{given:.4g} units", "limit": f"{product.most_units:g} units"}


def _site_missed(a: Attempt) -> Found:
    yield from _sites(a, missed(a), a.log.seconds)


def _site_doubled(a: Attempt) -> Found:
    found = doubled(a)
    ends = [max(g.deposit.at_s for g in given) for target, given in a.by_target if target in found]
    yield from _sites(a, found, min(ends, default=0.0))


def _sites(a: Attempt, found: list[FoundTarget], at_s: float) -> Found:
    if found and a.log.moments:
        yield at_s, found[0].id, {"count": f"{len(found)} of {len(a.world.targets)}"}


def _wrong_product_volume(a: Attempt) -> Found:
    off = float(_settings()["volume_off_share"])
    for target, given in a.by_target:
        volume = sum(g.deposit.volume_ml for g in given)
        least, most = accepted_ml(a, target)
        if given and not (1 - off) * least - SPILL_ML <= volume <= (1 + off) * most + SPILL_ML:
            yield given[-1].deposit.at_s, target.id, {"value": f"{volume:.2g}", "limit": f"{least:.2g} to {most:.2g}"}


def _no_aspiration(a: Attempt) -> Found:
    bare = [g for g in a.given if not g.deposit.aspirated]
    if bare and a.world.procedure.aspirate:
        yield bare[0].deposit.at_s, bare[0].deposit.target, {"count": f"{len(bare)} of {len(a.given)}"}


def _bone_defect_ignored(a: Attempt) -> Found:
    """The needle went in before the item of the checklist that asks for a defect was confirmed."""
    words = tuple(_settings()["bone_words"])
    asked = {i for i, item in enumerate(a.world.procedure.checklist) if any(w in item.text.lower() for w in words)}
    if a.entered and asked - set(before_needle(a).confirmed):
        yield a.entered[0].after.at_s, "", {}


def _nothing_given(a: Attempt) -> Found:
    if a.log.moments and a.log.moments[-1].state.finished and not a.given:
        yield a.log.seconds, "", {}


def _ml(g: Given) -> str:
    return f"{g.deposit.volume_ml:.2g}"


DETECTORS: Mapping[str, Detector] = MappingProxyType(
    {
        "wrong_side": _wrong_side,
        "artery_entered": _artery_entered,
        "artery_injection": _artery_injection,
        "vertebral_artery": _vertebral_artery,
        "dura": _dura,
        "intraneural": _intraneural,
        "beyond_plane": _beyond_plane,
        "dose_over_limit": _dose_over_limit,
        "nothing_given": _nothing_given,
        "site_missed": _site_missed,
        "site_doubled": _site_doubled,
        "wrong_product_volume": _wrong_product_volume,
        "no_aspiration": _no_aspiration,
        "bone_defect_ignored": _bone_defect_ignored,
    }
)
