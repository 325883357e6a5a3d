"""The tags of a PDF: what is a heading, a table or a figure, in reading order, for screen readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

ARTIFACT = "/Artifact BMC"
END = "EMC"
PAGE_KEYS = ("StructParents", "Tabs")


@dataclass(eq=False)
class Node:
    """One element of the tree of tags: its kind, what it holds, and in which order.

    Parameters
    ----------
    kind : str
        Standard type of a PDF: 'H1', 'P', 'Table', 'Figure', ...
    alt : str
        What a figure shows, in words.
    extra : mapping of str to str
        Further names, such as the scope of a table's heading.
    held : list
        Nodes, and pairs (page, number) of marked content.
    """

    kind: str
    alt: str = ""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    held: list[Node | tuple[int, int]] = field(default_factory=list)


class Tags:
    """The tree of one document while it is written.

    Parameters
    ----------
    canvas : reportlab.pdfgen.canvas.Canvas
        What is written on.
    """

    def __init__(self, canvas: Any) -> None:
        self._canvas = canvas
        self.root = Node("Document")
        self._open = [self.root]
        self._owners: list[list[Node]] = [[]]

    @contextmanager
    def tag(self, kind: str, *, alt: str = "", extra: Mapping[str, str] | None = None) -> Iterator[Node]:
        """Open an element inside the one that is open; what is marked meanwhile belongs to it."""
        node = Node(kind, alt, MappingProxyType(dict(extra or {})))
        self._open[-1].held.append(node)
        self._open.append(node)
        try:
            yield node
        finally:
            self._open.pop()

    @contextmanager
    def marked(self, *, decoration: bool = False) -> Iterator[None]:
        """Mark what is drawn meanwhile as content of the open element, or as decoration that is not read out."""
        node = self._open[-1]
        if decoration or node is self.root:
            self._canvas._code.append(ARTIFACT)
        else:
            owners = self._owners[-1]
            self._canvas._code.append(f"/{node.kind} <</MCID {len(owners)}>> BDC")
            node.held.append((len(self._owners) - 1, len(owners)))
            owners.append(node)
        try:
            yield
        finally:
            self._canvas._code.append(END)

    @property
    def in_figure(self) -> bool:
        """Whether an open element is a figure."""
        return any(node.kind == "Figure" for node in self._open)

    def next_page(self) -> None:
        """Begin the numbers of a new page."""
        self._owners.append([])

    def write_tree(self) -> None:
        """Hang the tree into the document; call it once, after the last page is shown."""
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName

        document = self._canvas._doc
        pages = [document.Reference(page) for page in document.Pages.pages]
        written: dict[int, Any] = {}
        tree = PDFDictionary({"Type": PDFName("StructTreeRoot")})
        tree_reference = document.Reference(tree)
        tree["K"] = self._element(self.root, tree_reference, pages, written)
        nums: list[Any] = []
        for index, owners in enumerate(self._owners[: len(pages)]):
            nums += [index, document.Reference(PDFArray([written[id(node)] for node in owners]))]
            page = document.idToObject[pages[index].name]
            page.__NoDefault__ = [*page.__NoDefault__, *PAGE_KEYS]
            page.StructParents, page.Tabs = index, PDFName("S")
        tree["ParentTree"] = document.Reference(PDFDictionary({"Nums": PDFArray(nums)}))
        tree["ParentTreeNextKey"] = len(pages)
        document.Catalog.StructTreeRoot = tree
        document.Catalog.MarkInfo = PDFDictionary({"Marked": "true"})
        document.Catalog.ViewerPreferences = PDFDictionary({"DisplayDocTitle": "true"})

    def _element(self, node: Node, parent: Any, pages: list[Any], written: dict[int, Any]) -> Any:
        """Reference of a node as a PDF object, and of all below it."""
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFString

        document = self._canvas._doc
        made = PDFDictionary({"Type": PDFName("StructElem"), "S": PDFName(node.kind), "P": parent})
        reference = written[id(node)] = document.Reference(made)
        if node.alt:
            made["Alt"] = PDFString(node.alt)
        if node.extra:
            made["A"] = PDFDictionary({"O": PDFName("Table"), **{k: PDFName(v) for k, v in node.extra.items()}})
        kids: list[Any] = []
        for held in node.held:
            if isinstance(held, Node):
                kids.append(self._element(held, reference, pages, written))
            else:
                page, number = held
                kids.append(PDFDictionary({"Type": PDFName("MCR"), "Pg": pages[page], "MCID": number}))
        made["K"] = PDFArray(kids)
        return reference
