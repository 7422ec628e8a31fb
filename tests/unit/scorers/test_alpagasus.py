import pytest
from _answering import always, in_turn
from _rows import batch

from tamis.errors import UserError
from tamis.registry import find
from tamis.scorers.alpagasus import alpagasus

ROW = batch(["four"], ["2 + 2?"])
A2 = {
    "4.5\nThe response is right.": 4.5,
    "Score: 4.5\nThe response is right.": 4.5,
    "4.5/5": 4.5,
    "5": 5.0,
    "10": None,
    "The response is accurate.": None,
    "": None,
    "4,5": None,
}


@pytest.mark.parametrize("said", A2, ids=repr)
def test_the_number_on_the_first_line(said):
    found = alpagasus(ROW, always(said), verdict="first")
    assert found.values.to_pylist() == [A2[said]]
    assert found.problem.is_valid().to_pylist() == [A2[said] is None]


def test_the_number_on_the_last_line():
    found = alpagasus(ROW, always("4.5 would be right if\nScore: 3.5"))
    assert found.values.to_pylist() == [3.5]


def test_each_form_asks_for_its_line():
    for form in ("last", "first"):
        judge = always("Score: 5")
        alpagasus(ROW, judge, verdict=form)
        asked = judge.waves[0][0].messages[-1][1]
        assert ("Begin with one line" in asked) == (form == "first")
        assert ("end with one line" in asked) == (form == "last")


def test_the_paper_answers_with_at_most_256_tokens_and_without_chance():
    judge = always("5")
    alpagasus(ROW, judge, verdict="first")
    assert (judge.waves[0][0].tokens, judge.waves[0][0].temperature) == (256, 0.0)


def test_the_dimension_is_what_is_rated():
    judge = always("Score: 5")
    alpagasus(ROW, judge, dimension="helpfulness")
    assert "Rate the helpfulness of the answer" in judge.waves[0][0].messages[-1][1]


def test_a_number_that_never_comes_is_no_number():
    found = alpagasus(ROW, in_turn("Good.", "Quite good."))
    assert (found.values.to_pylist(), found.problem.to_pylist()) == ([None], ["unparsed"])


def test_a_rubric_of_ones_own_has_its_own_scale():
    own = "ask = 'Rate the {dimension} of {answer}.'\nmost = 10\n"
    params = find("alpagasus").resolve({"prompt": own})
    assert alpagasus(ROW, always("Score: 9"), prompt=params["prompt"]).values.to_pylist() == [9.0]


def test_a_rubric_of_ones_own_says_itself_where_the_number_stands():
    own = "ask = 'Rate {answer}.'\nline = 'first'\n"
    assert alpagasus(ROW, always("4\nGood."), prompt=own).values.to_pylist() == [4.0]
    with pytest.raises(UserError, match="line = 'first'"):
        alpagasus(ROW, always("4"), verdict="first", prompt="ask = 'Rate {answer}.'\n")


def test_a_rubric_of_another_kind_is_refused_before_anything_is_asked():
    with pytest.raises(UserError, match="a verdict of number or integer"):
        find("alpagasus").resolve({"prompt": "tegit"})


def test_a_dimension_that_the_rubric_does_not_show_is_refused():
    judge = always("Score: 5")
    with pytest.raises(UserError, match="where helpfulness would stand"):
        alpagasus(ROW, judge, dimension="helpfulness", prompt="ask = 'Rate {answer}.'\n")
    assert judge.waves == []
