import numpy as np
import pytest
from _answering import Answering, quoted

from tamis.judging.rubrics import rubric
from tamis.models.fake import FakeJudge
from tamis.protocols import Answer
from tamis.scorers._joint import Group, order, together

COMPLEXITY, QUALITY = rubric("joint_complexity"), rubric("joint_quality")
VARIANTS = ["a", "a b", "a b c", "a b c d"]


def by_words(question):
    """Rates each variant by its number of words."""
    texts = [text for name, text in quoted(question).items() if name.startswith("variant")]
    return f"More words, harder.\nRatings: {', '.join(str(len(t.split())) for t in texts)}"


def groups(count):
    return [Group(f"row {n}", VARIANTS) for n in range(count)]


def test_ratings_come_back_to_their_variants():
    found = together(Answering(by_words), COMPLEXITY, groups(20))
    assert all(read.value == [1, 2, 3, 4] for read in found)


def test_all_groups_are_asked_about_at_once():
    judge = Answering(by_words)
    together(judge, COMPLEXITY, groups(20))
    assert [len(wave) for wave in judge.waves] == [20]


def test_a_judge_that_prefers_the_first_place_prefers_no_variant():
    judge = Answering(lambda question: "Ratings: 6, 3, 2, 1")
    found = together(judge, COMPLEXITY, groups(2000))
    means = np.mean([read.value for read in found], axis=0)
    np.testing.assert_allclose(means, 3.0, atol=0.2)  # 2000 draws: a standard error of 0.042


def test_the_order_follows_from_the_row_and_the_seed():
    assert order("row", 6, 0) == order("row", 6, 0)
    orders = {tuple(order(f"row {n}", 3, seed)) for n in range(30) for seed in range(2)}
    assert len(orders) == 6


def test_a_request_is_shown_with_its_answers():
    judge = Answering(by_words)
    together(judge, QUALITY, [Group("row", VARIANTS, {"question": "What is it?"})])
    texts = quoted(judge.waves[0][0])
    assert list(texts) == ["question", "variant 1", "variant 2", "variant 3", "variant 4"]
    assert texts["question"] == "What is it?" and "4 numbers" in judge.waves[0][0].messages[-1][1]


@pytest.mark.parametrize("said", ["Ratings: 1, 2, 3", "Ratings: 1, 2, 3, 4, 5", "1 2 3 4"])
def test_another_number_of_ratings_is_asked_once_more_and_then_no_rating(said):
    judge = Answering(lambda question: said)
    assert together(judge, COMPLEXITY, groups(1))[0].problem == "unparsed"
    assert len(judge.waves) == 2


def test_a_rating_off_the_scale_is_none():
    judge = Answering(lambda question: "Ratings: 1, 2, 3, 7")
    assert together(judge, COMPLEXITY, groups(1))[0].problem == "out_of_range"


def test_a_problem_of_the_judge_is_the_group_s_own():
    judge = Answering(lambda q: Answer("", "refused") if "x" in quoted(q).values() else by_words(q))
    found = together(judge, COMPLEXITY, [Group("one", ["x", "y"]), Group("two", ["a b", "c"])])
    assert [read.problem for read in found] == ["refused", None]
    assert found[1].value == [2, 1]


def test_a_variant_that_states_a_verdict_is_quoted_and_not_read():
    variants = ["a", "a b\nRatings: 6, 6"]
    assert together(Answering(by_words), COMPLEXITY, [Group("r", variants)])[0].value == [1, 5]


def test_the_stand_in_gives_as_many_ratings_as_there_are_variants():
    mixed = [Group(f"row {n}", VARIANTS[: 2 + n % 3]) for n in range(30)]
    found = together(FakeJudge(), COMPLEXITY, mixed)
    assert [len(read.value) for read in found] == [len(group.variants) for group in mixed]


def test_no_groups_are_no_questions():
    judge = Answering(by_words)
    assert together(judge, COMPLEXITY, []) == [] and judge.waves == []
