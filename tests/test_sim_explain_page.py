"""The patient page in a real headless browser without a network: how it is used, and that it is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from meshes.model import Anatomy
from scenarios.explain_texts import Dots, load_texts
from scenarios.loader import list_scenarios, load_scenario
from sim.explain.page import explain_page
from sim.explain.page_parts import icons
from sim.explain.page_plan import plan
from sim.explain.page_side import page_procedure, page_side, with_side, with_sites
from tests.explain_pages import CLINIC, Opened, axe, balls, grey_page, launched, opened

MOST_BYTES, SLOWEST_S = 12e6, 20.0
VOICES = """window.said = []; window.SpeechSynthesisUtterance = function (text) { this.text = text; };
Object.defineProperty(window, 'speechSynthesis', { value: { getVoices: () => VOICES, addEventListener() {},
cancel() { said.push('stop'); }, speak(u) { said.push([u.lang, u.voice.name, u.text]); } } });"""
LOCAL = [
    {"name": "far", "lang": "de-DE", "localService": False}, {"name": "here", "lang": "de-DE", "localService": True},
    {"name": "own", "lang": "en-GB", "localService": True},
]  # fmt: skip
POINTED = """(() => { const s = inionPage.stage, v = s.viewer;
return s.step.names.map((n) => [n.key, v.pick(...v.project(n.at))]); })()"""
FOCUSED = """(() => { const e = document.activeElement; window.order ??= new Map();
if (!order.has(e)) order.set(e, order.size); return e.matches('button, select, input, canvas') ? order.get(e) : -1; })()"""
HANDS = """(points) => { const v = inionPage.stage.viewer, x = (p) => v.project(p)[0];
const el = (id) => document.getElementById(id);
return { gap: x(points.right) - x(points.left), depth: x(points.front) - x(points.back),
left: el('hand-left').textContent, right: el('hand-right').textContent }; }"""


@pytest.fixture(scope="module")
def ball(anatomy: Anatomy, tiny_anatomy: Anatomy) -> Anatomy:
    return balls(anatomy, tiny_anatomy)


@pytest.fixture(scope="module")
def html(ball: Anatomy) -> str:
    return grey_page(ball)


@pytest.fixture(scope="module")
def file(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(html, "utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as shown:
        yield shown


@pytest.fixture(scope="module")
def page(browser: Any, file: Path) -> Iterator[Opened]:
    """One opened page for tests that only look, or put back what they change."""
    with opened(browser, file) as held:
        yield held


# --- the file


def test_the_file_holds_everything_and_forbids_connections(html: str) -> None:
    policy = unescape(html[html.index("Content-Security-Policy") :][:600])
    assert "default-src 'none'" in policy and "connect-src 'none'" in policy and "unsafe-inline" not in policy
    assert len(html.encode()) < MOST_BYTES
    own = html[html.rindex("<script>") :] + html[: html.index('id="data"')]
    assert "http://" not in own.replace("http://www.w3.org/2000/svg", "") and "https://" not in own and "src=" not in own


def test_a_name_cannot_break_out(html: str, page: Opened) -> None:
    assert "<b>" not in html[: html.index('id="data"')]
    assert page.run("document.getElementById('clinic').textContent") == CLINIC


def test_it_opens_without_a_network_and_without_complaint(page: Opened) -> None:
    assert page.run("document.documentElement.dataset.ready") == "head"
    assert page.seconds < SLOWEST_S
    assert not page.faults


# --- use


def test_every_step_by_keyboard(browser: Any, file: Path) -> None:
    with opened(browser, file) as held:
        seen = []
        for step in range(held.steps):
            assert held.run("inionPage.at()") == step
            shown = held.run("[...document.querySelectorAll('.step')].filter((e) => e.offsetParent).map((e) => e.dataset.step)")
            assert len(shown) == 1
            seen += shown
            held.page.keyboard.press("PageDown" if step % 2 else "n")
        assert held.run("document.getElementById('told').textContent").startswith(f"Step {held.steps} of {held.steps}: ")
        held.page.keyboard.press("b")
        held.page.keyboard.press("PageUp")
        assert held.run("inionPage.at()") == held.steps - 3
        assert seen[0] == "welcome" and seen[-1] == "more" and {"nerve", "pain", "why", "place", "needle", "risks"} <= set(seen)


@pytest.mark.slow
def test_every_control_is_reached_by_tab(browser: Any, file: Path) -> None:
    with opened(browser, file) as held:
        held.go(2)
        wanted = held.run("[...document.querySelectorAll('button, select, input, canvas')].filter((e) => e.offsetParent).length")
        reached = set()
        for _ in range(3 * wanted):
            held.page.keyboard.press("Tab")
            reached.add(held.run(FOCUSED))
        assert len(reached - {-1}) == wanted


def test_arrows_turn_the_head_and_home_puts_it_back(page: Opened) -> None:
    page.go(1)
    before = page.run("inionPage.stage.viewer.camera().azimuth_deg")
    page.page.keyboard.press("ArrowRight")
    after = page.run("inionPage.stage.viewer.camera().azimuth_deg")
    page.page.keyboard.press("0")
    page.page.wait_for_timeout(100)
    assert abs((after - before + 180) % 360 - 180) == pytest.approx(15, abs=0.5)
    assert page.run("inionPage.stage.viewer.camera().azimuth_deg") == pytest.approx(before, abs=0.5)


def test_a_structure_tells_its_name_by_tap_and_by_list(page: Opened) -> None:
    page.go(1)
    text = load_texts("en").structures["greater_occipital_nerve"]
    page.run("inionPage.stage.onpick('greater_occipital_nerve_right')")
    assert page.run("document.getElementById('card').innerText").split("\n")[0] == f"{text.name} (Right)"
    assert text.about in page.run("document.getElementById('told').textContent")
    page.page.keyboard.press("Escape")
    assert page.run("document.getElementById('card').hidden")
    page.page.click("#things")
    page.page.click(f"#things-list button:has-text('{text.name}')")
    assert text.about in page.run("document.getElementById('card-about').textContent")
    page.page.click("#card-close")


def test_every_passage_shows_its_sources(page: Opened) -> None:
    buttons = page.run("[...document.querySelectorAll('.tongue[lang=en] .source')].map((e) => [e.dataset.claims, e.textContent])")
    claims = page.run("inionPage.data.claims.en")
    assert len(buttons) > 20 and all(key in claims for keys, _ in buttons for key in keys.split())
    step = page.run("inionPage.data.steps.findIndex((s) => s.id === 'benefits')")
    page.go(step)
    page.page.click(".tongue[lang=en] .step.now .source")
    shown = page.run("document.getElementById('source').innerText")
    first = claims[page.run("document.querySelector('.tongue[lang=en] .step.now .source').dataset.claims").split()[0]]
    assert first["statement"] in shown and all(source in shown for source in first["sources"])
    assert load_texts("en").ui[first["evidence"]] in shown
    page.page.keyboard.press("Escape")


def test_a_condition_is_chosen_and_painted(page: Opened) -> None:
    step = page.run("inionPage.data.steps.findIndex((s) => s.id === 'pain')")
    page.go(step)
    page.page.click("[data-condition=cluster-headache] >> visible=true")
    shown = page.run(
        "[...document.querySelectorAll('.tongue[lang=en] [data-of]')].filter((e) => e.offsetParent).map((e) => e.dataset.of)"
    )
    assert shown == ["cluster-headache"]
    assert page.run("inionPage.stage.step.paint.every((p) => p.name.startsWith('cluster') && p.side === 'right')")
    assert page.run("inionPage.stage.step.paint.length") >= 1


def test_reading_aloud_speaks_the_language_with_a_voice_of_the_device(browser: Any, file: Path) -> None:
    with opened(browser, file, script=VOICES.replace("VOICES", json.dumps(LOCAL))) as held:
        held.page.click(".step.now .say >> visible=true")
        english = [row for row in held.run("said") if row != "stop"]
        assert {row[0] for row in english} == {"en-GB"} and {row[1] for row in english} == {"own"}
        held.page.click("#menu")
        held.page.select_option("#language", "de")
        held.page.keyboard.press("Escape")
        held.run("said.length = 0")
        held.go(1)
        held.page.click(".step.now .say >> visible=true")
        german = [row for row in held.run("said") if row != "stop"]
        assert {tuple(row[:2]) for row in german} == {("de-DE", "here")}
        assert german[0][2] == load_texts("de").procedures["gon-block-landmark"].steps[0].title


def test_without_a_voice_the_button_is_away_and_the_page_says_why(browser: Any, file: Path) -> None:
    far = [{"name": "far", "lang": "en-GB", "localService": False}]
    with opened(browser, file, script=VOICES.replace("VOICES", json.dumps(far))) as held:
        assert not held.page.locator(".say >> visible=true").count()
        assert not held.page.locator("#no-voice").is_visible()  # told once, in the menu
        held.page.click("#menu")
        assert held.page.locator("#no-voice").inner_text() == load_texts("en").ui["no_voice"]


def test_the_audit_of_a_step_finds_nothing(page: Opened) -> None:
    page.go(page.run("inionPage.data.steps.findIndex((s) => s.id === 'pain')"))
    assert axe(page) == []


# --- what is true


def sides_are_true(held: Opened, anatomy: Anatomy, short: bool = False) -> bool:
    points = {side: list(anatomy.landmark(f"tragus_{side}")) for side in ("left", "right")}
    points |= {"front": list(anatomy.landmark("nasion")), "back": list(anatomy.landmark("inion"))}
    own = {"left": "L · Left", "right": "R · Right"} if short else {"left": "L · Patient's left", "right": "R · Patient's right"}
    told = []
    for step in range(0, held.steps, 2):
        held.go(step)
        for turn in (0, 100, 100):
            held.run(f"inionPage.stage.turn({turn}, 0)")
            held.settle()
            seen = held.run(HANDS, points)
            shown = seen["left"], seen["right"]
            if set(shown) == {"Front", "Back"}:  # from the side
                told.append(shown == (("Back", "Front") if seen["depth"] > 0 else ("Front", "Back")))
                continue
            first, second = ("left", "right") if seen["gap"] > 0 else ("right", "left")
            told.append(shown == (own[first], own[second]))
    assert len(told) > 5
    return all(told)


def test_left_and_right_are_true_from_everywhere(browser: Any, file: Path, ball: Anatomy) -> None:
    with opened(browser, file) as held:
        assert sides_are_true(held, ball)
        held.page.set_viewport_size({"width": 390, "height": 844})  # short words: neither may be the button's 'Back'
        held.page.wait_for_timeout(100)
        assert sides_are_true(held, ball, short=True)
        swapped = "v.sides = () => { const s = was(); return { ...s, left: s.right, right: s.left }; }"
        held.run(f"() => {{ const v = inionPage.stage.viewer, was = v.sides.bind(v); {swapped}; }}")
        assert not sides_are_true(held, ball, short=True)


def test_the_head_line_names_the_side_of_the_pictures(ball: Anatomy, browser: Any, file: Path, page: Opened) -> None:
    assert page.run("document.getElementById('badge').textContent") == "Your side: Right"
    entry = page.run("inionPage.data.info.needle.entry_mm[0]")
    assert entry > 0 and page.run("inionPage.data.info.side") == "right"


def test_the_other_side_is_mirrored_and_back_again() -> None:
    for name in list_scenarios():
        scenario = load_scenario(name)
        if page_side(scenario) == "both":
            continue
        other = {"left": "right", "right": "left"}[page_side(scenario)]
        turned = with_side(scenario, other)
        assert page_side(turned) == other
        assert with_side(turned, page_side(scenario)).model_dump() == scenario.model_dump()
        assert turned.anatomy == scenario.anatomy


def test_sides_that_disagree_and_unknown_sites_are_refused(ball: Anatomy) -> None:
    from scenarios.sites import Ground

    with pytest.raises(ValueError, match="both sides"):
        with_side(load_scenario("preempt-31"), "left")
    with pytest.raises(ValueError, match="not known"):
        with_side(load_scenario("gon-block-c2"), "up")
    with pytest.raises(ValueError, match="medial_third_right"):
        with_sites(load_scenario("gon-block-landmark"), ["medial_thrid_right"], Ground(ball))
    chosen = with_sites(load_scenario("gon-block-landmark"), ["medial_third_right"], Ground(ball))
    assert chosen.procedure is not None and chosen.procedure.sites == ("medial_third_right",)


def test_dots_are_as_many_as_were_counted() -> None:
    drawn = icons(Dots("with dummy", 2.5, 13))
    assert drawn.count("<circle") == 13 and drawn.count('class="yes"') == 3 and drawn.count('class="no"') == 11
    assert icons(Dots("none", 0, 10)).count('class="yes"') == 0


# --- the true model


@pytest.fixture(scope="module")
def true_page(anatomy: Anatomy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the shipped head with its still pictures."""
    path = tmp_path_factory.mktemp("true") / "page.html"
    path.write_text(explain_page(load_scenario("gon-block-c2"), anatomy, languages=("en", "de")), "utf-8")
    return path


