"""What is read out of the answers of judges: the corpus of replies, and what it cannot hold."""

import json
import tomllib
from pathlib import Path

import pytest

from tamis.judging.rubric_files import Rubric
from tamis.judging.verdict import Read, verdict

LABELS = ("valid", "format_invalid", "ungrounded", "unanswerable")
RUBRICS = {
    "rating": Rubric(ask="x", least=0),
    "level": Rubric(ask="x", verdict="integer"),
    "first": Rubric(ask="x", least=0, line="first"),
    "percent": Rubric(ask="x", least=0, most=100, word="Points"),
    "verdict": Rubric(ask="x", verdict="yes_no", word="Verdict"),
    "label": Rubric(ask="x", verdict="label", labels=LABELS, word="Verdict"),
    "numbers": Rubric(ask="x", verdict="numbers"),
    "picks": Rubric(ask="x", verdict="picks", word="Chosen"),
    "tags": Rubric(ask="x", verdict="tags"),
    "rules": Rubric(ask="x", verdict="rules", word="Verdict"),
    "text": Rubric(ask="x", verdict="text"),
}
COUNTS = {"numbers": 3, "rules": 3}
REPLIES = tomllib.loads(Path(__file__).with_name("replies.toml").read_text("utf-8"))["reply"]


def read(text, by="rating"):
    return verdict(text, RUBRICS[by], COUNTS.get(by))


def expected(reply):
    value = reply.get("value")
    if reply["by"] == "rules" and value is not None:
        value = (value[0], {int(rule): yes for rule, yes in value[1].items()})
    return Read(value, reply.get("problem"))


@pytest.mark.parametrize("reply", REPLIES, ids=[f"{r['by']}-{r['text'][-24:]!r}" for r in REPLIES])
def test_a_reply_is_read_as_a_person_reads_it(reply):
    assert read(reply["text"], reply["by"]) == expected(reply)


def test_the_corpus_has_replies_of_every_kind():
    assert len(REPLIES) >= 120
    assert {reply["by"] for reply in REPLIES} == set(RUBRICS)
    assert all(("value" in reply) != ("problem" in reply) for reply in REPLIES)


def test_the_type_of_a_number_is_float_and_of_a_pick_int():
    assert type(read("Score: 4").value) is float
    assert [type(n) for n in read("Chosen: 2, 1", "picks").value] == [int, int]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"verdict": ' * 10_000,
        "*a " * 30_000,
        "`" * 50_000,
        "{\n" * 30_000 + "}",
        "Score: " + "9" * 10_000 + "x",
        "<b>" * 30_000,
        "```\n" * 20_000,
        "x\n" * 50_000,
    ],
    ids=["lists", "objects", "stars", "ticks", "braces", "digits", "tags", "fences", "lines"],
)
@pytest.mark.parametrize("by", ["rating", "first", "tags", "rules"])
def test_a_monstrous_reply_is_unparsed(text, by):
    assert read(text, by).problem == "unparsed"


@pytest.mark.parametrize("text", ["\x00", "a\ud800b\nScore: 4\ud800", "\ufeff", "\u2028", "\x0b"])
def test_strange_characters_are_no_verdict(text):
    assert read(text).problem == "unparsed"


def test_a_verdict_survives_strange_characters_before_it():
    assert read("a\ud800\x00b\nScore: 4").value == 4.0


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_huge_number_in_json_is_off_the_scale_or_unread(digits):
    found = read(json.dumps({"verdict": 0}).replace("0", "9" * digits))
    assert found.value is None
    assert found.problem in ("unparsed", "out_of_range")


def test_a_scale_with_negative_numbers():
    about = Rubric(ask="x", least=-2, most=2)
    assert verdict("Fine.\nScore: −1", about).value == -1.0


def test_a_word_of_ones_own_is_looked_for():
    about = Rubric(ask="x", word="Depth of thought")
    assert verdict("Deep.\nDepth of thought: 4", about).value == 4.0
    assert verdict('{"depth_of_thought": 4}', about).value == 4.0
    assert verdict("Deep.\nScore: 4", about).problem == "unparsed"
    assert verdict("Deep.\nVerdict: 4", about).value == 4.0


@pytest.mark.parametrize("word", ["Final score", "Overall", "My rating", "The total"])
def test_a_word_may_begin_with_one_that_is_passed_over(word):
    about = Rubric(ask="x", word=word)
    assert verdict(f"Deep.\n{word}: 4", about).value == 4.0
    assert verdict(f"Deep.\n**The {word.lower()}:** 4", about).value == 4.0


@pytest.mark.parametrize("label", ["good.", "yes!", "(a)", "<ok>", "So so"])
def test_a_label_is_read_as_it_is_spelled(label):
    about = Rubric(ask="x", verdict="label", labels=(label, "other"))
    assert verdict(f"Fine.\nScore: {label}", about).value == label


def test_a_list_of_tags_is_found_inside_a_sentence():
    assert read('They are ["tea", "time"]. No more.', "tags").value == ["tea", "time"]


def test_an_object_that_comes_first_may_stand_in_a_fence():
    assert read('```json\n{"verdict": 4}\n```\nIt is right.', "first").value == 4.0
    assert read('It is\n```json\n{"verdict": 4}\n```\nright.', "first").problem == "unparsed"
