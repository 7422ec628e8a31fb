"""Cuts the pools and test sets of the examples out of public files, the same ones every time.

    python examples/prepare.py --from ../shared/data --to data

alpaca_pool, alpaca_test     Alpaca rows (alpaca_30k.json, as the folder has it)
dolly_test                   Dolly rows that people wrote: another distribution than the pool's
meadow_pool, meadow_test     medical questions and answers (medical_meadow_small.json)
expert_pool                  CaR's pairs: each instruction with a raw and an expert's answer, marked
expert_test                  experts' answers to other instructions
chinese_base                 short Chinese rows that a base learns from: medical, and Alpaca's
chinese_pool, chinese_test   short Chinese Alpaca rows of another file (zh-data-part-00.json)
belle_test                   short rows of BELLE's evaluation set and seed tasks
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

CHINESE_POOL, CHINESE_TEST, CHINESE_BASE = 1000, 150, (1500, 1000)
"""Fewer rows: a byte of Chinese is a token to the small model. Base: medical and general."""
FITS = 240
"""Bytes of a whole Chinese row at most, so that none is cut at 256 tokens."""

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
    return ordered(records(path))


def records(path: Path) -> list[Row]:
    """The rows of a file, which is a list or has one on each line."""
    text = path.read_text(encoding="utf-8")
    found: list[Row] = (
        json.loads(text) if text.startswith("[") else list(map(json.loads, text.splitlines()))
    )
    return found


def ordered(rows: Iterable[Row]) -> list[Row]:
    """The rows with an answer by the places of their words."""
    names = ("instruction", "input", "output")
    kept = [{name: row.get(name) or "" for name in names} for row in rows]
    return sorted((row for row in kept if str(row["output"]).strip()), key=order)


def short_chinese(rows: Iterable[Row]) -> list[Row]:
    """The rows that fit the small model whole, with an answer that has a Chinese sign."""
    return [
        row
        for row in rows
        if len("".join(map(str, row.values())).encode()) <= FITS
        and any("\u4e00" <= sign <= "\u9fff" for sign in str(row["output"]))
    ]


def belle_rows(folder: Path) -> list[Row]:
    """The questions of BELLE's evaluation set and its seed tasks, which people wrote."""
    asked = [
        {"instruction": row["question"], "output": row["std_answer"]}
        for row in records(folder / "belle_eval_set.json")
    ]
    seeds = [
        {"instruction": row["instruction"], **row["instances"][0]}
        for row in records(folder / "belle_zh_seed_tasks.json")
    ]
    return asked + seeds


def chinese(sets: Path, to: Path) -> None:
    """Base, pool and tests; no row for the base asks what one of the others asks."""
    alpaca = short_chinese(rows_of(sets / "multilingual/zh-data-part-00.json"))
    test, pool = alpaca[:CHINESE_TEST], alpaca[CHINESE_TEST : CHINESE_TEST + CHINESE_POOL]
    belle = short_chinese(ordered(belle_rows(sets / "multilingual")))[:CHINESE_TEST]
    taken = {(row["instruction"], row["input"]) for row in (*alpaca, *belle)}
    files = ("medical/huatuo_llama_data.json", "multilingual/zh-data-part-01.json")
    base: list[Row] = []
    for file, count in zip(files, CHINESE_BASE, strict=True):
        found = short_chinese(rows_of(sets / file))
        base += [r for r in found if (r["instruction"], r["input"]) not in taken][:count]
    write(to / "chinese_test.jsonl", test)
    write(to / "belle_test.jsonl", belle)
    write(to / "chinese_pool.jsonl", pool)
    write(to / "chinese_base.jsonl", sorted(base, key=order))


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
    chinese(sets, given.to)


def without(row: Row, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


if __name__ == "__main__":
    main()
