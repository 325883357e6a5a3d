"""The few elements of which the debrief page is written. Text becomes `Html` only through `esc`: no name can break out."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import NewType

Html = NewType("Html", str)

_BARRED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
NOTHING = Html("")
_EMPTY = ("br", "img", "meta", "line", "rect", "path", "circle", "polyline", "polygon")


def esc(value: object) -> Html:
    """Return a text so that a browser shows it as it stands; what cannot be shown, or would turn the text around, is left out."""
    return Html(html.escape(_BARRED.sub("", str(value)), quote=True))


def tag(name: str, *children: Html, **attributes: object) -> Html:
    """Return an element.

    Parameters
    ----------
    name : str
    children : Html
    attributes : object
        Escaped here. A trailing underscore falls away (`class_`), others become hyphens; None leaves one out.
    """
    given = [(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None]
    head = name + "".join(f' {key}="{esc(value)}"' for key, value in given)
    if name in _EMPTY and not children:
        return Html(f"<{head}/>")
    return Html(f"<{head}>{''.join(children)}</{name}>")


def joined(parts: Iterable[Html], between: str = "\n") -> Html:
    """Return pieces one after the other."""
    return Html(between.join(parts))


def paragraph(text: object, class_: str | None = None) -> Html:
    """Return a paragraph of plain text."""
    return tag("p", esc(text), class_=class_)


def section(title: str, name: str, *children: Html, number: int | None = None) -> Html:
    """Return a section under a heading of the second order."""
    shown = title if number is None else f"{number}. {title}"
    return tag("section", tag("h2", esc(shown), id=name), *children, aria_labelledby=name, class_=name)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Html]], class_: str | None = None) -> Html:
    """Return a table whose first column heads the rows.

    Parameters
    ----------
    caption : str
    head : sequence of str
        Of the columns.
    rows : iterable of sequences of Html
    class_ : str, optional
    """
    top = tag("tr", *(tag("th", esc(text), scope="col") for text in head))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    parts = [tag("caption", esc(caption)), tag("thead", top), tag("tbody", joined(body))]
    return tag("table", *parts, class_=class_)


def facts(rows: Mapping[str, object]) -> Html:
    """Return names and values in a list."""
    pairs = [tag("div", tag("dt", esc(name)), tag("dd", esc(value))) for name, value in rows.items()]
    return tag("dl", *pairs)


def figure(content: Html, caption: Html, class_: str | None = None) -> Html:
    """Return a picture over its caption."""
    return tag("figure", content, tag("figcaption", caption), class_=class_)


def image(data: bytes, alt: str, size: tuple[int, int], mime: str = "image/jpeg") -> Html:
    """Return a picture that lies within the page.

    Parameters
    ----------
    data : bytes
        Of the file.
    alt : str
        What it shows, in words.
    size : (int, int)
        Width and height, pixels.
    mime : str
    """
    address = f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
    return tag("img", src=address, alt=alt, width=size[0], height=size[1])


def svg(width: float, height: float, label: str, *children: Html, class_: str | None = None) -> Html:
    """Return a drawing of given size, in pixels, that scales with its place.

    Parameters
    ----------
    width, height : float
    label : str
        What it shows, in words.
    children : Html
    class_ : str, optional
    """
    box = f"0 0 {n(width)} {n(height)}"
    return tag("svg", *children, viewBox=box, width=n(width), height=n(height), role="img", aria_label=label, class_=class_)


def write(text: object, x: float, y: float, class_: str | None = None, anchor: str | None = None) -> Html:
    """Return words in a drawing; `anchor` is 'middle' or 'end'."""
    return tag("text", esc(text), x=n(x), y=n(y), class_=class_, text_anchor=anchor)


def n(value: float) -> str:
    """Return a length of a drawing, rounded, without a needless end."""
    shown = f"{value:.1f}"
    return shown.removesuffix(".0") if shown != "-0.0" else "0"


def page(title: str, body: Iterable[Html]) -> str:
    """Return the whole file, its style within."""
    style = files("sim").joinpath("data/debrief.css").read_text("utf-8")
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", esc(title)),
        Html(f"<style>\n{style}</style>"),
    ]
    inner = tag("html", tag("head", joined(head)), tag("body", tag("main", joined(body))), lang="en")
    return f"<!DOCTYPE html>\n{inner}\n"
