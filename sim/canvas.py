"""VTK off screen: lit layers to pixels and depth, anti-aliased, at any size. The only file that knows the render window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.cameras import DISTANCE_MM, View
from sim.shading import fibre_texture
from sim.stage import KEY_LIGHT, Layer
from sim.theme import Theme

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer, vtkRenderWindow

Pixels = NDArray[np.uint8]

OVERSAMPLING = 2
MOST_TILE_PX = 4096
MATERIALS = {
    "bone": (0.06, 12.0),
    "muscle": (0.13, 18.0),
    "soft": (0.05, 12.0),
    "face": (0.03, 12.0),
    "nerve": (0.28, 26.0),
    "skin": (0.06, 10.0),
    "mark": (0.22, 30.0),
    "glass": (0.0, 1.0),
}
AMBIENT = 0.27
LAMPS = {
    "key": (KEY_LIGHT, (1.0, 0.985, 0.955)),
    "fill": ((0.75, -0.25, 0.62), (1.0, 0.95, 0.90)),
    "rim": ((0.35, 0.70, -0.62), (0.95, 0.97, 1.0)),
}


@dataclass(frozen=True)
class Drawing:
    """A rendered scene.

    Parameters
    ----------
    pixels : (height, width, 3) uint8 array
        Row 0 at the top. Without paper (height, width, 4): opacity last, colours multiplied by it.
    depth_mm : (height, width) float32 array
        Height of the nearest solid surface above the plane of the focus, toward the camera; -inf where there is none.
    """

    pixels: Pixels
    depth_mm: NDArray[np.float32]


def draw(layers: Sequence[Layer], view: View, theme: Theme, *, seed: int = 0, paper: bool = True) -> Drawing:
    """Render layers over the paper of the style, or over nothing.

    Raises
    ------
    RuntimeError
        If the machine has no working OpenGL.
    """
    with hushed():
        window, renderer = _window(theme, paper=paper)
        for layer in layers:
            renderer.AddActor(_actor(layer, seed))
        try:
            return _tiles(window, renderer, view, 3 if paper else 4)
        finally:
            renderer.RemoveAllViewProps()
            window.Finalize()


def _tiles(window: vtkRenderWindow, renderer: vtkRenderer, view: View, channels: int) -> Drawing:
    """The picture, rendered in as many equal tiles as the size needs."""
    columns, rows = (math.ceil(n * OVERSAMPLING / MOST_TILE_PX) for n in (view.width_px, view.height_px))
    width, height = math.ceil(view.width_px / columns), math.ceil(view.height_px / rows)
    pixels = np.zeros((rows * height, columns * width, channels), dtype=np.uint8)
    depth = np.zeros((rows * height, columns * width), dtype=np.float32)
    window.SetSize(width * OVERSAMPLING, height * OVERSAMPLING)
    for row in range(rows):
        for column in range(columns):
            x, y = column * width, row * height
            _aim(renderer, view, x + width / 2, y + height / 2, height)
            window.Render()
            pixels[y : y + height, x : x + width] = _read_pixels(window, channels)
            depth[y : y + height, x : x + width] = _read_depth(window, renderer)
    return Drawing(pixels[: view.height_px, : view.width_px], depth[: view.height_px, : view.width_px])


def _aim(renderer: vtkRenderer, view: View, x_px: float, y_px: float, height_px: int) -> None:
    """Point the camera at a tile whose middle is at a pixel of the whole drawing."""
    across = (x_px - view.width_px / 2) / view.px_per_mm
    down = (y_px - view.height_px / 2) / view.px_per_mm
    focus = view.focus_mm + across * view.right - down * view.up
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.SetFocalPoint(*focus)
    camera.SetPosition(*(focus + DISTANCE_MM * view.toward))
    camera.SetViewUp(*view.up)
    camera.SetParallelScale(height_px / view.px_per_mm / 2)
    renderer.ResetCameraClippingRange()


def _read_pixels(window: vtkRenderWindow, channels: int) -> Pixels:
    """The rendered tile, averaged down."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

    data, (width, height) = vtkUnsignedCharArray(), window.GetSize()
    read = window.GetPixelData if channels == 3 else window.GetRGBACharPixelData
    read(0, 0, width - 1, height - 1, 0, data, 0)
    pixels = vtk_to_numpy(data).reshape(height, width, channels)[::-1]
    total = sum(pixels[i::2, j::2].astype(np.uint16) for i in range(2) for j in range(2))
    return np.asarray((np.asarray(total) + 2) // 4, dtype=np.uint8)


def _read_depth(window: vtkRenderWindow, renderer: vtkRenderer) -> NDArray[np.float32]:
    """Height of the nearest surface above the focal plane, mm, one number per final pixel."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkFloatArray

    data, (width, height) = vtkFloatArray(), window.GetSize()
    window.GetZbufferData(0, 0, width - 1, height - 1, data)
    near, far = renderer.GetActiveCamera().GetClippingRange()
    z = vtk_to_numpy(data).reshape(height, width)[::-1]
    z = np.minimum(np.minimum(z[::2, ::2], z[1::2, ::2]), np.minimum(z[::2, 1::2], z[1::2, 1::2]))
    height_mm = DISTANCE_MM - (near + z * (far - near))
    return np.asarray(np.where(z >= 1.0, -np.inf, height_mm), dtype=np.float32)


def _window(theme: Theme, *, paper: bool) -> tuple[vtkRenderWindow, vtkRenderer]:
    """An off-screen window with paper or without, and three lights that move with the camera."""
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (registers the OpenGL classes)
    from vtkmodules.vtkRenderingCore import vtkLight, vtkRenderer, vtkRenderWindow

    renderer = vtkRenderer()
    renderer.SetBackground(*(theme.paper if paper else (0.0, 0.0, 0.0)))
    renderer.SetBackgroundAlpha(1.0 if paper else 0.0)
    renderer.AutomaticLightCreationOff()
    for name, (direction, colour) in LAMPS.items():
        lamp = vtkLight()
        lamp.SetLightTypeToCameraLight()
        lamp.SetPosition(*direction)
        lamp.SetFocalPoint(0, 0, 0)
        lamp.SetColor(*colour)
        lamp.SetIntensity(getattr(theme, name))
        renderer.AddLight(lamp)
    window = vtkRenderWindow()
    window.SetShowWindow(False)
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetAlphaBitPlanes(0 if paper else 1)
    window.AddRenderer(renderer)
    return window, renderer


def _actor(layer: Layer, seed: int) -> vtkActor:
    """A layer as VTK wants it."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    points, cells, data = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(numpy_to_vtk(layer.vertices_mm, deep=True))
    faces = np.ascontiguousarray(layer.faces, dtype=np.int32)
    offsets = numpy_to_vtk(np.arange(0, 3 * len(faces) + 1, 3, dtype=np.int32), deep=True)
    cells.SetData(offsets, numpy_to_vtk(faces.ravel(), deep=True))
    data.SetPoints(points)
    data.SetPolys(cells)
    data.GetPointData().SetNormals(numpy_to_vtk(layer.normals, deep=True))
    data.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(layer.colours), deep=True))
    mapper, actor = vtkPolyDataMapper(), vtkActor()
    mapper.SetColorModeToDirectScalars()
    mapper.SetInputData(data)
    actor.SetMapper(mapper)
    _finish(actor.GetProperty(), layer)
    if layer.texture is not None:
        data.GetPointData().SetTCoords(numpy_to_vtk(np.ascontiguousarray(layer.texture), deep=True))
        actor.SetTexture(_texture(seed))
    if layer.material == "glass":
        actor.ForceTranslucentOn()
    return actor


