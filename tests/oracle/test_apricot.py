"""Greedy selectors against apricot-select 0.6.1 on vectors of real text, pick by pick."""

import json

import numpy as np
import pyarrow as pa
import pytest

from tamis.budget import Budget
from tamis.selectors.facility_location import facility_location
from tamis.selectors.graph_cut import graph_cut
from tamis.selectors.saturated_coverage import saturated_coverage
from tamis.types import SCHEMA, Dataset, Pool, fingerprint
from tamis.vectors import unit

apricot = pytest.importorskip("apricot")
ROWS, PICKS = 600, 150


@pytest.fixture(scope="module")
def vectors(sample):
    """Instructions and answers of the sample as hashed words, projected; no two are the same."""
    records = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    parts = dict.fromkeys(f"{r['instruction']} {r['input']} {r['output']}" for r in records)
    words = [part.split() for part in parts if len(part.split()) > 12][:ROWS]
    vocabulary = {word: n for n, word in enumerate(sorted({w for part in words for w in part}))}
    counts = np.zeros((len(words), len(vocabulary)), np.float32)
    for row, part in enumerate(words):
        for word in part:
            counts[row, vocabulary[word]] += 1
    projection = np.random.default_rng(0).standard_normal((len(vocabulary), 64))
    return unit(np.log1p(counts) @ projection.astype(np.float32))


def pool(vectors):
    rows = [
        {"id": f"{n:05d}", "messages": [{"role": "assistant", "content": "text"}], "row": n}
        for n in range(len(vectors))
    ]
    table = pa.Table.from_pylist([{**row, "source": 0} for row in rows], schema=SCHEMA)
    return Pool.of(Dataset(table, fingerprint(table["id"])), embedding=vectors)


def fitted(kind, similar, **settings):
    """apricot's picks from a similarity matrix, every row evaluated in every step."""
    model = kind(PICKS, metric="precomputed", optimizer="naive", **settings)
    return model.fit(similar.astype(np.float64))


def clipped(vectors):
    return np.maximum(vectors @ vectors.T, 0)


def test_facility_location_is_apricots(vectors):
    """Two rows that serve each other and nobody else tie exactly: there rounding decides."""
    similar = clipped(vectors)
    model = fitted(apricot.FacilityLocationSelection, similar)
    chosen = facility_location(pool(vectors), Budget(count=PICKS), of="embedding", mode="exact")
    assert chosen.gains == pytest.approx(model.gains, rel=1e-5)
    assert chosen.rows[:50].tolist() == model.ranking[:50].tolist()
    covered = np.zeros(len(vectors))
    for ours, theirs in zip(chosen.rows.tolist(), model.ranking.tolist(), strict=True):
        gains = np.maximum(similar - covered, 0).sum(axis=1, dtype=np.float64)
        if ours != theirs and theirs not in chosen.rows[: chosen.rows.tolist().index(ours)]:
            assert gains[theirs] == pytest.approx(gains[ours], rel=3e-6)
        covered = np.maximum(covered, similar[ours])
    assert (chosen.rows == model.ranking).mean() > 0.9


@pytest.mark.parametrize("saturation", [0.1, 0.5])
def test_saturated_coverage_is_apricots(vectors, saturation):
    model = fitted(apricot.SaturatedCoverageSelection, clipped(vectors), alpha=saturation)
    found = pool(vectors)
    # apricot picks at random among gains of rounding once all rows are satisfied
    count = int((model.gains > 1e-3).sum())
    assert count >= 50
    chosen = saturated_coverage(found, Budget(count=count), saturation=saturation)
    assert chosen.rows.tolist() == model.ranking[:count].tolist()
    assert chosen.gains == pytest.approx(model.gains[:count], rel=1e-4)


@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
def test_graph_cut_is_apricots(vectors, weight):
    # apricot wants no similarity below 0: half of one plus the cosine gives the same picks
    similar = (1 + vectors @ vectors.T) / 2
    model = fitted(apricot.GraphCutSelection, similar, alpha=weight)
    chosen = graph_cut(pool(vectors), Budget(count=PICKS), weight=weight)
    assert chosen.rows.tolist() == model.ranking.tolist()
    itself, before = np.ones(PICKS), np.arange(PICKS)
    theirs = 2 * (model.gains + itself + before) - weight * len(vectors)
    assert chosen.gains == pytest.approx(theirs, abs=1e-3)


def test_graph_cut_with_no_cosine_below_0_is_apricots_on_the_cosines(vectors):
    positive = unit(np.abs(vectors))
    model = fitted(apricot.GraphCutSelection, positive @ positive.T)
    chosen = graph_cut(pool(positive), Budget(count=PICKS))
    assert chosen.rows.tolist() == model.ranking.tolist()
    assert chosen.gains - 1 == pytest.approx(model.gains, abs=1e-3)
