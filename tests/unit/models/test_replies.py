"""What a server sent back, and what of it is the answer."""

import json

import pytest

from tamis.models._replies import BadReply, Reply, read_reply, without_thinking
from tamis.models._tally import Tally
from tamis.protocols import Answer


def body(message, finish="stop", **more):
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], **more}).encode()


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Rating: 3", "Rating: 3"),
        ("<think>1 or 2</think>\n\nRating: 3", "Rating: 3"),
        ("1 or 2</think>Rating: 3", "1 or 2</think>Rating: 3"),
        ("<think>a</think>b<think>c</think> d", "d"),
        ("<think>1 or", None),
        ("  \n<think>1 or", None),
        ("use the <think> tag", "use the <think> tag"),
        ("<think>all</think>", ""),
    ],
)
def test_thinking_at_the_beginning_ends_at_the_last_mark(text, rest):
    assert without_thinking(text) == rest


@pytest.mark.parametrize(
    ("message", "finish", "answer"),
    [
        ({"content": "Rating: 3"}, "stop", Answer("Rating: 3")),
        ({"content": "Rating: 3"}, None, Answer("Rating: 3")),
        ({"content": ""}, "stop", Answer("")),
        ({"content": [{"type": "text", "text": "Ra"}, {"text": "ting"}]}, "stop", Answer("Rating")),
        ({"content": "Ra"}, "length", Answer("Ra", "cut_off")),
        ({"content": "Ra"}, "max_tokens", Answer("Ra", "cut_off")),
        ({"content": None, "reasoning_content": "hm"}, "length", Answer("", "cut_off")),
        ({"content": "<think>hm"}, "length", Answer("", "cut_off")),
        ({"content": "<think>hm"}, "stop", Answer("", "cut_off")),
        ({"content": "<think>hm</think>Ra"}, "length", Answer("Ra", "cut_off")),
        ({"content": None, "refusal": "I cannot"}, "stop", Answer("", "refused")),
        ({"content": "part"}, "content_filter", Answer("", "refused")),
        ({"content": "4", "reasoning_content": "hm", "reasoning": "hm"}, "stop", Answer("4")),
    ],
)
def test_answers(message, finish, answer):
    assert read_reply(body(message, finish)).answer == answer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [1]}',
        b'{"choices": [{"text": "x"}]}',
        b'{"choices": [{"message": {"content": null}}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
    ],
)
def test_what_is_no_reply(content):
    with pytest.raises(BadReply):
        read_reply(content)


def test_counts_and_names_are_read():
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    found = read_reply(body({"content": "x"}, usage=usage, model="m", system_fingerprint="f"))
    assert found == Reply("x", "stop", 7, 5, 2, "m", "f")


@pytest.mark.parametrize("usage", [None, "x", {"prompt_tokens": -1}, {"prompt_tokens": True}])
def test_odd_counts_are_none(usage):
    found = read_reply(body({"content": "x"}, usage=usage))
    assert found.prompt_tokens is None and not found.counted


def test_a_model_that_changes_shows_in_the_report():
    tally = Tally()
    for name, mark in (("m-1", "a"), ("m-1", "b"), ("m-2", "b")):
        tally.came(Reply("x", model=name, fingerprint=mark))
    report = tally.report()
    assert report["models"] == {"m-1": 2, "m-2": 1}
    assert report["fingerprints"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("count", [0, -1, 2.0, True, "9", None, 2**63])
def test_counts_that_cannot_be_are_no_counts(count):
    usage = {"prompt_tokens": count, "completion_tokens": count}
    reply = read_reply(body({"content": "Rating: 1"}, usage=usage))
    assert (reply.prompt_tokens, reply.completion_tokens, reply.counted) == (None, None, False)
