"""Quantiles and intervals against scipy and by hand."""

import math

import numpy as np
import pytest

from tamis.intervals import Interval, fisher, student, symmetric, wilson

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
