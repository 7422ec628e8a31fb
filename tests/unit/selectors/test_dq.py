import numpy as np
import pytest
from selector_pools import names, pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import dq as module
from tamis.selectors.dq import bin_sizes, cut, dq
from tamis.selectors.random import uniform
from tamis.vectors import Table, unit

SIMILAR = np.array(
    [
        (1, 0.717, 0.435, 0.097, 0.042, 0.264),
        (0.717, 1, 0.607, 0.135, 0.059, 0.368),
        (0.435, 0.607, 1, 0.223, 0.097, 0.607),
        (0.097, 0.135, 0.223, 1, 0.435, 0.368),
        (0.042, 0.059, 0.097, 0.435, 1, 0.160),
        (0.264, 0.368, 0.607, 0.368, 0.160, 1),
    ]
)


def binned(vectors, bins):
    rows = pool(len(vectors), embedding=vectors)
    table = Table(rows, "embedding", np.arange(len(vectors)), directions=True)
    return list(cut(table, bin_sizes(len(vectors), bins)))


def follow(vectors, found, bins):
    """How far each pick is from the best of its step, by sums over all pairs in float64."""
    similar = unit(vectors).astype(float) @ unit(vectors).astype(float).T
    left, short, steps = list(range(len(vectors))), [], iter(found)
    for size in bin_sizes(len(vectors), bins).tolist():
        pool_of_bin, chosen = list(left), []
        for _ in range(size):
            gains = similar[np.ix_(left, pool_of_bin)].sum(axis=1)
            gains -= 2 * similar[np.ix_(left, chosen)].sum(axis=1)
            row, gain = next(steps)
            at = left.index(row)
            assert gain == pytest.approx(gains[at], abs=1e-3)
            short.append(gains.max() - gains[at])
            chosen.append(left.pop(at))
    return np.array(short)


def test_the_oracle_of_the_dossier():
    vectors = np.linalg.cholesky(SIMILAR).astype(np.float32)  # their cosines are SIMILAR
    found = binned(vectors, 3)
    assert [row for row, _ in found][:4] == [2, 3, 1, 4]
    assert sorted(row for row, _ in found[4:]) == [0, 5]
    gains = [gain for _, gain in found]
    assert gains[:4] == pytest.approx([2.969, 1.812, 2.144, 1.143], abs=1e-5)


def test_the_counts_of_the_official_code_and_ours():
    rows, ratio, bins = 52_002, 0.02, 50
    official = rows // bins
    assert (official, rows - official * bins) == (1040, 2)  # two rows are in no bin
    assert int(int(rows * ratio) / bins) * bins == 1000  # and 1,040 were asked for
    sizes = bin_sizes(rows, bins)
    assert sizes.sum() == rows and set(sizes.tolist()) == {1040, 1041}
    assert Budget(fraction=ratio).of(rows).count == 1040


@pytest.mark.parametrize(("rows", "bins"), [(1, 10), (7, 3), (10, 10), (9, 1), (0, 4)])
def test_bins_differ_by_at_most_one_row(rows, bins):
    sizes = bin_sizes(rows, bins)
    assert sizes.sum() == rows and len(sizes) == min(rows, bins)
    assert (np.diff(sizes) <= 0).all() and (np.ptp(sizes) <= 1 if rows else True)


@pytest.mark.parametrize("front", [1, 6, 1024])
@pytest.mark.parametrize("bins", [1, 4, 50])
@pytest.mark.parametrize("middle", [0.0, 1.0])
def test_a_front_is_the_sums_over_all_pairs(monkeypatch, front, bins, middle):
    monkeypatch.setattr(module, "FRONT", front)
    generator = np.random.default_rng(bins)
    vectors = (generator.standard_normal((90, 6)) + middle).astype(np.float32)
    found = binned(vectors, bins)
    assert sorted(row for row, _ in found) == list(range(90))
    assert follow(vectors, found, bins).max() < 1e-4


