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
MOVES = 200
WAIT_MS = 300_000
# Each input leaves when the pictures of the one before it are on the screen, so that the rate is that of whole updates.
DRIVE = """async ([moves, kind]) => {
  const { act, ask } = await import('./__inion/page.js'), times = [];
  const look = (done) => (window.inion.waiting() ? setTimeout(look, 0, done) : done());
  const idle = () => new Promise((done) => setTimeout(look, 0, done));
  await idle();
  for (let i = 0; i < moves; i++) {
    const start = performance.now();
    if (kind === 'probe') act('probe_slide', { along_mm: i % 2 ? 1 : -1 });
    else if (kind === 'needle') act('needle_advance', { mm: i % 2 ? -1 : 1 });
    else ask({ do: 'camera', azimuth_deg: i % 40 < 20 ? 2 : -2 });
    await idle();
    times.push(performance.now() - start);
  }
  return times;
}"""


def run(args: argparse.Namespace) -> int:
    """Start the real server, drive the real page, and print medians."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        raise BadInput("no Chromium is installed; install the package chromium.")
    with tempfile.TemporaryDirectory() as folder:
        rows = [_once(path, folder, MOVES // 4 if args.quick else MOVES) for _ in range(args.repeat)]
    answer = {key: round(statistics.median(row[key] for row in rows), 2) for key in rows[0]}
    if args.json:
        print(json.dumps(answer))
        return 0
    print(f"server answers after {answer['server_s']:.2f} s; page ready {answer['page_s']:.2f} s later")
    print(f"first attempt on the screen {answer['begin_s']:.2f} s after it is asked for")
    for kind in ("probe", "needle", "camera"):
        rate, middle, slow = (answer[f"{kind}_{name}"] for name in ("per_s", "ms", "p90_ms"))
        print(f"{kind:<7} {rate:.1f} updates/s (median {middle:.1f} ms, slowest tenth from {slow:.1f} ms)")
    print(f"server's memory {answer['memory_mb']:.0f} MB")
    return 0


def _once(browser: str, folder: str, moves: int) -> dict[str, float]:
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
                row |= _page(opened, address, moves)
                opened.close()
            row["memory_mb"] = _memory_mb(program.pid)
            return row
        finally:
            program.terminate()


def _page(browser: Any, address: str, moves: int) -> dict[str, float]:
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
        page.evaluate(DRIVE, [moves // 10, kind])
        times = page.evaluate(DRIVE, [moves, kind])
        middle = statistics.median(times)
        row |= {f"{kind}_ms": middle, f"{kind}_per_s": 1000 / middle, f"{kind}_p90_ms": statistics.quantiles(times, n=10)[-1]}
    return row


def _memory_mb(pid: int) -> float:
    """Resident memory of a process, MB; NaN where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")), float("nan"))
