"""Prediction-powered intervals by hand, at their limits, and on simulated judges."""

import numpy as np
import pytest

from tamis.errors import UserError
from tamis.intervals import student, wilson
from tamis.prediction_powered import mean_interval, share_interval, tuned


def pool(seed, rows=2000, judged=200, noise=0.5):
    """(predictions, the judge's score of all rows, places of the judged ones)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 1.2, rows)
    score = np.clip(np.round(truth + rng.normal(0, 0.5, rows)), 1, 5)
    return truth + rng.normal(0, noise, rows) - 1, score, rng.choice(rows, judged, False)


def width(held):
    return held.high - held.low


def test_the_classical_interval_by_hand():
    predicted, sample, judged = np.arange(8.0), np.array([1, 4, 6]), np.array([2.0, 3.0, 7.0])
    held = mean_interval(predicted, sample, judged, weight=0)
    half = student(2) * np.sqrt(np.var(judged, ddof=1) / 3 * (1 - 3 / 8))
    assert (held.value, held.low, held.high) == pytest.approx((4, 4 - half, 4 + half))


def test_the_prediction_powered_interval_by_hand():
    predicted, sample, judged = np.arange(8.0), np.array([1, 4, 6]), np.array([2.0, 3.0, 7.0])
    held = mean_interval(predicted, sample, judged, weight=1)
    rest = np.array([1.0, -1.0, 1.0])
    half = student(2) * np.sqrt(np.var(rest, ddof=1) / 3 * (1 - 3 / 8))
    assert (held.value, width(held)) == pytest.approx((3.5 + 1 / 3, 2 * half))


def test_the_tuned_weight_is_the_slope_of_a_regression():
    predicted, score, sample = pool(0)
    slope = np.polyfit(predicted[sample], score[sample], 1)[0]
    assert tuned(predicted[sample], score[sample]) == pytest.approx(slope)


def test_good_predictions_narrow_the_interval():
    predicted, score, sample = pool(1, noise=0.1)
    classical, powered = (
        mean_interval(predicted, sample, score[sample], weight=w) for w in (0, None)
    )
    assert width(powered) < 0.6 * width(classical)


def test_useless_predictions_cost_next_to_nothing_when_tuned():
    predicted, score, sample = pool(2)
    useless = np.random.default_rng(9).normal(0, 10, len(predicted))
    classical, plain, powered = (
        width(mean_interval(useless, sample, score[sample], weight=w)) for w in (0, 1, None)
    )
    assert powered < 1.02 * classical and plain > 3 * classical


def test_predictions_that_are_all_too_low_do_not_bias():
    predicted, score, sample = pool(3)
    one, two = (
        mean_interval(p, sample, score[sample], weight=1) for p in (predicted, predicted - 50)
    )
    assert one.value == pytest.approx(two.value)


def test_constant_predictions_are_left_out():
    _, score, sample = pool(4)
    flat = np.full(len(score), 2.0)
    assert mean_interval(flat, sample, score[sample]).value == pytest.approx(score[sample].mean())


def test_all_rows_judged_leave_no_width():
    predicted, score, _ = pool(5, rows=100, judged=100)
    held = mean_interval(predicted, np.arange(100), score)
    assert (held.low, held.high) == pytest.approx((score.mean(), score.mean()))
    share = share_interval(predicted, np.arange(100), score, at_least=4)
    assert share.low == share.value == share.high == (score >= 4).mean()


def test_a_large_part_of_the_pool_narrows_the_interval_of_the_pool_alone():
    predicted, score, sample = pool(6, rows=400, judged=300)
    here, anywhere = (
        mean_interval(predicted, sample, score[sample], weight=0, of=of)
        for of in ("pool", "population")
    )
    assert width(here) == pytest.approx(width(anywhere) * np.sqrt(1 / 4), rel=1e-9)


def test_the_classical_share_is_wilsons_for_more_rows():
    predicted, score, sample = pool(7, rows=400, judged=100)
    held = share_interval(predicted, sample, score[sample], at_least=4, weight=0)
    assert held == wilson(float((score[sample] >= 4).mean()), 100 / 0.75)


def test_a_share_whose_predictions_were_never_wrong_keeps_a_width():
    predicted, score, sample = pool(8)
    held = share_interval(score, sample, score[sample], at_least=4)
    assert held.low < (score >= 4).mean() < held.high
    assert width(held) < width(share_interval(predicted, sample, score[sample], at_least=4))


def test_a_share_stays_between_none_and_all():
    predicted, score, sample = pool(9)
    for threshold in (0, 6):
        held = share_interval(predicted, sample, score[sample], at_least=threshold)
        assert 0 <= held.low <= held.value <= held.high <= 1


@pytest.mark.parametrize("score", [5.0, 0.1])
@pytest.mark.parametrize("weight", [0, None])
@pytest.mark.parametrize("of", ["pool", "population"])
def test_a_sample_without_spread_has_a_value_and_no_ends(score, weight, of):
    """Thirty rows that all got a 5 do not show that 2,000 would."""
    predicted, _, sample = pool(10, judged=30)
    held = mean_interval(predicted, sample, np.full(30, score), weight=weight, of=of)
    assert held.value == pytest.approx(score)
    assert np.isnan(held.low) and np.isnan(held.high)


def test_predictions_never_wrong_in_the_sample_leave_a_mean_without_ends():
    _, score, sample = pool(11, judged=30)
    assert np.isnan(mean_interval(score / 10, sample, score[sample]).low)


def test_the_mean_of_a_rare_thing_is_held_that_often():
    """1,000 simulations; with n - 1 degrees of freedom 91 in 100."""
    inside = 0
    for run in range(1000):
        rng = np.random.default_rng([run, 12])
        rare = (rng.random(3000) < 0.05).astype(float)
        sample = rng.choice(3000, 100, False)
        held = mean_interval(rare, sample, rare[sample], weight=0)
        inside += held.low <= rare.mean() <= held.high
    assert 930 <= inside <= 975


def test_too_few_rows_have_a_value_and_no_ends():
    held = mean_interval(np.arange(5.0), np.array([1]), np.array([3.0]), weight=0)
    assert held.value == 3 and np.isnan(held.low)


@pytest.mark.parametrize(
    ("sample", "judged", "match"),
    [
        ([], [], "at least one row"),
        ([1, 2], [1.0], "one score for each"),
        ([1, 1], [1.0, 2.0], "twice"),
        ([1, 2], [1.0, np.nan], "not a number"),
    ],
)
def test_what_is_no_sample_is_refused(sample, judged, match):
    with pytest.raises(UserError, match=match):
        mean_interval(np.arange(5.0), np.array(sample, int), np.array(judged))


@pytest.mark.parametrize("weight", [0, 1, None])
def test_95_percent_intervals_hold_the_truth_that_often(weight):
    """400 simulations; benchmarks/judge_simulations.py runs 1,000 in several settings."""
    inside = np.zeros(2)
    for run in range(400):
        predicted, score, sample = pool([run, 3], rows=1000, judged=150)
        mean = mean_interval(predicted, sample, score[sample], weight=weight)
        share = share_interval(predicted + 1, sample, score[sample], at_least=4, weight=weight)
        truth = score.mean(), (score >= 4).mean()
        inside += [h.low <= t <= h.high for h, t in zip((mean, share), truth, strict=True)]
    assert (inside / 400 > 0.92).all() and (inside / 400 < 0.985).all()
