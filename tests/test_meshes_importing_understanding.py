"""What was read becomes a person's parts: named, in RAS and mm, right side right, or refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshes.importing.orientation import TO_RAS
from meshes.importing.raw import ImportFault, RawPart, RawParts
from meshes.importing.understanding import understood
from meshes.real_parts import RealParts
from tests.scans import BONES, KEYS, OCI, Array, part, scan, thin

FEW = ("cranium", "atlas", *OCI)
AT = np.array([120.0, -80.0, 1500.0])  # a scanner's origin is far away


def same(real: RealParts, key: str, at: Array | float = 0.0) -> float:
    """How far (mm) a part lies from the shipped one, that was shifted."""
    return float(np.abs(real.keyed()[key].vertices_mm.mean(axis=0) - thin(key)[0].mean(axis=0) - at).max())


def lps(v: Array) -> Array:
    return v * [-1.0, -1.0, 1.0]


@pytest.mark.parametrize(
    ("unit", "frame", "told"),
    [("m", "lps", {}), ("m", "y-up", {"unit": "m", "frame": "y-up"}), ("cm", "ras", {})],
    ids=["torso-lps-metres", "gltf", "cm"],
)
def test_units_and_frames_are_found(unit: str, frame: str, told: dict[str, str]) -> None:
    times = {"mm": 1.0, "cm": 0.1, "m": 0.001}[unit]
    real = understood(scan(lambda v: times * ((v + AT) @ TO_RAS[frame]), FEW, **told))
    assert (real.unit, real.frame, real.mirrored) == (unit, frame, False)
    assert set(real.keyed()) == set(FEW)
    assert max(same(real, k, AT) for k in FEW) < 0.1
    assert any("skull measures" in t for t in real.told) and any("Right is right, by 2 parts" in t for t in real.told)


def test_a_tilted_head_is_levelled_and_points_go_with_it() -> None:
    tilt = Rotation.from_euler("xyz", [30, 15, -15], degrees=True).as_matrix()
    real = understood(scan(lambda v: v @ tilt.T, FEW))
    assert np.rad2deg(Rotation.from_matrix(real.turn @ tilt).magnitude()) < 3
    v = thin("atlas")[0]
    moved = real.placed(v @ tilt.T)
    assert np.abs(moved.mean(axis=0) - real.keyed()["atlas"].vertices_mm.mean(axis=0)).max() < 0.1


@pytest.mark.parametrize("axis", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_mirrored_scan_is_refused_unless_told_and_then_changed_back(axis: int) -> None:
    flip = np.ones(3)
    flip[axis] = -1
    raw = scan(lambda v: v * flip, FEW)
    with pytest.raises(ImportFault, match="right and left are swapped"):
        understood(raw)
    real = understood(raw, mirrored=True)
    assert real.mirrored and max(same(real, k) for k in FEW) < 0.1
    assert real.keyed()[OCI[0]].vertices_mm[:, 0].mean() < 0 < real.keyed()[OCI[1]].vertices_mm[:, 0].mean()
    corners = real.keyed()["atlas"].vertices_mm[real.keyed()["atlas"].faces]
    assert np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() > 0


def test_a_scan_that_is_not_mirrored_is_not_turned_over() -> None:
    with pytest.raises(ImportFault, match="leave it out"):
        understood(scan(keys=FEW), mirrored=True)


def test_without_sides_it_is_said_that_right_and_left_were_not_checked() -> None:
    real = understood(scan(lambda v: v * [-1.0, 1.0, 1.0], BONES[:3]))
    assert any("could not be checked" in t for t in real.told)


def test_one_pair_swapped_and_parts_of_another_frame_or_unit_are_named() -> None:
    with pytest.raises(ImportFault, match=r"OCI_r, OCI_l would be mirrored, and semispinalis_capitis_left"):
        understood(scan(names={OCI[0]: "OCI_r", OCI[1]: "OCI_l"}))
    with pytest.raises(ImportFault, match=r"mandible.* not of one frame"):
        understood(scan(moves={"mandible": lps, "axis": lps}))


@pytest.mark.slow
def test_muscles_of_another_frame_and_a_bone_of_another_unit_are_named() -> None:
    with pytest.raises(ImportFault, match=r"obliquus.* not of one frame"):
        understood(scan(moves={k: lps for k in KEYS if "_" in k}))
    with pytest.raises(ImportFault, match=r"atlas has 0\.1 times the size"):
        understood(scan(keys=FEW, moves={"atlas": lambda v: v / 10}))


def test_files_that_tell_their_own_frames_are_brought_together() -> None:
    told = (
        part("cranium", "cranium", lps, unit="mm", frame="lps"),
        part("atlas", "atlas", lambda v: 0.001 * v @ TO_RAS["y-up"], unit="m", frame="y-up"),
        *(part(k, k, lps) for k in OCI),
    )
    real = understood(RawParts(told))
    assert max(same(real, k) for k in FEW) < 0.1


def test_what_is_told_and_not_so_is_refused() -> None:
    with pytest.raises(ImportFault, match=r"says millimetres, but .*--unit cm"):
        understood(scan(lambda v: v / 10, FEW, unit="mm"))
    with pytest.raises(ImportFault, match="--frame says lps, but"):
        understood(scan(keys=FEW), frame="lps")
    with pytest.raises(ImportFault, match="unit is 'inch'"):
        understood(scan(keys=FEW), unit="inch")


def test_names_that_are_claimed_twice_and_a_scan_without_a_skull_are_refused() -> None:
    with pytest.raises(ImportFault, match=r"two parts claim to be cranium: cranium .*skull"):
        understood(scan(names={"mandible": "skull"}))
    with pytest.raises(ImportFault, match="no part is the skull"):
        understood(scan(keys=KEYS[1:]))
    with pytest.raises(ImportFault, match="no head in mm"):
        understood(scan(keys=("atlas", "axis"), names={"atlas": "skull"}))
    with pytest.raises(ImportFault, match=r"two parts claim to be obliquus_capitis_inferior_left: oci \(oci.stl\) by its place"):
        understood(scan(names={OCI[0]: "oci", OCI[1]: "OCI left"}, moves={OCI[1]: lambda v: v * [-1.0, 1.0, 1.0]}))


def test_pairs_in_one_part_are_parted_and_a_part_without_side_gets_one() -> None:
    (a, f), (b, g) = thin("trapezius_left"), thin("trapezius_right")
    both = RawPart("Trapezius", "t.stl", np.vstack([a, b]), np.vstack([f, g + len(a)]))
    lone = part("semispinalis_capitis_left", "semispinalis capitis")
    real = understood(RawParts((*scan(keys=FEW).parts, both, lone)))
    keyed = real.keyed()
    assert {"trapezius_left", "trapezius_right", "semispinalis_capitis_left"} <= set(keyed)
    assert keyed["trapezius_left"].vertices_mm[:, 0].max() < 5 and len(keyed["trapezius_right"].faces) == len(g)
    assert any("semispinalis capitis has no side in its name" in t for t in real.told)


def test_pieces_are_joined_and_a_mapping_names_what_is_not_known() -> None:
    v, f = thin("cranium")
    front = v[f].mean(axis=1)[:, 1] > 0
    raw = RawParts((
        RawPart("frontal bone", "a.stl", v, f[front]), RawPart("occipital bone", "b.stl", v, f[~front]),
        part("atlas", "Segment_7"), part(OCI[0], "Segment_8"), part("mandible", "inferior oblique left"),
    ))  # fmt: skip
    real = understood(raw)
    assert set(real.keyed()) == {"cranium"} and any("put together from 2 parts" in t for t in real.told)
    assert any("inferior oblique left may be" in t for t in real.told)
    mapping = {"frontal bone": "cranium+", "b.stl": "cranium+", "Segment_7": "atlas", "Segment_8": OCI[0]}
    assert set(understood(raw, mapping=mapping).keyed()) == {"cranium", "atlas", OCI[0]}
    with pytest.raises(ImportFault, match="no part has that name"):
        understood(raw, mapping={"Segment_9": "atlas"})


def test_a_pair_named_alike_is_told_apart_by_its_places_and_one_twice_is_refused() -> None:
    raw = RawParts((*scan(keys=FEW[:2]).parts, *(RawPart("OCI", f"{i}.stl", *thin(k)) for i, k in enumerate(OCI))))
    real = understood(raw)
    assert set(OCI) < set(real.keyed()) and max(same(real, k) for k in OCI) < 0.1
    twice = RawParts((*raw.parts, RawPart("OCI", "2.stl", *thin(OCI[0]))))
    with pytest.raises(ImportFault, match=r"two parts claim to be obliquus_capitis_inferior_left: OCI \(2.stl\) by its place"):
        understood(twice)


def test_a_heap_of_loose_triangles_is_refused_by_name() -> None:
    heap = np.random.default_rng(0).normal(size=(900, 3)) * 50
    raw = RawParts((*scan(keys=("cranium",)).parts, RawPart("axis", "axis.stl", heap, np.arange(900).reshape(-1, 3))))
    with pytest.raises(ImportFault, match=r"axis.stl: it is a heap of loose triangles.*leave it out"):
        understood(raw)


def test_an_open_sheet_is_left_out_and_said_so() -> None:
    v, f = thin("mandible")
    torn = f[v[f].mean(axis=1)[:, 0] > 8 * np.sin(v[f].mean(axis=1)[:, 1])]
    raw = RawParts((*scan(keys=FEW).parts, RawPart("jaw", "jaw.ply", v, torn)))
    real = understood(raw)
    assert "mandible" not in real.keyed() and "open" in real.unrepaired["jaw.ply"]
    assert any(t.startswith("jaw is not used") for t in real.told)
