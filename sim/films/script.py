"""What a film shows at each of its frames, as plain frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scenarios.products import FilmCaption
from sim.films.easing import Stand
from sim.picture import Picture


@dataclass(frozen=True)
class Moment:
    """One frame.

    Parameters
    ----------
    stand : Stand
        The camera.
    scene, following : int
        Indices of the pictures of the script that are shown; the second shines through by `share`.
    share : float
        0 to 1.
    caption : str
        Under the picture.
    names : float
        Opacity of the labels, 0 to 1; above 0 only where the camera rests.
    away_mm : float, optional
        How far the needles are drawn back from their targets; None leaves them in place.
    swept : float, optional
        Value of the sweep of the probe.
    inject_ml : float
        Fluid in the ultrasound image.
    marks : float
        Opacity of the discs of injection sites.
    """

    stand: Stand
    scene: int = 0
    following: int = 0
    share: float = 0.0
    caption: str = ""
    names: float = 0.0
    away_mm: float | None = None
    swept: float | None = None
    inject_ml: float = 0.0
    marks: float = 1.0


@dataclass(frozen=True)
class Script:
    """A film before it is drawn.

    Parameters
    ----------
    kind : str
        One of `scenarios.basics.FilmKind`.
    pictures : tuple of Picture
        The scenes.
    moments : tuple of Moment
        The frames, in order.
    fps : float
        Frames a second.
    bar : bool
        Draw the bar that shows how far the film is.
    loops : bool
        The first frame follows the last without a jump.
    """

    kind: str
    pictures: tuple[Picture, ...]
    moments: tuple[Moment, ...]
    fps: float
    bar: bool = True
    loops: bool = False

    @property
    def seconds(self) -> float:
        """Length of the film."""
        return len(self.moments) / self.fps


def caption_at(captions: Sequence[FilmCaption], share: float, otherwise: str = "") -> str:
    """Return the words at a share of a film's length: those of the last caption that has begun."""
    begun = [c for c in captions if c.at <= share + 1e-9]
    return max(begun, key=lambda c: c.at).text if begun else otherwise


def web_captions(script: Script) -> str:
    """Return the captions as a WebVTT file, for players and for those who read them aloud."""
    lines = ["WEBVTT", ""]
    start = 0
    for i in range(1, len(script.moments) + 1):
        if i < len(script.moments) and script.moments[i].caption == script.moments[start].caption:
            continue
        text = " ".join(script.moments[start].caption.replace("-->", "→").split())
        if text:
            lines += [f"{_clock(start / script.fps)} --> {_clock(i / script.fps)}", text, ""]
        start = i
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    """A moment as WebVTT writes it."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
