"""Measure near_duplicate against datasketch and against brute force, in one run and one process.

    python benchmarks/near_duplicates.py --data ../shared/data [--rows 10000] [--json OUT]

Pools: Alpaca rows as they are, the same with planted edits, and two sets with many copies of one
template. Brute force is an inverted index on the shingles and exact Jaccard of all pairs that share
one. Every way is judged by what it keeps: recall is the share of pairs at or above the threshold of
which not both rows stay; precision is the share of dropped rows that have a kept row at or above
it. Rates are per second of processor time, shingling included, best of the repeats. The datasketch
part runs where datasketch can be imported.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tamis.scorers._minhash import bands_for
from tamis.scorers._words import words
from tamis.scorers.near_duplicate import near_duplicate
from tamis.types import SCHEMA, Dataset, Pool, fingerprint

try:
    import datasketch
except ImportError:
    datasketch = None

SIZE, PERMUTATIONS, THRESHOLD = 5, 128, 0.8
Kept = np.ndarray[Any, np.dtype[np.bool_]]


class Pairs(NamedTuple):
    """All pairs of rows that share a shingle and are similar enough, with their Jaccard."""

    left: np.ndarray[Any, Any]
    right: np.ndarray[Any, Any]
    jaccard: np.ndarray[Any, Any]


def read(path: Path) -> list[str]:
    keys = ("instruction", "input", "output", "response")
    return ["\n".join(str(r[k]) for k in keys if r.get(k)) for r in json.loads(path.read_text())]


def as_pool(texts: list[str]) -> Pool:
    turns = [[{"role": "assistant", "content": text, "tool_calls": None}] for text in texts]
    ids = [f"{random.Random(i).getrandbits(64):016x}" for i in range(len(texts))]
    none = [None] * len(texts)
    columns = [ids, turns, none, none, [0] * len(texts), range(len(texts)), none]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return Pool.of(Dataset(table, fingerprint(table["id"])))


def shingle_sets(texts: list[str]) -> list[set[bytes]]:
    """What anybody would write, on the same words."""
    found = words(pa.array(texts))
    flat, at = found.flat.to_pylist(), found.offsets.tolist()
    rows = (flat[a:b] for a, b in pairwise(at))
    return [
        {" ".join(row[i : i + SIZE]).encode() for i in range(max(len(row) - SIZE + 1, 1))}
        if row
        else set()
        for row in rows
    ]


def brute_force(sets: list[set[bytes]], least: float) -> Pairs:
    """Pairs with Jaccard at or above `least`: counts over the posting lists of each row."""
    postings: dict[bytes, list[int]] = defaultdict(list)
    for i, row in enumerate(sets):
        for one in row:
            postings[one].append(i)
    lists = {one: np.asarray(rows) for one, rows in postings.items() if len(rows) > 1}
    sizes = np.asarray([len(row) for row in sets])
    found: list[tuple[Any, Any, Any]] = []
    for i, row in enumerate(sets):
        near = [lists[one] for one in row if one in lists]
        if not near:
            continue
        common = np.bincount(np.concatenate(near), minlength=len(sets))[:i]
        other = np.flatnonzero(common)
        jaccard = common[other] / (sizes[i] + sizes[other] - common[other])
        keep = jaccard >= least
        found.append((np.full(keep.sum(), i), other[keep], jaccard[keep]))
    empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Pairs(*(np.concatenate(side) for side in zip(empty, *found, strict=True)))


def ours(texts: list[str], pool: Pool) -> Kept:
    column = near_duplicate(pool, threshold=THRESHOLD, shingle=SIZE, permutations=PERMUTATIONS)
    return np.asarray(column.values) == 0


def sketched(
    texts: list[str], pool: Pool, *, bulk: bool, params: tuple[int, int] | None, check: bool
) -> Kept:
    """datasketch: drop a row when the index finds a kept row for it."""
    sets = shingle_sets(texts)
    if bulk:
        signed = datasketch.MinHash.bulk(sets, num_perm=PERMUTATIONS)
    else:
        signed = []
        for row in sets:
            signed.append(datasketch.MinHash(num_perm=PERMUTATIONS))
            for one in row:
                signed[-1].update(one)
    index = datasketch.MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, params=params)
    kept = np.ones(len(sets), np.bool_)
    for i, signature in enumerate(signed):
        near = index.query(signature) if sets[i] else []
        if check:
            near = [k for k in near if len(sets[i] & sets[k]) >= THRESHOLD * len(sets[i] | sets[k])]
        kept[i] = not near
        if not near and sets[i]:
            index.insert(i, signature)
    return kept


def ways() -> dict[str, Callable[[list[str], Pool], Kept]]:
    """Name -> way; those of datasketch only where it is installed."""
    found: dict[str, Callable[[list[str], Pool], Kept]] = {"tamis": ours}
    if datasketch is None:
        return found
    same = bands_for(THRESHOLD, PERMUTATIONS)
    settings: dict[str, dict[str, Any]] = {
        "datasketch, update": {"bulk": False, "params": None, "check": False},
        "datasketch, bulk": {"bulk": True, "params": None, "check": False},
        "datasketch, bulk, our bands, checked": {"bulk": True, "params": same, "check": True},
    }
    for name, setting in settings.items():
        found[name] = lambda texts, pool, setting=setting: sketched(texts, pool, **setting)
    return found


def judge(kept: Kept, pairs: Pairs) -> dict[str, Any]:
    """Recall and precision of what is kept; None where there is nothing to divide by."""
    missed = int((kept[pairs.left] & kept[pairs.right]).sum())
    justified = np.zeros(len(kept), np.bool_)
    justified[pairs.left[kept[pairs.right]]] = True
    justified[pairs.right[kept[pairs.left]]] = True
    dropped = int((~kept).sum())
    return {
        "dropped": dropped,
        "missed": missed,
        "recall": 1 - missed / len(pairs.left) if len(pairs.left) else None,
        "precision": float(justified[~kept].mean()) if dropped else None,
    }


def compare(name: str, texts: list[str], repeats: int, pairs: Pairs) -> list[dict[str, Any]]:
    """Every way on one pool; the slow naive way runs once, the others keep their best time."""
    pool = as_pool(texts)
    rows: list[dict[str, Any]] = []
    for way, run in ways().items():
        seconds = []
        for _ in range(1 if "update" in way else repeats):
            began = time.process_time()
            kept = run(texts, pool)
            seconds.append(time.process_time() - began)
        speed = len(texts) / min(seconds)
        row = {"pool": name, "rows": len(texts), "pairs": len(pairs.left), "way": way}
        row |= {"rows_per_cpu_second": round(speed), **judge(kept, pairs)}
        row["times_slower"] = rows[0]["rows_per_cpu_second"] / speed if rows else 1.0
        rows.append(row)
    return rows


def changed(text: str, rng: random.Random, count: int) -> str:
    found = text.split(" ")
    for i in rng.sample(range(len(found)), min(count, len(found))):
        found[i] = "changed"
    return " ".join(found)


def dropped(text: str, rng: random.Random, share: float) -> str:
    return " ".join(word for word in text.split(" ") if rng.random() >= share)


def punctuated(text: str, rng: random.Random) -> str:
    return text.upper().replace(" ", " ,") + "!"


ADDED = " I hope that this is what you were looking for."
EDITS: dict[str, Callable[[str, random.Random], str]] = {
    "case and punctuation": punctuated,
    "1 word changed": lambda text, rng: changed(text, rng, 1),
    "2 words changed": lambda text, rng: changed(text, rng, 2),
    "5 words changed": lambda text, rng: changed(text, rng, 5),
    "1 sentence appended": lambda text, rng: text + ADDED,
    "3 sentences appended": lambda text, rng: text + ADDED + " Is there more?" + ADDED.upper(),
    "1 % of words dropped": lambda text, rng: dropped(text, rng, 0.01),
    "3 % of words dropped": lambda text, rng: dropped(text, rng, 0.03),
    "10 % of words dropped": lambda text, rng: dropped(text, rng, 0.1),
}


def planted(texts: list[str]) -> tuple[list[str], dict[str, list[tuple[int, int]]]]:
    """The rows and one edit of each, and the (row, edit) positions of each kind of edit."""
    rng = random.Random(7)
    both, where = list(texts), defaultdict(list)
    for i, text in enumerate(texts):
        kind = list(EDITS)[i % len(EDITS)]
        where[kind].append((i, len(both)))
        both.append(EDITS[kind](text, rng))
    return both, where


def by_edit(texts: list[str], where: dict[str, list[tuple[int, int]]]) -> list[dict[str, Any]]:
    """For each kind of edit: true similarity, pairs found above the threshold, drops below it."""
    kept, sets = ours(texts, as_pool(texts)), shingle_sets(texts)
    rows = []
    for kind, pairs in where.items():
        true = np.asarray([len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs])
        one = np.asarray([not (kept[a] and kept[b]) for a, b in pairs])
        above = true >= THRESHOLD
        rows.append(
            {
                "edit": kind,
                "pairs": len(pairs),
                "mean_jaccard": float(true.mean()),
                "above": int(above.sum()),
                "found": int(one[above].sum()),
                "below": int((~above).sum()),
                "dropped_below": int(one[~above].sum()),
            }
        )
    return rows


def shown(rows: list[dict[str, Any]], columns: list[str]) -> None:
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in [columns, *cells]:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))
    print()


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds instructions/")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if datasketch is None:
        print("datasketch is not installed: its part is skipped")
    folder = given.data / "instructions"
    alpaca = read(folder / "alpaca" / "alpaca_30k.json")[: given.rows]
    edited, where = planted(alpaca[: given.rows // 2])
    teacher = folder / "gpteacher"
    pools = {
        "alpaca": alpaca,
        "alpaca with edits": edited,
        "toolformer": read(teacher / "toolformer-dedupe-only-dataset.json"),
        "roleplay": read(teacher / "roleplay-simple-deduped-roleplay-dataset.json"),
    }
    speed = []
    for name, texts in pools.items():
        pairs = brute_force(shingle_sets(texts), THRESHOLD)
        speed += compare(name, texts, given.repeats, pairs)
    edits = by_edit(edited, where)
    print(f"Jaccard {THRESHOLD}, {SIZE}-word shingles, {PERMUTATIONS} permutations")
    shown(speed, list(speed[0]))
    shown(edits, list(edits[0]))
    if given.json:
        given.json.write_text(json.dumps({"ways": speed, "edits": edits}, indent=1))


if __name__ == "__main__":
    main()
