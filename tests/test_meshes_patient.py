"""Other people: the bend reaches their measures, tears nothing and treats both sides alike.

Most is shown on a toy bust; the measures are also reached on the shipped model where it is there.
"""

from __future__ import annotations

import pickle
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshes import fields as f
from meshes import load_anatomy
from meshes.contour import contour
from meshes.curves import resample
from meshes.fat import Fat
from meshes.fields import Array
from meshes.fitting import MEASURES
from meshes.maps import Chain
from meshes.measure import Subject, belly_area
from meshes.metrics import METRICS
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.patient import SCALARS, Patient, bent, fit
from meshes.points import FLIP, load_table
from meshes.tubes import tube

if TYPE_CHECKING:
    import trimesh

RANGES = {name: tuple(load_table("patient")[name]["range"]) for name in SCALARS}


def solid(mesh: SurfaceMesh) -> trimesh.Trimesh:
    import trimesh

    return trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)


def structure(key: str, kind: str, mesh: SurfaceMesh, line: Array | None = None) -> Structure:
    side = next((s for s in ("left", "right") if key.endswith(s)), "median")
    branches = {} if line is None else {"medial": line[-5:] + 1.0}
    return Structure(key, side, kind, kind, key, key, None, mesh, line, None if line is None else np.ones(len(line)), branches)


@cache
def bust() -> Anatomy:
    """Return a head, a neck and shoulders of simple forms, with a muscle on a fibre grid and a nerve on each side."""
    form = f.smooth_union(
        [
            f.ellipsoid([0, -8, 25], [77, 99, 98]),
            f.rounded_cone([0, 0, 0], [0, -10, -200], 60, 60),
            f.rounded_cone([-180, -20, -200], [180, -20, -200], 26, 26),
        ],
        8.0,
    )
    parts = [structure("skin", "skin", contour(form, 6.0))]
    belly = contour(f.ellipsoid([28, -45, -70], [8, 6, 40]), 2.5)
    lengthwise = np.tile([0.0, 0.0, 1.0], (len(belly.vertices_mm), 1))
    line = resample([[15, -20, -56], [26, -40, -62], [14, -52, -48], [27, -85, -10]], 0.5)
    for name, flip in (("right", np.ones(3)), ("left", FLIP)):
        faces = belly.faces if name == "right" else belly.faces[:, ::-1].copy()
        mesh = SurfaceMesh(belly.vertices_mm * flip, faces, belly.normals * flip, lengthwise.copy())
        parts.append(structure(f"semispinalis_capitis_{name}", "muscle", mesh))
        nerve = contour(tube(line * flip, [(0, 1.5), (1, 1.5)]).field(), 1.5)
        parts.append(structure(f"greater_occipital_nerve_{name}", "nerve", nerve, line * flip))
    landmarks = {
        "glabella_skin": [0, 89, 45], "opisthocranion_skin": [0, -106, 25], "vertex": [0, -10, 123],
        "tragus_right": [72, 5, -2],
        "c4_body": [0, 3, -89.5], "c6_body": [0, -3.3, -118], "c6_spinous_tip": [0, -48.5, -120],
        "laryngeal_prominence": [0, 55, -92],
        "acromion_skin_right": [206, -20, -200], "acromion_skin_left": [-206, -20, -200],
    }  # fmt: skip
    curves = {"superior_nuchal_line_right": line, "superior_nuchal_line_left": line * FLIP}
    return Anatomy.of("bust", parts, landmarks, curves, {"sex": "male"})


def measured(anatomy: Anatomy) -> dict[str, float]:
    subject = Subject(anatomy)
    return {name: METRICS[name.removesuffix("_mm")](subject, "median") for name in MEASURES}


def asked_of(patient: Patient, before: dict[str, float]) -> dict[str, float]:
    """Return what a patient shall measure who is made of one that measured `before`."""
    out = {}
    for name in MEASURES:
        row, given = load_table("patient")[name], patient.measure(name)
        woman = row["female"] if row["woman"] == "mean" else before[name] * row["female"] / row["male"]
        out[name] = before[name] if patient.sex == "male" else woman
        out[name] = out[name] if given is None else given
    return out


PEOPLE = [
    Patient(),
    Patient(sex="female"),
    Patient(head_length_mm=180, head_breadth_mm=165, head_height_mm=150),
    Patient(neck_circumference_mm=460, biacromial_breadth_mm=470),
    Patient(bmi=33, cervical_lordosis_deg=25),
    Patient(sex="female", neck_circumference_mm=300, head_height_mm=115, cervical_lordosis_deg=-4, bmi=20),
]


