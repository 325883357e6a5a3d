"""The scanner: from a medium, a pose of the probe and settings to a frame."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.points import load_table
from sim.ultrasound.doppler import DopplerSettings, flow
from sim.ultrasound.frame import Echoes, find_echoes
from sim.ultrasound.geometry import grid, ras_from_image
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import AnatomyMedium, Medium, tables
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.scene import Injectate, ScanNeedle, Targets
from sim.ultrasound.settings import settings_from


class Scanner:
    """A scanner over one anatomy (or phantom).

    Parameters
    ----------
    anatomy : Anatomy or Medium
        What is scanned.
    **settings
        Of `Settings`: probe, lines, samples, planes, depth_mm, frequency_mhz, focus_mm, gain_db, tgc_db, dynamic_range_db,
        marker_side, true_speed, gel_mm, noise, face_echoes, seed.

    Raises
    ------
    ValueError
        If a setting is not known or out of range.

    Examples
    --------
    >>> import sim
    >>> anatomy = sim.load_anatomy()
    >>> pose = sim.probe_pose(anatomy, "c2-oblique", side="right")
    >>> image = sim.Scanner(anatomy).image(pose)  # doctest: +SKIP
    """

    def __init__(self, anatomy: Anatomy | Medium, **settings: Any) -> None:
        self.medium: Medium = AnatomyMedium(anatomy) if isinstance(anatomy, Anatomy) else anatomy
        self.settings = settings_from(settings)
        self.tables = tables(self.medium, self.settings.mhz)
        self._names = tuple("" if name in ("air", "gel") else name for name in self.tables.labels)
        told = asdict(self.settings) | {"probe": self.settings.model.label}
        self._told = {name: value for name, value in told.items() if value != ()}

    def with_settings(self, **changes: Any) -> Scanner:
        """Return a scanner of the same medium with some settings changed; the voxels that are loaded are shared."""
        return Scanner(self.medium, **(asdict(self.settings) | changes))

    def image(
        self, pose: ProbePose, *, time_s: float = 0.0, needle: ScanNeedle | None = None, injectate: Injectate | None = None,
        targets: Targets | None = None, doppler: DopplerSettings | None = None,
    ) -> BModeImage:  # fmt: skip
        """Return the frame that the probe shows at a pose.

        Parameters
        ----------
        pose : ProbePose
        time_s : float
            Moment of the pulse.
        needle, injectate, targets : optional
            What else is in the tissue.
        doppler : DopplerSettings, optional
            Look for flow.

        Returns
        -------
        BModeImage
            Black, with lines of reverberation, where the probe hangs in the air; black where it lies within the skull.

        Raises
        ------
        ValueError
            If the moment is not finite, or the probe lies further from the anatomy than voxels can be made.
        """
        echoes = self.echoes(pose, time_s=time_s, needle=needle, injectate=injectate, targets=targets)
        picture = self.picture(echoes, pose)
        if doppler is None:
            return picture
        found = flow(echoes, pose, self.settings, doppler, time_s, self.pulse_rate)
        told = {
            "wall_filter_cm_s": doppler.wall_filter,
            "doppler_scale_cm_s": doppler.scale,
            "doppler_steer_deg": doppler.steer_deg,
        }
        return replace(picture, doppler=found, settings=MappingProxyType(dict(picture.settings) | told))

    def echoes(
        self, pose: ProbePose, *, time_s: float = 0.0, needle: ScanNeedle | None = None, injectate: Injectate | None = None,
        targets: Targets | None = None,
    ) -> Echoes:  # fmt: skip
        """Return a frame on lines and samples, before it becomes pixels; parameters as of `image`."""
        if not np.isfinite(time_s):
            raise ValueError(f"time_s is {time_s}; it must be a finite number of seconds.")
        return find_echoes(
            self.medium, self.settings, self.tables, pose, time_s=time_s, rate_per_min=self.pulse_rate, needle=needle,
            injectate=injectate, targets=targets,
        )  # fmt: skip

    @property
    def pulse_rate(self) -> float:
        """Beats per minute of the patient."""
        usual = float(load_table("patient")["pulse_rate_per_min"]["usual"])
        meta = getattr(getattr(self.medium, "anatomy", None), "meta", {})
        return float(meta.get("pulse_rate_per_min", usual))

    def picture(self, echoes: Echoes, pose: ProbePose) -> BModeImage:
        """Return the pixels of a frame."""
        from sim.ultrasound.forming import convert, convert_flat

        s, rule, g = self.settings, scanner_table()["picture"], grid(self.settings)
        pixels, labels = np.empty((g.rows, g.columns), dtype=np.uint8), np.empty((g.rows, g.columns), dtype=np.int16)
        tone = np.float32(rule["white_db"] - s.dynamic_range_db), np.float32(255 / s.dynamic_range_db), grey_map()
        if g.whole is not None:
            convert_flat(echoes.levels_db, echoes.seen, *g.whole, *tone, pixels, labels)
        else:
            convert(echoes.levels_db, echoes.seen, g.line, g.sample, *tone, pixels, labels)
        if s.marker_side == "right":
            pixels, labels = pixels[:, ::-1].copy(), labels[:, ::-1].copy()
        return BModeImage(
            pixels, labels, self._names, (g.pixel_mm, g.pixel_mm), ras_from_image(s, pose.ras_from_probe.matrix), s.deep_mm,
            s.marker_side,
            MappingProxyType(dict(self._told)), s.seed,
        )  # fmt: skip


@cache
def grey_map() -> NDArray[np.uint8]:
    """Return the grey (256,) of each step from black to white of the dynamic range."""
    curve = np.array(scanner_table()["picture"]["curve"])
    grey = np.interp(np.linspace(0, 1, 256), curve[::2], curve[1::2] * 255)
    return np.asarray(grey.round(), dtype=np.uint8)
