"""The win rate at equal length: judges with a known taste for length, and hard inputs."""

import numpy as np
import pytest

from tamis.evaluation.length_control import equal_length


def world(rows, equal, weight, shift=0.0, seed=0):
    """Exact preferences of judges that follow the model, and the differences of length."""
    apart = np.random.default_rng(seed).normal(shift, 1, rows) * 300
    at = np.log(equal / (1 - equal)) + weight * np.tanh(apart / apart.std(ddof=1))
    return 1 / (1 + np.exp(-at)), apart


@pytest.mark.parametrize("equal, weight, shift", [(0.5, 0, 0), (0.3, 2, 1), (0.8, -1, -0.5)])
def test_a_taste_for_length_that_follows_the_model_is_taken_out(equal, weight, shift):
    said, apart = world(400, equal, weight, shift)
    found = equal_length(said, apart, ridge=0.0)
    assert found.rate.value == pytest.approx(100 * equal, abs=1e-6)
    assert found.length == pytest.approx(weight, abs=1e-6)


def test_longer_answers_that_win_by_length_alone_are_at_parity():
    rng = np.random.default_rng(1)
    p, apart = world(2000, 0.5, 2.0, shift=1.0)
    said = (rng.random(2000) < p).astype(float)
    found = equal_length(said, apart)
    assert said.mean() > 0.7
    assert found.rate.low < 50 < found.rate.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    p, apart = world(300, 0.4, 1.0, shift=0.5)
    rng = np.random.default_rng(5)
    held = [equal_length((rng.random(300) < p) * 1.0, apart).rate for _ in range(300)]
    inside = np.mean([one.low <= 40 <= one.high for one in held])
    assert 0.91 <= inside <= 0.985


def test_the_other_side_has_the_other_rate():
    p, apart = world(200, 0.3, 1.5, shift=0.5)
    ours, theirs = equal_length(p, apart), equal_length(1 - p, -apart)
    assert ours.rate.value + theirs.rate.value == pytest.approx(100, abs=1e-6)
    assert ours.rate.low + theirs.rate.high == pytest.approx(100, abs=1e-6)


def test_the_unit_of_length_does_not_matter():
    p, apart = world(200, 0.3, 1.5)
    one, other = equal_length(p, apart), equal_length(p, apart * 1e6)
    assert one.rate.value == pytest.approx(other.rate.value)


def test_difficulty_is_a_further_term_and_the_rate_its_mean():
    rng = np.random.default_rng(2)
    apart, hard = rng.normal(0, 300, 500), rng.normal(0, 1.5, 500)
    at = 0.5 + np.tanh(apart / apart.std(ddof=1)) - 2 * hard
    found = equal_length(1 / (1 + np.exp(-at)), apart, hard, ridge=0.0)
    assert (found.model, found.length, found.difficulty) == pytest.approx((0.5, 1, -2), abs=1e-6)
    expected = 100 * (1 / (1 + np.exp(-0.5 + 2 * hard))).mean()
    assert found.rate.value == pytest.approx(expected, abs=1e-6)


def test_a_penalty_pulls_the_taste_for_length_to_nothing():
    p, apart = world(200, 0.5, 2.0, shift=1)
    found = equal_length(p, apart, ridge=1e9)
    assert found.length == pytest.approx(0, abs=1e-6)
    assert found.rate.value == pytest.approx(100 * p.mean(), abs=1e-4)


def test_preferences_close_to_0_are_fitted():
    said = np.full(200, 1e-7)
    said[:2] = 0.9
    apart = np.random.default_rng(0).normal(0, 1, 200)
    found = equal_length(said, apart)
    assert found.problem is None
    assert 0 < found.rate.value < 5


@pytest.mark.parametrize("said", [np.ones(50), np.zeros(50)])
def test_a_side_that_always_wins_has_no_finite_fit(said):
    found = equal_length(said, np.random.default_rng(0).normal(0, 1, 50))
    assert np.isnan(found.rate.value)
    assert "no finite fit" in found.problem


def test_lengths_that_separate_wins_from_losses_still_have_a_rate():
    apart = np.linspace(-200, 200, 51)
    found = equal_length((apart > 0) * 1.0, apart)
    assert found.problem is None
    assert found.rate.low < 50 < found.rate.high


def test_differences_that_are_all_the_same_tell_nothing():
    found = equal_length(np.tile([0.0, 1.0], 10), np.full(20, 7.0))
    assert np.isnan(found.rate.value) and "the same everywhere" in found.problem


def test_a_few_prompts_are_too_few():
    found = equal_length(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    assert "fewer than 10" in found.problem
    assert found.told()["rate"] == {"value": None, "low": None, "high": None}


def test_one_side_longer_throughout_widens_the_interval():
    rng = np.random.default_rng(4)
    apart = rng.normal(0, 1, 500)
    said = (rng.random(500) < 0.5) * 1.0
    around, far = equal_length(said, apart), equal_length(said, apart + 2.5)
    assert far.longer > 98
    assert far.rate.high - far.rate.low > 1.5 * (around.rate.high - around.rate.low)
