"""PDF files, and pictures of their pages, written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def write_pdf(data: bytes, path: Path) -> Path:
    """Write a file whole or not at all; its folder must exist."""
    from sim.stills import write_whole

    return write_whole(path, lambda stream: stream.write(data))


def write_pages(data: bytes, folder: Path, stem: str, names: Sequence[str], *, dpi: float = 200.0) -> list[Path]:
    """Write a PDF and, where pypdfium2 is installed, a PNG of each page, and return their paths.

    Parameters
    ----------
    data : bytes
        The PDF.
    folder : Path
        Made if it does not exist.
    stem : str
        Of the file's name; pages add their number and name.
    names : sequence of str
        One for each page.
    dpi : float
        Of the pictures.

    Raises
    ------
    OSError
        If a file cannot be written; none is left half-written.
    """
    from sim.stills import save_png

    pictures = page_images(data, dpi) if find_spec("pypdfium2") else []
    folder.mkdir(parents=True, exist_ok=True)
    out = [write_pdf(data, folder / f"{stem}.pdf")]
    for number, (name, image) in enumerate(zip(names, pictures, strict=False), 1):
        out.append(save_png(image, folder / f"{stem}-{number}-{name}.png", {"Software": "Inion", "Title": stem}))
    return out


def page_images(data: bytes, dpi: float = 200.0) -> list[Image]:
    """Return the pages of a PDF as RGB pictures."""
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    try:
        return [document[i].render(scale=dpi / 72).to_pil().convert("RGB") for i in range(len(document))]
    finally:
        document.close()
