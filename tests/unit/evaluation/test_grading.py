"""Single answers graded turn by turn."""

import numpy as np
import pytest

from conftest import shared_root
from tamis.errors import UserError
from tamis.evaluation.grading import Grade, graded, grades, mean, rubrics, write
from tamis.evaluation.outputs import Output, read_outputs, references
from tamis.protocols import Answer

MT_BENCH = shared_root() / "data/evaluation/mt_bench"


class Scripted:
    """A judge that gives these replies in order, again and again."""

    def __init__(self, *replies):
        self.id, self.replies, self.asked = "judge", replies, []

    def ask(self, questions):
        start = len(self.asked)
        self.asked.extend(questions)
        found = [self.replies[at % len(self.replies)] for at in range(start, len(self.asked))]
        return [one if isinstance(one, Answer) else Answer(one) for one in found]

    def texts(self):
        return [question.messages[-1][1] for question in self.asked]


def one_turn(answer="Blue.", **about):
    problem = None if answer is not None else "too_long"
    return Output(("Name a colour.",), (answer,), (problem,), "ours", "set", about)


def two_turns(second="B2", **about):
    problem = None if second is not None else "too_long"
    return Output(("Q1", "Q2"), ("B1", second), (None, problem), "ours", "set", about)


def test_each_turn_has_a_grade():
    found = grades([two_turns()], Scripted("Score: 8", "Score: 3.5"))
    assert [(one.turn, one.score) for one in found] == [(1, 8.0), (2, 3.5)]


def test_the_second_turn_is_shown_with_the_first():
    judge = Scripted("Score: 5")
    grades([two_turns()], judge)
    first, second = judge.texts()
    assert "\nQ1\n" in first and "B2" not in first
    assert "user: Q1\n\nassistant: B1\n\nuser: Q2" in second
    assert "\nB2\n" in second


def test_a_reference_is_shown_where_the_file_has_one():
    judge = Scripted("Score: 5")
    found = grades([two_turns(question_id=101)], judge, {"101": ("R1", "")})
    shown = {text.count("reference answer") > 0: text for text in judge.texts()}
    assert "\nR1\n" in shown[True] and "R1" not in shown[False]
    assert [one.reference for one in found] == [True, False]


def test_grades_with_and_without_a_reference_stay_with_their_turns():
    rule = {"R1": "Score: 9", "Q2": "Score: 2"}

    class ByText(Scripted):
        def ask(self, questions):
            super().ask(questions)
            texts = (question.messages[-1][1] for question in questions)
            return [Answer(next(say for key, say in rule.items() if key in text)) for text in texts]

    found = grades([two_turns(question_id=1)], ByText("x"), {"1": ("R1",)})
    assert [(one.turn, one.score) for one in found] == [(1, 9.0), (2, 2.0)]


def test_what_cannot_be_read_is_asked_once_more_and_then_a_problem():
    judge = Scripted("Nice.")
    (one,) = grades([one_turn()], judge)
    assert (one.score, one.problem) == (None, "unparsed")
    assert len(judge.asked) == 2


@pytest.mark.parametrize(
    ("reply", "problem"),
    [("Score: 0", "out_of_range"), (Answer("", "refused"), "refused")],
)
def test_a_failure_is_named_and_no_number(reply, problem):
    (one,) = grades([one_turn()], Scripted(reply))
    assert (one.score, one.problem) == (None, problem)


def test_a_turn_without_an_answer_is_not_asked_about():
    judge = Scripted("Score: 7")
    found = grades([two_turns(None)], judge)
    assert [(one.score, one.problem) for one in found] == [(7.0, None), (None, "too_long")]
    assert len(judge.asked) == 1


def test_an_empty_answer_is_graded():
    (one,) = grades([one_turn("")], Scripted("Score: 1"))
    assert one.score == 1.0


def made(scores, category="", problem="unparsed"):
    """Grades of prompts, each a list of its turns' scores."""
    return [
        Grade(
            "set", str(at), turn, "ours", "judge", category, False, score,
            problem if score is None else None,
        )
        for at, turns in enumerate(scores)
        for turn, score in enumerate(turns, 1)
    ]  # fmt: skip


def test_the_mean_is_over_all_turns_with_a_grade():
    found = mean("all", made([[8, 6], [4, None]]))
    assert (found.grade.value, found.graded, found.prompts) == (6.0, 3, 2)
    assert found.failed == {"unparsed": 1}


def test_turns_of_one_prompt_are_not_counted_as_independent():
    scores = np.random.default_rng(0).integers(1, 11, 40).astype(float)
    alone = mean("all", made([[s] for s in scores])).grade
    twice = mean("all", made([[s, s] for s in scores])).grade
    np.testing.assert_allclose(
        (twice.value, twice.low, twice.high), (alone.value, alone.low, alone.high)
    )


def test_the_interval_is_students():
    stats = pytest.importorskip("scipy.stats")
    scores = np.random.default_rng(1).uniform(1, 10, 50)
    found = mean("all", made([[s] for s in scores])).grade
    # judged by their kurtosis, even scores have as many degrees of freedom as there can be
    half = stats.t.ppf(0.975, 49) * scores.std(ddof=1) / np.sqrt(50)
    np.testing.assert_allclose(
        (found.low, found.high), (scores.mean() - half, scores.mean() + half), rtol=1e-4
    )


def test_nothing_graded_has_no_mean():
    found = mean("all", made([[None], [None]], problem="refused"))
    assert found.told()["grade"] == {"value": None, "low": None, "high": None}
    assert found.failed == {"refused": 2}


def test_means_by_turn_and_category():
    rows = [*made([[8, 6]], "writing"), *made([[2, 4]], "math")]
    (one,) = graded(rows)
    assert one.total.grade.value == 5.0
    assert [(m.part, m.grade.value) for m in one.turns] == [("turn 1", 5.0), ("turn 2", 5.0)]
    assert [(m.part, m.grade.value) for m in one.categories] == [("math", 3.0), ("writing", 7.0)]


def test_each_model_and_judge_is_by_itself():
    rows = made([[8]])
    other = [Grade("set", "0", 1, "theirs", "judge", score=2.0)]
    assert [(g.generator, g.total.grade.value) for g in graded([*rows, *other])] == [
        ("ours", 8.0),
        ("theirs", 2.0),
    ]


def test_grades_are_written_as_lines(tmp_path):
    import json

    write(tmp_path / "grades.jsonl", made([[8, None]]))
    lines = [json.loads(line) for line in (tmp_path / "grades.jsonl").read_text().splitlines()]
    assert [(line["score"], line["problem"]) for line in lines] == [(8, None), (None, "unparsed")]


def test_a_rubric_without_the_reference_is_refused():
    with pytest.raises(UserError, match=r"has the marks .*\{field:reference answer\}"):
        rubrics("grade", "grade")


@pytest.mark.skipif(not MT_BENCH.exists(), reason="shared/data/evaluation is absent")
def test_mt_benchs_references_are_shown_for_thirty_questions():
    questions = read_outputs(MT_BENCH / "question.jsonl")
    given = [
        Output(
            q.questions, ("A",) * len(q.questions), (None,) * len(q.questions), "m", "mt", q.about
        )
        for q in questions
    ]
    found = grades(given, Scripted("Score: 5"), references(MT_BENCH / "gpt-4.jsonl"))
    assert len(found) == 160
    with_reference = {one.category for one in found if one.reference}
    assert sum(one.reference for one in found) == 60
    assert with_reference == {"reasoning", "math", "coding"}
