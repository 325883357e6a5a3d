"""Films: pictures in a row to an MP4, WebM or GIF file that is written whole or not at all. Codecs are imported when used."""

from __future__ import annotations

import itertools
import math
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice

if TYPE_CHECKING:
    from types import ModuleType

    from PIL.Image import Image

Pixels = NDArray[np.uint8]

FPS_MOST = 240.0
GIF_FPS_MOST = 50.0  # a GIF counts hundredths of a second, and browsers slow down what lasts only one
MOST_DENOMINATOR = 1001
THREADS = "2"  # fixed: the bytes depend on the number of threads
BT709 = 1
LIMITED_RANGE = 1
CODECS = {
    ".mp4": ("mp4", "libx264", {"crf": "16", "preset": "medium", "threads": THREADS}),
    ".webm": (
        "webm",
        "libvpx-vp9",
        {"crf": "22", "b": "0", "deadline": "good", "cpu-used": "4", "threads": THREADS, "row-mt": "0"},
    ),
}
SUFFIXES = (*CODECS, ".gif")
GREYS, COLOURED = 160, 12  # shades of grey kept in a GIF frame with colour; difference of channels that makes a colour


def write_film(
    frames: Iterable[NDArray[np.uint8]], path: str | Path, fps: float, *, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a film, whole or not at all.

    Parameters
    ----------
    frames : iterable of (height, width, 3) uint8 arrays
        All of one size; taken one at a time. MP4 and WebM repeat the last row or column where a side is odd.
    path : path
        '.mp4' (H.264), '.webm' (VP9) or '.gif' (unbroken greys, no more than 50 frames a second). Its folder must exist.
    fps : float
        Frames per second.
    metadata : mapping of str to str
        Kept in the file; as lines of a comment in a GIF.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    ValueError
        If the suffix is not known, there are no frames, a frame is no such array, sizes differ, or `fps` is out of range.
    ImportError
        If the film is no GIF and PyAV is not installed.
    """
    target = Path(path)
    suffix = check_choice("suffix of the film", target.suffix.lower(), SUFFIXES)
    rate = _rate(fps, GIF_FPS_MOST if suffix == ".gif" else FPS_MOST)
    if suffix != ".gif":
        _codec_library()
    checked = _checked(frames)
    first = next(checked, None)
    if first is None:
        raise ValueError("The film has no frames. Give at least one.")
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        with part.open("xb"):
            pass
        writer = _write_gif if suffix == ".gif" else _write_video
        writer(itertools.chain([first], checked), part, rate, dict(metadata or {}), suffix)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return target


def _rate(fps: float, most: float) -> Fraction:
    """Frames per second as a fraction that containers can hold."""
    if not math.isfinite(fps) or not 0 < fps <= most:
        raise ValueError(f"fps is {fps!r}; it must be above 0 and at most {most:g} for this kind of file.")
    return max(Fraction(fps).limit_denominator(MOST_DENOMINATOR), Fraction(1, MOST_DENOMINATOR))


def _codec_library() -> ModuleType:
    """PyAV, or an ImportError that says how to get it."""
    try:
        import av
    except ImportError as error:
        raise ImportError(
            'MP4 and WebM films need PyAV. Use `pip install "inion[film]"`, or write a file that ends in .gif.'
        ) from error
    return av


def _checked(frames: Iterable[NDArray[np.uint8]]) -> Iterator[Pixels]:
    """The frames, each refused if it is not a picture of the first one's size."""
    shape: tuple[int, ...] | None = None
    for number, frame in enumerate(frames):
        pixels = np.asarray(frame)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            found = f"shape {pixels.shape} and type {pixels.dtype}"
            raise ValueError(f"Frame {number} has {found}; it must be (height, width, 3) uint8.")
        shape = shape or pixels.shape
        if pixels.shape != shape:
            raise ValueError(f"Frame {number} has shape {pixels.shape}, which differs from the first frame's {shape}.")
        yield pixels


def _write_video(frames: Iterator[Pixels], part: Path, rate: Fraction, metadata: dict[str, str], suffix: str) -> None:
    """Encode MP4 or WebM; times are counted in frames."""
    av = _codec_library()
    kind, codec, options = CODECS[suffix]
    flags = {"fflags": "+bitexact"} | ({"movflags": "+faststart+use_metadata_tags"} if kind == "mp4" else {})
    with av.open(str(part), "w", format=kind, options=flags) as container:
        container.metadata.update(metadata)
        first = next(frames)
        stream = container.add_stream(codec, rate=rate, options=dict(options))
        context: Any = stream.codec_context
        context.height, context.width = (n + n % 2 for n in first.shape[:2])
        context.pix_fmt, context.time_base = "yuv420p", 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        for number, pixels in enumerate(itertools.chain([first], frames)):
            height, width = pixels.shape[:2]
            even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            picture.pts, picture.time_base = number, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _write_gif(frames: Iterator[Pixels], part: Path, rate: Fraction, metadata: dict[str, str], suffix: str) -> None:
    """Encode a GIF that repeats for ever; frame times are rounded so that they never drift from the true ones."""
    timed = (_gif_frame(pixels, number, rate) for number, pixels in enumerate(frames))
    comment = "\n".join(f"{key}: {value}" for key, value in metadata.items())
    first = next(timed)
    extra = {"comment": comment.encode("utf-8")} if comment else {}
    first.save(part, format="GIF", save_all=True, append_images=timed, loop=0, optimize=False, disposal=1, **extra)


def _gif_frame(pixels: Pixels, number: int, rate: Fraction) -> Image:
    """One frame with its palette and how long it stays."""
    frame = _with_palette(pixels)
    start, end = (round(100 * n / rate) for n in (number, number + 1))
    frame.info["duration"] = 10 * (end - start)
    return frame


def _with_palette(pixels: Pixels) -> Image:
    """A frame in 256 colours: every grey where it is grey, else enough greys that no steps show, and its own colours."""
    from PIL import Image

    vivid = (pixels.max(axis=2) - pixels.min(axis=2)) > COLOURED
    if not vivid.any():
        return Image.fromarray(pixels[..., 1]).convert("P")
    few = Image.fromarray(pixels[vivid][None]).quantize(256 - GREYS, method=Image.Quantize.MEDIANCUT)
    index = np.round(pixels[..., 1] * ((GREYS - 1) / 255)).astype(np.uint8)
    index[vivid] = np.asarray(few)[0] + GREYS
    greys = np.repeat(np.linspace(0, 255, GREYS).round().astype(np.uint8), 3)
    frame = Image.fromarray(index).convert("P")
    frame.putpalette(greys.tobytes() + bytes(few.getpalette() or []))
    return frame
