from itertools import combinations

import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import cover as module
from tamis.selectors._rows import shares
from tamis.selectors.cover import cover
from tamis.vectors import unit


def vectors_of(rows, dimensions=6, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


def value_of(similar, picked):
    return np.maximum(similar[:, list(picked)].max(axis=1), 0).mean()


def test_one_block_is_greedy_facility_location_weighted_by_quality():
    vectors, quality = vectors_of(50), np.random.default_rng(1).random(50)
    similar = np.maximum(unit(vectors) @ unit(vectors).T, 0).astype(float)
    rows = pool(50, embedding=vectors, q=quality)
    chosen = cover(rows, Budget(count=25), quality="q", clusters=1)
    covered, picked = np.zeros(50), []
    for row, gain in zip(chosen.rows.tolist(), chosen.gains.tolist(), strict=True):
        values = np.maximum(similar - covered, 0).mean(axis=1) * shares(quality)
        values[picked] = -1
        assert gain == pytest.approx(values.max(), rel=1e-4)
        assert values[row] == pytest.approx(values.max(), rel=1e-4)
        covered = np.maximum(covered, similar[row])
        picked.append(row)
    assert chosen.info["coverage"] == pytest.approx(covered.mean(), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_reaches_its_bound(seed):
    vectors = vectors_of(10, 3, seed)
    similar = unit(vectors) @ unit(vectors).T
    best = max(value_of(similar, c) for c in combinations(range(10), 3))
    chosen = cover(pool(10, embedding=vectors), Budget(count=3), clusters=1)
    assert value_of(similar, chosen.rows) >= (1 - 1 / np.e) * best


def test_values_never_rise_and_every_row_comes_once():
    rows = pool(300, embedding=vectors_of(300), q=np.random.default_rng(2).random(300))
    chosen = cover(rows, Budget(count=300), quality="q")
    assert sorted(chosen.rows.tolist()) == list(range(300))
    assert (np.diff(chosen.gains) <= 0).all()
    assert chosen.info["coverage"] == pytest.approx(1, rel=1e-3)


def test_strength_trades_coverage_for_quality():
    quality = np.random.default_rng(3).random(600)
    rows = pool(600, embedding=vectors_of(600, 16), q=quality)
    runs = [cover(rows, Budget(count=60), quality="q", strength=s) for s in (0, 1, 3)]
    means = [quality[run.rows].mean() for run in runs]
    covers = [run.info["coverage"] for run in runs]
    assert means == sorted(means) and covers == sorted(covers, reverse=True)


def test_an_outlier_waits_and_a_duplicate_comes_last():
    dense = np.abs(vectors_of(60, 4)) + 1
    vectors = np.concatenate([dense, dense[:1], [[-9, 0, 0, 0]]]).astype(np.float32)
    rows = pool(62, embedding=vectors)
    order = cover(rows, Budget(count=62), clusters=1).rows.tolist()
    assert 61 not in order[:1]
    assert max(order.index(0), order.index(60)) > 40


def test_a_large_block_is_measured_on_a_sample(monkeypatch):
    vectors = vectors_of(400, 8)
    exact = cover(pool(400, embedding=vectors), Budget(count=20), clusters=1)
    monkeypatch.setattr(module, "PROXIES", 100)
    sampled = cover(pool(400, embedding=vectors), Budget(count=20), clusters=1)
    similar = unit(vectors) @ unit(vectors).T
    assert value_of(similar, sampled.rows) > 0.95 * value_of(similar, exact.rows)


def test_zero_vectors_and_missing_scores():
    vectors = vectors_of(6)
    vectors[2] = 0
    quality = np.array([1, 2, 3, np.nan, 5, 6])
    chosen = cover(pool(6, embedding=vectors, q=quality), Budget(count=6), quality="q")
    assert sorted(chosen.rows.tolist()) == [0, 1, 2, 4, 5]
    assert chosen.dropped["no value in q"].tolist() == [3]
    with pytest.raises(UserError, match="bad rows"):
        cover(pool(6, embedding=vectors), Budget(count=1), strength=-1)
