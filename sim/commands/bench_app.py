"""`inion bench app`: the training app in a real headless browser: start, page ready, updates a second from input to pictures."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sim.commands.faults import BadInput

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SECONDS = 8
WAIT_MS = 300_000
# A hand that does not stop: an input every 8 ms, those that have to wait are joined, and every answer is shown. An update is a
# pair of pictures on the screen; the delay is from the input that asked for it.
DRIVE = """async ([seconds, kind]) => {
  const { act, ask } = await import('./__inion/page.js'), { waits, moments } = window.inion.stats;
  const look = (done) => (window.inion.waiting() ? setTimeout(look, 0, done) : done());
  await new Promise((done) => look(done));
  waits.length = moments.length = 0;
  const until = performance.now() + 1000 * seconds;
  for (let i = 0; performance.now() < until; i++) {
    const way = i % 120 < 60 ? 1 : -1;
    if (kind === 'probe') act('probe_slide', { along_mm: 0.2 * way });
    else if (kind === 'needle') act('needle_advance', { mm: 0.2 * way });
    else ask({ do: 'camera', azimuth_deg: way });
    await new Promise((done) => setTimeout(done, 8));
  }
  await new Promise((done) => look(done));
  return [moments.slice(1).map((m, i) => m - moments[i]), [...waits]];
}"""


def run(args: argparse.Namespace) -> int:
    """Start the real server, drive the real page, and print medians."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        raise BadInput("no Chromium is installed; install the package chromium.")
    with tempfile.TemporaryDirectory() as folder:
        rows = [_once(path, folder, SECONDS // 4 if args.quick else SECONDS) for _ in range(args.repeat)]
    answer = {key: round(statistics.median(row[key] for row in rows), 2) for key in rows[0]}
    if args.json:
        print(json.dumps(answer))
        return 0
    print(f"server answers after {answer['server_s']:.2f} s; page ready {answer['page_s']:.2f} s later")
    print(f"first attempt on the screen {answer['begin_s']:.2f} s after it is asked for")
    for kind in ("probe", "needle", "camera"):
        rate, delay, slow = (answer[f"{kind}_{name}"] for name in ("per_s", "delay_ms", "p90_ms"))
        print(f"{kind:<7} {rate:.1f} updates/s; delay {delay:.0f} ms, slowest tenth from {slow:.0f} ms")
    print(f"server's memory {answer['memory_mb']:.0f} MB")
    return 0


def _once(browser: str, folder: str, seconds: int) -> dict[str, float]:
    """One server and one page."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "sim", "serve", "--port", "0", "--records", str(Path(folder) / "bench.sqlite")]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout is not None
            address = program.stdout.readline().strip()
            row = {"server_s": time.perf_counter() - start}
            with sync_playwright() as tool:
                opened = tool.chromium.launch(executable_path=browser, args=list(FLAGS))
                row |= _page(opened, address, seconds)
                opened.close()
            row["memory_mb"] = _memory_mb(program.pid)
            return row
        finally:
            program.terminate()


def _page(browser: Any, address: str, seconds: int) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".home button[type=submit]", timeout=WAIT_MS)
    row = {"page_s": time.perf_counter() - start}
    page.wait_for_timeout(3000)
    start = time.perf_counter()
    page.click("button[type=submit]")
    page.wait_for_function("window.inion.state.phase === 'attempt' && !window.inion.waiting()", timeout=WAIT_MS)
    row["begin_s"] = time.perf_counter() - start
    page.click("text=Show me the place")
    page.wait_for_function("window.inion.scanShown && !window.inion.waiting()", timeout=WAIT_MS)
    for kind in ("probe", "needle", "camera"):
        if kind == "needle":
            page.keyboard.press("n")
            page.keyboard.press("w")
        page.evaluate(DRIVE, [1, kind])
        between, delays = page.evaluate(DRIVE, [seconds, kind])
        row |= {
            f"{kind}_per_s": 1000 / statistics.median(between), f"{kind}_delay_ms": statistics.median(delays),
            f"{kind}_p90_ms": statistics.quantiles(delays, n=10)[-1],
        }  # fmt: skip
    return row


def _memory_mb(pid: int) -> float:
    """Resident memory of a process, MB; NaN where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")), float("nan"))
