"""Effects against scipy where they reduce to known tests, by simulation where they do not."""

import json
import math

import numpy as np
import pytest

from tamis.effects import (
    Spread,
    against,
    detectable,
    effect,
    holm,
    spread,
    verdicts,
    within,
)
from tamis.errors import UserError
from tamis.intervals import degrees

stats = pytest.importorskip("scipy.stats")


def rng(seed=0):
    return np.random.default_rng(seed)


def arm(seed, runs=3, rows=60, shift=0.0, between=0.3):
    draw = rng([seed, 6])
    base = rng(99).normal(size=rows)
    return base + shift + between * draw.normal(size=(runs, 1)) + draw.normal(size=(runs, rows))


def near(found):
    return pytest.approx(found, rel=1e-8)


def test_one_run_each_is_the_paired_t_test():
    ours, theirs = rng(1).uniform(size=(2, 1, 40))
    found, known = effect(ours, theirs), stats.ttest_rel(ours[0], theirs[0])
    low, high = known.confidence_interval()
    assert found.p == near(known.pvalue)
    assert (found.difference.low, found.difference.high) == near((low, high))
    assert found.degrees == 39 and found.over == "rows"


def test_a_list_of_rows_is_one_run():
    ours, theirs = arm(1)[0], arm(2)[0]
    assert effect(ours, theirs) == effect(ours[None], theirs[None])


def test_rows_that_are_equal_within_each_run_are_welchs_t_test():
    ours, theirs = rng(2).normal(0.5, 1, 4), rng(3).normal(0, 3, 3)
    found = effect(np.repeat(ours[:, None], 30, 1), np.repeat(theirs[:, None], 30, 1))
    known = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = known.confidence_interval()
    assert found.p == near(known.pvalue) and found.degrees == near(known.df)
    assert (found.difference.low, found.difference.high) == near((low, high))
    assert found.over == "rows and runs" and found.runs == (4, 3)


def test_rows_equal_within_each_paired_run_are_the_paired_t_test_over_runs():
    ours, theirs = rng(4).normal(size=(2, 5))
    found = effect(
        np.repeat(ours[:, None], 30, 1), np.repeat(theirs[:, None], 30, 1), paired_runs=True
    )
    assert found.p == near(stats.ttest_rel(ours, theirs).pvalue)


def test_equal_runs_are_the_paired_t_test_over_rows():
    ours, theirs = rng(5).uniform(size=(2, 40))
    found = effect(np.tile(ours, (3, 1)), np.tile(theirs, (3, 1)))
    assert found.p == near(stats.ttest_rel(ours, theirs).pvalue)
    assert found.over == "rows and runs"


def test_a_pooled_spread_of_equal_rows_is_students_t_test():
    ours, theirs = (np.repeat(rng(s).normal(size=(4, 1)), 30, 1) for s in (6, 7))
    found = effect(ours, theirs, between=spread([ours, theirs]))
    known = stats.ttest_ind(ours[:, 0], theirs[:, 0])
    assert found.p == near(known.pvalue) and found.degrees == near(6)


def test_preferences_of_one_run_are_the_one_sample_t_test():
    wins = rng(8).choice([0, 0.5, 1], size=50)
    found, known = against(wins), stats.ttest_1samp(wins, 0.5)
    assert found.p == near(known.pvalue)
    assert found.ours == near(wins.mean()) and found.theirs == 0.5


def test_the_variance_is_that_of_crossed_samples():
    """Of 4,000 experiments with rows, arms x rows, runs and noise; noise is counted once."""
    differences, squares = [], []
    for seed in range(4000):
        draw = rng([seed, 11])
        own = draw.normal(size=(2, 1, 40))
        run = 0.2 * draw.normal(size=(2, 3, 1))
        ours, theirs = draw.normal(size=40) + own + run + 2 * draw.normal(size=(2, 3, 40))
        found = effect(ours, theirs)
        differences.append(found.difference.value)
        squares.append(found.standard_error**2)
    true = 2 * 0.2**2 / 3 + 2 / 40 + 2 * 2**2 / (3 * 40)
    assert np.var(differences) == pytest.approx(true, rel=0.07)
    assert np.mean(squares) == pytest.approx(true, rel=0.07)