@pytest.fixture(scope="module")
def slim(anatomy: Anatomy) -> Anatomy:
    """The shipped model without what these tests do not look at."""
    keys = ("skin", "cranium", "axis", "seventh_cervical_vertebra", "nuchal_ligament")
    sided = ("trapezius", "obliquus_capitis_inferior", "greater_occipital_nerve")
    wanted = [*keys, *(f"{name}_{side}" for name in sided for side in ("right", "left"))]
    return Anatomy.of("slim", [anatomy[k] for k in wanted], anatomy.landmarks, anatomy.curves, anatomy.meta)


@pytest.mark.parametrize("patient", PEOPLE[:4], ids=lambda p: f"{p.sex}-{p.head_length_mm}-{p.neck_circumference_mm}")
def test_measures_are_reached_on_the_bust(patient: Patient) -> None:
    assert measured(bent(bust(), patient)) == pytest.approx(asked_of(patient, measured(bust())), rel=0.01)


@pytest.mark.parametrize("patient", PEOPLE[1:], ids=lambda p: f"{p.sex}-{p.head_length_mm}-{p.neck_circumference_mm}-{p.bmi}")
def test_measures_are_reached_on_the_shipped_model(patient: Patient, slim: Anatomy) -> None:
    person = bent(slim, patient)
    assert measured(person) == pytest.approx(asked_of(patient, measured(slim)), rel=0.02)
    if patient.cervical_lordosis_deg is not None:
        cobb = METRICS["cobb_c2_c7"](Subject(person), "median")
        assert cobb == pytest.approx(patient.cervical_lordosis_deg, abs=1.5)


def test_nobody_in_particular_is_the_shipped_man(anatomy: Anatomy) -> None:
    assert fit(anatomy, Patient()) == Chain()
    same = bent(anatomy, Patient())
    for key, s in anatomy.structures.items():
        assert same[key] is s
    assert all(np.array_equal(same.landmark(k), v) for k, v in anatomy.landmarks.items())


@pytest.mark.parametrize("patient", PEOPLE[1:], ids=lambda p: f"{p.sex}-{p.head_length_mm}-{p.neck_circumference_mm}-{p.bmi}")
def test_nothing_folds_and_the_way_back_leads_home(patient: Patient, slim: Anatomy) -> None:
    chain = fit(slim, patient)
    points = np.vstack([s.mesh.vertices_mm for s in slim.structures.values()])[::37]
    assert np.linalg.det(chain.jacobian(points)).min() > 0.1
    assert chain.inverse(chain.apply(points)) == pytest.approx(points, abs=1e-5)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whoever_is_in_range_is_made_unfolded_or_refused(data: st.DataObject, slim: Anatomy) -> None:
    given_values = {
        name: data.draw(st.floats(*RANGES[name]), label=name) for name in data.draw(st.sets(st.sampled_from(SCALARS)))
    }
    person = Patient(sex=data.draw(st.sampled_from(["male", "female"])), **given_values)
    try:
        chain = fit(slim, person)
    except ValueError as refused:
        assert "no person has these measures together" in str(refused)
        return
    points = np.vstack([s.mesh.vertices_mm for s in slim.structures.values()])[::53]
    assert np.linalg.det(chain.jacobian(points)).min() > 0


def test_fat_moves_the_skin_and_leaves_bone_and_muscle(slim: Anatomy) -> None:
    lean, fat = (bent(slim, Patient(bmi=bmi, neck_circumference_mm=None)) for bmi in (18, 24))
    thickness = [METRICS["subcutis_at_c2"](Subject(person), "median") for person in (lean, fat)]
    assert thickness[0] < thickness[1]
    only = next(m for m in fit(slim, Patient(bmi=18)).maps if isinstance(m, Fat))
    deep = slim["axis"].mesh.vertices_mm
    assert np.abs(only.apply(deep) - deep).max() < 0.01
    nape = slim.landmark("c2_spinous_tip_skin")[None]
    assert only.apply(nape)[0, 1] > nape[0, 1] + 1.0


def test_a_protuberance_moves_the_inion_by_what_is_asked(anatomy: Anatomy, slim: Anatomy) -> None:
    own = METRICS["external_occipital_protuberance"](Subject(slim), "median")
    moved = fit(slim, Patient(external_occipital_protuberance_mm=own + 5)).apply(slim.landmark("inion")[None])[0]
    assert np.linalg.norm(moved - slim.landmark("inion")) == pytest.approx(5, abs=0.01) and moved[1] < slim.landmark("inion")[1]
    assert Patient(external_occipital_protuberance_type=3).measure("external_occipital_protuberance_mm") == 13


