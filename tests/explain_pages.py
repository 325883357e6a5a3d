"""The patient page in a real headless browser, its network off: what its tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from meshes.model import Anatomy
from meshes.terms import split_key
from scenarios.loader import load_scenario
from sim.explain.page import explain_page
from tests.browsers import browser_path

LANGUAGES = ("en", "de", "es")
BALLS = (
    "skin", "auricle", "cranium", "atlas", "axis", "trapezius", "splenius_capitis", "semispinalis_capitis", "brainstem",
    "spinal_cord", "obliquus_capitis_inferior", "occipital_artery", "vertebral_artery", "greater_occipital_nerve",
    "lesser_occipital_nerve",
    "c2_spinal_ganglion", "c2_nerve_roots", "spinal_nucleus_of_trigeminal_nerve", "trigeminal_nerve", "trigeminal_ganglion",
    "ophthalmic_nerve",
)  # fmt: skip
CLINIC = 'Praxis <b>"Nord"</b> & Söhne'
FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=gl-egl", "--ignore-gpu-blocklist", "--force-color-profile=srgb")
STRICTER = ("color-contrast-enhanced", "target-size")


@dataclass
class Opened:
    """A page in the browser, and what it complained of or asked for."""

    page: Any
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def run(self, script: str, *given: Any) -> Any:
        return self.page.evaluate(script, *given)

    def go(self, step: int) -> None:
        self.run(f"inionPage.go({step})")
        self.page.wait_for_timeout(60)

    @property
    def steps(self) -> int:
        return int(self.run("inionPage.data.steps.length"))

    def settle(self) -> None:
        """Put names and sides where the head is now."""
        self.run("inionPage.stage.place()")


def balls(anatomy: Anatomy, tiny: Anatomy) -> Anatomy:
    """Return an anatomy that is quick to draw: balls in place of the structures, with all landmarks."""
    landmarks, curves = dict(anatomy.landmarks) | dict(tiny.landmarks), dict(anatomy.curves) | dict(tiny.curves)
    kept = [s for s in tiny.structures.values() if split_key(s.key)[0] in BALLS]
    return Anatomy.of("ball", kept, landmarks, curves)


def grey_page(anatomy: Anatomy) -> str:
    """Return a page in three languages; its still pictures are plain grey."""
    from PIL import Image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.stills.render_picture", lambda _anatomy, picture: Image.new("RGB", (64, 56), "grey"))
        return explain_page(load_scenario("gon-block-landmark"), anatomy, languages=LANGUAGES, clinic=CLINIC)


@contextmanager
def launched() -> Iterator[Any]:
    """Run Chromium with the machine's own WebGL."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        shown = tool.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        try:
            yield shown
        finally:
            shown.close()


@contextmanager
def opened(browser: Any, file: Path, size: tuple[int, int] = (1024, 768), script: str = "", **more: Any) -> Iterator[Opened]:
    """Open the page with the network off; what it asks for is refused and noted."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **({"reduced_motion": "reduce"} | more))
    context.set_offline(True)
    held = Opened(context.new_page())

    def asked(route: Any) -> None:
        if route.request.url == file.as_uri():
            route.continue_()
        else:
            held.faults.append(f"asked for {route.request.url[:80]}")
            route.abort()

    context.route("**/*", asked)
    held.page.on("console", lambda m: held.faults.append(m.text) if m.type in ("error", "warning") else None)
    held.page.on("pageerror", lambda fault: held.faults.append(str(fault)))
    if script:
        held.page.add_init_script(script)
    try:
        held.page.goto(file.as_uri())
        held.page.wait_for_selector("html[data-ready]", state="attached", timeout=60000)
        held.seconds = held.run("performance.now() / 1000")
        yield held
        assert not held.faults
    finally:
        context.close()


def axe(held: Opened) -> list[str]:
    """What the accessibility audit finds, with the contrast of 7 to 1."""
    import axe_playwright_python

    if not held.run("typeof axe !== 'undefined'"):
        held.run((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8"))
    found = held.run(f"axe.run(document, {{ rules: {json.dumps({k: {'enabled': True} for k in STRICTER})} }})")
    return [f"{v['id']}: {n['target']} {n['failureSummary'][:160]}" for v in found["violations"] for n in v["nodes"]]
