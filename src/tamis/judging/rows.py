"""What a judge says of rows by a rubric: what it is shown, and one verdict or reason for each row.

A row is shown as what was asked, everything before the last answer, and that answer. A conversation
of several turns, or with tools, is written out turn by turn. An answer without a verdict is asked
for once more, with what the judge said before it; then the row is `unparsed`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import AfterValidator

from tamis.errors import UserError
from tamis.judging.rubric_files import Rubric, spoken
from tamis.judging.rubrics import (
    examples,
    frame,
    in_words,
    open_marks,
    question,
    rubric,
    scale,
    stated,
    unfilled,
)
from tamis.judging.verdict import Read, heard, verdict
from tamis.protocols import Answer, Judge, Question
from tamis.templates import said
from tamis.types import Batch, Column, masks

Texts = Mapping[str, str]
"""The texts of a row by the names of a rubric's marks."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One verdict a row, None where `problems` has the reason."""

    values: Sequence[Any]
    problems: Sequence[str | None]

    def floats(self) -> Column:
        """Numbers, and yes as 1 and no as 0."""
        numbers = [np.nan if value is None else float(value) for value in self.values]
        return Column.floats(np.array(numbers, np.float64), **masks(self.problems))

    def strings(self) -> Column:
        """Labels."""
        return Column.strings(list(self.values), **masks(self.problems))

    def tags(self) -> Column:
        """Lists of strings."""
        return Column.tags([value or [] for value in self.values], **masks(self.problems))


def judged(
    batch: Batch,
    judge: Judge,
    about: Rubric,
    parameters: Mapping[str, str] | None = None,
    count: int | None = None,
    fields: Mapping[str, str] | None = None,
    languages: Sequence[str] | None = None,
) -> Verdicts:
    """The verdicts on the rows of a batch, each asked about by itself.

    `count` is how many numbers a verdict of the kind `numbers` has; `fields` are the row's names of
    the fields that the rubric quotes, where they differ. `languages` are those of the rows, where
    each is asked about in its own; without them all are, as the rubric is written.
    """
    texts, problems = shown(batch, about, fields)
    parameters = {**({} if count is None else {"count": str(count)}), **(parameters or {})}
    there = [row for row, problem in enumerate(problems) if problem is None]
    said = [in_language_of(row, about, languages) for row in there]
    questions = [
        question(one, texts[row], {k: in_words(one.language, v) for k, v in parameters.items()})
        for row, one in zip(there, said, strict=True)
    ]
    found = asked(judge, questions, about, count, said)
    values: list[Any] = [None] * len(batch)
    for row, read in zip(there, found, strict=True):
        values[row], problems[row] = read.value, read.problem
    return Verdicts(values, problems)


def in_language_of(row: int, about: Rubric, languages: Sequence[str] | None) -> Rubric:
    """The rubric as a row of a batch is asked about."""
    return about if languages is None else spoken(about, languages[row])


def asked(
    judge: Judge,
    questions: Sequence[Question],
    about: Rubric,
    count: int | Sequence[int] | None = None,
    said: Sequence[Rubric] | None = None,
) -> list[Read]:
    """The verdict on each question; one that cannot be read is asked for once more.

    `count` is how many numbers a verdict has: the same for all, or one for each question. `said`
    is the rubric as each question has it, where they are in several languages.
    """
    counts = list(count) if isinstance(count, Sequence) else [count] * len(questions)
    spoken_as = list(said) if said is not None else [about] * len(questions)
    answers = judge.ask(questions) if questions else []
    found = [
        read_answer(answer, about, number, one)
        for answer, number, one in zip(answers, counts, spoken_as, strict=True)
    ]
    lost = [at for at, read in enumerate(found) if read.problem == "unparsed"]
    again = [_once_more(questions[at], answers[at].text, spoken_as[at]) for at in lost]
    for at, answer in zip(lost, judge.ask(again) if again else (), strict=True):
        found[at] = read_answer(answer, about, counts[at], spoken_as[at])
    return found


def read_answer(
    answer: Answer, about: Rubric, count: int | None = None, said: Rubric | None = None
) -> Read:
    """The verdict in an answer; one that was cut off may still hold it where it comes first."""
    if answer.problem is None:
        return heard(answer.text, about, count, said)
    if answer.problem == "cut_off" and about.line == "first":
        whole_lines = answer.text.rpartition("\n")[0]  # of "4.5", "4." may be all that came
        read = heard(whole_lines, about, count, said)
        if read.problem is None:
            return read
    return Read(problem=answer.problem)


def _once_more(before: Question, answer: str, about: Rubric) -> Question:
    said_then = ("assistant", answer or "(nothing)")
    kind = "tags" if about.verdict == "explained_tags" else about.verdict
    again = frame(about.language)["again"]
    reminder = ("user", str(again.get(kind, again[about.line])))
    return replace(before, messages=(*before.messages, said_then, reminder))


