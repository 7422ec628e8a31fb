"""Cuts the pools and test sets of the examples out of public files, the same ones every time.

    python examples/prepare.py --from ../shared/data --to data

alpaca_pool, alpaca_test     Alpaca rows (alpaca_30k.json, as the folder has it)
dolly_test                   Dolly rows that people wrote: another distribution than the pool's
meadow_pool, meadow_test     medical questions and answers (medical_meadow_small.json)
expert_pool                  CaR's pairs: each instruction with a raw and an expert's answer, marked
expert_test                  experts' answers to other instructions
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from judge_quality import pairs

POOL, TEST = 2000, 200
"""Rows: small enough for two processor cores and an evening."""

Row = Mapping[str, Any]


def order(row: Row) -> str:
    """A place that only the row's words decide."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def write(path: Path, rows: Iterable[Row]) -> None:
    listed = list(rows)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in listed))
    print(f"{path}: {len(listed):,} rows")


def rows_of(path: Path) -> list[Row]:
    """Rows with an answer, in an order that does not depend on the file's."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    names = ("instruction", "input", "output")
    kept = [{name: row.get(name) or "" for name in names} for row in rows]
    return sorted((row for row in kept if str(row["output"]).strip()), key=order)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--to", type=Path, default=Path("data"))
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    sets = given.source / "instructions"
    alpaca = rows_of(sets / "alpaca/alpaca_30k.json")
    write(given.to / "alpaca_test.jsonl", alpaca[:TEST])
    write(given.to / "alpaca_pool.jsonl", alpaca[TEST : TEST + POOL])
    dolly = rows_of(given.source / "selections/alpagasus/dolly_3k.json")
    write(given.to / "dolly_test.jsonl", dolly[:TEST])
    meadow = rows_of(sets / "medical/medical_meadow_small.json")
    write(given.to / "meadow_test.jsonl", meadow[:TEST])
    write(given.to / "meadow_pool.jsonl", meadow[TEST : TEST + POOL])
    train = [
        without(row, "truth") | {"expert": int(row["truth"])}
        for row in pairs(given.source, "train")
    ]
    pool = [without(row, "pair", "sample") for row in train[:POOL]]
    write(given.to / "expert_pool.jsonl", sorted(pool, key=order))
    valid = pairs(given.source, "valid")[1::2][:TEST]
    write(
        given.to / "expert_test.jsonl", (without(row, "truth", "pair", "sample") for row in valid)
    )


def without(row: Row, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


if __name__ == "__main__":
    main()
