"""The patient page: one HTML file that opens on any tablet without a network, and shows and tells a procedure in steps."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from meshes.model import Anatomy
from scenarios.model import Scenario
from scenarios.sites import Ground as Skin
from sim.debrief.html import Html, esc, joined, tag
from sim.explain.page_articles import Told, tongue_block
from sim.explain.page_frame import frame
from sim.explain.page_parts import Tongue, citation, evidence_key, source_rows, texts_of
from sim.explain.page_pictures import SHARPER, Shot, shot_figure, store, words_seen
from sim.explain.page_plan import PageStep, plan
from sim.explain.page_scan import Scan, scan_figure, scan_of, shots_with
from sim.explain.page_side import page_condition, page_places, page_procedure, page_side
from sim.explain.page_views import Ground, browser_step, pain_maps, shots_of

if TYPE_CHECKING:
    from scenarios.explain_texts import Texts
    from sim.explain.model import PatientModel

SCRIPTS = ("page_stage.js", "page_voice.js", "page.js")


@dataclass(frozen=True, eq=False)
class Made:
    """What a page is written from, in all its languages.

    Parameters
    ----------
    scenario : Scenario
    ground : Ground
    model : PatientModel
    steps : tuple of PageStep
    conditions : tuple of str
        The patient's first.
    shots : mapping of str to Shot
    scan : Scan or None
    sites : tuple of (str, str, int)
        Muscle, side and number of the places.
    """

    scenario: Scenario
    ground: Ground
    model: PatientModel
    steps: tuple[PageStep, ...]
    conditions: tuple[str, ...]
    shots: Mapping[str, Shot]
    scan: Scan | None
    sites: tuple[tuple[str, str, int], ...]


def explain_page(
    scenario: Scenario,
    anatomy: Anatomy,
    *,
    languages: Sequence[str] = ("en",),
    clinic: str = "",
    sharper: float = SHARPER,
    tell: Callable[[str], None] = lambda text: None,
) -> str:
    """Return the patient page of a scenario.

    Parameters
    ----------
    scenario : Scenario
        With a procedure, or a table `[page]`; already of the patient's side (`sim.explain.page_side`).
    anatomy : Anatomy
        With a skin.
    languages : sequence of str
        At least one of `scenarios.explain_texts.languages()`; the first is shown first.
    clinic : str
        Name of the clinic.
    sharper : float
        Pixels of the still pictures for each of their units.
    tell : callable
        Called with what is done next.

    Returns
    -------
    str
        A whole HTML file that asks for nothing outside itself.

    Raises
    ------
    ScenarioError
        If the scenario names what the anatomy lacks.
    ValueError
        If a language is not known, the scenario tells of nothing, or its sides disagree.
    """
    from scenarios.explain_texts import load_texts

    texts = [texts_of(load_texts(language), anatomy) for language in dict.fromkeys(languages)]
    if not texts:
        raise ValueError("no language is given; name at least one.")
    made = _made(scenario, anatomy, texts[0], sharper, tell)
    told = [_told(made, t) for t in texts]
    tell("page")
    parts = [
        frame([t.tongue for t in told], clinic, _head(made, texts[0]), made.ground.side, len(made.steps)),
        store(shots_with(list(made.shots.values()), made.scan)),
    ]
    blocks = joined(tongue_block(t, made.steps) for t in told)
    return _file(joined(parts).replace("<!--words-->", blocks), _data(made, told, clinic), made, texts[0])


def _made(scenario: Scenario, anatomy: Anatomy, texts: Texts, sharper: float, tell: Callable[[str], None]) -> Made:
    """Everything that does not depend on the language."""
    from sim.explain.model import patient_model
    from sim.explain.model_tools import aim_of, picture_of

    procedure, condition, side = page_procedure(scenario), page_condition(scenario), page_side(scenario)
    if procedure is None and condition is None:
        raise ValueError(f"{scenario.name!r} has neither a procedure nor a table [page]; there is nothing to explain.")
    tell("model")
    model = patient_model(anatomy, scenario, side=None if side == "both" else side)
    places = page_places(scenario, Skin(anatomy))
    muscles = tuple(dict.fromkeys(base for base, _, _ in places if base in texts.structures))
    aim = aim_of(scenario, anatomy, side)
    ground = Ground(anatomy, model.info, picture_of(scenario, anatomy, None), texts, side, muscles, aim)
    conditions = (*([condition] if condition else []), *(c for c in texts.conditions if c != condition))
    steps = plan(texts, procedure, conditions, list(model.info["cameras"]))
    tell("ultrasound")
    scan = scan_of(anatomy, ground.picture) if any(step.id == "ultrasound" for step in steps) else None
    tell("pictures")
    return Made(scenario, ground, model, steps, conditions, shots_of(ground, steps, conditions, sharper), scan,
                tuple(places))  # fmt: skip


def _told(made: Made, texts: Texts) -> Told:
    """The words and pictures of one language."""
    from scenarios.explain_texts import claims

    procedure = page_procedure(made.scenario)
    known = claims(texts.language)
    used = [key for key in _claims_of(texts, procedure, made) if key in known]
    numbers, sources = source_rows((key, known[key].sources) for key in used)
    tongue = Tongue(texts, numbers)
    return Told(
        tongue, procedure, made.conditions, made.ground.side, made.sites, tuple(sources), {key: known[key] for key in used},
        own=page_condition(made.scenario) is not None, colours={c: _colours(made, c) for c in made.conditions},
        credit=made.model.info["attribution"],
        shots={name: shot_figure(tongue, shot) for name, shot in made.shots.items()},
        seen={name: words_seen(tongue, shot) for name, shot in made.shots.items()},
        scan=Html("") if made.scan is None else scan_figure(tongue, made.scan),
    )  # fmt: skip


def _colours(made: Made, condition: str) -> tuple[str, ...]:
    """The colours of a condition's painted regions, each once."""
    maps = pain_maps(made.ground, condition)
    return tuple(dict.fromkeys(str(made.model.info["maps"][m]["colour"]) for m in maps))


