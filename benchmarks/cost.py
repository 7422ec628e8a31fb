"""What selecting and training cost at 1,000, 10,000 and 100,000 rows, in seconds of one core.

    python benchmarks/cost.py --from alpaca_30k.json --out cost.json

Alpaca rows, repeated with a number where there are not enough. Every selection of 5 % runs in a
process of its own with an empty store. A method that reads a language model is run up to
`--read` rows and reckoned by tokens above; trainings are `--updates` updates of the reference
model, all weights, 16 rows each, and reckoned by tokens: both are marked with ~.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pools import written

SIZES = (1_000, 10_000, 100_000)
METHODS = {
    "top_k(by=mtld)": False,
    "clean_cover": False,
    "coreset": True,
    "cherry": True,
    "superfiltering": True,
}
"""Methods, and whether they read a language model."""
EPOCHS = 2
COLUMNS = (
    *("rows", "tokens", "method", "selecting 5 %", "training on 5 %", "training on all"),
    "both / all",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("cost.json"))
    parser.add_argument("--read", type=int, default=2_000)
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    rows = [row for row in json.loads(given.source.read_text("utf-8")) if row["output"].strip()]
    with tempfile.TemporaryDirectory() as name:
        found = measured(Path(name), rows, given)
    given.out.write_text(json.dumps(found, indent=1))
    print(table(found))


def measured(folder: Path, rows: list[dict[str, str]], given: argparse.Namespace) -> dict[str, Any]:
    pools = {size: written(folder / f"{size}.jsonl", rows, size) for size in given.sizes}
    tokens = {size: counted(folder, path) for size, path in pools.items()}
    trained = training(folder, pools[min(pools)], given.updates)
    found: dict[str, Any] = {"training": trained, "tokens": tokens, "methods": {}}
    for method, reads in METHODS.items():
        mine: dict[int, dict[str, Any]] = {}
        for size, path in pools.items():
            if reads and size > given.read and mine:
                last = max(mine)
                seconds = mine[last]["seconds"] * tokens[size] / tokens[last]
                mine[size] = {"seconds": seconds, "reckoned": True}
            else:
                mine[size] = selected(folder, path, method)
            print(method, size, mine[size], file=sys.stderr, flush=True)
        found["methods"][method] = mine
    return found


def command(*arguments: str) -> tuple[dict[str, Any], float]:
    """What `tamis ... --json` prints, and its seconds."""
    started = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "tamis", *arguments, "--json"], capture_output=True, text=True
    )
    if run.returncode:
        raise SystemExit(run.stderr[-2000:])
    return json.loads(run.stdout), time.perf_counter() - started


def counted(folder: Path, path: Path) -> int:
    """Tokens of all rows, by the tokenizer in the package."""
    out = folder / f"{path.stem}-tokens.jsonl"
    command("score", str(path), "--method", "tokens(of=all)", "--out", str(out))
    return int(sum(json.loads(line)["tokens(of=all)"] or 0 for line in out.open()))


def selected(folder: Path, path: Path, method: str) -> dict[str, Any]:
    name = f"{path.stem}-{method.partition('(')[0]}"
    told, seconds = command(
        *("select", str(path), "--method", method, "--budget", "5%", "--model", "reference"),
        *("--device", "cpu", "--out", str(folder / name), "--store", str(folder / name) + "-store"),
    )
    return {"seconds": seconds, "selected": told["selected"], "reckoned": False}


def training(folder: Path, path: Path, updates: int) -> dict[str, float]:
    """Seconds of an update, and tokens it reads."""
    told, _ = command(
        *("train", str(path), "--model", "reference", "--device", "cpu", "--tune", "full"),
        *("--template", "plain", "--max-length", "256", "--steps", str(updates)),
        *("--out", str(folder / "trained")),
    )
    steps = told["steps"]
    return {"a step": told["seconds_a_step"], "tokens a step": told["tokens_read"] / steps}


def table(found: dict[str, Any]) -> str:
    step = found["training"]
    rate = step["tokens a step"] / step["a step"]
    lines = [
        f"training reads {rate:,.0f} tokens a second",
        f"| {' | '.join(COLUMNS)} |",
        "|---|---|---|---|---|---|---|",
    ]
    for method, sizes in found["methods"].items():
        for size, one in sizes.items():
            tokens = found["tokens"][size]
            all_rows = EPOCHS * tokens / rate
            mark = "~" if one["reckoned"] else ""
            both = (one["seconds"] + all_rows / 20) / all_rows
            lines.append(
                f"| {size:,} | {tokens:,} | `{method}` | {mark}{one['seconds']:,.0f} s | "
                f"~{all_rows / 20:,.0f} s | ~{all_rows:,.0f} s | {both:.3f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
