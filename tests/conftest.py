from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.points import load_table, shared_points
from meshes.terms import terms

if TYPE_CHECKING:
    from meshes.measure import Subject
    from meshes.surface import SurfaceQuery
    from sim.training.world import World
    from sim.ultrasound.image import BModeImage
    from sim.ultrasound.medium import Phantom
    from sim.ultrasound.poses import ProbePose
    from sim.ultrasound.scanner import Scanner

Array = NDArray[np.float64]
settings.register_profile("unhurried", deadline=None)  # machines stall at times; speed is measured in benchmarks
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _no_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session", autouse=True)
def voxel_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of built voxels of all tests: that of `INION_CACHE` where it is set, else one of the session's processes."""
    from meshes.volume_store import FOLDER_VARIABLE

    base = tmp_path_factory.getbasetemp()
    own = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "voxels"
    folder = Path(os.environ.get(FOLDER_VARIABLE) or own)
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        yield folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def anatomy() -> Anatomy:
    """The shipped model."""
    from meshes import load_anatomy

    return load_anatomy()


@pytest.fixture(scope="session")
def scanner(anatomy: Anatomy, voxel_cache: Path) -> Scanner:
    """A scanner of the shipped model; a coarse one, for speed. Its voxels are kept for all tests."""
    from sim.ultrasound.scanner import Scanner

    return Scanner(anatomy, lines=192, samples=768)


@pytest.fixture(scope="session")
def tiny_anatomy() -> Anatomy:
    """Every structure of the catalogue as an ellipsoid: cheap, with the right names, wrong in form."""
    return ellipsoid_anatomy()


def ellipsoid_anatomy() -> Anatomy:
    structures = [s for term in terms().values() for s in _pair(term)]
    landmarks = {**shared_points(), **_on_skin(shared_points())}
    landmarks |= {"tragus_right": np.array([70.0, 4, 4]), "tragus_left": np.array([-70.0, 4, 4])}
    landmarks |= {
        "neck_shoulder_angle_right": np.array([60.0, -10, -60]),
        "neck_shoulder_angle_left": np.array([-60.0, -10, -60]),
    }
    return Anatomy.of("tiny", structures, landmarks, _curves())


def _curves() -> dict[str, Array]:
    from meshes.curves import resample

    out: dict[str, Array] = {}
    for side, sign in (("right", 1.0), ("left", -1.0)):
        flip = np.array([sign, 1.0, 1.0])
        line = resample(np.array(load_table("landmarks")["curves"]["superior_nuchal_line"]["through"], dtype=float), 1.0)
        out[f"superior_nuchal_line_{side}"] = line * flip
        out[f"superior_nuchal_line_skin_{side}"] = np.array([_skin_point(p) for p in line]) * flip
        ridge = np.array([[40.0, -20, -75], [60, -20, -60], [80, -15, -40]])
        out[f"trapezius_ridge_{side}"] = np.array([_skin_point(p) for p in resample(ridge, 1.0)]) * flip
    return out


SKIN_RADII, SKIN_CENTRE = np.array([84.0, 108.0, 130.0]), np.array([0.0, -8.0, 5.0])


def _skin_point(p: Array) -> Array:
    relative = (p - SKIN_CENTRE) / SKIN_RADII
    return np.asarray(SKIN_CENTRE + SKIN_RADII * relative / np.linalg.norm(relative))


def _on_skin(points: Any) -> dict[str, Array]:
    out = {}
    for name, p in points.items():
        bare, _, side = name.rpartition("_")
        label = f"{bare}_skin_{side}" if side in ("left", "right") else f"{name}_skin"
        out[label] = _skin_point(p)
    return out


def _pair(term: Any) -> Iterator[Structure]:
    number = list(terms()).index(term.key)
    rng = np.random.default_rng(number)
    centre, radii = _form(term, rng)
    for side in ("left", "right") if term.paired else ("median",):
        at = centre * (-1.0 if side == "left" else 1.0, 1.0, 1.0)
        mesh = ellipsoid(at, radii)
        line = _axis(term.key, at, side) if term.kind in ("nerve", "artery") else None
        key = term.key if side == "median" else f"{term.key}_{side}"
        radius = None if line is None else np.full(len(line), 1.5)
        yield Structure(
            key,
            side,
            term.kind,
            term.tissue,
            term.ta2,
            term.latin,
            None,
            mesh,
            line,
            radius,
            {},
            ("kim2018",),
            "design",  # type: ignore[arg-type]
        )


