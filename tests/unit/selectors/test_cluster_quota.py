import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.selectors.cluster_quota import cluster_quota

SIZES = (1, 2, 5, 9)


def corners(sizes=SIZES):
    generator = np.random.default_rng(0)
    centres = np.repeat(10 * np.eye(len(sizes), 8), sizes, axis=0)
    return centres + generator.normal(0, 0.1, centres.shape), np.repeat(range(len(sizes)), sizes)


@pytest.mark.parametrize(("count", "wanted"), [(9, [0, 0, 4, 5]), (14, [0, 0, 5, 9])])
def test_s2l_settings_give_the_counts_of_s2l(count, wanted):
    vectors, labels = corners()
    chosen = cluster_quota(
        pool(17, embedding=vectors),
        Budget(count=count),
        clusters=4,
        allocation="equal",
        inside="random",
        small=2,
    )
    assert np.bincount(labels[chosen.rows], minlength=4).tolist() == wanted


def test_best_of_each_cluster_in_proportion():
    vectors, _ = corners((20, 40))
    rows = pool(60, embedding=vectors, s=np.arange(60.0))
    chosen = cluster_quota(rows, Budget(count=6), by="s", clusters=2)
    assert sorted(chosen.rows.tolist()) == [18, 19, 56, 57, 58, 59]
    assert chosen.gains.tolist() == [float(row) for row in chosen.rows]


def test_nearest_to_the_centre_without_a_score():
    vectors, labels = corners((30, 30))
    chosen = cluster_quota(pool(60, embedding=vectors), Budget(count=2), clusters=2)
    for row in chosen.rows.tolist():
        mine = vectors[labels == labels[row]]
        away = np.linalg.norm(mine - mine.mean(axis=0), axis=1)
        assert np.linalg.norm(vectors[row] - mine.mean(axis=0)) == pytest.approx(
            away.min(), rel=1e-3
        )
    assert chosen.gains.tolist() == [0.0, 0.0]
