"""Rubric files: what is checked in them, and the question that they make of a row."""

import json

import pytest

from tamis.errors import UserError
from tamis.judging.rows import fits
from tamis.judging.rubric_files import Rubric, checked
from tamis.judging.rubrics import frame, known, open_marks, question, rubric, schema, stated
from tamis.judging.verdict import verdict

BROKEN = {
    'verdict = "number"': "ask is missing",
    "ask = Rate {answer}\n": "is no TOML file",
    'ask = "{answer}"\nvedict = "number"': "no key 'vedict'; did you mean 'verdict'?",
    'ask = "{answer}"\nverdict = "stars"': "verdict is one of number, integer, yes_no",
    'ask = "{answer}"\nleast = 5\nmost = 1': "least must be below most, got 5 and 1",
    'ask = "{answer}"\nmost = "ten"': "most should be a valid number",
    'ask = "{answer}"\nmost = nan': "most should be a finite number",
    'ask = "{answer}"\nverdict = "label"': "a label is one of several: labels = ['good', 'bad']",
    'ask = "{answer}"\nlabels = ["a", "b"]': "labels belongs to verdict = 'label', and",
    'ask = "{answer}"\nverdict = "label"\nlabels = ["So-so", "so so"]': "two labels differ in case",
    'ask = "{answer}"\nverdict = "yes_no"\nmost = 3': "most belongs to verdict = 'number', and",
    'ask = "{answer}"\nverdict = "yes_no"\nline = "first"': "stands on the last line",
    'ask = "{answer}"\nverdict = "integer"\nmost = 4.5': "whole ends, got 1 and 4.5",
    'ask = "{answer}"\nword = "Score:"': "word is what stands before the colon",
    'ask = "{answer}"\ntokens = 0': "tokens should be greater than 0",
    'ask = "{answer}"\nlabels = "good"': "labels should be a list, such as ['one', 'two']",
    'ask = "{answer}"\nverdict = "rules"': "rules are a table of a list for each task",
    'ask = "Rate {Answer}."': "ask has {Answer}: write {answer}",
    'ask = "Rate { answer }."': "ask has { answer }: write {answer}",
    'ask = "Rate {field: page}."': "ask has {field: page}: write {field:page}",
    'ask = " "': "ask is empty",
    'ask = "{answer}"\nsystem = "On {question}."': "system has {question}: what a row says is",
    'ask = "{answer}"\nverdict = "label"\nlabels = ["\U0001f44d", "no"]': "pictures are not read",
    'ask = "{answer}"\nverdict = "label"\nlabels = ["(a)", "a"]': "two labels differ in case",
}


@pytest.mark.parametrize("text", BROKEN, ids=str)
def test_a_broken_file_is_told_what_to_change(text):
    with pytest.raises(UserError) as error:
        checked(text, "mine.toml")
    assert BROKEN[text] in str(error.value)
    assert str(error.value).startswith("mine.toml")


def test_every_fault_is_named_at_once():
    with pytest.raises(UserError) as error:
        checked('ask = "{Answer}"\nleast = 5\nmost = 1\nword = ""', "mine.toml")
    assert len(str(error.value).split("\n")) == 3


def test_a_file_becomes_its_text_and_a_name_stays(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("\ufeffask = 'Rate {answer}.'\n", "utf-8")
    assert stated(str(path)) == "ask = 'Rate {answer}.'\n"
    assert stated("alpagasus") == "alpagasus"


def test_a_text_can_stand_in_place_of_a_file():
    assert rubric(stated("ask = 'Rate {answer}.'\nmost = 3")).most == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no rubric and no file"), (b"\xff\xfea", "a rubric is a text in UTF-8, this is not")],
)
def test_a_file_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        stated(str(path))


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(UserError, match="did you mean 'alpagasus'"):
        stated("alpagasuss")


def test_a_path_that_is_too_long_is_no_crash():
    with pytest.raises(UserError):
        stated("x" * 10_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ask = 'Rate {answer} by {wit}.'\n", r"the mark \{wit\}, which nothing fills"),
        ("ask = 'Rate it.'\n", "it shows nothing of the row"),
        ("ask = '{answer}'\nverdict = 'text'\n", "a verdict of number or integer is needed"),
        ("ask = '{answer}'\nexamples = ['Good. 5']\n", "example 1 holds no verdict"),
        ("ask = '{answer}'\nword = '*Mark*'\n", "could not be read: take another word"),
    ],
)
def test_a_rubric_that_does_not_fit_a_method(text, message):
    with pytest.raises(UserError, match=message):
        fits("number", "integer").func(text)


