"""How long a report of 50,000 rows takes to write, to open and to search, and how large it is.

    python benchmarks/report.py --from alpaca_30k.json [--rows 50000]

Alpaca rows, repeated with a number where there are not enough. The selection and its scores are
made first; the report is then written by a process of its own, and opened in Chromium.
"""

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

from pools import written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written(folder / "rows.jsonl", json.loads(given.source.read_text("utf-8")), given.rows)
        for run, method in (("cover", "clean_cover"), ("mtld", "mtld")):
            tamis(folder, "select", "rows.jsonl", "--method", method, "--out", run)
        first = tamis(folder, "report", "cover", "mtld", "--out", "page.html")
        again = [
            tamis(folder, "report", "cover", "mtld", "--out", f"page{i}.html")
            for i in range(given.times)
        ]
        page = folder / "page.html"
        same = all(
            (folder / f"page{i}.html").read_bytes() == page.read_bytes() for i in range(given.times)
        )
        print(f"{given.rows:,} rows, two runs: written in {first:.1f} s the first time, then")
        print(f"{statistics.median(again):.1f} s (median of {given.times}); the same bytes: {same}")
        print(f"{page.stat().st_size / 1e6:.1f} MB")
        for name, seconds in opened(page, given.times).items():
            print(f"{name}: {seconds:.2f} s (median of {given.times})")


def tamis(folder: Path, *arguments: str) -> float:
    """Seconds of a command."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "tamis", *arguments, "--store", "scores"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def opened(page: Path, times: int) -> dict[str, float]:
    """Medians: until the page can be used, until a search of all texts is done."""
    from playwright.sync_api import sync_playwright

    ready, searched = [], []
    with sync_playwright() as play:
        for _ in range(times):
            browser = play.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            tab = browser.new_page()
            started = time.perf_counter()
            tab.goto(page.as_uri())
            tab.evaluate("window.tamis.ready")
            ready.append(time.perf_counter() - started)
            rows = tab.evaluate("window.tamis.rows")
            started = time.perf_counter()
            tab.fill("input[type=search]", "photosynthesis")
            while tab.evaluate("window.tamis.rows") == rows:  # the page's policy forbids waiting
                time.sleep(0.01)
            searched.append(time.perf_counter() - started)
            browser.close()
    return {
        "until it can be used": statistics.median(ready),
        "a search through all texts": statistics.median(searched),
    }


if __name__ == "__main__":
    main()
