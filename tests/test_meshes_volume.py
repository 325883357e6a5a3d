"""Voxels of an anatomy: labels, distances, texture, seams between tiles, and the cache on disk."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import meshes.volume_store as volume_store
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.surface import SurfaceQuery
from meshes.volume import EMPTY, FILLING, LabelVolume, bricked, packed
from meshes.volume_build import TILE, Tile, build_tile, layer_of, volume_keys
from meshes.volume_store import TILE_MM, VolumeStore, cache_folder, content_digest

Array = NDArray[np.float64]
BONE_AT, BONE_MM = np.array([44.0, 20, 19]), 6.0
BALLS: dict[str, tuple[str, Array, Array]] = {
    "skin": ("skin", np.array([40.0, 20, 20]), np.array([30.0, 17, 17])),
    "splenius_capitis_right": ("muscle", np.array([40.0, 20, 19]), np.array([20.0, 9, 9])),
    "atlas": ("bone", BONE_AT, np.full(3, BONE_MM)),
}
SKIN_MM = 2.0


def ball(centre: Array, radii: Array, fine: int = 5) -> SurfaceMesh:
    import trimesh

    sphere = trimesh.creation.icosphere(subdivisions=fine)
    unit = np.asarray(sphere.vertices, dtype=np.float64)
    normals = unit / radii
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return SurfaceMesh(centre + unit * radii, np.asarray(sphere.faces, dtype=np.int64), normals)


def structure(key: str, kind: str, mesh: SurfaceMesh) -> Structure:
    return Structure(key, "median", kind, kind, key, key, None, mesh, None, None, {}, ("kim2018",), "design")


def small(**moved: Array) -> Anatomy:
    """Skin over a muscle with fibres along x over a ball of bone, on both sides of the seam x = 40 mm."""
    parts = []
    for key, (kind, centre, radii) in BALLS.items():
        mesh = ball(centre, radii)
        if kind == "muscle":
            mesh = replace(mesh, fibres=np.tile([1.0, 0, 0], (len(mesh.vertices_mm), 1)))
        if key in moved:
            mesh = replace(mesh, vertices_mm=mesh.vertices_mm + moved[key])
        parts.append(structure(key, kind, mesh))
    return Anatomy.of("small", parts, {}, {})


@pytest.fixture(scope="module")
def head() -> Anatomy:
    return small()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiles")


@pytest.fixture(scope="module")
def both(head: Anatomy, folder: Path) -> LabelVolume:
    """The two tiles that hold the small anatomy."""
    return VolumeStore(head, folder).box([1.0, 1, 1], [79.0, 39, 39])


def nodes(volume: LabelVolume) -> Array:
    at = np.stack(np.meshgrid(*[np.arange(n) for n in volume.shape], indexing="ij"), axis=-1)
    return np.asarray(volume.low + volume.spacing_mm * at)


# ---- what is where


def test_keys_run_from_the_outside_inward(head: Anatomy) -> None:
    assert volume_keys(head) == (EMPTY, FILLING, *BALLS)


def test_keys_of_the_shipped_model_hold_solids_and_no_tubes(anatomy: Anatomy) -> None:
    keys = volume_keys(anatomy)
    assert keys[:2] == (EMPTY, FILLING) and len(set(keys)) == len(keys) < 256
    assert keys.index("skin") < keys.index("subcutaneous_fat") < keys.index("trapezius_right") < keys.index("atlas")
    assert not any(anatomy[key].kind in ("artery", "vein") for key in keys[2:])
    assert "greater_occipital_nerve_right" not in keys and layer_of(anatomy["atlas"]) == "bone"


def test_labels_are_those_of_the_surfaces_and_the_inner_structure_wins(
    both: LabelVolume, head: Anatomy, rng: np.random.Generator
) -> None:
    at = np.stack([rng.integers(0, n, 6000) for n in both.shape], axis=1)
    points = both.low + both.spacing_mm * at
    away = {key: SurfaceQuery(head[key].mesh).signed_distance(points) for key in BALLS}
    expected = np.where(away["skin"] < 0, np.where(away["skin"] < -SKIN_MM, FILLING, "skin"), EMPTY).astype(object)
    for key in ("splenius_capitis_right", "atlas"):
        expected[away[key] < 0] = key
    clear = np.all([np.abs(d) > 0.01 for d in away.values()], axis=0) & (np.abs(away["skin"] + SKIN_MM) > both.spacing_mm)
    found = np.array(both.key_at(points), dtype=object)
    assert clear.sum() > 4000 and set(expected[clear]) == set(both.keys)
    assert (found[clear] == expected[clear]).all()


def test_distances_near_a_sphere_are_right(both: LabelVolume) -> None:
    true = np.linalg.norm(nodes(both) - BONE_AT, axis=-1) - BONE_MM
    near = np.abs(true) < 0.5
    assert near.sum() > 20000
    assert np.abs(both.depths_mm[near] - np.abs(true[near])).max() < 0.02
    assert (both.labels[near & (true < -0.001)] == both.keys.index("atlas")).all()


def test_distances_further_off_are_never_too_long(both: LabelVolume, head: Anatomy, rng: np.random.Generator) -> None:
    at = np.stack([rng.integers(0, n, 4000) for n in both.shape], axis=1)
    points = both.low + both.spacing_mm * at
    true = np.min([np.abs(SurfaceQuery(head[key].mesh).signed_distance(points)) for key in BALLS], axis=0)
    told = both.depths_mm[at[:, 0], at[:, 1], at[:, 2]]
    assert (told[told > 0.66] <= true[told > 0.66] + 0.02).all()
    assert (told[true > 5] > 2).mean() > 0.5  # and long enough to be of use


def test_a_point_outside_the_box_is_nowhere(both: LabelVolume) -> None:
    assert both.key_at(np.array([[-1.0, 20, 20], [500, 20, 20], BONE_AT])) == [EMPTY, EMPTY, "atlas"]
    assert both.holds([BONE_AT]) and not both.holds(np.array([BONE_AT, [81.0, 0, 0]])) and not both.holds([[0.0, 0, np.nan]])


@given(
    label=st.integers(0, 255), depth=st.floats(0, 9, width=32), connective=st.integers(0, 255), tendon=st.integers(0, 255),
    place=st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 11)),
)  # fmt: skip
def test_what_is_packed_into_bricks_comes_back(
    label: int, depth: float, connective: int, tendon: int, place: tuple[int, int, int]
) -> None:
    shape = (8, 4, 12)
    arrays = [np.zeros(shape, dtype=t) for t in (np.uint8, np.float32, np.uint8, np.uint8)]
    for array, value in zip(arrays, (label, depth, connective, tendon), strict=True):
        array[place] = value
    cells = packed(*arrays)
    volume = LabelVolume(bricked(cells), np.zeros((2, 1, 3, 4), np.int16), np.zeros(3), 0.25, tuple(str(i) for i in range(256)))
    assert volume.shape == shape and (volume.cells == cells).all()
    assert volume.labels[place] == label and abs(volume.depths_mm[place] - min(depth, 2.55)) <= 0.00501
    assert volume.cells[place] >> 16 & 255 == connective and volume.cells[place] >> 24 == tendon
    assert volume.key_at(np.array(place) * 0.25) == [str(label)]


# ---- texture


def test_connective_tissue_lies_in_muscle_and_filling_alone(both: LabelVolume) -> None:
    share = both.cells >> 16 & 255
    where = {key: share[both.labels == i] for i, key in enumerate(both.keys)}
    assert not any(where[key].any() for key in (EMPTY, "skin", "atlas"))
    for key in ("splenius_capitis_right", FILLING):
        assert 0.05 < (where[key] > 127).mean() < 0.6


def test_bundles_run_along_the_fibres(both: LabelVolume) -> None:
    share = (both.cells >> 16 & 255).astype(float)
    fleshy = both.labels == both.keys.index("splenius_capitis_right")

    def alike(axis: int, far: int) -> float:
        here = np.moveaxis(fleshy, axis, 0)
        pair = here[far:] & here[:-far]
        values = np.moveaxis(share, axis, 0)
        return float(np.corrcoef(values[far:][pair], values[:-far][pair])[0, 1])

    assert alike(0, 8) > 0.5 and alike(1, 8) < 0.2 and alike(2, 8) < 0.2


def test_fibres_are_where_the_muscle_is(both: LabelVolume, rng: np.random.Generator) -> None:
    inside = both.labels[::4, ::4, ::4] == both.keys.index("splenius_capitis_right")
    bony = both.labels[::4, ::4, ::4] == both.keys.index("atlas")
    far = both.depths_mm[::4, ::4, ::4] > 1.0
    assert (both.fibres[inside & far, 0] == 32767).all() and not both.fibres[inside & far, 1:].any()
    assert (both.fibres[~inside & ~bony & far] == 0).all()


# ---- seams


def test_texture_is_alike_on_both_sides_of_a_seam(both: LabelVolume) -> None:
    share = (both.cells >> 16 & 255).astype(float)
    fleshy = (both.labels == both.keys.index("splenius_capitis_right")) & (both.depths_mm > 0.3)

    def step(i: int) -> tuple[float, float]:
        pair = fleshy[i - 1] & fleshy[i]
        return float(np.abs(share[i][pair] - share[i - 1][pair]).mean()), float(share[i][pair].mean())

    others = [step(i) for i in range(TILE - 24, TILE + 25) if i != TILE]
    jump, mean = step(TILE)
    assert jump < 1.5 * max(j for j, _ in others)
    assert min(m for _, m in others) * 0.7 < mean < max(m for _, m in others) * 1.3
    assert abs(np.mean([m for _, m in others[:24]]) / np.mean([m for _, m in others[24:]]) - 1) < 0.35


def test_a_place_is_the_same_whatever_box_it_is_read_from(
    head: Anatomy, folder: Path, both: LabelVolume, rng: np.random.Generator
) -> None:
    one = VolumeStore(head, folder).box([41.0, 1, 1], [79.0, 39, 39])
    assert one.low.tolist() == [40.0, 0, 0] and one.shape == (TILE,) * 3
    assert (one.cells == both.cells[TILE:]).all() and (one.fibres == both.fibres[TILE // 4 :]).all()
    assert not one.bricks.flags.writeable


@pytest.mark.parametrize("above", [0.4, 1.1, 1.9])
def test_skin_whose_surface_lies_in_the_next_tile_is_skin(above: float) -> None:
    """A tile that ends less than a skin's thickness under the surface."""
    skin = ball(np.array([20.0, 20, 40 + above - 60]), np.full(3, 60.0))
    tile = build_tile(Anatomy.of("flat", [structure("skin", "skin", skin)], {}, {}), (0, 0, 0))
    label = tile.bricks.reshape(40, 40, 40, 4, 4, 4).transpose(0, 3, 1, 4, 2, 5).reshape(TILE, TILE, TILE)[80, 80] & 255
    deep = above + 0.25 * np.arange(1, TILE + 1)  # of the voxels, from the last one down
    clear = np.abs(deep - SKIN_MM) > 0.3
    assert (label[::-1][clear] == np.where(deep < SKIN_MM, 2, 1)[clear]).all()


