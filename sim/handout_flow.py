"""Text that flows through the columns of a handout: blocks, each whole, a heading never alone at a foot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sim.paper import Paper

Draw = Callable[[Paper, float, float, float, float], float]
SLACK = 0.5


@dataclass(frozen=True)
class Block:
    """A piece that stays whole.

    Parameters
    ----------
    draw : callable (paper, x, y, width, size) -> float
        Draws it from the top `y` down with letters of `size`, and returns its lower edge.
    kind : str
        Tag: 'H2', 'P', 'LI'; items that follow each other make one list.
    before, after : float
        Room above (not at the top of a column) and below, as shares of the size.
    bookmark : str
        Entry of the outline.
    """

    draw: Draw
    kind: str = "P"
    before: float = 0.0
    after: float = 0.35
    bookmark: str = ""

    @property
    def heads(self) -> bool:
        """Whether it must not be the last of a column."""
        return self.kind.startswith("H")


@dataclass(frozen=True)
class Region:
    """A column: its page from 0, corner, width and lower edge."""

    page: int
    x: float
    y: float
    width: float
    end: float


@dataclass(frozen=True)
class Placed:
    """A block with its place."""

    block: Block
    region: Region
    y: float


def placed(
    blocks: Sequence[Block], regions: Sequence[Region], size: float, trial: Paper, *, loose: float = 1.0
) -> list[Placed] | None:
    """Return where each block goes, in order; None if they do not fit.

    Parameters
    ----------
    blocks, regions
        In order.
    size : float
        Of the letters.
    trial : Paper
        Drawn on for measuring, and thrown away.
    loose : float
        Multiplies the room between blocks.
    """
    room = loose * size
    out: list[Placed] = []
    index, y = 0, regions[0].y
    for i, block in enumerate(blocks):
        while index < len(regions):
            region = regions[index]
            top = y + (block.before * room if y > region.y else 0.0)
            if _foot(blocks, i, region.width, top, size, trial, room) <= region.end + SLACK:
                out.append(Placed(block, region, top))
                y = block.draw(trial, 0.0, top, region.width, size) + block.after * room
                break
            index += 1
            y = regions[index].y if index < len(regions) else 0.0
        else:
            return None
    return out


def _foot(blocks: Sequence[Block], i: int, width: float, top: float, size: float, trial: Paper, room: float) -> float:
    """Lower edge of a block, and of what must follow it."""
    low = blocks[i].draw(trial, 0.0, top, width, size)
    if blocks[i].heads and i + 1 < len(blocks):
        after = blocks[i + 1]
        return _foot(blocks, i + 1, width, low + (blocks[i].after + after.before) * room, size, trial, room)
    return low


def write_page(paper: Paper, all_placed: Sequence[Placed], page: int, size: float) -> None:
    """Draw the blocks of one page, tagged."""
    with ExitStack() as stack:
        listing = False
        for item in (p for p in all_placed if p.region.page == page):
            if (item.block.kind == "LI") != listing:
                stack.close()
                listing = item.block.kind == "LI"
                if listing:
                    stack.enter_context(paper.tag("L"))
            if item.block.bookmark:
                paper.bookmark(item.block.bookmark, 1, y=item.y)
            with paper.tag(item.block.kind):
                if listing:
                    with paper.tag("LBody"):
                        item.block.draw(paper, item.region.x, item.y, item.region.width, size)
                else:
                    item.block.draw(paper, item.region.x, item.y, item.region.width, size)
