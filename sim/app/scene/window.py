"""The render window of a live view: the still layer (anatomy) is drawn when the camera moves, the moving one at every change.

What the still layer left, colours and depth, is kept in a second frame buffer, from which each picture starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.app.scene.vtk import light_up
from sim.cameras import DISTANCE_MM, View
from sim.canvas import hushed
from sim.theme import Theme

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer

Pixels = NDArray[np.uint8]

# OpenGL's own numbers
READ_BUFFER, DRAW_BUFFER = 0x8CA8, 0x8CA9
COLOUR_AND_DEPTH, NEAREST = 0x4000 | 0x0100, 0x2600
FINE_SHIFTS = ((-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375))  # the four samples of a rotated grid
DEPTH_BITS = 32  # as VTK's own frame buffer has: buffers of other depths cannot be copied


class LiveWindow:
    """A window off screen with a still and a moving layer.

    Parameters
    ----------
    size : (int, int)
        Width and height, pixels.
    theme : Theme
        Of paper and lamps.
    depth_mm : float
        Half of the slab about the focus that is drawn.

    Raises
    ------
    RuntimeError
        If the machine has no working OpenGL.
    """

    def __init__(self, size: tuple[int, int], theme: Theme, depth_mm: float) -> None:
        import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (registers the OpenGL classes)
        from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

        self._depth_mm = depth_mm
        self._kept: Any = None
        self._fresh = True  # whether the still layer has to be drawn
        self._keeps: bool | None = None  # whether keeping works here; None until tried
        with hushed():
            self._window: Any = vtkRenderWindow()
            self._window.SetShowWindow(False)
            self._window.SetOffScreenRendering(1)
            self._window.SetMultiSamples(0)
            self._window.SetSize(*size)
            self._window.SetNumberOfLayers(2)
        self.still, self.moving = vtkRenderer(), vtkRenderer()
        self.still.SetBackground(*theme.paper)
        self.moving.SetLayer(1)
        self.moving.PreserveDepthBufferOn()
        self.moving.PreserveColorBufferOn()
        self.moving.SetActiveCamera(self.still.GetActiveCamera())
        for renderer in (self.still, self.moving):
            renderer.UseOITOff()  # ghosts are drawn in the order in which they are added
            renderer.GetCullers().RemoveAllItems()
            light_up(renderer)
            self._window.AddRenderer(renderer)
        moving: Any = self.moving
        self._observer = moving.AddObserver("StartEvent", self._copy)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        width, height = self._window.GetSize()
        return int(width), int(height)

    def resize(self, size: tuple[int, int]) -> None:
        """Change width and height, pixels."""
        if size != self.size:
            self._window.SetSize(*size)
            self._fresh, self._kept = True, None

    def set_still(self, actors: list[vtkActor]) -> None:
        """Replace what the still layer shows."""
        _replace(self.still, actors)
        self._fresh = True

    def set_moving(self, actors: list[vtkActor]) -> None:
        """Replace what the moving layer shows; ghosts stand last, the outermost at the end."""
        _replace(self.moving, actors)

    def aim(self, view: View) -> None:
        """Look as a view does."""
        camera = self.still.GetActiveCamera()
        camera.ParallelProjectionOn()
        camera.SetFocalPoint(*view.focus_mm)
        camera.SetPosition(*(view.focus_mm + DISTANCE_MM * view.toward))
        camera.SetViewUp(*view.up)
        camera.SetParallelScale(view.height_px / view.px_per_mm / 2)
        camera.SetClippingRange(DISTANCE_MM - self._depth_mm, DISTANCE_MM + self._depth_mm)
        self._fresh = True

    def shift(self, x_px: float, y_px: float) -> None:
        """Move the picture by parts of a pixel, for one that is averaged."""
        width, height = self.size
        self.still.GetActiveCamera().SetWindowCenter(2 * x_px / width, 2 * y_px / height)
        self._fresh = True

    def image(self) -> Pixels:
        """Return the picture (height, width, 3), row 0 at the top."""
        with hushed():
            if self._keeps is None and not self._fresh:
                self._try_keeping()
            if self._keeps is False:
                self._fresh = True
            return self._draw()

    def fine_image(self) -> Pixels:
        """Return the mean of pictures that are shifted by parts of a pixel: smooth edges, at four times the time."""
        total = np.zeros((self.size[1], self.size[0], 3), dtype=np.uint16)
        for x, y in FINE_SHIFTS:
            self.shift(x, y)
            total += self.image()
        self.shift(0.0, 0.0)
        return np.asarray((total + len(FINE_SHIFTS) // 2) // len(FINE_SHIFTS), dtype=np.uint8)

    def close(self) -> None:
        """Give the window and its memory back. Nothing can be drawn after."""
        if self._window is None:
            return
        with hushed():
            self.moving.RemoveObserver(self._observer)
            self._kept = None
            for renderer in (self.still, self.moving):
                renderer.RemoveAllViewProps()
                self._window.RemoveRenderer(renderer)
            self._window.Finalize()
        self._window = None

    def _draw(self) -> Pixels:
        """The picture, with the still layer as it was kept unless it has changed."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

        self.still.SetDraw(self._fresh)
        self._window.Render()
        self._fresh = False
        data, (width, height) = vtkUnsignedCharArray(), self.size
        self._window.GetPixelData(0, 0, width - 1, height - 1, 0, data, 0)
        return np.array(vtk_to_numpy(data).reshape(height, width, 3)[::-1])

    def _try_keeping(self) -> None:
        """Find out whether a picture from the kept layer equals one that is drawn whole; some drivers refuse such copies."""
        self._keeps = True
        short = self._draw()
        self._fresh = True
        self._keeps = bool(np.array_equal(short, self._draw()))

    def _copy(self, _caller: Any, _event: str) -> None:
        """Keep the still layer when it is fresh, else put it back."""
        from vtkmodules.vtkRenderingOpenGL2 import vtkOpenGLFramebufferObject

        width, height = self.size
        window = self._window
        state = window.GetState()
        state.PushFramebufferBindings()
        if self._kept is None:
            self._kept = vtkOpenGLFramebufferObject()
            self._kept.SetContext(window)
            self._kept.PopulateFramebuffer(width, height, True, 1, 3, True, DEPTH_BITS, 0)  # 3: unsigned bytes
        here = window.GetRenderFramebuffer()
        source, target = (here, self._kept) if self._fresh else (self._kept, here)
        source.Bind(READ_BUFFER)
        source.ActivateReadBuffer(0)
        target.Bind(DRAW_BUFFER)
        target.ActivateDrawBuffer(0)
        whole = [0, width, 0, height]
        vtkOpenGLFramebufferObject.Blit(whole, whole, COLOUR_AND_DEPTH, NEAREST)
        state.PopFramebufferBindings()


def _replace(renderer: vtkRenderer, actors: list[vtkActor]) -> None:
    """Show these actors and no others."""
    renderer.RemoveAllViewProps()
    for actor in actors:
        renderer.AddActor(actor)
