"""What files say of rights is found, and nothing else taken for it."""

from __future__ import annotations

import pytest

from meshes.importing.rights import LONGEST, rights_in

GLTF = b'{"asset": {"version": "2.0", "copyright": "(c) 2020 A. B\\u00f6hm"}}'


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.OBJ", b"# made by hand\n# An Atlas, Copyright 2011\r\n# licensed CC BY\nv 0 0 0\n",
         "An Atlas, Copyright 2011; licensed CC BY"),
        ("a.obj", b"# exported\nv 0 0 0\no licence plate\n", None),
        ("a.ply", b"ply\nformat ascii 1.0\ncomment Licence: CC0\nend_header\n# copyright", "Licence: CC0"),
        ("a.gltf", GLTF, "(c) 2020 A. Böhm"), ("a.glb", b"glTF" + GLTF, "(c) 2020 A. Böhm"), ("a.glb", b'"copyright": "', None),
        ("a.stl", b"# copyright", None), ("a.obj", b"# copyright \x1b[31m red", "copyright [31m red"),
    ],
)  # fmt: skip
def test_rights_are_read_where_they_stand(name: str, data: bytes, says: str | None) -> None:
    assert rights_in(name, data) == says


def test_a_long_text_is_cut() -> None:
    assert len(rights_in("a.obj", b"# copyright " + b"x" * 5000) or "") == LONGEST