def test_a_slimmer_muscle_has_the_share_that_is_asked_and_stays_closed_within_itself(slim: Anatomy) -> None:
    person = bent(slim, Patient(muscle_bulk={"obliquus_capitis_inferior": 0.7}))
    before, after = slim["obliquus_capitis_inferior_right"], person["obliquus_capitis_inferior_right"]
    assert after.surface.volume == pytest.approx(0.7 * before.surface.volume, rel=0.01)
    assert after.surface.is_watertight
    assert Subject(slim).query(before.key).signed_distance(after.mesh.vertices_mm).max() < 0.3
    assert person["trapezius_right"] is slim["trapezius_right"]


def test_a_muscle_of_given_section_has_it_and_a_small_one_stays(slim: Anatomy) -> None:
    key = "obliquus_capitis_inferior"
    person = bent(slim, Patient(muscle_area_mm2={key: 180.0}))
    assert belly_area(Subject(person), f"{key}_left") == pytest.approx(180, rel=0.05)
    assert bent(slim, Patient(muscle_area_mm2={key: 2000.0}))[f"{key}_left"] is slim[f"{key}_left"]


def test_landmarks_are_hit_and_the_rest_follows(slim: Anatomy) -> None:
    names = [
        "nasion",
        "opisthocranion",
        "bregma",
        "basion",
        "mastoid_tip_right",
        "mastoid_tip_left",
        "c7_spinous_tip",
        "inion_skin",
    ]
    wish = {n: slim.landmark(n) * 1.06 + [2.0, -3.0, 1.0] for n in names}
    person = bent(slim, Patient.from_landmarks(wish))
    for name, at in wish.items():
        assert person.landmark(name) == pytest.approx(at, abs=1e-6)
    assert person.landmark("lambda") == pytest.approx(slim.landmark("lambda") * 1.06 + [2.0, -3.0, 1.0], abs=0.01)
    nerve, skin = person["greater_occipital_nerve_right"], Subject(person).query("skin")
    assert skin.contains(nerve.centerline).all()
    assert Subject(person).query(nerve.key).contains(nerve.centerline[3:-3]).mean() > 0.99


def good_landmarks(anatomy: Anatomy) -> dict[str, Array]:
    names = ("inion", "nasion", "bregma", "basion", "mastoid_tip_right", "mastoid_tip_left", "porion_right", "porion_left")
    return {name: anatomy.landmark(name) for name in names}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: {"inoin": [0, 0, 0]} | g, ["'inoin'", "'inion'"]),
        (lambda g: {k: g[k] for k in ("inion", "nasion")}, ["2 landmarks are too few"]),
        (lambda g: {k: v * [0, 1, 1] for k, v in g.items() if "_" not in k}, ["lie in one plane"]),
        (lambda g: g | {"porion_left": g["porion_right"], "porion_right": g["porion_left"]}, ["porion", "swapped", "RAS"]),
        (lambda g: {k: v * [-1, -1, 1] for k, v in g.items()}, ["swapped", "RAS"]),
        (lambda g: {k: v * [1, -1, -1] for k, v in g.items()}, ["turned by 180 degrees"]),
        (lambda g: g | {"inion": [60.0, -20.0, 20.0]}, ["landmark inion lies", "most allowed"]),
        (lambda g: g | {"inion": [0.0, np.nan, 0.0]}, ["inion", "three finite numbers"]),
        (lambda g: g | {"inion": [0.0, 0.0]}, ["inion", "three finite numbers"]),
        (lambda g: {}, ["empty"]),
    ],
)
def test_landmarks_that_cannot_be_are_refused_in_one_line(anatomy: Anatomy, change: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=re.escape(words[0])) as caught:
        Patient.from_landmarks(change(good_landmarks(anatomy)))
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


def test_a_patient_is_a_key_and_travels() -> None:
    wish = {"landmarks": good_landmarks(load_anatomy()), "muscle_bulk": {"trapezius": 0.8}}
    one, other = Patient(**wish), Patient(**wish)
    assert one == other and hash(one) == hash(other) and pickle.loads(pickle.dumps(one)) == one
    assert one != Patient(muscle_bulk={"trapezius": 0.9})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"muscle_bulk": {"trapezis": 0.8}}, "'trapezius'"),
        ({"muscle_bulk": {"trapezius": 1.2}}, "trapezius is 1.2"),
        ({"muscle_area_mm2": {"trapezius": 0}}, "trapezius is 0"),
        ({"muscle_bulk": {"trapezius": 0.8}, "muscle_area_mm2": {"trapezius": 80}}, "give one of them"),
        ({"external_occipital_protuberance_type": 4}, "it is 1, 2 or 3"),
        ({"bmi": "30"}, "bmi is 30"),
        ({"right": {"semispinalis": "mussle"}}, "'muscle'"),
    ],
)
def test_other_values_out_of_range_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Patient(**values)


