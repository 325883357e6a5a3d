"""Names of other programs and people: the right structure, the right side, or an honest 'not known'."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes import load_anatomy
from meshes.importing.naming import guess, known_keys, side_of_folder
from meshes.points import load_table
from meshes.terms import split_key, terms

SURE = {
    "skull": "cranium", "Skull_1": "cranium", "Schädel": "cranium", "crâne": "cranium", "C1": "atlas", "vertebrae_C1": "atlas",
    "VertebraC2": "axis", "C01": "atlas", "axis (C II)": "axis", "Cervical vertebra 1": "atlas", "hyoid": "hyoid_bone",
    "OCI_L": "obliquus_capitis_inferior_left", "oci right": "obliquus_capitis_inferior_right",
    "obliquus capitis inferior sinister": "obliquus_capitis_inferior_left", "Trapezius.R": "trapezius_right",
    "M. rectus capitis posterior major dexter": "rectus_capitis_posterior_major_right", "scapulaLeft": "scapula_left",
    "clavicula_lt": "clavicle_left", "rib_left_1": "first_rib_left", "middle_scalene_right": "scalenus_medius_right",
    "FMA12519": "atlas", "FMA32536": "obliquus_capitis_inferior_right", "disc C2/C3": "intervertebral_disc_c2_c3",
    "Unterkiefer": "mandible", "Trapezius left and right": "trapezius", "trapezius": "trapezius",
    "GON": "greater_occipital_nerve", "GON_L": "greater_occipital_nerve_left", "R GON": "greater_occipital_nerve_right",
    "N. occipitalis major li.": "greater_occipital_nerve_left", "A. occipitalis dextra": "occipital_artery_right",
    "A. vertebralis re": "vertebral_artery_right", "M. obliquus capitis inf. re": "obliquus_capitis_inferior_right",
    "Schaedel": "cranium", "1. Halswirbel": "atlas", "cervical vertebra C4": "fourth_cervical_vertebra",
    "RCPmaj_R": "rectus_capitis_posterior_major_right", "RCPmi L": "rectus_capitis_posterior_minor_left",
}  # fmt: skip
IN_DOUBT = ("inferior_oblique_muscle_left", "v1", "t1", "body", "atlas_of_john_smith", "obliquus capitis inferor left")
NOT_OURS = (
    "vertebrae_L1", "vertebrae_T3", "pulmonary_vein", "rib_left_2", "brain", "Segment_3", "C1 nerve", "trachea", "Model_7", "",
    "facet joint of C2 and C3 tumor",
)  # fmt: skip


@pytest.mark.parametrize("name", SURE)
def test_a_usual_name_is_known(name: str) -> None:
    found = guess(name)
    assert (found.key, found.taken) == (SURE[name], True), found


@pytest.mark.parametrize("name", IN_DOUBT)
def test_a_name_that_may_mean_something_else_is_proposed_and_not_taken(name: str) -> None:
    found = guess(name)
    assert found.key and not found.taken, found


@pytest.mark.parametrize("name", NOT_OURS)
def test_what_is_none_of_ours_has_no_key(name: str) -> None:
    assert guess(name).key is None, guess(name)


def test_every_key_term_and_fma_id_of_ours_is_found_again() -> None:
    for key in load_anatomy().structures:
        base, side = split_key(key)
        term, mark = terms()[base], "" if side == "median" else f"{side} "
        assert guess(key).key == key
        assert guess(f"{mark}{term.ta2}").key == key
        if side in term.fma:
            assert guess(f"FMA{term.fma[side]}").key == key


@pytest.mark.parametrize("word", [(s, w) for s, words in load_table("import_names")["sides"].items() for w in words], ids=str)
def test_every_word_for_a_side_is_that_side(word: tuple[str, str]) -> None:
    side, spelt = word
    assert guess(f"masseter_{spelt}").key == f"masseter_{side}"
    assert guess(f"{spelt.upper()} masseter").key == f"masseter_{side}"


def test_names_of_the_table_do_not_contradict_each_other() -> None:
    table = load_table("import_names")
    doubtful = {n for names in table["doubtful"].values() for n in names}
    for role in ("whole", "piece", "beside"):
        for key, names in table[role].items():
            for name in set(names) - doubtful:
                found = guess(name)
                assert (found.key or "").startswith(key) and found.role == role, (name, found)
    for name in table["none"]["names"]:
        assert guess(name).key is None, guess(name)


def test_parts_of_the_skull_and_teeth_are_pieces() -> None:
    assert guess("frontal bone").role == guess("Left maxilla").role == "piece"
    assert guess("FMA55698").role == "beside" and guess("FMA55698").key == "cranium"
    assert guess("FMA52748").role == "whole" and guess("FMA52748").key == "mandible"


def test_what_was_exported_again_is_not_on_the_right() -> None:
    found = guess("masseter re-export")
    assert found.key == "masseter" and not found.taken


@pytest.mark.parametrize(("folder", "side"), [("left", "left"), ("L", "left"), ("Rechte Seite", "right"), ("L. Smith", None)])
def test_a_folder_tells_a_side_only_if_it_tells_nothing_else(folder: str, side: str | None) -> None:
    assert side_of_folder(folder) == side


@given(st.text(max_size=40))
def test_any_text_gives_a_known_key_or_none(name: str) -> None:
    found = guess(name)
    assert found.key is None or found.key in known_keys()
    assert 0 <= found.sure <= 1
