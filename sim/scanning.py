"""Where the probe of a scenario lies on the skin, how a needle runs in its plane, and the image that it shows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scenarios import model
from scenarios.basics import DIRECTIONS
from sim.picture import Inset, Probe
from sim.places import Places, apart, as_point, unit
from sim.ultrasound.placing import probe_pose
from sim.ultrasound.pose_rules import named_poses
from sim.ultrasound.poses import ProbePose, crossing
from sim.ultrasound.probes import probe_model

Array = NDArray[np.float64]
BESIDE_PROBE_MM = 4.0
LENGTHWISE = 0.2  # a probe is across the body while this much of its length runs from side to side


def probe_on_skin(request: model.Probe, places: Places, side: str = "right") -> Probe:
    """Return the probe of a scenario: in its named pose on `side`, or on the skin over the line from `medial` to `lateral`.

    `Probe.lateral` points to the end that lies laterally. Between two places, the scanned plane holds both places and the way
    outward from their middle; the footprint is turned in it until it
    lies flat on the skin.
    """
    if request.pose is not None:
        return _named(request, places, side)
    assert request.medial is not None and request.lateral is not None
    medial, lateral = apart("medial and lateral", [places.point(request.medial), places.point(request.lateral)])
    middle = (medial + lateral) / 2
    along = unit(lateral - medial)
    outward = unit(places.on_skin(middle) - middle)
    if request.outward is not None:
        outward = np.array(DIRECTIONS[request.outward])
    centre = places.skin_along(middle, outward)
    across = unit(np.cross(along, outward))
    normal = places.skin_normal(centre)
    axis = -unit(normal - (normal @ across) * across)
    length = unit(along - (along @ axis) * axis - (along @ across) * across)
    return Probe(
        as_point(centre), as_point(length), as_point(axis), length_mm=request.length_mm, width_mm=request.width_mm,
        depth_mm=request.depth_mm, body=request.body, plane=request.plane,
    )  # fmt: skip


def _named(request: model.Probe, places: Places, side: str) -> Probe:
    assert request.pose is not None
    pose = probe_pose(places.anatomy, request.pose, side)
    named = named_poses()[request.pose]
    outward = 1.0 if side == "right" else -1.0
    lateral = pose.lateral if pose.lateral[0] * outward >= 0 else -pose.lateral
    depth = request.depth_mm if "depth_mm" in request.model_fields_set else named.depth_mm
    return Probe(
        as_point(pose.centre_mm), as_point(lateral), as_point(pose.axis), length_mm=probe_model(named.probe).width_mm,
        width_mm=request.width_mm, depth_mm=depth, body=request.body, plane=request.plane,
    )  # fmt: skip


def inset_of(scenario: model.Scenario, probe: Probe, places: Places, side: str, aim: str) -> Inset | None:
    """Return the ultrasound image that a scenario shows beside its pictures; None if it asks for none.

    The marked end is the one toward the patient's left, or upward where the probe lies lengthwise: so his left, or the head, is
    at the left of the image.

    Parameters
    ----------
    scenario : Scenario
    probe : Probe
        Of `probe_on_skin`.
    places : Places
    side : str
    aim : str
        Key of what a needle in the plane is aimed at.
    """
    asked, request = scenario.ultrasound, scenario.probe
    if asked is None or request is None:
        return None
    settings: dict[str, str | float] = {"probe": asked.probe, "depth_mm": probe.depth_mm, "gain_db": asked.gain_db}
    press = 1.0
    if request.pose is not None:
        named = named_poses()[request.pose]
        press = probe_pose(places.anatomy, request.pose, side).press_mm
        if asked.probe == named.probe:
            settings["frequency_mhz"] = named.frequency_mhz
    if asked.frequency_mhz is not None:
        settings["frequency_mhz"] = asked.frequency_mhz
    lateral = np.array(probe.lateral)
    marked_lateral = bool(lateral[0] < 0) if abs(lateral[0]) > LENGTHWISE else bool(lateral[2] > 0)
    way = lateral if marked_lateral else -lateral
    needle, shown = scenario.needle, scenario.needle is not None and asked.needle and scenario.needle.tip is None
    end = needle.end if needle is not None else "lateral"
    return Inset(
        probe.centre_mm, as_point(way), probe.axis, press if asked.press_mm is None else asked.press_mm, tuple(settings.items()),
        asked.overlay, asked.doppler, aim if shown else None, "marked" if (end == "lateral") == marked_lateral else "other",
        (needle.diameter_mm if needle is not None else None) or 0.7, asked.inject_ml if shown else 0.0,
    )  # fmt: skip


def in_plane(probe: Probe, nerve: Array, places: Places, end: Literal["lateral", "medial"] = "lateral") -> tuple[Array, Array]:
    """Return entry (3,) and tip (3,) of a needle from one end of the probe to a nerve in the scanned plane.

    Parameters
    ----------
    probe : Probe
        On the skin.
    nerve : (n, 3) array
        Its axis, mm.
    places : Places
        Of the anatomy.
    end : {'lateral', 'medial'}
        End of the probe beside which the needle enters.

    Raises
    ------
    ValueError
        If the nerve does not cross the scanned sheet.
    """
    pose = ProbePose(np.array(probe.centre_mm), np.array(probe.lateral), np.array(probe.axis))
    points = crossing(nerve, pose)
    along, deep = (points - pose.centre_mm) @ pose.lateral, (points - pose.centre_mm) @ pose.axis
    seen = (np.abs(along) < probe.length_mm / 2) & (deep > 0) & (deep < probe.depth_mm)
    if not seen.any():
        raise ValueError("the nerve does not cross the scanned sheet; move the probe, or give entry and tip of the needle.")
    tip = np.asarray(points[seen][np.argmin(np.abs(along[seen]))])
    way = pose.lateral if end == "lateral" else -pose.lateral
    beside = pose.centre_mm + way * (probe.length_mm / 2 + BESIDE_PROBE_MM)
    return places.on_skin(beside), tip
