"""Win rates: counts by two orders, pooling, what failed, intervals, order and length, judges."""

import json
import math

import numpy as np
import pytest

from tamis.errors import UserError
from tamis.evaluation._rates import bootstrap
from tamis.evaluation.judgments import Judgment, by_scores
from tamis.evaluation.winrate import kappa, winrate


def judgments(rows, *, judge="gpt", set="s", lengths=(), start=0):
    """Preferences of each prompt, one an order, None where it failed."""
    lengths = lengths or [(None, None)] * len(rows)
    return [
        Judgment(
            set,
            str(at),
            judge,
            "a",
            "b",
            tuple(orders),
            tuple("unparsed" if p is None else None for p in orders),
            our_length=ours,
            their_length=theirs,
        )
        for at, (orders, (ours, theirs)) in enumerate(zip(rows, lengths, strict=True), start)
    ]


def total(rows, **settings):
    """The pooled line of one judge."""
    more = {name: settings.pop(name) for name in ("lengths",) if name in settings}
    (found,) = winrate(judgments(rows, **more), **settings)
    return found.judges[0].total


def outcomes(wins, ties, losses):
    return [(1.0,)] * wins + [(0.5,)] * ties + [(0.0,)] * losses


def counts(rate):
    return rate.wins, rate.ties, rate.losses


EIGHT = [
    ((8, 7), (9, 6)),
    ((8, 8), (7, 6)),
    ((9, 7), (6, 8)),
    ((5, 7), (6, 6)),
    ((4, 8), (5, 9)),
    ((7, 7), (7, 7)),
    ((8, 5), (7, 7)),
    ((6, 7), (8, 6)),
]
"""Scores of two answers by one judge in two orders, already swapped back."""


def test_eight_prompts_in_two_orders():
    found = total([[by_scores(pair) for pair in orders] for orders in EIGHT])
    assert counts(found) == (3, 3, 2)
    assert found.winning_score.value == 1.125


def test_the_total_pools_counts_and_is_not_the_mean_of_sets():
    small = judgments(outcomes(40, 20, 20), set="A")
    large = judgments(outcomes(100, 70, 130), set="B")
    judged = winrate(small + large)[0].judges[0]
    assert [one.winning_score.value for one in judged.sets] == pytest.approx([1.25, 0.9])
    assert judged.total.winning_score.value == pytest.approx(0.973684, abs=5e-7)
    assert judged.mean_of_sets["winning_score"] == pytest.approx(1.075)


def test_the_survey_s_score_and_the_discrete_rate_are_one_line_apart():
    found = total(outcomes(44, 15, 21))
    assert found.winning_score.value == pytest.approx(1.2875)
    assert found.discrete_win_rate.value == pytest.approx(50 * 1.2875)


def test_the_standard_error_is_that_of_a_mean():
    found = total([(1.0,), (0.0,), (0.25,), (0.5,)])
    expected = 100 * np.std([1, 0, 0.25, 0.5], ddof=1) / 2
    assert found.standard_error == pytest.approx(expected)
    assert found.win_rate.value == pytest.approx(43.75)


def test_failed_pairs_are_out_of_the_denominator_and_counted():
    found = total([(1.0, 1.0), (1.0, None), (None, None), (0.0, 0.0)])
    assert counts(found) == (1, 0, 1)
    assert (found.total, found.left_out, found.partly) == (2, {"unparsed": 2}, 0)


def test_a_failed_order_can_leave_the_word_to_the_other():
    found = total([(1.0, 1.0), (1.0, None), (None, None)], failed="other_order")
    assert (counts(found), found.left_out, found.partly) == ((2, 0, 0), {"unparsed": 1}, 1)


def test_a_failed_order_can_be_a_tie_as_in_survey_scripts():
    found = total([(1.0, 1.0), (1.0, None), (None, None)], failed="tie")
    assert (counts(found), found.left_out, found.partly) == ((2, 1, 0), {}, 2)


def test_nothing_that_counts_gives_no_numbers():
    found = total([(None,), (None,)])
    assert (found.total, found.left_out) == (0, {"unparsed": 2})
    assert math.isnan(found.win_rate.value) and math.isnan(found.standard_error)
    json.dumps(found.told(), allow_nan=False)


def test_one_prompt_has_a_rate_and_no_interval():
    found = total([(1.0,)])
    assert found.win_rate.value == 100
    assert math.isnan(found.win_rate.low) and math.isnan(found.standard_error)


def test_all_ties_are_parity_without_an_interval():
    found = total([(0.5, 0.5)] * 20)
    assert (found.winning_score.value, found.win_rate.value) == (1, 50)
    assert math.isnan(found.winning_score.low)
    assert math.isnan(found.lengths.longer_won.value)


def test_both_orders_may_cancel_out():
    found = total([(0.9, 0.2), (1.0, 0.0)])
    assert counts(found) == (0, 2, 0)
    assert found.win_rate.value == pytest.approx(52.5)


def test_the_bootstrap_interval_is_the_normal_one_of_many_prompts():
    found = total(outcomes(600, 100, 300))
    half = 1.96 * found.standard_error
    assert found.win_rate.low == pytest.approx(65 - half, abs=0.2)
    assert found.win_rate.high == pytest.approx(65 + half, abs=0.2)
    assert found.winning_score.low == pytest.approx(found.win_rate.low / 50)


def test_intervals_do_not_depend_on_the_order_of_prompts():
    rows = judgments([(p,) for p in np.random.default_rng(0).random(50)])
    assert winrate(rows) == winrate(rows[::-1])


def test_intervals_depend_on_the_seed_alone():
    rows = outcomes(30, 5, 20)
    assert total(rows, seed=1) == total(rows, seed=1) != total(rows, seed=2)