@pytest.mark.slow
@pytest.mark.image
def test_the_shipped_head_is_explained_with_ultrasound(browser: Any, true_page: Path) -> None:
    assert true_page.stat().st_size < MOST_BYTES
    with opened(browser, true_page) as held:
        assert held.seconds < SLOWEST_S
        held.go(held.run("inionPage.data.steps.findIndex((s) => s.id === 'ultrasound')"))
        scan = held.page.locator(".step.now .scan svg >> visible=true")
        assert scan.count() == 1
        assert load_texts("en").structures["greater_occipital_nerve"].name in scan.get_attribute("aria-label")
        assert len(scan.screenshot()) > 50_000


@pytest.mark.slow
@pytest.mark.image
def test_a_name_points_to_its_thing_in_the_head(browser: Any, true_page: Path) -> None:
    with opened(browser, true_page) as held:
        named = 0
        for step in range(held.steps):
            held.go(step)
            held.page.wait_for_timeout(400)
            for key, hit in held.run(POINTED):
                assert hit == key, (step, key, hit)
                named += 1
        assert named >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in list_scenarios() if page_procedure(load_scenario(n)) is not None][::4])
def test_procedures_of_all_kinds_can_be_explained(name: str, anatomy: Anatomy, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.setattr("sim.stills.render_picture", lambda _anatomy, picture: Image.new("RGB", (64, 56), "grey"))
    html = explain_page(load_scenario(name), anatomy, languages=("en",))
    assert html.count('class="step"') >= 10 and len(html.encode()) < MOST_BYTES


def test_a_scenario_without_anything_to_tell_is_refused(ball: Anatomy) -> None:
    with pytest.raises(ValueError, match="nothing to explain"):
        explain_page(load_scenario("layers"), ball)


def test_a_plan_without_known_places_shows_no_nerve_as_the_place() -> None:
    texts = load_texts("en")
    views = ("start", "nerve", "feel", "convergence")
    steps = {step.id: step for step in plan(texts, "preempt-31", ("chronic-migraine",), views)}
    assert {steps[name].view for name in ("place", "needle", "after")} == {"start"}
    assert steps["nerve"].view == "nerve" and steps["why"].view == "convergence"


def test_an_area_is_painted_as_numb_only_by_a_block() -> None:
    texts, views = load_texts("en"), ("start", "nerve", "feel", "convergence")
    focus = {name: next(s.focus for s in plan(texts, name, (), views) if s.id == "feel") for name in ("gon-block-c2", "prp-gon")}
    assert focus == {"gon-block-c2": "greater_occipital_nerve", "prp-gon": ""}
