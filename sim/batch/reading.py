"""Reading what `inion batch` has made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.batch.files import INDEX, ITEMS, MANIFEST, META

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class BatchItem:
    """One finished item.

    Parameters
    ----------
    folder : Path
        That holds its files.
    """

    folder: Path

    @property
    def id(self) -> str:
        """Name of the item."""
        return self.folder.name

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        """Content of `meta.json`."""
        content: dict[str, Any] = json.loads((self.folder / META).read_text("utf-8"))
        return content

    @property
    def bmode(self) -> NDArray[np.uint8]:
        """Grey levels (rows, columns) of the ultrasound image."""
        out: NDArray[np.uint8] = self._pixels("bmode.png")
        return out

    @property
    def labels(self) -> NDArray[np.uint16]:
        """Label (rows, columns) of each pixel; `keys` says what it stands for."""
        out: NDArray[np.uint16] = self._pixels("labels.png")
        return out

    @property
    def picture(self) -> NDArray[np.uint8]:
        """3-D picture (height, width, 3)."""
        out: NDArray[np.uint8] = self._pixels("picture.png")
        return out

    @property
    def keys(self) -> Mapping[int, str]:
        """What the labels of this image stand for."""
        return {int(number): key for number, key in self.meta["keys"].items()}

    def mask(self, *keys: str) -> NDArray[np.bool_]:
        """Return which pixels (rows, columns) show one of some structures."""
        import numpy as np

        return np.isin(self.labels, [number for number, key in self.keys.items() if key in keys])

    def ras(self, row: float, column: float) -> NDArray[np.float64]:
        """Return the place (3,) of a pixel, mm RAS."""
        import numpy as np

        return np.asarray((np.array(self.meta["ras_from_image"]) @ [column, row, 0.0, 1.0])[:3])

    def _pixels(self, name: str) -> Any:
        import numpy as np
        from PIL import Image

        with Image.open(self.folder / name) as image:
            return np.array(image)


@dataclass(frozen=True)
class Batch:
    """A folder made by `inion batch`.

    Parameters
    ----------
    folder : Path
    manifest : mapping
        Content of `manifest.json`.
    index : tuple of mappings
        One short row for each finished item: id, kind, patient, pose, side, nerve_visible, ...
    """

    folder: Path
    manifest: Mapping[str, Any]
    index: tuple[Mapping[str, Any], ...]

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[BatchItem]:
        return (self[row["id"]] for row in self.index)

    def __getitem__(self, item_id: str) -> BatchItem:
        return BatchItem(self.folder / ITEMS / item_id)


def read(folder: str | Path) -> Batch:
    """Return what a batch has made, to look at or to learn from.

    Parameters
    ----------
    folder : str or Path
        That was given to `inion batch -o`.

    Raises
    ------
    FileNotFoundError
        If it holds no finished run of a batch.

    Examples
    --------
    >>> from sim.batch import read
    >>> for item in read("out"):  # doctest: +SKIP
    ...     nerve = item.mask("greater_occipital_nerve_right")
    """
    place = Path(folder)
    manifest = json.loads((place / MANIFEST).read_text("utf-8"))
    rows = (place / INDEX).read_text("utf-8").splitlines()
    return Batch(place, manifest, tuple(json.loads(row) for row in rows))
