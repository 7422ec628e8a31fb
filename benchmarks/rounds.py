"""Selection past one machine's memory: what two rounds and one look lose, and what they need.

    python benchmarks/rounds.py quality [--data FILE] [--json results.json]
    python benchmarks/rounds.py memory [--data FILE] [--rows 1000000] [--only two_round]

quality: on the embeddings of real rows, against the selector in one round at 1 % and 5 % of them:
the value of facility location over all rows, merged on the union alone, on samples of the pool and
on all of it, and that of the sieve; the radius of k-center; the scores that DEITA's filter keeps.
memory: seconds and peak memory of a process that opens a memory-mapped float16 file of 256
dimensions, or texts, and does one thing. Rows beyond the data's own are near copies of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from diversity import embeddings, make_pool, select

from tamis.budget import Budget
from tamis.kmeans import automatic, k_means
from tamis.recipes.two_round import covering, handed_on, part_picks, parts_of, two_round
from tamis.run.session import Run
from tamis.scorers.near_duplicate import near_duplicate
from tamis.types import SCHEMA, Dataset, Ints, Pool, Selection, Vectors, fingerprint
from tamis.vectors import Table

DATA = "../shared/data/instructions/alpaca/alpaca_30k.json"
PARTS, SHARES, SAMPLES = (2, 8, 32), (100, 20), (1024, 4096, 16_384)
WIDTH = 256
Row = dict[str, Any]


def a_run(pool: Pool, folder: str) -> Run:
    """A run that has the pool's vectors, and its random score in the place of `length`."""
    run, place = Run(store=folder), pool.data.fingerprint
    run.computed[place, "embedding"] = pool.columns["embedding"]
    run.computed[place, "length"] = pool.columns["score"]
    return run


# quality


def worth(vectors: Vectors, rows: Ints) -> float:
    """The mean over all rows of the largest cosine to a pick."""
    chosen, total = vectors[rows], 0.0
    for start in range(0, len(vectors), 2048):
        near = (vectors[start : start + 2048] @ chosen.T).max(axis=1)
        total += float(np.maximum(near, 0).sum(dtype=np.float64))
    return total / len(vectors)


def radius(vectors: Vectors, rows: Ints) -> float:
    """The largest distance of a row to a pick."""
    chosen, most = vectors[rows], 0.0
    for start in range(0, len(vectors), 2048):
        near = (vectors[start : start + 2048] @ chosen.T).max(axis=1)
        most = max(most, float(2 - 2 * near.min()))
    return float(np.sqrt(max(most, 0)))


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return function(), round(time.perf_counter() - start, 1)


def quality(data: str, folder: str, only: str) -> Iterator[Row]:
    vectors = embeddings(data, 10**9).astype(np.float32)
    pool = make_pool(vectors)
    jobs = {"facility_location": covers, "sieve": sieves, "k_center": centres, "deita": filters}
    for divisor in SHARES:
        count = len(pool) // divisor
        for name, job in jobs.items():
            if only in name:
                for row in job(pool, vectors, count, folder):
                    yield {"method": name, "rows": len(pool), "picks": count, **row}


def covers(pool: Pool, vectors: Vectors, count: int, folder: str) -> Iterator[Row]:
    run, budget, by = a_run(pool, folder), Budget(count=count), "facility_location(mode=exact)"
    one, seconds = timed(lambda: run.select(pool.data, by, budget))
    best = worth(vectors, one.rows)
    drawn = np.random.default_rng(0).choice(len(pool), count, replace=False)
    yield {"parts": 1, "value": round(best, 4), "seconds": seconds}
    yield {"parts": 0, "random": round(worth(vectors, drawn) / best, 4)}
    params = {"of": "embedding", "similarity": "cosine", "candidates": 0, "seed": 0}
    for parts in PARTS:
        places = parts_of(pool.ids.tolist(), parts, 0)
        found, first = timed(
            lambda places=places: [part_picks(run, pool.data, p, by, budget) for p in places]
        )
        union = handed_on(found)
        alone, seconds = timed(lambda union=union: run.select(pool.take(union), by, budget))
        merged = {"union": (round(worth(vectors, alone.rows) / best, 4), seconds)}
        for sample in (*SAMPLES, len(pool)):
            chosen, seconds = timed(
                lambda found=found, sample=sample: covering(
                    pool, found, budget, params, sample, 0, compared=False
                )
            )
            merged[str(sample)] = (round(worth(vectors, chosen.rows) / best, 4), seconds)
        part = max(worth(vectors, each.rows) for each in found) / best
        yield {"parts": parts, "handed_on": len(union), "first_round": first} | {
            "best_part": round(part, 4),
            **merged,
        }


