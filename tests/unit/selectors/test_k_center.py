from itertools import combinations

import numpy as np
import pytest
from selector_pools import pool

from tamis import vectors as tables
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import _farthest
from tamis.selectors.k_center import k_center

POINTS = np.array([(0, 0), (1, 0), (0, 1), (10, 0), (10, 1), (5, 5)], np.float32)


def naive(vectors, picked, count, refused=()):
    """The n x n form in float64; `picked` rows are there from the start."""
    exact = vectors.astype(np.float64)
    square = ((exact[:, None] - exact) ** 2).sum(axis=2)
    picked, out = list(picked), set(refused)
    while len(picked) < count:
        near = square[:, picked].min(axis=1)
        near[[*picked, *out]] = -1
        picked.append(int(near.argmax()))
    return picked


@pytest.mark.parametrize(
    ("start", "count", "wanted"),
    [(0, 4, [0, 4, 5, 1]), (5, 4, [5, 0, 3, 1]), (0, 6, [0, 4, 5, 1, 2, 3])],
)
def test_the_order_of_the_dossier(start, count, wanted):
    rows = pool(6, embedding=POINTS)
    chosen = k_center(rows, Budget(count=count), first=str(rows.ids[start]))
    assert chosen.rows.tolist() == wanted
    if start == 5:
        assert chosen.gains.tolist()[1:] == pytest.approx([7.071068, 7.071068, 1.0])
    if start == 0:
        assert chosen.gains.tolist()[:4] == pytest.approx([101**0.5, 101**0.5, 41**0.5, 1.0])
    assert chosen.info["radius"] == pytest.approx(1.0 if count == 4 else 0.0)


def test_given_rows_are_walked_from_and_not_picked():
    given = np.array([1.0, 0, 0, 0, 1, 0])
    chosen = k_center(pool(6, embedding=POINTS, g=given), Budget(count=6), given="g")
    assert chosen.rows.tolist() == [5, 1, 2, 3]
    assert chosen.info == {"radius": 0.0, "stopped": "no further distinct points"}


def test_the_centres_of_clusters_come_first():
    generator = np.random.default_rng(1)
    middles = np.eye(3, 8, dtype=np.float32) * 10
    vectors = np.repeat(middles, [30, 20, 10], axis=0) + 0.1 * generator.standard_normal((60, 8))
    rows = pool(60, embedding=vectors.astype(np.float32))
    chosen = k_center(rows, Budget(count=5), start="means", clusters=3)
    assert np.searchsorted([30, 50, 60], chosen.rows[:3], side="right").tolist() == [0, 1, 2]
    assert chosen.rows.tolist() == naive(vectors, chosen.rows[:3].tolist(), 5)


def test_an_unknown_first_row_is_named():
    with pytest.raises(UserError, match="no row of the pool has the id 'x'"):
        k_center(pool(6, embedding=POINTS), Budget(count=2), first="x")
    rows = pool(6, embedding=POINTS, g=np.ones(6))
    with pytest.raises(UserError, match="leave out first"):
        k_center(rows, Budget(count=2), first=str(rows.ids[0]), given="g")


@pytest.mark.parametrize("seed", range(4))
def test_the_front_and_the_late_bounds_change_no_pick(seed, monkeypatch):
    monkeypatch.setattr(_farthest, "FRONT", 16)
    monkeypatch.setattr(_farthest, "_CHUNK", 7)
    monkeypatch.setattr(_farthest, "_CENTRES", 5)
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((400, 6)).astype(np.float32)
    vectors[300:] = vectors[:100]  # copies
    vectors[200:220] = generator.integers(0, 2, (20, 6))  # exact ties
    rows = pool(400, embedding=vectors)
    chosen = k_center(rows, Budget(count=200), seed=seed)
    assert chosen.rows.tolist() == naive(vectors, chosen.rows[:1].tolist(), 200)


def test_vectors_that_do_not_fit_in_memory_are_picked_alike(monkeypatch):
    vectors = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float16)
    one = k_center(pool(300, embedding=vectors), Budget(count=50))
    monkeypatch.setattr(tables, "WHOLE", 0)
    two = k_center(pool(300, embedding=vectors), Budget(count=50))
    assert one.rows.tolist() == two.rows.tolist() == naive(vectors, one.rows[:1].tolist(), 50)


