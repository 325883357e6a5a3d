"""What a file of surfaces says of whom it is and how it may be passed on: its comments, or the copyright of a glTF."""

from __future__ import annotations

import json
import re

HEAD_BYTES = 8_000  # of a text, in which its opening comments stand
TREE_BYTES = 4_000_000  # of a glTF, in which its description stands
LONGEST = 300
TOLD = re.compile(r"copyright|\(c\) *\d{4}|©|licen[cs]e", re.IGNORECASE)
COMMENT = re.compile(r"^(?:#|comment\b)(.*)$", re.MULTILINE)
COPYRIGHT = re.compile(rb'"copyright"\s*:\s*("(?:[^"\\]|\\.)*")')


def rights_in(name: str, data: bytes) -> str | None:
    """Return the lines of an OBJ's or PLY's opening comments, or of a glTF, that tell rights, as one line; None if none does.

    Parameters
    ----------
    name : str
        Of the file, for its ending.
    data : bytes
    """
    ending = name.lower().rpartition(".")[2]
    if ending in ("gltf", "glb"):
        found = COPYRIGHT.search(data[:TREE_BYTES])
        lines = [_text(found[1])] if found else []
    elif ending in ("obj", "ply"):
        head = data[:HEAD_BYTES].split(b"end_header")[0].decode("utf-8", "replace")
        lines = [line for line in COMMENT.findall(head) if TOLD.search(line)]
    else:
        return None
    plain = "".join(c if c.isprintable() else " " for c in "; ".join(line.strip() for line in lines))
    return " ".join(plain.split())[:LONGEST].strip() or None


def _text(quoted: bytes) -> str:
    try:
        return str(json.loads(quoted.decode("utf-8")))
    except ValueError:
        return ""
