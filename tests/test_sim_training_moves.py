from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.training.actions import KINDS, action_from
from sim.training.moves import load_moves, moves_from, moves_text

GOOD: dict[str, Any] = {
    "schema": 1,
    "procedure": "gon-block-c2",
    "side": "left",
    "move": [{"kind": "choose_side", "side": "left"}],
}
NUMBER = st.floats(-100, 100)
POINT = st.lists(NUMBER, min_size=3, max_size=3)
MOVES = st.one_of(
    st.fixed_dictionaries({"kind": st.just("probe_place"), "point_mm": POINT, "toward": POINT}),
    st.fixed_dictionaries({"kind": st.just("needle_advance"), "mm": NUMBER}),
    st.fixed_dictionaries({"kind": st.just("inject"), "ml": st.floats(1e-6, 20)}),
    st.fixed_dictionaries({"kind": st.just("mark"), "name": st.sampled_from(["inion", "GON_R1"]), "point_mm": POINT}),
    st.just({"kind": "aspirate"}),
)


@given(st.lists(MOVES, min_size=1, max_size=12))
def test_a_file_gives_the_same_moves_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    actions = moves_from({**GOOD, "move": rows}).actions
    path = tmp_path_factory.mktemp("moves") / "m.toml"
    path.write_text(moves_text("gon-block-c2", "left", "man", actions), "utf-8")
    again = load_moves(path)
    assert again.actions == actions and (again.procedure, again.side, again.patient) == ("gon-block-c2", "left", "man")


def test_moves_without_a_time_follow_by_a_second() -> None:
    rows = [{"kind": "aspirate"}, {"kind": "aspirate"}, {"kind": "aspirate", "at_s": 7.5}, {"kind": "finish"}]
    assert [a.at_s for a in moves_from({**GOOD, "move": rows}).actions] == [0.0, 1.0, 7.5, 8.5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"move": [{"kind": "probe_pose", "name": "c2-obliqe", "side": "left"}]}, "Did you mean 'c2-oblique'"),
        ({"schema": 2}, "schema"), ({"side": "up"}, "side"), ({"patient": "child"}, "patient"), ({"move": []}, "move"),
        ({"moves": []}, "move"), ({"move": [{"kind": "fly"}]}, "move 1"), ({"move": [{"kind": "inject"}]}, "ml"),
        ({"move": [{"kind": "finish", "at_s": 5}, {"kind": "finish", "at_s": 4}]}, "before"), ({"move": [3]}, "move 1"),
        ({"procedure": 3}, "procedure"), ({"move": [{"kind": "inject", "ml": -1}]}, "ml"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_that_names_its_place(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as fault:
        moves_from({**GOOD, **change}, "m.toml")
    text = str(fault.value)
    assert text.startswith("m.toml: ") and words in text and "\n" not in text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"= =", b"", b"a=" + b"[" * 5000])
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^m\.toml: "):
        load_moves(path)


def test_every_kind_says_what_it_lacks() -> None:
    for kind in KINDS:
        try:
            action_from({"kind": kind})
        except ValueError as fault:
            assert "Field required" in str(fault) and "\n" not in str(fault)
