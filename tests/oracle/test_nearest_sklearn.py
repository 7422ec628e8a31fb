"""Nearest rows against scikit-learn on vectors of real text."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tamis.neighbours import nearest
from tamis.vectors import Table

neighbors = pytest.importorskip("sklearn.neighbors")
sys.path.append(str(Path(__file__).parents[1] / "unit/selectors"))
sys.path.append(str(Path(__file__).parent))
from selector_pools import pool  # noqa: E402
from test_sklearn import real_vectors  # noqa: E402


def table(vectors):
    return Table(pool(len(vectors), v=vectors), "v", np.arange(len(vectors)))


def same(found, apart, near):
    """Equal distances at every rank, and the same rows where no two distances are equal."""
    assert np.sqrt(found.squared) == pytest.approx(apart, abs=2e-3)
    steps = np.diff(apart, axis=1)
    clear = np.ones(apart.shape, bool)
    clear[:, 1:] &= steps > 1e-5
    clear[:, :-1] &= steps > 1e-5
    clear[:, -1] = False  # the next one may be as near
    assert clear.mean() > 0.5
    assert (found.rows == near)[clear].all()


def test_neighbours_of_the_rows_themselves():
    vectors = real_vectors()
    rows = table(vectors)
    model = neighbors.NearestNeighbors(n_neighbors=15, algorithm="brute").fit(vectors)
    same(nearest(rows, rows, 15, search="exact"), *model.kneighbors())


def test_neighbours_of_other_rows():
    vectors = real_vectors()
    queries, rows = vectors[::5], np.delete(vectors, np.s_[::5], axis=0)
    model = neighbors.NearestNeighbors(n_neighbors=15, algorithm="brute").fit(rows)
    same(nearest(table(queries), table(rows), 15, search="exact"), *model.kneighbors(queries))


def test_the_recall_that_is_reported_is_the_recall():
    pytest.importorskip("faiss")
    vectors = real_vectors()
    rows = table(vectors)
    found = nearest(rows, rows, 10, search="approximate")
    near = (
        neighbors.NearestNeighbors(n_neighbors=10, algorithm="brute").fit(vectors).kneighbors()[1]
    )
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(near, found.rows, strict=True)])
    assert found.info["recall"] == pytest.approx(recall, abs=0.06)