def _finish(surface: Any, layer: Layer) -> None:
    """Gloss of a material."""
    specular, power = MATERIALS[layer.material]
    surface.SetInterpolationToPhong()
    surface.SetAmbient(AMBIENT)
    surface.SetDiffuse(0.92)
    surface.SetSpecular(specular)
    surface.SetSpecularPower(power)


def _texture(seed: int) -> Any:
    """The tile of fibres as a repeating texture."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkRenderingCore import vtkTexture

    grey = fibre_texture(seed)
    image, texture = vtkImageData(), vtkTexture()
    image.SetDimensions(grey.shape[1], grey.shape[0], 1)
    rgb = np.repeat(grey.reshape(-1, 1), 3, axis=1)
    image.GetPointData().SetScalars(numpy_to_vtk(rgb, deep=True))
    texture.SetInputData(image)
    texture.RepeatOn()
    texture.InterpolateOn()
    texture.MipmapOn()
    texture.SetMaximumAnisotropicFiltering(8.0)
    return texture


@contextmanager
def hushed() -> Iterator[None]:
    """Keep VTK's remarks about missing displays from standard error."""
    from vtkmodules.vtkCommonCore import vtkLogger

    before = vtkLogger.GetCurrentVerbosityCutoff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkLogger.SetStderrVerbosity(before)