@pytest.mark.parametrize("between", [0.0, 0.2, 0.6])
def test_intervals_hold_the_difference_that_often(between):
    held = 0
    for seed in range(2000):
        draw = rng([seed, 12])
        own = 0.7 * draw.normal(size=(2, 1, 50))
        run = between * draw.normal(size=(2, 3, 1))
        ours, theirs = draw.normal(size=50) + own + run + draw.normal(size=(2, 3, 50))
        found = effect(ours, theirs).difference
        held += found.low <= 0 <= found.high
    assert 0.93 <= held / 2000 <= 0.97


def test_the_interval_leaves_out_0_exactly_where_p_is_below_5_in_100():
    for shift in np.linspace(0, 2, 21):
        found = effect(arm(1, shift=shift), arm(2))
        assert (found.difference.low > 0 or found.difference.high < 0) == (found.p < 0.05)


def parts(ours, theirs):
    """B of each arm and P, in as many words."""
    own = ours.mean(0) - theirs.mean(0)
    left = sum(
        ((m - m.mean(0) - m.mean(1, keepdims=True) + m.mean()) ** 2).sum()
        / ((len(m) - 1) * (m.shape[1] - 1) * m.size)
        for m in (ours, theirs)
    )
    runs = [m.mean(1).var(ddof=1) / len(m) for m in (ours, theirs)]
    return runs, own.var(ddof=1) / len(own) - left, own


def test_degrees_of_freedom_of_two_arms_are_satterthwaites():
    ours, theirs = arm(1, 3) + rng(4).normal(size=60), arm(2, 5)
    (b1, b2), rows, own = parts(ours, theirs)
    assert rows > 0
    known = (b1 + b2 + rows) ** 2 / (b1**2 / 2 + b2**2 / 4 + rows**2 / degrees(own))
    found = effect(ours, theirs)
    assert found.degrees == near(known) and found.standard_error**2 == near(b1 + b2 + rows)


def test_degrees_of_freedom_of_preferences_give_few_runs_their_weight():
    wins = arm(1, 3)
    (b, _), rows, own = parts(wins, np.zeros((2, 60)))
    assert rows > 0
    assert against(wins, even=0).degrees == near((b + rows) / (b / 2 + rows / degrees(own)))


def test_noise_alone_has_the_error_of_the_runs_means():
    ours, theirs = rng(1).normal(size=(2, 3, 4000)) * [[[1]], [[2]]]
    runs, rows, _ = parts(ours, theirs)
    assert rows < 0.2 * sum(runs)
    assert effect(ours, theirs).standard_error ** 2 == near(sum(runs) + max(rows, 0))


def test_changing_sides_changes_the_sign():
    one, other = effect(arm(1), arm(2)), effect(arm(2), arm(1))
    assert one.difference.value == -other.difference.value
    assert (one.p, one.standard_error) == near((other.p, other.standard_error))
    assert (one.better, one.worse) == (other.worse, other.better)


def test_the_order_of_rows_and_runs_changes_nothing():
    ours, theirs, rows = arm(1), arm(2), rng().permutation(60)
    found = effect(ours[::-1][:, rows], theirs[:, rows])
    assert found.p == near(effect(ours, theirs).p)


def test_a_constant_added_to_all_changes_nothing():
    assert effect(arm(1) + 1e4, arm(2) + 1e4).p == pytest.approx(effect(arm(1), arm(2)).p)


def test_a_row_without_a_value_in_a_run_is_left_out_of_both_arms():
    ours, theirs = arm(1), arm(2)
    ours[1, 5], theirs[0, 7] = np.nan, np.nan
    found = effect(ours, theirs)
    assert found.left_out == 2 and found.rows == 58
    whole = effect(np.delete(arm(1), [5, 7], 1), np.delete(arm(2), [5, 7], 1))
    assert found.p == whole.p


def test_runs_that_share_their_seeds_are_closer_when_paired():
    seed = 3 * rng(3).normal(size=(3, 1))
    ours, theirs = arm(1) + seed, arm(2) + seed
    assert (
        effect(ours, theirs, paired_runs=True).standard_error < effect(ours, theirs).standard_error
    )


