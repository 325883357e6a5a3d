"""Pictures and labelled ultrasound images in bulk: `inion batch` makes them, `read` reads them."""

from __future__ import annotations

from sim.batch.reading import Batch, BatchItem, read

__all__ = ["Batch", "BatchItem", "read"]