def _form(term: Any, rng: np.random.Generator) -> tuple[Array, Array]:
    if term.key == "skin":
        return SKIN_CENTRE, SKIN_RADII
    if term.key == "cranium":
        return SKIN_CENTRE + [0, 0, 25], SKIN_RADII * [0.9, 0.9, 0.75]
    middle = np.array([30.0, -50, -30]) if term.paired else np.array([0.0, -30, -50])
    return middle + rng.normal(size=3) * 8, rng.uniform(4, 12, 3)


def _axis(key: str, at: Array, side: str) -> Array:
    if key == "greater_occipital_nerve":
        nodes = np.array(
            [[15.0, -20, -60], [30, -62, -76], [20, -66, -48], [14, -75, -40], [24, -84, -30], [22, -88, -15], [20, -90, 20]]
        )
        from meshes.curves import catmull_rom

        return catmull_rom(nodes) * (-1.0 if side == "left" else 1.0, 1.0, 1.0)
    return np.linspace(at - [0, 0, 8], at + [0, 0, 8], 20)


def ellipsoid(centre: Array, radii: Array) -> SurfaceMesh:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=3)
    unit = np.asarray(ball.vertices, dtype=np.float64)
    normals = unit / radii
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return SurfaceMesh(np.asarray(centre) + unit * radii, np.asarray(ball.faces, dtype=np.int64), normals)


@pytest.fixture(scope="session")
def flesh() -> Phantom:
    from sim.ultrasound.phantoms import plain, uniform
    from tests.insonation import POSE

    return uniform(POSE, plain(attenuation_db_cm_mhz=0.62))


@pytest.fixture(scope="session")
def layers() -> Phantom:
    """Fat to 8 mm, flesh to 20 mm, bone below."""
    from sim.ultrasound.phantoms import layered, plain
    from sim.ultrasound.tissues import tissue
    from tests.insonation import POSE

    return layered(POSE, [(plain("fat_layer"), 0.0), (plain("flesh"), 8.0), (tissue("bone"), 20.0)])


@pytest.fixture(scope="session")
def right(anatomy: Anatomy) -> ProbePose:
    from sim.ultrasound.placing import probe_pose

    return probe_pose(anatomy, "c2-oblique", "right")


@pytest.fixture(scope="session")
def oblique(scanner: Scanner, right: ProbePose) -> BModeImage:
    from tests.insonation import fresh

    return fresh(scanner).image(right)


@pytest.fixture(scope="session")
def subject(anatomy: Anatomy) -> Subject:
    from meshes.measure import Subject

    return Subject(anatomy)


@pytest.fixture(scope="session")
def skin(subject: Subject) -> SurfaceQuery:
    return subject.query("skin")


@pytest.fixture(scope="session")
def placed(anatomy: Anatomy) -> dict[tuple[str, str], ProbePose]:
    """Every named pose of the shipped model, by its name and side."""
    from sim.ultrasound.placing import probe_pose
    from sim.ultrasound.pose_rules import named_poses

    return {(name, side): probe_pose(anatomy, name, side) for name in named_poses() for side in ("right", "left")}


@pytest.fixture(scope="session")
def worlds(anatomy: Anatomy, voxel_cache: Path) -> Callable[[str, str], World]:
    """The world of a procedure on a side of the shipped model; each is made once."""
    from sim.training.world import world_for

    made: dict[tuple[str, str], World] = {}

    def of(key: str, side: str = "right") -> World:
        if (key, side) not in made:
            made[key, side] = world_for(key, side, anatomy)
        return made[key, side]

    return of


@pytest.fixture(scope="session")
def c2(worlds: Callable[[str, str], World]) -> World:
    return worlds("gon-block-c2", "right")


@pytest.fixture(scope="session")
def preempt(worlds: Callable[[str, str], World]) -> World:
    return worlds("preempt-31", "both")
