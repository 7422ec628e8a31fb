"""Set-level selectors on real embeddings: against peers with the same picks, and up to 1 M rows.

    python benchmarks/diversity.py peers [--data FILE] [--json results.json]
    python benchmarks/diversity.py walks [--data FILE]
    python benchmarks/diversity.py growth [--data FILE] [--rows 10000,100000,1000000]
    python benchmarks/diversity.py compare [--data FILE]

peers: facility location against apricot-select and submodlib, the DEITA filter against the row by
row class, k-center against the n x n matrix and a running minimum; all from the same vectors, in
one process, medians of several runs, picks compared. apricot-select and submodlib-py if installed.
walks: the greedy walks alone, on similarities and vectors that are there already.
growth: seconds and peak memory of a process that opens a memory-mapped float16 file of 384
dimensions and picks 1 % of its rows. The vectors are the embeddings of the data's rows, repeated
with noise as near copies, since a million real rows do not lie about.
compare: the set measures of 5 % of the data by each selector, and seconds; the score is words of
the answer.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tamis import registry
from tamis.budget import Budget
from tamis.types import SCHEMA, Column, Dataset, Pool, fingerprint

WIDTH = 384
GROWTH: dict[str, tuple[str, dict[str, Any]]] = {
    "k_center": ("k_center", {}),
    "facility_location, sparse": ("facility_location", {"mode": "sparse", "neighbours": 32}),
    "deita_filter": ("deita_filter", {"by": "score"}),
}


def embeddings(data: str, rows: int) -> np.ndarray:
    """Vectors of the first rows of a file by the table in the package, of length 1."""
    from tamis import read
    from tamis.models import named_embedder

    texts = read(data).texts("all").to_pylist()[:rows]
    vectors = named_embedder("static").embed(texts)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def make_pool(vectors: Any) -> Pool:
    """A pool whose rows are in the order of their ids, with the vectors and a random score."""
    rows = len(vectors)
    columns = {field.name: pa.nulls(rows, field.type) for field in SCHEMA}
    columns["id"] = pa.array([f"{n:08d}" for n in range(rows)])
    table = pa.table(columns, schema=SCHEMA)
    data = Dataset(table, fingerprint(table["id"]))
    score = np.random.default_rng(0).standard_normal(rows)
    return Pool.of(data, embedding=Column.vectors(vectors), score=score)


def select(name: str, pool: Pool, count: int, **params: Any) -> Any:
    return registry.find(name, kinds=("select",)).function(pool, Budget(count=count), **params)


# peers


def apricot(pool: Pool, count: int, computed: type = np.float64) -> list[int]:
    """Apricot computes in float64, similarities too; in float32 it is only asked for its picks."""
    from apricot import FacilityLocationSelection

    vectors = pool.vectors("embedding").astype(computed)
    similar = np.maximum(vectors @ vectors.T, 0).astype(np.float64)
    chosen = FacilityLocationSelection(count, metric="precomputed", optimizer="lazy")
    return list(chosen.fit(similar).ranking)


def submodlib(pool: Pool, count: int) -> list[int]:
    from submodlib import FacilityLocationFunction

    vectors = pool.vectors("embedding")
    function = FacilityLocationFunction(len(pool), mode="dense", data=vectors, metric="cosine")
    picks = function.maximize(count, optimizer="LazyGreedy", show_progress=False)
    return [row for row, _ in picks]


def row_by_row(pool: Pool, count: int) -> list[int]:
    """DEITA's filter as published: each row against a list of the chosen ones, one at a time."""
    vectors, order = pool.vectors("embedding"), np.argsort(-pool.scores("score"), kind="stable")
    chosen: list[int] = []
    for row in order.tolist():
        if chosen:
            kept = np.array([vectors[c] for c in chosen])
            lengths = np.linalg.norm(kept, axis=1) * np.linalg.norm(vectors[row])
            if (kept @ vectors[row] / lengths > 0.9).any():
                continue
        chosen.append(row)
        if len(chosen) == count:
            break
    return chosen


def n_by_n(pool: Pool, count: int) -> list[int]:
    """k-center as published: all n x n distances first."""
    vectors = pool.vectors("embedding")
    squares = np.square(vectors).sum(axis=1)
    away = np.sqrt(np.maximum(squares[:, None] + squares - 2 * (vectors @ vectors.T), 0))
    picked = [0]
    while len(picked) < count:
        near = away[:, picked].min(axis=1)
        near[picked] = -1
        picked.append(int(near.argmax()))
    return picked


def running_minimum(pool: Pool, count: int) -> list[int]:
    vectors = pool.vectors("embedding")
    squares = np.square(vectors).sum(axis=1)
    near = np.full(len(vectors), np.inf, np.float32)
    row, picked = 0, []
    for _ in range(count):
        picked.append(row)
        np.minimum(near, squares - 2 * (vectors @ vectors[row]) + squares[row], out=near)
        near[row] = -1
        row = int(near.argmax())
    return picked


