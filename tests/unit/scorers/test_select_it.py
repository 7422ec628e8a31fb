import numpy as np
import pytest
from _rows import batch
from _spelling import Reads

from tamis.choices import normalised
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.scorers.select_it import select_it, sentence_level, token_level
from tamis.testing import dataset
from tamis.types import Batch

CHANCES = np.array([0.05, 0.05, 0.1, 0.5, 0.3])
SCORES = np.array([1.875, 2, 1.5, 1.75, 1.625])
TWO = "{question} {answer} {rating}\n---\n{answer}? {rating}"


def values(rows, **params):
    return select_it(rows, FakeLikelihood(), **params).values.to_pylist()


def test_the_likeliest_digit_times_how_far_it_stands_out():
    assert token_level(CHANCES) == pytest.approx(1.5, abs=1e-12)


def test_a_second_softmax_makes_the_digits_nearly_equal():
    again = normalised(CHANCES)
    np.testing.assert_allclose(again, [0.169388, 0.169388, 0.178073, 0.265653, 0.217498], atol=1e-6)
    assert token_level(again) == pytest.approx(0.328266, abs=1e-6)


def test_the_mean_over_the_prompts_less_where_they_disagree():
    assert sentence_level(SCORES, 0.2) == pytest.approx(1.690241, abs=1e-6)
    assert sentence_level(SCORES, 0) == pytest.approx(1.75)


def test_of_equally_likely_digits_the_smallest_is_the_rating():
    assert token_level(np.array([0.1, 0.4, 0.1, 0.4])) == pytest.approx(2 * 0.6 / 3)


def test_prompts_that_agree_change_nothing():
    assert sentence_level(np.array([[1.5, 1.5], [1, 2]]), 0.2).tolist() == pytest.approx(
        [1.5, 1.5 / 1.1]
    )


def test_a_row_has_the_score_of_its_prompts():
    lm = Reads([])
    rows = batch(["four"], ["2+2?"])
    found = select_it(rows, lm, prompts=TWO, alpha=0.5).values.to_pylist()
    assert lm.texts() == ["2+2? four ", "four? "]
    chances = normalised(np.array([r.options for r in FakeLikelihood().read(lm.asked)]))
    one, two = token_level(chances)
    assert one != pytest.approx(two)
    spread = abs(one - two) / 2
    assert found == pytest.approx([(one + two) / 2 / (1 + 0.5 * spread)])


def test_the_token_level_reads_the_first_prompt_alone():
    rows = batch(["four", "five"], ["2+2?", "2+3?"])
    first = TWO.partition("\n---")[0]
    assert values(rows, level="token", prompts=TWO) == values(rows, prompts=first)


def test_the_second_softmax_goes_by_name():
    rows = batch(["four", "five"], ["2+2?", "2+3?"])
    lm = Reads([])
    select_it(rows, lm, level="token")
    chances = normalised(np.array([r.options for r in FakeLikelihood().read(lm.asked)]))
    assert values(rows, level="token", softmax="twice") == pytest.approx(
        token_level(normalised(chances)).tolist()
    )


def test_a_row_of_several_turns_has_the_mean_over_them():
    def talk(*said):
        turns = [
            {"role": role, "content": text}
            for role, text in zip(("user", "assistant") * 2, said, strict=False)
        ]
        return Batch(dataset([{"messages": turns}]).table)

    parts = values(talk("a", "b"))[0], values(talk("c", "d"))[0]
    assert values(talk("a", "b", "c", "d")) == pytest.approx([sum(parts) / 2])


def test_a_row_that_cannot_be_rated_moves_no_other():
    rows = batch(["a", "", "c"], ["x", "y", "z"])
    found = select_it(rows, FakeLikelihood())
    assert found.problem.to_pylist() == [None, "empty_answer", None]
    assert found.values.to_pylist()[2] == values(batch(["c"], ["z"]))[0]


def test_a_negative_alpha_is_refused():
    with pytest.raises(UserError, match="alpha must be at least 0, got -1"):
        values(batch(["a"]), alpha=-1)
