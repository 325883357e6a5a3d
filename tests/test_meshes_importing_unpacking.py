"""Zips, folders and files that mean harm, each one plain line; the worst of them in a process that has little memory."""

from __future__ import annotations

import gzip
import os
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from meshes.importing.limits import Limits
from meshes.importing.raw import ImportFault
from meshes.importing.reading import read_parts
from meshes.importing.unpacking import Folder

ROOT = Path(__file__).parents[1]
TETRA = "\n".join(["v 0 0 0", "v 1 0 0", "v 0 1 0", "v 0 0 1", "f 1 3 2", "f 1 2 4", "f 2 3 4", "f 3 1 4", ""])


def zip_of(path: Path, *names: str, link: bool = False) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = ((stat.S_IFLNK if link else stat.S_IFREG) | 0o644) << 16
            archive.writestr(info, TETRA)
    return path


def fault(*paths: Path, limits: Limits | None = None) -> str:
    with pytest.raises(ImportFault) as caught:
        read_parts(paths, limits=limits or Limits())
    text = str(caught.value)
    assert "\n" not in text and len(text) < 330 and text.endswith(".")
    return text


@pytest.mark.parametrize("name", ["../a.obj", "a/../../b.obj", "/etc/a.obj", "C:/a.obj", "..\\a.obj"])
def test_a_path_out_of_a_zip_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "in"
    inner.mkdir()
    assert "leads out" in fault(zip_of(inner / "x.zip", name))
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["x.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_links_duplicates_locked_and_broken_zips_are_refused(tmp_path: Path) -> None:
    assert "link" in fault(zip_of(tmp_path / "l.zip", "a.obj", link=True))
    assert "twice" in fault(zip_of(tmp_path / "d.zip", "a.obj", "a.obj"))
    whole = zip_of(tmp_path / "g.zip", "a.obj").read_bytes()
    (tmp_path / "t.zip").write_bytes(whole[:-30])
    assert "no zip file" in fault(tmp_path / "t.zip")
    (tmp_path / "e.zip").write_bytes(b"")
    assert "no zip file" in fault(tmp_path / "e.zip")
    at = whole.index(b"v 0 0 0")
    (tmp_path / "c.zip").write_bytes(whole[:at] + b"x" + whole[at + 1 :])
    assert "c.zip/a.obj" in fault(tmp_path / "c.zip")


def test_a_zip_and_a_folder_of_parts_are_read_alike(tmp_path: Path) -> None:
    packed = zip_of(tmp_path / "p.zip", "sub/atlas.obj", "__MACOSX/x.obj", ".hidden.obj", "sub/picture.xyz")
    folder = tmp_path / "f" / "sub"
    folder.mkdir(parents=True)
    (folder / "atlas.obj").write_text(TETRA)
    (folder / ".hidden.obj").write_text("junk")
    (folder / "picture.xyz").write_text("junk")
    for source in (packed, tmp_path / "f"):
        found = read_parts([source])
        assert [p.name for p in found.parts] == ["atlas"] and len(found.parts[0].faces) == 4
        assert len(found.notes) == 1 and "picture.xyz" in found.notes[0]


def test_too_many_files_or_bytes_are_refused(tmp_path: Path) -> None:
    packed = zip_of(tmp_path / "p.zip", "a.obj", "b.obj", "c.obj")
    assert "3 files" in fault(packed, limits=Limits(files=2))
    assert "declares" in fault(packed, limits=Limits(total_bytes=100))
    assert "declares" in fault(packed, limits=Limits(file_bytes=10))


def test_what_is_not_there_and_what_holds_nothing_is_told(tmp_path: Path) -> None:
    assert "is not there" in fault(tmp_path / "none.stl")
    assert "no surface" in fault(tmp_path)
    (tmp_path / "empty.stl").write_bytes(b"")
    assert "empty" in fault(tmp_path / "empty.stl")


BOMBS = """
import resource, sys
from pathlib import Path
import meshes.importing.reading as reading
import nibabel, pyvista
resource.setrlimit(resource.RLIMIT_AS, (3_000_000_000, 3_000_000_000))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        print(path.name, "read", len(reading.read_parts([path]).parts))
    except reading.ImportFault as error:
        print(path.name, "refused:", error)
"""


def bombs(folder: Path) -> list[str]:
    """Small files that declare, or unpack to, many gigabytes."""
    zeros = gzip.compress(bytes(200_000_000), 9)
    header = np.zeros(352, dtype=np.uint8).tobytes()
    nifti = bytearray(header)
    nifti[:4] = struct.pack("<i", 348)
    nifti[40:56] = struct.pack("<8h", 3, 32000, 32000, 32000, 1, 1, 1, 1)
    nifti[70:74] = struct.pack("<hh", 2, 8)
    nifti[108:112] = struct.pack("<f", 352.0)
    nifti[344:348] = b"n+1\0"
    meta = b"ObjectType = Image\nNDims = 3\nDimSize = 700 700 700\nElementType = MET_UCHAR\nCompressedData = True\n"
    nrrd = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: {0} {0} {0}\nencoding: gzip\nendian: little\n\n"
    (folder / "billion.stl").write_bytes(bytes(80) + struct.pack("<I", 4_000_000_000) + bytes(500))
    ply = b"ply\nformat binary_little_endian 1.0\nelement vertex 2000000000\n"
    ply += b"".join(b"property float %c\n" % c for c in b"xyz")
    (folder / "billion.ply").write_bytes(ply + b"end_header\n" + bytes(600))
    vtk = b"# vtk DataFile Version 3.0\nx\nBINARY\nDATASET POLYDATA\nPOINTS 29000000 float\n"
    (folder / "billion.vtk").write_bytes(vtk + bytes(99))
    (folder / "dims.nii").write_bytes(nifti)
    (folder / "dims.nii.gz").write_bytes(gzip.compress(bytes(nifti)))
    (folder / "dims.nrrd").write_bytes(nrrd.format(100_000).encode() + zeros)
    (folder / "long.nrrd").write_bytes(nrrd.format(700).encode() + zeros)
    (folder / "dims.mha").write_bytes(meta + b"ElementDataFile = LOCAL\n" + bytes(1000))
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(3):
            archive.writestr(f"{i}.stl", bytes(250_000_000) if i else b"")
    whole = (folder / "bomb.zip").read_bytes()
    (folder / "bomb.zip").write_bytes(whole.replace(struct.pack("<I", 250_000_000), struct.pack("<I", 2_500_000_000)))
    accessor = {"componentType": 5126, "count": 2_000_000_000, "type": "VEC3", "bufferView": 0}
    import json

    tree = {
        "asset": {"version": "2.0"}, "nodes": [{"mesh": 0}], "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [accessor], "bufferViews": [{"buffer": 0, "byteLength": 12}],
        "buffers": [{"byteLength": 12, "uri": "data:;base64,AAAAAAAAAAAAAAAA"}],
    }  # fmt: skip
    (folder / "billion.gltf").write_text(json.dumps(tree))
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is that of Linux")
def test_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    names = bombs(tmp_path)
    done = subprocess.run([sys.executable, "-c", BOMBS, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert [line for line in lines if " refused: " not in line or "memory" in line] == []


def test_a_folder_that_cannot_be_opened_is_told_and_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bones").mkdir()
    (tmp_path / "a.stl").touch()
    real = os.scandir

    def locked(path: str) -> object:
        if str(path).endswith("bones"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(ImportFault, match=r"bones: the folder cannot be opened: permission denied"):
        Folder.of(tmp_path)
