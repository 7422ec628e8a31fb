import numpy as np
import pytest

from tamis import neighbours
from tamis.errors import UserError
from tamis.scorers.neighbour_distance import neighbour_distance
from tamis.testing import dataset
from tamis.types import Pool


def pool(vectors):
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(len(vectors))])
    return Pool.of(data, embedding=np.asarray(vectors, np.float32))


def drawn(rows, dimensions=8, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 6, 29])
def test_a_full_sort_of_all_distances(k):
    given = drawn(200)
    given[50:60] = given[:10]  # copies
    gaps = np.linalg.norm(given[:, None].astype(float) - given.astype(float), axis=2)
    np.fill_diagonal(gaps, np.inf)
    found = neighbour_distance(pool(given), k=k).values.to_numpy()
    np.testing.assert_allclose(found, np.sort(gaps, axis=1)[:, k - 1], rtol=1e-6, atol=1e-9)


def test_a_line_by_hand():
    found = neighbour_distance(pool([[0.0], [1.0], [3.0], [7.0]]), k=2)
    assert found.values.to_pylist() == [3, 2, 3, 6]


def test_copies_are_at_no_distance():
    assert neighbour_distance(pool(np.ones((5, 3))), k=4).values.to_pylist() == [0] * 5


def test_a_row_without_a_vector_is_nobodys_neighbour():
    found = neighbour_distance(pool([[0.0], [np.nan], [3.0], [7.0]]), k=1)
    assert found.values.to_pylist() == [3, None, 3, 4]
    assert found.problem.to_pylist() == [None, "not_finite", None, None]


def test_a_small_pool_has_no_such_neighbour():
    found = neighbour_distance(pool(drawn(6)), k=6)
    assert found.problem.to_pylist() == ["too_few_rows"] * 6


def test_blocks_change_nothing(monkeypatch):
    given = pool(drawn(100))
    whole = neighbour_distance(given).values.to_pylist()
    monkeypatch.setattr(neighbours, "_QUERIES", 16)
    assert neighbour_distance(given).values.to_pylist() == whole


def test_the_first_neighbour_is_number_one():
    with pytest.raises(UserError, match="at least 1"):
        neighbour_distance(pool(drawn(6)), k=0)
