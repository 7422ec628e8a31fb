from collections import Counter

import numpy as np
import pytest
from measure_pools import pool, rows, vectors

from tamis.errors import UserError
from tamis.kmeans import automatic, k_means
from tamis.measures.cluster_entropy import cluster_entropy


def piles(sizes):
    """Groups of close rows far from each other, and the group of each row."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    centres = 100 * np.eye(len(sizes), dtype=np.float32)
    return centres[group] + vectors(len(group), len(sizes)) / 100, group


def test_shares_of_groups_that_anybody_sees():
    given, group = piles([10, 20, 30, 40])
    made = pool(100, embedding=given)
    firsts = [int(np.flatnonzero(group == g)[0]) for g in range(4)]
    assert cluster_entropy(made, rows(*firsts), clusters=4) == pytest.approx(1)
    assert cluster_entropy(made, np.flatnonzero(group == 2), clusters=4) == 0
    half = rows(firsts[0], firsts[1])
    assert cluster_entropy(made, half, clusters=4) == pytest.approx(0.5)
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    wanted = -(shares * np.log(shares)).sum() / np.log(4)
    assert cluster_entropy(made, np.arange(100), clusters=4) == pytest.approx(wanted)


@pytest.mark.parametrize("clusters", [0, 5])
def test_counts_over_the_clusters_of_the_pool(clusters):
    given = vectors(90, duplicates=True)
    made = pool(90, embedding=given)
    chosen = np.random.default_rng(8).choice(90, 17, replace=False)
    order = np.argsort(made.ids)
    labels = np.empty(90, int)
    found = k_means(given[order], clusters or automatic(90), seed=3)
    labels[order] = found.labels
    counts = Counter(labels[chosen].tolist())
    wanted = -sum(n / 17 * np.log(n / 17) for n in counts.values()) / np.log(len(found.centres))
    assert cluster_entropy(made, chosen, clusters=clusters, seed=3) == pytest.approx(wanted)


def test_one_cluster_has_nothing_to_be_spread_over():
    equal = pool(40, embedding=np.ones((40, 3), np.float32))
    for made, clusters in ((equal, 0), (pool(40, embedding=vectors(40)), 1)):
        with pytest.raises(UserError, match="one cluster"):
            cluster_entropy(made, rows(0, 1), clusters=clusters)
    with pytest.raises(UserError, match="at least 1"):
        cluster_entropy(equal, rows(0), clusters=-1)


def test_rows_without_a_vector_are_in_no_cluster():
    given, _ = piles([10, 10])
    given[0] = np.nan
    made = pool(20, embedding=given)
    assert cluster_entropy(made, rows(0, 1, 11), clusters=2) == pytest.approx(1)
    with pytest.raises(UserError, match="no row of the subset"):
        cluster_entropy(made, rows(0), clusters=2)
