"""Limits of rows nobody judged, rows lost, isotonic regression: scipy, sorting, scikit-learn."""

import numpy as np
import pytest

from tamis.recipes._isotonic import isotonic
from tamis.recipes._recall import Urn, lost


@pytest.mark.parametrize(("rows", "drawn"), [(10, 3), (40, 40), (50, 12), (3000, 200), (9, 0)])
@pytest.mark.parametrize("seen", [0, 1, 3, 12])
def test_chances_are_those_of_the_hypergeometric_distribution(rows, drawn, seen):
    stats = pytest.importorskip("scipy.stats")
    for better in range(seen, rows + 1, max(rows // 17, 1)):
        known = stats.hypergeom(rows, better, drawn)
        expected = known.cdf(seen - 1) + known.pmf(seen) / 2
        assert Urn(rows, drawn).fewer(better, seen) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("rows", "drawn"), [(10, 3), (30, 29), (50, 12), (400, 50)])
@pytest.mark.parametrize("seen", [0, 1, 3])
def test_limits_are_the_last_numbers_that_can_well_be(rows, drawn, seen):
    urn = Urn(rows, drawn)
    chances = [urn.fewer(seen + others, seen) for others in range(rows - drawn + 1)]
    possible = [n for n, chance in enumerate(chances) if 0.025 <= chance <= 0.975]
    assert (urn.least(seen), urn.most(seen)) == (possible[0], possible[-1])


def test_limits_where_everything_was_drawn_are_none():
    assert Urn(20, 20).most(5) == Urn(20, 20).least(5) == 0


def test_limits_where_nothing_was_drawn_are_all():
    assert Urn(20, 0).most(0) == 20 and Urn(20, 0).least(0) == 0


@pytest.mark.parametrize("seed", range(60))
def test_rows_lost_are_those_of_sorting(seed):
    rng = np.random.default_rng([5, seed])
    rows, count = int(rng.integers(2, 60)), int(rng.integers(1, 30))
    score = np.round(rng.normal(0, 1, rows), int(rng.integers(0, 3)))
    out = np.ones(rows, bool)
    # picks that are the best of those known, or any rows
    picked = rng.permutation(rows)[: min(count, rows)]
    out[picked] = False
    known = rng.random(rows) < 0.5
    best = np.lexsort((out, -score))[: len(picked)]
    hidden = np.sort(score[out & ~known])
    found = lost(
        np.sort(score[picked])[::-1],
        np.sort(score[out & known]),
        lambda v: len(hidden) - np.searchsorted(hidden, v, "right"),
    )
    assert found == out[best].sum()


def test_expectations_are_those_of_scikit_learn():
    known = pytest.importorskip("sklearn.isotonic")
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(0, 1, 300), 1)
    y = x + rng.normal(0, 1, 300)
    at = np.linspace(-5, 5, 101)
    expected = known.IsotonicRegression(out_of_bounds="clip").fit(x, y).predict(at)
    assert isotonic(x, y)(at) == pytest.approx(expected)
