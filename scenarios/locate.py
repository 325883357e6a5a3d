"""On which line of a TOML text each key stands. The standard parser does not tell.

The text must already have been accepted by `tomllib`: the scanner only keeps count of lines, it checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping

Path = tuple[str | int, ...]

DEEPEST = 100  # parts of a dotted key; the parser takes a time that grows with their square
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_TRIPLE = ('"""', "'''")
_DEEP = re.compile(rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{DEEPEST}}}""")


def too_deep(text: str) -> int | None:
    """Return the line of the first key that has more than `DEEPEST` parts; None if there is none."""
    found = _DEEP.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def locate(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every key, table and array element of a TOML text.

    Parameters
    ----------
    text : str
        Valid TOML.

    Returns
    -------
    dict
        Path, such as `("show", 1, "opacity")`, to line. Elements of arrays are counted from 0.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """Return the line of `path`, or of the nearest table or key around it; None if there is none."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [m.start() for m in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self._skip(newlines=True):
            table = self._header() if self.text[self.at] == "[" else self._pair(table)

    def _header(self) -> Path:
        """Read [a.b] or [[a.b]]; return the path of the table, with the index of each array of tables."""
        array = self.text.startswith("[[", self.at)
        line = self._line()
        self.at += 2 if array else 1
        path: Path = ()
        keys = self._keys()
        self.at += 2 if array else 1
        for depth, key in enumerate(keys):
            path = (*path, key)
            last = depth == len(keys) - 1
            if last and array:
                self.counts[path] = self.counts.get(path, -1) + 1
            self.lines.setdefault(path, line)
            if path in self.counts:
                path = (*path, self.counts[path])
                self.lines.setdefault(path, line)
        if not array:
            self.lines[path] = line
        return path

    def _pair(self, table: Path) -> Path:
        """Read key = value of `table`; return `table`."""
        line, path = self._line(), table
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._skip(newlines=False)
        self.at += 1
        self._skip(newlines=False)
        self._value(path)
        return table

    def _keys(self) -> list[str]:
        """Read a dotted key."""
        keys = []
        while True:
            self._skip(newlines=False)
            keys.append(self._key())
            self._skip(newlines=False)
            if self.text[self.at : self.at + 1] != ".":
                return keys
            self.at += 1

    def _key(self) -> str:
        if self.text[self.at] in "\"'":
            start = self.at
            self._string()
            return str(tomllib.loads(f"k = {self.text[start : self.at]}")["k"])
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            raise ValueError(f"No key at line {self._line()}.")
        self.at = bare.end()
        return bare.group()

    def _value(self, path: Path) -> None:
        sign = self.text[self.at]
        if sign in "\"'":
            self._string()
        elif sign == "[":
            self._array(path)
        elif sign == "{":
            self._inline(path)
        else:
            scalar = _SCALAR.match(self.text, self.at)
            self.at = scalar.end() if scalar else self.at + 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip(newlines=True) and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while self._skip(newlines=True) and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        if self.text[self.at : self.at + 3] in _TRIPLE:
            self._long_string(quote)
            return
        self.at += 1
        while self.text[self.at] != quote:
            self.at += 2 if self.text[self.at] == "\\" and quote == '"' else 1
        self.at += 1

    def _long_string(self, quote: str) -> None:
        """Skip a multi-line string; up to two quotes may stand before the closing three."""
        self.at += 3
        while not self.text.startswith(quote * 3, self.at):
            self.at += 2 if self.text[self.at] == "\\" and quote == '"' else 1
        self.at += 3
        while self.text.startswith(quote, self.at):
            self.at += 1

    def _skip(self, *, newlines: bool) -> bool:
        """Skip blanks, and with `newlines` also line ends and comments; return whether text is left."""
        blanks = " \t\n" if newlines else " \t"
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign in blanks:
                self.at += 1
            elif newlines and sign == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return True
        return False

    def _line(self) -> int:
        return bisect_left(self.ends, self.at) + 1