# ---- the cache


def test_digest_names_the_content(head: Anatomy) -> None:
    name = content_digest(head)
    assert content_digest(small()) == name and len(name) == 32
    assert content_digest(Anatomy.of("other", head.structures.values(), {"inion": np.zeros(3)}, {})) == name
    nudged = np.zeros((len(head["atlas"].mesh.vertices_mm), 3))
    nudged[7, 2] = 1e-9
    assert content_digest(small(atlas=nudged)) != name
    assert content_digest(Anatomy.of("fewer", list(head.structures.values())[:2], {}, {})) != name
    bare = replace(head["splenius_capitis_right"], mesh=replace(head["splenius_capitis_right"].mesh, fibres=None))
    assert content_digest(Anatomy.of("bare", [head["skin"], bare, head["atlas"]], {}, {})) != name


def test_digest_follows_the_rules(head: Anatomy, monkeypatch: pytest.MonkeyPatch) -> None:
    name = content_digest(head)
    monkeypatch.setattr(volume_store, "VERSION", -1)
    assert content_digest(head) != name


def fake(_: Anatomy, at: tuple[int, ...]) -> Tile:
    """A tile that is made in no time; its content follows from its place."""
    rng = np.random.default_rng([v + 100 for v in at])
    bricks = np.repeat(rng.integers(0, 3, (40, 40, 40, 1), dtype=np.uint32), 64, axis=3)
    return Tile(bricks, rng.integers(-32767, 32768, (40, 40, 40, 4), dtype=np.int16))


