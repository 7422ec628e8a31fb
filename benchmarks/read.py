"""Reading a large file: rows per second and peak memory, against json.load into a list.

    python benchmarks/read.py [--rows 1000000] [--from ALPACA.json] [--folder DIR]

Writes the file from real or made-up Alpaca rows with edits, about 1 KB a row, as JSON lines and as
an array. Each reading runs in a process of its own; peak memory counts mapped pages too.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PADDING = " The next sentence only makes the row as long as an answer of today."


def seeds(path: Path | None) -> list[dict[str, str]]:
    if path is not None:
        return json.loads(path.read_text("utf-8"))
    return [
        {
            "instruction": f"Name {i} things.",
            "input": "",
            "output": "One. " * (i % 90),
        }
        for i in range(1000)
    ]


def make(folder: Path, rows: int, source: Path | None) -> tuple[Path, Path]:
    known = seeds(source)
    lines, array = folder / "rows.jsonl", folder / "rows.json"
    with lines.open("w", encoding="utf-8") as one, array.open("w", encoding="utf-8") as other:
        other.write("[\n")
        for number in range(rows):
            row = dict(known[number % len(known)])
            row["output"] += f" ({number})" + PADDING * 9
            one.write(json.dumps(row, ensure_ascii=False) + "\n")
            other.write(",\n" * (number > 0) + json.dumps(row, ensure_ascii=False, indent=2))
        other.write("\n]\n")
    return lines, array


def tamis(path: str) -> int:
    from tamis.data.read import read

    return len(read(path, spool_dir=Path(path).parent))


def naive(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        rows = json.load(file) if path.endswith(".json") else [json.loads(line) for line in file]
    return len([[row["instruction"] + "\n\n" + row["input"], row["output"]] for row in rows])


def measure(how: str, path: str) -> None:
    """Runs in its own process; prints rows, seconds on the clock and of the processor, peak MB."""
    begun, worked = time.perf_counter(), time.process_time()
    rows = {"tamis": tamis, "naive": naive}[how](path)
    spent = time.perf_counter() - begun, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([rows, *spent, peak]))


def run(how: str, path: Path) -> tuple[float, float, float]:
    command = [sys.executable, __file__, "--measure", how, str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    rows, clock, processor, peak = json.loads(answer.stdout)
    print(
        f"{how:6} {path.name:11} {rows / clock:9,.0f} rows/s on the clock"
        f" {rows / processor:9,.0f} rows per processor second, peak {peak:6,.0f} MB"
    )
    return rows / clock, rows / processor, peak


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--from", dest="source", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", nargs=2)
    given = parser.parse_args()
    if given.measure:
        measure(*given.measure)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for path in make(Path(folder), given.rows, given.source):
            print(f"{path.name}: {given.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
            ours, plain = run("tamis", path), run("naive", path)
            print(
                f"       ratio: {ours[0] / plain[0]:.2f} of the naive speed on the clock,"
                f" {ours[1] / plain[1]:.2f} per processor second,"
                f" {ours[2] / plain[2]:.2f} of the memory"
            )


if __name__ == "__main__":
    main()
