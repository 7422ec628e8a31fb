"""Evidence for the default method: which free signals agree with people, and who covers best.

    python benchmarks/default_method.py --data ../shared/data

Part one: area under the curve of each signal for expert-revised against raw answers (4,572 rows),
and how often it agrees with three people on which of two answers is better (914 pairs).
Part two: four fifths of the Alpaca rows are the pool, 5 % are picked; how well do the picks cover
the fifth that was held out (mean largest cosine), how good and how long are they?
Files that are absent are named and their part is left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from judge_quality import unescaped
from numpy.typing import NDArray

from tamis import api
from tamis.budget import Budget
from tamis.run.pick import pick
from tamis.run.session import Run
from tamis.types import Dataset, Floats, Pool

SIGNALS = [
    "length(unit=words)",
    "tokens",
    "mtld",
    "type_token_ratio",
    "compression_ratio",
    "readability",
    "repetition",
    "list_items",
    "overlap",
    "length(of=instruction,unit=words)",
    "mean_rank(of=[length(unit=words),mtld])",
]
QUALITY = "mean_rank(of=[length(unit=words),mtld])"
SELECTORS = [
    "random",
    "top_k(by=QUALITY)",
    "k_center",
    "cluster_best(by=QUALITY)",
    "cluster_quota(by=QUALITY)",
    "cover",
    "cover(quality=QUALITY,strength=0.5)",
    "cover(quality=QUALITY)",
    "cover(quality=QUALITY,strength=2)",
    "clean_cover",
]


def area(positive: Floats, negative: Floats) -> float:
    """Probability that a positive value is above a negative one, ties counted half."""
    _, place, counts = np.unique(
        np.concatenate([positive, negative]), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n = len(positive)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(negative)))


def revised(data: Path) -> tuple[list[dict[str, str]], NDArray[np.bool_]]:
    """Rows of the revision set, and which of them an expert has revised."""
    rows, labels = [], []
    for part in ("train", "valid"):
        with open(data / f"selections/car/APE_score_{part}.csv", newline="") as file:
            for record in csv.DictReader(file):
                # raw answers hold JSON's escapes and revised ones do not
                ask, _, answer = unescaped(record["src"]).partition(" Response: ")
                rows.append({"instruction": ask.removeprefix("Instruction: "), "output": answer})
                labels.append(record["score"] == "1")
    return rows, np.array(labels)


def preferred(data: Path) -> tuple[list[dict[str, str]], NDArray[np.bool_]]:
    """Both answers of each pair in turn, and whether most people prefer the first."""
    rows, first = [], []
    for pair in json.loads((data / "evaluation/pandalm/testset-v1.json").read_text()):
        votes = [str(pair[f"annotator{i}"]) for i in (1, 2, 3)]
        if votes.count("1") == votes.count("2"):
            continue
        ask = f"{pair['instruction']} {pair['input']}"
        rows += [{"instruction": ask, "output": pair[f"response{i}"]} for i in (1, 2)]
        first.append(votes.count("1") > votes.count("2"))
    return rows, np.array(first)


def signals(data: Path, run: Run) -> Iterator[dict[str, Any]]:
    rows, is_revised = revised(data)
    pairs, first = preferred(data)
    one = run.score(api.read(rows), SIGNALS)
    two = run.score(api.read(pairs), SIGNALS)
    for name in SIGNALS:
        scores = one.scores(name)
        there = ~np.isnan(scores)
        gap = -np.diff(two.scores(name).reshape(-1, 2), axis=1)[:, 0]
        both = ~np.isnan(gap)
        agrees = np.where(gap == 0, 0.5, (gap > 0) == first)[both].mean()
        yield {
            "signal": name,
            "revised": area(scores[there & is_revised], scores[there & ~is_revised]),
            "people": float(agrees),
        }


def covered(pool: Pool, rows: NDArray[np.int64], held_out: NDArray[np.float32]) -> float:
    """Mean over the held-out rows of the largest cosine to a picked row."""
    picked = pool.vectors("embedding")[rows]
    parts = np.array_split(held_out, max(1, len(held_out) // 2000))
    return float(np.concatenate([(part @ picked.T).max(axis=1) for part in parts]).mean())


def twins(pool: Pool, rows: NDArray[np.int64]) -> int:
    """Picks within cosine 0.9 of another pick."""
    picked = pool.vectors("embedding")[rows]
    near = picked @ picked.T
    np.fill_diagonal(near, 0)
    return int((near.max(axis=1) > 0.9).sum())


def selectors(data: Dataset, run: Run) -> Iterator[dict[str, Any]]:
    order = np.random.default_rng(0).permutation(len(data))
    cut = len(data) // 5
    held, train = data.take(np.sort(order[:cut])), data.take(np.sort(order[cut:]))
    held_out = run.score(held, ["embedding"]).vectors("embedding")
    held_out = held_out[~np.isnan(held_out[:, 0])]
    pool = run.score(train, ["embedding", QUALITY, "length(unit=words)"])
    for name in SELECTORS:
        reference = api.parse(name.replace("QUALITY", QUALITY))
        started = time.process_time()
        _, picked = pick(train, reference, Budget(fraction=0.05), run)
        yield {
            "selector": name,
            "coverage": covered(pool, picked.rows, held_out),
            "quality": float(np.nanmean(pool.scores(QUALITY)[picked.rows])),
            "words": float(np.nanmean(pool.scores("length(unit=words)")[picked.rows])),
            "twins": twins(pool, picked.rows),
            "cpu_seconds": time.process_time() - started,
        }


def show(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for row in rows:
        if not kept:
            print(" | ".join(row))
        print(" | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()))
        kept.append(row)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as store:
        run = Run(store=store)
        if (given.data / "selections/car").exists():
            found["signals"] = show(signals(given.data, run))
        else:
            print("no revision set: part one is left out")
        alpaca = given.data / "instructions/alpaca/alpaca_30k.json"
        if alpaca.exists():
            found["selectors"] = show(selectors(api.read(str(alpaca)), run))
        else:
            print("no alpaca_30k.json: part two is left out")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
