"""The map: principal components beside numpy's own, and rows without a vector."""

import sys

import numpy as np
import pytest

from tamis.errors import MissingExtra
from tamis.reports.plane import components, plane
from tamis.testing import dataset
from tamis.types import Column, Pool
from tamis.vectors import Table


def pool_of(vectors, **problems):
    rows = [{"instruction": f"Name {i}.", "output": f"It is {i}."} for i in range(len(vectors))]
    return Pool.of(dataset(rows), embedding=Column.vectors(vectors, **problems))


def test_places_are_the_first_two_principal_components():
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    pool = pool_of(vectors)
    table = Table(pool, "embedding", np.arange(200), directions=True)
    found, share = components(table)
    centred = table[:].astype(np.float64) - table[:].astype(np.float64).mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    expected = u[:, :2] * s[:2]
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-6)
    assert abs(share - (s[:2] ** 2).sum() / (s**2).sum()) < 1e-9


def test_rows_without_a_vector_have_no_place_and_the_others_stay_where_they_are():
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    gone = np.arange(50) == 7
    found, said = plane(pool_of(vectors, no_known_token=gone), "embedding", "pca")
    assert np.isnan(found[7]).all() and not np.isnan(found[~gone]).any()
    alone, _ = plane(pool_of(vectors[~gone]), "embedding", "pca")
    np.testing.assert_array_equal(found[~gone], alone)
    assert "principal components" in said


def test_equal_vectors_lie_on_one_point():
    found, _ = plane(pool_of(np.ones((5, 3), np.float32)), "embedding", "pca")
    assert np.allclose(found, found[0])


def test_two_rows_are_too_few():
    found, said = plane(pool_of(np.eye(2, dtype=np.float32)), "embedding", "pca")
    assert np.isnan(found).all() and said == "too few rows have a vector"


def test_umap_gives_the_same_places_every_time_and_says_what_they_mean():
    pytest.importorskip("umap")
    vectors = np.random.default_rng(2).normal(size=(60, 8)).astype(np.float32)
    (one, said), (other, _) = (plane(pool_of(vectors), "embedding", "umap") for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert not np.isnan(one).any() and said.startswith("UMAP")


def test_umap_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tamis\[umap\]'"):
        plane(pool_of(np.eye(5, dtype=np.float32)), "embedding", "umap")