def shown(
    batch: Batch, about: Rubric, fields: Mapping[str, str] | None = None
) -> tuple[list[Texts], list[str | None]]:
    """What of each row the rubric quotes, and why a row cannot be shown.

    `fields` are the row's names of the fields that the rubric quotes, where they differ.
    """
    table = batch.table
    columns = (table[name].to_pylist() for name in ("messages", "tools", "extra"))
    texts, problems = [], []
    for messages, tools, extra in zip(*columns, strict=True):
        found, problem = _texts(messages, tools, about.marks)
        if problem is None:
            found, problem = _with_fields(found, extra, about.marks, fields or {})
        texts.append(found)
        problems.append(problem)
    return texts, problems


def _texts(
    messages: Sequence[Mapping[str, Any]], tools: str | None, marks: Sequence[str]
) -> tuple[Texts, str | None]:
    """What a row asks and answers, as far as the marks name it, or why there is none."""
    last = max((at for at, m in enumerate(messages) if m["role"] == "assistant"), default=None)
    before = list(messages if last is None else messages[:last])
    texts = {"question": written(before, tools)}
    if "answer" in marks:
        if last is None:
            return {}, "no_answer"
        texts["answer"] = said(messages[last])
        if not texts["answer"].strip():
            return {}, "empty_answer"
    if "question" in marks and not any(said(message).strip() for message in before):
        return {}, "empty_question"
    return {mark: texts[mark] for mark in marks if mark in texts}, None


def _with_fields(
    texts: Texts, extra: str | None, marks: Sequence[str], fields: Mapping[str, str]
) -> tuple[Texts, str | None]:
    """The texts, and those of the row's other fields."""
    found = dict(texts)
    for mark in marks:
        if mark.startswith("field:"):
            name = mark.removeprefix("field:")
            found[mark] = field_of(extra, fields.get(name, name))
            if not found[mark].strip():
                return {}, "no_field"
    return found, None


def written(messages: Sequence[Mapping[str, Any]], tools: str | None) -> str:
    """What stands before an answer: a single question as it is, anything more turn by turn."""
    if len(messages) == 1 and messages[0]["role"] == "user" and not tools:
        return said(messages[0])
    parts = [f"tools: {tools}"] if tools else []
    return "\n\n".join([*parts, *(f"{m['role']}: {said(m)}" for m in messages)])


def field_of(extra: str | None, name: str) -> str:
    """Another field of the row as text; empty where it has none."""
    found = json.loads(extra).get(name) if extra else None
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    # JSON can spell half a pair of surrogates, which UTF-8 cannot hold
    return (
        "" if found is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def only(about: Rubric, *kinds: str) -> Rubric:
    """The rubric, if its verdict is of one of these kinds."""
    if about.verdict not in kinds:
        raise UserError(
            f"a rubric with a verdict of {' or '.join(kinds)} is needed here, "
            f"this one has verdict = '{about.verdict}'"
        )
    return about


def fits(*kinds: str, marks: Sequence[str] = ()) -> AfterValidator:
    """What a parameter that names a rubric is checked for, before anything is computed.

    `kinds` are the verdicts that the method can use, `marks` those that it fills itself.
    """

    def check(given: str) -> str:
        text = stated(given)
        name = "the rubric" if "\n" in given else given
        try:
            _fits(only(rubric(text), *kinds), marks)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        return text

    return AfterValidator(check)


def _fits(about: Rubric, marks: Sequence[str]) -> None:
    """UserError where a mark stays open, nothing of a row is shown, or an example is no answer.

    All of it holds for every language of the rubric.
    """
    for code in about.translations:
        try:
            _fits(spoken(about, code), marks)
        except UserError as error:
            raise UserError(f"[{code}] {error}") from None
        if set(open_marks(spoken(about, code))) != set(open_marks(about)):
            raise UserError(f"[{code}] its marks are not those of the rubric: {open_marks(about)}")
    strange = next((mark for mark in open_marks(about) if mark not in marks), None)
    if strange:
        raise UserError(unfilled(strange, dict.fromkeys([*marks, *scale(about)], "")))
    if not about.marks:
        raise UserError("it shows nothing of the row: put {question} or {answer} in ask")
    for right in examples(about):
        if verdict(right, about).problem:
            raise UserError(f"{right!r} could not be read: take another word or other labels")
    for number, example in enumerate(about.examples, 1):
        problem = verdict(example, about).problem
        if problem:
            form = "".join(f": write {right!r}" for right in examples(about)[:1])
            raise UserError(f"example {number} holds no verdict ({problem}){form}")