def test_refused_rows_cover_nobody():
    vectors = np.random.default_rng(2).standard_normal((80, 4)).astype(np.float32)
    labels = ["a" if n % 2 else "b" for n in range(80)]
    budget = Budget(count=20).within(["label=a:..4"])
    chosen = k_center(pool(80, embedding=vectors, label=labels), budget)
    picked, refused = chosen.rows[:1].tolist(), []
    while len(picked) < 20:
        row = naive(vectors, picked, len(picked) + 1, refused)[-1]
        full = labels[row] == "a" and sum(labels[p] == "a" for p in picked) == 4
        (refused if full else picked).append(row)
    assert chosen.rows.tolist() == picked
    exact = np.linalg.norm(vectors[:, None].astype(float) - vectors[picked], axis=2)
    assert chosen.info["radius"] == pytest.approx(exact.min(axis=1).max())


def test_equal_points_end_the_walk_with_a_word():
    rows = pool(4, embedding=np.full((4, 3), 0.1, np.float32))
    chosen = k_center(rows, Budget(count=3))
    assert len(chosen) == 1
    assert chosen.info == {"radius": 0.0, "stopped": "no further distinct points"}


def test_duplicates_in_many_dimensions_are_never_picked_twice():
    once = np.random.default_rng(0).standard_normal((40, 256)).astype(np.float32)
    rows = pool(120, embedding=np.concatenate([once, once, once]))
    chosen = k_center(rows, Budget(count=120))
    assert len(chosen) == 40
    assert len({row % 40 for row in chosen.rows.tolist()}) == 40


def test_the_middle_is_the_row_nearest_to_the_mean():
    vectors = np.random.default_rng(3).standard_normal((60, 5)).astype(np.float32)
    square = np.linalg.norm(vectors[:, None].astype(float) - vectors, axis=2)
    chosen = k_center(pool(60, embedding=vectors), Budget(count=20), start="middle")
    first = int(np.linalg.norm(vectors - vectors.mean(0), axis=1).argmin())
    picked = naive(vectors, [first], 20)
    assert chosen.rows.tolist() == picked
    assert chosen.info["radius"] == pytest.approx(square[:, picked].min(axis=1).max(), rel=1e-4)
    assert (np.diff(chosen.gains) <= 1e-6).all()


@pytest.mark.parametrize("seed", range(5))
def test_at_most_twice_the_best_radius(seed):
    vectors = np.random.default_rng(seed).standard_normal((10, 2)).astype(np.float32)
    square = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    best = min(square[:, list(c)].min(axis=1).max() for c in combinations(range(10), 3))
    chosen = k_center(pool(10, embedding=vectors), Budget(count=3), seed=seed)
    assert chosen.info["radius"] <= 2 * best + 1e-6


def test_a_row_without_a_vector_is_left_out():
    vectors = POINTS.copy()
    vectors[3] = np.nan
    chosen = k_center(pool(6, embedding=vectors), Budget(count=6))
    assert 3 not in chosen.rows and len(chosen) == 5
    assert chosen.dropped["no value in embedding"].tolist() == [3]
    assert len(k_center(pool(1, embedding=np.full((1, 2), np.nan)), Budget(count=1))) == 0


def test_one_long_row_does_not_make_the_others_equal():
    vectors = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    vectors[7] *= 2000
    chosen = k_center(pool(50, embedding=vectors), Budget(count=40))
    assert chosen.rows.tolist() == naive(vectors, chosen.rows[:1].tolist(), 40)


@pytest.mark.parametrize("seed", range(3))
def test_more_ties_than_the_front_holds_go_by_id(seed, monkeypatch):
    monkeypatch.setattr(_farthest, "FRONT", 16)
    vectors = np.random.default_rng(seed).integers(0, 4, (400, 4)).astype(np.float32)
    chosen = k_center(pool(400, embedding=vectors), Budget(count=60), seed=seed)
    assert chosen.rows.tolist() == naive(vectors, chosen.rows[:1].tolist(), 60)
