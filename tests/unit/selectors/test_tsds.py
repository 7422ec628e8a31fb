import heapq

import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.neighbours import Neighbours, nearest
from tamis.selectors import tsds as module
from tamis.selectors.gumbel_top_k import gumbel
from tamis.selectors.tsds import Settings, by_distance, masses, spread, tsds
from tamis.vectors import Table, unit


def vectors_of(rows, dimensions=6, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32))


def table(vectors):
    vectors = np.asarray(vectors, np.float32)
    return Table(pool(len(vectors), v=vectors), "v", np.arange(len(vectors)))


def official(target, rows, length, settings, count):
    """The loop of the paper's code, one step of one target row at a time, in float64."""
    apart = np.linalg.norm(target[:, None].astype(float) - rows, axis=2)
    apart[apart < 2e-3] = 0
    near = np.argsort(apart, axis=1, kind="stable")[:, :length]
    apart = np.take_along_axis(apart, near, axis=1)
    among = np.unique(near)
    kde = np.ones(len(rows))
    for row in among if settings.sigma else ():
        squared = np.square(rows[among].astype(float) - rows[row]).sum(axis=1)
        kernel = np.maximum(1 - np.sort(squared)[:count] / settings.sigma**2, 0)
        kde[row] = kernel.sum()
    heap = [(1 / kde[near[j, 0]], 0, j) for j in range(len(target))]
    heapq.heapify(heap)
    weighted = [apart[j, 0] / kde[near[j, 0]] for j in range(len(target))]
    cost = np.zeros(len(target))
    while heap:
        s, k, j = heapq.heappop(heap)
        if k == length - 1:  # the list is used up
            break
        cost[j] = apart[j, k + 1] * s - weighted[j]
        if settings.alpha / settings.scale * cost.sum() >= (1 - settings.alpha) * len(target):
            break
        heapq.heappush(heap, (s + 1 / kde[near[j, k + 1]], k + 1, j))
        weighted[j] += apart[j, k + 1] / kde[near[j, k + 1]]
    found = np.zeros(len(rows))
    for j in range(len(target)):
        left = 1.0
        for row in near[j]:
            part = min(left, 1 / kde[row] / s)
            found[row] += part / len(target)
            left -= part
    return s, found


def ours(target, rows, length, settings):
    queries, all_rows = table(target), table(rows)
    found = nearest(queries, all_rows, length, search="exact")
    return masses(queries, all_rows, found, settings)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "settings",
    [
        Settings(0.5, 1.0, 0.75, 1000),
        Settings(0.5, 5.0, 1.2, 1000),
        Settings(0.8, 1.0, 0.0, 1000),
        Settings(0.6, 1.0, 1.5, 4),
    ],
    ids=["usual", "used up", "uniform", "few in a density"],
)
def test_the_steps_of_the_official_code_one_by_one(settings, seed):
    rows, target = vectors_of(200, seed=seed), vectors_of(8, seed=100 + seed)
    count = min(settings.kernel_neighbours, 20)
    s, wanted = official(target, rows, 40, settings, count)
    found, info = ours(target, rows, 40, settings)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert found.sum() == pytest.approx(1)
    assert info["s"] == pytest.approx(s, rel=1e-4)
    assert info["with_mass"] == (wanted > 1e-9).sum()
    assert info["lists_used_up"] == (settings.scale == 5)


def test_near_duplicates_share_the_mass_of_one():
    rows = np.concatenate([np.repeat(vectors_of(1), 8, axis=0), vectors_of(92, seed=1)])
    target = rows[[0, 50, 60]]
    settings = Settings(0.5, 1.0, 0.3, 1000)
    s, wanted = official(target, rows, 30, settings, 10)
    found, info = ours(target, rows, 30, settings)
    assert found == pytest.approx(wanted, abs=1e-5) and info["s"] == pytest.approx(s, rel=1e-4)
    assert np.ptp(found[:8]) < 1e-6 and found[:8].sum() == pytest.approx(found[50], rel=0.01)


def test_lists_are_read_as_far_as_needed(monkeypatch):
    rows, target = vectors_of(300), vectors_of(5, seed=1)
    settings = Settings(0.5, 3.0, 0.75, 1000)
    whole, info = ours(target, rows, 200, settings)
    monkeypatch.setattr(module, "_FIRST", 2)
    found, again = ours(target, rows, 200, settings)
    assert found == pytest.approx(whole, abs=1e-9) and again == info


def test_short_lists_of_an_approximate_search_are_cut():
    rows, target = vectors_of(100), vectors_of(3, seed=1)
    queries, all_rows = table(target), table(rows)
    full = nearest(queries, all_rows, 10, search="exact")
    short = full.rows.copy()
    short[1, 7:] = -1
    settings = Settings(0.5, 5.0, 0.75, 1000)
    found, _ = masses(queries, all_rows, Neighbours(short, full.squared), settings)
    cut = Neighbours(full.rows[:, :7], full.squared[:, :7])
    assert found.tolist() == masses(queries, all_rows, cut, settings)[0].tolist()


def test_the_extremes_of_alpha():
    apart, shares = np.array([(1.0, 2, 3), (1, 1, 4)]), np.ones((2, 3))
    assert spread(apart, shares, Settings(1, 5, 0, 10)) == (1.0, False)
    assert spread(apart, shares, Settings(0, 5, 0, 10)) == (3.0, True)
    assert spread(apart, shares, Settings(0.5, 0.5, 0, 10)) == (1.0, False)
    assert spread(apart, shares, Settings(0.5, 0.51, 0, 10)) == (2.0, False)


