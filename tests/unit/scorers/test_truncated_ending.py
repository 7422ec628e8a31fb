"""Endings labelled by hand."""

from __future__ import annotations

import pytest
from _rows import batch

from tamis.scorers.truncated_ending import truncated_ending

CUT = [
    "The main causes of the war were economic pressure, fear of invasion and the slow collapse of",
    "Here are the steps:",
    "First, heat the oil, then add the onions,",
    "```python\nprint(1)",
    "The results (see the table",
    "He said “we will",
    "The pandemic began in the city of Wuhan and spread in late 20",
    "春节是中国最重要的传统节日之一，人们会在这一天回家与家人团聚，并且一起吃",
    "下面是三个步骤：",
    "Основные причины войны были связаны с экономическим давлением и страхом перед новым",
    "First line ends well.\nThe second line goes on and on and then it is cut in the",
]
WHOLE = [
    "No",
    "Paris",
    "42",
    "The answer is 42.",
    "The capital of France",
    "- apples\n- oranges",
    "1. Buy the milk and the eggs at the shop on the corner of the street\n2. Cook",
    "```python\nprint(1)\n```",
    "def f(values):\n    return sum(value * value for value in values if value > 0)",
    "Breaking News: Scientists Uncover Little-Known Frog Species in Remote Location of Brazil",
    "apples, pears, plums, cherries, grapes, lemons, limes, figs, dates, kiwis, mangos, melons",
    "Roses are red and violets are blue and so are the skies\n"
    "Sugar is sweet and so are the words that I write to you",
    "| a | b |\n|---|---|\n| one two three four five six | seven eight nine ten |",
    "“Be the change that you wish to see in the wide world.” - Mahatma Gandhi",
    "See https://example.org/a-long-page-about-one-two-three-four-five-six-seven-eight-nine",
    "Best regards,\nJohn",
    "她说：“好的。”",
    "春节是中国最重要的传统节日之一。",
    "ประเทศไทยเป็นประเทศที่ตั้งอยู่ในเอเชียตะวันออกเฉียงใต้และมีประชากรมาก",
    "यह एक वाक्य है।",
    "هل هذا صحيح؟",
    "Great! 😀",
    "a ) stray bracket.",
]


@pytest.mark.parametrize("text", CUT)
def test_cut(text: str) -> None:
    assert truncated_ending(batch([text])).values.to_pylist() == [1.0]
    assert truncated_ending(batch([text + " \n\n"])).values.to_pylist() == [1.0]


@pytest.mark.parametrize("text", WHOLE)
def test_whole(text: str) -> None:
    assert truncated_ending(batch([text])).values.to_pylist() == [0.0]


def test_rows_do_not_touch() -> None:
    texts = [*CUT, "", *WHOLE, " \n", *CUT]
    expected = [1.0] * len(CUT) + [None] + [0.0] * len(WHOLE) + [None] + [1.0] * len(CUT)
    column = truncated_ending(batch(texts))
    assert column.values.to_pylist() == expected
    assert set(column.problem.to_pylist()) == {None, "empty_text"}


def test_min_words() -> None:
    rows = batch(["this line has no full stop"])
    assert truncated_ending(rows, min_words=6).values.to_pylist() == [1.0]
    assert truncated_ending(rows, min_words=7).values.to_pylist() == [0.0]
