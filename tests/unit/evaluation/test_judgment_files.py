"""Published forms of judgments, and files that are none: every one says what is wrong with it."""

import gzip
import json
import math

import pytest

from tamis.errors import UserError
from tamis.evaluation.judgment_files import (
    difficulties,
    number,
    read,
    two_numbers,
    write_alpaca_eval,
)
from tamis.evaluation.judgments import Judgment, prompt_id, settled

ALPACA_EVAL = {
    "instruction": "Name a colour.",
    "output_1": "Red.",
    "generator_1": "davinci",
    "dataset": "koala",
    "output_2": "Blue!",
    "generator_2": "alpaca",
    "annotator": "gpt4",
    "preference": 2,
}
OWN = {"id": 1, "judge": "j", "ours": "a", "theirs": "b"}
TWO_ORDERS = {"text": "Hi", "Answer1": "x", "Answer2": "yy", "scores": "[9.0, 8.5]"}
REVIEW = {
    "question_id": 3,
    "answer1_id": "x",
    "answer2_id": "y",
    "text": "8 9\nThe second is better than 7 4.",
}
PANDALM = {
    "idx": 7,
    "cmp_key": "bloom-7b_llama-7b",
    "instruction": "Shorten.",
    "input": "A long text.",
    "response1": "Text.",
    "response2": "Long.",
    "annotator1": 1,
    "annotator2": 2,
    "annotator3": 0,
}


@pytest.fixture
def judged(tmp_path):
    """Records in a file -> the judgments that are read from it."""

    def judged(*records, name="file.json", lines=False, **settings):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records)
        path.write_text(text, encoding="utf-8")
        return list(read(path, **settings))

    return judged


def test_alpaca_eval_judges_output_2(judged):
    (one,) = judged(ALPACA_EVAL)
    assert (one.ours, one.theirs, one.judge, one.set) == ("alpaca", "davinci", "gpt4", "koala")
    assert one.preferences == (1.0,)
    assert (one.our_length, one.their_length, one.id) == (5, 4, prompt_id("Name a colour."))


@pytest.mark.parametrize(
    "given, preference", [(1, 0), (2, 1), (0, 0.5), (1.5, 0.5), ("2", 1), (" 1.25 ", 0.25)]
)
def test_alpaca_eval_preferences(judged, given, preference):
    assert judged({**ALPACA_EVAL, "preference": given})[0].preferences == (preference,)


@pytest.mark.parametrize(
    "given, problem",
    [
        (None, "no_preference"),
        (math.nan, "no_preference"),
        ("", "no_preference"),
        (math.inf, "no_preference"),
        ("model 2", "unparsed"),
        ("__import__('os')", "unparsed"),
        ([2], "unparsed"),
        (True, "unparsed"),
        (3, "out_of_range"),
        (-1, "out_of_range"),
        (0.5, "out_of_range"),
    ],
)
def test_a_failed_annotation_is_none_and_says_why(judged, given, problem):
    one = judged({**ALPACA_EVAL, "preference": given})[0]
    assert (one.preferences, one.problems) == ((None,), (problem,))


def test_alpaca_eval_without_texts_or_names(judged):
    kept = ("output_1", "output_2", "preference")
    (one,) = judged({name: ALPACA_EVAL[name] for name in kept}, name="v_reviews_gpt4.json")
    assert (one.ours, one.theirs, one.judge, one.id) == ("output_2", "output_1", "gpt4", "1")


def test_the_second_order_is_swapped_back(judged):
    (one,) = judged({**TWO_ORDERS, "scores_reverse": "[9, 7]"})
    assert one.scores == ((9.0, 8.5), (7.0, 9.0))
    assert one.preferences == (1.0, 0.0)


def test_two_orders_have_their_names_from_the_folder_and_the_file(judged):
    about = {"Meta_Info": {"dataset_name": "vicuna"}, "data": [TWO_ORDERS, TWO_ORDERS]}
    first, second = judged(about, name="ours-VS-base/v_reviews_gpt4.json", lines=True)
    assert (first.ours, first.theirs, first.judge) == ("ours", "base", "gpt4")
    assert (first.set, first.answers) == ("vicuna", ("x", "yy"))
    assert second.id == f"{first.id}-2"


@pytest.mark.parametrize(
    "scores",
    [[-1, -1], "[-1.0, -1.0]", "-1 -1", "", None, "[9.0]", "9 8 7", "nan 8", "(9).bit_length() 8"],
)
def test_a_failed_reply_is_no_tie(judged, scores):
    (one,) = judged({**TWO_ORDERS, "scores": scores, "scores_reverse": [8, 8]})
    assert (one.preferences, one.problems) == ((None, 0.5), ("unparsed", None))
    assert settled(one).problem == "unparsed"


@pytest.mark.parametrize(
    "text, pair",
    [
        ("9 8.5", (9, 8.5)),
        ("[9.0, 8.5]", (9, 8.5)),
        ("(9,8)", (9, 8)),
        (" 9\t8 ", (9, 8)),
        ([9, "8.5"], (9, 8.5)),
        ("9, 8 points", None),
        ("9 8 7", None),
        ("98", None),
        ("1e999 3", None),
        ([9, None], None),
        ([True, 1], None),
        (7, None),
    ],
)
def test_two_numbers_and_nothing_else(text, pair):
    assert two_numbers(text) == pair


