import pytest
from _answering import always
from _rows import batch

from tamis.scorers.humpback import humpback

ROW = batch(["four"], ["2 + 2?"])
H2 = {
    "It fits.\nScore: 5": (5.0, None),
    "It fits.\nscore: 4 ": (4.0, None),
    "It fits.\nScore: 6": (None, "out_of_range"),
    "It fits.\nScore 5": (None, "unparsed"),
    "Score: 2 at first\nScore: 2\nbut then\nScore: 4": (4.0, None),
    "It fits.\nScore: 4.5": (None, "unparsed"),
}


@pytest.mark.parametrize("said", H2, ids=repr)
def test_the_level_stands_on_the_last_line(said):
    found = humpback(ROW, always(said))
    assert (found.values[0].as_py(), found.problem[0].as_py()) == H2[said]


def test_the_judge_is_shown_five_levels():
    judge = always("Score: 5")
    humpback(ROW, judge)
    asked = judge.waves[0][0].messages[-1][1]
    assert all(f"\n{level}: " in asked for level in range(1, 6))
    assert "a whole number from 1 to 5" in asked