def sieves(pool: Pool, vectors: Vectors, count: int, folder: str) -> Iterator[Row]:
    best = worth(vectors, select("facility_location", pool, count, mode="exact").rows)
    for given in ({"epsilon": 0.1}, {}, {"epsilon": 0.4}, {"sample": 16_384}):
        chosen, seconds = timed(lambda given=given: select("sieve", pool, count, **given))
        told = {k: v for k, v in chosen.info.items() if k in ("sieves", "candidates", "sample")}
        told["best_sieve"] = round(chosen.info["best_sieve"] / chosen.info["value"], 4)
        told["at_most"] = round(chosen.info["value"] / chosen.info["optimum_at_most"], 4)
        yield {**given, "value": round(worth(vectors, chosen.rows) / best, 4), **told} | {
            "seconds": seconds
        }


def centres(pool: Pool, vectors: Vectors, count: int, folder: str) -> Iterator[Row]:
    run, budget = a_run(pool, folder), Budget(count=count)
    one = run.select(pool.data, "k_center", budget)
    best = radius(vectors, one.rows)
    for parts in PARTS:
        chosen, seconds = timed(
            lambda parts=parts: two_round(run, pool.data, budget, by="k_center", parts=parts)
        )
        yield {"parts": parts, "radius": round(radius(vectors, chosen.rows) / best, 4)} | {
            "at_most": round(chosen.info["merge"]["radius_in_pool_at_most"] / best, 2),
            "same": round(float(np.isin(chosen.rows, one.rows).mean()), 3),
            "seconds": seconds,
        }


def filters(pool: Pool, vectors: Vectors, count: int, folder: str) -> Iterator[Row]:
    # by a random score, and with a threshold that passes rows over
    by = "deita_filter(by=length,threshold=0.6)"
    run, budget = a_run(pool, folder), Budget(count=count)
    one, scores = run.select(pool.data, by, budget), pool.scores("score")
    yield {"parts": 1, "too_similar": one.info["too_similar"]}
    for parts in PARTS:
        chosen = two_round(run, pool.data, budget, by=by, parts=parts)
        yield {"parts": parts, "same": round(float(np.isin(chosen.rows, one.rows).mean()), 4)} | {
            "score": round(float(scores[chosen.rows].mean() / scores[one.rows].mean()), 5)
        }


# memory


def write_vectors(data: str, rows: int, path: Path) -> None:
    """A float16 file of the data's embeddings and near copies of them."""
    real = embeddings(data, 60_000).astype(np.float32)
    generator = np.random.default_rng(2)
    file = np.lib.format.open_memmap(path, "w+", np.float16, (rows, WIDTH))
    for start in range(0, rows, 10_000):
        part = real[np.arange(start, min(start + 10_000, rows)) % len(real)]
        noise = generator.uniform(0.1, 0.6, (len(part), 1)) / np.sqrt(WIDTH)
        copies = part + noise * generator.standard_normal(part.shape)
        file[start : start + len(part)] = copies / np.linalg.norm(copies, axis=1, keepdims=True)
    file.flush()


