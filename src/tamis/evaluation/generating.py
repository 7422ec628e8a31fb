"""A model's answers to prompts, turn by turn; every text is kept in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tamis.evaluation.outputs import CARRIED, Output, set_name
from tamis.judging.rows import written
from tamis.notation import Reference, parse
from tamis.scorers._open_questions import asked_of

if TYPE_CHECKING:
    from tamis.run.session import Run
    from tamis.types import Dataset

Message = Mapping[str, Any]
EARLIER = "earlier_turn"
"""The problem of a turn that was not asked because the one before it has no answer."""


@dataclass(slots=True)
class _Prompt:
    """A row as it is asked: what stands before its first open question, and the open questions."""

    before: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    besides: Mapping[str, Any]  # tools, and the input that a template keeps apart
    answers: list[str | None] = field(default_factory=list)
    problems: list[str | None] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether there is a question left to ask."""
        return len(self.answers) < len(self.questions)

    def asked(self) -> dict[str, Any]:
        """The conversation up to the next question, as a record."""
        turns = list(self.before)
        for question, answer in zip(self.questions, [*self.answers, None], strict=False):
            turns.append(question)
            if answer is not None:
                turns.append({"role": "assistant", "content": answer})
        return {"messages": turns, **self.besides}

    def hears(self, answer: str | None, problem: str | None) -> None:
        """Takes an answer; after a problem no further question is asked."""
        self.answers.append(answer)
        self.problems.append(problem)
        while problem and self.waits:
            self.answers.append(None)
            self.problems.append(EARLIER)


def generated(
    data: Dataset, run: Run, settings: Mapping[str, Any] | None = None, name: str = ""
) -> list[Output]:
    """The answers of the run's model to every row's last question, asked turn by turn.

    Several questions in a row at the end of a conversation are asked one after the other, each
    after the model's own answer to the one before. Texts are those of `generated_answer` with these
    settings, kept in the store: what was generated is not generated again.
    """
    reference = str(parse(str(Reference("generated_answer", dict(settings or {})))))
    rows = data.table.select(["messages", "tools", "extra", "source"]).to_pylist()
    prompts = [_prompt(row) for row in rows]
    while any(prompt.waits for prompt in prompts):
        _ask([prompt for prompt in prompts if prompt.waits], run, reference)
    generator = name or _model_name(run.model)
    sets = [set_name(source.path) for source in data.sources]
    return [
        _output(prompt, row, generator, sets) for prompt, row in zip(prompts, rows, strict=True)
    ]


def _ask(prompts: Sequence[_Prompt], run: Run, reference: str) -> None:
    """Asks the next question of each."""
    from tamis.data.read import read

    data = read([prompt.asked() for prompt in prompts], format="messages")
    column = run.score(data, [reference]).column(reference)
    told = zip(column.values.to_pylist(), column.problem.to_pylist(), strict=True)
    for prompt, (answer, problem) in zip(prompts, told, strict=True):
        prompt.hears(answer, problem)


def _prompt(row: Mapping[str, Any]) -> _Prompt:
    turns = [_turn(turn) for turn in row["messages"]]
    if turns and turns[-1]["role"] == "assistant":
        turns = turns[: len(asked_of(turns)[0])]
    start = len(turns)
    while start and turns[start - 1]["role"] == "user":
        start -= 1
    start = min(start, max(len(turns) - 1, 0))
    extra = json.loads(row["extra"]) if row["extra"] else {}
    besides = {name: extra[name] for name in ("input", "context") if name in extra}
    if row["tools"]:
        besides["tools"] = json.loads(row["tools"])
    return _Prompt(turns[:start], turns[start:], besides)


def _turn(turn: Message) -> dict[str, Any]:
    said = {"role": turn["role"], "content": turn["content"]}
    return {**said, "tool_calls": turn["tool_calls"]} if turn["tool_calls"] else said


def _output(prompt: _Prompt, row: Mapping[str, Any], generator: str, sets: Sequence[str]) -> Output:
    extra = json.loads(row["extra"]) if row["extra"] else {}
    questions = _questions(prompt.before, prompt.questions, row["tools"])
    return Output(
        questions,
        tuple(prompt.answers) or (None,),
        tuple(prompt.problems) or ("empty_question",),
        generator,
        str(extra.get("dataset") or sets[row["source"]]),
        {name: extra[name] for name in CARRIED if name in extra},
    )


def _questions(
    before: Sequence[Message], questions: Sequence[Message], tools: str | None
) -> tuple[str, ...]:
    """The questions as texts; the first one says what came before it."""
    first = written([*before, *questions[:1]], tools)
    return (first, *(str(turn["content"] or "") for turn in questions[1:]))


def _model_name(model: Any) -> str:
    """What a model is called in a table: the end of a path, else its name."""
    if not isinstance(model, str):
        return str(model.id)
    return Path(model).name if Path(model).is_dir() else model