def test_the_neck_follows_the_body_mass_where_it_is_not_given() -> None:
    assert Patient(bmi=30).measure("neck_circumference_mm") == pytest.approx(257 + 5.08 * 30)
    assert Patient(sex="female", bmi=30).measure("neck_circumference_mm") == pytest.approx(227 + 4.03 * 30)
    assert Patient(bmi=30, neck_circumference_mm=380).measure("neck_circumference_mm") == 380


@pytest.fixture(scope="module")
def small_woman() -> Anatomy:
    return bent(bust(), Patient(sex="female", neck_circumference_mm=290, head_breadth_mm=135))


def test_surfaces_stay_closed_and_outward_with_their_triangles(small_woman: Anatomy) -> None:
    for key, s in small_woman.structures.items():
        assert np.array_equal(s.mesh.faces, bust()[key].mesh.faces)
        body = solid(s.mesh)
        assert body.is_watertight and 0 < body.volume < bust()[key].surface.volume
        face_normals = s.mesh.normals[s.mesh.faces].mean(axis=1)
        assert (np.einsum("ij,ij->i", face_normals, body.face_normals) > 0).mean() > 0.99


def test_a_nerve_inside_the_skin_stays_inside_and_in_its_tube(small_woman: Anatomy) -> None:
    subject = Subject(small_woman)
    for side in ("left", "right"):
        line = small_woman[f"greater_occipital_nerve_{side}"].centerline
        assert subject.query("skin").contains(line).all()
        assert subject.query(f"greater_occipital_nerve_{side}").contains(line[2:-2]).all()


def test_all_that_has_a_place_is_bent_alike(small_woman: Anatomy) -> None:
    bend = fit(bust(), Patient(sex="female", neck_circumference_mm=290, head_breadth_mm=135))
    nerve, before = (a["greater_occipital_nerve_left"] for a in (small_woman, bust()))
    assert nerve.centerline == pytest.approx(bend.apply(before.centerline))
    assert nerve.radius_mm == pytest.approx(before.radius_mm * bend.calibre(before.centerline)) and nerve.radius_mm.max() < 1
    assert nerve.branches["medial"] == pytest.approx(bend.apply(before.branches["medial"]))
    assert small_woman.landmark("c6_body") == pytest.approx(bend.apply(bust().landmark("c6_body")[None])[0])
    name = "superior_nuchal_line_right"
    assert small_woman.curve(name) == pytest.approx(bend.apply(bust().curve(name)))


def test_both_sides_of_the_patient_mirror_each_other(small_woman: Anatomy) -> None:
    for key in ("semispinalis_capitis", "greater_occipital_nerve"):
        left, right = (small_woman[f"{key}_{s}"] for s in ("left", "right"))
        if key == "semispinalis_capitis":
            assert left.mesh.vertices_mm == pytest.approx(right.mesh.vertices_mm * FLIP, abs=1e-9)
            assert left.mesh.normals == pytest.approx(right.mesh.normals * FLIP, abs=1e-9)
            assert left.mesh.fibres == pytest.approx(right.mesh.fibres * FLIP, abs=1e-9)
        else:
            assert left.centerline == pytest.approx(right.centerline * FLIP)


def test_meta_tells_whose_measures_they_are(small_woman: Anatomy) -> None:
    assert small_woman.meta["sex"] == "female"
    assert small_woman.meta["neck_circumference_mm"] == 290 and small_woman.meta["head_breadth_mm"] == 135
    assert small_woman.meta["head_length_mm"] == pytest.approx(measured(bust())["head_length_mm"] * 189.8 / 199.5, abs=0.06)
    assert bust().meta["sex"] == "male"


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("end", [0, 1])
def test_a_measure_out_of_range_is_refused_with_the_range(name: str, end: int) -> None:
    low, high = RANGES[name]
    Patient(**{name: RANGES[name][end]})
    beyond = (low - 0.5, high + 0.5)[end]
    with pytest.raises(ValueError, match=re.escape(f"{name} is {beyond}, which is outside {low} to {high} ")):
        Patient(**{name: beyond})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measure_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="head_length_mm"):
        Patient(head_length_mm=value)


def test_an_unknown_sex_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sex is 'femal', which is not known. Did you mean .female."):
        Patient(sex="femal")


def test_means_of_both_sexes_lie_in_their_range() -> None:
    for name in SCALARS:
        row, (low, high) = load_table("patient")[name], RANGES[name]
        assert low < row["female"] <= row["male"] < high
