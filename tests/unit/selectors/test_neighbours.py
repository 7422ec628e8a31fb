import sys

import numpy as np
import pytest
from selector_pools import pool

from tamis import neighbours as module
from tamis.errors import UserError
from tamis.neighbours import nearest
from tamis.vectors import Table


def vectors_of(rows, dimensions=6, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


def table(vectors):
    vectors = np.asarray(vectors, np.float32)
    return Table(pool(len(vectors), v=vectors), "v", np.arange(len(vectors)))


def full_sort(queries, rows, k, itself):
    """Positions and squared distances from a sort of all distances, ties by position."""
    squared = np.square(queries[:, None].astype(float) - rows).sum(axis=2)
    if itself:
        np.fill_diagonal(squared, np.inf)
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(squared, order, axis=1)


@pytest.mark.parametrize("k", [1, 5, 29])
@pytest.mark.parametrize("rows", [30, 700])
def test_exact_search_is_a_full_sort(rows, k):
    vectors, asked = vectors_of(rows), vectors_of(9, seed=1)
    own = table(vectors)
    for queries, given, itself in ((own, vectors, True), (table(asked), asked, False)):
        found = nearest(queries, own, k, search="exact")
        order, squared = full_sort(given, vectors, k, itself)
        assert found.rows.tolist() == order.tolist()
        assert found.squared == pytest.approx(squared, rel=1e-4, abs=1e-5)
        assert found.info == {"search": "exact"}


def test_many_blocks_are_one(monkeypatch):
    vectors = table(vectors_of(100))
    whole = nearest(vectors, vectors, 7)
    monkeypatch.setattr(module, "_QUERIES", 16)
    found = nearest(vectors, vectors, 7)
    assert found.rows.tolist() == whole.rows.tolist()


def test_ties_go_by_position():
    corners = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)] * 50, np.float32)
    found = nearest(table([(0, 0)]), table(corners), 6)
    assert found.rows.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert found.squared.tolist() == [[1.0] * 6]


def test_a_row_is_not_its_own_neighbour_but_its_duplicate_is():
    vectors = table(np.concatenate([vectors_of(20), vectors_of(20)]))
    found = nearest(vectors, vectors, 3)
    assert found.rows[:, 0].tolist() == [(row + 20) % 40 for row in range(40)]
    assert (found.squared >= 0).all() and found.squared[:, 0].max() < 1e-5
    assert not (found.rows == np.arange(40)[:, None]).any()
    copy = table(vectors[:])
    other = nearest(copy, vectors, 2)
    assert other.rows.tolist() == [[row % 20, row % 20 + 20] for row in range(40)]


@pytest.mark.parametrize("k", [5, 6, 99])
def test_no_more_neighbours_than_rows(k):
    vectors = table(vectors_of(6))
    found = nearest(vectors, vectors, k)
    assert found.rows.shape == found.squared.shape == (6, 5)
    assert all(
        sorted([row, *near]) == list(range(6)) for row, near in enumerate(found.rows.tolist())
    )
    assert nearest(table(vectors_of(2, seed=1)), vectors, k).rows.shape == (2, min(k, 6))


def test_one_row_no_row_and_no_query():
    one, none = table(vectors_of(1)), table(np.empty((0, 6)))
    assert nearest(one, one, 5).rows.shape == (1, 0)
    assert nearest(table(vectors_of(1)), one, 5).rows.tolist() == [[0]]
    assert nearest(one, none, 5).rows.shape == (1, 0)
    assert nearest(none, one, 5).rows.shape == (0, 0)
    assert nearest(one, one, 0).squared.dtype == np.float32


def test_automatic_is_exact_up_to_a_limit(monkeypatch):
    vectors = table(vectors_of(50))
    monkeypatch.setattr(module, "EXACT", 50)
    assert nearest(vectors, vectors, 3).info == {"search": "exact"}
    monkeypatch.setattr(module, "EXACT", 49)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match=r"50 rows are too many .*pip install 'tamis\[ann\]'"):
        nearest(vectors, vectors, 3)
    assert nearest(vectors, vectors, 3, search="exact").info == {"search": "exact"}


def test_without_faiss_the_approximate_search_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    vectors = table(vectors_of(5))
    with pytest.raises(UserError, match="set search=exact and wait"):
        nearest(vectors, vectors, 3, search="approximate")


@pytest.mark.parametrize("itself", [True, False])
def test_the_approximate_search_reports_the_recall_it_has(itself):
    pytest.importorskip("faiss")
    vectors = vectors_of(800, 24)  # no clusters, so that the recall is far from 1
    rows = table(vectors)
    asked = vectors if itself else vectors_of(300, 24, seed=2)
    queries = rows if itself else table(asked)
    found = nearest(queries, rows, 10, search="approximate")
    order, squared = full_sort(asked, vectors, 10, itself)
    hits = [np.isin(true, got).mean() for true, got in zip(order, found.rows, strict=True)]
    assert found.info["search"] == "approximate" and found.info["checked"] == 256
    assert found.info["recall"] == pytest.approx(np.mean(hits), abs=0.05)
    assert 0.3 < found.info["recall"] < 0.9
    assert found.rows.shape == (len(asked), 10)
    right = found.rows == order
    assert found.squared[right] == pytest.approx(squared[right], rel=1e-3, abs=1e-4)
    if itself:
        assert not (found.rows == np.arange(800)[:, None]).any()


def test_the_same_seed_checks_the_same_queries():
    pytest.importorskip("faiss")
    rows = table(vectors_of(1000))
    one, two = (nearest(rows, rows, 10, search="approximate", seed=-3).info for _ in range(2))
    assert one == two


def test_an_offset_that_all_rows_share_changes_nothing():
    vectors = np.random.default_rng(0).standard_normal((120, 16)).astype(np.float32)
    far = vectors.copy()
    far[:, 3] += 2000
    one, two = (table(v) for v in (vectors, far))
    near, apart = nearest(one, one, 5), nearest(two, two, 5)
    assert np.allclose(near.squared, apart.squared, rtol=2e-3)
