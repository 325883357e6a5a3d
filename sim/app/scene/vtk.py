"""Small pieces of VTK that the live view is made of: arrays, surfaces, actors, textures, lamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.canvas import AMBIENT, LAMPS, MATERIALS
from sim.theme import Theme

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer

Floats = NDArray[np.float32]
Numbers = NDArray[np.int32]

DIFFUSE = 0.92
GRAIN = "grain"
LIFT = 0.0045  # of a ghost, share of half of the depth that is drawn: some 3 mm
PLACE = "//VTK::PositionVC::"
# folded waves of three widths across the fibres, a little askew; a texture would cost as much as all else together
FIBRES = (
    "(0.77 + 0.24 * abs(fract(0.31 * streak.y + 0.008 * streak.x) - 0.5)"
    " + 0.30 * abs(fract(0.83 * streak.y - 0.011 * streak.x) - 0.5) + 0.14 * abs(fract(1.9 * streak.y + 0.02 * streak.x) - 0.5))"
)


def vtk_array(values: NDArray[Any]) -> Any:
    """Return an array of VTK that holds a copy of `values`, (n,) or (n, k)."""
    from vtkmodules.util.numpy_support import numpy_to_vtk

    return numpy_to_vtk(np.ascontiguousarray(values), deep=True)


def surface(vertices_mm: Floats, faces: Numbers, normals: Floats | None = None) -> vtkPolyData:
    """Return triangles (m, 3) over vertices (n, 3), with unit normals (n, 3) if they are given."""
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkPolyData

    points, data = vtkPoints(), vtkPolyData()
    points.SetData(vtk_array(np.asarray(vertices_mm, dtype=np.float32)))
    data.SetPoints(points)
    data.SetPolys(cells(faces))
    if normals is not None:
        data.GetPointData().SetNormals(vtk_array(np.asarray(normals, dtype=np.float32)))
    return data


def cells(faces: Numbers) -> Any:
    """Return triangles (m, 3) as VTK holds them."""
    from vtkmodules.vtkCommonDataModel import vtkCellArray

    out = vtkCellArray()
    out.SetData(
        vtk_array(np.arange(0, 3 * len(faces) + 1, 3, dtype=np.int32)), vtk_array(np.asarray(faces, dtype=np.int32).ravel())
    )
    return out


def actor_of(data: vtkPolyData) -> vtkActor:
    """Return an actor that shows the colours of its points as they are, and only faces toward the camera."""
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    mapper, actor = vtkPolyDataMapper(), vtkActor()
    mapper.SetColorModeToDirectScalars()
    mapper.SetInputData(data)
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetInterpolationToPhong()
    look.SetDiffuse(1.0)
    look.BackfaceCullingOn()
    return actor


def light(
    actor: vtkActor,
    theme: Theme,
    material: str,
    *,
    edge: float = 0.0,
    ghost: tuple[float, float] | None = None,
    fibres: bool = False,
) -> None:
    """Light an actor with the lamps of the stills, by a fragment program that is cheaper than VTK's own.

    Parameters
    ----------
    actor : vtkActor
        To be drawn by a renderer with one headlight, which makes VTK hand the normals to the program.
    theme : Theme
        Of the lamps.
    material : str
        Its gloss.
    edge : float
        How much it darkens where it turns away from the camera, as `shading.outline` does for stills.
    ghost : (float, float), optional
        Opacity where it faces the camera, and at its outline; it must then be drawn after all that is solid.
    fibres : bool
        Streak it along its fibres; its points then carry the array `GRAIN` (n, 2), mm along and across them.
    """
    specular = MATERIALS[material][0]
    lines = ["vec3 n = normalVCVSOutput;", f"vec3 lit = vec3({AMBIENT});"]
    if ghost is not None:  # lit from the camera alone: ghosts are drawn anew at every change, one over the other
        lines.append("lit = vec3(0.55 + 0.45 * max(0.0, n.z));")
    for name, (direction, colour) in () if ghost is not None else LAMPS.items():
        toward = np.array(direction) / np.linalg.norm(direction)
        strength = DIFFUSE * getattr(theme, name) * np.array(colour)
        lines.append(f"float {name} = max(0.0, dot(n, {_vec3(toward)})); lit += {name} * {_vec3(strength)};")
        if name == "key" and specular:
            lines += [f"float r = clamp(2.0 * key * n.z - {toward[2]:.5f}, 0.0, 1.0);", "r *= r; r *= r; r *= r; r *= r;"]
    lines.append("float away = 1.0 - clamp(n.z, 0.0, 1.0); away = away * away * away;")
    lines.append("vec3 shown = diffuseColor * lit;")
    if fibres:
        lines.append(f"shown *= {FIBRES};")
    if specular:
        lines.append(f"shown += {specular * theme.key:.5f} * r;")
    if edge:
        lines.append(f"shown *= 1.0 - {edge:.5f} * away;")
    alpha = "opacity" if ghost is None else f"{ghost[0]:.5f} + {ghost[1] - ghost[0]:.5f} * away"
    lines.append(f"fragOutput0 = vec4(shown, {alpha});")
    program: Any = actor.GetShaderProperty()
    program.AddFragmentShaderReplacement("//VTK::Light::Impl", True, "\n  ".join(lines) + "\n", False)
    if fibres:
        mapper: Any = actor.GetMapper()
        mapper.MapDataArrayToVertexAttribute(GRAIN, GRAIN, 0, -1)  # of points
        program.AddVertexShaderReplacement(PLACE + "Dec", True, f"{PLACE}Dec\nin vec2 {GRAIN};\nout vec2 streak;\n", False)
        program.AddVertexShaderReplacement(PLACE + "Impl", True, f"{PLACE}Impl\n  streak = {GRAIN};\n", False)
        program.AddFragmentShaderReplacement(PLACE + "Dec", True, f"{PLACE}Dec\nin vec2 streak;\n", False)
    if ghost is not None:
        # nearer, so that a coarse ghost and a coarse solid that it lies upon do not cut one another into patches
        nearer = f"gl_Position.z -= {LIFT:.5f} * gl_Position.w;"
        program.AddVertexShaderReplacement(PLACE + "Impl", True, f"{PLACE}Impl\n  {nearer}\n", False)
        actor.ForceTranslucentOn()


def _vec3(values: NDArray[np.float64]) -> str:
    """Three numbers as the shading language writes them."""
    return "vec3({:.5f}, {:.5f}, {:.5f})".format(*values)


def texture_of(pixels: NDArray[np.uint8], *, repeat: bool = False) -> Any:
    """Return a grey picture (rows, columns) as a texture; its row 0 lies at the coordinate t = 0."""
    from vtkmodules.vtkRenderingCore import vtkTexture

    texture = vtkTexture()
    texture.SetInputData(image_of(pixels))
    texture.SetRepeat(repeat)
    texture.InterpolateOn()
    texture.SetMipmap(repeat)
    return texture


def image_of(pixels: NDArray[np.uint8]) -> Any:
    """Return a grey picture (rows, columns) as VTK's image of three colours."""
    from vtkmodules.vtkCommonDataModel import vtkImageData

    image = vtkImageData()
    image.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    image.GetPointData().SetScalars(vtk_array(np.repeat(pixels.reshape(-1, 1), 3, axis=1)))
    return image


def light_up(renderer: vtkRenderer) -> None:
    """Give a renderer the one headlight that `light` asks for."""
    from vtkmodules.vtkRenderingCore import vtkLight

    renderer.AutomaticLightCreationOff()
    lamp = vtkLight()
    lamp.SetLightTypeToHeadlight()
    renderer.AddLight(lamp)
