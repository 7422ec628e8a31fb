import pytest
from _answering import always, says
from _rows import batch

from tamis.errors import UserError
from tamis.judging.rubrics import rubric
from tamis.registry import find
from tamis.scorers.wavecoder import wavecoder
from tamis.testing import dataset
from tamis.types import Batch

ROW = batch(["print(1)"], ["Print 1 in Python."])
YES = "1: yes\n2: yes\n3: yes\n4: yes\n5: yes\n"
ONE_NO = "1: yes\n2: yes\n3: no, it is long\n4: yes\n5: yes\n"


def scored(said, **params):
    found = wavecoder(ROW, always(said), **params)
    return found.values[0].as_py(), found.problem[0].as_py()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (YES + "Verdict: yes", (1.0, None)),
        (ONE_NO + "Verdict: no", (0.0, None)),
        ("The notation is no problem, now nothing is.\nVerdict: yes", (1.0, None)),
        ("Yes, yes, yes.\nVerdict: no", (0.0, None)),
        ("yes", (1.0, None)),
        (YES + "Verdict: notation", (None, "unparsed")),
        (YES, (None, "unparsed")),
        ("", (None, "unparsed")),
    ],
)
def test_the_last_word_decides(said, expected):
    assert scored(said) == expected


@pytest.mark.parametrize("value", ["passed", "share"])
def test_a_yes_to_all_with_a_no_to_one_is_neither(value):
    assert scored(ONE_NO + "Verdict: yes", value=value) == (None, "inconsistent")


def test_a_no_to_all_needs_no_rule_with_a_no():
    assert scored(YES + "Verdict: no") == (0.0, None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (YES + "Verdict: yes", (1.0, None)),
        (ONE_NO + "Verdict: no", (0.8, None)),
        ("1: no\n2: no\n3: no\n4: no\n5: no\nVerdict: no", (0.0, None)),
        ("1: yes\n2: yes\nVerdict: no", (None, "unparsed")),
        ("Verdict: yes", (None, "unparsed")),
    ],
)
def test_the_share_of_rules_needs_an_answer_to_each(said, expected):
    assert scored(said, value="share") == expected


@pytest.mark.parametrize("task", ["generation", "summary", "translation", "repair"])
def test_each_task_has_its_own_rules(task):
    judge = always("Verdict: yes")
    wavecoder(ROW, judge, task=task)
    asked = judge.waves[0][0].messages[-1][1]
    rules = rubric("wavecoder").rules
    assert all(f"{n}. {rule}" in asked for n, rule in enumerate(rules[task], 1))
    assert not any(rule in asked for other in rules if other != task for rule in rules[other])
    assert "the 5 rules" in asked


def test_a_field_of_the_row_can_name_its_task():
    records = [
        {"instruction": "q", "output": "a", "kind": "repair"},
        {"instruction": "r", "output": "b", "kind": "summary"},
        {"instruction": "s", "output": "c", "kind": "poetry"},
        {"instruction": "t", "output": "d"},
    ]
    judge = says(lambda text: "Verdict: yes" if "of repair of code" in text else "Verdict: no")
    found = wavecoder(Batch(dataset(records).table), judge, task="field:kind")
    assert found.values.to_pylist() == [1.0, 0.0, None, None]
    assert found.problem.to_pylist() == [None, None, "unknown_task", "no_field"]
    assert [len(call) for call in judge.waves] == [2]


def test_an_unknown_task_is_told_the_nearest():
    with pytest.raises(UserError, match="did you mean 'repair'"):
        wavecoder(ROW, always("yes"), task="repairs")


def test_rules_of_ones_own():
    own = (
        "ask = '{rules} {answer}'\nverdict = 'rules'\nrules.haiku = ['Three lines?', 'No verb?']\n"
    )
    params = find("wavecoder").resolve({"prompt": own, "task": "haiku", "value": "share"})
    params.pop("judge")
    assert scored("1: yes\n2: no\nScore: no", **params) == (0.5, None)


def test_a_rubric_that_does_not_show_the_rules_is_refused():
    own = "ask = 'Check {answer}.'\nverdict = 'rules'\nrules.generation = ['Is it code?']\n"
    judge = always("Verdict: yes")
    with pytest.raises(UserError, match=r"needs the mark \{rules\}"):
        wavecoder(ROW, judge, prompt=own)
    assert judge.waves == []
