"""Files of answers: AlpacaEval's form, prompts in turns, FastChat's files, and what failed."""

import json

import pytest

from conftest import shared_root
from tamis.errors import UserError
from tamis.evaluation.outputs import Output, read_outputs, references, write_outputs

EVALUATION = shared_root() / "data/evaluation"


def output(text="Name a colour.", answer="Blue.", problem=None, **more):
    about = {"generator": "ours", "set": "vicuna", **more}
    return Output((text,), (answer,), (problem,), **about)


def in_turns(*problems):
    answers = tuple(None if problem else f"a{at}" for at, problem in enumerate(problems))
    return Output(("q0", "q1"), answers, problems, "ours", "mt", {"question_id": 81})


@pytest.mark.parametrize("name", ["outputs.json", "outputs.jsonl"])
@pytest.mark.parametrize(
    "one",
    [
        output(),
        output(answer=""),
        output(answer=None, problem="too_long"),
        output("写一首诗。", "春风 👍🏽", about={"question_id": 3, "category": "writing"}),
        in_turns(None, None),
        in_turns(None, "too_long"),
        in_turns("too_long", "earlier_turn"),
    ],
)
def test_what_is_written_is_read_again(tmp_path, name, one):
    write_outputs([one], tmp_path / name)
    assert read_outputs(tmp_path / name) == [one]


def test_the_file_has_alpaca_evals_four_fields(tmp_path):
    write_outputs([output()], tmp_path / "outputs.json")
    (record,) = json.loads((tmp_path / "outputs.json").read_text())
    assert record == {
        "instruction": "Name a colour.",
        "output": "Blue.",
        "generator": "ours",
        "dataset": "vicuna",
    }


def test_an_answer_that_failed_is_null_and_says_why(tmp_path):
    write_outputs([output(answer=None, problem="too_long")], tmp_path / "outputs.json")
    (record,) = json.loads((tmp_path / "outputs.json").read_text())
    assert (record["output"], record["problem"]) == (None, "too_long")


def test_any_file_with_instruction_and_output_can_be_read(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([{"instruction": "Add.", "input": "1 2", "output": "3"}]))
    assert read_outputs(path) == [Output(("Add.\n\n1 2",), ("3",), (None,), "mine", "mine")]


def test_a_prompt_without_an_answer_has_a_problem(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"question_id": 1, "turns": ["a", "b"]}\n')
    (one,) = read_outputs(path)
    assert (one.questions, one.answers) == (("a", "b"), (None, None))
    assert one.problems == ("no_answer", "no_answer")


def test_a_conversation_ends_with_its_answer():
    talk = [("user", "Hi"), ("assistant", "Hello."), ("user", "Bye"), ("assistant", "Goodbye.")]
    record = {"messages": [{"role": role, "content": text} for role, text in talk]}
    (one,) = read_outputs([record])
    assert one.questions == ("user: Hi\n\nassistant: Hello.\n\nuser: Bye",)
    assert one.answers == ("Goodbye.",)


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "question.jsonl"
    lines = ['{"question_id": 1, "turns": ["a", "b"]}', '{"question_id": 2, "turns": ["c"]}']
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "model.jsonl"
    choice = {"index": 0, "turns": ["x", "y"]}
    path.write_text(json.dumps({"question_id": 1, "model_id": "m", "choices": [choice]}))
    return path


def test_fastchats_answers_get_their_questions(questions, answers):
    (one,) = read_outputs(answers, read_outputs(questions))
    assert (one.questions, one.answers, one.generator) == (("a", "b"), ("x", "y"), "m")


def test_fastchats_answers_without_questions_say_what_is_missing(answers):
    with pytest.raises(UserError, match=r"none with the id 1: name .* --questions FILE"):
        read_outputs(answers)


def test_a_turn_without_an_answer_in_fastchats_file_is_a_problem(questions, tmp_path):
    path = tmp_path / "short.jsonl"
    record = {"question_id": 1, "model_id": "m", "choices": [{"turns": ["x"]}]}
    path.write_text(json.dumps(record))
    (one,) = read_outputs(path, read_outputs(questions))
    assert one.problems == (None, "no_answer")


def test_references_are_found_by_question_id(answers):
    assert references(answers) == {"1": ("x", "y")}


def test_outputs_can_be_references(tmp_path):
    write_outputs([in_turns(None, None)], tmp_path / "outputs.json")
    assert references(tmp_path / "outputs.json") == {"81": ("a0", "a1")}


def test_a_file_without_ids_is_no_reference(tmp_path):
    write_outputs([output()], tmp_path / "outputs.json")
    with pytest.raises(UserError, match="no answer with a question_id"):
        references(tmp_path / "outputs.json")


PROMPTS = {
    "test_prompts/vicuna_test_set.jsonl": 80,
    "test_prompts/koala_test_set.jsonl": 180,
    "test_prompts/wizardlm_test_set.jsonl": 218,
    "test_prompts/sinstruct_test_set.jsonl": 252,
    "test_prompts/lima_test_set.jsonl": 300,
    "mt_bench/question.jsonl": 80,
}


@pytest.mark.skipif(not EVALUATION.exists(), reason="shared/data/evaluation is absent")
@pytest.mark.parametrize("name", PROMPTS)
def test_the_prompt_sets_of_the_literature_are_read(name):
    found = read_outputs(EVALUATION / name)
    assert len(found) == PROMPTS[name]
    assert all(text.strip() for one in found for text in one.questions)


@pytest.mark.skipif(not EVALUATION.exists(), reason="shared/data/evaluation is absent")
def test_published_outputs_of_alpaca_eval_are_read():
    found = read_outputs(EVALUATION / "alpaca_eval/results/alpaca-7b/model_outputs.json")
    assert len(found) == 805
    assert {one.generator for one in found} == {"alpaca-7b"}
    assert {one.problem for one in found} == {None}


@pytest.mark.skipif(not EVALUATION.exists(), reason="shared/data/evaluation is absent")
def test_published_answers_to_the_vicuna_questions_are_read():
    questions = read_outputs(EVALUATION / "vicuna_blog/question.jsonl")
    found = read_outputs(EVALUATION / "vicuna_blog/answer/answer_bard.jsonl", questions)
    assert len(found) == 80
    assert found[0].questions == questions[0].questions
