"""Where a probe lies on the skin, and how a needle runs in its plane."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scenarios import model
from sim.picture import Probe
from sim.places import Places, apart, as_point, unit

Array = NDArray[np.float64]
BESIDE_PROBE_MM = 4.0


def probe_on_skin(request: model.Probe, places: Places) -> Probe:
    """Return the probe that lies on the skin over the line from `medial` to `lateral`.

    The scanned plane holds both places and the way outward from their middle; the footprint is turned in it until it
    lies flat on the skin.
    """
    medial, lateral = apart("medial and lateral", [places.point(request.medial), places.point(request.lateral)])
    middle = (medial + lateral) / 2
    along = unit(lateral - medial)
    outward = unit(places.on_skin(middle) - middle)
    if request.outward is not None:
        outward = np.array(model.DIRECTIONS[request.outward])
    centre = places.skin_along(middle, outward)
    across = unit(np.cross(along, outward))
    normal = places.skin_normal(centre)
    axis = -unit(normal - (normal @ across) * across)
    length = unit(along - (along @ axis) * axis - (along @ across) * across)
    return Probe(
        as_point(centre), as_point(length), as_point(axis), length_mm=request.length_mm, width_mm=request.width_mm,
        depth_mm=request.depth_mm, body=request.body, plane=request.plane,
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
    centre, lateral, axis = (np.array(v) for v in (probe.centre_mm, probe.lateral, probe.axis))
    tip = _crossing(nerve, centre, lateral, axis, probe)
    way = lateral if end == "lateral" else -lateral
    beside = centre + way * (probe.length_mm / 2 + BESIDE_PROBE_MM)
    return places.on_skin(beside), tip


def _crossing(nerve: Array, centre: Array, lateral: Array, axis: Array, probe: Probe) -> Array:
    relative = nerve - centre
    height = relative @ unit(np.cross(lateral, axis))
    at = np.flatnonzero(np.diff(np.sign(height)) != 0)
    share = (height[at] / (height[at] - height[at + 1]))[:, None]
    points = nerve[at] + share * (nerve[at + 1] - nerve[at])
    along, deep = (points - centre) @ lateral, (points - centre) @ axis
    seen = (np.abs(along) < probe.length_mm / 2) & (deep > 0) & (deep < probe.depth_mm)
    if not seen.any():
        raise ValueError("the nerve does not cross the scanned sheet; move the probe, or give entry and tip of the needle.")
    return np.asarray(points[seen][np.argmin(np.abs(along[seen]))])
