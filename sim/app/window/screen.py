"""A window of the desktop that shows one picture, pixel for pixel, and tells what the user does. Knows nothing of training."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.app.scene.vtk import vtk_array
from sim.canvas import hushed

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkImageData

Pixels = NDArray[np.uint8]
Kind = Literal["key", "down", "move", "up", "wheel", "close"]

NO_SCREEN = "no screen was found; use `inion serve` and a browser"
WITHOUT_SCREEN = ("EGL", "OSOpenGL")  # what VTK makes where it reaches no display
PAUSE_S = 0.008
PLAIN_DPI, MOST_SCALE = 96, 3.0
WAYS: dict[str, Kind] = {"Press": "down", "Release": "up"}
BUTTONS = {f"{name}Button{way}Event": (kind, name.lower()) for name in ("Left", "Middle", "Right") for way, kind in WAYS.items()}
OTHERS = ("MouseMoveEvent", "MouseWheelForwardEvent", "MouseWheelBackwardEvent", "KeyPressEvent", "ExitEvent")


class NoScreen(RuntimeError):
    """There is no screen on which a window could be opened."""


@dataclass(frozen=True)
class Input:
    """What the user does.

    Parameters
    ----------
    kind : {'key', 'down', 'move', 'up', 'wheel', 'close'}
    key : str
        The character, or X's name of the key ('Left', 'F1', 'Escape').
    x, y : int
        Where the pointer is, pixels from the upper left corner.
    button : {'', 'left', 'middle', 'right'}
    shift : bool
    forward : bool
        Of the wheel: away from the user.
    """

    kind: Kind
    key: str = ""
    x: int = 0
    y: int = 0
    button: str = ""
    shift: bool = False
    forward: bool = False


class App(Protocol):
    """What a window shows."""

    def resize(self, size: tuple[int, int], scale: float) -> None:
        """Take the window's size in pixels, and how much larger than usual letters are."""

    def handle(self, what: Input) -> None:
        """Take note of what the user does."""

    def work(self) -> bool:
        """Do what is to be done, and return whether the picture has changed."""

    def frame(self) -> Pixels:
        """Return the picture (height, width, 3) of the window's size."""

    @property
    def closed(self) -> bool:
        """Whether the window is to be closed."""


class Screen:
    """A window of the desktop.

    Parameters
    ----------
    title : str
    size : (int, int)
        Width and height at first, pixels at the usual scale; no larger than the screen.

    Raises
    ------
    NoScreen
        If there is none.
    """

    def __init__(self, title: str, size: tuple[int, int]) -> None:
        import vtkmodules.vtkRenderingOpenGL2
        import vtkmodules.vtkRenderingUI  # noqa: F401  (both register what a window is made of)
        from vtkmodules.vtkRenderingCore import vtkRenderWindow, vtkRenderWindowInteractor

        with hushed():
            self._window = vtkRenderWindow()
        if any(name in self._window.GetClassName() for name in WITHOUT_SCREEN):
            raise NoScreen(NO_SCREEN)
        self._inputs: list[Input] = []
        self._window.SetMultiSamples(0)
        self._window.SetWindowName(title)
        self.scale = min(MOST_SCALE, max(1.0, self._window.GetDPI() / PLAIN_DPI)) if self._window.DetectDPI() else 1.0
        whole = self._window.GetScreenSize()
        self._window.SetSize(*(min(round(n * self.scale), max(most - 80, 400)) for n, most in zip(size, whole, strict=True)))
        self._renderer, self._mapper = self._picture()
        self._window.AddRenderer(self._renderer)
        self._interactor: Any = vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._listen()
        self._interactor.Initialize()
        self._window.SetWindowName(title)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        width, height = self._window.GetSize()
        return int(width), int(height)

    def inputs(self) -> list[Input]:
        """Return what the user has done since the last time."""
        self._interactor.ProcessEvents()
        done, self._inputs = self._inputs, []
        return done

    def show(self, pixels: Pixels) -> None:
        """Show a picture (height, width, 3), row 0 at the top."""
        self._mapper.SetInputData(_image_of(pixels))
        self._window.Render()

    def close(self) -> None:
        """Close the window."""
        with hushed():
            self._interactor.TerminateApp()
            self._window.RemoveRenderer(self._renderer)
            self._window.Finalize()
            self._interactor.ProcessEvents()

    def _picture(self) -> tuple[Any, Any]:
        """A renderer that shows nothing but the picture, unscaled, from the lower left corner."""
        from vtkmodules.vtkRenderingCore import vtkActor2D, vtkImageMapper, vtkRenderer

        mapper, actor, renderer = vtkImageMapper(), vtkActor2D(), vtkRenderer()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        mapper.SetInputData(_image_of(np.full((2, 2, 3), 240, dtype=np.uint8)))
        actor.SetMapper(mapper)
        renderer.AddViewProp(actor)
        renderer.SetBackground(0.957, 0.965, 0.973)
        return renderer, mapper

    def _listen(self) -> None:
        self._interactor.SetInteractorStyle(None)  # VTK's own keys would quit, or draw wires
        for event in (*BUTTONS, *OTHERS):
            self._interactor.AddObserver(event, self._heard)

    def _heard(self, _caller: Any, event: str) -> None:
        """Keep an event of VTK as an `Input`."""
        at = self._interactor
        x, y = at.GetEventPosition()
        here = Input("move", x=int(x), y=self.size[1] - 1 - int(y), shift=bool(at.GetShiftKey()))
        if event in BUTTONS:
            kind, button = BUTTONS[event]
            self._inputs.append(replace(here, kind=kind, button=button))
        elif event.startswith("MouseWheel"):
            self._inputs.append(replace(here, kind="wheel", forward="Forward" in event))
        elif event == "KeyPressEvent":
            if bool(at.GetControlKey()) == bool(at.GetAltKey()):  # both are AltGr, by which some keyboards write brackets
                self._inputs.append(replace(here, kind="key", key=_key(at.GetKeyCode(), at.GetKeySym())))
        else:
            self._inputs.append(Input("close") if event == "ExitEvent" else here)


def run(app: App, screen: Screen) -> None:
    """Show an app in a window until one of them is closed."""
    size = (0, 0)
    with hushed():
        while not app.closed:
            for what in screen.inputs():
                app.handle(what)
            if screen.size != size:
                size = screen.size
                app.resize(size, screen.scale)
                screen.show(app.frame())
            elif app.work():
                screen.show(app.frame())
            else:
                time.sleep(PAUSE_S)


def _key(code: str, name: str | None) -> str:
    """The character of a key, or its name where it has none."""
    return code if code and code.isprintable() and code != " " else str(name or "")


def _image_of(pixels: Pixels) -> vtkImageData:
    """Pixels, row 0 at the top, as VTK's image, row 0 at the bottom."""
    from vtkmodules.vtkCommonDataModel import vtkImageData

    image = vtkImageData()
    image.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    image.GetPointData().SetScalars(vtk_array(pixels[::-1].reshape(-1, 3)))
    return image
