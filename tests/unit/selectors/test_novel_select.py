import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.novel_select import Walk, novel_select
from tamis.selectors.random import uniform
from tamis.vectors import Table, unit

APART = np.array([[0, 0.2, 0.5, 0.3], [0.2, 0, 0.4, 0.6], [0.5, 0.4, 0, 0.7], [0.3, 0.6, 0.7, 0]])
RHO = np.array([2, 1, 0.5, 1])


def vectors_of(rows, dimensions=6, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


def density_of(vectors, k=10):
    once, which = np.unique(vectors, axis=0, return_inverse=True)
    squared = np.square(once[:, None].astype(float) - once).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    near = np.sort(squared, axis=1)[:, : min(k, len(once) - 1)]
    return (1 / np.sqrt(near.mean(axis=1) + 1e-9))[which.ravel()]


def naive(vectors, count, labels=None, most=None, k=10):
    """(row, gain) by sorting all distances to the picks in every step."""
    directions = unit(vectors).astype(float)
    apart = np.maximum(1 - directions @ directions.T, 0)
    rho = density_of(vectors, k)
    ids = [f"{n:05d}" for n in range(len(vectors))]
    waiting = np.argsort(uniform(ids, 0), kind="stable").tolist()
    picked, gains, refused = [], [], set()
    while len(picked) < count and len(picked) + len(refused) < len(vectors):
        means = {}
        for i in range(len(vectors)):
            if i not in picked and i not in refused:
                weighted = sorted(apart[i, j] * (rho[i] + rho[j]) for j in picked)
                means[i] = sum(w / r for r, w in enumerate(weighted, 1)) / max(len(picked), 1)
        best = max(means.values())
        row = min(i for i, mean in means.items() if mean >= best * (1 - 1e-6))
        if not picked:
            row = next(i for i in waiting if i in means)
        if (
            labels is not None
            and sum(labels[p] == labels[row] for p in picked) >= most[labels[row]]
        ):
            refused.add(row)
            continue
        picked.append(row)
        gains.append(means[row])
    return picked, gains


def test_the_order_of_the_dossier():
    vectors = np.linalg.cholesky(1 - APART).astype(np.float32)
    walk = Walk(Table(pool(4, v=vectors), "v", np.arange(4), directions=True), RHO)
    walk._add(0)
    assert walk._sums(np.array([1, 2, 3])) == pytest.approx([0.6, 1.25, 0.9], rel=1e-5)
    walk._add(2)
    assert walk._sums(np.array([1, 3])) / 2 == pytest.approx([0.45, 0.7125], rel=1e-5)
    walk = Walk(Table(pool(4, v=vectors), "v", np.arange(4), directions=True), RHO)
    picks = list(walk.picks(np.array([0, 1, 2, 3])))
    assert [row for row, _ in picks] == [0, 2, 3, 1]
    assert [gain for _, gain in picks][:3] == pytest.approx([0, 1.25, 0.7125], rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_lazy_walk_is_the_loop(seed):
    vectors = vectors_of(60, seed=seed)
    chosen = novel_select(pool(60, embedding=vectors), Budget(count=60))
    rows, gains = naive(vectors, 60)
    assert chosen.rows.tolist() == rows
    assert chosen.gains == pytest.approx(gains, rel=1e-5)
    assert chosen.info == {"search": "exact"}


def test_the_lazy_walk_is_the_loop_among_duplicates():
    once = vectors_of(15, 3)
    vectors = once[np.random.default_rng(5).integers(0, 15, 45)]
    chosen = novel_select(pool(45, embedding=vectors), Budget(count=45))
    rows, gains = naive(vectors, 45)
    assert chosen.rows.tolist() == rows
    assert chosen.gains == pytest.approx(gains, rel=1e-4, abs=1e-6)


def test_few_rows_are_computed_again(monkeypatch):
    asked, sums = [], Walk._sums
    monkeypatch.setattr(
        Walk, "_sums", lambda self, rows: asked.append(len(rows)) or sums(self, rows)
    )
    novel_select(pool(2000, embedding=vectors_of(2000, 16)), Budget(count=100))
    assert 99 <= sum(asked) < 0.1 * 99 * 2000


def test_a_row_that_a_quota_refuses_is_not_counted():
    vectors, labels = vectors_of(40), ["a" if n % 4 else "b" for n in range(40)]
    rows = pool(40, embedding=vectors, label=labels)
    chosen = novel_select(rows, Budget(count=12).within(["label=a:..5"]))
    wanted, gains = naive(vectors, 12, labels, {"a": 5, "b": 40})
    assert chosen.rows.tolist() == wanted
    assert chosen.gains == pytest.approx(gains, rel=1e-5)
    first = novel_select(rows, Budget(count=3).within([f"label={labels[wanted[0]]}:..0"]))
    assert labels[wanted[0]] not in {labels[row] for row in first.rows} and len(first) == 3


def test_equal_rows_come_by_id_after_the_first():
    chosen = novel_select(pool(6, embedding=np.full((6, 3), 0.1)), Budget(count=6))
    rows = chosen.rows.tolist()
    assert sorted(rows) == list(range(6)) and rows[1:] == sorted(rows[1:])
    assert chosen.gains == pytest.approx([0] * 6, abs=1e-6)


def test_zero_vectors_are_far_from_all():
    vectors = vectors_of(8)
    vectors[:3] = 0
    chosen = novel_select(pool(8, embedding=vectors), Budget(count=8))
    assert sorted(chosen.rows.tolist()) == list(range(8)) and np.isfinite(chosen.gains).all()


@pytest.mark.parametrize("count", [0, 1])
def test_no_row_and_one_row(count):
    vectors = np.full((3, 2), np.nan)
    vectors[:count] = 1
    chosen = novel_select(pool(3, embedding=vectors), Budget(count=3))
    assert chosen.rows.tolist() == [0][:count]
    assert chosen.dropped["no value in embedding"].tolist() == list(range(count, 3))


def test_without_density_and_a_bad_parameter():
    vectors = vectors_of(20)
    chosen = novel_select(pool(20, embedding=vectors), Budget(count=3), neighbours=0)
    apart = 1 - unit(vectors).astype(float) @ unit(vectors).astype(float).T
    first, second = chosen.rows[:2]
    assert second == apart[first].argmax() and chosen.gains[1] == pytest.approx(
        2 * apart[first].max()
    )
    with pytest.raises(UserError, match="neighbours is -1"):
        novel_select(pool(20, embedding=vectors), Budget(count=3), neighbours=-1)
