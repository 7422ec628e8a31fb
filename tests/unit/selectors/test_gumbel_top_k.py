"""Gumbel top-k: the draw follows softmax, and only ids and the seed decide it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.gumbel_top_k import gumbel, gumbel_top_k
from tamis.selectors.top_k import top_k
from tamis.types import SCHEMA, Dataset, Pool, fingerprint


def pool(scores: list[float], ids: list[str] | None = None) -> Pool:
    ids = ids or [f"row{i}" for i in range(len(scores))]
    none = [None] * len(ids)
    columns = [ids, [[]] * len(ids), none, none, [0] * len(ids), range(len(ids)), none]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return Pool.of(Dataset(table, fingerprint(table["id"])), score=np.asarray(scores, float))


def test_noise_is_standard_gumbel_and_finite() -> None:
    noise = gumbel([str(i) for i in range(100_000)], 0)
    assert np.isfinite(noise).all()
    assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.02)
    assert noise.std() == pytest.approx(np.pi / np.sqrt(6), abs=0.02)


@pytest.mark.parametrize("drawn", [0.0, 1.0])
def test_the_ends_of_the_interval_are_finite(drawn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["tamis.selectors.gumbel_top_k"]
    monkeypatch.setattr(module, "uniform", lambda ids, seed: np.full(len(ids), drawn))
    assert np.isfinite(gumbel(["a"], 0)).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_first_two_rows_are_drawn_by_softmax_without_replacement(temperature: float) -> None:
    scores = np.array([0.0, 0.5, 1.0, 2.0])
    rows = pool(scores.tolist())
    draws = 4000
    counts = np.zeros((4, 4))
    for seed in range(draws):
        picked = gumbel_top_k(
            rows, Budget(count=2), by="score", seed=seed, temperature=temperature
        ).rows
        counts[picked[0], picked[1]] += 1
    share = np.exp(scores / temperature) / np.exp(scores / temperature).sum()
    expected = share[:, None] * share[None, :] / (1 - share[:, None])
    np.fill_diagonal(expected, 0)
    error = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(counts / draws - expected) <= 4.5 * error + 1e-12).all()


def test_a_smaller_budget_is_a_prefix_and_gains_fall() -> None:
    rows = pool(np.linspace(0, 1, 50).tolist())
    large = gumbel_top_k(rows, Budget(count=30), by="score", seed=4)
    small = gumbel_top_k(rows, Budget(count=7), by="score", seed=4)
    assert small.rows.tolist() == large.rows[:7].tolist()
    assert (np.diff(large.gains) <= 0).all()
    everything = gumbel_top_k(rows, Budget(count=99), by="score")
    assert sorted(everything.rows.tolist()) == list(range(50))


def test_the_order_of_the_file_changes_nothing() -> None:
    scores, ids = [0.1, 0.9, 0.4, 0.4, 0.2], list("abcde")
    one = gumbel_top_k(pool(scores, ids), Budget(count=3), by="score", seed=2).rows
    other = gumbel_top_k(pool(scores[::-1], ids[::-1]), Budget(count=3), by="score", seed=2).rows
    assert [ids[i] for i in one] == [ids[::-1][i] for i in other]


def test_a_low_temperature_is_top_k_and_seeds_differ() -> None:
    rows = pool(np.random.default_rng(0).normal(size=40).tolist())
    cold = gumbel_top_k(rows, Budget(count=40), by="score", temperature=1e-6)
    assert cold.rows.tolist() == top_k(rows, Budget(count=40), by="score").rows.tolist()
    orders = {tuple(gumbel_top_k(rows, Budget(count=5), by="score", seed=s).rows) for s in range(9)}
    assert len(orders) == 9


def test_temperature_is_checked() -> None:
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(UserError, match="temperature"):
            gumbel_top_k(pool([1.0]), Budget(count=1), by="score", temperature=wrong)
