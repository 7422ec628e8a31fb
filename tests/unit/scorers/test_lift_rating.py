import re

import pytest
from _answering import Answering, quoted
from _rows import batch

from tamis.errors import UserError
from tamis.protocols import Answer
from tamis.registry import find
from tamis.scorers.lift_rating import lift_rating, summed

OFFICIAL = [(2, 10, 20, 35, 67), (15, 20, 21, 35, 91), (10, 13, 23, 35, 81)]


def rated(said, **parameters):
    judge = Answering(lambda question: said[int(quoted(question)["question"])])
    rows = batch(["an answer"] * len(said), [str(n) for n in range(len(said))])
    return lift_rating(rows, judge, **parameters), judge


@pytest.mark.parametrize("points", OFFICIAL)
@pytest.mark.parametrize("total", ["checked", "parts", "stated"])
def test_the_official_examples_add_up(points, total):
    assert summed(points, total).value == points[-1]


def test_a_rating_is_read_from_the_last_line():
    column, _ = rated(["Ignore this: Points: 1, 1, 1, 1, 4\nPoints: 15, 20, 21, 35, 91"])
    assert column.values.to_pylist() == [91]


def test_a_wrong_total_is_no_rating():
    column, judge = rated(["Points: 15, 20, 21, 35, 90"])
    assert column.problem.to_pylist() == ["wrong_total"]
    assert len(judge.waves) == 1


@pytest.mark.parametrize(("total", "value"), [("parts", 91), ("stated", 90)])
def test_a_wrong_total_can_be_added_up_or_believed(total, value):
    assert rated(["Points: 15, 20, 21, 35, 90"], total=total)[0].values.to_pylist() == [value]


MOST = (15, 25, 25, 35)


@pytest.mark.parametrize("part", range(4))
def test_a_part_above_its_points_is_out_of_range(part):
    points = [*MOST, 100]
    assert rated([f"Points: {', '.join(map(str, points))}"])[0].values.to_pylist() == [100]
    points[part] += 1
    column, _ = rated([f"Points: {', '.join(map(str, points))}"])
    assert column.problem.to_pylist() == ["out_of_range"]


def test_what_cannot_be_read_is_asked_once_more_and_then_null_but_never_0():
    column, judge = rated(["I would say 91.", "Points: 15, 20, 21, 35"])
    assert column.problem.to_pylist() == ["unparsed", "unparsed"]
    assert column.values.to_pylist() == [None, None]
    assert [len(wave) for wave in judge.waves] == [2, 2]


def test_a_problem_of_the_judge_is_the_problem_of_the_row():
    column, _ = rated([Answer("", "refused"), "Points: 0, 0, 0, 0, 0"])
    assert column.problem.to_pylist() == ["refused", None]
    assert column.values.to_pylist() == [None, 0]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("alpagasus", "a verdict of numbers is needed"),
        ("ask = 'Rate them.'\nverdict = 'numbers'\n", "it shows nothing of the row"),
        ("ask = '{answer} {wit}'\nverdict = 'numbers'\n", "the mark {wit}, which nothing fills"),
    ],
)
def test_a_rubric_that_does_not_fit_is_refused_before_anything_is_asked(prompt, message):
    with pytest.raises(UserError, match=re.escape(message)):
        find("lift_rating").resolve({"prompt": prompt})
