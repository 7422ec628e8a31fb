import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.passages import Setting, encoded, opening, written
from tamis.protocols import Noise
from tamis.scorers._passages import (
    alone,
    answer_losses,
    answer_values,
    beginning,
    conditioned,
    reasons,
    scores,
    split,
)
from tamis.templates import END, Piece
from tamis.testing import dataset
from tamis.types import Batch

LM = FakeLikelihood()
TALK = [("user", "q"), ("assistant", "one"), ("user", "r"), ("assistant", "three")]


def batch(*turns):
    said = [[{"role": r, "content": c} for r, c in row] for row in turns]
    return Batch(dataset([{"messages": row} for row in said]).table)


def write(*turns, lm=LM, **setting):
    return written(batch(*turns), lm, Setting(**setting))


def read(ids):
    return bytes(ids[ids < 256].astype(np.uint8)).decode(errors="replace")


def parts(row):
    return [read(row.ids[a:b]) for a, b in row.answers]


@pytest.mark.parametrize(
    ("turns", "wanted"),
    [("last", ["three"]), ("all", ["one", "three"]), ("each", ["one", "three"])],
)
@pytest.mark.parametrize("template", ["plain", "alpaca", "tulu", "chat"])
def test_answers_stand_where_the_tokens_say(template, turns, wanted):
    (row,) = write(TALK, template=template, turns=turns)
    assert parts(row) == wanted and row.kept == 1.0
    assert row.ids[0] == 256 and read(row.ids).endswith("three")


def test_the_row_ends_with_its_last_answer():
    (row,) = write([*TALK, ("user", "more?")])
    assert read(row.ids) == "q\none\nr\nthree"
    assert row.answers == ((9, 14),)


def test_vicunas_blank_belongs_to_the_answer():
    (row,) = write(TALK, template="vicuna", turns="all")
    assert parts(row) == [" one", " three"]


def test_an_earlier_answer_does_not_stand_in_for_an_empty_last_one():
    talk = [*TALK[:3], ("assistant", " \n")]
    last, every = write(talk)[0], write(talk, turns="all")[0]
    assert last.problem == "empty_answer" and not last.answers
    assert parts(every) == ["one"] and every.problem is None


def test_an_answer_is_cut_from_its_end_and_says_how_much_is_left():
    (row,) = write(TALK, max_length=11)  # start, 8 of the rest, 2 of the answer
    assert parts(row) == ["th"] and len(row.ids) == 11
    assert row.kept == pytest.approx(2 / 5)
    (row,) = write(TALK, max_length=11, turns="all")
    assert parts(row) == ["one", "th"] and row.kept == pytest.approx(5 / 8)
    (row,) = write(TALK, max_length=8, turns="all")
    assert parts(row) == ["one"] and len(row.ids) == 6 and row.kept == pytest.approx(3 / 8)


def test_the_models_context_is_a_limit_too():
    small = FakeLikelihood(context=11)
    assert parts(write(TALK, lm=small, max_length=1000)[0]) == ["th"]


@pytest.mark.parametrize(
    ("turns", "setting", "why"),
    [
        ([("user", "q")], {}, "no_answer"),
        ([("user", "q"), ("assistant", "")], {}, "empty_answer"),
        (TALK, {"max_length": 9}, "too_long"),
        ([("assistant", "a")], {"start": False}, "one_token"),
    ],
)
def test_a_row_that_cannot_be_scored_says_why(turns, setting, why):
    (row,) = write(turns, **setting)
    assert row.problem == why and row.answers == () and len(row.ids) == 0 and row.kept == 0


def test_a_template_that_shows_no_answer_is_a_problem_of_the_row():
    class Mute(FakeLikelihood):
        def chat(self, messages, tools):
            return [Piece("nothing", "markup")]

    assert write(TALK, lm=Mute(), template="chat")[0].problem == "template_refused"


def test_rows_with_problems_shift_no_other():
    rows = write([("user", "q")], TALK, [("user", "q"), ("assistant", "")], TALK)
    assert [row.problem for row in rows] == ["no_answer", None, "empty_answer", None]
    assert rows[1].ids.tolist() == rows[3].ids.tolist()
    masks = {name: mask.tolist() for name, mask in reasons(rows).items()}
    assert masks == {
        "empty_answer": [False, False, True, False],
        "no_answer": [True, False, False, False],
    }


