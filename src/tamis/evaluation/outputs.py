"""What models answered to prompts: made here, and read and written in AlpacaEval's form.

A file is a JSON list (or JSON lines) of objects with instruction, output, generator and dataset, as
AlpacaEval's model_outputs.json has them (github.com/tatsu-lab/alpaca_eval), so either side can be
used with its tools. A prompt of several turns (MT-Bench's have two) has `questions` and `outputs`
besides, one a turn; instruction and output are then the first ones. An answer that failed is null,
and `problem` says why; `problems` does so turn by turn. question_id and category are carried along.
What is read may be anything that `read` takes with an instruction and an answer, and FastChat's
answers (question_id with choices, or with a text), which need the file of questions beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tamis.errors import UserError
from tamis.evaluation.fastchat import records_of, said
from tamis.judging.rows import written
from tamis.scorers._open_questions import asked_of

CARRIED = ("question_id", "category")


@dataclass(frozen=True, slots=True)
class Output:
    """A model's answers to one prompt, one a turn; where one is None, `problems` says why.

    `questions` are texts: the first one holds all that stands before the first answer.
    """

    questions: tuple[str, ...]
    answers: tuple[str | None, ...]
    problems: tuple[str | None, ...]
    generator: str
    set: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)  # what CARRIED names

    @property
    def instruction(self) -> str:
        return self.questions[0]

    @property
    def problem(self) -> str | None:
        """The first problem of its turns."""
        return next((problem for problem in self.problems if problem), None)


def set_name(path: str) -> str:
    """What a set of prompts is called: its file without endings."""
    return Path(path).name.split(".")[0] if not path.startswith("<") else ""


def write_outputs(outputs: Iterable[Output], path: str | Path) -> None:
    """Writes answers as a JSON list, or as JSON lines where the file's name says so."""
    from tamis.data.turns import scrubbed
    from tamis.data.write import made_folder, replacing, write_records

    records, path = [scrubbed(told(one)) for one in outputs], Path(path)
    if path.suffix in (".jsonl", ".ndjson"):
        return write_records(records, path)
    made_folder(path.parent)
    with replacing(path) as part:
        text = json.dumps(records, indent=2, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")
    return None


def told(one: Output) -> dict[str, Any]:
    """An output as the file has it."""
    found: dict[str, Any] = {
        "instruction": one.instruction,
        "output": one.answers[0],
        "generator": one.generator,
        "dataset": one.set,
        **one.about,
    }
    if len(one.questions) > 1:
        found |= {"questions": list(one.questions), "outputs": list(one.answers)}
        return {**found, "problems": list(one.problems)} if one.problem else found
    return {**found, "problem": one.problem} if one.problem else found


def read_outputs(source: Any, questions: Sequence[Output] = ()) -> list[Output]:
    """The answers in a file, or what else `read` takes.

    `questions` are prompts by their question_id, for FastChat's files of answers alone.
    """
    from tamis.data.read import read
    from tamis.types import Dataset

    listed = records_of(source) if isinstance(source, str | Path) else None
    if listed is not None:
        return _with_questions(listed, questions, str(source))
    data = source if isinstance(source, Dataset) else read(source)
    sets = [set_name(one.path) for one in data.sources]
    rows = data.table.select(["messages", "tools", "extra", "source"]).to_pylist()
    return [_from_row(row, sets[row["source"]]) for row in rows]


def _from_row(row: Mapping[str, Any], name: str) -> Output:
    """A row's question and its own last answer; of a prompt in turns, all that the file has."""
    extra = json.loads(row["extra"]) if row["extra"] else {}
    before, last = row["messages"], None
    if before[-1]["role"] == "assistant":
        before, last = asked_of(before)
    generator, known = str(extra.get("generator") or name), str(extra.get("dataset") or name)
    about = {name: extra[name] for name in CARRIED if name in extra}
    questions: tuple[str, ...] = (written(before, row["tools"]),)
    answers: tuple[str | None, ...] = (None if last is None else str(last["content"] or ""),)
    given = [extra.get("problem")]
    if _in_turns(extra):
        questions, answers = tuple(extra["questions"]), tuple(extra["outputs"])
        given = extra.get("problems") or [None] * len(answers)
    elif last is None and all(turn["role"] == "user" for turn in before):
        questions = tuple(str(turn["content"] or "") for turn in before)
        answers, given = (None,) * len(questions), given * len(questions)
    answers = tuple(None if p else a for a, p in zip(answers, given, strict=True))
    return Output(questions, answers, _problems(answers, given), generator, known, about)


def _in_turns(extra: Mapping[str, Any]) -> bool:
    """Whether a record has questions and outputs turn by turn."""
    questions, outputs = extra.get("questions"), extra.get("outputs")
    both = isinstance(questions, list) and isinstance(outputs, list)
    return both and 0 < len(questions or ()) == len(outputs or ())


def _problems(answers: Sequence[str | None], given: Sequence[Any] = ()) -> tuple[str | None, ...]:
    """Why answers are missing, by what the file says of it."""
    pairs = zip(answers, [*given, *[None] * (len(answers) - len(given))], strict=True)
    return tuple(None if answer is not None else str(p or "no_answer") for answer, p in pairs)


def _with_questions(
    records: Sequence[Mapping[str, Any]], questions: Sequence[Output], path: str
) -> list[Output]:
    """FastChat's answers with the questions that have their ids."""
    known = {str(one.about["question_id"]): one for one in questions if "question_id" in one.about}
    missing = [str(r["question_id"]) for r in records if str(r["question_id"]) not in known]
    if missing:
        raise UserError(
            f"{path} holds answers without their questions, and there is none with the id "
            f"{missing[0]}: name the file of questions with --questions FILE"
        )
    found = []
    for record in records:
        prompt = known[str(record["question_id"])]
        answers = (*said(record), *[None] * len(prompt.questions))[: len(prompt.questions)]
        problems = _problems(answers)
        generator = str(record.get("model_id") or set_name(path))
        found.append(
            Output(prompt.questions, answers, problems, generator, prompt.set, prompt.about)
        )
    return found


def references(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Reference answers by question_id, out of FastChat's file or one of outputs."""
    listed = records_of(path)
    if listed is not None:
        return {str(record["question_id"]): said(record) for record in listed}
    found = {
        str(one.about["question_id"]): tuple(answer or "" for answer in one.answers)
        for one in read_outputs(path)
        if "question_id" in one.about and not one.problem
    }
    if not found:
        raise UserError(f"{path} holds no answer with a question_id: it cannot be a reference")
    return found
