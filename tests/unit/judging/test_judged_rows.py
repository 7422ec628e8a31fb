"""What a judge is shown of a row, and what becomes of its answers."""

import json

import pytest
from _answering import always, in_turn, says
from _rows import batch

from tamis.errors import UserError
from tamis.judging.rows import asked, field_of, judged, only, read_answer, shown
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import question
from tamis.protocols import PASSING, Answer
from tamis.testing import dataset
from tamis.types import Batch

ABOUT = Rubric(ask="{question} {answer}", least=0)
FIRST = Rubric(ask="{answer}", least=0, line="first")


def rows(*records):
    return Batch(dataset(list(records)).table)


def talk(*turns):
    return rows({"messages": [{"role": role, "content": text} for role, text in turns]})


def test_each_row_has_its_verdict_in_the_order_of_rows():
    judge = says(lambda text: "Score: 1" if "\none\n" in text else "Score: 2")
    found = judged(batch(["one", "two", "one"], ["a", "b", "c"]), judge, ABOUT)
    assert list(found.values) == [1.0, 2.0, 1.0]


def test_all_rows_are_asked_about_at_once():
    judge = always("Score: 1")
    judged(batch(["one", "two"], ["a", "b"]), judge, ABOUT)
    assert [len(call) for call in judge.waves] == [2]


def test_no_rows_are_not_asked_about():
    judge = always("Score: 1")
    assert list(judged(batch([]), judge, ABOUT).values) == []
    assert judge.waves == []


def test_an_answer_without_a_verdict_is_asked_for_once_more():
    judge = in_turn("Good.", "Score: 4")
    found = judged(batch(["a"], ["q"]), judge, ABOUT)
    assert list(found.values) == [4.0]
    first, second = (call[0].messages for call in judge.waves)
    assert second[: len(first)] == first
    assert second[len(first)] == ("assistant", "Good.")
    assert second[-1][0] == "user"


def test_after_two_answers_without_a_verdict_there_is_none():
    judge = in_turn("Good.", "Very good.")
    found = judged(batch(["a"], ["q"]), judge, ABOUT)
    assert (list(found.values), list(found.problems)) == ([None], ["unparsed"])
    assert len(judge.waves) == 2


def test_only_rows_without_a_verdict_are_asked_about_again():
    judge = in_turn("Score: 1", "", "Score: 3", "Score: 2")
    found = judged(batch(["a", "b", "c"], ["q", "q", "q"]), judge, ABOUT)
    assert list(found.values) == [1.0, 2.0, 3.0]
    assert [len(call) for call in judge.waves] == [3, 1]


def test_a_verdict_off_the_scale_is_not_asked_for_again():
    judge = always("Score: 9")
    assert list(judged(batch(["a"], ["q"]), judge, ABOUT).problems) == ["out_of_range"]
    assert len(judge.waves) == 1


@pytest.mark.parametrize("problem", [*sorted(PASSING), "refused", "too_long", "cut_off"])
def test_a_problem_of_the_answer_is_that_of_the_row(problem):
    judge = always(Answer("Score: 4", problem))
    found = judged(batch(["a"], ["q"]), judge, ABOUT)
    assert (list(found.values), list(found.problems)) == ([None], [problem])
    assert len(judge.waves) == 1


def test_a_problem_of_the_second_answer_is_that_of_the_row():
    found = judged(batch(["a"], ["q"]), in_turn("Good.", Answer("", "timed_out")), ABOUT)
    assert list(found.problems) == ["timed_out"]


def test_an_answer_that_was_cut_off_keeps_a_verdict_that_came_first():
    assert read_answer(Answer("4.5\nThe answer is", "cut_off"), FIRST).value == 4.5


@pytest.mark.parametrize("text", ["4", "4.", "The answer", ""])
def test_a_first_line_that_was_cut_off_is_no_verdict(text):
    assert read_answer(Answer(text, "cut_off"), FIRST).problem == "cut_off"


def test_an_answer_that_was_cut_off_has_no_last_line():
    assert read_answer(Answer("Score: 4\nOn second thought", "cut_off"), ABOUT).problem == "cut_off"


def test_one_row_in_trouble_changes_no_other():
    judge = says(lambda text: Answer("", "refused") if "\nb\n" in text else "Score: 3")
    found = judged(batch(["a", "b", "c"], ["q", "q", "q"]), judge, ABOUT).floats()
    assert found.values.to_pylist() == [3.0, None, 3.0]
    assert found.problem.to_pylist() == [None, "refused", None]


@pytest.mark.parametrize(
    ("turns", "problem"),
    [
        ([("user", "q")], "no_answer"),
        ([("user", "q"), ("assistant", " \n")], "empty_answer"),
        ([("user", ""), ("assistant", "a")], "empty_question"),
    ],
)
def test_a_row_that_cannot_be_shown_says_why_and_costs_nothing(turns, problem):
    judge = always("Score: 1")
    found = judged(talk(*turns), judge, ABOUT)
    assert (list(found.values), list(found.problems)) == ([None], [problem])
    assert judge.waves == []