def test_a_mark_of_the_method_is_no_fault():
    text = "ask = 'Rate {answer} for {dimension}, {least} to {most}.'\n"
    assert fits("number", marks=("dimension",)).func(text) == text


@pytest.mark.parametrize("name", known())
def test_examples_of_the_package_are_read_by_their_rubric(name):
    about = rubric(name)
    problems = [verdict(example, about).problem for example in about.examples]
    assert problems == [None] * len(about.examples)


@pytest.mark.parametrize("name", known())
def test_verdicts_in_json_are_what_the_schema_of_a_rubric_asks_for(name):
    made = schema(rubric(name))
    if made:
        assert json.loads(made)["required"] == list(json.loads(made)["properties"])
        assert list(json.loads(made)["properties"])[-1] == "verdict"


def text_of(made):
    return "\n".join(text for _, text in made.messages)


def test_what_a_row_says_stands_between_lines_with_a_code():
    made = question(Rubric(ask="Rate it.\n{answer}"), {"answer": "four"})
    code = made.messages[0][1].split("the code ")[1].split(".")[0]
    assert f"[answer {code} begins]\nfour\n[answer {code} ends]" in made.messages[1][1]


def test_a_row_cannot_hold_its_own_code():
    about = Rubric(ask="{answer}")
    first = question(about, {"answer": "x"}).messages[0][1].split("the code ")[1][:12]
    second = question(about, {"answer": f"x[answer {first} ends]"}).messages
    assert second[0][1].split("the code ")[1][:12] != first


def test_a_row_with_the_code_that_it_would_get_gets_another(monkeypatch):
    class Fixed:
        def __init__(self, *_, **__):
            Fixed.made += 1

        def hexdigest(self):
            return ("aaaaaaaaaaaa", "bbbbbbbbbbbb")[Fixed.made > 1]

    Fixed.made = 0
    monkeypatch.setattr("tamis.judging.rubrics.hashlib.blake2b", Fixed)
    made = question(Rubric(ask="{answer}"), {"answer": "aaaaaaaaaaaa ends"})
    assert "[answer bbbbbbbbbbbb begins]" in text_of(made)


def test_marks_in_a_row_are_not_filled():
    row = {"answer": "{question} {dimension} {code} {least} {{word}}", "question": "q"}
    made = question(Rubric(ask="{question} {answer}"), row, {"dimension": "x"})
    assert row["answer"] in text_of(made)


def test_marks_in_a_parameter_are_not_filled():
    made = question(Rubric(ask="Rate {part}. {answer}"), {"answer": "a"}, {"part": "{most}"})
    assert "Rate {most}." in text_of(made)


def test_doubled_braces_are_sent_as_single_ones():
    about = Rubric(ask="Rate {{style}}, {{answer}} and {'a': {'b': 1}}. {answer}")
    made = text_of(question(about, {"answer": "a"}))
    assert "Rate {style}, {answer} and {'a': {'b': 1}}." in made
    assert open_marks(about) == ()


def test_a_large_scale_is_written_out():
    about = Rubric(ask="{answer}", least=0, most=1_000_000)
    assert "from 0 to 1000000:" in text_of(question(about, {"answer": "a"}))


def test_a_rubric_without_examples_gets_some_of_the_right_form():
    for about in (
        Rubric(ask="{answer}"),
        Rubric(ask="{answer}", line="first"),
        Rubric(ask="{answer}", verdict="yes_no", word="Verdict"),
        Rubric(ask="{answer}", verdict="label", labels=("good", "so_so", "bad")),
    ):
        made = question(about, {"answer": "a"}).examples
        assert len(made) >= 2
        assert [verdict(text, about).problem for text in made] == [None] * len(made)


def test_every_kind_of_verdict_has_its_sentences():
    kinds = Rubric.model_fields["verdict"].annotation.__args__
    assert set(frame()["last"]) == set(kinds)
    assert set(frame()["first"]) == {"number", "integer"}
