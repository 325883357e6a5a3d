"""`inion scan`: an ultrasound image or clip of a pose."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput, cannot
from sim.commands.render import writable

if TYPE_CHECKING:
    from meshes.model import Anatomy
    from sim.scans import Scan, Sweep
    from sim.ultrasound.image import BModeImage
    from sim.ultrasound.poses import ProbePose
    from sim.ultrasound.scanner import Scanner

FILMS = (".mp4", ".webm", ".gif")
STILLS = (".png",)
LETTERS = 0.0125  # of the line below the screen, share of its width
SETTINGS = ("probe", "depth_mm", "frequency_mhz", "focus_mm", "gain_db", "dynamic_range_db", "lines", "samples", "planes", "seed")


def run(args: argparse.Namespace) -> int:
    """Scan, and write what is asked for; nothing is written before the request is found sound."""
    out = Path(args.out)
    if out.suffix.lower() not in (*STILLS, *FILMS):
        raise BadInput(f"-o is {args.out!r}; its ending must be one of {', '.join((*STILLS, *FILMS))}.")
    if not 320 <= args.width <= 3840:
        raise BadInput(f"--width is {args.width}; it must be from 320 to 3840 pixels.")
    try:
        scan, sweep = _request(args), _sweep(args.sweep)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if sweep is not None and out.suffix.lower() in STILLS:
        raise BadInput(f"--sweep makes a clip; let -o end in one of {', '.join(FILMS)}.")
    anatomy = named_anatomy(args.anatomy)
    writable(str(out.parent))
    try:
        return _film(args, anatomy, scan, sweep, out) if out.suffix.lower() in FILMS else _still(args, anatomy, scan, out)
    except ValueError as error:
        raise BadInput(str(error)) from error


def _request(args: argparse.Namespace) -> Scan:
    from sim.scans import MOTIONS, Aim, Scan
    from sim.ultrasound.doppler import DopplerSettings

    settings: dict[str, Any] = {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}
    settings |= {"marker_side": args.marker, "true_speed": args.true_speed}
    if args.tgc:
        settings["tgc_db"] = tuple(_numbers("--tgc", args.tgc))
    motions = {name: getattr(args, name) for name in MOTIONS if getattr(args, name)}
    aim = Aim(args.needle, args.end, args.diameter, args.echogenic) if args.needle else None
    doppler = None
    if args.doppler:
        doppler = DopplerSettings(args.doppler, scale_cm_s=args.scale, steer_deg=args.steer or 0.0)
    elif args.scale is not None or args.steer is not None:
        raise ValueError("--scale and --steer belong to --doppler.")
    return Scan(args.pose, args.side, motions, settings, aim, args.inject, doppler, args.time)


def _sweep(text: str | None) -> Sweep | None:
    """The sweep that is typed as WHAT:FROM:TO."""
    from sim.scans import Sweep

    if text is None:
        return None
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"--sweep is {text!r}; it must be WHAT:FROM:TO, such as slide:-10:10 or needle:0:1.")
    start, end = _numbers("--sweep", ",".join(parts[1:]))
    return Sweep(parts[0], start, end)


def _numbers(name: str, text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{name} is {text!r}; it must hold numbers.") from None
    if not all(math.isfinite(v) for v in values):
        raise ValueError(f"{name} is {text!r}; its numbers must be finite.")
    return values


def _scanner(args: argparse.Namespace, anatomy: Anatomy, scan: Scan) -> Scanner:
    """The scanner, telling when voxels are built for the first time."""
    from meshes.volume_store import VolumeStore
    from sim.scans import scanner_for
    from sim.ultrasound.medium import AnatomyMedium

    scanner = scanner_for(anatomy, scan)
    if not args.quiet and isinstance(scanner.medium, AnatomyMedium):
        store: VolumeStore = scanner.medium.store
        store.tell = lambda done, of: args.tell(f"building voxels {done + 1}/{of}, once for this anatomy")
    return scanner


def _still(args: argparse.Namespace, anatomy: Anatomy, scan: Scan, out: Path) -> int:
    from PIL import Image

    from sim.compose import told_of
    from sim.scans import frame
    from sim.stills import save_png

    image, pose = frame(_scanner(args, anatomy, scan), anatomy, scan)
    whose = told_of(anatomy, "")
    picture = Image.fromarray(image.pixels) if args.raw else Image.fromarray(_screen(args, image, whose))
    try:
        save_png(picture, out, {**_told(args, image, pose), **({"Anatomy": f"{anatomy.name}: {whose}"} if whose else {})})
    except OSError as error:
        raise cannot("be written", out, error) from error
    _answer(args, out, image, pose, 1)
    return 0


def _film(args: argparse.Namespace, anatomy: Anatomy, scan: Scan, sweep: Sweep | None, out: Path) -> int:
    from sim.compose import told_of
    from sim.film_files import write_film
    from sim.progress import progress
    from sim.scans import clip

    if not 1 <= args.fps <= 60:
        raise ValueError(f"--fps is {args.fps:g}; it must be from 1 to 60.")
    whose = told_of(anatomy, "")
    last: list[tuple[BModeImage, ProbePose]] = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        with progress("scanning", args.frames, quiet=args.quiet) as step:
            for i, (image, pose) in enumerate(clip(_scanner(args, anatomy, scan), anatomy, scan, sweep, args.frames, args.fps)):
                step(f"frame {i + 1}")
                last[:] = [(image, pose)]
                yield np.repeat(image.pixels[..., None], 3, axis=2) if args.raw else _screen(args, image, whose)

    told = {"pose": args.pose, "side": args.side, "software": "inion"} | ({"comment": whose} if whose else {})
    try:
        write_film(pictures(), out, args.fps, metadata=told)
    except OSError as error:
        raise cannot("be written", out, error) from error
    _answer(args, out, *last[0], args.frames)
    return 0


def _screen(args: argparse.Namespace, image: BModeImage, whose: str = "") -> NDArray[np.uint8]:
    """The scanner's screen, and below it whose anatomy it shows, if that is a real person's."""
    from sim.credit_strip import DARK, strip
    from sim.scans import ends_of
    from sim.ultrasound.screen import screen

    shown = np.asarray(screen(image, overlay=args.overlay, width_px=args.width, ends=ends_of(image)))
    return np.vstack([shown, strip(whose, shown.shape[1], max(11, round(shown.shape[1] * LETTERS)), DARK)]) if whose else shown


def _told(args: argparse.Namespace, image: BModeImage, pose: ProbePose) -> Mapping[str, str]:
    """What a file says of itself."""
    from sim.release import program_version

    return {
        "Software": f"inion {program_version()}", "Pose": f"{args.pose} {args.side}", "Seed": str(image.seed),
        "Settings": json.dumps({k: v for k, v in image.settings.items() if isinstance(v, str | int | float | bool)}),
        "Ras from image": json.dumps(np.round(image.ras_from_image, 5).tolist()), "Press": f"{pose.press_mm:g} mm",
        "Disclaimer": "simulated ultrasound; for training and explanation; not a medical device",
    }  # fmt: skip


def _answer(args: argparse.Namespace, out: Path, image: BModeImage, pose: ProbePose, frames: int) -> None:
    if not args.json:
        print(out)
        return
    seen = [image.keys[i] for i in np.unique(image.labels) if image.keys[i]]
    print(json.dumps({
        "written": str(out), "frames": frames, "pose": args.pose, "side": args.side,
        "centre_mm": pose.centre_mm.round(3).tolist(),
        "lateral": pose.lateral.round(5).tolist(), "axis": pose.axis.round(5).tolist(), "press_mm": pose.press_mm,
        "pixel_mm": list(image.pixel_mm), "ras_from_image": image.ras_from_image.round(5).tolist(), "structures": seen,
    }))  # fmt: skip