def _claims_of(texts: Texts, procedure: str | None, made: Made) -> list[str]:
    """Every claim that the page rests on, in the order in which it is told."""
    rows: list[Any] = []
    if procedure is not None:
        p = texts.procedures[procedure]
        rows += [*([p.investigational] if p.investigational else []), *p.steps, *texts.convergence, *p.expect, *p.benefits]
        rows += [*p.risks, *p.alternatives, *p.prepare, *p.after, *p.call_us]
    else:
        rows += texts.convergence
    for name in made.conditions:
        rows += [*texts.conditions[name].summary, texts.conditions[name].felt]
    return list(dict.fromkeys(claim for row in (*rows, *texts.questions) for claim in row.claims))


def _title(made: Made, texts: Texts) -> str:
    procedure = page_procedure(made.scenario)
    return texts.procedures[procedure].name if procedure else texts.conditions[made.conditions[0]].name


def _head(made: Made, texts: Texts) -> str:
    """The few words of the head line."""
    procedure = page_procedure(made.scenario)
    return texts.procedures[procedure].short if procedure else texts.ui["about_condition"]


def _data(made: Made, told: Sequence[Told], clinic: str) -> dict[str, Any]:
    """What the scripts need, for JSON."""
    by = {t.tongue.texts.language: t for t in told}
    info = {k: v for k, v in made.model.info.items() if k != "cameras"}
    return {
        "languages": list(by), "ui": {k: dict(t.tongue.texts.ui) for k, t in by.items()},
        "structures": {k: {n: {"name": s.name, "about": s.about} for n, s in t.tongue.texts.structures.items()}
                       for k, t in by.items()},
        "names": {k: _head(made, t.tongue.texts) for k, t in by.items()},
        "titles": {k: _title(made, t.tongue.texts) for k, t in by.items()},
        "claims": {k: _claims(t) for k, t in by.items()}, "condition": made.conditions[0],
        "steps": [browser_step(made.ground, step, made.conditions) for step in made.steps],
        "info": info | {"cameras": {}}, "side": made.ground.side, "clinic": clinic,
    }  # fmt: skip


def _claims(told: Told) -> dict[str, Any]:
    """The claims of one language with their sources, as the page's window shows them."""
    return {
        key: {"statement": c.statement, "evidence": evidence_key(c.evidence), "sources": [citation(s) for s in c.sources]}
        for key, c in told.claims.items()
    }


def _file(body: str, data: Mapping[str, Any], made: Made, texts: Texts) -> str:
    """The whole file: words first, so that they are there while the head still loads."""
    from sim.explain.model import three_js, viewer_js

    folder = files("sim.explain")
    style = folder.joinpath("page.css").read_text("utf-8")
    own = "\n".join(folder.joinpath(name).read_text("utf-8") for name in SCRIPTS)
    scripts = [three_js(), viewer_js(), f"(() => {{\n'use strict';\n{own}\n}})();"]
    told = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    glb = base64.b64encode(made.model.glb).decode("ascii")
    held = [f'<script type="application/json" id="data">{told}</script>', f'<script type="text/plain" id="model">{glb}</script>']
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts, style)),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("meta", name_="color-scheme", content="light"),
        tag("title", esc(_title(made, texts))),
        Html(f"<style>{style}</style>"),
    ]
    tail = [*held, *(f"<script>{text}</script>" for text in scripts)]
    return (f'<!DOCTYPE html>\n<html lang="{texts.language}">\n<head>{"".join(head)}</head>\n<body>\n{body}\n'
            + "\n".join(tail) + "\n</body>\n</html>\n")  # fmt: skip


def _policy(scripts: Sequence[str], style: str) -> str:
    """A policy under which the page runs its own scripts and opens no connection."""
    hashes = " ".join(_hash(text) for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; img-src data: blob:; connect-src 'none'; "
        "form-action 'none'; base-uri 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
