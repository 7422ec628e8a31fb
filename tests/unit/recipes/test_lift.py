import numpy as np
import pytest
from _answering import Answering, quoted

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder, FakeTokenizer
from tamis.protocols import Answer
from tamis.recipes.lift import lift
from tamis.run.session import Run
from tamis.testing import dataset

VARIANCE = "length(of=instruction)"
FINAL = "weighted_mean(of=[lift_rating,length_score],weights=[9,1])"


def rows(count):
    """Row n has a question of n letters, and an answer whose length falls with n."""
    answer = "a" * 400
    return [
        {
            "messages": [
                {"role": "user", "content": "q" * (n + 1)},
                {"role": "assistant", "content": answer[: 400 - 3 * n]},
            ]
        }
        for n in range(count)
    ]


def points(n):
    """Four parts that depend on the row's number, and their sum."""
    parts = [n % 16, n * 7 % 26, n * 5 % 26, n * 11 % 36]
    return [*parts, sum(parts)]


def number(question):
    return len(quoted(question)["question"]) - 1


def by_number(question):
    return f"Points: {', '.join(map(str, points(number(question))))}"


@pytest.fixture
def judge():
    return Answering(by_number)


@pytest.fixture
def mine(tmp_path, judge):
    parts = {"embedder": FakeEmbedder(), "tokenizer": FakeTokenizer(), "judge": judge}
    return Run(store=str(tmp_path), **parts)


def test_the_best_of_the_rows_above_the_percentile_by_hand(mine):
    data = dataset(rows(101))
    picked = lift(mine, data, Budget(count=7), variance=VARIANCE)
    kept = np.arange(81, 101)  # row 80 is the 80th percentile, and not above itself
    lengths = np.array([n + 1 + 400 - 3 * n for n in kept])
    scores = np.minimum(100, 100 * lengths / np.percentile(lengths, 98))
    final = 0.9 * np.array([points(n)[-1] for n in kept]) + 0.1 * scores
    assert picked.rows.tolist() == kept[np.argsort(-final)][:7].tolist()
    np.testing.assert_allclose(picked.gains, np.sort(final)[::-1][:7])


def test_only_rows_above_the_percentile_are_asked_about(mine, judge):
    picked = lift(mine, dataset(rows(101)), Budget(count=2), variance=VARIANCE)
    asked = [number(question) for wave in judge.waves for question in wave]
    assert sorted(asked) == list(range(81, 101))
    assert picked.info["rated"] == 20 and picked.info["above"] == 81
    dropped = picked.dropped[f"{VARIANCE} not above percentile 80"]
    assert dropped.tolist() == list(range(81))


def test_a_row_without_a_rating_is_dropped_by_name_and_never_rated_0(mine, judge):
    judge.say = lambda q: Answer("", "refused") if number(q) == 99 else by_number(q)
    picked = lift(mine, dataset(rows(101)), Budget(count=100), variance=VARIANCE)
    assert len(picked) == 19 and 99 not in picked.rows
    assert picked.dropped[f"{FINAL}: refused"].tolist() == [99]


def test_ratings_are_reported_for_the_rows_that_have_one(mine):
    data = dataset(rows(101))
    mine.begin()
    lift(mine, data, Budget(count=2), variance=VARIANCE)
    column = mine.columns(data).column("lift_rating, by lift")
    assert column.problem.to_pylist() == ["not_rated"] * 81 + [None] * 20
    assert column.values.to_pylist()[81:] == [points(n)[-1] for n in range(81, 101)]


def test_the_whole_way_on_vectors(mine):
    picked = lift(mine, dataset(rows(101)), Budget(count=5))
    assert len(picked) == 5 and picked.info["rated"] == 20


def test_an_expanded_pool_is_read_like_any_other(mine, judge):
    from tamis.evolution import evolve

    def say(question):
        texts = quoted(question)
        return texts["question"] + "?" * 40 if texts else "An answer."

    records = list(evolve(dataset(rows(30)), Answering(say)).records)
    picked = lift(mine, dataset(records), Budget(count=60))
    assert picked.info["rated"] == 12 == len(picked)


@pytest.mark.parametrize("percentile", [-1, 100])
def test_a_percentile_that_keeps_nothing_is_refused(mine, percentile):
    with pytest.raises(UserError, match="percentile"):
        lift(mine, dataset(rows(5)), Budget(count=1), percentile=percentile)


def test_weights_are_taken_to_the_last_digit(mine):
    weights = (0.123456789, 1.0)
    data = dataset(rows(101))
    picked = lift(mine, data, Budget(count=1), variance=VARIANCE, weights=weights)
    n = int(picked.rows[0])
    length = mine.columns(data).scores("length_score, by lift")[n]
    expected = (weights[0] * points(n)[-1] + length) / sum(weights)
    assert picked.gains[0] == pytest.approx(expected, rel=1e-12)


def test_at_percentile_0_the_rows_that_vary_least_alone_are_dropped(mine):
    picked = lift(mine, dataset(rows(5)), Budget(count=5), variance=VARIANCE, percentile=0)
    assert picked.info["rated"] == 4
    assert picked.dropped[f"{VARIANCE} not above percentile 0"].tolist() == [0]
