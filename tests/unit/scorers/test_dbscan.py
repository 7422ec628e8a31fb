import numpy as np
import pytest

from tamis.scorers import _dbscan
from tamis.scorers._dbscan import dbscan


def clumps(rows, centres, spread, seed):
    """Unit vectors around some centres, and some anywhere."""
    generator = np.random.default_rng(seed)
    middle = generator.normal(size=(centres, 8))
    found = middle[generator.integers(0, centres, rows)] + spread * generator.normal(size=(rows, 8))
    found[::7] = generator.normal(size=(len(found[::7]), 8))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("least", [1, 2, 5])
@pytest.mark.parametrize("eps", [0.02, 0.05, 0.2])
def test_labels_are_those_of_scikit_learn(seed, least, eps):
    cluster = pytest.importorskip("sklearn.cluster")
    vectors = clumps(300, 12, 0.25, seed)
    theirs = cluster.DBSCAN(eps=eps, min_samples=least, metric="cosine").fit(vectors).labels_
    assert dbscan(vectors, eps, least).tolist() == theirs.tolist()


def test_both_have_clusters_and_noise():
    labels = dbscan(clumps(300, 12, 0.25, 0), 0.05, 5)
    assert labels.max() > 3 and (labels < 0).any()


def test_a_row_between_two_clusters_goes_to_the_first():
    angles = np.radians([0, 1, 2, 20, 21, 22, 11])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    eps = 1 - np.cos(np.radians(9.5))
    assert dbscan(vectors, eps, 4).tolist() == [0, 0, 0, 1, 1, 1, 0]


def test_blocks_change_nothing(monkeypatch):
    vectors = clumps(200, 5, 0.2, 3)
    whole = dbscan(vectors, 0.05, 3)
    monkeypatch.setattr(_dbscan, "_BLOCK", 200 * 7)
    assert dbscan(vectors, 0.05, 3).tolist() == whole.tolist()


@pytest.mark.parametrize("eps", [0.05, 1.5])
def test_vectors_without_a_direction_are_noise(eps):
    vectors = np.array([[0, 0], [0, 0], [1, 0], [1, 0]], np.float32)
    assert dbscan(vectors, eps, 1).tolist() == [-1, -1, 0, 0]


def test_no_vectors():
    assert dbscan(np.empty((0, 4), np.float32), 0.05, 2).tolist() == []
