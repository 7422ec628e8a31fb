"""Rows a second of cheap, middling and heavy columns, in one process and in several.

    python benchmarks/executors.py --from alpaca_30k.json --out executors.json

Alpaca rows, repeated with a number where there are not enough. Each way runs in an interpreter of
its own with an empty store, reading the rows not counted: `first` has processes and models to
start, `again` is the same column into another empty store, with all that is started. `ratio` is to
one process with one thread, and `overhead` the seconds beyond that one's divided by the workers.
`processor seconds` are of both times and of reading, by this process and its workers (Ray's are
not among them): a busy machine does not change them much. `ray` begins a cluster of its own.
Columns are compared: they are the same in all ways (a model's to 1e-5, which threads change).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = {
    "length": (100_000, "cheap"),
    "mtld": (100_000, "middling"),
    "embedding": (100_000, "heavy, the table in the package"),
    "perplexity": (2_048, "heavy, the language model in the package"),
}
"""Columns, their rows, and what they stand for."""


def ways(workers: int) -> dict[str, tuple[str, int]]:
    """Executor and threads of each way; the threads of workers are what each has its share of."""
    return {
        "inline, 1 thread": ("inline", 1),
        f"inline, {workers} threads": ("inline", workers),
        f"processes:{workers}": (f"processes:{workers}", workers),
        f"ray:{workers}": (f"ray:{workers}", workers),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("executors.json"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--columns", nargs="+", default=list(COLUMNS))
    parser.add_argument("--rows", type=int, default=0, help="of each column, instead of its own")
    parser.add_argument("--one", nargs=3, metavar=("COLUMN", "EXECUTOR", "ROWS"))
    given = parser.parse_args()
    if given.one:
        column, executor, rows = given.one
        print(json.dumps(measured(given.source, column, executor, int(rows))))
        return
    found = {"hardware": hardware(), "columns": {}}
    for column in given.columns:
        rows = given.rows or COLUMNS[column][0]
        told = {
            name: apart(given.source, column, rows, *way)
            for name, way in ways(given.workers).items()
        }
        found["columns"][column] = compared(told, rows, given.workers)
        print(table(column, found["columns"][column]), flush=True)
    given.out.write_text(json.dumps(found, indent=1))


def apart(source: Path, column: str, rows: int, executor: str, threads: int) -> dict[str, Any]:
    """One way, in an interpreter of its own."""
    names = ("OMP", "MKL", "OPENBLAS", "RAYON")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    command = [sys.executable, __file__, "--from", str(source)]
    done = subprocess.run(
        [*command, "--one", column, executor, str(rows)],
        env={**os.environ, **limits, "POLARS_MAX_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measured(source: Path, column: str, executor: str, rows: int) -> dict[str, Any]:
    from tamis.data.read import read
    from tamis.run.session import Run
    from tamis.store import Store

    data = read(pool(source, rows))
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(executor=executor, model="reference", device="cpu")
        for name in ("first", "again"):
            vars(run)["scores"] = Store.at(Path(folder) / name)
            started = time.perf_counter()
            scores = run.begin().score(data, [column])
            found[name] = time.perf_counter() - started
    values = scores.columns[column].values
    del run  # its workers end
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    here, there = (one.ru_utime + one.ru_stime for one in used)
    found |= {"processor seconds": here + there, "of workers": there}
    flat = values.flatten() if hasattr(values, "flatten") else values
    found["sum"] = float(np.nansum(flat.to_numpy(zero_copy_only=False).astype(np.float64)))
    return found


def pool(source: Path, size: int) -> list[dict[str, str]]:
    rows = [row for row in json.loads(source.read_text("utf-8")) if row["output"].strip()]
    found = []
    for number in range(size):
        row = dict(rows[number % len(rows)])
        if number >= len(rows):
            row["instruction"] += f" ({number // len(rows)})"
        found.append(row)
    return found


def compared(told: dict[str, dict[str, Any]], rows: int, workers: int) -> dict[str, Any]:
    one = next(iter(told.values()))
    for name, found in told.items():
        assert np.isclose(found["sum"], one["sum"], rtol=1e-5), f"{name} gives other values"
        for when in ("first", "again"):
            found[f"rows/s {when}"] = rows / found[when]
            found[f"ratio {when}"] = one[when] / found[when]
        if not name.startswith("inline"):
            found["overhead first"] = found["first"] - one["again"] / workers
            found["overhead again"] = found["again"] - one["again"] / workers
    return {"rows": rows, "ways": told}


def hardware() -> dict[str, Any]:
    found = {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
    info = Path("/proc/cpuinfo")
    names = info.read_text().split("\n") if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in names if "model name" in line), "")
    return {**found, "processor": model, "load": os.getloadavg()[0]}


def table(column: str, found: dict[str, Any]) -> str:
    lines = [f"{column}, {found['rows']:,} rows"]
    for name, one in found["ways"].items():
        parts = [
            f"{when} {one[when]:.2f} s, {one[f'rows/s {when}']:,.0f} rows/s, "
            f"{one[f'ratio {when}']:.2f} times"
            for when in ("first", "again")
        ]
        used = f"{one['processor seconds']:.1f} processor s, {one['of workers']:.1f} of workers"
        lines.append(f"  {name:<20}" + " | ".join([*parts, used]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
