import numpy as np
import pytest

from tamis.errors import UserError
from tamis.recipes._least_squares import fit

NAMES = ("one", "two", "three")


def runs(count=30, noise=0.1, seed=0):
    drawn = np.random.default_rng(seed)
    x = drawn.normal(size=(count, 3)) * [1, 100, 0.01] + [0, 5000, 1]
    return x, 0.3 + x @ [0.5, -0.002, 3.0] + noise * drawn.normal(size=count)


def by_pinv(x, y):
    """Coefficients and their covariance by the pseudo-inverse."""
    design = np.column_stack([np.ones(len(x)), x])
    values = np.linalg.pinv(design) @ y
    rest = y - design @ values
    error = rest @ rest / (len(x) - design.shape[1])
    return values, np.sqrt(np.diag(error * np.linalg.pinv(design.T @ design)))


def test_a_law_without_noise_is_found():
    found = fit(NAMES, *runs(noise=0))
    assert found.values == pytest.approx([0.3, 0.5, -0.002, 3.0], rel=1e-6)
    assert found.r_squared == pytest.approx(1)


def test_coefficients_and_errors_are_the_pseudo_inverses():
    x, y = runs()
    found, (values, errors) = fit(NAMES, x, y), by_pinv(x, y)
    assert found.values == pytest.approx(values, rel=1e-5)
    assert found.errors == pytest.approx(errors, rel=1e-3)


def test_one_indicator_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    x, y = runs()
    found, theirs = fit(("one",), x[:, :1], y), stats.linregress(x[:, 0], y)
    assert found.values == pytest.approx([theirs.intercept, theirs.slope])
    assert found.errors == pytest.approx([theirs.intercept_stderr, theirs.stderr])
    assert found.r_squared == pytest.approx(theirs.rvalue**2)


def test_each_run_left_out():
    x, y = runs(12)
    errors, means = [], []
    for at in range(len(y)):
        rest, there = np.delete(y, at), np.delete(x, at, axis=0)
        values, _ = by_pinv(there, rest)
        errors.append(y[at] - values[0] - x[at] @ values[1:])
        means.append(y[at] - rest.mean())
    wanted = 1 - np.square(errors).sum() / np.square(means).sum()
    assert fit(NAMES, x, y).left_out == pytest.approx(wanted, rel=1e-5)


def test_the_interval_holds_the_law_nineteen_times_in_twenty():
    held = 0
    for seed in range(400):
        told = fit(NAMES, *runs(15, seed=seed)).told()["coefficients"][1]
        held += told["low"] <= 0.5 <= told["high"]
    assert 0.92 < held / 400 < 0.98


def test_inflation_tells_what_goes_together():
    x, y = runs(200)
    x[:, 2] = x[:, 0] + 0.1 * x[:, 2]
    found = fit(NAMES, x, y)
    assert found.inflation[1] == pytest.approx(1, abs=0.1)
    correlation = np.corrcoef(x[:, 0], x[:, 2])[0, 1]
    assert found.inflation[2] == pytest.approx(1 / (1 - correlation**2), rel=0.1)


def test_what_follows_from_the_others_is_refused():
    x, y = runs()
    x[:, 2] = 2 * x[:, 0] - x[:, 1]
    with pytest.raises(UserError, match="follows from the other"):
        fit(NAMES, x, y)


def test_what_never_changes_is_refused():
    x, y = runs()
    x[:, 1] = 0.1
    with pytest.raises(UserError, match="two is the same in all 30 runs"):
        fit(NAMES, x, y)


def test_fewer_runs_than_coefficients_are_refused():
    x, y = runs(4)
    with pytest.raises(UserError, match="at least 5"):
        fit(NAMES, x, y)


def test_outcomes_that_are_alike_have_no_slope():
    x, _ = runs()
    found = fit(NAMES, x, np.full(len(x), 1.7))
    assert found.values == pytest.approx([1.7, 0, 0, 0])
    assert found.told()["r_squared"] is None
