"""Scans as they are asked for: motions, aim, fluid, clips."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.surface import SurfaceQuery
from scenarios.sites import Ground
from sim.scans import FARTHEST, MOTIONS, Aim, Scan, Sweep, aimed_at, clip, ends_of, frame, marked_is, pose_of, scanner_for
from sim.ultrasound.doppler import DopplerSettings
from sim.ultrasound.placing import probe_pose
from sim.ultrasound.pose_rules import named_poses
from sim.ultrasound.poses import ProbePose, limit
from sim.ultrasound.scanner import Scanner

Array = NDArray[np.float64]
NAN = float("nan")
NERVE = "greater_occipital_nerve_right"


@pytest.fixture(scope="module")
def own(scanner: Scanner, anatomy: Anatomy) -> Scanner:
    """The scanner of the pose c2-oblique, coarse, over the voxels that all tests share."""
    settings = scanner_for(anatomy, Scan()).settings
    return scanner.with_settings(lines=128, samples=512, depth_mm=settings.deep_mm, frequency_mhz=settings.mhz)


@pytest.fixture(scope="module")
def ground(anatomy: Anatomy) -> Ground:
    return Ground(anatomy)


@pytest.fixture(scope="module")
def plain(anatomy: Anatomy) -> ProbePose:
    return probe_pose(anatomy, "c2-oblique", "right")


def moved(anatomy: Anatomy, ground: Ground, **motions: float) -> ProbePose:
    return pose_of(anatomy, Scan(motions=motions), ground)


# ---- poses and motions


def test_without_motions_the_pose_is_the_named_one(anatomy: Anatomy, plain: ProbePose) -> None:
    pose = pose_of(anatomy, Scan())
    assert np.array_equal(pose.centre_mm, plain.centre_mm) and pose.press_mm == plain.press_mm and pose.name == "c2-oblique"


@pytest.mark.parametrize(("name", "kept"), [("rotate", "axis"), ("tilt", "lateral"), ("rock", "elevation")])
def test_turns_keep_their_axis_and_the_centre(anatomy: Anatomy, ground: Ground, plain: ProbePose, name: str, kept: str) -> None:
    pose = moved(anatomy, ground, **{name: 12.0})
    assert np.allclose(getattr(pose, kept), getattr(plain, kept), atol=1e-12) and np.allclose(pose.centre_mm, plain.centre_mm)
    for other in {"axis", "lateral", "elevation"} - {kept}:
        angle = np.rad2deg(np.arccos(np.clip(getattr(pose, other) @ getattr(plain, other), -1, 1)))
        assert angle == pytest.approx(12.0, abs=1e-6)


@pytest.mark.parametrize(("name", "along"), [("slide", "lateral"), ("across", "elevation")])
def test_slides_stay_on_the_skin(anatomy: Anatomy, ground: Ground, plain: ProbePose, name: str, along: str) -> None:
    pose = moved(anatomy, ground, **{name: 8.0})
    way = pose.centre_mm - plain.centre_mm
    assert 7.0 < np.linalg.norm(way) < 8.01 and way @ getattr(plain, along) > 6
    assert abs(SurfaceQuery(anatomy["skin"].mesh).signed_distance(pose.centre_mm[None])[0]) < 0.1
    assert pose.press_mm == plain.press_mm


def test_press_adds_and_stops_at_its_limits(anatomy: Anatomy, ground: Ground, plain: ProbePose) -> None:
    assert moved(anatomy, ground, press=-3.0).press_mm == pytest.approx(plain.press_mm - 3)
    assert moved(anatomy, ground, press=-25.0).press_mm == 0 and moved(anatomy, ground, press=25.0).press_mm == limit(
        "press_most_mm"
    )


def test_motions_come_in_their_order(anatomy: Anatomy, ground: Ground) -> None:
    both = {"tilt": 20.0, "rotate": 30.0}
    again = dict(reversed(both.items()))
    assert np.allclose(moved(anatomy, ground, **both).axis, moved(anatomy, ground, **again).axis)


@pytest.mark.parametrize("name", MOTIONS)
def test_a_motion_out_of_reach_is_refused(name: str) -> None:
    Scan(motions={name: FARTHEST[name]})
    for value in (FARTHEST[name] + 0.1, -FARTHEST[name] - 0.1, NAN, float("inf")):
        with pytest.raises(ValueError, match=f"{name} is .*; it must be a number from"):
            Scan(motions={name: value})


# ---- what a scan may be


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"pose": "c2-obliqe"}, "Did you mean 'c2-oblique'"), ({"side": "rigth"}, "Did you mean 'right'"),
        ({"motions": {"sld": 1.0}}, "'slide'"),
        ({"inject_ml": 1.0}, "fluid needs a needle"), ({"inject_ml": -1.0, "aim": Aim()}, "inject"),
        ({"inject_ml": NAN, "aim": Aim()}, "inject"),
        ({"time_s": NAN}, "time"), ({"time_s": float("inf")}, "time"), ({"inject_ml": 51.0, "aim": Aim()}, "inject"),
    ],
)  # fmt: skip
def test_an_impossible_scan_is_refused(wanted: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Scan(**wanted)


@pytest.mark.parametrize(
    ("what", "start", "end"),
    [
        ("slid", 0, 1), ("slide", NAN, 1), ("slide", 0, 121), ("needle", 0, 1.5), ("needle", -0.5, 1), ("inject", 0, 51),
        ("inject", -1, 1),
        ("time", 0, 601), ("tilt", -61, 0),
    ],
)  # fmt: skip
def test_an_impossible_sweep_is_refused(what: str, start: float, end: float) -> None:
    with pytest.raises(ValueError, match=r"which is not known|it must be a number from"):
        Sweep(what, start, end)


def test_the_scanner_is_as_the_pose_names_it(anatomy: Anatomy) -> None:
    for name, row in named_poses().items():
        settings = scanner_for(anatomy, Scan(pose=name)).settings
        assert (settings.probe, settings.deep_mm, settings.mhz) == (row.probe, row.depth_mm, row.frequency_mhz)
    other = scanner_for(anatomy, Scan(settings={"probe": "curved-5-2", "gain_db": 3.0})).settings
    assert (other.probe, other.gain_db) == ("curved-5-2", 3.0) and other.deep_mm == other.model.default_depth_mm
    with pytest.raises(ValueError, match="Did you mean 'linear-12-3'"):
        scanner_for(anatomy, Scan(settings={"probe": "linear-12"}))


# ---- aim


@pytest.mark.parametrize("name", ["gon", "greater_occipital_nerve", NERVE])
def test_what_is_aimed_at_may_be_named_in_many_ways(anatomy: Anatomy, name: str) -> None:
    assert aimed_at(anatomy, Scan(aim=Aim(name))) == NERVE
    assert aimed_at(anatomy, Scan(side="left", aim=Aim("gon"))) == "greater_occipital_nerve_left"


@pytest.mark.parametrize("name", ["greater_occipital_nerv", "", "greater_occipital_nerve_left", "nothing at all"])
def test_an_unknown_aim_is_refused(anatomy: Anatomy, name: str) -> None:
    with pytest.raises(ValueError, match=r"not known|Did you mean|the other side"):
        aimed_at(anatomy, Scan(aim=Aim(name)))


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_marked_end_is_the_patients_left(anatomy: Anatomy, side: Literal["left", "right"]) -> None:
    scan = Scan(side=side)
    assert marked_is(pose_of(anatomy, scan), scan) == ("lateral" if side == "left" else "medial")


@pytest.mark.parametrize("end", ["lateral", "medial"])
def test_a_needle_comes_from_the_end_that_is_named(
    own: Scanner, anatomy: Anatomy, ground: Ground, end: Literal["lateral", "medial"]
) -> None:
    image, pose = frame(own, anatomy, Scan(aim=Aim("gon", end)), ground)
    rows, columns = np.nonzero(image.mask("needle"))
    assert len(rows) > 30
    tip, tail = np.argmax(rows), np.argmin(rows)
    ends = [image.ras(float(rows[i]), float(columns[i])) for i in (tip, tail)]
    assert (ends[1][0] > ends[0][0]) == (end == "lateral")  # right side: lateral is +x
    nerve = image.mask(NERVE)
    gap = np.hypot(*(np.argwhere(nerve) - [rows[tip], columns[tip]]).T).min() * image.pixel_mm[0]
    assert gap < 1.5 and pose.name == "c2-oblique"


def test_a_needle_goes_as_far_as_is_asked(own: Scanner, anatomy: Anatomy, ground: Ground) -> None:
    deepest = [
        np.nonzero(frame(own, anatomy, Scan(aim=Aim()), ground, reached)[0].mask("needle"))[0].max(initial=0)
        for reached in (0.3, 0.6, 1.0)
    ]
    assert deepest[0] < deepest[1] < deepest[2]


def test_an_aim_that_is_not_in_view_is_refused(own: Scanner, anatomy: Anatomy, ground: Ground) -> None:
    with pytest.raises(ValueError, match="the image does not show sternocleidomastoid_right"):
        frame(own, anatomy, Scan(aim=Aim("sternocleidomastoid")), ground)


def test_fluid_is_given_at_the_tip(own: Scanner, anatomy: Anatomy, ground: Ground) -> None:
    areas = []
    for ml in (0.0, 0.5, 1.5):
        image, _ = frame(own, anatomy, Scan(aim=Aim(), inject_ml=ml), ground)
        areas.append(image.mask("injectate").sum())
        if ml:
            nerve, fluid = (np.argwhere(image.mask(k)) for k in (NERVE, "injectate"))
            assert np.hypot(*(nerve[:, None] - fluid[None, ::5]).reshape(-1, 2).T).min() * image.pixel_mm[0] < 1.5
    assert areas[0] == 0 and 0 < areas[1] < areas[2]


def test_doppler_is_passed_on(own: Scanner, anatomy: Anatomy, ground: Ground) -> None:
    image, _ = frame(own, anatomy, Scan(doppler=DopplerSettings(), time_s=0.1), ground)
    assert image.doppler is not None and image.settings["doppler_scale_cm_s"] == 15.0


# ---- clips


def test_a_clip_sweeps_evenly(own: Scanner, anatomy: Anatomy) -> None:
    frames = list(clip(own, anatomy, Scan(motions={"press": 1.0}), Sweep("press", -1.0, 1.0), 5, 20.0))
    first = pose_of(anatomy, Scan()).press_mm
    assert [pose.press_mm - first for _, pose in frames] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])
    steps = [np.abs(a.pixels.astype(int) - b.pixels).mean() for (a, _), (b, _) in pairwise(frames)]
    assert min(steps) > 0.5


def test_a_needle_and_fluid_can_be_swept(own: Scanner, anatomy: Anatomy) -> None:
    needles = [im.mask("needle").sum() for im, _ in clip(own, anatomy, Scan(aim=Aim()), Sweep("needle", 0.0, 1.0), 4, 20.0)]
    assert needles == sorted(needles) and needles[-1] > needles[1] > needles[0]
    fluids = [im.mask("injectate").sum() for im, _ in clip(own, anatomy, Scan(aim=Aim()), Sweep("inject", 0.0, 2.0), 3, 20.0)]
    assert fluids[0] == 0 and 0 < fluids[1] < fluids[2]


def test_a_still_probe_shows_the_same_speckle_in_every_frame(own: Scanner, anatomy: Anatomy) -> None:
    a, b = (im for im, _ in clip(own, anatomy, Scan(), None, 2, 20.0))
    assert (a.pixels == b.pixels).mean() > 0.98  # vessels alone may beat


def test_time_runs_in_a_clip(own: Scanner, anatomy: Anatomy, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    real = Scanner.image

    def noting(self: Scanner, pose: ProbePose, **more: Any) -> Any:
        told.append(more["time_s"])
        return real(self, pose, **more)

    monkeypatch.setattr(Scanner, "image", noting)
    list(clip(own, anatomy, Scan(time_s=1.0), None, 3, 10.0))
    list(clip(own, anatomy, Scan(), Sweep("time", 0.0, 0.4), 3, 10.0))
    assert told == pytest.approx([1.0, 1.1, 1.2, 0.0, 0.2, 0.4])


@pytest.mark.parametrize("frames", [0, -1, 2001])
def test_too_few_or_many_frames_are_refused(own: Scanner, anatomy: Anatomy, frames: int) -> None:
    with pytest.raises(ValueError, match=f"frames is {frames}"):
        next(clip(own, anatomy, Scan(), None, frames, 20.0))


@pytest.mark.parametrize("fps", [0.0, NAN, -5.0])
def test_an_impossible_rate_is_refused(own: Scanner, anatomy: Anatomy, fps: float) -> None:
    with pytest.raises(ValueError, match="fps"):
        next(clip(own, anatomy, Scan(), None, 2, fps))


@pytest.mark.parametrize("what", ["needle", "inject"])
def test_a_sweep_of_a_needle_that_is_not_there_is_refused(own: Scanner, anatomy: Anatomy, what: str) -> None:
    with pytest.raises(ValueError, match=f"a sweep of {what} needs a needle"):
        next(clip(own, anatomy, Scan(), Sweep(what, 0.0, 1.0), 2, 20.0))


def test_ends_of_the_image_are_named(own: Scanner, anatomy: Anatomy, ground: Ground) -> None:
    image, _ = frame(own, anatomy, Scan(), ground)
    assert ends_of(image) == ("L", "R")
    flipped, _ = frame(own.with_settings(marker_side="right"), anatomy, Scan(), ground)
    assert ends_of(flipped) == ("R", "L")
