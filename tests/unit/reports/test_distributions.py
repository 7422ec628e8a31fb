"""Percentiles, histograms and agreement, each beside a plain loop."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr

from tamis.reports import distributions

nan = np.nan


def test_percentiles_are_shares_below_and_half_of_those_equal():
    values = np.array([3.0, 1.0, nan, 3.0, 2.0])
    found = distributions.percentiles(values)
    assert found[[0, 1, 3, 4]].tolist() == [75.0, 12.5, 75.0, 37.5]
    assert np.isnan(found[2])


def test_few_different_values_get_a_column_each():
    at = distributions.edges(np.array([0.0, 1.0, 1.0, 5.0]))
    part = distributions.part("pool", np.array([0.0, 1.0, 1.0, 5.0, nan]), at)
    assert part["counts"] == [1, 2, 1]
    assert part["rows"] == 4 and part["median"] == 1.0


def test_every_row_is_in_one_column_even_far_out():
    values = np.concatenate([np.random.default_rng(0).normal(size=5000), [1e9, -1e9]])
    at = distributions.edges(values)
    counts = distributions.part("pool", values, at)["counts"]
    assert sum(counts) == 5002 and len(counts) == distributions.BINS
    assert at[-1] < 10 and counts[-1] >= 1
    inner = [((values >= low) & (values < high)).sum() for low, high in pairwise(at[1:-1])]
    assert counts[1:-1] == [int(count) for count in inner]


def test_a_constant_score_has_one_column():
    at = distributions.edges(np.full(9, 2.0))
    assert distributions.part("pool", np.full(9, 2.0), at)["counts"] == [9]


def test_a_score_that_is_nearly_constant_keeps_its_ends():
    values = np.concatenate([np.zeros(10_000), np.arange(1.0, 50.0)])
    at = distributions.edges(values)
    assert at[0] == 0 and at[-1] == 49


def test_correlations_are_spearmans_over_rows_that_have_both():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 20, 300).astype(float)
    y = x + rng.normal(size=300) * 5
    z = rng.normal(size=300)
    y[:40] = nan
    z[20:60] = nan
    found = distributions.correlations({"x": x, "y": y, "z": z})
    assert found["names"] == ["x", "y", "z"]
    for i, one in enumerate((x, y, z)):
        for j, other in enumerate((x, y, z)):
            both = ~(np.isnan(one) | np.isnan(other))
            expected = spearmanr(one[both], other[both]).statistic
            assert found["values"][i][j] == pytest.approx(expected)


def test_a_correlation_that_does_not_exist_is_none():
    found = distributions.correlations({"x": np.array([1.0, 2.0, nan]), "c": np.ones(3)})
    assert found["values"][0][1] is None
    assert distributions.correlations({"x": np.ones(3)}) is None


def test_agreement_of_selections_by_hand():
    a, b = np.array([1, 1, 0, 0], bool), np.array([1, 1, 1, 0], bool)
    assert distributions.jaccard(["a", "b"], [a, b])["values"][0][1] == pytest.approx(2 / 3)
    shared = distributions.shared(["a", "b"], [a, b])["values"]
    assert shared == [[1.0, 1.0], [pytest.approx(2 / 3), 1.0]]
    ranks = distributions.ranks(["a", "b"], [np.array([0, 1, 2, -1]), np.array([2, 1, 0, 5])])
    assert ranks["values"][0][1] == pytest.approx(-1)
