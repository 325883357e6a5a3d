"""The furniture of the patient page: head line, stage of the 3-D head, buttons, windows. Words by the key of `Texts.ui`."""

from __future__ import annotations

from collections.abc import Sequence

from sim.debrief.html import Html, esc, joined, tag
from sim.explain.page_parts import Tongue

ICONS = {
    "left": "M13 5a9 9 0 1 1-8.5 12 M13 1v8H5",
    "right": "M15 5a9 9 0 1 0 8.5 12 M15 1v8h8",
    "nearer": "M14 6v16 M6 14h16",
    "home": "M4 14L14 5l10 9 M7 12v11h14V12",
    "print": "",
}
WORDS_HERE = "<!--words-->"
SIDES = {"left": "left", "right": "right", "both": "both_sides"}


def frame(tongues: Sequence[Tongue], clinic: str, title: str, side: str, steps: int) -> Html:
    """Return the body of the page but for the words of its steps, which go where `WORDS_HERE` stands.

    Parameters
    ----------
    tongues : sequence of Tongue
        The languages; the first is written in, the others come by the script.
    clinic : str
    title : str
        Of what is explained.
    side : {'left', 'right', 'both'}
    steps : int
        How many there are.
    """
    first = tongues[0]
    words = tag(
        "main",
        _lack(first, "no-webgl", "no_3d"),
        Html(WORDS_HERE),
        id="words",
        class_="words scroll",
        tabindex="0",
        aria_label=first.ui("steps"),
        data_label="steps",
    )
    app = tag("div", _stage(first), words, class_="app")
    return joined(
        [
            _bar(first, clinic, title, side),
            app,
            _steps(first, steps),
            _more(tongues, clinic),
            _what(first),
            _source(first),
            tag("p", id="told", class_="away", aria_live="polite"),
        ]
    )


def word(tongue: Tongue, key: str, name: str = "span", **more: object) -> Html:
    """Return a word of the furniture, which the script changes with the language."""
    return tag(name, esc(tongue.ui(key)), data_t=key, **more)


def _lack(tongue: Tongue, id_: str, key: str) -> Html:
    """What a device cannot do, told only where that is so."""
    return word(tongue, key, "p", id=id_, class_="soft lack screen-only", hidden="")


def button(tongue: Tongue, id_: str, key: str, *, icon: bool = False, class_: str | None = None) -> Html:
    """Return a button: an icon with a label for screen readers, or a word."""
    if not icon:
        return tag("button", word(tongue, key), type="button", id=id_, class_=class_)
    drawing = tag("svg", tag("path", d=ICONS[id_]), viewBox="0 0 28 28", aria_hidden="true")
    return tag(
        "button", drawing, type="button", id=id_, class_=class_, aria_label=tongue.ui(key), title=tongue.ui(key), data_label=key
    )


def _bar(tongue: Tongue, clinic: str, title: str, side: str) -> Html:
    """The head line: what is explained, the clinic, the patient's side."""
    who = tag("div", tag("h1", esc(title), id="name"), tag("span", esc(clinic), id="clinic"), class_="who")
    before = [word(tongue, "chosen_side"), tag("span", esc(": "), class_="colon")] if side != "both" else []
    badge = tag("p", *before, word(tongue, SIDES[side], "strong"), class_="badge", id="badge")
    larger = [tag("span", esc("A+"), aria_hidden="true"), word(tongue, "text_size", class_="away")]
    tools = tag("div", tag("button", *larger, type="button", id="larger"), button(tongue, "menu", "menu"), class_="tools")
    return tag("header", who, badge, tools, class_="bar")