@pytest.mark.parametrize("front", [1, 6, 1024])
def test_twins_go_by_id(monkeypatch, front):
    monkeypatch.setattr(module, "FRONT", front)
    once = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    vectors = np.concatenate([once, 3 * once, once])
    found = binned(vectors, 5)
    assert follow(vectors, found, 5).max() < 1e-4
    for row in range(20):
        places = [at for at, (other, _) in enumerate(found) if other % 20 == row]
        assert [found[at][0] for at in places] == [row, row + 20, row + 40]


def test_the_order_is_a_row_of_each_bin_in_turn_at_random_inside():
    vectors = np.random.default_rng(1).standard_normal((23, 4)).astype(np.float32)
    rows = pool(23, embedding=vectors)
    found = binned(vectors, 5)
    bins = np.repeat(np.arange(5), bin_sizes(23, 5))
    own = {row: int(b) for (row, _), b in zip(found, bins, strict=True)}
    keys = dict(enumerate(uniform(names(23), 3)))
    wanted = []
    waiting = [sorted((r for r in own if own[r] == b), key=keys.get) for b in range(5)]
    while any(waiting):
        wanted += [queue.pop(0) for queue in waiting if queue]
    chosen = dq(rows, Budget(count=23), bins=5, seed=3)
    assert chosen.rows.tolist() == wanted
    gains = dict(found)
    assert chosen.gains == pytest.approx(np.array([gains[row] for row in wanted]))
    assert dq(rows, Budget(count=23), bins=5, seed=4).rows.tolist() != wanted


@pytest.mark.parametrize("count", [1, 4, 7, 12, 17, 20])
def test_every_prefix_has_equal_shares_of_the_bins(count):
    vectors = np.random.default_rng(2).standard_normal((20, 4)).astype(np.float32)
    bins = np.repeat(np.arange(5), 4)
    own = {row: b for (row, _), b in zip(binned(vectors, 5), bins, strict=True)}
    chosen = dq(pool(20, embedding=vectors), Budget(count=count), bins=5)
    shares = np.bincount([own[row] for row in chosen.rows.tolist()], minlength=5)
    assert len(chosen) == count and np.ptp(shares) <= 1


def test_a_quota_passes_rows_over():
    vectors = np.random.default_rng(3).standard_normal((30, 4)).astype(np.float32)
    labels = ["ab"[n % 2] for n in range(30)]
    rows = pool(30, embedding=vectors, label=labels)
    every = dq(rows, Budget(count=30), bins=5).rows.tolist()
    few = dq(rows, Budget(count=8).within(["label=a:..2"]), bins=5).rows.tolist()
    wanted, taken = [], 0
    for row in every:
        if labels[row] == "b" or taken < 2:
            taken += labels[row] == "a"
            wanted.append(row)
    assert few == wanted[:8]


def test_few_rows_equal_rows_zero_vectors_and_none():
    one = pool(1, embedding=np.ones((1, 2), np.float32))
    assert dq(one, Budget(count=3)).rows.tolist() == [0]
    assert dq(one, Budget(count=3)).info["bins"] == 1
    for vectors in (np.ones((8, 3), np.float32), np.zeros((8, 3), np.float32)):
        assert [row for row, _ in binned(vectors, 3)] == list(range(8))
        assert sorted(dq(pool(8, embedding=vectors), Budget(count=8)).rows) == list(range(8))
    holed = np.ones((3, 2), np.float32)
    holed[1] = np.nan
    chosen = dq(pool(3, embedding=holed), Budget(count=3))
    assert sorted(chosen.rows) == [0, 2] and chosen.dropped["no value in embedding"] == [1]
    assert len(dq(pool(1, embedding=np.full((1, 2), np.nan)), Budget(count=1))) == 0
    with pytest.raises(UserError, match="bins"):
        dq(one, Budget(count=1), bins=0)
