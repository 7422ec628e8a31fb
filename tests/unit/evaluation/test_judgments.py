"""Judgments in memory and as a file: what they may say, both sides, what failed, round trips."""

import json
import math

import pytest

from tamis.errors import UserError
from tamis.evaluation.judgment_files import read
from tamis.evaluation.judgments import Judgment, from_record, prompt_id, settled, told, write


def judgment(*preferences, **more):
    problems = tuple("unparsed" if p is None else None for p in preferences)
    return Judgment("vicuna", "1", "gpt", "a", "b", preferences, problems, **more)


FULL = judgment(
    *(1.0, None),
    scores=((9.0, 8.5), None),
    instruction="Name a colour 🎨",
    answers=("Blue.", "Red, I think."),
)


def test_a_judgment_survives_the_file(tmp_path):
    write(tmp_path / "j.jsonl", [FULL, judgment(0.25)])
    first, second = read(tmp_path / "j.jsonl")
    assert first == FULL
    assert second.preferences == (0.25,)


def test_lengths_are_those_of_the_answers():
    assert (FULL.our_length, FULL.their_length) == (5, 13)


def test_a_lone_surrogate_does_not_stop_the_writing(tmp_path):
    write(tmp_path / "j.jsonl", [judgment(1.0, instruction="broken \ud83d")])
    assert next(read(tmp_path / "j.jsonl")).instruction == "broken \ufffd"


def test_fields_that_are_empty_are_left_out_of_the_line():
    assert told(judgment(0.5)) == {
        "set": "vicuna",
        "id": "1",
        "judge": "gpt",
        "ours": "a",
        "theirs": "b",
        "preferences": [0.5],
    }


def test_the_other_side_turned_twice_is_the_same():
    turned = FULL.turned()
    assert (turned.ours, turned.preferences, turned.problems) == (
        "b",
        (None, 0.0),
        ("unparsed", None),
    )
    assert turned.scores == (None, (8.5, 9.0))
    assert turned.turned() == FULL


@pytest.mark.parametrize(
    "orders, verdict",
    [
        ((1, 1), 1),
        ((1, 0.5), 1),
        ((1, 0), 0),
        ((0.5, 0.5), 0),
        ((0, 0.5), -1),
        ((0, 0), -1),
        ((0.9, 0.2), 0),
        ((0.51,), 1),
    ],
)
def test_the_verdict_is_the_sign_of_the_sum_of_signs(orders, verdict):
    assert settled(judgment(*orders)).verdict == verdict


def test_a_pair_with_a_failed_order_is_left_out_with_its_reason():
    assert settled(judgment(1.0, None)) == (None, None, "unparsed")


def test_a_failed_order_leaves_the_word_to_the_other():
    assert settled(judgment(1.0, None), "other_order") == (1.0, 1, None)


def test_a_pair_that_failed_in_both_orders_counts_by_none():
    assert settled(judgment(None, None), "other_order").problem == "unparsed"


def test_a_failed_order_is_a_tie_where_that_is_asked_for():
    assert settled(judgment(1.0, None), "tie") == (0.75, 1, None)
    assert settled(judgment(None, None), "tie") == (0.5, 0, None)


@pytest.mark.parametrize("wrong", [1.5, -0.1, math.nan])
def test_a_preference_off_the_scale_is_refused(wrong):
    with pytest.raises(UserError, match="between 0"):
        judgment(wrong)


def test_a_missing_preference_needs_a_reason():
    with pytest.raises(UserError, match="exactly where a problem is named"):
        Judgment("s", "1", "j", "a", "b", (None,))


def test_a_judgment_says_something_of_an_order():
    with pytest.raises(UserError, match="no preference"):
        judgment()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"judge": None, "preferences": "101"}, "a list with one value an order"),
        ({"preferences": [True, "x"]}, "cannot be read"),
        ({"answers": ["one"]}, "cannot be read"),
        ({"winner": "a"}, "'winner' that nobody knows"),
        ({"scores": [[1, math.inf]]}, "not a finite number"),
        ({"problems": ["a", "b"]}, "1 preferences and 2 problems"),
    ],
)
def test_a_broken_line_says_what_is_wrong(change, message):
    with pytest.raises(UserError, match=message):
        from_record({**told(judgment(0.5)), **change})


def test_a_line_without_a_field_names_it():
    with pytest.raises(UserError, match="has no judge, ours"):
        from_record({"id": "1", "theirs": "b", "preferences": [1]})


def test_the_same_prompt_has_the_same_id_everywhere():
    assert prompt_id("Name a colour.") == prompt_id("Name a colour.") != prompt_id("Name a color.")


def test_the_file_is_one_object_a_line(tmp_path):
    write(tmp_path / "j.jsonl", [judgment(1.0), judgment(0.0)])
    lines = (tmp_path / "j.jsonl").read_text().splitlines()
    assert [json.loads(line)["preferences"] for line in lines] == [[1.0], [0.0]]