def _stage(tongue: Tongue) -> Html:
    """The place of the head, with its few buttons below."""
    card = tag(
        "div",
        tag("h3", id="card-name"),
        tag("p", id="card-about"),
        tag(
            "div",
            tag("button", word(tongue, "read_aloud"), type="button", id="card-say", class_="say", hidden=""),
            button(tongue, "card-close", "close"),
            class_="row",
        ),
        class_="card",
        id="card",
        hidden="",
        role="group",
        aria_label=tongue.ui("what_is_this"),
        data_label="what_is_this",
    )
    view = tag(
        "div",
        tag("canvas", id="head", role="img", tabindex="0", aria_label=tongue.ui("picture_of")),
        tag("svg", id="lines", aria_hidden="true"),
        tag("p", id="seen", class_="seen", aria_hidden="true"),
        tag("p", id="hand-left", class_="hand at-left", aria_hidden="true"),
        tag("p", id="hand-right", class_="hand at-right", aria_hidden="true"),
        card,
        class_="view",
        id="view",
    )
    turns = [
        button(tongue, "left", "turn_left", icon=True),
        button(tongue, "right", "turn_right", icon=True),
        button(tongue, "nearer", "zoom_in", icon=True),
        button(tongue, "home", "reset_view", icon=True),
        tag("button", tag("span", esc(tongue.ui("play"))), type="button", id="play", hidden=""),
        button(tongue, "things", "what_is_this"),
    ]
    bar = tag("div", *turns, class_="turn", role="group", aria_label=tongue.ui("view"), data_label="view")
    whose = [word(tongue, "whose", "p", class_="whose")] if tongue.texts.ui.get("whose") else []
    return tag("section", view, bar, *whose, class_="stage", aria_label=tongue.ui("picture"), data_label="picture")


def _steps(tongue: Tongue, steps: int) -> Html:
    """Back, the dots, next."""
    dots = [tag("li", tag("button", type="button", data_go=i, aria_label=i + 1)) for i in range(steps)]
    middle = tag("div", tag("ol", *dots, class_="dots"), tag("p", id="count", class_="count"), class_="middle")
    parts = [button(tongue, "back", "back"), middle, button(tongue, "next", "next", class_="main")]
    return tag("nav", *parts, class_="steps", aria_label=tongue.ui("steps"), data_label="steps")


def _more(tongues: Sequence[Tongue], clinic: str) -> Html:
    """The window of what is rarely needed."""
    first = tongues[0]
    choices = [tag("option", esc(t.texts.name), value=t.texts.language, lang=t.texts.language) for t in tongues]
    language = tag(
        "label", word(first, "language"), tag("select", *choices, id="language"), hidden=None if len(tongues) > 1 else ""
    )
    field = tag("label", word(first, "clinic"), _input(clinic))
    return tag(
        "dialog",
        word(first, "menu", "h2", id="more-title"),
        language,
        field,
        word(first, "kept_here", "p", class_="soft"),
        tag("p", button(first, "print", "print")),
        _lack(first, "no-voice", "no_voice"),
        word(first, "help", "h3"),
        word(first, "help_keys", "p"),
        word(first, "model_note", "p"),
        word(first, "not_medical_device", "p"),
        _close(first),
        id="more",
        aria_labelledby="more-title",
    )


def _input(clinic: str) -> Html:
    """The field of the clinic's name; what is written in it stays in the page."""
    return Html(f'<input type="text" id="clinic-name" value="{esc(clinic)}" maxlength="80" autocomplete="off"/>')


def _what(tongue: Tongue) -> Html:
    """The window that lists what is seen, for those who cannot tap it."""
    return tag(
        "dialog",
        word(tongue, "what_is_this", "h2", id="what-title"),
        tag("ul", id="things-list", class_="things"),
        _close(tongue),
        id="what",
        aria_labelledby="what-title",
    )


def _source(tongue: Tongue) -> Html:
    """The window of a passage's sources."""
    return tag(
        "dialog",
        word(tongue, "what_was_found", "h2", id="source-title"),
        tag("div", id="claims"),
        _close(tongue),
        id="source",
        aria_labelledby="source-title",
    )


def _close(tongue: Tongue) -> Html:
    return tag("p", tag("button", word(tongue, "close"), type="button", class_="main", data_close=""))