def test_counts_of_values_are_drawn_like_values():
    values = np.random.default_rng(1).integers(0, 3, 300) / 2
    noisy = values + np.arange(300) * 1e-9  # all different: drawn one by one
    few, many = (bootstrap(v, v, 20_000, 0)[0] for v in (values, noisy))
    assert (few.low, few.high) == pytest.approx((many.low, many.high), abs=2e-3)


def test_more_resamples_than_fit_into_memory_at_once_are_drawn_in_blocks():
    values = np.random.default_rng(1).random(3000)
    found, _ = bootstrap(values, values, 3000, 0)
    half = 1.96 * values.std() / math.sqrt(3000)
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=1e-3
    )


def test_no_resamples_are_no_intervals():
    assert math.isnan(total(outcomes(3, 1, 2), resamples=0).win_rate.low)


def test_position_bias_is_the_share_of_verdicts_that_turn():
    rows = [(1.0, 0.0)] * 3 + [(1.0, 0.5)] * 2 + [(1.0, 1.0)] * 5
    found = total(rows).positions
    assert (found.pairs, found.turned.value, found.reversed.value) == (10, 50, 30)
    assert found.first.value == pytest.approx(70)


def test_one_order_tells_nothing_of_positions():
    assert total(outcomes(2, 1, 1)).told()["positions"] is None


def test_lengths_and_how_often_the_longer_one_won():
    lengths = [(30, 10), (10, 30), (20, 20), (50, 10), (None, None)]
    found = total([(1.0,), (1.0,), (1.0,), (0.5,), (0.0,)], lengths=lengths).lengths
    assert (found.pairs, found.ours, found.theirs) == (4, 27.5, 17.5)
    assert (found.decided, found.longer_won.value) == (2, 50)


def test_lengths_that_nobody_knows_are_no_zeros():
    judged = winrate(judgments(outcomes(10, 5, 10)))[0].judges[0]
    assert judged.total.told()["lengths"] is None
    assert judged.equal_length is None


def test_pairs_of_generators_stand_by_themselves():
    other = Judgment("s", "1", "gpt", "a", "c", (0.0,))
    found = winrate([*judgments(outcomes(2, 0, 0)), other])
    assert [(one.theirs, one.judges[0].total.wins) for one in found] == [("b", 2), ("c", 0)]


def test_a_prompt_judged_twice_is_an_error():
    with pytest.raises(UserError, match="'0' of 's' twice"):
        winrate(judgments([(1.0,)]) * 2)


def test_no_judgments_are_an_error():
    with pytest.raises(UserError, match="no judgments"):
        winrate([])


@pytest.mark.parametrize("wrong", [{"failed": "drop"}, {"resamples": -1}, {"difficulty": {"x": 1}}])
def test_wrong_settings_are_told(wrong):
    with pytest.raises(UserError):
        winrate(judgments([(1.0,)]), **wrong)


def panel(*columns):
    """The comparison by judges with these verdicts of the same prompts."""
    named = (judgments([(p,) for p in c], judge=f"j{n}") for n, c in enumerate(columns))
    return winrate([one for column in named for one in column])[0]


def test_the_mean_over_judges_is_that_of_their_preferences():
    mean = panel([1, 1, 0, 0.5], [1, 0, 0, 0])
    assert [one.judge for one in mean.together] == ["mean of 2"]
    assert counts(mean.together[0].total) == (1, 1, 2)
    assert mean.together[0].total.win_rate.value == pytest.approx(100 * (1 + 0.5 + 0 + 0.25) / 4)


def test_the_majority_is_more_than_half_and_may_be_missing():
    majority = panel([1, 1, 0], [1, 0, 0.5], [0, 0, 1]).together[1]
    assert majority.judge == "majority of 3"
    assert counts(majority.total) == (1, 0, 1)
    assert majority.total.left_out == {"no_majority": 1}


def test_judges_together_count_what_counts_for_all():
    both = panel([1, None, 1], [1, 1, 0])
    assert both.together[0].total.total == 2
    assert both.judges[0].total.left_out == {"unparsed": 1}


def test_judges_of_different_prompts_are_not_put_together():
    apart = judgments([(1.0,)], judge="x") + judgments([(1.0,)], judge="y", start=5)
    found = winrate(apart)[0]
    assert found.together == ()
    assert found.told()["agreement"]["pairs"][0]["prompts"] == 0


def test_kappa_of_three_names():
    one = np.array([1, 1, 1, 0, 0, -1, -1, -1, -1, np.nan])
    other = np.array([1, 1, 0, 0, -1, -1, -1, -1, 1, 1])
    assert kappa(one, other) == pytest.approx((6 / 9 - 29 / 81) / (1 - 29 / 81))


def test_kappa_of_judges_that_say_one_thing_is_undefined():
    assert math.isnan(kappa(np.ones(4), np.ones(4)))
    assert panel([1, 1], [1, 1]).told()["agreement"]["pairs"][0]["kappa"] is None


def test_difficulty_is_found_by_id_and_by_the_text_of_the_prompt():
    rng = np.random.default_rng(3)
    lengths = [(int(n), 100) for n in rng.integers(50, 150, 60)]
    rows = judgments([(float(p),) for p in rng.random(60)], lengths=lengths)
    hard = {str(at): float(d) for at, d in enumerate(rng.normal(size=60))}
    plain, by_id = (winrate(rows, difficulty=d)[0].judges[0].equal_length for d in (None, hard))
    assert plain.difficulty is None and by_id.difficulty is not None
    assert by_id.rows == 60


def test_told_is_json():
    found = panel([1, 1, 0, 0.5], [1, 0, 0, None], [1, 1, 1, 1])
    assert json.loads(json.dumps(found.told(), allow_nan=False))["judges"][0]["total"]["wins"] == 2
