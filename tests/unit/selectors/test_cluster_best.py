import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.cluster_best import car_order, cluster_best, principal


def test_the_union_of_the_dossier():
    scores = np.array([0.9, 0.8, 0.85, 0.3, 0.2, 0.6])
    order, union = car_order(scores, np.array([0, 0, 0, 1, 1, 2]), top=2, per_cluster=1)
    assert union == 4
    assert sorted(order[:4].tolist()) == [0, 2, 3, 5]
    assert sorted(order.tolist()) == list(range(6))


@pytest.mark.parametrize("top", [0, 7, 40, 500])
@pytest.mark.parametrize("per_cluster", [1, 3])
def test_the_union_by_hand(top, per_cluster):
    generator = np.random.default_rng(top)
    scores, labels = generator.standard_normal(200), generator.integers(12, size=200)
    order, union = car_order(scores, labels, top, per_cluster)
    wanted = set(np.argsort(-scores)[:top].tolist())
    for cluster in range(12):
        mine = np.flatnonzero(labels == cluster)
        wanted |= set(mine[np.argsort(-scores[mine])][:per_cluster].tolist())
    assert set(order[:union].tolist()) == wanted


def test_a_small_budget_keeps_the_mixture():
    generator = np.random.default_rng(0)
    scores, labels = generator.standard_normal(4000), generator.integers(100, size=4000)
    order, union = car_order(scores, labels, top=100, per_cluster=1)
    top = set(np.argsort(-scores)[:100].tolist())
    share = 100 / union
    assert abs(sum(row in top for row in order[:50].tolist()) - 50 * share) <= 1


def test_clusters_and_gains():
    generator = np.random.default_rng(0)
    corners = 10 * np.eye(4, 6)
    vectors = np.repeat(corners, 25, axis=0) + generator.normal(0, 0.1, (100, 6))
    scores = np.arange(100.0)
    rows = pool(100, embedding=vectors, s=scores)
    chosen = cluster_best(rows, Budget(count=5), by="s", top=2, clusters=4)
    assert sorted(chosen.rows.tolist()) == [24, 49, 74, 98, 99]
    assert chosen.info == {"clusters": 4, "union": 5}
    assert chosen.gains.tolist() == scores[chosen.rows].tolist()


def test_principal_axes_keep_the_share_and_the_distances():
    generator = np.random.default_rng(0)
    vectors = (generator.standard_normal((500, 3)) * [10, 5, 0.1]).astype(np.float32) + 3
    flat = principal(vectors, 0.95)
    assert flat.shape == (500, 2)
    assert np.allclose(
        np.linalg.norm(flat[1:] - flat[0], axis=1),
        np.linalg.norm(vectors[1:, :2] - vectors[0, :2], axis=1),
        atol=0.2,
    )
    assert principal(vectors, 1.0) is vectors


def test_nothing_to_choose_is_refused():
    with pytest.raises(UserError, match="above 0"):
        rows = pool(1, embedding=np.ones((1, 2)), s=np.ones(1))
        cluster_best(rows, Budget(count=1), by="s", top=0, per_cluster=0)
