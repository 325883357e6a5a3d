"""A real headless browser before the real program, for the tests of the app."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str:
    """Return where Chromium is, or skip the test."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


@contextmanager
def serving(folder: Path, *more: str) -> Iterator[str]:
    """Run `inion serve` with records in a folder; yield its address."""
    command = [sys.executable, "-m", "sim", "serve", "--port", "0", "--records", str(folder / "r.sqlite"), *more]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout is not None
            yield program.stdout.readline().strip()
        finally:
            program.terminate()
            try:
                program.wait(15)
            except subprocess.TimeoutExpired:
                program.kill()


class Page:
    """A page of the browser that remembers what its console complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        page.on("requestfailed", lambda r: self.complaints.append(f"failed: {r.url}") if "/debrief/" not in r.url else None)

    def until(self, expression: str, timeout_s: float = 240) -> None:
        """Wait until an expression of the page is true."""
        self.page.wait_for_function(expression, timeout=timeout_s * 1000)

    def settled(self) -> None:
        """Wait until every request is answered."""
        self.page.wait_for_timeout(60)
        self.until("!window.inion.waiting()")

    def pixels(self, canvas: str) -> list[int]:
        """Return a coarse copy (32 x 32 greys) of a canvas."""
        return self.page.evaluate(
            """(id) => { const from = document.getElementById(id), to = document.createElement('canvas');
            to.width = to.height = 32;
            const c = to.getContext('2d'); c.drawImage(from, 0, 0, 32, 32); const d = c.getImageData(0, 0, 32, 32).data;
            return Array.from({ length: 1024 }, (_, i) => d[4 * i]); }""",
            canvas,
        )


@contextmanager
def browsing(width: int = 1280, height: int = 720, **more: Any) -> Iterator[Page]:
    """Open a page of the given size in headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        try:
            yield Page(browser.new_page(viewport={"width": width, "height": height}, **more))
        finally:
            browser.close()
