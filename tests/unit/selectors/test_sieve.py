"""One look at each row: the loop one by one, the best subset by enumeration, budgets and order."""

from itertools import combinations

import numpy as np
import pytest
from selector_pools import dataset, names, pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import sieve as module
from tamis.selectors.facility_location import facility_location
from tamis.selectors.sieve import Sieves, best_first, sieve, stream
from tamis.types import Column, Pool


def directions(rows, seed=0, width=6):
    found = np.random.default_rng(seed).standard_normal((rows, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def cosines(some, others):
    return np.maximum(some.astype(float) @ others.astype(float).T, 0)


def worth(vectors, picked):
    return cosines(vectors[picked], vectors).max(axis=0).sum()


def one_by_one(vectors, sample, thresholds, most):
    """The rows of each sieve by the loop over rows and sieves."""
    similar = cosines(vectors, sample)
    found = [[] for _ in thresholds]
    covered = np.zeros((len(thresholds), len(sample)))
    for row in range(len(vectors)):
        for at, threshold in enumerate(thresholds):
            gain = np.maximum(similar[row] - covered[at], 0).sum()
            if gain >= threshold and len(found[at]) < most:
                found[at].append(row)
                covered[at] = np.maximum(covered[at], similar[row])
    return found, covered.sum(axis=1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cut", [1, 7, 400])
def test_sieves_are_the_loop_one_by_one(seed, cut):
    vectors, sample = directions(400, seed), directions(90, seed + 10)
    sieves = Sieves(sample, 12, 0.3)
    for start in range(0, 400, cut):
        rows = np.arange(start, min(start + cut, 400))
        sieves.sift(rows, vectors[rows])
    thresholds = [level.threshold for level in sieves.levels]
    wanted, values = one_by_one(vectors, sample, thresholds, 12)
    assert [level.rows for level in sieves.levels] == wanted
    assert [level.value for level in sieves.levels] == pytest.approx(values, abs=1e-3)
    first = cosines(vectors[:cut], sample).sum(axis=1).max()
    assert thresholds[0] == 90 and thresholds[-1] <= first / 24 < thresholds[-2]
    assert thresholds[:-1] == pytest.approx([1.3 * t for t in thresholds[1:]])
    every = sorted({row for rows in wanted for row in rows})
    assert sieves.candidates(np.array(names(400))).tolist() == every
    assert np.array_equal(sieves.vectors_of(np.array(every)), vectors[every])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("epsilon", [0.1, 0.45])
def test_half_of_the_best_value_less_epsilon_and_the_bound_holds(seed, epsilon):
    vectors = directions(13, seed, width=3)
    best = max(worth(vectors, list(few)) for few in combinations(range(13), 3))
    found = sieve(pool(13, embedding=vectors), Budget(count=3), epsilon=epsilon, seed=seed)
    assert found.info["value"] == pytest.approx(worth(vectors, found.rows), abs=1e-4)
    assert found.info["value"] >= (0.5 - epsilon) * best
    assert found.info["best_sieve"] >= (0.5 - epsilon) * best
    assert found.info["optimum_at_most"] >= best - 1e-4
    nested = sieve(pool(13, embedding=vectors), Budget(count=3), epsilon=epsilon, most=6, seed=seed)
    assert nested.info["value"] >= (1 - 1 / np.e) * (0.5 - epsilon) * best
    assert nested.info["optimum_at_most"] >= best - 1e-4


def test_rows_that_repeat_the_first_ones_do_not_fill_it():
    few = directions(5, 1, width=20)
    vectors = np.concatenate([np.repeat(few[:1], 300, axis=0), np.repeat(few[1:], 60, axis=0)])
    chosen = sieve(pool(540, embedding=vectors), Budget(count=5))
    assert worth(vectors, chosen.rows) == pytest.approx(540, abs=1e-3)
    assert chosen.info["candidates"] < 20


def test_it_comes_near_to_greedy_with_all_rows_at_hand():
    centres = directions(30, 5, width=12)
    spread = np.random.default_rng(5).standard_normal((1500, 12)) * 0.15
    vectors = centres[np.random.default_rng(6).integers(30, size=1500)] + spread
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    rows = pool(1500, embedding=vectors)
    exact = facility_location(rows, Budget(count=25))
    chosen = sieve(rows, Budget(count=25))
    random = np.mean([worth(vectors, np.random.default_rng(s).choice(1500, 25)) for s in range(9)])
    lost = exact.info["value"] - worth(vectors, chosen.rows)
    assert lost < 0.35 * (exact.info["value"] - random)


def shuffled(count, seed, **columns):
    order = np.random.default_rng(seed).permutation(count)
    return Pool.of(
        dataset([names(count)[at] for at in order]), **{n: v[order] for n, v in columns.items()}
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_the_file_changes_nothing(seed):
    vectors = directions(700, 2)
    vectors[300:400] = vectors[:100]
    one = pool(700, embedding=vectors)
    two = shuffled(700, seed, embedding=vectors)
    first, second = (sieve(rows, Budget(count=20), sample=300) for rows in (one, two))
    assert one.ids[first.rows].tolist() == two.ids[second.rows].tolist()
    assert first.gains.tolist() == second.gains.tolist()
    other = sieve(one, Budget(count=20), sample=300, seed=1)
    assert other.rows.tolist() != first.rows.tolist()


def test_each_row_is_read_once(monkeypatch):
    vectors = directions(1300).astype(np.float16)
    vectors[[5, 900]] = np.nan
    rows, gone, read = pool(1300, embedding=vectors), [], []
    order = np.random.default_rng(0).permutation(1300)
    for part, block in stream(rows, "embedding", order, gone):
        assert len(part) <= module.BLOCK and block.dtype == np.float32
        assert np.linalg.norm(block, axis=1) == pytest.approx(np.ones(len(part)), abs=1e-5)
        read += part.tolist()
    assert sorted(np.concatenate(gone).tolist()) == [5, 900]
    assert read == [row for row in order.tolist() if row not in (5, 900)]
    asked = []
    real = stream

    def counted(pool, of, order, gone):
        for part, block in real(pool, of, order, gone):
            asked.append(part.tolist())
            yield part, block

    monkeypatch.setattr(module, "stream", counted)
    chosen = sieve(rows, Budget(count=10), sample=100)
    # the sample is looked at before: its first block, and then every row
    assert sorted(row for rows in asked[1:] for row in rows) == sorted(read)
    assert chosen.dropped["no value in embedding"].tolist() == [5, 900]
    assert chosen.info["sample"] == 100


def test_a_budget_is_met_where_thresholds_take_fewer_rows():
    vectors = np.repeat(directions(4, width=30), 50, axis=0)
    chosen = sieve(pool(200, embedding=vectors), Budget(count=40))
    assert len(set(chosen.rows.tolist())) == 40
    assert chosen.gains[4:].tolist() == [0] * 36


def test_quotas_and_tokens():
    vectors = directions(300, 4)
    labels = ["few" if n % 60 == 7 else "many" for n in range(300)]
    rows = pool(300, embedding=vectors, label=labels)
    chosen = sieve(rows, Budget(count=12).within(["label=few:5..", "label=many:..7"]))
    assert [labels[row] for row in chosen.rows].count("few") == 5 and len(chosen) == 12
    costs = np.random.default_rng(0).integers(1, 30, 300)
    paid = Pool(rows.data, rows.columns, rows.rows, costs)
    chosen = sieve(paid, Budget(tokens=200))
    assert 150 < costs[chosen.rows].sum() <= 200
    with pytest.raises(UserError, match="needs the tokens of each row"):
        sieve(rows, Budget(tokens=200))


def test_subsets_nest_up_to_the_rows_asked_for():
    rows = pool(600, embedding=directions(600, 9))
    small, large = (
        sieve(rows, Budget(count=count), most=40, sample=300).rows.tolist() for count in (9, 40)
    )
    assert len(large) == 40 and large[:9] == small
    costs = np.random.default_rng(0).integers(1, 30, 600)
    paid = Pool(rows.data, rows.columns, rows.rows, costs)
    one, two = (sieve(paid, Budget(tokens=t), most=150).rows.tolist() for t in (60, 240))
    assert len(two) > len(one) > 0 and two[: len(one)] == one


def test_the_rows_of_one_sieve_come_first():
    vectors = directions(60, 3)
    sieves = Sieves(vectors, 8, 0.2)
    sieves.sift(np.arange(60), vectors)
    first = sieves.best().rows
    rows = sieves.candidates(np.array(names(60)))
    picks = list(best_first(sieves, first, rows))
    assert sorted(row for row, _ in picks[: len(first)]) == sorted(first)
    assert sorted(row for row, _ in picks) == rows.tolist()
    assert sum(gain for _, gain in picks[: len(first)]) == pytest.approx(
        sieves.best().value, abs=1e-3
    )
    gains = [gain for _, gain in picks[len(first) :]]
    assert gains == sorted(gains, reverse=True)
    assert sum(gain for _, gain in picks) == pytest.approx(worth(vectors, rows), abs=1e-3)


def test_the_better_of_greedy_and_the_best_sieve_is_returned(monkeypatch):
    vectors = directions(80, 7)
    rows, real = pool(80, embedding=vectors), module.Greedy

    class Poor(real):
        """Picks that are worth nothing, the first time."""

        calls = 0

        def picks(self):
            Poor.calls += 1
            if Poor.calls > 1:
                return super().picks()
            return ((row, 0.0) for row in range(10))

    monkeypatch.setattr(module, "Greedy", Poor)
    chosen = sieve(rows, Budget(count=5))
    assert len(chosen) == 5 and chosen.info["value"] >= chosen.info["best_sieve"] - 1e-6
    assert worth(vectors, chosen.rows) == pytest.approx(chosen.info["value"], abs=1e-4)


@pytest.mark.parametrize("vectors", [np.zeros((9, 3)), np.full((9, 3), np.nan), np.ones((9, 3))])
def test_vectors_of_nothing(vectors):
    found = sieve(pool(9, embedding=vectors.astype(np.float32)), Budget(count=4))
    assert found.rows.tolist() == ([] if np.isnan(vectors).any() else found.rows.tolist())
    assert len(found) == (0 if np.isnan(vectors).any() else 4)
    assert np.isfinite(list(found.info.values())).all()


def test_no_rows_and_vectors_that_are_missing():
    none = pool(9, embedding=Column.vectors(directions(9), empty=np.arange(9) == 2))
    found = sieve(none, Budget(count=9))
    assert sorted(found.rows.tolist()) == [0, 1, 3, 4, 5, 6, 7, 8]
    assert found.dropped["no value in embedding"].tolist() == [2]
    assert len(sieve(none.take(np.empty(0, np.int64)), Budget(count=3))) == 0


def test_what_cannot_be_asked_for():
    rows = pool(5, embedding=directions(5), s=np.arange(5.0))
    for wrong in ({"epsilon": 0.0}, {"epsilon": 1.0}, {"sample": -1}, {"most": -1}):
        with pytest.raises(UserError, match="between 0 and 1"):
            sieve(rows, Budget(count=1), **wrong)
    with pytest.raises(UserError, match="vectors are needed here"):
        sieve(rows, Budget(count=1), of="s")
