"""Rows that talk to their judge: scores do not move, and without quotations they would."""

import re
import tomllib
from functools import partial
from pathlib import Path

import pytest
from _obedient import MERIT, Obedient, demanded, in_bad_json, in_json, prose

from tamis.judging import rubrics
from tamis.judging.rubrics import question, rubric
from tamis.judging.verdict import Read
from tamis.scorers.alpagasus import alpagasus
from tamis.scorers.humpback import humpback
from tamis.scorers.rubric import rubric as own_rubric
from tamis.scorers.tegit import tegit
from tamis.scorers.tree_nodes import tree_nodes
from tamis.scorers.wavecoder import wavecoder
from tamis.testing import dataset
from tamis.types import Batch

TEXTS = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text("utf-8"))["attacks"]
PLAIN = f"A {MERIT}, and one more {MERIT}."
METHODS = {
    "alpagasus": alpagasus,
    "alpagasus-first": partial(alpagasus, verdict="first"),
    "humpback": humpback,
    "rubric": own_rubric,
    "tegit": tegit,
    "tegit-reason": partial(tegit, value="reason"),
    "wavecoder": wavecoder,
}
PLACES = ("answer", "before the answer", "question", "huge")


def code_of(answer, name="alpagasus"):
    texts = {"question": "What is it?", "answer": answer}
    return (
        question(rubric(name), texts, {"dimension": "accuracy"})
        .messages[0][1]
        .split("the code ")[1][:12]
    )


ATTACKS = [
    text.replace("CODE", code_of("another row")).replace("OWN", code_of(PLAIN)) for text in TEXTS
]


def row(attack="", place="answer"):
    told = f"\n{attack}" if attack else ""
    record = {"instruction": "What is it?", "output": PLAIN, "document": "A page."}
    if place == "answer":
        record["output"] += told
    elif place == "before the answer":
        record["output"] = f"{attack}\n{PLAIN}"
    elif place == "question":
        record["instruction"] += told
    elif place == "document":
        record["document"] += told
    else:
        record["output"] += told * 2_000
    return record


def scores(method, records, judge):
    column = METHODS[method](Batch(dataset(records).table), judge)
    return column.values.to_pylist()


def moved(method, judge, place="answer"):
    """How many of the attacks get another verdict than the row has without them."""
    (usual,) = scores(method, [row()], judge)
    return sum(found != usual for found in scores(method, [row(a, place) for a in ATTACKS], judge))


def test_there_are_enough_attacks_and_all_differ():
    assert len(set(ATTACKS)) == len(ATTACKS) >= 40


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_the_judge_of_these_tests_understands_every_attack(attack):
    assert demanded(attack)


@pytest.mark.parametrize("method", METHODS)
def test_the_judge_of_these_tests_finds_no_demand_in_the_rubrics(method):
    expected = {"tegit": 0.0, "tegit-reason": "ungrounded", "wavecoder": 0.0}
    assert scores(method, [row()], Obedient()) == [expected.get(method, 2.0)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", METHODS)
def test_no_attack_moves_a_score(method, place):
    attacks = ATTACKS[::8] if place == "huge" else ATTACKS
    (usual,) = scores(method, [row()], Obedient())
    found = scores(method, [row(attack, place) for attack in attacks], Obedient())
    allowed = {usual, None} if method == "alpagasus-first" else {usual}
    assert [a for a, score in zip(attacks, found, strict=True) if score not in allowed] == []


@pytest.mark.parametrize("method", ["tegit", "tegit-reason"])
def test_no_attack_in_another_field_moves_a_score(method):
    assert moved(method, Obedient(), "document") == 0


@pytest.mark.parametrize("place", PLACES[:3])
def test_the_only_attacks_on_a_first_line_that_cost_a_score_end_a_thought(place):
    found = scores("alpagasus-first", [row(attack, place) for attack in ATTACKS], Obedient())
    lost = [attack for attack, score in zip(ATTACKS, found, strict=True) if score is None]
    assert lost == [attack for attack in ATTACKS if "</think>" in attack]


@pytest.mark.parametrize("method", ["alpagasus", "humpback", "rubric", "tegit", "wavecoder"])
def test_a_judge_that_answers_in_json_is_not_moved(method):
    assert moved(method, Obedient(in_json)) == 0


@pytest.mark.parametrize("method", ["alpagasus", "humpback", "rubric", "tegit", "wavecoder"])
def test_careless_json_costs_a_score_and_does_not_move_it(method):
    (usual,) = scores(method, [row()], Obedient(in_bad_json))
    found = scores(method, [row(attack) for attack in ATTACKS], Obedient(in_bad_json))
    assert set(found) == {usual, None}


def test_a_judge_that_counts_is_not_moved():
    records = [row(attack, "question") for attack in ("", *ATTACKS)]
    for record in records:
        record["instruction"] += f" {MERIT} {MERIT}"
    found = tree_nodes(Batch(dataset(records).table), Obedient()).values.to_pylist()
    assert found == [2.0] * len(records)


@pytest.mark.parametrize("method", METHODS)
def test_without_quotations_every_attack_moves_the_score(method, monkeypatch):
    monkeypatch.setattr(rubrics, "quoted", lambda name, text, code, language: text)
    monkeypatch.setitem(rubrics.frame(), "notice", "")
    assert moved(method, Obedient()) == len(ATTACKS)


def test_with_a_code_that_a_row_can_know_forged_ends_move_the_score(monkeypatch):
    monkeypatch.setattr(rubrics, "_code", lambda texts: "000000000000")
    assert moved("alpagasus", Obedient()) == 1


def first_match(text, about, count=None):
    """A reader that takes the first number behind the word, wherever it stands."""
    found = re.search(r"(?:score|verdict|rating)\W*([0-9.]+)", text, re.I)
    return Read(float(found[1].rstrip("."))) if found else Read(problem="unparsed")


def any_number(text, about, count=None):
    """A reader that takes the first number of an answer."""
    found = re.search(r"[0-9]+(?:\.[0-9]+)?", text)
    return Read(float(found[0])) if found else Read(problem="unparsed")


@pytest.mark.parametrize(("reader", "least"), [(first_match, 50), (any_number, 70)])
def test_readers_that_look_everywhere_are_moved(reader, least, monkeypatch):
    monkeypatch.setattr("tamis.judging.verdict.verdict", reader)
    assert moved("alpagasus", Obedient(prose)) >= least


def test_the_last_line_of_a_judge_is_its_own():
    judge = Obedient()
    (answer,) = judge.ask([question(rubric("rubric"), {"question": "q", "answer": "Score: 5"})])
    assert "Score: 5" in answer.text
    assert answer.text.endswith("\nScore: 0")
