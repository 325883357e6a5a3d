from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.film_files import write_film

Pixels = NDArray[np.uint8]
VIDEO = (".mp4", ".webm")
ALL = (*VIDEO, ".gif")
COUNT, FPS = 12, 20.0


def frames(height: int = 60, width: int = 80, count: int = COUNT, *, colour: bool = True) -> list[Pixels]:
    """A grey ramp, and a red square that moves."""
    out = []
    for i in range(count):
        pixels = np.repeat(np.linspace(10, 240, width).astype(np.uint8)[None, :, None], height, axis=0).repeat(3, axis=2)
        if colour:
            pixels[20:40, 4 * i : 4 * i + 16] = (200, 40, 40)
        else:
            pixels[20:40, 4 * i : 4 * i + 16] = 255 - pixels[20:40, 4 * i : 4 * i + 16]
        out.append(pixels)
    return out


def decoded(path: Path) -> tuple[list[Pixels], float]:
    """Return the frames of a file, and its length in seconds."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        shown = list(container.decode(stream))
        step = 1 / float(stream.average_rate or stream.base_rate or 1)
        seconds = float(shown[-1].time or 0) - float(shown[0].time or 0) + step
        return [np.asarray(f.to_ndarray(format="rgb24"), dtype=np.uint8) for f in shown], seconds


@pytest.mark.parametrize("suffix", ALL)
def test_a_film_comes_back_as_it_went_in(tmp_path: Path, suffix: str) -> None:
    given = frames()
    path = write_film(iter(given), tmp_path / f"film{suffix}", FPS)
    assert path == tmp_path / f"film{suffix}" and [p.name for p in tmp_path.iterdir()] == [path.name]
    back, seconds = decoded(path)
    assert len(back) == COUNT and back[0].shape == given[0].shape
    assert seconds == pytest.approx(COUNT / FPS, abs=0.02)
    for a, b in zip(given, back, strict=True):
        off = np.abs(a.astype(int) - b.astype(int))
        assert off.mean() < 3.0
        assert np.abs(a[5:15].astype(int) - b[5:15].astype(int)).max() <= 12  # the ramp, away from the square's edges
    red = back[3][30, 20].astype(int)
    assert red[0] > 150 and red[1] < 90 and red[2] < 90
    assert not np.array_equal(back[0], back[-1])


@pytest.mark.parametrize("suffix", VIDEO)
def test_odd_sides_are_padded_and_the_picture_is_not_moved(tmp_path: Path, suffix: str) -> None:
    given = frames(61, 83)
    back, _ = decoded(write_film(given, tmp_path / f"odd{suffix}", FPS))
    assert back[0].shape == (62, 84, 3)
    assert np.abs(given[2].astype(int) - back[2][:61, :83].astype(int)).mean() < 3.0


def test_browsers_can_play_it(tmp_path: Path) -> None:
    import av

    for suffix, codec, name in ((".mp4", "h264", "mp4"), (".webm", "vp9", "webm")):
        with av.open(str(write_film(frames(), tmp_path / f"b{suffix}", FPS))) as container:
            context = container.streams.video[0].codec_context
            assert (context.name.replace("libdav1d", ""), context.pix_fmt) == (codec, "yuv420p")
            assert name in container.format.name
    raw = (tmp_path / "b.mp4").read_bytes()
    assert raw.index(b"moov") < raw.index(b"mdat")  # plays before it is loaded whole


def test_greys_of_a_gif_are_exact_and_frames_with_colour_keep_fine_greys(tmp_path: Path) -> None:
    grey = frames(colour=False)
    back, _ = decoded(write_film(grey, tmp_path / "grey.gif", 10))
    assert all(np.array_equal(a, b) for a, b in zip(grey, back, strict=True))
    back, _ = decoded(write_film(frames(), tmp_path / "colour.gif", 10))
    assert len(np.unique(back[0][0, :, 1])) > 60


def test_a_gif_keeps_time_when_frames_do_not_last_whole_hundredths(tmp_path: Path) -> None:
    from PIL import Image

    with Image.open(write_film(frames(count=15), tmp_path / "t.gif", 30)) as image:
        total = 0.0
        for i in range(15):
            image.seek(i)
            total += image.info["duration"]
    assert total == 500


@pytest.mark.parametrize("suffix", ALL)
def test_metadata_is_kept_and_equal_input_gives_equal_bytes(tmp_path: Path, suffix: str) -> None:
    notes = {"title": "nape", "scenario": "gon-c2", "note": "nicht medizinisch, für Übung"}
    one = write_film(frames(), tmp_path / f"one{suffix}", FPS, metadata=notes).read_bytes()
    two = write_film(frames(), tmp_path / f"two{suffix}", FPS, metadata=notes).read_bytes()
    assert one == two
    if suffix == ".gif":
        assert b"scenario: gon-c2" in one
        return
    import av

    with av.open(str(tmp_path / f"one{suffix}")) as container:
        kept = {k.lower(): v for k, v in container.metadata.items()}
    assert {k: kept.get(k) for k in notes} == notes


@pytest.mark.parametrize(
    ("given", "name", "fps", "message"),
    [
        (frames(), "film.avi", FPS, r"suffix of the film is '\.avi'"),
        (frames(), "film", FPS, "suffix"),
        ([], "film.mp4", FPS, "no frames"),
        ([], "film.gif", FPS, "no frames"),
        ([*frames(), *frames(62, 80)], "film.mp4", FPS, "Frame 12 has shape"),
        ([*frames(), *frames(62, 80)], "film.gif", FPS, "Frame 12 has shape"),
        (frames(), "film.mp4", 0.0, "fps is 0"),
        (frames(), "film.mp4", -5.0, "fps is -5"),
        (frames(), "film.mp4", float("nan"), "fps is nan"),
        (frames(), "film.mp4", float("inf"), "fps is inf"),
        (frames(), "film.gif", 60.0, "at most 50"),
        ([np.zeros((8, 8))], "film.webm", FPS, r"\(height, width, 3\) uint8"),
        ([np.zeros((0, 8, 3), np.uint8)], "film.webm", FPS, r"\(height, width, 3\) uint8"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_left(tmp_path: Path, given: Any, name: str, fps: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_film(given, tmp_path / name, fps)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ALL)
def test_a_failure_half_way_leaves_the_old_film(tmp_path: Path, suffix: str) -> None:
    def broken() -> Iterator[Pixels]:
        yield from frames()
        raise RuntimeError("lost")

    target = tmp_path / f"film{suffix}"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="lost"):
        write_film(broken(), target, FPS)
    assert target.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_without_pyav_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r'pip install "inion\[film\]"'):
        write_film(frames(), tmp_path / "film.mp4", FPS)
    assert write_film(frames(), tmp_path / "film.gif", FPS).is_file()


@pytest.mark.parametrize("suffix", ALL)
def test_one_tiny_frame_is_a_film(tmp_path: Path, suffix: str) -> None:
    back, _ = decoded(write_film(frames(3, 5, 1, colour=False), tmp_path / f"tiny{suffix}", 25))
    assert len(back) == 1
