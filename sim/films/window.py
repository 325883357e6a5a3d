"""A window off screen that stays open for all frames of a film: the same surfaces, drawn from camera after camera."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.app.scene.vtk import light_up
from sim.cameras import DISTANCE_MM, View
from sim.canvas import Drawing, hushed
from sim.theme import Theme

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor

OVERSAMPLING = 2


class FilmWindow:
    """A window of fixed size; anti-aliased as stills are.

    Parameters
    ----------
    size : (int, int)
        Width and height of the drawing, pixels.
    theme : Theme
        Of paper and lamps.

    Raises
    ------
    RuntimeError
        If the machine has no working OpenGL.
    """

    def __init__(self, size: tuple[int, int], theme: Theme) -> None:
        import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (registers the OpenGL classes)
        from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

        with hushed():
            self._window: Any = vtkRenderWindow()
            self._window.SetShowWindow(False)
            self._window.SetOffScreenRendering(1)
            self._window.SetMultiSamples(0)
            self._window.SetSize(OVERSAMPLING * size[0], OVERSAMPLING * size[1])
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(*theme.paper)
        self._renderer.UseOITOff()  # what is clear is drawn in the order in which it is added
        self._renderer.GetCullers().RemoveAllItems()
        light_up(self._renderer)
        self._window.AddRenderer(self._renderer)
        self._shown: list[vtkActor] = []

    def __enter__(self) -> FilmWindow:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the window back; nothing can be drawn after."""
        with hushed():
            self._renderer.RemoveAllViewProps()
            self._window.RemoveRenderer(self._renderer)
            self._window.Finalize()

    def draw(self, actors: Sequence[vtkActor], view: View) -> Drawing:
        """Return what a camera sees of some actors; clear ones stand last, the outermost at the end."""
        if list(actors) != self._shown:
            self._renderer.RemoveAllViewProps()
            for actor in actors:
                self._renderer.AddActor(actor)
            self._shown = list(actors)
        self._aim(view)
        with hushed():
            self._window.Render()
        return Drawing(self._pixels(), self._depth())

    def _aim(self, view: View) -> None:
        camera = self._renderer.GetActiveCamera()
        camera.ParallelProjectionOn()
        camera.SetFocalPoint(*view.focus_mm)
        camera.SetPosition(*(view.focus_mm + DISTANCE_MM * view.toward))
        camera.SetViewUp(*view.up)
        camera.SetParallelScale(view.height_px / view.px_per_mm / 2)
        self._renderer.ResetCameraClippingRange()

    def _pixels(self) -> NDArray[np.uint8]:
        """The picture, averaged down."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

        data, (width, height) = vtkUnsignedCharArray(), self._window.GetSize()
        self._window.GetPixelData(0, 0, width - 1, height - 1, 0, data, 0)
        pixels = vtk_to_numpy(data).reshape(height, width, 3)[::-1].astype(np.uint16)
        rows = pixels[::2] + pixels[1::2]
        return np.asarray((rows[:, ::2] + rows[:, 1::2] + 2) >> 2, dtype=np.uint8)

    def _depth(self) -> NDArray[np.float32]:
        """Height of the nearest solid surface above the plane of the focus, mm; -inf on paper."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkFloatArray

        data, (width, height) = vtkFloatArray(), self._window.GetSize()
        self._window.GetZbufferData(0, 0, width - 1, height - 1, data)
        near, far = self._renderer.GetActiveCamera().GetClippingRange()
        z = vtk_to_numpy(data).reshape(height, width)[::-1]
        z = np.minimum(np.minimum(z[::2, ::2], z[1::2, ::2]), np.minimum(z[::2, 1::2], z[1::2, 1::2]))
        return np.asarray(np.where(z >= 1.0, -np.inf, DISTANCE_MM - (near + z * (far - near))), dtype=np.float32)
