"""Rows asked about in their own language: rubrics, what is read of answers, and what is told."""

import numpy as np
import pytest
from _answering import Answering

from tamis.data.read import read
from tamis.errors import UserError
from tamis.judging.prompt_language import Spoken, told
from tamis.judging.rubric_files import Rubric, checked, spoken
from tamis.judging.rubrics import frame, framed, known, rubric
from tamis.judging.verdict import Read, heard, verdict
from tamis.run.session import Run

TRANSLATED = [name for name in known() if rubric(name).translations]
LANGUAGES = {"zh", "fr", "es", "de"}
OWN = """
ask = "Rate {answer}."
verdict = "label"
labels = ["good", "bad"]
word = "Verdict"
[zh]
ask = "请评价 {answer}。"
labels = ["好", "差"]
word = "结论"
"""


def keys(table):
    return {
        (name, inner) for name, part in table.items() if isinstance(part, dict) for inner in part
    }


def test_sentences_in_other_languages_are_complete():
    assert framed() == LANGUAGES
    shared = {"last", "first", "again"}
    english = {key for key in keys(frame()) if key[0] in shared}
    for code in framed():
        assert {key for key in keys(frame(code)) if key[0] in shared} == english
        assert all("{code}" in frame(code)[name] for name in ("notice", "begins", "ends"))


@pytest.mark.parametrize("name", TRANSLATED)
def test_translations_of_the_package_are_of_all_languages_and_read_their_examples(name):
    about = rubric(name)
    assert set(about.translations) == LANGUAGES
    for code in LANGUAGES:
        said = spoken(about, code)
        found = [heard(example, about, None, said).value for example in said.examples]
        assert found == [verdict(example, about).value for example in about.examples]


def test_rubrics_that_a_row_is_asked_about_by_itself_are_translated():
    assert TRANSLATED == [
        *("alpagasus", "alpagasus_first", "bare_tags", "humpback", "lift_rating", "open_tags"),
        *("rubric", "tegit", "tree_nodes", "wavecoder"),
    ]


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("理由。\n评分：４.５分", "zh", 4.5),
        ("理由。\nScore: 4", "zh", 4.0),
        ("Juste.\nNote : 4,5/5", "fr", 4.5),
        ("Bien.\nNota: 4 de 5", "es", 4.0),
        ("Gut.\n**Bewertung: 4,5 Punkte**", "de", 4.5),
    ],
)
def test_numbers_as_each_language_writes_them(text, language, value):
    about = rubric("alpagasus")
    assert heard(text, about, None, spoken(about, language)) == Read(value)


def test_a_decimal_comma_is_no_number_in_english():
    assert verdict("Good.\nScore: 4,5", rubric("alpagasus")).problem == "unparsed"


@pytest.mark.parametrize("word", ["是", "oui", "sí", "ja", "да", "Yes"])
def test_yes(word):
    assert (
        verdict(f"x\n结论：{word}", Rubric(ask="x", verdict="yes_no", word="Verdict")).value is True
    )


@pytest.mark.parametrize("word", ["否", "non", "no", "nein", "нет"])
def test_no(word):
    found = verdict(f"x\nVerdict: {word}", Rubric(ask="x", verdict="yes_no", word="Verdict"))
    assert found.value is False


def test_rules_are_ticked_in_chinese():
    about = Rubric(ask="x", verdict="rules", word="Verdict", language="zh")
    assert verdict("1：是，清楚\n第2条：否，太长\n结论：否", about, 2) == Read(
        (False, {1: True, 2: False})
    )


def test_a_label_is_the_rubrics_own():
    about = checked(OWN, "mine.toml")
    assert heard("x\n结论：差", about, None, spoken(about, "zh")) == Read("bad")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[zh]", "[cn]", "no language"),
        ('["好", "差"]', '["好"]', "labels are as many"),
        ("请评价 {answer}。", "请评价。", "other parts of the row"),
        ("[zh]", '[zh]\nsystem = "x"', "system is translated where"),
    ],
)
def test_a_broken_translation_is_told(old, new, message):
    with pytest.raises(UserError, match=message):
        checked(OWN.replace(old, new), "mine.toml")


def test_rows_are_counted_by_the_language_they_were_asked_in():
    found = told(Spoken("en", {"en", "zh"}), ["zh", "fr", "en", "unknown"])
    assert found == {"asked_in": {"en": 3, "zh": 1}, "without_translation": 2}


def test_each_row_is_asked_in_its_language_and_the_log_says_so(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"instruction": "请介绍一下三原色。", "output": "三原色是红色、蓝色和黄色。"}\n'
        '{"instruction": "What are the three colours?", "output": "They are red and blue."}\n',
        "utf-8",
    )
    judge = Answering(lambda q: "好。\n评分：4" if "准确性" in q.messages[-1][1] else "x\nScore: 2")
    run = Run(store=str(tmp_path / "store"), judge=judge)
    pool = run.score(read([str(path)]), ["alpagasus(prompt_language=row)"])
    np.testing.assert_array_equal(pool.scores("alpagasus(prompt_language=row)"), [4.0, 2.0])
    (step,) = [one for one in run.log if "alpagasus" in one.get("score", "")]
    assert step["asked_in"] == {"zh": 1, "en": 1}
    assert step["without_translation"] == 0