def forbidden(*_: object) -> Tile:
    raise AssertionError("a tile was built")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Tile]], None]:
    def use(builder: Callable[..., Tile]) -> None:
        monkeypatch.setattr(volume_store, "build_tile", builder)

    use(fake)
    return use


def one_tile(head: Anatomy, folder: Path) -> LabelVolume:
    return VolumeStore(head, folder).box([1.0, 1, 1], [39.0, 39, 39])


def test_tiles_are_built_once(head: Anatomy, tmp_path: Path, quick: Callable[[Callable[..., Tile]], None]) -> None:
    told: list[tuple[int, int]] = []
    first = VolumeStore(head, tmp_path, lambda done, of: told.append((done, of))).box([1.0, 1, 1], [79.0, 39, 39])
    assert told == [(0, 2), (1, 2)]
    files = sorted(p.name for p in tmp_path.rglob("*"))
    assert files == sorted([content_digest(head), "volumes", "0_0_0.tile", "1_0_0.tile"])  # and no part of a file
    quick(forbidden)
    again = VolumeStore(head, tmp_path, lambda done, of: told.append((done, of))).box([1.0, 1, 1], [79.0, 39, 39])
    assert len(told) == 2 and (again.bricks == first.bricks).all() and (again.fibres == first.fibres).all()


