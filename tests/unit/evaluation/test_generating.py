"""Answers generated turn by turn and kept in the store."""

import pytest
from tiny import tiny_model

from tamis.data.read import read
from tamis.evaluation.generating import generated
from tamis.models.fake import FakeLikelihood
from tamis.run.session import Run
from tamis.testing import dataset

SETTINGS = {"template": "plain", "tokens": 5}
TWO = {"question_id": 7, "category": "writing", "turns": ["First?", "Second?"]}


class Says(FakeLikelihood):
    """The fake model, which notes what it was asked and answers with its number."""

    def __init__(self, context=512):
        super().__init__(context=context)
        object.__setattr__(self, "asked", [])

    def generate(self, prompts, tokens):
        start = len(self.asked)
        self.asked.extend(self.decode(prompt) for prompt in prompts)
        return [self.encode([f"A{at}"])[0] for at in range(start, start + len(prompts))]


@pytest.fixture
def run(tmp_path):
    return Run(store=tmp_path / "store", model=Says())


def test_the_second_question_is_asked_after_the_first_generated_answer(run):
    (one,) = generated(dataset([TWO]), run, SETTINGS)
    assert run.model.asked == ["First?\n", "First?\nA0\nSecond?\n"]
    assert (one.questions, one.answers) == (("First?", "Second?"), ("A0", "A1"))


def test_prompts_of_one_and_of_two_turns_can_stand_together(run):
    found = generated(dataset([{**TWO, "turns": ["Only?"]}, TWO]), run, SETTINGS)
    assert [one.answers for one in found] == [("A0",), ("A1", "A2")]


def test_what_the_file_says_of_a_prompt_is_carried_along(run):
    (one,) = generated(dataset([TWO]), run, SETTINGS)
    assert one.about == {"question_id": 7, "category": "writing"}


def test_a_name_can_be_given(run):
    assert generated(dataset([TWO]), run, SETTINGS)[0].generator == "fake"
    assert generated(dataset([TWO]), run, SETTINGS, "ours")[0].generator == "ours"


def test_an_instruction_with_an_input_is_one_text(run):
    row = {"instruction": "Add.", "input": "1 2", "output": "3"}
    (one,) = generated(dataset([row]), run, {**SETTINGS, "template": "alpaca"})
    assert one.questions == ("Add.\n\n1 2",)
    assert "### Input:\n1 2" in run.model.asked[0]
    assert "3" not in run.model.asked[0]


def test_each_file_is_a_set_of_its_own(run, tmp_path):
    for name in ("vicuna.jsonl", "koala.jsonl"):
        (tmp_path / name).write_text('{"prompt": "Hi"}\n')
    data = read([str(tmp_path / "vicuna.jsonl"), str(tmp_path / "koala.jsonl")])
    assert [one.set for one in generated(data, run, SETTINGS)] == ["vicuna", "koala"]


def test_the_set_that_a_prompt_names_comes_first(run):
    row = {"instruction": "Hi", "output": "x", "dataset": "helpful_base"}
    assert generated(dataset([row]), run, SETTINGS)[0].set == "helpful_base"


def test_after_a_problem_no_further_turn_is_asked(run):
    (one,) = generated(dataset([{"turns": ["x" * 600, "Second?"]}]), run, SETTINGS)
    assert (one.answers, one.problems) == ((None, None), ("too_long", "earlier_turn"))


def test_a_row_without_a_question_has_a_problem(run):
    (one,) = generated(dataset([{"text": "Alone."}]), run, SETTINGS)
    assert (one.answers, one.problems) == ((None,), ("empty_question",))


def test_what_was_generated_is_not_generated_again(run):
    first = generated(dataset([TWO]), run, SETTINGS)
    count = len(run.model.asked)
    again = Run(store=run.store, model=run.model)
    assert generated(dataset([TWO]), again, SETTINGS) == first
    assert len(run.model.asked) == count


def test_a_new_prompt_is_all_that_a_longer_file_asks(run):
    generated(dataset([TWO]), run, SETTINGS)
    again = Run(store=run.store, model=run.model)
    generated(dataset([TWO, {"turns": ["New?"]}]), again, SETTINGS)
    assert run.model.asked[2:] == ["New?\n"]


def test_a_real_model_answers_two_turns(tmp_path):
    model = tiny_model(tmp_path / "tiny")
    run = Run(store=tmp_path / "store", model=str(model), dtype="float32", device="cpu")
    (one,) = generated(dataset([TWO]), run, SETTINGS)
    assert one.generator == "tiny"
    assert all(isinstance(answer, str) for answer in one.answers)