def test_top_takes_the_largest_mass_and_then_the_nearest():
    rows, target = vectors_of(100), vectors_of(4, seed=1)
    given = pool(100, embedding=rows), Budget(count=100), pool(4, embedding=target)
    chosen = tsds(*given, draw="top", scale=0.5)
    mass = np.zeros(100)
    mass[chosen.rows] = chosen.gains
    first = chosen.info["rest_from"]
    assert first == chosen.info["with_mass"] == (mass > 0).sum() < 100
    order = np.lexsort((np.arange(100), -np.round(np.log(mass.clip(1e-99)), 6)))
    assert chosen.rows[:first].tolist() == order[:first].tolist()
    least = np.linalg.norm(rows[:, None] - target, axis=2).min(axis=1)[chosen.rows[first:]]
    assert (np.diff(least) > -1e-5).all()
    assert sorted(chosen.rows.tolist()) == list(range(100))
    few = tsds(given[0], Budget(count=first), given[2], draw="top", scale=0.5)
    assert "rest_from" not in few.info


def test_rows_are_drawn_by_their_mass():
    rows, target = vectors_of(60), vectors_of(4, seed=1)
    given = pool(60, embedding=rows), Budget(count=1), pool(4, embedding=target)
    mass = np.zeros(60)
    everything = tsds(given[0], Budget(count=60), given[2])
    mass[everything.rows] = everything.gains
    drawn = [int(tsds(*given, seed=seed).rows[0]) for seed in range(300)]
    shares = np.bincount(drawn, minlength=60) / 300
    assert (np.abs(shares - mass) < 4 * np.sqrt(mass * (1 - mass) / 300) + 1e-9).all()
    there = np.flatnonzero(mass)
    keys = np.round(np.log(mass[there]), 6) + gumbel([f"{n:05d}" for n in there], 0)
    wanted = there[np.argsort(-keys)]
    assert everything.rows[: len(there)].tolist() == wanted.tolist()


def test_a_quota_passes_rows_over():
    rows, target = vectors_of(60), vectors_of(4, seed=1)
    labels = ["a" if n % 2 else "b" for n in range(60)]
    given = pool(60, embedding=rows, label=labels), pool(4, embedding=target)
    whole = tsds(given[0], Budget(count=60), given[1]).rows.tolist()
    chosen = tsds(given[0], Budget(count=20).within(["label=a:..2"]), given[1])
    allowed = [row for row in whole if labels[row] == "b" or row in [r for r in whole if r % 2][:2]]
    assert chosen.rows.tolist() == allowed[:20]


def test_the_order_of_the_target_set_changes_nothing():
    rows, target = pool(80, embedding=vectors_of(80)), pool(9, embedding=vectors_of(9, seed=1))
    turned = target.take(np.random.default_rng(0).permutation(9))
    one, two = (tsds(rows, Budget(count=30), given) for given in (target, turned))
    assert one.rows.tolist() == two.rows.tolist() and one.gains.tolist() == two.gains.tolist()


def test_nearest_rows_are_sorted_in_blocks_of_target_rows(monkeypatch):
    rows, target = vectors_of(30), vectors_of(7, seed=1)
    few = lambda rows, width: (slice(i, min(i + 2, rows)) for i in range(0, rows, 2))  # noqa: E731
    monkeypatch.setattr(module, "slices", few)
    least = np.linalg.norm(rows[:, None] - target, axis=2).min(axis=1)
    assert by_distance(table(rows), table(target)) == np.argsort(least).tolist()


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_equal_and_zero_rows(value):
    target = pool(2, embedding=vectors_of(2, 3))
    chosen = tsds(pool(6, embedding=np.full((6, 3), value)), Budget(count=6), target, draw="top")
    assert chosen.rows.tolist() == list(range(6))
    assert chosen.gains == pytest.approx([1 / 6] * 6)


def test_no_row_one_row_and_no_target():
    target = pool(2, embedding=np.array([(1, 0), (np.nan, 1)]))
    nothing = np.full((2, 2), np.nan)
    chosen = tsds(pool(2, embedding=nothing), Budget(count=2), target)
    assert len(chosen) == 0 and chosen.dropped["no value in embedding"].tolist() == [0, 1]
    chosen = tsds(pool(1, embedding=np.ones((1, 2))), Budget(count=2), target)
    assert chosen.rows.tolist() == [0] and chosen.gains == pytest.approx([1])
    with pytest.raises(UserError, match="no row of the target set has a value in embedding"):
        tsds(target, Budget(count=2), pool(2, embedding=nothing))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alpha": 1.5}, "alpha is 1.5: set 0 to 1"),
        ({"scale": 0.0}, "scale must be above 0"),
        ({"sigma": -1.0}, "sigma 0 or more"),
        ({"neighbours": 0}, "must be at least 1"),
        ({"kernel_neighbours": 0}, "must be at least 1"),
    ],
)
def test_parameters_out_of_range(wrong, message):
    rows = pool(3, embedding=vectors_of(3))
    with pytest.raises(UserError, match=message):
        tsds(rows, Budget(count=1), rows, **wrong)
