import numpy as np
import pytest
from measure_pools import distances, pool, rows, vectors

from tamis.errors import UserError
from tamis.measures.knn_distance import knn_distance


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("k", [1, 2, 7])
def test_all_distances_in_float64(duplicates, k):
    given = vectors(60, duplicates=duplicates)
    chosen = np.random.default_rng(4).choice(60, 25, replace=False)
    square = distances(given[chosen])
    wanted = np.mean([sorted(np.delete(square[i], i))[k - 1] for i in range(25)])
    found = knn_distance(pool(60, embedding=given), chosen, k=k)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_copies_are_neighbours_at_no_distance():
    given = np.tile(vectors(1, 256) * 10, (30, 1))
    assert knn_distance(pool(30, embedding=given), np.arange(30)) == 0


def test_a_line_by_hand():
    given = np.array([[0.0], [1.0], [3.0], [100.0], [np.nan]], np.float32)
    made = pool(5, embedding=given)
    assert knn_distance(made, rows(0, 1, 2)) == pytest.approx((1 + 1 + 2) / 3)
    assert knn_distance(made, rows(0, 1, 2, 4), k=2) == pytest.approx((3 + 2 + 3) / 3)


def test_there_must_be_as_many_other_rows():
    made = pool(6, embedding=vectors(6))
    for chosen, k in ((rows(0), 1), (rows(0, 1), 2), (rows(0, 1), 0)):
        with pytest.raises(UserError, match="at least 1 and less than its rows"):
            knn_distance(made, chosen, k=k)
