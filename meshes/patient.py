"""Other people: the shipped model bent smoothly to a person's measures and landmarks.

Every change is a smooth, invertible map of space, so layers keep their order and nothing tears: the nerve that lies between
two muscles still does. Variants of nerves and vessels come first, in the shipped model; muscles are slimmed last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice, unknown
from meshes.bulk import slimmed
from meshes.carry import carried
from meshes.courses import Course
from meshes.fitting import MEASURES, PROTUBERANCE, Goal, chain_for, model_of
from meshes.given import check_landmarks
from meshes.maps import Chain
from meshes.measure import Subject, belly_area
from meshes.model import Anatomy
from meshes.points import load_table
from meshes.terms import terms
from meshes.variants import varied

Array = NDArray[np.float64]
SHAPES = (PROTUBERANCE, "cervical_lordosis_deg")
SCALARS = (*MEASURES, "bmi", *SHAPES)
TYPES = ("smooth", "crest", "spine")
SHIPPED_COURSE = Course()
UNITS = {"_mm": "mm", "_deg": "degrees", "bmi": "kg/m2", "_min": "beats per minute"}
PULSE = "pulse_rate_per_min"


class Frozen(Mapping[str, Any]):
    """A mapping that cannot be written to, and so can be a key of a cache."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._items = dict(values)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A person. What is not given stays as in the shipped man; a woman's head follows his by the sexes' ratio, her neck the mean.

    Parameters
    ----------
    sex : {'male', 'female'}
    head_length_mm, head_breadth_mm, head_height_mm : float, optional
        On the skin: glabella to opisthocranion; greatest breadth; tragion to vertex.
    neck_circumference_mm : float, optional
        Below the larynx. Where it is not given and `bmi` is, it follows from that.
    biacromial_breadth_mm : float, optional
        Over the acromia.
    bmi : float, optional
        Body mass index, kg/m2: thickness of the neck's fat.
    external_occipital_protuberance_mm : float, optional
        How far it stands out of the smooth curve of the occiput.
    external_occipital_protuberance_type : {1, 2, 3}, optional
        1 smooth, 2 crest, 3 spine: how far it reaches, and its height where none is given.
    pulse_rate_per_min : float, optional
        Of the arteries in ultrasound.
    cervical_lordosis_deg : float, optional
        Cobb angle from C2 to C7, lordosis positive.
    muscle_bulk : mapping of str to float
        Muscle without side to the share of its cross-section that is left, at most 1.
    muscle_area_mm2 : mapping of str to float
        Muscle without side to its greatest cross-section; one that is smaller already stays.
    landmarks : mapping of str to (3,) array
        Names of the model to mm, RAS, Frankfort frame: hit exactly. Means of the sex are then not imposed.
    right, left : Course
        How the greater occipital nerve and the occipital artery run on each side.

    Raises
    ------
    ValueError
        If a value lies outside the range of `data/patient.toml`, or a name is not known.

    References
    ----------
    gordon2014 (ANSUR II); xu2018, rcpmin_mri (muscles of women); c2c7fat; guo2018; eop_sexes.
    """

    sex: str = "male"
    head_length_mm: float | None = None
    head_breadth_mm: float | None = None
    head_height_mm: float | None = None
    neck_circumference_mm: float | None = None
    biacromial_breadth_mm: float | None = None
    bmi: float | None = None
    external_occipital_protuberance_mm: float | None = None
    external_occipital_protuberance_type: int | None = None
    cervical_lordosis_deg: float | None = None
    pulse_rate_per_min: float | None = None
    muscle_bulk: Mapping[str, float] = Frozen({})
    muscle_area_mm2: Mapping[str, float] = Frozen({})
    landmarks: Mapping[str, tuple[float, ...]] = Frozen({})
    right: Course = SHIPPED_COURSE
    left: Course = SHIPPED_COURSE

    def __post_init__(self) -> None:
        check_choice("sex", self.sex, ("male", "female"))
        for name in (*SCALARS, PULSE):
            _check_range(name, getattr(self, name))
        if self.external_occipital_protuberance_type not in (None, 1, 2, 3):
            raise ValueError(
                f"external_occipital_protuberance_type is {self.external_occipital_protuberance_type!r}; it is 1, 2 or 3."
            )
        bulk = load_table("patient")["bulk"]
        for name, (low, high) in (("muscle_bulk", bulk["range"]), ("muscle_area_mm2", bulk["area_range"])):
            object.__setattr__(self, name, _checked_muscles(name, getattr(self, name), low, high))
        twice = sorted(set(self.muscle_bulk) & set(self.muscle_area_mm2))
        if twice:
            raise ValueError(f"muscle {twice[0]!r} stands in muscle_bulk and in muscle_area_mm2; give one of them.")
        object.__setattr__(self, "landmarks", Frozen(check_landmarks(self.landmarks)))
        for side in ("right", "left"):
            course = getattr(self, side)
            object.__setattr__(self, side, Course(**course) if isinstance(course, Mapping) else course)

    @classmethod
    def from_landmarks(cls, landmarks: Mapping[str, ArrayLike], *, sex: str = "male", **others: Any) -> Patient:
        """Return the person whose landmarks these are; the whole model is bent smoothly to them.

        Parameters
        ----------
        landmarks : mapping of str to (3,) array
            Names of the model's landmarks (`inion` is bone, `inion_skin` its skin) to mm in Inion's frame: RAS,
            Frankfort horizontal, origin midway between the porions. At least four that span space; the more, the better.
        sex : {'male', 'female'}
        **others
            Anything else that a `Patient` takes.

        Raises
        ------
        ValueError
            If a name is not known, there are too few, left and right are swapped, or one lies where no head has it.
        """
        if not landmarks:
            raise ValueError("landmarks is empty; give at least four that span space.")
        return cls(sex=sex, landmarks=landmarks, **others)  # type: ignore[arg-type]

    def measure(self, name: str) -> float | None:
        """Return what a measure shall be, mm, degrees or kg/m2; None where nothing says."""
        if name not in SCALARS:
            raise ValueError(unknown("measure", name, SCALARS))
        value, table = getattr(self, name), load_table("patient")
        if value is not None:
            return float(value)
        if name == "neck_circumference_mm" and self.bmi is not None and not self.landmarks:
            line = table["neck_from_bmi"][self.sex]
            return float(line["constant"] + line["slope"] * self.bmi)
        if name == PROTUBERANCE and self.external_occipital_protuberance_type is not None:
            return float(table["protuberance"][self._protuberance]["height"])
        return None

    @property
    def _protuberance(self) -> str:
        """The form of the protuberance: a woman's is smooth, a man's a crest, where nothing says."""
        return TYPES[(self.external_occipital_protuberance_type or (1 if self.sex == "female" else 2)) - 1]


def fit(anatomy: Anatomy, patient: Patient) -> Chain:
    """Return the map from `anatomy`, the shipped man, to a patient.

    Raises
    ------
    ValueError
        If measures that no person has together, or the landmarks, would fold the model.
    """
    return chain_for(anatomy, _goal(anatomy, patient))


def bent(anatomy: Anatomy, patient: Patient) -> Anatomy:
    """Return `anatomy`, the shipped man, as a patient: surfaces, axes, calibres, landmarks and curves alike."""
    person = varied(anatomy, patient.right, patient.left)
    goal = _goal(anatomy, patient)
    person = slimmed(carried(person, chain_for(anatomy, goal)), patient.muscle_bulk, _areas(anatomy, patient))
    meta = dict(anatomy.meta) | {"sex": patient.sex} | {name: round(value, 1) for name, value in goal.measures.items()}
    if patient.pulse_rate_per_min is not None:
        meta[PULSE] = float(patient.pulse_rate_per_min)
    return Anatomy.of(anatomy.name, person.structures.values(), person.landmarks, person.curves, meta)


def _goal(anatomy: Anatomy, patient: Patient) -> Goal:
    """What the person shall measure; a woman, in what is not given, as `data/patient.toml` says."""
    table = load_table("patient")
    asked = {name: value for name in (*MEASURES, *SHAPES) if (value := patient.measure(name)) is not None}
    woman = patient.sex == "female" and anatomy.meta.get("sex", "male") == "male"
    if woman and not patient.landmarks:
        now = model_of(anatomy).now
        for name in (n for n in (*MEASURES, PROTUBERANCE) if n in now and n not in asked):
            mean = table[name]
            asked[name] = mean["female"] if mean["woman"] == "mean" else now[name] * mean["female"] / mean["male"]
    bmi = patient.bmi or (table["bmi"]["female"] if woman else None)
    share = None if bmi is None else _fat(bmi) / _fat(table["bmi"]["male"])
    return Goal(asked, share, patient._protuberance, patient.landmarks)


def _areas(anatomy: Anatomy, patient: Patient) -> dict[str, float]:
    """Greatest cross-sections (mm2) of muscles: those given, and a woman's where they are known."""
    areas = dict(patient.muscle_area_mm2)
    if patient.sex != "female" or anatomy.meta.get("sex", "male") != "male":
        return areas
    man = Subject(anatomy)
    for name, ratio in load_table("patient")["woman_to_man"]["share"].items():
        if name not in patient.muscle_bulk and name not in areas and f"{name}_right" in anatomy:
            areas[name] = ratio * belly_area(man, f"{name}_right")
    return areas


def _fat(bmi: float) -> float:
    """Thickness (mm) of the fat behind C2 at a body mass index, from the table."""
    table = np.array(load_table("patient")["fat"]["by_bmi"])
    return float(np.interp(bmi, table[:, 0], table[:, 1]))


def _check_range(name: str, value: float | None) -> None:
    if value is None:
        return
    row = load_table("patient")[name]
    low, high = row["range"]
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not low <= float(value) <= high:
        unit = next((u for end, u in UNITS.items() if name.endswith(end)), "")
        about = "" if name == "bmi" else f" ({row['text']})"
        raise ValueError(f"{name} is {value}, which is outside {low} to {high} {unit}{about}.")


def _checked_muscles(name: str, values: Mapping[str, float], low: float, high: float) -> Frozen:
    known = [key for key, term in terms().items() if term.kind == "muscle"]
    for key, value in values.items():
        if key not in known:
            raise ValueError(unknown(f"muscle of {name}", key, known))
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not low <= float(value) <= high:
            raise ValueError(f"{name} of {key} is {value}, which is outside {low:g} to {high:g}.")
    return Frozen({key: float(value) for key, value in values.items()})
