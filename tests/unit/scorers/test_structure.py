"""Code, lists and mathematics in a text, by hand-marked answers."""

from __future__ import annotations

import pytest
from _rows import batch

from tamis.scorers.code_share import code_share
from tamis.scorers.list_items import list_items
from tamis.scorers.math_share import math_share

PROGRAMS = [
    "def f(x):\n    return x + 1",
    "function f(x) {\n  return x;\n}",
    '#include <stdio.h>\nint main() {\n  printf("hi");\n}',
    "SELECT name FROM users\nWHERE age > 3",
    "<div>\n  <p>Hello</p>\n</div>",
    "import os\nfor name in os.listdir():\n    print(name)",
    "```\nanything at all\n```",
]
PROSE = [
    "For example, you may import goods from Italy.",
    "return to the shop\nif you want to; it is open",
    "The answer is 5 (five).",
    "# Title\n\nText follows here.",
    "x = 5",
    "如果你想学习，就去学校。",
]


@pytest.mark.parametrize("text", PROGRAMS)
def test_programs_are_code(text: str) -> None:
    assert code_share(batch([text])).values.to_pylist() == [1.0]


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not(text: str) -> None:
    assert code_share(batch([text])).values.to_pylist() == [0.0]


def test_code_share_counts_lines() -> None:
    mixed = "Here it is:\n\n```python\nx = 1\n```\nDone."
    rows = code_share(batch([mixed, "", "```\nopen", "text\n```a``` inline"]))
    assert rows.values.to_pylist() == [0.6, None, 1.0, 0.0]
    assert rows.problem.to_pylist()[1] == "empty_text"


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", 0),
        ("- a\n- b\n  * c", 3),
        ("1. one\n2. two\n10) ten", 3),
        ("a) one\nb) two\n(c) three", 3),
        ("3.14 is pi\n- \n--- \n-5 degrees", 0),
        ("一、首先\n二、其次\n（三）最后\n1、甲\n2.乙\n①丙", 6),
        ("• un\n• deux", 2),
        ("```\n- name: x\n```\n- y", 1),
        ("A. yes\nB. no", 2),
        ("**bold** start\n*emphasis* start", 0),
    ],
)
def test_list_items(text: str, items: int) -> None:
    assert list_items(batch([text])).values.to_pylist() == [items]


@pytest.mark.parametrize(
    "text", ["3 + 4 = 7", "$x^2 + 1$", r"\[ a = b \]", "7x + 7y", "$$\\int f$$", "12 / 4 = 3"]
)
def test_formulas(text: str) -> None:
    assert math_share(batch([text])).values.to_pylist() == [1.0]


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $10.",
        "on 12-05-2020, pages 3-4",
        "and/or, C++ code",
        "call 555-1234",
        "A",
        "```\nx = 1 + 2\n```",
        "well-known 5",
        "我有3个苹果",
    ],
)
def test_not_formulas(text: str) -> None:
    assert math_share(batch([text])).values.to_pylist() == [0.0]


def test_math_share_counts_characters() -> None:
    rows = math_share(batch(["sum: 1+2", " "]))
    assert rows.values.to_pylist() == [pytest.approx(3 / 7), None]
