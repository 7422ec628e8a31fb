import pytest
from _answering import always, says

from tamis.errors import UserError
from tamis.scorers.tegit import tegit
from tamis.testing import dataset
from tamis.types import Batch

LABELS = ["valid", "format_invalid", "ungrounded", "unanswerable"]


def rows(*marks, field="document"):
    records = [
        {
            "instruction": f"Sum up {mark}.",
            "input": "a text",
            "output": f"{mark} it is.",
            field: mark,
        }
        for mark in marks
    ]
    return Batch(dataset(records).table)


def by_mark():
    """A judge that finds its verdict as a mark in the quoted document."""

    def verdict(asked):
        shown = asked.partition("begins]\n")[2].split("\n[")[0]
        return f"So it is.\nVerdict: {shown}"

    return says(verdict)


def test_a_valid_row_is_1_and_any_other_0():
    found = tegit(rows(*LABELS), by_mark())
    assert found.values.to_pylist() == [1.0, 0.0, 0.0, 0.0]


def test_each_reason_has_its_name():
    assert tegit(rows(*LABELS), by_mark(), value="reason").values.to_pylist() == LABELS


@pytest.mark.parametrize("value", ["validity", "reason"])
def test_a_row_without_a_verdict_has_no_value(value):
    found = tegit(rows("valid", "dubious"), by_mark(), value=value)
    assert found.values.is_valid().to_pylist() == [True, False]
    assert found.problem.to_pylist() == [None, "unparsed"]


def test_the_document_can_have_another_name_in_the_row():
    found = tegit(rows("valid", field="passage"), by_mark(), document="passage")
    assert found.values.to_pylist() == [1.0]


def test_a_row_without_a_document_says_so_and_costs_nothing():
    judge = always("Verdict: valid")
    found = tegit(rows("valid", field="passage"), judge)
    assert (found.values.to_pylist(), found.problem.to_pylist()) == ([None], ["no_field"])
    assert judge.waves == []


def test_the_judge_is_shown_document_request_input_and_answer():
    judge = always("Verdict: valid")
    tegit(rows("tea"), judge)
    asked = judge.waves[0][0].messages[-1][1]
    for name, text in (("document", "tea"), ("question", "Sum up tea."), ("answer", "tea it is.")):
        assert f"[{name} " in asked
        assert text in asked
    assert "a text" in asked


def test_a_rubric_without_a_valid_label_is_refused():
    own = "ask = '{answer}'\nverdict = 'label'\nlabels = ['good', 'bad']\n"
    with pytest.raises(UserError, match="one of the rubric's labels is 'valid'"):
        tegit(rows("tea"), always("good"), prompt=own)
