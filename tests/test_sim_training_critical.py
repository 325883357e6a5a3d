"""Every critical error, provoked on the real anatomy by a few moves and caught; an expert's clean run has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.targets import FoundTarget
from sim.training.actions import (
    AnyAction,
    Aspirate,
    ChooseSide,
    Confirm,
    Finish,
    Inject,
    NeedleAdvance,
    NeedlePlace,
    NeedleRemove,
)
from sim.training.critical import Critical, critical_errors, critical_table
from sim.training.scripted import scripted
from sim.training.trial import replay
from sim.training.world import World, world_for

Array = NDArray[np.float64]
Deed = list[AnyAction]
WAYS = 400


def three(v: Array) -> tuple[float, float, float]:
    return float(v[0]), float(v[1]), float(v[2])


def prepared(world: World, side: str | None = None) -> Deed:
    """The checklist, and the side."""
    acts: Deed = [Confirm(item=i) for i in range(len(world.procedure.checklist))]
    if world.side != "both":
        acts.append(ChooseSide(side=side or world.side))
    return acts


def stab(entry: Array, point: Array, past_mm: float = 0.0) -> Deed:
    """Straight from the skin to a place."""
    way = point - entry
    far = float(np.linalg.norm(way))
    return [NeedlePlace(point_mm=three(entry), direction=three(way / far)), NeedleAdvance(mm=far + past_mm)]


def given(ml: float, *, aspirated: bool = True) -> Deed:
    return [*([Aspirate()] if aspirated else []), Inject(ml=ml)]


def open_entry(world: World, point: Array, toward: tuple[float, float, float]) -> Array:
    """The skin point nearest to a direction from which the straight way to a place meets no bone and suits the needle."""
    rng, wished = np.random.default_rng(0), np.array(toward) / np.linalg.norm(toward)
    ways = rng.normal(size=(WAYS, 3))
    ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    for way in sorted(ways, key=lambda w: -float(w @ wished)):
        far, _ = world.ground.skin.ray(point, way, world.tool.length_mm - 1.0)
        if len(far) and not any(m.kind == "bone" for m in world.truth.along(np.stack([point + far[-1] * way, point]))):
            return np.asarray(point + far[-1] * way)
    raise AssertionError("no way without bone")


def caught(world: World, *deeds: Deed) -> dict[str, Critical]:
    log = replay(world, [*(a for deed in deeds for a in deed), NeedleRemove(), Finish()])
    refused = [e.text for e in log.events if e.kind == "refused" and e.structure != "needle_remove"]
    assert not refused, refused
    found = critical_errors(world, log)
    assert list(found) == sorted(found, key=lambda c: c.at_s) and all(c.text for c in found)
    return {c.key: c for c in found}


def visited(world: World, targets: tuple[FoundTarget, ...]) -> Iterator[AnyAction]:
    """Every one of some targets, well given."""
    for t in targets:
        yield from stab(t.skin_mm, t.skin_mm + (t.depth_mm - 1.0) * t.direction)
        yield from given(t.volume_ml)
        yield NeedleRemove()


@pytest.fixture(scope="module")
def world(anatomy: Anatomy) -> Callable[[str], World]:
    return lambda procedure: world_for(procedure, "right", anatomy)


def at_target(w: World, off_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Deed:
    t = w.targets[0]
    return stab(t.skin_mm, t.point_mm + np.array(off_mm))


def test_the_wrong_side_named_or_treated(world: Callable[[str], World]) -> None:
    w = world("gon-block-landmark")
    mirror = np.array([-1.0, 1.0, 1.0])
    t = w.targets[0]
    treated = caught(w, prepared(w), stab(t.skin_mm * mirror, t.point_mm * mirror))["wrong_side"]
    named = caught(w, prepared(w, "left"), at_target(w))["wrong_side"]
    assert "left" in treated.text and "left" in named.text
    assert "wrong_side" not in caught(w, prepared(w), at_target(w), given(2.5))


def test_an_artery_entered(world: Callable[[str], World]) -> None:
    w = world("trigger-sternocleidomastoid")
    line = w.anatomy["occipital_artery_right"].centerline
    assert line is not None
    point = line[len(line) // 2]
    error = caught(w, prepared(w), stab(open_entry(w, point, (0.5, -1.0, 0.0)), point))["artery_entered"]
    assert error.structure == "occipital_artery_right"


@pytest.mark.parametrize("procedure", ["gon-block-landmark", "gon-block-nuchal-line"])
def test_product_given_into_the_occipital_artery_at_the_nuchal_line(world: Callable[[str], World], procedure: str) -> None:
    w = world(procedure)
    line, nuchal = w.anatomy["occipital_artery_right"].centerline, w.anatomy.curve("superior_nuchal_line_right")
    assert line is not None
    away = np.linalg.norm(line[:, None] - nuchal[None], axis=2).min(axis=1)
    point = line[int(away.argmin())]
    entry = w.ground.skin.closest(point)[0][0]
    found = caught(w, prepared(w), stab(entry, point), given(2.0))
    assert found["artery_injection"].structure == "occipital_artery_right"
    assert "artery_injection" not in caught(w, prepared(w), stab(entry, point))


def test_the_vertebral_artery_deep_and_lateral_at_c2(world: Callable[[str], World]) -> None:
    w = world("prf-gon")
    line = w.anatomy["vertebral_artery_right"].centerline
    assert line is not None
    level = w.targets[0].point_mm[2]
    near = line[np.abs(line[:, 2] - level) < 15]
    entry, point = first_open(w, near, (1.0, -1.0, 0.0))
    found = caught(w, prepared(w), stab(entry, point))
    assert found["vertebral_artery"].structure == "vertebral_artery_right"


def first_open(w: World, points: Array, toward: tuple[float, float, float]) -> tuple[Array, Array]:
    for point in points:
        try:
            return open_entry(w, point, toward), point
        except AssertionError:
            continue
    raise AssertionError("no place can be reached")


def test_the_dura_in_the_midline_through_the_gap_of_c1_and_c2(world: Callable[[str], World]) -> None:
    w = world("prp-cervical-attachments")
    atlas, axis = (w.anatomy[key].mesh.vertices_mm for key in ("atlas", "axis"))
    cord = w.anatomy["spinal_cord"].mesh.vertices_mm
    levels = np.linspace(axis[:, 2].mean() + 5, atlas[:, 2].mean(), 12)
    centres = np.array([cord[np.abs(cord[:, 2] - z) < 2].mean(axis=0) for z in levels])
    entry, point = first_open(w, centres, (0.0, -1.0, 0.0))
    assert abs(point[0]) < 2
    found = caught(w, prepared(w), stab(entry, point))
    assert found["dura"].structure


def test_product_given_into_a_nerve_and_not_merely_a_touch(world: Callable[[str], World]) -> None:
    w = world("gon-block-nuchal-line")
    t = w.targets[0]
    into = stab(t.skin_mm, t.point_mm)
    assert caught(w, prepared(w), into, given(2.0))["intraneural"].structure == t.structure
    assert "intraneural" not in caught(w, prepared(w), into)


def test_product_given_deep_to_the_plane(world: Callable[[str], World]) -> None:
    w = world("gon-block-c2")
    t = w.targets[0]
    inward = -w.truth.outward(t.point_mm)[0]
    far, _ = w.ground.surface(t.between[-1]).ray(t.point_mm, inward, 30.0)
    deep = t.point_mm + (far[-1] + 1.0) * inward
    entry = w.ground.skin.closest(deep)[0][0]
    assert caught(w, prepared(w), stab(entry, deep), given(2.0))["beyond_plane"].structure == t.between[-1]
    assert "beyond_plane" not in caught(w, prepared(w), at_target(w), given(2.0))


def test_a_dose_over_the_limit_in_millilitres_and_in_units(world: Callable[[str], World]) -> None:
    w = world("gon-block-landmark")
    error = caught(w, prepared(w), at_target(w), given(5.0), given(3.5))["dose_over_limit"]
    assert "8.5" in error.text and "8 mL" in error.text
    w = world("preempt-31")
    most = w.procedure.product.most_units / w.procedure.product.units_per_ml
    assert "units" in caught(w, prepared(w), at_target(w), given(most + 0.05))["dose_over_limit"].text
    assert "dose_over_limit" not in caught(w, prepared(w), at_target(w), given(most))


def test_sites_missed_and_doubled(world: Callable[[str], World]) -> None:
    w = world("prp-cervical-attachments")
    all_but_one = list(visited(w, w.targets[:-1]))
    missed = caught(w, prepared(w), all_but_one)
    assert missed["site_missed"].structure == w.targets[-1].id and "site_doubled" not in missed
    whole = caught(w, prepared(w), list(visited(w, w.targets)))
    assert "site_missed" not in whole and "site_doubled" not in whole
    twice = caught(w, prepared(w), list(visited(w, w.targets)), list(visited(w, w.targets[:1])))
    assert twice["site_doubled"].structure == w.targets[0].id and "1 of" in twice["site_doubled"].text


@pytest.mark.parametrize(("ml", "wrong"), [(0.3, True), (1.5, False), (3.0, False), (6.0, True)])
def test_a_volume_far_from_what_is_accepted(world: Callable[[str], World], ml: float, wrong: bool) -> None:
    w = world("gon-block-landmark")
    assert ("wrong_product_volume" in caught(w, prepared(w), at_target(w), given(ml))) is wrong


def test_giving_without_aspirating(world: Callable[[str], World]) -> None:
    w = world("gon-block-landmark")
    assert "no_aspiration" in caught(w, prepared(w), at_target(w), given(2.5, aspirated=False))
    assert "no_aspiration" not in caught(w, prepared(w), at_target(w), given(2.5))
    moved = caught(w, prepared(w), at_target(w), [Aspirate(), NeedleAdvance(mm=-1.0)], given(2.5, aspirated=False))
    assert "no_aspiration" in moved


def test_a_bone_defect_not_asked_for_before_the_needle(world: Callable[[str], World]) -> None:
    w = world("gon-block-landmark")
    side: Deed = [a for a in prepared(w) if isinstance(a, ChooseSide)]
    checks: Deed = [a for a in prepared(w) if isinstance(a, Confirm)]
    assert "bone_defect_ignored" in caught(w, side, at_target(w))
    assert "bone_defect_ignored" in caught(w, side, at_target(w), checks)  # asked too late
    assert "bone_defect_ignored" not in caught(w, prepared(w), at_target(w))


def test_no_critical_error_is_left_without_a_test() -> None:
    provoked = {
        "wrong_side", "artery_entered", "artery_injection", "vertebral_artery", "dura", "intraneural", "beyond_plane",
        "dose_over_limit", "site_missed", "site_doubled", "wrong_product_volume", "no_aspiration", "bone_defect_ignored",
        "nothing_given",
    }  # fmt: skip
    assert set(critical_table()) == provoked


@pytest.mark.parametrize(
    "procedure", ["gon-block-landmark", "trigger-sternocleidomastoid", "prp-cervical-attachments", "ons-lead", "preempt-39"]
)
def test_an_experts_run_has_no_critical_error(world: Callable[[str], World], procedure: str) -> None:
    w = world(procedure)
    assert critical_errors(w, scripted(w, "expert", 100)) == ()
