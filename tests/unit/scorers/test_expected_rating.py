import numpy as np
import pytest
from _rows import batch
from _spelling import Reads

from tamis.choices import normalised
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.scorers.expected_rating import expectation, expected_rating
from tamis.testing import dataset
from tamis.types import Batch


def talk(*said):
    roles = ("user", "assistant") * len(said)
    turns = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    return Batch(dataset([{"messages": turns}]).table)


def values(rows, **params):
    return expected_rating(rows, FakeLikelihood(), **params).values.to_pylist()


def test_equal_digits_give_the_middle_of_the_scale():
    assert expectation(normalised(np.zeros(6))) == pytest.approx(3.5, abs=1e-12)


def test_the_expectation_of_six_digits():
    found = expectation(normalised(np.array([0.0, 1, 2, 3, 2, 1])))
    assert found == pytest.approx(3.927361, abs=1e-6)


def test_a_row_has_the_expectation_after_its_prompt():
    lm = Reads([])
    rows = batch(["four", "no"], ["2+2?", "2+3?"])
    prompt = "{question} {answer} {rating}"
    found = expected_rating(rows, lm, prompt=prompt, ratings=4).values.to_pylist()
    chances = [np.exp(reading.options) for reading in FakeLikelihood().read(lm.asked)]
    byhand = [p @ np.arange(1, 5) / p.sum() for p in chances]
    np.testing.assert_allclose(found, byhand)
    assert lm.texts() == ["2+2? four ", "2+3? no "]


def test_turns_are_added_up_averaged_or_kept():
    prompt = "{question} {answer} {rating}"
    one, two = (values(talk(*part), prompt=prompt)[0] for part in (("a", "b"), ("c", "d")))
    both = talk("a", "b", "c", "d")
    assert values(both, prompt=prompt)[0] == pytest.approx(one + two)
    assert values(both, prompt=prompt, turns="mean")[0] == pytest.approx((one + two) / 2)
    np.testing.assert_allclose(values(both, prompt=prompt, turns="each"), [[one, two]], rtol=1e-6)


def test_a_blank_turn_does_not_count():
    prompt = "{question} {answer} {rating}"
    assert values(talk("a", "b", "c", " "), prompt=prompt) == values(talk("a", "b"), prompt=prompt)


@pytest.mark.parametrize(("said", "problem"), [(("a",), "no_answer"), (("a", " "), "empty_answer")])
def test_an_unanswered_question_has_a_complexity_by_name_alone(said, problem):
    lm = FakeLikelihood()
    assert expected_rating(talk(*said), lm, prompt="complexity").problem.to_pylist() == [problem]
    found = expected_rating(talk(*said), lm, prompt="complexity", parts="shown")
    assert found.problem.to_pylist() == [None]


@pytest.mark.parametrize(("parts", "count"), [("both", 1), ("shown", 2)])
def test_which_turns_of_a_conversation_are_rated(parts, count):
    lm = Reads([])
    found = expected_rating(
        talk("a", "b", "c"), lm, prompt="{question} {rating}", turns="each", parts=parts
    )
    assert lm.texts() == ["a ", "c "][:count]
    assert len(found.values.to_pylist()[0]) == count


@pytest.mark.parametrize(
    ("said", "problem"),
    [(("a",), "no_answer"), (("a", " \n"), "empty_answer"), (("", "b"), "empty_question")],
)
@pytest.mark.parametrize("turns", ["sum", "each"])
def test_a_row_that_cannot_be_rated_says_why(said, problem, turns):
    found = expected_rating(talk(*said), FakeLikelihood(), turns=turns)
    assert found.values.to_pylist() == [None]
    assert found.problem.to_pylist() == [problem]


def test_several_prompts_are_refused():
    with pytest.raises(UserError, match="a prompt is one text, and 5 are given"):
        values(talk("a", "b"), prompt="select_it")


@pytest.mark.parametrize("turns", ["sum", "each"])
def test_impossible_digits_give_a_problem_and_no_number(turns):
    rows = batch(["a", "mute", "c"], ["x", "y", "z"])
    found = expected_rating(rows, Reads([], mute="mute"), turns=turns)
    assert found.problem.to_pylist() == [None, "undefined", None]
    assert found.values.is_valid().to_pylist() == [True, False, True]
