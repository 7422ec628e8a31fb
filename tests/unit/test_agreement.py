"""Agreement against scipy, scikit-learn, a published example, brute force and the jackknife."""

import json
import math

import numpy as np
import pytest

from tamis.agreement import agreement, alpha, below_in_both, kappa, kendall, spearman
from tamis.errors import UserError
from tamis.intervals import standard_error

_ = np.nan
OBSERVERS = {  # Krippendorff's example: 4 observers, 12 units
    "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    "c": [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
}


def ratings(seed, rows, decimals=0):
    """Two judges with ties, or with hardly any."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 1, rows)
    return [np.round(truth + rng.normal(0, noise, rows), decimals) for noise in (0.5, 0.8)]


def columns(**given):
    return {name: np.asarray(values, float) for name, values in given.items()}


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("rows", [2, 3, 30, 257])
def test_correlations_are_those_of_scipy(rows, decimals):
    stats = pytest.importorskip("scipy.stats")
    x, y = ratings(rows, rows, decimals)
    for ours, theirs in ((spearman, stats.spearmanr), (kendall, stats.kendalltau)):
        assert ours(x, y)[0] == pytest.approx(theirs(x, y)[0], abs=1e-12, nan_ok=True)


def test_kappa_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    x, y = ratings(1, 300)
    labels = np.arange(min(x.min(), y.min()), max(x.max(), y.max()) + 1).astype(int)
    known = metrics.cohen_kappa_score(
        x.astype(int), y.astype(int), weights="quadratic", labels=labels
    )
    assert kappa(x, y)[0] == pytest.approx(known, abs=1e-12)


def test_alpha_is_that_of_the_published_example():
    found = agreement(columns(**OBSERVERS))
    assert found.rows == 11  # the last unit has one rating, which counts for nothing
    assert round(found.alpha_ordinal.value, 3) == 0.815
    assert round(found.alpha_interval.value, 3) == 0.849


def test_ordinal_alpha_is_its_own_definition():
    """delta(c, k) = (sum of n_g for g from c to k, less half of both ends)^2, by brute force."""
    x, y = ratings(3, 40)
    given = np.concatenate([x, y])
    count = {v: int((given == v).sum()) for v in set(given.tolist())}

    def apart(c, k):
        low, high = min(c, k), max(c, k)
        between = sum(n for value, n in count.items() if low <= value <= high)
        return (between - (count[c] + count[k]) / 2) ** 2

    observed = np.mean([apart(a, b) for a, b in zip(x, y, strict=True)])
    pairs = len(given) * (len(given) - 1)
    expected = sum(apart(a, b) for a in given for b in given) / pairs
    assert alpha(np.column_stack([x, y]), True)[0] == pytest.approx(1 - observed / expected)


@pytest.mark.parametrize("decimals", [0, 9])
@pytest.mark.parametrize("seed", range(5))
def test_rows_below_in_both_are_those_of_brute_force(seed, decimals):
    x, y = ratings(seed, 100 + seed, decimals)
    both = (x[:, None] > x) & (y[:, None] > y)
    assert below_in_both(x, y).tolist() == both.sum(axis=1).tolist()


@pytest.mark.parametrize("number", [spearman, kendall, kappa])
@pytest.mark.parametrize("decimals", [0, 9])
def test_standard_errors_are_those_of_the_jackknife(number, decimals):
    x, y = ratings(7, 300, decimals)
    without = [number(np.delete(x, i), np.delete(y, i))[0] for i in range(len(x))]
    known = np.std(without) * np.sqrt(len(x) - 1)
    assert standard_error(number(x, y)[1]) == pytest.approx(known, rel=0.02)


@pytest.mark.parametrize("ranks", [False, True])
def test_standard_errors_of_alpha_are_those_of_the_jackknife(ranks):
    table = np.column_stack([*ratings(7, 300), ratings(8, 300)[0]])
    table[::3, 2] = np.nan
    without = [alpha(np.delete(table, i, 0), ranks)[0] for i in range(len(table))]
    known = np.std(without) * np.sqrt(len(table) - 1)
    assert standard_error(alpha(table, ranks)[1]) == pytest.approx(known, rel=0.03)


def test_only_rows_that_both_rated_count():
    found = agreement(columns(a=[1, 2, _, 4, 5, 1], b=[1, 3, 3, _, 5, 3])).pairs[0]
    assert found.rows == 4
    assert found.exact.value == 0.5 and found.within_one.value == 0.75
    assert found.bias.value == pytest.approx(-0.75)


def test_every_pair_is_compared():
    found = agreement(columns(**OBSERVERS))
    named = [(pair.one, pair.other) for pair in found.pairs]
    assert named == [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]


def test_the_order_of_rows_changes_nothing():
    x, y = ratings(5, 200)
    turned = np.random.default_rng(0).permutation(200)
    one, two = agreement(columns(a=x, b=y)), agreement(columns(a=x[turned], b=y[turned]))
    for name in ("spearman", "kendall", "kappa", "bias"):
        first, second = getattr(one.pairs[0], name), getattr(two.pairs[0], name)
        assert (first.low, first.high) == pytest.approx((second.low, second.high), abs=1e-12)


def test_judges_that_always_agree_leave_no_interval_of_kappa():
    x, _y = ratings(2, 50)
    found = agreement(columns(a=x, b=x)).pairs[0]
    assert found.kappa.value == found.kendall.value == found.spearman.value == 1
    assert math.isnan(found.kappa.low) and math.isnan(found.kendall.high)
    assert 0.9 < found.exact.low < found.exact.high == 1


def test_a_judge_that_always_says_the_same_correlates_with_nobody():
    found = agreement(columns(a=[3, 3, 3, 3], b=[1, 2, 3, 4])).pairs[0]
    assert math.isnan(found.spearman.value) and math.isnan(found.kendall.value)
    assert found.kappa.value == 0


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_a_bias_that_is_the_same_in_every_row_has_no_ends(apart):
    x, _y = ratings(2, 50)
    bias = agreement(columns(a=x, b=x + apart)).pairs[0].bias
    assert bias.value == -apart and math.isnan(bias.low) and math.isnan(bias.high)


@pytest.mark.parametrize("rating", [5.0, 0.1])
def test_kappa_of_one_rating_throughout_is_not_defined(rating):
    same = [rating] * 50
    assert math.isnan(agreement(columns(a=same, b=same)).pairs[0].kappa.value)


def test_what_is_told_is_json_without_nan():
    told = agreement(columns(a=[1, 2, 3], b=[1, 2, 3])).told()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["pairs"][0]["exact"]["value"] == 1 and told["pairs"][0]["kappa"]["low"] is None
    assert told["rows"] == told["pairs"][0]["rows"] == 3


def test_judges_of_different_rows_have_nothing_in_common():
    found = agreement(columns(a=[1, _], b=[_, 1]))
    assert found.rows == found.pairs[0].rows == 0
    assert math.isnan(found.pairs[0].exact.value) and math.isnan(found.alpha_ordinal.value)


def test_one_column_is_refused():
    with pytest.raises(UserError, match="two or more columns"):
        agreement(columns(a=[1, 2]))


def test_columns_of_different_rows_are_refused():
    with pytest.raises(UserError, match="different rows"):
        agreement(columns(a=[1, 2], b=[1, 2, 3]))


def test_95_percent_intervals_hold_the_truth_that_often():
    """300 simulations; benchmarks/judge_simulations.py runs 1,000 in several settings."""

    def judged(rng, rows):
        truth = rng.normal(0, 1.25, rows)
        noise = rng.normal(0, [[0.6], [0.9]], (2, rows))
        x, y = np.clip(np.round(3 + truth + noise + [[0.0], [0.4]]), 1, 5)
        return agreement({"a": x, "b": y})

    def numbers(found):
        pair, names = found.pairs[0], ("exact", "within_one", "bias", "spearman", "kendall")
        return [*(getattr(pair, n) for n in names), pair.kappa, found.alpha_ordinal]

    truth = [held.value for held in numbers(judged(np.random.default_rng(0), 300_000))]
    inside = np.zeros(len(truth))
    for run in range(300):
        held = numbers(judged(np.random.default_rng([run, 1]), 100))
        inside += [h.low <= t <= h.high for h, t in zip(held, truth, strict=True)]
    assert (inside / 300 > 0.91).all() and (inside / 300 < 0.99).all()


def test_kappa_of_judges_that_rate_nearly_all_rows_alike_is_held_that_often():
    """1,000 simulations of 150 rows, exact truth; with n - 1 degrees of freedom 89 in 100."""
    rare = np.array([1, 1, 2, 8, 30, 58]) / 100
    step = np.exp(-0.8 * np.abs(np.subtract.outer(np.arange(6), np.arange(6)))) * (rare + 0.02)
    np.fill_diagonal(step, 0)
    table = 0.9 * np.diag(rare) + 0.1 * rare[:, None] * step / step.sum(axis=1, keepdims=True)
    grades, (first, second) = np.arange(6.0), (table.sum(axis=1), table.sum(axis=0))
    u, v = grades - first @ grades, grades - second @ grades
    spread = first @ u**2 + second @ v**2 + (first @ grades - second @ grades) ** 2
    truth = 2 * u @ table @ v / spread
    inside = 0
    for run in range(1000):
        rng = np.random.default_rng([run, 9])
        x, y = np.divmod(rng.choice(36, 150, p=table.ravel() / table.sum()), 6)
        held = agreement(columns(a=x, b=y)).pairs[0].kappa
        inside += held.low <= truth <= held.high
    assert 920 <= inside <= 970