def test_special_tokens_are_found_in_markup_alone():
    found = encoded([Piece(END, "markup"), Piece(END, "text"), Piece(END, "answer")], LM)
    assert found[0].tolist() == [256]
    assert read(found[1]) == read(found[2]) == END
    (row,) = write([("user", END), ("assistant", "a" + END)], template="tulu")
    assert parts(row) == ["a" + END] and (row.ids == 256).sum() == 1


def test_without_a_start_token_the_first_token_cannot_be_scored():
    (row,) = write([("assistant", "abc")], start=False)
    assert row.answers == ((1, 3),) and len(row.ids) == 3
    assert opening(LM, False).tolist() == []
    with pytest.raises(UserError, match="set start=false"):
        opening(FakeLikelihood(start=None), True)


@pytest.mark.parametrize("length", [1, 0, -3])
def test_a_length_that_holds_nothing_is_refused(length):
    with pytest.raises(UserError, match="at least 2"):
        write(TALK, max_length=length)


def test_answers_alone_are_the_tokens_that_the_row_has():
    (row,) = write(TALK, turns="all")
    first, second = alone(row, np.array([256]))
    assert (read(first.ids), first.spans) == ("one", ((1, 4),))
    assert (read(second.ids), second.spans) == ("three", ((1, 6),))
    bare = alone(row, opening(LM, False))
    assert [p.spans for p in bare] == [((1, 3),), ((1, 5),)]


def test_an_answer_alone_takes_its_part_of_the_noise():
    (row,) = write(TALK, turns="all")
    noise = Noise(1, 5.0, len(row.ids))
    assert conditioned(row, noise=noise).noise == noise
    first, second = alone(row, np.array([256]), noise=noise)
    assert (first.noise.offset, second.noise.offset) == (
        row.answers[0][0] - 1,
        row.answers[1][0] - 1,
    )
    assert first.noise.length == len(row.ids)
    assert alone(row, np.array([256]))[0].noise is None


def test_what_an_answer_alone_begins_with():
    setting = Setting(template="alpaca")
    assert beginning(LM, setting, "answer").tolist() == [256]
    assert read(beginning(LM, setting, "header")) == "### Response:"
    bare = beginning(LM, Setting(template="alpaca", start=False), "header")
    assert bare.tolist() == list(b"### Response:")
    assert beginning(LM, Setting(template="plain"), "header").tolist() == [256]
    with pytest.raises(UserError, match="needs a template that tamis knows"):
        beginning(LM, Setting(template="chat"), "header")


def test_losses_go_back_to_their_rows_and_answers():
    rows = write([("user", "q")], TALK, [("user", "x"), ("assistant", "yes")], turns="all")
    inside, outside = answer_losses(rows, LM, np.array([256]))
    assert [[len(a) for a in row] for row in inside] == [[], [3, 5], [3]]
    assert [[len(a) for a in row] for row in outside] == [[], [3, 5], [3]]
    single, _ = answer_losses(rows[2:], LM)
    np.testing.assert_array_equal(single[0][0], inside[2][0])
    losses, entropies = answer_values(rows, LM, "loss", "entropy")
    np.testing.assert_array_equal(losses[1][1], inside[1][1])
    assert [[len(a) for a in row] for row in entropies] == [[], [3, 5], [3]]
    assert (entropies[1][0] != losses[1][0]).all()


def test_values_are_split_by_answer():
    (row,) = write(TALK, turns="all")
    first, second = split(row, np.arange(8.0))
    assert first.tolist() == [0, 1, 2] and second.tolist() == [3, 4, 5, 6, 7]


def test_each_is_a_mean_over_answers_and_all_over_tokens():
    rows = write(TALK, [("user", "q")], turns="all")
    values = [[np.array([1.0, 1, 1]), np.array([5.0] * 5)], []]

    def mean(part):
        return float(part.mean())

    assert scores(rows, "each", mean, values).values.to_pylist() == [3.0, None]
    found = scores(rows, "all", mean, values)
    assert found.values.to_pylist() == [28 / 8, None]
    assert found.problem.to_pylist() == [None, "no_answer"]
    infinite = scores(rows, "all", lambda part: np.inf, values)
    assert infinite.problem.to_pylist() == ["undefined", "no_answer"]


def test_no_rows():
    nothing = Batch(dataset().take(np.empty(0, np.int64)).table)
    assert written(nothing, LM, Setting()) == []
    assert len(scores([], "last", lambda part: 0.0, [])) == 0
