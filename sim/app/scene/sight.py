"""Which triangles of a crowd of surfaces can be seen from outside at all: the others need not be drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.app.scene.vtk import surface, vtk_array
from sim.canvas import hushed

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE_PX = 720
BESIDE = 2  # corners that a triangle shares with what is seen, to be kept for the views between those tried
MARGIN = 1.02


def directions() -> Array:
    """Return unit vectors (42, 3) spread evenly over the sphere."""
    import trimesh

    return np.asarray(trimesh.creation.icosphere(subdivisions=1).vertices, dtype=np.float64)


def seen(vertices_mm: Floats, faces: NDArray[np.int32], toward: Array) -> Mask:
    """Return which triangles (m,) are seen, or lie beside ones that are, by viewers far away in some directions.

    Parameters
    ----------
    vertices_mm : (n, 3) array
    faces : (m, 3) int array
        Opaque; they hide one another, from either side.
    toward : (k, 3) array
        Unit vectors to the viewers.
    """
    if not len(faces):
        return np.zeros(0, dtype=bool)
    mask = np.zeros(len(faces) + 1, dtype=bool)
    for picture in _pictures(vertices_mm, faces, toward):
        mask[picture] = True
    touched = np.zeros(len(vertices_mm), dtype=bool)
    touched[faces[mask[1:]]] = True
    return np.asarray(touched[faces].sum(axis=1) >= BESIDE)


def _radius_mm(points: Array) -> float:
    """Radius of a ball about the middle of points (n, 3) that holds them."""
    return float(np.linalg.norm(points.max(axis=0) - points.min(axis=0))) / 2 * MARGIN + 1e-6


def _pictures(vertices_mm: Floats, faces: NDArray[np.int32], toward: Array) -> list[NDArray[np.int32]]:
    """The number from 1 of the triangle at each pixel, 0 for none, of each viewer."""
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (registers the OpenGL classes)
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow

    number = np.arange(1, len(faces) + 1, dtype=np.int64)
    colours = np.stack([number & 255, number >> 8 & 255, number >> 16], axis=1).astype(np.uint8)
    apart = vertices_mm[faces.ravel()]  # each triangle has its own corners, so that each has one colour
    data = surface(apart, np.arange(len(apart), dtype=np.int32).reshape(-1, 3))
    data.GetPointData().SetScalars(vtk_array(np.repeat(colours, 3, axis=0)))
    with hushed():  # a machine without a screen has nothing to complain of
        window = vtkRenderWindow()
    mapper, actor, renderer = vtkPolyDataMapper(), vtkActor(), vtkRenderer()
    mapper.SetColorModeToDirectScalars()
    mapper.SetInputData(data)
    actor.SetMapper(mapper)
    actor.GetProperty().LightingOff()
    renderer.AddActor(actor)
    window.SetShowWindow(False)
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(SIDE_PX, SIDE_PX)
    window.AddRenderer(renderer)
    middle, radius = (apart.min(axis=0) + apart.max(axis=0)) / 2, _radius_mm(np.asarray(apart, dtype=np.float64))
    out = []
    with hushed():
        for way in toward:
            camera = renderer.GetActiveCamera()
            camera.ParallelProjectionOn()
            camera.SetFocalPoint(*middle)
            camera.SetPosition(*(middle + 2 * radius * way))
            camera.SetViewUp(*np.eye(3)[int(np.argmin(np.abs(way)))])
            camera.SetParallelScale(radius)
            camera.SetClippingRange(0.9 * radius, 3.1 * radius)
            window.Render()
            pixels = vtkUnsignedCharArray()
            window.GetPixelData(0, 0, SIDE_PX - 1, SIDE_PX - 1, 0, pixels, 0)
            r, g, b = (vtk_to_numpy(pixels).reshape(-1, 3)[:, i].astype(np.int32) for i in range(3))
            out.append(r + (g << 8) + (b << 16))
        renderer.RemoveAllViewProps()
        window.Finalize()
    return out
