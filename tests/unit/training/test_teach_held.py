"""What is said of examples kept aside."""

import numpy as np
import pytest

from tamis.training.teach_held import of_numbers, of_pairs, of_styles, share
from tamis.training.teach_rows import Example


def pair(question):
    return Example(question, question, ("better", "worse"))


def test_a_tie_counts_one_half():
    found = of_pairs(
        [pair("a"), pair("b"), pair("c"), pair("d")], np.array([[2, 1], [1, 1], [0, 3], [4, 0]])
    )
    assert found["pairs"] == 4 and found["prefers"]["value"] == 2.5 / 4


def test_nothing_kept_aside_says_nothing():
    assert of_pairs([], np.empty((0, 2))) == {"pairs": 0, "prefers": None}
    assert of_numbers([], np.empty(0), 0.5) == {"answers": 0, "pairs": 0, "prefers": None}


def test_questions_are_drawn_with_all_their_pairs():
    """Twenty questions of ten equal pairs are as uncertain as twenty pairs."""
    won = [1.0] * 10 + [0.0] * 10
    alone = share([str(n) for n in range(20)], won)
    many = share([str(n) for n in range(20) for _ in range(10)], list(np.repeat(won, 10)))
    assert (many.low, many.high) == pytest.approx((alone.low, alone.high), abs=1e-9)
    assert alone.value == 0.5 and alone.high - alone.low == pytest.approx(0.44, abs=0.05)


def test_one_question_has_no_interval():
    assert np.isnan(share(["a", "a"], [1.0, 0.0]).low)


def test_only_styles_that_count_do():
    one = Example("k", "q", ("d", "r", "h"), counts=(True, False, True))
    found = of_styles([one], np.array([[1.0, 2.0, 0.0]]))
    assert found["pairs"] == 2 and found["prefers"]["value"] == 0.5


def test_numbers_are_compared_with_their_mean_and_within_questions():
    examples = [Example(str(n), f"q{n // 2}", ("a",), number=float(n % 2)) for n in range(8)]
    scores = np.array([0, 1, 0.5, 0.5, 1, 0, 0, 1.0])
    found = of_numbers(examples, scores, 0.25)
    assert found["pairs"] == 4 and found["prefers"]["value"] == 2.5 / 4
    assert found["error"] == pytest.approx((0.25 * 2 + 2) / 8)
    assert found["error_of_mean"] == pytest.approx((4 * 0.25**2 + 4 * 0.75**2) / 8)
    assert found["spearman"]["value"] == pytest.approx(0.25, abs=0.05)
