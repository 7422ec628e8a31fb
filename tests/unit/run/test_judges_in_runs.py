"""What a run does with a judge's troubles: those of the moment are not stored, others are."""

from dataclasses import dataclass, field

import pytest

from tamis.errors import UserError
from tamis.judging import rubrics
from tamis.protocols import Answer
from tamis.run.session import Run
from tamis.testing import dataset

ROWS = [{"instruction": f"question {i}", "output": f"answer {i}"} for i in range(6)]
COLUMN = "alpagasus"


@dataclass
class Scripted:
    """Answers by the row's number; keeps what it was asked."""

    troubles: dict[int, str]
    id: str = "scripted"
    asked: list[int] = field(default_factory=list)

    def ask(self, questions):
        return [self._answer(question.messages[-1][1]) for question in questions]

    def _answer(self, text):
        number = next(i for i in range(6) if f"\nanswer {i}\n" in text)
        self.asked.append(number)
        problem = self.troubles.get(number)
        return Answer("", problem) if problem else Answer(f"Good.\nScore: {number % 5}")


def scores(tmp_path, judge, columns=(COLUMN,), rows=ROWS):
    run = Run(store=tmp_path, judge=judge)
    return run.score(dataset(rows), list(columns))


def test_a_trouble_of_the_moment_is_a_reason_now_and_asked_again_later(tmp_path):
    first = scores(tmp_path, Scripted({2: "server_error", 3: "refused"})).column(COLUMN)
    assert first.problem.to_pylist() == [None, None, "server_error", "refused", None, None]
    assert first.values.to_pylist()[:2] == [0.0, 1.0]
    later = Scripted({})
    second = scores(tmp_path, later).column(COLUMN)
    assert later.asked == [2]
    assert second.problem.to_pylist() == [None, None, None, "refused", None, None]
    assert second.values.to_pylist()[2] == 2.0


def test_a_run_in_which_everything_fails_stores_nothing(tmp_path):
    every = dict.fromkeys(range(6), "timed_out")
    assert scores(tmp_path, Scripted(every)).column(COLUMN).problem.to_pylist() == ["timed_out"] * 6
    later = Scripted({})
    scores(tmp_path, later)
    assert sorted(later.asked) == list(range(6))


def test_a_column_made_of_one_with_a_trouble_of_the_moment_is_not_stored_either(tmp_path):
    mean = "weighted_mean(of=[alpagasus,length],weights=[1,1])"
    first = scores(tmp_path, Scripted({2: "server_error"}), [mean])
    assert first.column(mean).problem.to_pylist()[2] == "server_error"
    second = scores(tmp_path, Scripted({}), [mean])
    assert second.column(mean).problem.null_count == 6


@pytest.mark.parametrize(
    "column",
    [
        "learned(labels=alpagasus)",
        "weighted_mean(of=[learned(labels=alpagasus),length],weights=[1,1])",
    ],
)
def test_a_column_without_gaps_that_learned_from_one_with_gaps_is_not_stored(tmp_path, column):
    rows = [{"instruction": f"q {i}", "output": f"answer {i % 6}\n{'so ' * i}"} for i in range(40)]
    scores(tmp_path / "a", Scripted({2: "timed_out"}), [column], rows)
    later = scores(tmp_path / "a", Scripted({}), [column], rows).column(column)
    assert (
        later.values == scores(tmp_path / "b", Scripted({}), [column], rows).column(column).values
    )


def test_a_column_made_of_settled_ones_is_stored(tmp_path, monkeypatch):
    mean = "mean_rank(of=[alpagasus,length])"
    first = scores(tmp_path, Scripted({2: "refused"}), [mean]).column(mean)
    monkeypatch.setattr("tamis.run.execute.call", None)  # nothing is computed again
    assert scores(tmp_path, Scripted({}), [mean]).column(mean) == first


def test_two_judges_stand_beside_each_other(tmp_path):
    run = Run(store=tmp_path, judge=Scripted({}))
    run.loaded["judge other"] = Scripted({1: "refused"}, id="other")
    pool = run.score(dataset(ROWS), [COLUMN, "alpagasus(judge=other)"])
    assert pool.column(COLUMN).problem.null_count == 6
    assert pool.column("alpagasus(judge=other)").problem.to_pylist()[1] == "refused"


def test_a_method_that_asks_needs_a_judge(tmp_path):
    with pytest.raises(UserError, match="--judge"):
        scores(tmp_path, "")


def test_other_words_of_the_package_are_another_column(tmp_path, monkeypatch):
    scores(tmp_path, Scripted({}))
    monkeypatch.setattr(rubrics, "words", lambda: "as a later version has them")
    later = Scripted({})
    scores(tmp_path, later)
    assert len(later.asked) == 6