Job = tuple[str, str, Callable[[Pool, int], Any], int, int, dict[str, Any]]
PEERS: list[Job] = [
    ("facility_location", "apricot, lazy", apricot, 4_000, 100, {"mode": "exact"}),
    ("facility_location", "apricot, lazy", apricot, 10_000, 500, {"mode": "exact"}),
    ("facility_location", "submodlib, lazy", submodlib, 4_000, 100, {"mode": "exact"}),
    ("facility_location", "submodlib, lazy", submodlib, 10_000, 500, {"mode": "exact"}),
    ("deita_filter", "row by row", row_by_row, 5_000, 5_000, {"by": "score"}),
    ("k_center", "n x n matrix", n_by_n, 10_000, 50, {"first": "00000000"}),
    ("k_center", "running minimum", running_minimum, 10_000, 50, {"first": "00000000"}),
    ("k_center", "running minimum", running_minimum, 10_000, 500, {"first": "00000000"}),
]


def timed(function: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Median of several runs after one that warms up, and the result."""
    function()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        found = function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), found


def same_picks(mine: Any, other: list[int]) -> str:
    """Whether the picks are the same, one by one; rows whose gains tie may change places."""
    moved = [at for at, row in enumerate(mine.rows.tolist()) if row != other[at]]
    if not moved:
        return "yes"
    tied = np.isclose(mine.gains[moved][::2], mine.gains[moved][1::2], rtol=1e-6).all()
    if sorted(mine.rows.tolist()) == sorted(other) and tied:
        return f"yes, {len(moved)} tied ones change places"
    return f"no, {len(moved)} differ"


def peers(data: str, runs: int) -> list[dict[str, Any]]:
    vectors = embeddings(data, max(job[3] for job in PEERS))
    results = []
    for name, peer, function, rows, count, params in PEERS:
        package = {"apricot": "apricot", "submodlib": "submodlib"}.get(peer.partition(",")[0])
        if package and not find_spec(package):
            continue
        pool = make_pool(vectors[:rows])
        ours, mine = timed(partial(select, name, pool, count, **params), runs)
        theirs, other = timed(partial(function, pool, count), runs)
        if function is apricot:  # its picks on our similarities; its time is with its own
            other = apricot(pool, count, np.float32)
        same = same_picks(mine, [int(row) for row in other])
        row = {"selector": name, "rows": rows, "picks": len(mine), "seconds": round(ours, 3)}
        row |= {"peer": peer, "peer_seconds": round(theirs, 3), "same_picks": same}
        results.append(row | {"times_faster": round(theirs / ours, 1)})
        print("  ".join(f"{key}={value}" for key, value in results[-1].items()), flush=True)
    return results


# walks


def walks(data: str, runs: int) -> list[dict[str, Any]]:
    from apricot import FacilityLocationSelection

    from tamis import vectors as tables
    from tamis.selectors import _farthest, _greedy, _similarity, _threads
    from tamis.selectors.facility_location import Coverage

    vectors = embeddings(data, 30_000)
    results = []
    for rows, picks in [(4_000, 100), (10_000, 500)]:
        pool = make_pool(vectors[:rows])
        table = tables.Table(pool, "embedding", np.arange(rows), directions=True)
        similar = _similarity.Cosines(table)
        exact = similar[np.arange(rows)].astype(np.float64)

        def ours(similar: Any = similar, rows: int = rows, picks: int = picks) -> list[int]:
            walk = _greedy.Greedy(Coverage(similar), rows, _similarity.NOISE).picks()
            return [row for row, _ in (next(walk) for _ in range(picks))]

        def theirs(exact: Any = exact, picks: int = picks) -> list[int]:
            chosen = FacilityLocationSelection(picks, metric="precomputed", optimizer="lazy")
            return list(chosen.fit(exact).ranking)

        results.append(compared("facility location, apricot", rows, picks, ours, theirs, runs))
    for rows, picks in [(10_000, 50), (10_000, 500), (10_000, 1_000), (30_000, 1_000)]:
        pool = make_pool(vectors[:rows])
        table = tables.Table(pool, "embedding", np.arange(rows))

        def walked(table: Any = table, picks: int = picks) -> list[int]:
            with _threads.one_thread():
                walk = _farthest.Farthest(table).picks([0])
                return [next(walk)[0] for _ in range(picks)]

        loop = partial(running_minimum, pool, picks)
        results.append(compared("k-center, running minimum", rows, picks, walked, loop, runs))
    return results


def compared(
    title: str, rows: int, picks: int, ours: Callable[[], Any], theirs: Callable[[], Any], runs: int
) -> dict[str, Any]:
    mine, other = timed(ours, runs), timed(theirs, runs)
    row = {"walk": title, "rows": rows, "picks": picks, "seconds": round(mine[0], 4)}
    row |= {"peer_seconds": round(other[0], 4), "times_faster": round(other[0] / mine[0], 1)}
    row["same"] = round(float(np.mean(np.array(mine[1]) == np.array(other[1]))), 4)
    print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    return row


# growth


def write_file(data: str, rows: int, path: Path) -> None:
    """A float16 file of real embeddings, widened to 384 dimensions, and near copies of them."""
    real = embeddings(data, 60_000)
    turn = np.random.default_rng(1).standard_normal((real.shape[1], WIDTH)) / np.sqrt(WIDTH)
    wide = (real @ turn).astype(np.float32)
    generator = np.random.default_rng(2)
    file = np.lib.format.open_memmap(path, "w+", np.float16, (rows, WIDTH))
    for start in range(0, rows, 10_000):
        part = wide[np.arange(start, min(start + 10_000, rows)) % len(wide)]
        noise = generator.uniform(0.1, 0.6, (len(part), 1)) / np.sqrt(WIDTH)
        copies = part + noise * generator.standard_normal(part.shape)
        file[start : start + len(part)] = copies / np.linalg.norm(copies, axis=1, keepdims=True)
    file.flush()


def _growth(path: str, name: str, params: dict[str, Any], answer: Any) -> None:
    pool = make_pool(np.load(path, mmap_mode="r"))
    start = time.perf_counter()
    chosen = select(name, pool, len(pool) // 100, **params)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    told = {k: v for k, v in chosen.info.items() if isinstance(v, int | float | str)}
    answer.put(
        {"picks": len(chosen), "seconds": round(seconds, 1), "gigabytes": round(peak, 2), **told}
    )


def growth(data: str, sizes: list[int], only: str) -> list[dict[str, Any]]:
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path = Path(folder) / "vectors.npy"
            write_file(data, rows, path)
            for title, (name, params) in GROWTH.items():
                if only not in title:
                    continue
                context = multiprocessing.get_context("spawn")
                answer = context.Queue()
                job = context.Process(target=_growth, args=(str(path), name, params, answer))
                job.start()
                found = answer.get()
                job.join()
                results.append({"selector": title, "rows": rows, **found})
                print("  ".join(f"{k}={v}" for k, v in results[-1].items()), flush=True)
    return results


# compare

COMPARED = [
    ("random", {}),
    ("top_k", {"by": "score"}),
    ("cover", {}),
    ("cover", {"quality": "score"}),
    ("facility_location", {"mode": "exact"}),
    ("facility_location", {"mode": "sparse"}),
    ("facility_location", {"mode": "exact", "candidates": 300}),
    ("sieve", {}),
    ("qdit", {"by": "score"}),
    ("saturated_coverage", {}),
    ("graph_cut", {}),
    ("log_det", {}),
    ("mmr", {"by": "score"}),
    ("deita_filter", {"by": "score"}),
    ("k_center", {}),
    ("k_center", {"start": "means"}),
    ("herding", {}),
    ("novel_select", {}),
    ("cluster_quota", {"by": "score"}),
    ("cluster_best", {"by": "score", "top": 300}),
]
MEASURES = [
    ("facility_location_value", {}),
    ("covering_radius", {"quantile": 0.95}),
    ("vendi_score", {}),
    ("novel_sum", {}),
    ("knn_distance", {}),
    ("cluster_entropy", {"clusters": 150}),
]


def compare(data: str, only: str) -> list[dict[str, Any]]:
    from tamis import read

    dataset = read(data)
    pool = make_pool(embeddings(data, len(dataset)))
    words = [len(text.split()) for text in dataset.texts("response").to_pylist()]
    pool = Pool.of(pool.data, embedding=pool.columns["embedding"], score=np.array(words, float))
    results = []
    for name, params in COMPARED:
        title = f"{name}({','.join(f'{k}={v}' for k, v in params.items())})"
        if only not in title:
            continue
        start = time.perf_counter()
        chosen = select(name, pool, len(pool) // 20, **params)
        row = {"selector": title, "seconds": round(time.perf_counter() - start, 1)}
        row["words"] = round(float(pool.scores("score")[chosen.rows].mean()), 1)
        for measure, given in MEASURES:
            found = registry.find(measure, kinds=("measure",)).function
            row[measure] = round(found(pool, chosen.rows, **given), 4)
        results.append(row)
        print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("peers", "walks", "growth", "compare"))
    parser.add_argument("--data", default="../shared/data/instructions/alpaca/alpaca_30k.json")
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--only", default="", help="part of the name of what to measure")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", help="write the results to this file")
    given = parser.parse_args()
    sizes = [int(text) for text in given.rows.split(",")]
    jobs = {
        "peers": lambda: peers(given.data, given.runs),
        "walks": lambda: walks(given.data, given.runs),
        "growth": lambda: growth(given.data, sizes, given.only),
        "compare": lambda: compare(given.data, given.only),
    }
    results = jobs[given.what]()
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