def write_texts(data: str, rows: int, path: Path) -> None:
    """The data's texts, and copies of them with a share of their words exchanged, on disk."""
    texts = [r["instruction"] + "\n" + r["output"] for r in json.loads(Path(data).read_text())]
    draw = random.Random(3)
    words = [word for text in texts[:3000] for word in text.split()]
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, SCHEMA) as out:
        for start in range(0, rows, 10_000):
            made = []
            for row in range(start, min(start + 10_000, rows)):
                text = texts[row % len(texts)].split()
                share = draw.choice([0.0, 0.02, 0.1, 0.5]) if row >= len(texts) else 0.0
                text = [draw.choice(words) if draw.random() < share else w for w in text]
                turn = {"role": "assistant", "content": " ".join(text), "tool_calls": None}
                made.append({"id": f"{draw.getrandbits(64):016x}", "messages": [turn], "row": row})
            out.write_table(pa.Table.from_pylist(made, schema=SCHEMA))


def mapped(path: str) -> Pool:
    return make_pool(np.load(path, mmap_mode="r"))


def in_parts(path: str, count: int, by: str, parts: int) -> Row:
    pool = mapped(path)
    with tempfile.TemporaryDirectory() as folder:
        run = a_run(pool, folder)
        chosen = two_round(run, pool.data, Budget(count=count), by=by, parts=parts)
    return {"picks": len(chosen), "handed_on": chosen.info["handed_on"]}


def sifted(path: str, count: int, **given: Any) -> Row:
    chosen: Selection = select("sieve", mapped(path), count, **given)
    return {"picks": len(chosen), **{k: round(v, 3) for k, v in chosen.info.items()}}


def clustered(path: str) -> Row:
    pool = mapped(path)
    found = k_means(Table(pool, "embedding", np.arange(len(pool))), automatic(len(pool)))
    return {"clusters": len(found.centres)}


def duplicates(path: str) -> Row:
    table = pa.ipc.open_file(pa.memory_map(path)).read_all()
    column = near_duplicate(Pool.of(Dataset(table, fingerprint(table["id"]))))
    return {"dropped": int((column.values.to_numpy() > 0).sum())}


Job = tuple[Callable[..., Row], dict[str, Any]]
MEMORY: dict[str, Job] = {
    "two_round, k_center": (in_parts, {"by": "k_center", "parts": 8}),
    "two_round, facility_location": (in_parts, {"by": "facility_location", "parts": 8}),
    "two_round, deita_filter": (in_parts, {"by": "deita_filter(by=length)", "parts": 8}),
    "sieve": (sifted, {}),
    "k_means": (clustered, {}),
    "near_duplicate": (duplicates, {}),
}


def _alone(function: Callable[..., Row], given: dict[str, Any], answer: Any) -> None:
    found, seconds = timed(lambda: function(**given))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    answer.put({"seconds": seconds, "gigabytes": round(peak, 2), **found})


def memory(data: str, rows: int, count: int, only: str, folder: str) -> Iterator[Row]:
    vectors, texts = Path(folder) / "vectors.npy", Path(folder) / "texts.arrow"
    for name, (function, given) in MEMORY.items():
        if only not in name:
            continue
        reads_texts = function is duplicates
        path, write = (texts, write_texts) if reads_texts else (vectors, write_vectors)
        if not path.exists():
            write(data, rows, path)
        settings = {"path": str(path), **given}
        if function in (in_parts, sifted):
            settings["count"] = count
        context = multiprocessing.get_context("spawn")
        answer = context.Queue()
        job = context.Process(target=_alone, args=(function, settings, answer))
        job.start()
        job.join()
        if job.exitcode:
            raise SystemExit(f"{name} ended with {job.exitcode}")
        found = answer.get()
        yield {"what": name, "rows": rows, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("quality", "memory"))
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--picks", type=int, default=10_000)
    parser.add_argument("--only", default="", help="part of the name of what to measure")
    parser.add_argument("--folder", help="where files go that are made; they are kept there")
    parser.add_argument("--json", help="write the results to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or temporary
        if given.what == "quality":
            rows = quality(given.data, folder, given.only)
        else:
            rows = memory(given.data, given.rows, given.picks, given.only, folder)
        results = []
        for row in rows:
            results.append(row)
            print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