def test_rows_better_and_worse_leave_the_tied():
    found = effect(np.array([0.1, 0.2, 0.5, 0.5]), np.array([0.0, 0.1, 0.9, 0.5]))
    assert (found.better, found.worse) == (0.5, 0.25)


def test_a_tie_of_means_over_unlike_numbers_of_runs_is_a_tie():
    found = effect(np.full((3, 4), 0.1), np.full((7, 4), 0.1))
    assert (found.difference.value, found.better, found.worse) == (0, 0, 0)


def test_cohens_d_is_of_the_rows_differences():
    ours, theirs = arm(1), arm(2)
    apart = ours.mean(0) - theirs.mean(0)
    assert effect(ours, theirs).cohen_dz == near(apart.mean() / apart.std(ddof=1))


def test_an_arm_against_itself_shows_no_difference():
    found = effect(arm(1)[0], arm(1)[0])
    assert found.p == 1 and math.isnan(found.difference.low)


def test_rows_that_are_all_won_have_the_p_of_the_sign_test():
    found = against(np.ones((3, 8)))
    assert found.p == near(stats.binomtest(8, 8).pvalue) and math.isnan(found.difference.low)


def test_one_row_has_a_difference_and_nothing_else():
    found = effect(np.array([1.0]), np.array([0.0]))
    assert found.difference.value == 1 and math.isnan(found.p) and found.over == "rows"


def test_no_row_in_common_has_no_difference():
    found = effect(np.array([1.0, np.nan]), np.array([np.nan, 2.0]))
    assert found.rows == 0 and found.left_out == 2 and math.isnan(found.difference.value)


def test_a_spread_is_pooled_by_degrees_of_freedom():
    arms = [arm(1, runs=3), arm(2, runs=5), arm(3, runs=1)]
    found = spread(arms)
    assert found.degrees == 6
    assert found.variance == near(
        (2 * spread(arms[:1]).variance + 4 * spread(arms[1:2]).variance) / 6
    )


def test_the_variance_of_run_means_is_that_of_numpy():
    assert spread([arm(1)]).variance == near(arm(1).mean(1).var(ddof=1))


def test_the_noise_of_a_spread_is_that_within_runs_over_rows():
    matrix = rng(1).normal(0, 2, size=(200, 300)) + rng(2).normal(size=300)
    assert spread([matrix]).noise == pytest.approx(4 / 300, rel=0.02)


def test_arms_of_one_run_show_no_spread():
    assert spread([arm(1, runs=1)]) is None


def test_one_run_with_a_spread_of_others_is_over_rows_and_runs():
    ours, theirs = arm(1, runs=1), arm(2)
    found = effect(ours, theirs, between=spread([theirs, arm(3)]))
    assert found.over == "rows and runs"
    assert found.standard_error > effect(ours, theirs).standard_error


def test_a_wider_spread_widens_the_interval():
    narrow, wide = (effect(arm(1), arm(2), between=Spread(v, 0.0, 8)) for v in (0.1, 0.2))
    assert wide.standard_error > narrow.standard_error


@pytest.mark.parametrize(
    ("ours", "theirs", "more", "said"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), {}, "3 rows"),
        (np.ones((2, 3)), np.ones((3, 3)), {"paired_runs": True}, "paired runs"),
        (
            np.ones((2, 3)),
            np.ones((2, 3)),
            {"paired_runs": True, "between": Spread(1, 0, 2)},
            "paired runs",
        ),
        (np.ones((2, 0)), np.ones((2, 0)), {}, "at least one"),
        (np.ones((1, 2, 3)), np.ones((2, 3)), {}, "runs x rows"),
        (np.array([np.inf, 1]), np.ones(2), {}, "infinite"),
    ],
)
def test_what_cannot_be_compared_is_named(ours, theirs, more, said):
    with pytest.raises(UserError, match=said):
        effect(ours, theirs, **more)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == near([0.03, 0.06, 0.06, 0.02])


