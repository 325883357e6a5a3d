"""A needle in a trial: ways, planes, vessels, bone, fluid and the probe beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from meshes.model import Anatomy
from sim.training.spread import bathed
from sim.training.trial import fluid_in_image, needle_in_image
from sim.training.trial_path import at_rest, nearest_target, under_press
from sim.training.trial_product import threshold_volt
from sim.training.world import World, world_for
from sim.ultrasound.image import BModeImage
from tests.trials import GON, Array, Trial, same


@pytest.fixture(scope="session")
def nuchal(worlds: Callable[[str, str], World]) -> World:
    return worlds("gon-block-nuchal-line", "right")


def test_a_block_at_c2_in_plane_reaches_the_plane_and_bathes_the_nerve(c2: World) -> None:
    trial = Trial(c2)
    events = trial.in_plane(short_mm=1.2)
    layers = ["skin", "superficial_fascia", "splenius_capitis_right", "semispinalis_capitis_right"]
    met = [e.structure for e in events if e.kind == "pop"]
    assert [key for key in met if key in layers] == layers and trial.state.passes == 1
    assert not {"intraneural", "vessel_entered", "dura_entered", "beyond", "bone_contact"} & {e.kind for e in events}
    assert trial.kinds("aspirate") == ["aspirated_clear"] and trial.state.aspirated
    (given,) = (e for e in trial.do("inject", ml=1.5) if e.kind == "injected")
    (deposit,) = trial.state.deposits
    assert given.structure == deposit.inside == "plane" and deposit.target == c2.targets[0].id and deposit.aspirated
    assert "semispinalis" in given.text and "obliquus" in given.text and trial.state.given_ml == 1.5
    assert bathed(c2.truth, trial.state.deposits, GON).circumference_share > 0.5


def test_the_image_shows_needle_and_fluid_where_the_trial_has_them(c2: World) -> None:
    trial = Trial(c2)
    assert needle_in_image(trial.state, c2) is None and fluid_in_image(trial.state, c2) is None
    trial.in_plane(short_mm=1.2)
    trial.do("inject", ml=1.0)
    trial.do("inject", ml=0.5)
    needle, fluid, pose = needle_in_image(trial.state, c2), fluid_in_image(trial.state, c2), trial.state.probe
    assert needle is not None and fluid is not None and pose is not None and trial.state.needle is not None
    assert np.array_equal(needle.tip_mm, trial.state.needle.tip_mm) and fluid.volume_ml == pytest.approx(1.5)
    scanner = c2.scanner({}).with_settings(lines=128, samples=512)
    image = scanner.image(pose, needle=needle, injectate=fluid)
    assert image.mask("injectate").sum() > 50
    column, row = pixel_of(image, needle.tip_mm)
    near = np.argwhere(image.mask("injectate")) - (row, column)
    assert np.hypot(near[:, 0] * image.pixel_mm[0], near[:, 1] * image.pixel_mm[1]).min() < 2.0
    bare = scanner.image(pose)
    target = under_press(c2, trial.state, c2.targets[0].point_mm)
    column, row = pixel_of(bare, target)
    seen = bare.labels[row - 6 : row + 7, column - 4 : column + 5]
    assert GON in {bare.keys[i] for i in np.unique(seen)}


def pixel_of(image: BModeImage, point: Array) -> tuple[int, int]:
    column, row = (np.linalg.inv(image.ras_from_image) @ [*point, 1.0])[:2]
    return round(column), round(row)


def test_pushing_on_from_the_nerve_goes_too_deep_and_ends_on_bone(c2: World) -> None:
    trial = Trial(c2)
    first = trial.in_plane(short_mm=0.0)
    assert [e.structure for e in first if e.kind == "nerve_contact"] == [GON]
    assert "crown" in next(e.text for e in first if e.kind == "paraesthesia")
    assert [e.structure for e in first if e.kind == "intraneural"] == [GON]
    order = [e.kind for e in first]
    assert order.index("nerve_contact") < order.index("intraneural")
    pain = trial.do("inject", ml=0.2)
    assert [e.kind for e in pain] == ["injected", "paraesthesia"] and trial.state.deposits[0].inside == GON
    deep = trial.do("needle_advance", mm=25.0)
    stop = next(e for e in deep if e.kind == "bone_contact")
    assert stop.structure == "axis" and stop.value is not None and stop.value > 5.0
    assert [e.structure for e in deep if e.kind == "beyond"] == ["obliquus_capitis_inferior_right"]
    needle = trial.state.needle
    assert needle is not None
    tip = c2.truth.tip(at_rest(c2, trial.state, needle.tip_mm[None])[0])
    assert tip.kind != "bone" and tip.bone_mm < 0.3
    before = needle.depth_mm
    (again,) = trial.do("needle_advance", mm=3.0)
    assert again.kind == "bone_contact" and again.value == pytest.approx(3.0, abs=0.1)
    assert trial.state.needle is not None and trial.state.needle.depth_mm == pytest.approx(before, abs=0.05)


def test_beyond_is_told_once(c2: World) -> None:
    trial = Trial(c2)
    trial.into(c2.targets[0], deeper_mm=-2.0)
    told = [e.kind for _ in range(10) for e in trial.do("needle_advance", mm=2.0)]
    assert told.count("beyond") == 1


def test_a_vessel_gives_blood_and_takes_the_product(anatomy: Anatomy, preempt: World) -> None:
    trial = Trial(preempt)
    artery = anatomy["occipital_artery_right"]
    assert artery.centerline is not None
    skin = preempt.ground.skin
    depth = -skin.signed_distance(artery.centerline)
    wide = artery.radius_mm
    assert wide is not None
    at = int(np.flatnonzero((depth < 9) & (wide > 0.7))[0])
    foot = skin.closest(artery.centerline[at])[0][0]
    way = artery.centerline[at] - foot
    trial.do("needle_place", point_mm=foot.tolist(), direction=way.tolist())
    events = trial.do("needle_advance", mm=float(np.linalg.norm(way)))
    assert [e.structure for e in events if e.kind == "vessel_entered"] == ["occipital_artery_right"]
    assert trial.kinds("aspirate") == ["aspirated_blood"] and not trial.state.aspirated
    assert trial.kinds("inject", ml=0.1) == ["injected", "intravascular"]
    assert not trial.state.deposits[0].aspirated and trial.state.deposits[0].kind == "artery"
    assert fluid_in_image(trial.state, preempt) is None
    assert trial.kinds("needle_advance", mm=-50.0) == ["needle_removed"] and trial.state.needle is None


def test_the_dura_gives_clear_fluid(anatomy: Anatomy) -> None:
    far = world_for("prf-gon", "right", anatomy)  # the longest needle
    trial = Trial(far)
    middle = anatomy.landmark("c1_posterior_tubercle") * 0.5 + anatomy.landmark("c2_spinous_tip") * 0.5
    gap = np.array([0.0, middle[1], anatomy.landmark("c1_posterior_tubercle")[2] - 9.0])
    skin = far.ground.skin.ray([0.0, -200.0, gap[2]], [0.0, 1.0, 0.0], 200.0)[0][0] - 200.0
    dura = far.ground.surface("spinal_dura_mater").ray([0.0, skin, gap[2]], [0.0, 1.0, 0.0], 120.0)[0][0]
    trial.do("needle_place", point_mm=(0.0, float(skin), float(gap[2])), direction=(0.0, 1.0, 0.0))
    events = trial.do("needle_advance", mm=float(dura) + 1.0)
    assert "spinal_dura_mater" in [e.structure for e in events if e.kind == "dura_entered"]
    assert trial.kinds("aspirate") == ["aspirated_csf"] and not trial.state.aspirated


def test_redirecting_counts_only_when_deep_and_moves_the_tip(c2: World) -> None:
    trial = Trial(c2)
    target = c2.targets[0]
    trial.do("needle_place", point_mm=target.skin_mm.tolist(), direction=target.direction.tolist())
    assert "redirected" not in trial.kinds("needle_aim", yaw_deg=10.0, pitch_deg=-4.0)
    trial.do("needle_advance", mm=4.0)
    assert "redirected" not in trial.kinds("needle_aim", pitch_deg=-2.0)
    trial.do("needle_advance", mm=8.0)
    before = trial.state.needle
    told = next(e for e in trial.do("needle_aim", pitch_deg=3.0) if e.kind == "redirected")
    after = trial.state.needle
    assert before is not None and after is not None and told.value == pytest.approx(3.0, abs=1e-6)
    assert after.depth_mm == before.depth_mm and np.array_equal(after.entry_mm, before.entry_mm)
    assert np.linalg.norm(after.tip_mm - before.tip_mm) == pytest.approx(2 * 12 * np.sin(np.deg2rad(1.5)), rel=1e-6)


def test_pitch_is_steeper_and_yaw_clockwise_from_outside(c2: World) -> None:
    trial = Trial(c2)
    point = c2.anatomy.landmark("opisthocranion_skin")
    normal = c2.ground.skin.closest(point)[1][0]
    trial.do("needle_place", point_mm=point.tolist(), direction=(-normal + np.array([0.0, 0.0, 1.2])).tolist())
    flat = trial.state.needle
    trial.do("needle_aim", pitch_deg=10.0)
    steep = trial.state.needle
    trial.do("needle_aim", pitch_deg=-10.0)
    trial.do("needle_aim", yaw_deg=90.0)
    turned = trial.state.needle
    assert flat is not None and steep is not None and turned is not None
    angle = [np.degrees(np.arcsin(-(n.direction @ normal))) for n in (flat, steep, turned)]
    assert angle[1] - angle[0] == pytest.approx(10.0, abs=1e-6) and angle[2] == pytest.approx(angle[0], abs=1e-6)
    assert flat.direction[2] > 0.5 and turned.direction[0] > 0.5  # seen from behind, up turned clockwise is the patient's right


def test_a_turn_through_bone_is_refused(anatomy: Anatomy, nuchal: World) -> None:
    trial = Trial(nuchal)
    point = anatomy.landmark("opisthocranion_skin")
    normal = nuchal.ground.skin.closest(point)[1][0]
    flat = np.cross(normal, [1.0, 0.0, 0.0])
    trial.do("needle_place", point_mm=point.tolist(), direction=(flat - 0.25 * normal).tolist())
    trial.do("needle_advance", mm=11.0)
    before = trial.state
    assert before.needle is not None and before.needle.depth_mm > 8
    (refused,) = trial.do("needle_aim", pitch_deg=50.0)
    assert refused.kind == "refused" and "Bone" in refused.text
    assert same(trial.state, replace(before, at_s=trial.state.at_s))


def test_the_needle_is_no_longer_than_it_is(preempt: World) -> None:
    trial = Trial(preempt)
    shoulder = next(t for t in preempt.targets if t.muscles and t.muscles[0].startswith("trapezius"))
    trial.do("needle_place", point_mm=shoulder.skin_mm.tolist(), direction=shoulder.direction.tolist())
    trial.do("needle_advance", mm=90.0)
    assert trial.state.needle is not None and trial.state.needle.depth_mm == preempt.tool.length_mm
    (refused,) = trial.do("needle_advance", mm=1.0)
    assert refused.kind == "refused" and "hub" in refused.text
    (refused,) = trial.do("needle_place", point_mm=shoulder.skin_mm.tolist(), direction=shoulder.direction.tolist())
    assert refused.kind == "refused" and trial.kinds("choose_side", side="left") == ["refused"]


def test_moving_the_probe_with_the_needle_in_is_told(c2: World) -> None:
    trial = Trial(c2)
    trial.do("probe_pose", name="c2-oblique", side="right")
    assert trial.kinds("probe_slide", along_mm=2.0) == [] and trial.kinds("probe_slide", along_mm=-2.0) == []
    trial.do("needle_beside", end="other")
    trial.do("needle_advance", mm=6.0)
    (slid,) = trial.do("probe_slide", along_mm=3.0)
    (turned,) = trial.do("probe_turn", how="rotate", deg=10.0)
    assert slid.kind == turned.kind == "probe_moved" and slid.value == pytest.approx(3.0, abs=0.5)
    assert turned.value == pytest.approx(2 * 19.2 * np.sin(np.deg2rad(5.0)), rel=1e-3)
    assert trial.kinds("probe_lift") == ["probe_lifted"] and trial.state.probe is None


def test_the_needle_beside_the_probe_lies_in_its_plane_on_the_pressed_skin(c2: World) -> None:
    trial = Trial(c2)
    trial.do("probe_pose", name="c2-oblique", side="right")
    pose = trial.state.probe
    assert pose is not None and pose.press_mm > 5
    for end, sign in (("marked", 1.0), ("other", -1.0)):
        (placed,) = trial.do("needle_beside", end=end, steep_deg=40.0, gap_mm=3.0)
        needle = trial.state.needle
        assert placed.kind == "needle_placed" and needle is not None
        entry = pose.probe_from_ras.apply(needle.entry_mm[None])[0]
        assert entry[0] == pytest.approx(sign * 22.2, abs=1e-6) and abs(entry[1]) < 1e-6 and abs(entry[2]) < 6
        assert abs(needle.direction @ pose.elevation) < 1e-9
        assert needle.direction @ pose.axis == pytest.approx(np.sin(np.deg2rad(40)))
        rest = at_rest(c2, trial.state, needle.entry_mm[None])
        assert abs(c2.ground.skin.signed_distance(rest)[0]) < 0.05
    trial.do("needle_beside", end="other", off_plane_deg=10.0, shift_mm=2.0)
    needle = trial.state.needle
    assert needle is not None and needle.direction @ pose.elevation == pytest.approx(np.sin(np.deg2rad(10)))
    assert (needle.entry_mm - pose.face_mm) @ pose.elevation == pytest.approx(2.0, abs=1e-6)
    under = pose.centre_mm.tolist()
    assert trial.kinds("needle_place", point_mm=under, direction=pose.axis.tolist()) == ["refused"]


def test_all_sites_of_preempt_can_be_given(preempt: World) -> None:
    trial = Trial(preempt)
    for target in preempt.targets:
        trial.into(target)
        trial.do("aspirate")
        given = trial.do("inject", ml=target.volume_ml)
        assert "5 U" in given[0].text
        trial.do("needle_remove")
    assert [d.target for d in trial.state.deposits] == [t.id for t in preempt.targets] and trial.state.passes == 31
    pairs = zip(trial.state.deposits, preempt.targets, strict=True)
    assert [t.id for d, t in pairs if not {d.inside, *d.layers} & set(t.muscles)] == []
    assert nearest_target(preempt, np.array([0.0, 0.0, 200.0])) is None


def test_stimulation_is_felt_near_the_nerve_only(anatomy: Anatomy, c2: World) -> None:
    far = world_for("prf-gon", "right", anatomy)
    trial = Trial(far)
    target = far.targets[0]
    trial.into(target, deeper_mm=-9.0)
    nothing = trial.do("stimulate", volt=0.3)[0]
    trial.do("needle_advance", mm=6.5)
    felt = trial.do("stimulate", volt=0.5)[0]
    assert nothing.kind == felt.kind == "stimulated" and nothing.value is None and nothing.structure == ""
    assert felt.structure == GON and felt.value is not None and felt.value <= 0.5 and "back of the head" in felt.text
    assert threshold_volt(-1.0) == threshold_volt(0.0) < threshold_volt(1.0) < threshold_volt(3.0)
    other = Trial(c2)
    other.into(c2.targets[0], deeper_mm=-5.0)
    assert other.kinds("stimulate", volt=1.0) == ["refused"]