@pytest.mark.parametrize(
    "value, found",
    [("1_0", None), ("0x1", None), ("١", None), ("1e400", None), (10**400, None), ("-.5", -0.5)],
)
def test_a_number_is_written_as_one(value, found):
    assert number(value) == found


def test_pandalm_labels_are_three_judges(judged):
    found = judged(PANDALM)
    assert [(one.judge, one.preferences[0]) for one in found] == [
        ("annotator1", 1.0),
        ("annotator2", 0.0),
        ("annotator3", 0.5),
    ]
    assert (found[0].ours, found[0].theirs, found[0].id) == ("bloom-7b", "llama-7b", "7")


@pytest.mark.parametrize("label, problem", [(3, "out_of_range"), (None, "no_preference")])
def test_a_label_that_is_none(judged, label, problem):
    one = judged({**PANDALM, "annotator1": label})[0]
    assert (one.preferences, one.problems) == ((None,), (problem,))


def test_a_review_tells_by_its_first_line_that_the_second_is_better(judged):
    (one,) = judged(REVIEW, name="review_alpaca-13b_vicuna-7b.jsonl", lines=True)
    assert (one.ours, one.theirs) == ("vicuna-7b", "alpaca-13b")
    assert (one.preferences, one.scores) == ((1.0,), ((9.0, 8.0),))


def test_the_score_of_a_review_stands_before_its_text(judged):
    (one,) = judged({**REVIEW, "text": "First, let me solve it:", "score": [10, 4]})
    assert (one.preferences, one.ours) == ((0.0,), "assistant 2")


def test_a_review_without_numbers_failed(judged):
    assert judged({**REVIEW, "text": "I cannot say."})[0].problems == ("unparsed",)


def test_the_side_that_is_asked_for_is_taken(judged):
    (one,) = judged(ALPACA_EVAL, ours="davinci")
    assert (one.ours, one.preferences, one.our_length) == ("davinci", (0.0,), 4)


def test_a_side_that_nobody_has_is_an_error(judged):
    with pytest.raises(UserError, match="no judgment is of a generator named 'gpt'"):
        judged(ALPACA_EVAL, ours="gpt")


def test_compressed_lines_are_read(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ALPACA_EVAL).encode()))
    assert len(list(read(str(path)))) == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("[]", "is empty"),
        ('{"data": []}', "is empty"),
        ('[{"instruction": "x", "output": "y"}]', "no judgments of a known form.*alpaca_eval"),
        ("some text\nmore text", "expected a judgment"),
        ("[1, 2]", "expected a judgment"),
        ('{"data": [3]}', "record 1: it is no object"),
        (json.dumps([ALPACA_EVAL])[:-40], "line 1: not valid JSON"),
        (json.dumps([ALPACA_EVAL, {"instruction": "x"}]), "record 2: it has no 'generator_1'"),
        (
            json.dumps([{"id": 1, "judge": "j", "ours": "a", "theirs": "b", "preferences": [7]}]),
            "record 1",
        ),
    ],
)
def test_a_file_that_is_none_says_so(tmp_path, text, message):
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(UserError, match=message):
        list(read(tmp_path / "file.json"))


def test_a_file_cut_off_in_its_compression_is_refused(tmp_path):
    packed = gzip.compress("\n".join([json.dumps(ALPACA_EVAL)] * 500).encode())
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError):
        list(read(tmp_path / "a.jsonl.gz"))


def test_an_export_is_read_as_it_was(judged, tmp_path):
    found = judged(ALPACA_EVAL, {**ALPACA_EVAL, "instruction": "Why?", "preference": None})
    write_alpaca_eval(tmp_path / "out.json", found)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written[0] == ALPACA_EVAL
    assert written[1]["preference"] is None
    again = list(read(tmp_path / "out.json"))
    assert [one.preferences for one in again] == [(1.0,), (None,)]


def test_an_export_of_two_orders_has_their_mean(tmp_path):
    one = Judgment("s", "1", "j", "a", "b", (1.0, 0.5), instruction="Q")
    write_alpaca_eval(tmp_path / "out.json", [one])
    assert json.loads((tmp_path / "out.json").read_text())[0]["preference"] == 1.75


def test_an_export_of_nothing_is_an_empty_list(tmp_path):
    write_alpaca_eval(tmp_path / "out.json", [])
    assert json.loads((tmp_path / "out.json").read_text()) == []


def test_difficulties_by_id_and_by_instruction(tmp_path):
    (tmp_path / "d.jsonl").write_text(
        '{"id": 4, "difficulty": 0.5}\n{"instruction": "Why?", "difficulty": "-2"}'
    )
    assert difficulties(str(tmp_path / "d.jsonl")) == {"4": 0.5, prompt_id("Why?"): -2.0}


@pytest.mark.parametrize("line", ['{"id": 1}', '{"difficulty": 1}', '{"id": 1, "difficulty": NaN}'])
def test_a_difficulty_needs_a_number_and_a_prompt(tmp_path, line):
    (tmp_path / "d.jsonl").write_text(line)
    with pytest.raises(UserError, match="expected a finite number as `difficulty`"):
        difficulties(str(tmp_path / "d.jsonl"))
