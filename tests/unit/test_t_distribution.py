"""Tails and quantiles of Student's t against scipy."""

import math

import pytest

from tamis.t_distribution import quantile, tail

stats = pytest.importorskip("scipy.stats")
FREEDOM = [0.5, 1, 1.3, 2, 2.4, 3, 10, 199.5, 200.5, 999, 1e5, 1e7]


@pytest.mark.parametrize("freedom", FREEDOM)
@pytest.mark.parametrize("t", [0, 1e-3, 0.5, 1, 2, 5, 30, 1000])
def test_the_tail(t, freedom):
    known = stats.t.sf(t, freedom)
    assert tail(t, freedom) == pytest.approx(known, rel=1e-8, abs=1e-300)
    assert tail(-t, freedom) == pytest.approx(1 - known, rel=1e-10)


@pytest.mark.parametrize("freedom", FREEDOM)
@pytest.mark.parametrize("share", [0.025, 0.1, 0.8, 0.975, 0.9999])
def test_the_quantile(share, freedom):
    assert quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-8)


def test_the_quantile_of_a_half_is_0():
    assert quantile(0.5, 3) == 0


def test_many_degrees_of_freedom_are_a_normal_distribution():
    assert tail(2.5, 1e9) == pytest.approx(stats.norm.sf(2.5), rel=1e-8)


def test_infinite_t_has_no_tail():
    assert tail(math.inf, 3) == 0 and tail(-math.inf, 3) == 1


@pytest.mark.parametrize(("t", "freedom"), [(math.nan, 3), (1, 0), (1, math.nan)])
def test_what_is_not_a_number_has_none(t, freedom):
    assert math.isnan(tail(t, freedom))


@pytest.mark.parametrize(("share", "freedom"), [(0, 3), (1, 3), (math.nan, 3), (0.9, math.nan)])
def test_what_has_no_quantile_has_none(share, freedom):
    assert math.isnan(quantile(share, freedom))
