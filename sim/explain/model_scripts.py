"""The scripts of the page's 3-D view: three.js, taken from where trimesh keeps it, and our own viewer."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

TEMPLATE = "resources/templates/viewer.zip"  # of trimesh: a page with three.js and its loader of glTF
LOADER = "THREE.GLTFLoader=GLTFLoader;})();"
REVISIONS = (140, 159)
# in the order in which they use one another; one function holds them all, so that the page sees InionViewer alone
PARTS = ("viewer_looks.js", "viewer_model.js", "viewer_tools.js", "viewer_camera.js", "viewer_hands.js", "viewer.js")


@cache
def three_js() -> str:
    """Return three.js with its GLTFLoader as text of a plain script that makes the global `THREE`.

    Raises
    ------
    ValueError
        If the installed trimesh does not carry it in the form that is known.

    References
    ----------
    three.js, MIT licence; its notice stands at the head of the text.
    """
    import io
    import zipfile

    held = files("trimesh").joinpath(TEMPLATE)
    try:
        with zipfile.ZipFile(io.BytesIO(held.read_bytes())) as bundle:
            page = bundle.read(bundle.namelist()[0]).decode("utf-8")
        start = page.index("<script>") + len("<script>")
        out = page[start : page.index(LOADER, start) + len(LOADER)]
        revision = three_revision(out)
    except (OSError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise ValueError("the installed trimesh carries no three.js that is known; install trimesh 4 or 5.") from error
    if not REVISIONS[0] <= revision <= REVISIONS[1] or "</script" in out.lower() or "@license" not in out[:200]:
        raise ValueError(f"the installed trimesh carries three.js r{revision}, which is not known; install trimesh 4 or 5.")
    return out


def three_revision(text: str) -> int:
    """Return the revision of three.js that a text tells. Raises ValueError if it tells none."""
    found = re.search(r'const \w+="(\d{3})(?:dev)?"', text[:2000])
    if found is None:
        raise ValueError("the text does not tell a revision of three.js.")
    return int(found.group(1))


@cache
def viewer_js() -> str:
    """Return our viewer as text of a plain script that makes the global `InionViewer`; it needs `THREE`."""
    folder = files("sim.explain")
    parts = [folder.joinpath(name).read_text("utf-8") for name in PARTS]
    return "(function () {\n'use strict';\n" + "\n".join(parts) + "\nwindow.InionViewer = InionViewer;\n}());\n"
