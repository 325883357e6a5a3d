"""The ultrasound image of a film's frames, the pose at which each is taken, and the image laid into the scanned plane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.sites import Ground
from sim.app.scene.vtk import actor_of, surface, texture_of, vtk_array
from sim.films.script import Moment
from sim.insets import PEAK_S
from sim.picture import Inset, Needle, Picture, Probe
from sim.places import as_point
from sim.scans import MOTIONS, Sweep, ends_of
from sim.ultrasound.aiming import aimed_image
from sim.ultrasound.doppler import DopplerSettings
from sim.ultrasound.image import BModeImage
from sim.ultrasound.poses import ProbePose, press, rock, rotate, slide, tilt
from sim.ultrasound.scanner import Scanner

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor

    from sim.page import Box

LEAST_PX, MOST_PX = 320, 1920  # of the scanner's screen
TURNS = {"rotate": rotate, "tilt": tilt, "rock": rock, "press": press}
INSIDE = 0.03  # share of its way from which the needle is under the skin


class LiveImage:
    """What the probe of a picture shows, moment after moment.

    Parameters
    ----------
    anatomy : Anatomy
    picture : Picture
        With its probe and inset.
    sweep : Sweep, optional
        What changes, and from where to where.
    """

    def __init__(self, anatomy: Anatomy, picture: Picture, sweep: Sweep | None = None) -> None:
        assert picture.inset is not None and picture.probe is not None
        self._inset: Inset = picture.inset
        self._probe: Probe = picture.probe
        self._needle: Needle | None = picture.needles[0] if picture.needles else None
        self._what = sweep.what if sweep is not None else ""
        self._ground = Ground(anatomy)
        self._scanner = Scanner(anatomy, **dict(self._inset.settings))
        self._held: tuple[object, BModeImage, NDArray[np.uint8]] | None = None

    def pose(self, moment: Moment) -> ProbePose:
        """Return where the probe is. Raises ValueError where a motion leads off the skin."""
        at = self._inset
        pose = ProbePose(np.array(at.centre_mm), np.array(at.lateral), np.array(at.axis), at.press_mm)
        if moment.swept is None or self._what not in MOTIONS:
            return pose
        if self._what in TURNS:
            return TURNS[self._what](pose, moment.swept)
        along, across = (moment.swept, 0.0) if self._what == "slide" else (0.0, moment.swept)
        return slide(pose, self._ground.skin, along, across)

    def probe(self, moment: Moment) -> Probe:
        """Return the probe as it is drawn."""
        pose, base = self.pose(moment), self._probe
        way = pose.lateral if float(np.dot(base.lateral, self._inset.lateral)) > 0 else -pose.lateral
        return replace(base, centre_mm=as_point(pose.centre_mm), lateral=as_point(way), axis=as_point(pose.axis))

    def reached(self, moment: Moment) -> float | None:
        """Return the share of its way that the needle has gone; None while it is not in the image."""
        if self._inset.aim is None or self._what in MOTIONS:
            return None
        if self._what == "needle" and moment.swept is not None:
            return moment.swept if moment.swept > INSIDE else None
        if moment.away_mm is None or self._needle is None:
            return 1.0
        depth = float(np.linalg.norm(np.subtract(self._needle.tip_mm, self._needle.entry_mm)))
        share = 1.0 - moment.away_mm / max(depth, 1e-6)
        return share if share > INSIDE else None

    def image(self, moment: Moment, time_s: float) -> BModeImage:
        """Return the image of a moment. Raises ValueError if the needle's aim is not in view."""
        return self._made(moment, time_s)[0]

    def screen(self, moment: Moment, time_s: float, box: Box) -> NDArray[np.uint8]:
        """Return the scanner's screen (rows, columns, 3), no larger than a box."""
        return self._made(moment, time_s, box)[1]

    def _made(self, moment: Moment, time_s: float, box: Box | None = None) -> tuple[BModeImage, NDArray[np.uint8]]:
        key = (moment.swept, moment.away_mm, moment.inject_ml, time_s)
        if self._held is None or self._held[0] != key:
            self._held = (key, self._insonated(moment, time_s), np.zeros((0, 0, 3), dtype=np.uint8))
        if box is not None and not self._held[2].size:
            self._held = (key, self._held[1], _screen(self._held[1], box, overlay=self._inset.overlay))
        return self._held[1], self._held[2]

    def _insonated(self, moment: Moment, time_s: float) -> BModeImage:
        at, reached, pose = self._inset, self.reached(moment), self.pose(moment)
        doppler = None if at.doppler is None else DopplerSettings(at.doppler)
        beat = PEAK_S + time_s
        if reached is None or at.aim is None:
            return self._scanner.image(pose, time_s=beat, doppler=doppler)
        fluid = moment.swept if self._what == "inject" and moment.swept is not None else moment.inject_ml
        return aimed_image(
            self._scanner, pose, at.aim, end=at.needle_end, diameter_mm=at.needle_mm, reached=reached, inject_ml=fluid,
            time_s=beat, doppler=doppler,
        )  # fmt: skip


def _screen(image: BModeImage, box: Box, *, overlay: bool) -> NDArray[np.uint8]:
    """The scanner's screen that fits a box."""
    from sim.ultrasound.screen import screen
    from sim.ultrasound.screen_layout import lay_out_screen

    wide, ends = int(np.clip(box.width, LEAST_PX, MOST_PX)), ends_of(image)
    high = lay_out_screen(image, wide, ends).height
    if high > box.height:
        wide = max(LEAST_PX, int(wide * box.height / high))
    shown = screen(image, overlay=overlay, ends=ends, width_px=wide).convert("RGB")
    if shown.width > box.width or shown.height > box.height:
        shown.thumbnail((box.width, box.height))
    return np.asarray(shown)


def slice_actor(image: BModeImage) -> vtkActor:
    """Return the image as a picture that stands in the scanned plane, seen from both sides."""
    rows, columns = image.pixels.shape
    corners = np.array([image.ras(r, c) for r, c in ((0, 0), (0, columns - 1), (rows - 1, columns - 1), (rows - 1, 0))])
    data: Any = surface(corners.reshape(4, 3).astype(np.float32), np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))
    data.GetPointData().SetTCoords(vtk_array(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)))
    actor: Any = actor_of(data)
    look = actor.GetProperty()
    look.BackfaceCullingOff()
    look.LightingOff()
    look.SetColor(1.0, 1.0, 1.0)
    actor.SetTexture(texture_of(np.ascontiguousarray(image.pixels)))
    return actor  # type: ignore[no-any-return]
