from __future__ import annotations

import datetime
import json
import tomllib
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from scenarios.locate import line_of, locate

KEYS = st.text(st.sampled_from("abz_-9 .\"'é#[]="), min_size=1, max_size=6)
TEXTS = st.text(st.sampled_from("ab \\\"'#[]{},=\néx"), max_size=12)
SCALARS = st.one_of(
    st.integers(-(10**9), 10**9), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), TEXTS,
    st.dates(min_value=datetime.date(1900, 1, 1)),
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(KEYS, v, max_size=3)), max_leaves=6)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)
DOCUMENTS = st.tuples(TABLES, st.dictionaries(KEYS, st.one_of(TABLES, st.lists(TABLES, min_size=1, max_size=3)), max_size=3))


def quoted(text: str, draw: Any) -> str:
    if draw(st.booleans()) and "'" not in text and "\n" not in text:
        return f"'{text}'"
    if draw(st.booleans()) and not text.startswith("\n"):
        return '"""' + text.replace("\\", "\\\\").replace('"""', '""\\"').replace('"""', '""\\"') + '\\\n"""'
    return json.dumps(text)


class Writer:
    """Writes a tree as TOML in a random manner, and notes where each key went."""

    def __init__(self, draw: Any) -> None:
        self.draw, self.out, self.lines = draw, "", {}

    def note(self, path: tuple[str | int, ...]) -> None:
        self.lines.setdefault(path, self.out.count("\n") + 1)

    def key(self, key: str) -> str:
        return key if key.replace("_", "a").replace("-", "a").isalnum() and key.isascii() else json.dumps(key)

    def gap(self) -> None:
        self.out += self.draw(st.sampled_from(["", "\n", "# a = 1 [x]\n", "  \n"]))

    def value(self, path: tuple[str | int, ...], value: Any) -> None:
        if isinstance(value, bool):
            self.out += str(value).lower()
        elif isinstance(value, str):
            self.out += quoted(value, self.draw)
        elif isinstance(value, datetime.date):
            self.out += value.isoformat()
        elif isinstance(value, list):
            self.out += "["
            for i, item in enumerate(value):
                self.out += self.draw(st.sampled_from(["", "\n", " # no ] end\n"]))
                self.note((*path, i))
                self.value((*path, i), item)
                self.out += ", "
            self.out += "]"
        elif isinstance(value, dict):
            self.out += "{ "
            for n, (key, item) in enumerate(value.items()):
                self.out += ", " if n else ""
                self.note((*path, key))
                self.out += self.key(key) + " = "
                self.value((*path, key), item)
            self.out += " }"
        else:
            self.out += repr(value).replace("e+", "e")

    def table(self, path: tuple[str | int, ...], table: dict[str, Any]) -> None:
        for key, value in table.items():
            self.gap()
            self.note((*path, key))
            self.out += f"{self.key(key)} = "
            self.value((*path, key), value)
            self.out += " # end\n"


@given(DOCUMENTS, st.data())
@settings(max_examples=150, deadline=None)
def test_every_key_of_a_random_document_is_found_on_its_line(document: Any, data: Any) -> None:
    top, tables = document
    tables = {k: v for k, v in tables.items() if k not in top}
    writer = Writer(data.draw)
    writer.table((), top)
    for key, value in tables.items():
        for n, row in enumerate(value if isinstance(value, list) else [value]):
            writer.note((key,))
            path: tuple[str | int, ...] = (key, n) if isinstance(value, list) else (key,)
            writer.note(path)
            writer.out += f"[[{writer.key(key)}]]\n" if isinstance(value, list) else f"[{writer.key(key)}]\n"
            writer.table(path, row)
    tomllib.loads(writer.out)
    assert locate(writer.out) == writer.lines


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_headers_below_arrays_of_tables_belong_to_the_last_one(ending: str) -> None:
    text = ending.join(["[[a]]", "x = 1", "[a.b]", "y = 2", "[[a]]", "[a.b]", "y.z = 3", ""])
    lines = locate(text)
    assert lines["a", 0, "b", "y"] == 4
    assert lines["a", 1, "b", "y", "z"] == 7
    assert lines["a", 1] == 5


def test_the_nearest_enclosing_key_answers_for_one_that_is_missing() -> None:
    lines = locate("a = 1\n[b]\nc = 2\n")
    assert line_of(lines, ("b", "gone", 3)) == 2
    assert line_of(lines, ("gone",)) is None
