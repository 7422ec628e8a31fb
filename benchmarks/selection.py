"""Seconds and peak memory of every selector, beside a naive form in the same run.

    python benchmarks/selection.py [--large] [--json results.json] [--only cover,k_center]

Vectors: 256 dimensions, a mixture of 300 directions with noise, of length 1; a score and a label.
Each measurement is a process of its own, so the peak is that of the selector and its pool; the
pool alone is measured too and taken off. A naive form that needs n x n numbers runs up to 10,000
rows. Times on a shared machine move by a factor of two: read the ratios.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa

from tamis import registry
from tamis.budget import Budget
from tamis.types import SCHEMA, Dataset, Pool, fingerprint

DIMENSIONS, FRACTION, NAIVE_LIMIT = 256, 0.05, 10_000
SETTINGS: dict[str, dict[str, Any]] = {
    "stratified": {"by": "label", "then": "score"},
    "threshold": {"by": "score", "at_least": -1.0},
    "cluster_quota": {"by": "score"},
    "cover": {"quality": "score"},
}
PLAIN = ("top_k", "bottom_k", "percentile_band", "gumbel_top_k", "cluster_best")
PLAIN_TOO = ("random", "k_center", "length_matched_random")


def make_pool(rows: int) -> Pool:
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((300, DIMENSIONS))
    label = generator.zipf(1.5, rows) % 300
    vectors = (centres[label] + generator.standard_normal((rows, DIMENSIONS))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kinds = [pa.field("role", pa.string()), pa.field("content", pa.string())]
    lengths = generator.lognormal(4, 1, rows).astype(int) + 1
    turns = [[{"role": "assistant", "content": "a" * n}] for n in lengths.tolist()]
    columns = {field.name: pa.nulls(rows, field.type) for field in SCHEMA}
    columns["id"] = pa.array([f"{n:032x}" for n in generator.permutation(rows)])
    columns["messages"] = pa.array(turns, pa.list_(pa.struct(kinds))).cast(SCHEMA.types[1])
    table = pa.table(columns, schema=SCHEMA)
    data = Dataset(table, fingerprint(table["id"]))
    score = generator.standard_normal(rows)
    return Pool.of(data, embedding=vectors, score=score, label=[f"l{n % 20}" for n in label])


def ours(name: str, pool: Pool) -> None:
    spec = registry.find(name, kinds=("select",))
    params = SETTINGS.get(name, {"by": "score"} if name in PLAIN else {})
    targets = {target: pool.data for target in spec.targets}
    spec.function(pool, Budget(fraction=FRACTION), **targets, **params)


def naive_k_center(pool: Pool) -> None:
    """The published form: all n x n distances first."""
    vectors = pool.vectors("embedding")
    squares = np.square(vectors).sum(axis=1)
    square = squares[:, None] + squares - 2 * (vectors @ vectors.T)
    away = np.sqrt(np.maximum(square, 0))
    picked = [0]
    while len(picked) < int(len(pool) * FRACTION):
        picked.append(int(away[:, picked].min(axis=1).argmax()))


def naive_cover(pool: Pool) -> None:
    """Facility location by greedy on all n x n similarities, every gain in every step."""
    vectors, weight = pool.vectors("embedding"), np.exp(pool.scores("score"))
    similar = np.maximum(vectors @ vectors.T, 0)
    covered = np.zeros(len(pool), np.float32)
    for _ in range(20):  # of the budget's steps: see scale()
        gains = np.maximum(similar - covered, 0).sum(axis=1) * weight
        np.maximum(covered, similar[int(gains.argmax())], out=covered)


def sklearn_k_means(pool: Pool) -> None:
    from sklearn.cluster import KMeans

    k = int(np.sqrt(len(pool) / 2))
    KMeans(k, n_init=1, random_state=0).fit(pool.vectors("embedding"))


NAIVE: dict[str, tuple[str, Callable[[Pool], None]]] = {
    "k_center": ("n x n matrix", naive_k_center),
    "cover": ("20 of its steps on n x n", naive_cover),
    "cluster_quota": ("scikit-learn KMeans alone", sklearn_k_means),
}


def _measure(job: str, rows: int, answer: Any) -> None:
    pool = make_pool(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    kind, _, name = job.partition(":")
    if kind == "ours":
        ours(name, pool)
    else:
        NAIVE[name][1](pool)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    answer.put({"seconds": round(seconds, 3), "megabytes": (peak - before) * unit // 1_000_000})


def measure(job: str, rows: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_measure, args=(job, rows, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{job} at {rows} rows ended with code {process.exitcode}")
    return dict(answer.get())


def scale(name: str, rows: int, naive: dict[str, Any]) -> float:
    """Seconds of the whole naive form: the cover's is measured over 20 steps."""
    steps = rows * FRACTION / 20 if name == "cover" else 1
    return float(naive["seconds"] * steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="100,000 rows as well")
    parser.add_argument("--json", help="write the results to this file")
    parser.add_argument("--only", default="", help="selectors to measure, separated by commas")
    given = parser.parse_args()
    known = {*SETTINGS, *PLAIN, *PLAIN_TOO}
    wanted = [name for name in registry.names("select") if name in known]
    if given.only:
        wanted = given.only.split(",")
    results = []
    for rows in [10_000, 30_000, *([100_000] if given.large else [])]:
        for name in wanted:
            row = {"selector": name, "rows": rows, **measure(f"ours:{name}", rows)}
            compare = name in NAIVE and rows <= NAIVE_LIMIT
            if compare and (name != "cluster_quota" or find_spec("sklearn")):
                naive = measure(f"naive:{name}", rows)
                row |= {"naive": NAIVE[name][0], "naive_megabytes": naive["megabytes"]}
                row["times_faster"] = round(scale(name, rows, naive) / row["seconds"], 1)
            results.append(row)
            print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