def test_a_rubric_without_the_answer_needs_none():
    found = judged(talk(("user", "q")), always("Score: 1"), Rubric(ask="{question}"))
    assert list(found.problems) == [None]


def test_a_conversation_is_shown_up_to_its_last_answer():
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
    texts, _ = shown(talk(*turns, ("assistant", "So long")), ABOUT)
    assert texts[0]["answer"] == "So long"
    said = "system: Be brief.\n\nuser: Hi\n\nassistant: Hello\n\nuser: Bye"
    assert texts[0]["question"] == said


def test_a_single_question_is_shown_as_it_is():
    texts, _ = shown(talk(("user", "user: Hi"), ("assistant", "a")), ABOUT)
    assert texts[0]["question"] == "user: Hi"


def test_tool_calls_are_part_of_an_answer():
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    turns = [
        {"role": "user", "content": "1 + 2?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    texts, problems = shown(rows({"messages": turns}), ABOUT)
    assert problems == [None]
    assert '"add"' in texts[0]["answer"]


def test_another_field_of_the_row_is_shown():
    record = {"instruction": "q", "output": "a", "page": "a page"}
    about = Rubric(ask="{field:page}")
    assert shown(rows(record), about)[0] == [{"field:page": "a page"}]


def test_a_field_can_have_another_name_in_the_row():
    record = {"instruction": "q", "output": "a", "page": "a page"}
    about = Rubric(ask="{field:document}")
    assert shown(rows(record), about, {"document": "page"})[0] == [{"field:document": "a page"}]


@pytest.mark.parametrize("record", [{"page": " "}, {"page": None}, {}])
def test_a_row_without_the_field_says_so(record):
    about = Rubric(ask="{field:page}")
    found = judged(rows({"instruction": "q", "output": "a", **record}), always("Score: 1"), about)
    assert list(found.problems) == ["no_field"]


def test_a_field_that_is_no_text_is_shown_as_json():
    assert field_of('{"page": {"é": [1, true]}}', "page") == '{"é": [1, true]}'


def test_half_a_pair_of_surrogates_in_a_field_can_be_sent():
    text = field_of('{"page": "a\\ud83d"}', "page")
    assert text.encode() == "a\ufffd".encode()


@pytest.mark.parametrize(
    "text",
    [
        "a\x00b",
        "\u202edesrever",
        "\ufeffa",
        "\u2028",
        "a" * 1_000_000,
        "\r\r\n",
        "\U0001f600",
        '"\\',
    ],
    ids=["nul", "right-to-left", "mark", "separator", "huge", "returns", "emoji", "quotes"],
)
def test_any_text_of_a_row_makes_a_question_that_can_be_sent_and_keyed(text):
    record = {"instruction": f"q{text}", "output": f"x{text}", "page": f"p{text}"}
    data = rows(record)
    about = Rubric(ask="{question} {answer} {field:page}")
    texts, problems = shown(data, about)
    made = question(about, texts[0])
    assert problems == [None]
    sent = json.dumps(made.messages, ensure_ascii=False).encode()
    assert json.loads(sent) == [list(message) for message in made.messages]


def test_numbers_yes_and_no_labels_and_tags_become_columns():
    data = batch(["a", "b"], ["q", "q"])
    yes_no = Rubric(ask="{answer}", verdict="yes_no", word="Verdict")
    label = Rubric(ask="{answer}", verdict="label", labels=("good", "bad"))
    tags = Rubric(ask="{answer}", verdict="tags")
    assert judged(data, in_turn("yes", "no"), yes_no).floats().values.to_pylist() == [1.0, 0.0]
    found = judged(data, in_turn("Score: bad", "none", "none"), label).strings()
    assert (found.values.to_pylist(), found.problem.to_pylist()) == (
        ["bad", None],
        [None, "unparsed"],
    )
    found = judged(data, in_turn('["x"]', "[]"), tags).tags()
    assert found.values.to_pylist() == [["x"], []]


def test_each_question_can_have_its_own_count_of_numbers():
    about = Rubric(ask="x", verdict="numbers")
    made = [question(about, {}, {"count": "2"}), question(about, {}, {"count": "3"})]
    judge = in_turn("Score: 1, 2", "Score: 1, 2", "Score: 1, 2, 3")
    found = asked(judge, made, about, [2, 3])
    assert [read.value for read in found] == [[1.0, 2.0], [1.0, 2.0, 3.0]]


def test_another_kind_of_verdict_is_refused():
    with pytest.raises(UserError, match="a verdict of number or integer is needed here"):
        only(Rubric(ask="x", verdict="text"), "number", "integer")
