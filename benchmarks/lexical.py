"""Rows a second of every row scorer that needs no resource, beside a naive form in the same run.

    python benchmarks/lexical.py --data ../shared/data/instructions/alpaca/alpaca_30k.json

The data is a JSON array in Alpaca form. A scorer is measured as a run does it, in batches of 8192
rows; the naive form is a loop over rows: lexicalrichness where it is installed, else plain Python.
Medians of `--repeats` runs. Both are also given in processor seconds, which a busy machine does not
change; a scorer that uses several threads counts each of them there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from tamis import registry
from tamis.spec import Spec
from tamis.types import SCHEMA, Batch

Naive = Callable[[list[str]], object]
VARIANTS = {  # further settings worth a line
    "length": [{"unit": "words"}],
    "repetition": [{"kind": "top", "n": 2}],
    "readability": [{"formula": "ari"}],
}


def read(path: Path, limit: int | None) -> pa.Table:
    rows = json.loads(path.read_text())[:limit]
    records = [
        {
            "id": str(place),
            "messages": [
                {"role": "user", "content": f"{row['instruction']}\n{row['input']}".strip()},
                {"role": "assistant", "content": row["output"]},
            ],
            "source": 0,
            "row": place,
        }
        for place, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(records, schema=SCHEMA)


def batches(table: pa.Table, size: int = 8192) -> list[Batch]:
    return [Batch(table.slice(start, size)) for start in range(0, len(table), size)]


def measured() -> Iterator[tuple[Spec, dict[str, Any]]]:
    """Row scorers that need nothing but rows, with their defaults and the variants above."""
    for spec in registry.specs(("score",)):
        if (
            spec.scope == "row"
            and not set(spec.needs) - {"segmenter"}
            and not any(p.required for p in spec.params.values())
        ):
            for given in [{}, *VARIANTS.get(spec.name, [])]:
                yield spec, spec.resolve(given)


def _ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    listed = text.lower().split()
    return list(zip(*(listed[at:] for at in range(n)), strict=False))


def naive_forms() -> dict[str, Naive]:
    """By scorer as written: a loop over texts that does about the same."""
    forms: dict[str, Naive] = {
        "length": lambda texts: [len(text) for text in texts],
        "length(unit=words)": lambda texts: [len(text.split()) for text in texts],
        "compression_ratio": lambda texts: [
            len(text.encode()) / len(zlib.compress(text.encode())) for text in texts
        ],
        "unique_ngrams": lambda texts: [
            len(set(grams)) / max(len(grams), 1) for grams in (_ngrams(text, 2) for text in texts)
        ],
        "type_token_ratio": lambda texts: [
            len(set(text.lower().split())) / max(len(text.split()), 1) for text in texts
        ],
    }
    try:
        from lexicalrichness import LexicalRichness
    except ImportError:
        return forms

    def richness(measure: Callable[[Any], float], least: int) -> Naive:
        def loop(texts: list[str]) -> object:
            built = (LexicalRichness(text) for text in texts)
            return [measure(text) if text.words >= least else None for text in built]

        return loop

    forms["mtld"] = richness(lambda text: text.mtld(), 1)
    forms["hdd"] = richness(lambda text: text.hdd(), 42)
    forms["mattr"] = richness(lambda text: text.mattr(50), 50)
    return forms


def median_seconds(call: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Wall-clock and processor seconds."""
    wall, busy = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        busy.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(busy)


def label(spec: Spec, params: dict[str, Any]) -> str:
    changed = {n: v for n, v in params.items() if v != spec.params[n].default}
    inside = ",".join(f"{name}={value}" for name, value in sorted(changed.items()))
    return f"{spec.name}({inside})" if inside else spec.name


def run(table: pa.Table, repeats: int, naive_rows: int) -> list[dict[str, Any]]:
    parts = batches(table)
    texts = [text for part in parts for text in part.texts().to_pylist()][:naive_rows]
    forms = naive_forms()
    results = []
    for spec, params in measured():
        call = spec.function
        call(parts[0], **params)  # imports and tables
        wall, busy = median_seconds(lambda: [call(p, **params) for p in parts], repeats)  # noqa: B023
        row = {
            "scorer": label(spec, params),
            "rows_s": len(table) / wall,
            "cpu_rows_s": len(table) / busy,
        }
        if row["scorer"] in forms:
            form = forms[str(row["scorer"])]
            wall, busy = median_seconds(lambda: form(texts), repeats)  # noqa: B023
            row |= {"naive_rows_s": len(texts) / wall, "naive_cpu_rows_s": len(texts) / busy}
        results.append(row)
    return results


def show(results: list[dict[str, Any]]) -> None:
    print(f"{'scorer':<28}{'rows/s':>12}{'rows/cpu s':>12}{'naive rows/s':>14}{'ratio':>8}")
    for row in results:
        line = f"{row['scorer']:<28}{row['rows_s']:>12,.0f}{row['cpu_rows_s']:>12,.0f}"
        if "naive_rows_s" in row:
            ratio = row["rows_s"] / row["naive_rows_s"]
            line += f"{row['naive_rows_s']:>14,.0f}{ratio:>8.1f}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="JSON array in Alpaca form")
    parser.add_argument("--rows", type=int, help="only the first rows")
    parser.add_argument("--naive-rows", type=int, default=3000, help="rows of the naive forms")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the results here")
    given = parser.parse_args()
    results = run(read(given.data, given.rows), given.repeats, given.naive_rows)
    show(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
