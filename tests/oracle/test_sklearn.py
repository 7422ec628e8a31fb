"""k-means against scikit-learn on vectors of real text."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tamis.kmeans import automatic, k_means

cluster = pytest.importorskip("sklearn.cluster")
ROWS = 4000


@cache
def real_vectors():
    """Paragraphs and definitions of this repository as hashed words, projected and normalised."""
    root = Path(__file__).parents[2]
    files = sorted([*root.glob("src/**/*.py"), *root.glob("tests/**/*.py"), *root.glob("*.md")])
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in files)
    parts = [part.split() for part in text.split("\n\n") if len(part.split()) > 5]
    parts = [parts[at] for at in np.random.default_rng(0).permutation(len(parts))[:ROWS]]
    vocabulary = {word: n for n, word in enumerate(sorted({w for part in parts for w in part}))}
    counts = np.zeros((len(parts), len(vocabulary)), np.float32)
    for row, part in enumerate(parts):
        for word in part:
            counts[row, vocabulary[word]] += 1
    projection = np.random.default_rng(0).standard_normal((len(vocabulary), 64))
    vectors = np.log1p(counts) @ projection.astype(np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_inertia_is_within_two_per_cent_of_scikit_learns():
    vectors = real_vectors()
    k = automatic(len(vectors))
    ours = np.mean([(k_means(vectors, k, seed=s).distances ** 2).sum() for s in range(3)])
    theirs = np.mean(
        [cluster.KMeans(k, n_init=1, random_state=s).fit(vectors).inertia_ for s in range(3)]
    )
    assert ours <= 1.02 * theirs


def test_the_assignment_is_scikit_learns():
    vectors = real_vectors()
    found = k_means(vectors, 20)
    model = cluster.KMeans(20, init=found.centres, n_init=1, max_iter=1).fit(vectors)
    model.cluster_centers_ = found.centres
    assert (model.predict(vectors) == found.labels).mean() > 0.999


def test_seeding_matters_less_than_two_per_cent():
    vectors = real_vectors()
    inertia = [(k_means(vectors, 20, seed=s).distances ** 2).sum() for s in range(5)]
    assert max(inertia) <= 1.02 * min(inertia)
