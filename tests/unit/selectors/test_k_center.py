from itertools import combinations

import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.selectors.k_center import Walk, farthest_first, k_center

POINTS = np.array([(0, 0), (1, 0), (0, 1), (10, 0), (10, 1), (5, 5)], np.float32)


@pytest.mark.parametrize(
    ("start", "count", "wanted"),
    [(0, 4, [0, 4, 5, 1]), (5, 4, [5, 0, 3, 1]), (0, 6, [0, 4, 5, 1, 2, 3])],
)
def test_the_order_of_the_dossier(start, count, wanted):
    walk = Walk()
    steps = farthest_first(POINTS, [start], walk)
    picks = [next(steps) for _ in range(count)]
    assert [row for row, _ in picks] == wanted
    if start == 0:
        assert [gain for _, gain in picks][:4] == pytest.approx([101**0.5, 101**0.5, 41**0.5, 1.0])
    assert walk.radius == pytest.approx(1.0 if count == 4 else 0.0)


def test_a_given_start_is_not_yielded():
    walk = Walk()
    picks = list(farthest_first(POINTS, [0, 4], walk, given=True))
    assert [row for row, _ in picks] == [5, 1, 2, 3]
    assert walk.ended and walk.radius == 0


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


def test_the_running_minimum_is_the_n_by_n_form():
    vectors = np.random.default_rng(3).standard_normal((60, 5)).astype(np.float32)
    square = np.linalg.norm(vectors[:, None].astype(float) - vectors, axis=2)
    chosen = k_center(pool(60, embedding=vectors), Budget(count=20), start="middle")
    picked = [int(np.linalg.norm(vectors - vectors.mean(0), axis=1).argmin())]
    while len(picked) < 20:
        picked.append(int(square[:, picked].min(axis=1).argmax()))
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
