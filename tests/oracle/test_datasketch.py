"""MinHash and near-duplicates against datasketch and against exact Jaccard on real rows."""

from __future__ import annotations

import hashlib
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tamis.scorers._minhash import bands_for, shingles, signatures
from tamis.scorers._words import words
from tamis.scorers.near_duplicate import near_duplicate
from tamis.types import SCHEMA, Dataset, Pool, fingerprint

datasketch = pytest.importorskip("datasketch")

SHARED = Path(os.environ.get("TAMIS_SHARED", Path(__file__).parents[3] / "shared"))
SIZE = 5


def read(name: str, rows: int) -> list[str]:
    path = SHARED / "data" / "instructions" / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    keys = ("instruction", "input", "output", "response")
    listed = json.loads(path.read_text())[:rows]
    return ["\n".join(str(row[key]) for key in keys if row.get(key)) for row in listed]


def named(texts: list[str]) -> Pool:
    turns = [[{"role": "assistant", "content": text, "tool_calls": None}] for text in texts]
    ids = [hashlib.sha256(f"{i} {text}".encode()).hexdigest() for i, text in enumerate(texts)]
    none = [None] * len(texts)
    columns = [ids, turns, none, none, [0] * len(texts), range(len(texts)), none]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return Pool.of(Dataset(table, fingerprint(table["id"])))


def shingle_sets(texts: list[str]) -> list[set[bytes]]:
    found = words(pa.array(texts))
    flat, at = found.flat.to_pylist(), found.offsets.tolist()
    rows = [flat[a:b] for a, b in pairwise(at)]
    return [
        {" ".join(row[i : i + SIZE]).encode() for i in range(max(len(row) - SIZE + 1, 1))}
        if row
        else set()
        for row in rows
    ]


@pytest.fixture(scope="module")
def template_rows() -> list[str]:
    return read("gpteacher/toolformer-dedupe-only-dataset.json", 1000)


def test_the_estimate_is_as_close_to_exact_as_datasketch(template_rows: list[str]) -> None:
    texts = template_rows[:500]
    sets = shingle_sets(texts)
    theirs = np.array([m.hashvalues for m in datasketch.MinHash.bulk(sets, num_perm=128)]).T
    ours = signatures(shingles(pa.array(texts), SIZE), 128, 1)
    left, right = np.triu_indices(len(texts), 1)
    exact = np.array(
        [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in zip(left, right, strict=True)]
    )
    errors = [(s[:, left] == s[:, right]).mean(axis=0) - exact for s in (ours, theirs)]
    close = exact > 0.1
    assert close.sum() > 1000
    assert abs(errors[0].mean()) < 0.01
    assert np.sqrt((errors[0] ** 2).mean()) < 1.2 * np.sqrt((errors[1] ** 2).mean())
    expected = np.sqrt((exact * (1 - exact)).mean() / 128)
    assert np.sqrt((errors[0] ** 2).mean()) < 1.3 * expected


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_the_same_rows_are_kept(template_rows: list[str], threshold: float) -> None:
    """datasketch with our bands, its candidates checked exactly, rows walked by id."""
    sets = shingle_sets(template_rows)
    rows = named(template_rows)
    lsh = datasketch.MinHashLSH(num_perm=128, params=bands_for(threshold, 128))
    signed = datasketch.MinHash.bulk(sets, num_perm=128)
    dropped = np.zeros(len(sets), bool)
    walked = np.zeros(len(sets), bool)
    for i in np.argsort(rows.ids).tolist():
        near = lsh.query(signed[i])
        alike = [len(sets[i] & sets[k]) / len(sets[i] | sets[k]) for k in near]
        dropped[i] = max(alike, default=0.0) >= threshold
        if not dropped[i]:
            lsh.insert(i, signed[i])
        reasons = (len(sets[i] & sets[k]) / len(sets[i] | sets[k]) for k in np.flatnonzero(walked))
        walked[i] = not any(reason >= threshold for reason in reasons)
    ours = near_duplicate(rows, threshold=threshold).values.to_numpy() > 0
    exact = ~walked
    assert dropped.sum() > 3
    # both may miss a pair at the threshold: ours is at least as near to brute force
    assert (ours != exact).sum() <= max(1, (dropped != exact).sum())
    assert (ours == dropped).mean() > 0.998
