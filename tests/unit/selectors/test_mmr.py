import numpy as np
import pytest
from selector_pools import pool

from tamis import vectors as tables
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import mmr as module
from tamis.selectors._rows import shares
from tamis.selectors.mmr import mmr


def vectors_of(rows, dimensions=6, seed=0, repeated=False):
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((rows, dimensions)).astype(np.float32)
    return found[generator.integers(0, rows // 4, rows)] if repeated else found


def naive(vectors, relevance, count, balance, refused=lambda row, picked: False):
    """Every row against every pick in every step, in float64."""
    exact = vectors.astype(float)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    cosine = (exact / np.where(norms > 0, norms, 1)) @ (exact / np.where(norms > 0, norms, 1)).T
    left, picked, gains = list(range(len(vectors))), [], []
    while left and len(picked) < count:
        values = [
            balance * relevance[j]
            - (1 - balance) * (max(cosine[j][s] for s in picked) if picked else 0)
            for j in left
        ]
        at = next(i for i, v in enumerate(values) if v >= max(values) - 1e-6 * (1 - balance))
        row = left.pop(at)
        if not refused(row, picked):
            picked.append(row)
            gains.append(values[at])
    return picked, gains


@pytest.mark.parametrize("balance", [0.05, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("front", [1, 5, 2048])
def test_it_is_the_loop_over_rows_and_picks(monkeypatch, balance, repeated, front):
    monkeypatch.setattr(module, "FRONT", front)
    vectors = vectors_of(60, repeated=repeated)
    scores = np.random.default_rng(1).integers(0, 25, 60).astype(float)
    rows = pool(60, embedding=vectors, score=scores)
    chosen = mmr(rows, Budget(count=60), by="score", balance=balance)
    picked, gains = naive(vectors, shares(scores), 60, balance)
    assert chosen.rows.tolist() == picked
    assert chosen.gains == pytest.approx(gains, abs=1e-6)


def test_a_cosine_below_0_to_the_first_pick_raises_a_value(monkeypatch):
    monkeypatch.setattr(module, "FRONT", 2)
    angles = np.array([0.0, 0.1, 0.2, np.pi])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rows = pool(4, embedding=vectors, score=np.array([4.0, 3.0, 2.0, 1.0]))
    chosen = mmr(rows, Budget(count=2), by="score")
    assert chosen.rows.tolist() == [0, 3]
    assert chosen.gains == pytest.approx([0.5 * 0.875, 0.5 * 0.125 + 0.5])


def test_raw_scores_are_taken_as_they_are():
    vectors, scores = vectors_of(40), np.random.default_rng(2).normal(-3, 2, 40)
    rows = pool(40, embedding=vectors, score=scores)
    chosen = mmr(rows, Budget(count=40), by="score", balance=0.3, scale="raw")
    picked, gains = naive(vectors, scores, 40, 0.3)
    assert chosen.rows.tolist() == picked
    assert chosen.gains == pytest.approx(gains, abs=1e-6)
    ranks = mmr(rows, Budget(count=40), by="score", balance=0.3)
    same = pool(40, embedding=vectors, score=np.exp(scores))
    assert mmr(same, Budget(count=40), by="score", balance=0.3).rows.tolist() == ranks.rows.tolist()
    assert ranks.rows.tolist() != picked


def test_the_first_is_the_most_relevant_and_1_is_the_order_of_the_score():
    scores = np.array([1.0, 5.0, 5.0, 2.0])
    rows = pool(4, embedding=np.eye(4), score=scores)
    assert mmr(rows, Budget(count=1), by="score", balance=0.01).rows.tolist() == [1]
    assert mmr(rows, Budget(count=4), by="score", balance=1.0).rows.tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize("front", [3, 2048])
def test_a_refused_row_was_not_picked(monkeypatch, front):
    monkeypatch.setattr(module, "FRONT", front)
    vectors, scores = vectors_of(40, 3), np.arange(40.0)
    labels = ["a" if row % 4 else "b" for row in range(40)]
    rows = pool(40, embedding=vectors, score=scores, label=labels)
    chosen = mmr(rows, Budget(count=8).within(["label=a:..2"]), by="score")

    def refused(row, picked):
        return labels[row] == "a" and sum(labels[p] == "a" for p in picked) == 2

    assert chosen.rows.tolist() == naive(vectors, shares(scores), 8, 0.5, refused)[0]
    none = mmr(rows, Budget(count=8).within(["label=a:..0"]), by="score")
    picked = naive(vectors, shares(scores), 8, 0.5, lambda row, _: labels[row] == "a")[0]
    assert none.rows.tolist() == picked


def test_blocks_from_where_the_column_lies_give_the_same(monkeypatch):
    rows = pool(30, embedding=vectors_of(30), score=np.arange(30.0) % 7)
    kept = mmr(rows, Budget(count=30), by="score")
    monkeypatch.setattr(tables, "WHOLE", 0)
    assert mmr(rows, Budget(count=30), by="score").rows.tolist() == kept.rows.tolist()


@pytest.mark.parametrize("scale", ["ranks", "raw"])
def test_equal_and_zero_vectors_come_by_id(scale):
    for value in (np.full((5, 3), 0.3), np.zeros((5, 3))):
        rows = pool(5, embedding=value, score=np.ones(5))
        chosen = mmr(rows, Budget(count=9), by="score", scale=scale)
        assert chosen.rows.tolist() == [0, 1, 2, 3, 4]
        assert np.isfinite(chosen.gains).all()


def test_few_rows_or_none():
    one = mmr(pool(1, embedding=np.ones((1, 2)), score=np.ones(1)), Budget(count=3), by="score")
    assert one.rows.tolist() == [0] and one.gains == pytest.approx([0.25])
    holes = np.array([[np.nan, 1], [1, 1], [1, 0]])
    rows = pool(3, embedding=holes, score=np.array([1, np.nan, 2]))
    chosen = mmr(rows, Budget(count=3), by="score")
    assert chosen.rows.tolist() == [2]
    assert {name: found.tolist() for name, found in chosen.dropped.items()} == {
        "no value in score": [1],
        "no value in embedding": [0],
    }
    gone = pool(2, embedding=np.full((2, 2), np.nan), score=np.ones(2))
    assert len(mmr(gone, Budget(count=1), by="score")) == 0


@pytest.mark.parametrize("balance", [0.0, -0.5, 1.5, np.nan])
def test_a_bad_balance_is_refused(balance):
    rows = pool(2, embedding=np.ones((2, 2)), score=np.ones(2))
    with pytest.raises(UserError, match="balance"):
        mmr(rows, Budget(count=1), by="score", balance=balance)


def test_raw_scores_have_to_be_finite():
    rows = pool(2, embedding=np.ones((2, 2)), score=np.array([1, np.inf]))
    with pytest.raises(UserError, match="scale=ranks"):
        mmr(rows, Budget(count=1), by="score", scale="raw")
    assert mmr(rows, Budget(count=1), by="score").rows.tolist() == [1]
