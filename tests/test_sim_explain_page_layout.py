"""The patient page in a real headless browser: its languages, its look on any size of screen and on paper, and who can use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshes.model import Anatomy
from scenarios.explain_texts import load_texts
from tests.explain_pages import LANGUAGES, Opened, axe, balls, grey_page, launched, opened

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent
SIZES = ((768, 1024), (1024, 768), (1280, 720), (390, 844))
CLASHES = """() => { const shown = (e) => getComputedStyle(e).visibility !== 'hidden' && e.offsetParent && e.textContent;
const all = [...document.querySelectorAll('#view .tag, #view .hand, #view .seen')].filter(shown), out = [];
const view = document.getElementById('view').getBoundingClientRect();
for (const a of all) { const p = a.getBoundingClientRect();
if (p.left < view.left - 1 || p.right > view.right + 1 || p.top < view.top - 1 || p.bottom > view.bottom + 1)
  out.push('cut off: ' + a.textContent);
for (const b of all) if (a !== b) { const q = b.getBoundingClientRect();
if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1)
  out.push(a.textContent + ' / ' + b.textContent); } }
return out; }"""


WIDE = """document.documentElement.scrollWidth <= innerWidth
&& document.getElementById('words').scrollWidth <= document.getElementById('words').clientWidth + 1"""
HEIGHTS = """Math.min(...[...document.querySelectorAll('button')].filter((e) => e.offsetParent && !e.closest('.dots, .words'))
.map((e) => e.getBoundingClientRect().height))"""
LETTERS = """Math.min(...[...document.querySelectorAll('.step.now p, .step.now li')]
.map((e) => parseFloat(getComputedStyle(e).fontSize)))"""


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


# --- languages


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_lies_in_another_language(page: Opened, language: str) -> None:
    page.page.select_option("#language", language, force=True)
    assert page.run("document.documentElement.lang") == language
    own, english = load_texts(language).ui, load_texts("en").ui
    foreign = {text for key, text in english.items() if own[key] != text} - set(own.values())
    for step in range(page.steps):
        page.go(step)
        words = page.run(
            "[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('[lang=en]'))"
            ".flatMap((e) => [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim())).filter(Boolean)"
        )
        labels = page.run(
            "[...document.querySelectorAll('[aria-label]')].filter((e) => e.checkVisibility()).map((e) => e.ariaLabel)"
        )
        assert "undefined" not in " ".join(words + labels)
        if language != "en":
            assert not foreign & set(words + labels)
    page.page.select_option("#language", "en", force=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_audit_of_every_step_finds_nothing(page: Opened, language: str) -> None:
    page.page.select_option("#language", language, force=True)
    for step in range(page.steps):
        page.go(step)
        assert axe(page) == []
    for window in ("what", "source", "more"):
        page.run(f"document.getElementById('{window}').showModal()")
        assert axe(page) == []
        page.run(f"document.getElementById('{window}').close()")
    page.page.select_option("#language", "en", force=True)


# --- sizes, paper, lesser devices


@pytest.mark.parametrize("size", SIZES)
def test_no_step_overlaps_or_is_cut_off(browser: Any, file: Path, size: tuple[int, int]) -> None:
    fits(browser, file, size, LANGUAGES, range(13))


def fits(browser: Any, file: Path, size: tuple[int, int], languages: tuple[str, ...], steps: range) -> None:
    """Fail if anything is cut off, too small or over something else, in any of the languages and steps."""
    faults = (ROOT / "faults_of_layout.js").read_text("utf-8")
    with opened(browser, file, size) as held:
        for language in languages or ("en",):
            held.page.select_option("#language", language, force=True)
            for step in steps:
                held.go(step)
                held.settle()
                assert held.run(f"({faults})()") == [], (language, step)
                assert held.run(CLASHES) == [], (language, step)
                assert held.run(WIDE), (language, step)
        assert held.run(HEIGHTS) >= 48 and held.run(LETTERS) >= 16


def test_larger_letters_stay_on_the_page(browser: Any, file: Path) -> None:
    with opened(browser, file, (768, 1024)) as held:
        held.page.click("#larger")
        held.page.click("#larger")
        assert held.run("getComputedStyle(document.querySelector('.step.now p')).fontSize") == "28px"
        assert held.run("document.documentElement.scrollWidth <= innerWidth")


def test_on_paper_every_step_stands_with_its_picture(browser: Any, file: Path) -> None:
    with opened(browser, file) as held:
        held.page.emulate_media(media="print")
        steps = held.run("[...document.querySelectorAll('.tongue[lang=en] .step')].map((e) => e.checkVisibility())")
        assert len(steps) == held.steps and all(steps)
        assert not held.page.locator(".stage, .steps, .tools, .tongue[lang=de], .source").filter(visible=True).count()
        shots = held.run("[...document.querySelectorAll('.tongue[lang=en] .shot')].filter((e) => e.checkVisibility()).length")
        assert shots >= 6
        assert held.page.locator(".tongue[lang=en] .sources li").first.is_visible()
        assert len(held.page.pdf(prefer_css_page_size=True)) > 30_000


def test_without_webgl_still_pictures_stand_with_the_words(browser: Any, file: Path) -> None:
    script = "HTMLCanvasElement.prototype.getContext = () => null;"
    with opened(browser, file, script=script) as held:
        assert held.run("document.documentElement.dataset.ready") == "flat"
        assert held.page.locator("#no-webgl").inner_text() == load_texts("en").ui["no_3d"]
        held.go(1)
        assert held.page.locator(".step.now .shot >> visible=true").count() == 1
        assert not held.page.locator("#head").is_visible()


def test_motion_runs_once_or_not_at_all(browser: Any, file: Path, page: Opened) -> None:
    step = page.run("inionPage.data.steps.findIndex((s) => s.pulse)")
    page.go(step)
    assert not page.page.locator("#play").is_visible()
    assert page.run("document.querySelectorAll('.station').length") == 3
    with opened(browser, file, reduced_motion="no-preference") as held:
        held.go(step)
        held.page.wait_for_timeout(300)
        assert held.page.locator("#play").inner_text() == load_texts("en").ui["pause"]
        held.page.click("#play")
        assert held.page.locator("#play").inner_text() == load_texts("en").ui["play"]
        assert held.run("inionPage.stage.playing") is None
