from dataclasses import dataclass, field

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeReward
from tamis.scorers._questions import known, stated, text_of
from tamis.scorers.boolean_question import boolean_question
from tamis.scorers.reward import reward
from tamis.spec import spec_of
from tamis.testing import a_run, dataset
from tamis.types import Batch, Pool

TALK = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "Bye")]


@dataclass
class Grades:
    """Grades by the answer, and what was asked."""

    by: dict
    asked: list = field(default_factory=list)
    id: str = "grades"

    def reward(self, pairs):
        self.asked += pairs
        return np.array([self.by[answer] for _, answer in pairs], np.float64)

    def yes(self, questions):
        self.asked += ["".join(piece.text for piece in question) for question in questions]
        return np.full(len(questions), 0.25)


def conversation(*turns):
    data = dataset([{"messages": [{"role": r, "content": t} for r, t in turns]}])
    return Batch(data.table)


def only(column):
    return column.values.to_pylist()[0], column.problem.to_pylist()[0]


def test_the_last_answer_is_graded_after_its_question():
    grader = Grades({"Goodbye.": -1.5})
    assert only(reward(conversation(*TALK, ("assistant", "Goodbye.")), grader)) == (-1.5, None)
    assert grader.asked == [("Bye", "Goodbye.")]


def test_all_that_was_said_before_may_stand_for_the_question():
    grader = Grades({"Goodbye.": 0})
    reward(conversation(*TALK, ("assistant", "Goodbye.")), grader, history="all")
    assert grader.asked == [("Be brief.\n\nHi\nHello!\nBye", "Goodbye.")]


def test_a_question_without_an_answer_does_not_count():
    grader = Grades({"Hello!": 2})
    assert only(reward(conversation(*TALK), grader)) == (2, None)


def test_the_mean_over_all_answers():
    grader = Grades({"Hello!": 2, "Goodbye.": -1})
    found = reward(conversation(*TALK, ("assistant", "Goodbye.")), grader, turns="mean")
    assert only(found) == (0.5, None)


def test_each_answer_by_itself():
    grader = Grades({"Hello!": 2, "Goodbye.": -1})
    found = reward(conversation(*TALK, ("assistant", "Goodbye.")), grader, turns="each")
    assert only(found) == ([2, -1], None)


def test_an_earlier_answer_does_not_stand_in_for_an_empty_one():
    grader = Grades({"Hello!": 2})
    found = reward(conversation(*TALK, ("assistant", " ")), grader)
    assert only(found) == (None, "empty_answer")


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([("user", "Hi")], "no_answer"),
        ([("user", "Hi"), ("assistant", "")], "empty_answer"),
        ([("user", " "), ("assistant", "Hello!")], "empty_question"),
    ],
)
def test_what_is_missing_is_named(turns, why):
    assert only(reward(conversation(*turns), Grades({}))) == (None, why)


def test_what_cannot_be_shown_is_named():
    grader = Grades({"Hello!": np.nan})
    found = reward(conversation(("user", "Hi"), ("assistant", "Hello!")), grader)
    assert only(found) == (None, "does_not_fit")


@pytest.mark.parametrize(("shown", "pair"), [("question", ("Hi", "")), ("answer", ("", "Hello!"))])
def test_one_text_alone_may_be_shown(shown, pair):
    grader = Grades({"": 1, "Hello!": 1})
    reward(conversation(("user", "Hi"), ("assistant", "Hello!")), grader, shown=shown)
    assert grader.asked == [pair]


def test_an_answer_alone_needs_no_question():
    grader = Grades({"Hello!": 1})
    found = reward(conversation(("user", ""), ("assistant", "Hello!")), grader, shown="answer")
    assert only(found) == (1, None)


def test_columns_of_two_models_stand_beside_each_other(tmp_path):
    run, data = a_run(str(tmp_path)), dataset()
    run.loaded["Reward ./mine"] = FakeReward(id="mine")
    own, other = (step.key for step in run.plan(data, ["reward", "reward(model=./mine)"]))
    assert own != other


def test_rows_above_a_threshold(tmp_path):
    answers = {"a": 1.2, "b": -0.3, "c": 0.5, "d": 2.0, "e": 0.1}  # methods.md M2
    data = dataset([{"instruction": "ask", "output": answer} for answer in answers])
    run = a_run(str(tmp_path))
    run.reward = Grades(answers)
    found = run.select(data, "threshold(by=reward,at_least=0)", Budget(count=5))
    assert sorted(found.rows.tolist()) == [0, 2, 3, 4]


def test_the_answer_alone_is_asked_about_for_naturalness():
    grader = Grades({})
    found = boolean_question(conversation(*TALK, ("assistant", "Goodbye.")), grader)
    assert only(found) == (0.25, None)
    assert grader.asked[0].startswith("question: ")
    assert grader.asked[0].endswith("? {end} response: Goodbye.")


def test_coherence_sees_what_was_said_before():
    grader = Grades({})
    batch = conversation(*TALK, ("assistant", "Goodbye."))
    boolean_question(batch, grader, question="coherence")
    end = " {end} response: Goodbye. {end} dialogue history: Be brief.\n\nHi\nHello!\nBye"
    assert grader.asked[0].endswith(end)


def test_a_question_of_ones_own(tmp_path):
    (tmp_path / "polite.txt").write_text("Is {answer} polite after {question}?\n")
    spec = spec_of(boolean_question)
    asked = spec.own(spec.resolve({"question": str(tmp_path / "polite.txt")}))
    grader = Grades({})
    boolean_question(conversation(("user", "Hi"), ("assistant", "Hello!")), grader, **asked)
    assert grader.asked == ["Is Hello! polite after Hi?"]


def test_marks_in_a_row_are_text():
    grader = Grades({})
    batch = conversation(("user", "Hi"), ("assistant", "{question}"))
    boolean_question(batch, grader, question="Is {answer} fine?")
    assert grader.asked == ["Is {question} fine?"]


def test_naturalness_needs_no_question():
    batch = conversation(("user", ""), ("assistant", "Hello!"))
    assert only(boolean_question(batch, Grades({}))) == (0.25, None)


def test_coherence_needs_one():
    batch = conversation(("user", ""), ("assistant", "Hello!"))
    found = boolean_question(batch, Grades({}), question="coherence")
    assert only(found) == (None, "empty_question")


@pytest.mark.parametrize("given", ["no such file", "no_marks.txt"])
def test_what_is_no_question_is_refused(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no_marks.txt").write_text("Is it good?")
    with pytest.raises(UserError, match="question"):
        stated(given)


def test_every_question_of_the_package_has_the_form_that_was_taught():
    assert known() == ["coherence", "naturalness", "understandability"]
    for name in known():
        assert text_of(name).startswith("question: ")
        assert "? {end} response: {answer}" in text_of(name)


def test_a_row_keeps_its_grades_whatever_the_pool(tmp_path):
    data = dataset()
    run = a_run(str(tmp_path))
    whole = run.score(data, ["reward", "boolean_question"])
    part = run.score(data.take(np.arange(5, 9)), ["reward", "boolean_question"])
    assert isinstance(whole, Pool)
    for name in ("reward", "boolean_question"):
        assert part.labels(name) == whole.labels(name)[5:9]