def test_holm_goes_no_higher_than_1_and_leaves_out_what_was_not_tested():
    found = holm([0.9, math.nan, 0.02, 0.8])
    assert math.isnan(found[1]) and found[0] == 1 and found[2] == near(0.06) and found[3] == 1


def test_holm_of_none_is_none():
    assert holm([]) == []


def test_verdicts_say_which_are_better_than_random():
    random = arm(0)
    effects = {
        "good": effect(arm(1, shift=3), random),
        "bad": effect(arm(2, shift=-3), random),
        "same": effect(arm(3), random),
        "none": effect(np.full(60, np.nan), random),
    }
    assert {name: v.said for name, v in verdicts(effects).items()} == {
        "good": "better than random",
        "bad": "worse than random",
        "same": "no difference shown",
        "none": "cannot be told",
    }


def test_a_difference_that_one_comparison_shows_is_not_shown_among_many():
    ours = np.array([1.0, -1.0] * 100) + 2.3 / math.sqrt(200)
    one = effect(ours, np.zeros(200))
    assert 0.01 < one.p < 0.05
    assert verdicts({"a": one})["a"].said == "better than random"
    many = verdicts({str(i): one for i in range(5)})
    assert {v.said for v in many.values()} == {"no difference shown"}


def test_a_verdict_names_the_other_arm_and_what_it_is_over():
    found = verdicts({"a": effect(arm(1, 1, shift=3), arm(2, 1))}, than="full data")["a"]
    assert found.said == "better than full data" and found.over == "rows"


def test_what_is_detectable_is_shown_in_80_of_100():
    shown, size = 0, detectable(effect(rng(1).normal(size=100), np.zeros(100)))
    for seed in range(2000):
        shown += effect(rng([seed, 3]).normal(size=100) + size, np.zeros(100)).p < 0.05
    true = 2.829 / 10  # of the true error, 1 / 10
    assert size == pytest.approx(true, rel=0.2)
    assert shown / 2000 == pytest.approx(stats.norm.cdf(size * 10 - 1.984), abs=0.03)


def test_what_is_detectable_is_two_quantiles_of_errors():
    found = effect(arm(1), arm(2))
    known = stats.t.ppf(0.995, found.degrees) + stats.t.ppf(0.9, found.degrees)
    assert detectable(found, level=0.01, power=0.9) == near(known * found.standard_error)


def test_among_more_comparisons_less_is_detectable():
    one = effect(arm(1), arm(2))
    alone, among = verdicts({"a": one}), verdicts({"a": one, "b": one})
    assert among["a"].detectable > alone["a"].detectable == detectable(one)


def test_equivalence_is_two_one_sided_tests():
    ours = rng(5).uniform(-1, 1, size=200)
    found = effect(ours, np.zeros(200))
    for margin in (0.05, 0.1, 0.3):
        held = within(found, margin)
        above = stats.ttest_1samp(ours, -margin, alternative="greater").pvalue
        below = stats.ttest_1samp(ours, margin, alternative="less").pvalue
        assert held.p_no_worse == near(above) and held.p_equivalent == near(max(above, below))
        assert held.equivalent == (max(above, below) < 0.025)
        assert held.no_worse == (above < 0.025)


def test_far_better_is_no_worse_and_not_equivalent():
    held = within(effect(arm(1, shift=5), arm(2)), 0.5)
    assert held.no_worse and not held.equivalent


def test_without_an_interval_nothing_is_within():
    held = within(effect(arm(1)[0], arm(1)[0]), 0.5)
    assert not held.equivalent and not held.no_worse and math.isnan(held.p_equivalent)


def test_a_margin_is_above_0():
    with pytest.raises(UserError, match="above 0"):
        within(effect(arm(1), arm(2)), 0)


def test_effects_and_verdicts_are_json():
    found = effect(np.array([1.0]), np.array([0.0]))
    told = json.loads(json.dumps(found.told(), allow_nan=False))
    assert told["difference"] == {"value": 1.0, "low": None, "high": None} and told["p"] is None
    assert json.loads(json.dumps(verdicts({"a": found})["a"].told(), allow_nan=False))["p"] is None
