"""Label volumes as arrays: NIfTI, NRRD (with 3D Slicer's segments), MetaImage; sizes are checked before memory is taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from meshes.importing.label_tables import Label, of_inion
from meshes.importing.limits import AGAIN, Limits, check_count, check_room, colour_of, gunzipped, inflated, numbers_in
from meshes.importing.raw import Frame, ImportFault, Unit
from meshes.importing.unpacking import File

Numbers = NDArray[Any]
Array = NDArray[np.float64]
HEAD_BYTES = 4_000_000  # no header is longer; tables of labels within it are counted
NIFTI_MM: Mapping[int, float] = {1: 1000.0, 2: 1.0, 3: 0.001}
NIFTI_SIZES = {  # version and order of bytes by the first number of a header
    b"\x5c\x01\0\0": ("1", "<"), b"\0\0\x01\x5c": ("1", ">"), b"\x1c\x02\0\0": ("2", "<"), b"\0\0\x02\x1c": ("2", ">"),
}  # fmt: skip
NRRD_TYPES = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1", "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "short": "i2", "short int": "i2", "signed short": "i2", "int16": "i2", "int16_t": "i2", "ushort": "u2",
    "unsigned short": "u2", "uint16": "u2", "uint16_t": "u2", "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4",
    "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4", "longlong": "i8", "int64": "i8", "int64_t": "i8",
    "uint64": "u8", "uint64_t": "u8", "float": "f4", "double": "f8",
}  # fmt: skip
META_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SPACES = {  # to RAS
    "right-anterior-superior": np.eye(4), "ras": np.eye(4), "left-posterior-superior": LPS, "lps": LPS,
    "left-anterior-superior": np.diag([-1.0, 1.0, 1.0, 1.0]), "las": np.diag([-1.0, 1.0, 1.0, 1.0]),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Volume:
    """Numbers on a grid.

    Parameters
    ----------
    origin : str
        File, for messages.
    values : (nx, ny, nz) or (layers, nx, ny, nz) array
    affine : (4, 4) array
        From voxel numbers to mm, RAS where `frame` says so.
    unit, frame : str, optional
    labels : mapping of (layer, number) to Label
        As the file itself tells them.
    told : mapping
        Table of an export of Inion, where the file carries it.
    """

    origin: str
    values: Numbers
    affine: Array
    unit: Unit | None
    frame: Frame | None
    labels: Mapping[tuple[int, int], Label] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


def _shaped(origin: str, flat: bytes, kind: np.dtype[Any], shape: tuple[int, ...]) -> Numbers:
    count = int(np.prod(shape, dtype=object))
    check_room(origin, "voxels", count * kind.itemsize, len(flat))
    return np.frombuffer(flat, kind, count).reshape(shape, order="F")


def _bytes(origin: str, shape: tuple[int, ...], kind: np.dtype[Any], limits: Limits) -> int:
    """The bytes of all voxels, if they are so many as can be read."""
    if any(n < 1 for n in shape):
        raise ImportFault(f"{origin} declares {' x '.join(map(str, shape))} voxels; {AGAIN}")
    count = check_count(origin, "voxels", int(np.prod(shape, dtype=object)), limits.voxels)
    return check_count(origin, "bytes of voxels", count * kind.itemsize, limits.file_bytes)


def _sound(origin: str, affine: Array) -> Array:
    if not np.isfinite(affine).all() or not 1e-12 < abs(np.linalg.det(affine[:3, :3])) < 1e12:
        raise ImportFault(f"{origin} does not say how large its voxels are and where they lie; save it again from its program.")
    return np.asarray(affine, dtype=np.float64)


def read_nifti(file: File, data: bytes) -> Volume:
    """Return a NIfTI of version 1 or 2, packed or not, with the names that its header extensions carry.

    Raises
    ------
    ImportFault
        If it is damaged, too large, or no volume of whole numbers.
    """
    import nibabel as nib

    origin, limits = file.origin, file.limits
    packed = data[:2] == b"\x1f\x8b"
    head = gunzipped(data, 4096) if packed else data[:4096]
    if head[:4] not in NIFTI_SIZES or len(head) < 352:
        raise ImportFault(f"{origin} has no NIfTI header; {AGAIN}")
    version, order = NIFTI_SIZES[head[:4]]
    cls: Any = nib.nifti1.Nifti1Header if version == "1" else nib.nifti2.Nifti2Header
    length = 348 if version == "1" else 540
    header: Any = cls(head[:length], endianness=order, check=False)
    dims = [int(v) for v in header["dim"]]
    if not 1 <= dims[0] <= 7:
        raise ImportFault(f"{origin} has {dims[0]} dimensions; save it as a volume of labels.")
    shape = tuple(dims[1 : dims[0] + 1])
    kind = np.dtype(header.get_data_dtype())
    if len(shape) < 3 or any(n != 1 for n in shape[3:]) or kind.kind not in "iuf" or kind.itemsize > 8:
        sizes = " x ".join(map(str, shape))
        raise ImportFault(f"{origin} is no volume of labels but {sizes} of {kind.name}; save one number a voxel.")
    start = int(header["vox_offset"])
    needed = start + _bytes(origin, shape, kind, limits)
    if not length <= start <= HEAD_BYTES:
        raise ImportFault(f"{origin} declares that its voxels begin at byte {start}; {AGAIN}")
    whole = inflated(origin, data, needed, kind="gzip") if packed else data
    check_room(origin, "voxels", needed, len(whole))
    values = _scaled(header, _shaped(origin, whole[start:needed], kind, shape[:3]))
    scale = NIFTI_MM.get(int(header["xyzt_units"]) & 7)
    affine = _sound(origin, header.get_best_affine())
    frame: Frame | None = "ras" if int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0 else None
    labels, told = _extensions(whole[length:start], order)
    affine = np.diag([*[scale or 1.0] * 3, 1.0]) @ affine
    return Volume(origin, values, affine, None if scale is None else "mm", frame, labels, told)


def _scaled(header: Any, values: Numbers) -> Numbers:
    slope, offset = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite([slope, offset]).all() or slope == 0 or (slope == 1 and offset == 0):
        return values
    return np.asarray(values * np.float32(slope) + np.float32(offset))


def _extensions(block: bytes, order: str) -> tuple[dict[tuple[int, int], Label], dict[str, Any]]:
    """Names of labels in the extensions of a header: the table of Inion, or that of Connectome tools and TotalSegmentator."""
    at = 4
    labels: dict[tuple[int, int], Label] = {}
    told: dict[str, Any] = {}
    while len(block) >= at + 8 and block[0]:
        size, _ = (int(v) for v in np.frombuffer(block, order + "i4", 2, at))
        if size < 16 or at + size > len(block):
            break
        text = block[at + 8 : at + size].rstrip(b"\0")
        found, table = of_inion(text)
        labels |= {(0, n): row for n, row in (found or _caret(text)).items()}
        told = table or told
        at += size
    return labels, told


def _caret(text: bytes) -> dict[int, Label]:
    if b"<LabelTable" not in text or re.search(rb"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        return {}
    try:
        root = ElementTree.fromstring(text.strip())
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    out: dict[int, Label] = {}
    for node in root.iter("Label"):
        number, name = node.get("Key", node.get("Index", "")), (node.text or "").strip()
        if number.isascii() and number.isdigit() and len(number) < 9 and name and number != "0":
            out[int(number)] = Label(name, colour=colour_of([node.get(c) for c in ("Red", "Green", "Blue")]))
    return out


def read_nrrd(file: File, data: bytes) -> Volume:
    """Return an NRRD, attached or with its data in one file beside, and the segments of 3D Slicer.

    Raises
    ------
    ImportFault
        If it is damaged, too large, or no volume of whole numbers.
    """
    origin = file.origin
    end = re.search(rb"\r?\n\r?\n", data[:HEAD_BYTES])
    head = data[: end.start() if end else HEAD_BYTES].decode("utf-8", "replace").splitlines()
    if not head or not head[0].startswith("NRRD000"):
        raise ImportFault(f"{origin} has no NRRD header; {AGAIN}")
    rows = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:]) if not v.startswith("=")}
    pairs = {k.strip(): v.strip() for k, sep, v in (line.partition(":=") for line in head[1:]) if sep}
    shape = tuple(int(v) for v in rows["sizes"].split())
    code = NRRD_TYPES.get(rows.get("type", "").lower())
    if len(shape) not in (3, 4) or code is None:
        found = f"{shape} of {rows.get('type', '?')[:20]}"
        raise ImportFault(f"{origin} is no volume of labels but {found}; save one number a voxel.")
    kind = np.dtype((">" if rows.get("endian", "little") == "big" else "<") + code)
    needed = _bytes(origin, shape, kind, file.limits)
    beside = rows.get("data file", rows.get("datafile"))
    body = file.beside(beside).read() if beside else data[end.end() if end else len(data) :]
    encoding = rows.get("encoding", "raw").lower()
    packers = {"gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
    if int(rows.get("byte skip", 0)) or int(rows.get("line skip", 0)):
        raise ImportFault(f"{origin} has data that begin somewhere else; save it as one file.")
    if encoding in packers:
        body = inflated(origin, body, needed, kind=packers[encoding])
    elif encoding in ("ascii", "text", "txt"):
        body = numbers_in(origin, body).astype(kind).tobytes()
    elif encoding != "raw":
        raise ImportFault(f"{origin} is packed as {encoding[:20]!r}; save it with gzip, or unpacked.")
    values = _shaped(origin, body, kind, shape)
    lists = len(shape) == 4
    affine, frame = _nrrd_place(origin, rows, lists)
    unit: Unit | None = "mm" if frame or '"mm"' in rows.get("space units", "") else None
    return Volume(origin, values, affine, unit, frame, _segments(pairs))


def _nrrd_place(origin: str, rows: Mapping[str, str], lists: bool) -> tuple[Array, Frame | None]:
    affine = np.eye(4)
    found = re.findall(r"\(([^)]*)\)", rows.get("space directions", ""))
    if len(found) == 3:
        affine[:3, :3] = np.array([[float(v) for v in f.split(",")] for f in found]).T
        if place := re.fullmatch(r"\(([^)]*)\)", rows.get("space origin", "").strip()):
            affine[:3, 3] = [float(v) for v in place[1].split(",")]
    elif spacings := rows.get("spacings"):
        steps = [float(v) for v in spacings.split()][1 if lists else 0 :]
        affine[:3, :3] = np.diag(steps)
    to_ras = SPACES.get(rows.get("space", "").lower()) if len(found) == 3 else None
    return _sound(origin, affine if to_ras is None else to_ras @ affine), None if to_ras is None else "ras"


def _segments(pairs: Mapping[str, str]) -> dict[tuple[int, int], Label]:
    """Names and colours that 3D Slicer keeps for each segment, by layer and number."""
    out: dict[tuple[int, int], Label] = {}
    for key in pairs:
        mark = re.fullmatch(r"Segment(\d{1,6})_ID", key)
        if not mark:
            continue
        told = {w: pairs.get(f"Segment{mark[1]}_{w}", "") for w in ("Name", "Color", "LabelValue", "Layer")}
        number, layer = int(told["LabelValue"] or int(mark[1]) + 1), int(told["Layer"] or 0)
        out[(layer, number)] = Label(told["Name"] or pairs[key], colour=colour_of(told["Color"].split()))
    return out


def read_meta(file: File, data: bytes) -> Volume:
    """Return a MetaImage (`.mha`, or `.mhd` with its data in one file beside), which is in LPS, mm.

    Raises
    ------
    ImportFault
        If it is damaged, too large, or no volume of whole numbers.
    """
    origin = file.origin
    mark = re.search(rb"^ElementDataFile\s*=\s*([^\r\n]*)\r?\n?", data[:HEAD_BYTES], re.MULTILINE)
    if mark is None:
        raise ImportFault(f"{origin} has no MetaImage header; {AGAIN}")
    text = data[: mark.start()].decode("latin-1")
    rows = {k.strip(): v.strip() for k, sep, v in (line.partition("=") for line in text.splitlines()) if sep}
    shape = tuple(int(v) for v in rows["DimSize"].split())
    code = META_TYPES.get(rows.get("ElementType", ""))
    if len(shape) != 3 or code is None or int(rows.get("ElementNumberOfChannels", 1)) != 1 or rows.get("BinaryData") == "False":
        raise ImportFault(f"{origin} is no volume of labels that can be read; save one number a voxel, binary.")
    big = "True" in (rows.get("BinaryDataByteOrderMSB"), rows.get("ElementByteOrderMSB"))
    kind = np.dtype((">" if big else "<") + code)
    needed = _bytes(origin, shape, kind, file.limits)
    name = mark[1].decode("utf-8", "replace").strip()
    if name.upper().startswith("LIST") or "%" in name:
        raise ImportFault(f"{origin} has its data in many files; save it as one file.")
    body = data[mark.end() :] if name.upper() == "LOCAL" else file.beside(name).read()
    if rows.get("CompressedData") == "True":
        body = inflated(origin, body, needed)
    skip = int(rows.get("HeaderSize", 0))
    if skip:
        body = body[-needed:] if skip == -1 else body[max(skip, 0) :]
    affine = np.eye(4)
    turn = rows.get("TransformMatrix", rows.get("Rotation", rows.get("Orientation", "1 0 0 0 1 0 0 0 1")))
    steps = rows.get("ElementSpacing", rows.get("ElementSize", "1 1 1"))
    affine[:3, :3] = np.array([float(v) for v in turn.split()]).reshape(3, 3).T * [float(v) for v in steps.split()]
    affine[:3, 3] = [float(v) for v in rows.get("Offset", rows.get("Position", rows.get("Origin", "0 0 0"))).split()]
    return Volume(origin, _shaped(origin, body, kind, shape), _sound(origin, LPS @ affine), "mm", "ras")


def data_file(file: File, data: bytes) -> str | None:
    """Return the name of the file that a header (`.mhd`, `.nhdr`) keeps its voxels in, if it lies beside."""
    mark = re.search(rb"^(?:ElementDataFile\s*=|data ?file:)\s*([^\r\n]+)", data[:HEAD_BYTES], re.MULTILINE | re.IGNORECASE)
    name = mark[1].decode("utf-8", "replace").strip() if mark else "LOCAL"
    if name.upper() == "LOCAL":
        return None
    found = file.find(name)
    return found.name if found else None
