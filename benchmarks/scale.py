"""From ten thousand rows to a million: seconds, memory and growth of each part of a selection.

    python benchmarks/scale.py --data ../shared/data/instructions --out scale.json
    python benchmarks/scale.py --data ... --sizes 10000 100000 --executor processes:2

Pools are mixed real rows, then copies with words of other rows (`pools.py`). Each size runs in a
process of its own with an empty store, part after part: read, the lexical scores of the default
method, embedding, near-duplicates, and the default selection of 1 %. Peak memory is the process's
(on Linux; pages of mapped files count), workers' beside it. The naive form of each part, where its
time or memory allows, runs in the same call: rows as a list of dicts, a loop a row, datasketch,
and greedy on all similarities. `growth` is log(seconds / seconds) / log(rows / rows) between two
sizes. The paper plan reckons larger pools from the largest that was measured.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from executors import hardware
from pools import mixed_file

LEXICAL = ("length(unit=words)", "mtld")
FAULTS = ("empty(of=response)", "empty(of=instruction)", "refusal")
TWIN = "near_duplicate(threshold=0.8)"
PARTS: dict[str, tuple[str, ...]] = {
    "lexical": LEXICAL,
    "faults": FAULTS,
    "embedding": ("embedding",),
    "near-duplicates": (TWIN,),
}
"""Columns of each part, in their order; reading comes before, the selection after them."""
NAIVE_AT_MOST = {
    "read": 1_000_000,
    "lexical": 100_000,
    "embedding": 100_000,
    "near-duplicates": 100_000,
    "select": 10_000,
}
"""Rows up to which a naive form is run; a square of similarities is 400 MB at 10,000 rows."""
STEPS = 20  # of the naive greedy; a selection takes as many as it picks
PLANNED = (10_000_000, 100_000_000)
PASSES = {"file": 1, "rows": len(PARTS), "stored_columns": 1, "vectors": 3}
"""Of a selection: the file is read once, rows by each part but the last, vectors by `finite`, by
the assignment to the centres and by the greedy of each block."""
Told = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of instruction sets")
    parser.add_argument("--out", type=Path, default=Path("scale.json"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--executor", default="inline")
    parser.add_argument("--folder", type=Path, help="where pools are kept for the next call")
    parser.add_argument("--no-naive", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        what, path = given.one
        print(json.dumps(ours(path, given.executor) if what == "ours" else naive(what, path)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        folder = given.folder or Path(scratch)
        sizes = [measured(given, folder, size) for size in sorted(given.sizes)]
    found = {"hardware": hardware(), "executor": given.executor, "sizes": sizes}
    found["growth"] = growth(sizes)
    found["plan"] = [planned(sizes, rows) for rows in PLANNED]
    print(shown(found))
    given.out.write_text(json.dumps(found, indent=1))


def measured(given: argparse.Namespace, folder: Path, size: int) -> Told:
    """One size: ours, then the naive forms."""
    path = folder / f"mixed-{size}.jsonl"
    if not path.exists():
        mixed_file(path, given.data, size)
    found = apart(given, "ours", path)
    found["file_bytes"] = path.stat().st_size
    for part, most in NAIVE_AT_MOST.items():
        if size <= most and not given.no_naive:
            found["parts"][part]["naive"] = one = apart(given, part, path)
            one["times"] = round(one["seconds"] / found["parts"][part]["seconds"], 2)
    print(f"{size:,} rows: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def apart(given: argparse.Namespace, what: str, path: Path) -> Told:
    """One measurement, in an interpreter of its own."""
    command = [sys.executable, __file__, "--data", str(given.data), "--executor", given.executor]
    done = subprocess.run([*command, "--one", what, str(path)], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def measuring(found: Told) -> Iterator[None]:
    """Seconds, and the peak of this process's memory meanwhile, in GB."""
    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        forget.write_text("5")
    begun, worked = time.perf_counter(), time.process_time()
    yield
    found["seconds"] = round(time.perf_counter() - begun, 3)
    found["processor_seconds"] = round(time.process_time() - worked, 3)
    found["gigabytes"] = round(peak(), 3)


def peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def ours(path: str, executor: str) -> Told:
    """The parts of a selection, one after the other into an empty store."""
    from tamis.run.session import Run

    parts: dict[str, Told] = {}
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        run = Run(store=Path(folder) / "scores", executor=executor)
        pool, chosen = through(
            run, path, Path(folder), lambda name: measuring(parts.setdefault(name, {}))
        )
        stored = {
            method.name: sum(f.stat().st_size for f in method.rglob("part-*"))
            for method in (Path(folder) / "scores").iterdir()
        }
        told = digest(pool, chosen) | {"row_bytes": pool.data.table.nbytes}
        del run  # its workers end
    twins = int((pool.scores(TWIN) > 0).sum())
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    return {
        "rows": len(pool),
        "parts": parts,
        "seconds": round(sum(part["seconds"] for part in parts.values()), 1),
        "gigabytes": max(part["gigabytes"] for part in parts.values()),
        "gigabytes_of_largest_worker": round(workers, 3),
        "stored_bytes": stored,
        "near_duplicates": twins,
        **told,
    }


def through(
    run: Any, path: str, spool: Path, around: Callable[[str], AbstractContextManager[None]]
) -> tuple[Any, Any]:
    """The pool and what is selected, part after part, each of them inside `around(part)`."""
    from tamis.budget import Budget
    from tamis.data.read import read
    from tamis.recipes.clean_cover import clean_cover

    with around("read"):
        data = read(path, spool_dir=spool)
    pool: Any = data
    for name, columns in PARTS.items():
        with around(name):
            pool = run.score(data, columns)
    with around("select"):
        chosen = clean_cover(run, data, Budget(fraction=0.01))
    return pool, chosen


def digest(pool: Any, chosen: Any) -> Told:
    ids = pool.ids[chosen.rows].tolist()
    return {"picks": len(ids), "subset": hashlib.sha256(" ".join(ids).encode()).hexdigest()[:16]}


def naive(part: str, path: str) -> Told:
    """A part as a script does it that somebody writes in an afternoon."""
    found: Told = {}
    if part == "read":
        with measuring(found):
            rows = plain_rows(path)
        return {**found, "rows": len(rows)}
    texts = [
        ["\n".join(turn["content"] for turn in row["messages"]), row["messages"][-1]["content"]]
        for row in plain_rows(path)
    ]
    loop = {
        "lexical": naive_lexical,
        "embedding": naive_embedding,
        "near-duplicates": naive_twins,
        "select": naive_select,
    }[part]
    work, scale = loop(texts)
    with measuring(found):
        work()
    found["seconds"] = round(found["seconds"] * scale, 3)
    return found


def plain_rows(path: str) -> list[Told]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


Work = tuple[Callable[[], Any], float]


def naive_lexical(texts: list[list[str]]) -> Work:
    """Words by white space, and MTLD by lexicalrichness, a row at a time."""
    from lexical import naive_forms

    forms, answers = naive_forms(), [answer for _, answer in texts]
    return lambda: (forms["length(unit=words)"](answers), forms["mtld"](answers)), 1.0


def naive_embedding(texts: list[list[str]]) -> Work:
    """The table of the package, a row at a time: tokens, a sum of their vectors, its length."""
    import numpy as np

    from tamis.models.static import _load_table
    from tamis.models.tokenizer import load_tokenizer

    table, tokenizer = _load_table()[0], load_tokenizer().backend

    def work() -> None:
        for whole, _ in texts:
            vector = table[tokenizer.encode(whole[:4000], add_special_tokens=False).ids].sum(axis=0)
            vector / max(float(np.linalg.norm(vector)), 1e-9)

    return work, 1.0


