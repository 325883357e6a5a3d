"""Points of 3D Slicer: its markups, as JSON (`.mrk.json`) and as a table (`.fcsv`), read and written.

Both kinds of file say whether they are in RAS or in LPS; here all points are RAS, mm.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
SUFFIXES = (".mrk.json", ".json", ".fcsv")
SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"
)
COLUMNS = ("id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label", "desc", "associatedNodeID")
PLACED = "defined"
SPACES = {"RAS": 1.0, "LPS": -1.0, "0": 1.0, "1": -1.0}  # sign of x and y; tables before version 4.11 wrote numbers
UNITS_MM = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1000.0, "meter": 1000.0}
UNPLACED = ("0", "1", "3")  # sixteenth column of later tables: not placed, just being placed, or missing
MAX_BYTES = 20_000_000
DIGITS = 6  # of a millimetre


def read_markups(path: str | Path) -> Mapping[str, Array]:
    """Return the points of a file of 3D Slicer, (3,) mm RAS, by their labels.

    Points that were named and not yet placed are left out, and so are lines, planes and curves.

    Parameters
    ----------
    path : path
        Ends in `.mrk.json`, `.json` or `.fcsv`.

    Raises
    ------
    ValueError
        If the file is no such file, says no frame that is known, or gives one label to two points; one line.
    OSError
        If it cannot be read.
    """
    source = Path(path)
    if not source.name.lower().endswith(SUFFIXES):
        raise ValueError(f"{source} must end in one of {', '.join(SUFFIXES)}.")
    if source.stat().st_size > MAX_BYTES:
        raise ValueError(f"{source} has more than {MAX_BYTES // 1_000_000} MB; a file of landmarks is smaller.")
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{source} is no text. Save the points anew in 3D Slicer.") from None
    found: dict[str, Array] = {}
    try:
        for name, point in _of_table(text) if source.suffix.lower() == ".fcsv" else _of_json(text):
            if name in found:
                raise ValueError(f"two points have the label {name!r}; let each have its own")
            found[name] = point
    except ValueError as error:
        raise ValueError(f"{source}: {error}.") from None
    if not found:
        raise ValueError(f"{source} holds no placed point.")
    return MappingProxyType(found)


def markups_json(
    points: Mapping[str, ArrayLike], *, name: str = "landmarks", about: str = "", notes: Mapping[str, str] | None = None
) -> str:
    """Return points (3,) mm RAS as a file of markups that 3D Slicer opens as one list of points.

    Parameters
    ----------
    points : mapping of str to (3,) array
        By label.
    name : str
        Of the list.
    about : str
        Its description: credit, what the points are.
    notes : mapping of str to str, optional
        A description for some of the points, by label.

    Raises
    ------
    ValueError
        If a point is not three finite numbers.
    """
    rows = [
        {
            "id": str(i), "label": label, "description": _line((notes or {}).get(label, "")), "associatedNodeID": "",
            "position": point, "orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], "selected": True,
            "locked": False, "visibility": True, "positionStatus": PLACED,
        }
        for i, (label, point) in enumerate(_checked(points), 1)
    ]  # fmt: skip
    markup = {
        "type": "Fiducial", "name": name, "description": about, "coordinateSystem": "RAS", "coordinateUnits": "mm",
        "locked": True, "fixedNumberOfControlPoints": False, "labelFormat": "%N-%d", "lastUsedControlPointNumber": len(rows),
        "controlPoints": rows,
    }  # fmt: skip
    return json.dumps({"@schema": SCHEMA, "markups": [markup]}, ensure_ascii=False, indent=1) + "\n"


def markups_table(points: Mapping[str, ArrayLike], *, about: str = "", notes: Mapping[str, str] | None = None) -> str:
    """Return points (3,) mm RAS as a table of markups (`.fcsv`), labels and notes quoted as CSV asks; see `markups_json`."""
    out = io.StringIO()
    for line in ("Markups fiducial file version = 5.0", "CoordinateSystem = RAS", f"columns = {','.join(COLUMNS)}"):
        out.write(f"# {line}\n")
    for line in about.splitlines():
        out.write(f"# about: {line}\n")
    writer = csv.writer(out, lineterminator="\n")
    for i, (label, point) in enumerate(_checked(points), 1):
        writer.writerow([i, *point, 0, 0, 0, 1, 1, 1, 0, label, _line((notes or {}).get(label, "")), ""])
    return out.getvalue()


def _line(text: str) -> str:
    """A text in one line: a table has one for each point."""
    return " ".join(text.split())


def _checked(points: Mapping[str, ArrayLike]) -> Iterator[tuple[str, list[float]]]:
    for label, at in points.items():
        point = np.asarray(at, dtype=np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise ValueError(f"point {label!r} is {at!r}; it must be three finite numbers.")
        yield _line(label), np.round(point, DIGITS).tolist()


def _of_json(text: str) -> Iterator[tuple[str, Array]]:
    """Labels and points of a file of markups; what is no list of points is passed over."""
    try:
        whole = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("it is no JSON; save the points anew in 3D Slicer") from None
    lists = whole.get("markups") if isinstance(whole, dict) else None
    if not isinstance(lists, list):
        raise ValueError("it has no 'markups'; save the points in 3D Slicer as Markups JSON")
    for markup in lists:
        if not isinstance(markup, dict) or markup.get("type", "Fiducial") != "Fiducial":
            continue
        sign = _sign(str(markup.get("coordinateSystem", "LPS")))
        scale = _scale(markup.get("coordinateUnits", "mm"))
        rows = markup.get("controlPoints")
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict) or row.get("positionStatus", PLACED) != PLACED:
                continue
            yield _label(row.get("label"), row.get("id")), _point(row.get("position"), sign) * scale


def _of_table(text: str) -> Iterator[tuple[str, Array]]:
    """Labels and points of a table; columns as its head names them."""
    columns: tuple[str, ...] = COLUMNS
    sign = 1.0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            if told := re.match(r"#\s*CoordinateSystem\s*=\s*(\w+)", line, re.IGNORECASE):
                sign = _sign(told[1])
            elif told := re.match(r"#\s*columns\s*=\s*(.+)", line, re.IGNORECASE):
                columns = tuple(c.strip() for c in told[1].split(","))
            continue
        if not line.strip():
            continue
        cells = next(csv.reader([line]))
        row = dict(zip(columns, cells, strict=False))
        if not {"x", "y", "z"} <= row.keys():
            raise ValueError(f"line {number} has {len(cells)} columns and no x, y and z; save the points anew in 3D Slicer")
        if len(cells) == len(COLUMNS) + 2 and cells[-2] in UNPLACED:
            continue
        try:
            yield _label(row.get("label"), row.get("id")), _point([float(row[k]) for k in "xyz"], sign)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None


def _label(label: object, identity: object) -> str:
    name = str(label or identity or "").strip()
    if not name:
        raise ValueError("a point has no label; name it in 3D Slicer")
    return name


def _point(value: object, sign: float) -> Array:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 3 or not all(_is_number(n) for n in numbers):
        raise ValueError(f"the position {value!r:.60} is not three finite numbers")
    return np.array(numbers, dtype=np.float64) * (sign, sign, 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _sign(space: str) -> float:
    if space.upper() not in SPACES:
        raise ValueError(f"its coordinate system is {space!r}; save the points in RAS or LPS")
    return SPACES[space.upper()]


def _scale(unit: object) -> float:
    """Millimetres in the unit of a list: a word, or a coded entry of which the value is the unit's code."""
    words = [unit] if isinstance(unit, str) else [w for w in unit if isinstance(w, str)] if isinstance(unit, list) else []
    known = [UNITS_MM[w.lower()] for w in words if w.lower() in UNITS_MM]
    if not known:
        raise ValueError(f"its unit is {unit!r:.60}; save the points in mm")
    return known[0]
