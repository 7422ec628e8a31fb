"""Quantiles and intervals against scipy and by hand."""

import math

import numpy as np
import pytest

from tamis.intervals import Interval, degrees, fisher, student, symmetric, wilson

stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize("freedom", [3, 4, 5, 8, 20, 50, 1000, 10**6])
def test_the_quantile_of_t(freedom):
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.005)


def test_the_quantile_without_freedom_is_none():
    assert math.isnan(student(0))


@pytest.mark.parametrize(("hits", "rows"), [(0, 10), (3, 10), (10, 10), (180, 200)])
def test_wilson_is_that_of_scipy(hits, rows):
    found = wilson(hits / rows, rows)
    known = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)


def test_fisher_is_that_of_pearson_where_the_influence_has_its_spread():
    values = np.array([1.0, -1.0] * 50)
    found = fisher(0.6, values * (1 - 0.6**2))
    half = student(99) / math.sqrt(99)
    assert math.atanh(found.high) - math.atanh(0.6) == pytest.approx(half)
    assert math.atanh(0.6) - math.atanh(found.low) == pytest.approx(half)


@pytest.mark.parametrize("value", [1.0, -1.0, math.nan])
def test_a_value_without_spread_has_no_ends(value):
    found = fisher(value, np.zeros(10))
    assert math.isnan(found.low) and math.isnan(found.high)


def test_one_row_has_no_ends():
    assert math.isnan(symmetric(2.0, np.array([2.0])).low)


def test_told_has_null_for_what_is_not_there():
    assert Interval(1.5).told() == {"value": 1.5, "low": None, "high": None}


def test_scaled_moves_all_three():
    assert Interval(1, 0, 2).scaled(10, 5) == Interval(15, 5, 25)


@pytest.mark.parametrize("rows", [1, 5, 7, 49])
def test_wilson_leaves_out_neither_none_nor_all_by_rounding(rows):
    assert wilson(0.0, rows).low == 0 and wilson(1.0, rows).high == 1


def test_wilson_without_a_quantile_has_no_ends():
    found = wilson(1.0, 10, student(0))
    assert math.isnan(found.low) and math.isnan(found.high)


def test_degrees_of_freedom_are_those_of_chi_square_with_the_spread_s_variance():
    values = np.array([0.0] * 94 + [1.0] * 6)
    variance = np.var(values)
    fourth = np.mean((values - values.mean()) ** 4)
    of_spread = (fourth - variance**2) / 100
    assert degrees(values) == pytest.approx(2 * variance**2 / of_spread)


@pytest.mark.parametrize("fitted", [1, 2])
def test_degrees_of_freedom_are_at_most_those_of_the_rows(fitted):
    assert degrees(np.array([1.0, -1.0] * 50), fitted) == 100 - fitted
    assert degrees(np.array([0.0] * 999 + [1.0])) == 3


@pytest.mark.parametrize("value", [0.0, 3.0, 0.1])
def test_values_that_are_all_equal_have_no_ends(value):
    found = symmetric(value, np.full(30, value))
    assert math.isnan(found.low) and math.isnan(found.high)


def test_a_mean_of_which_few_rows_decide_is_held_that_often():
    """Of 2,000 samples; with n - 1 degrees of freedom 90 in 100."""
    inside = 0
    for seed in range(2000):
        values = (np.random.default_rng([seed, 8]).random(100) < 0.08).astype(float)
        found = symmetric(values.mean(), values)
        inside += found.low <= 0.08 <= found.high
    assert 0.93 < inside / 2000 < 0.97