def naive_twins(texts: list[list[str]]) -> Work:
    """datasketch, a row at a time."""
    from near_duplicates import sketched

    wholes = [whole for whole, _ in texts]
    return lambda: sketched(wholes, None, bulk=False, params=None, check=False), 1.0


def naive_select(texts: list[list[str]]) -> Work:
    """Facility location by greedy on all similarities; some steps, as all take as long."""
    import numpy as np

    from tamis.models.static import StaticEmbedder

    vectors = StaticEmbedder().embed([whole for whole, _ in texts])

    def work() -> None:
        similar = np.maximum(vectors @ vectors.T, 0)
        covered = np.zeros(len(vectors), np.float32)
        for _ in range(STEPS):
            best = int(np.maximum(similar - covered, 0).sum(axis=1).argmax())
            np.maximum(covered, similar[best], out=covered)

    return work, max(len(texts) // 100, STEPS) / STEPS


def growth(sizes: list[Told]) -> list[Told]:
    """Of each part between two sizes that follow each other."""
    found = []
    for small, large in itertools.pairwise(sizes):
        ratio = math.log(large["rows"] / small["rows"])
        exponents = {
            part: round(
                math.log(told["seconds"] / max(small["parts"][part]["seconds"], 1e-3)) / ratio, 2
            )
            for part, told in large["parts"].items()
        }
        whole = round(math.log(large["seconds"] / small["seconds"]) / ratio, 2)
        found.append({"from": small["rows"], "to": large["rows"], **exponents, "all": whole})
    return found


def planned(sizes: list[Told], rows: int) -> Told:
    """What a larger pool would take, reckoned from the largest that was measured."""
    last = sizes[-1]
    times, found = rows / last["rows"], {}
    exponents = growth(sizes[-2:])[0] if len(sizes) > 1 else {}
    for part, told in last["parts"].items():
        power = max(exponents.get(part, 1.0), 1.0)  # a start that is paid once looks like less
        found[part] = round(told["seconds"] * times**power)
    stored = sum(last["stored_bytes"].values())
    slope = 0.0
    if len(sizes) > 1:
        before = sizes[-2]
        slope = (last["gigabytes"] - before["gigabytes"]) / (last["rows"] - before["rows"])
    return {
        "rows": rows,
        "seconds_on_this_machine": found,
        "gigabytes_in_one_round": round(last["gigabytes"] + slope * (rows - last["rows"]), 1),
        "file_gigabytes": round(last["file_bytes"] * times / 1e9, 1),
        "store_gigabytes": round(stored * times / 1e9, 2),
        "vectors_gigabytes_float32": round(rows * 256 * 4 / 1e9, 1),
        "minhash_gigabytes": round(rows * 168 / 1e9, 1),
        "parts_of_8192_rows": math.ceil(rows / 8192) * (len(LEXICAL) + len(FAULTS) + 1),
        "passes": PASSES,
        "network_gigabytes": {
            "rows_to_each_machine": round(last["row_bytes"] * times / 1e9, 1),
            "parts_to_the_store": round(stored * times / 1e9, 1),
            "columns_to_the_first_machine": round(stored * times / 1e9, 1),
        },
    }


def shown(found: Told) -> str:
    lines = [f"{found['hardware']}, {found['executor']}"]
    for told in found["sizes"]:
        lines.append(
            f"{told['rows']:,} rows: {told['seconds']} s, {told['gigabytes']} GB, "
            f"{told['near_duplicates']:,} near-duplicates, {told['picks']:,} picks"
        )
        for part, one in told["parts"].items():
            line = f"  {part:<16}{one['seconds']:>10.2f} s {one['gigabytes']:>7.2f} GB"
            if "naive" in one:
                plain = one["naive"]
                line += f"   naive {plain['seconds']:>10.2f} s, {plain['times']} times"
            lines.append(line)
    lines += [f"growth {one}" for one in found["growth"]]
    lines += [f"plan {one}" for one in found["plan"]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
