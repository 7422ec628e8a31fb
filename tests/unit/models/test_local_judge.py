"""A language model in this process as a judge; stand-ins say what it writes, one test is real."""

from collections.abc import Sequence

import numpy as np
import pytest
from _judging import question, questions

from tamis.errors import UserError
from tamis.models import named_judge
from tamis.models.asking import Asking
from tamis.models.fake import FakeLikelihood
from tamis.models.local_judge import LocalJudge
from tamis.protocols import Judge, Question
from tamis.templates import Piece


class Writer(FakeLikelihood):
    """The fake model, which writes what it is told and notes what it was given."""

    def __init__(self, text="Rating: 4", refuses=(), context=512) -> None:
        super().__init__(context=context)
        object.__setattr__(self, "said", text)
        object.__setattr__(self, "refuses", refuses)
        object.__setattr__(self, "prompts", [])

    def generate(self, prompts: Sequence, tokens: int) -> list:
        self.prompts.extend(self.decode(prompt) for prompt in prompts)
        ids = np.frombuffer(self.said.encode(), np.uint8).astype(np.int64)
        return [ids[:tokens] for _ in prompts]

    def decode(self, ids) -> str:
        return bytes(int(token) for token in ids if token < 256).decode()

    def chat(self, messages, tools) -> list[Piece]:
        if any(turn["role"] in self.refuses for turn in messages):
            return []
        return super().chat(messages, tools)


def judge(folder, lm, **asking):
    return LocalJudge(lm, Asking(ledger=folder / "replies.sqlite", **asking))


def test_it_is_a_judge(tmp_path):
    assert isinstance(judge(tmp_path, Writer()), Judge)


def test_it_is_asked_through_its_template(tmp_path):
    lm = Writer()
    asked = Question((("system", "Rate."), ("user", "It.")))
    (answer,) = judge(tmp_path, lm).ask([asked])
    assert (answer.text, answer.problem) == ("Rating: 4", None)
    assert lm.prompts == ["<|system|>\nRate.\n<|user|>\nIt.\n<|assistant|>\n"]


def test_earlier_answers_are_part_of_the_question(tmp_path):
    lm = Writer()
    asked = Question((("user", "A"), ("assistant", "B"), ("user", "C")))
    judge(tmp_path, lm).ask([asked])
    (prompt,) = lm.prompts
    assert prompt.startswith("<|user|>\nA\n<|assistant|>\nB")
    assert prompt.endswith("<|user|>\nC\n<|assistant|>\n")


def test_a_template_without_a_system_turn_gets_it_in_the_question(tmp_path):
    lm = Writer(refuses=("system",))
    judge(tmp_path, lm).ask([Question((("system", "Rate."), ("user", "It.")))])
    assert lm.prompts == ["<|user|>\nRate.\n\nIt.\n<|assistant|>\n"]


def test_a_template_that_takes_nothing_is_named(tmp_path):
    with pytest.raises(UserError, match="takes no conversation of user"):
        judge(tmp_path, Writer(refuses=("user",))).ask([question()])


def test_answers_end_at_the_limit(tmp_path):
    one = judge(tmp_path, Writer("Rating: 4"))
    short, whole = one.ask([question(tokens=6), question(tokens=20)])
    assert (short.text, short.problem) == ("Rating", "cut_off")
    assert (whole.text, whole.problem) == ("Rating: 4", None)


def test_thinking_is_no_answer_and_has_tokens_of_its_own(tmp_path):
    lm = Writer("<think>1 or 2</think> Rating: 4")
    (cut,) = judge(tmp_path, lm).ask([question(tokens=9)])
    assert (cut.text, cut.problem) == ("", "cut_off")
    (whole,) = judge(tmp_path, lm, thinking=100).ask([question(tokens=9)])
    assert (whole.text, whole.problem) == ("Rating: 4", None)


def test_what_leaves_no_room_is_too_long(tmp_path):
    long, short = judge(tmp_path, Writer(context=100)).ask([question("x" * 90), question("x")])
    assert (long.problem, short.problem) == ("too_long", None)


def test_equal_questions_are_asked_once_and_kept(tmp_path):
    lm = Writer()
    first = judge(tmp_path, lm).ask([*questions(3), *questions(3)])
    later = judge(tmp_path, lm)
    assert later.ask(questions(3)) == first[:3] == first[3:]
    assert len(lm.prompts) == 3
    assert later.known(questions(4)) == [True, True, True, False]
    assert (later.report()["calls"], later.report()["from_ledger"]) == (0, 3)


def test_answers_of_one_round_survive_the_next(tmp_path, monkeypatch):
    lm = Writer()
    monkeypatch.setattr("tamis.models.local_judge.AT_A_TIME", 2)
    write = lm.generate

    def fails_later(prompts, tokens):
        if len(lm.prompts) >= 4:
            raise RuntimeError("killed")
        return write(prompts, tokens)

    object.__setattr__(lm, "generate", fails_later)
    one = judge(tmp_path, lm)
    with pytest.raises(RuntimeError):
        one.ask(questions(6))
    assert sum(judge(tmp_path, lm).known(questions(6))) == 4


def test_it_costs_nothing(tmp_path):
    one = judge(tmp_path, Writer())
    one.ask(questions(2))
    assert one.report()["cost"] == 0.0 and one.price.of(1000, 1000) == 0.0


def test_a_temperature_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"temperature of 0\.7 needs a judge on a server"):
        judge(tmp_path, Writer()).ask([question(temperature=0.7)])


def test_batch_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="judges on a server"):
        judge(tmp_path, Writer(), batches=str(tmp_path))


def test_the_reference_model_answers(tmp_path):
    pytest.importorskip("transformers")
    asking = Asking(ledger=tmp_path / "replies.sqlite")
    one = named_judge("reference", asking)
    answers = one.ask([question("Say yes.", tokens=8), question("Say no, twice.", tokens=8)])
    (alone,) = named_judge("reference", Asking(ledger=tmp_path / "other.sqlite")).ask(
        [question("Say yes.", tokens=8)]
    )
    assert answers[0] == alone
    assert all(answer.text or answer.problem == "cut_off" for answer in answers)
    assert one.id.startswith("reference@")
    assert one.report()["completion_tokens"] > 0