def test_a_real_tile_comes_back_from_disk(
    head: Anatomy, both: LabelVolume, folder: Path, quick: Callable[[Callable[..., Tile]], None]
) -> None:
    quick(forbidden)
    assert (VolumeStore(head, folder).box([1.0, 1, 1], [79.0, 39, 39]).bricks == both.bricks).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no tile", lambda b: zlib.compress(b"short"),
        lambda b: zlib.compress(zlib.decompress(b) + b"more"), lambda b: b[:9] + bytes(40) + b[49:],
    ],
    ids=["cut off", "empty", "other file", "too short", "too long", "overwritten"],
)  # fmt: skip
def test_a_damaged_tile_is_built_anew(
    head: Anatomy, tmp_path: Path, quick: Callable[..., None], spoil: Callable[[bytes], bytes]
) -> None:
    whole = one_tile(head, tmp_path)
    (path,) = tmp_path.rglob("*.tile")
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert (one_tile(head, tmp_path).bricks == whole.bricks).all()
    assert path.read_bytes() == good


def test_tiles_of_another_version_are_not_read(
    head: Anatomy, tmp_path: Path, quick: Callable[[Callable[..., Tile]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_tile(head, tmp_path)
    monkeypatch.setattr(volume_store, "VERSION", volume_store.VERSION + 1)
    quick(forbidden)
    with pytest.raises(AssertionError, match="a tile was built"):
        one_tile(head, tmp_path)


@pytest.mark.parametrize("way", ["a file", "missing disk"])
def test_a_folder_that_cannot_be_written_is_no_fault(head: Anatomy, tmp_path: Path, quick: Callable[..., None], way: str) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    store = VolumeStore(head, blocked if way == "a file" else blocked / "deeper")
    first = store.box([1.0, 1, 1], [39.0, 39, 39])
    quick(forbidden)
    assert (store.box([1.0, 1, 1], [39.0, 39, 39]).bricks == first.bricks).all()  # kept in memory
    assert blocked.read_text() == "not a folder"


def test_a_disk_that_fails_leaves_no_part_of_a_file(
    head: Anatomy, tmp_path: Path, quick: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    one_tile(head, tmp_path)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_the_oldest_tiles_go_first(
    head: Anatomy, tmp_path: Path, quick: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = VolumeStore(head, tmp_path)
    for i in range(3):
        store.box([40.0 * i + 1, 1, 1], [40.0 * i + 39, 39, 39])
        (path,) = tmp_path.rglob(f"{i}_0_0.tile")
        os.utime(path, (1000.0 + i, 1000.0 + i))
    monkeypatch.setattr(volume_store, "LARGEST_MB", 2.5 * path.stat().st_size / 1e6)
    store.box([121.0, 1, 1], [159.0, 39, 39])
    assert sorted(p.name for p in tmp_path.rglob("*.tile")) == ["2_0_0.tile", "3_0_0.tile"]


def test_the_folder_is_that_of_the_variable_or_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INION_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("INION_CACHE")
    assert cache_folder().name == "inion" and cache_folder() != tmp_path / "here"


@pytest.mark.parametrize(
    ("low", "high", "match"),
    [
        ([np.nan, 0, 0], [1, 1, 1], "not finite"), ([0, 0, 0], [np.inf, 1, 1], "not finite"),
        ([0, 0, 0], [65 * TILE_MM, 30, 30], "at most 64 are allowed"), ([0, 0, 0], [1e12, 1e12, 1e12], "at most 64 are allowed"),
        ([-1e300] * 3, [1e300] * 3, "at most 64 are allowed"), ([1e9, 0, 0], [1e9, 1, 1], "at most 100000 mm"),
        ([50, 0, 0], [-50, 1, 1], "upper corner"),
    ],
)  # fmt: skip
def test_a_bad_box_is_refused(
    head: Anatomy, tmp_path: Path, quick: Callable[..., None], low: list[float], high: list[float], match: str
) -> None:
    quick(forbidden)
    with pytest.raises(ValueError, match=match):
        VolumeStore(head, tmp_path).box(low, high)
