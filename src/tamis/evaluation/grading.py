"""Answers graded one by one, in MT-Bench's sense: 1 to 10, turn by turn.

Formula: a model's grade is the mean over all turns that have one; each turn and each category have
their own mean. 95 % intervals are value -+ t x standard error, in which prompts are independent of
each other and the turns of one prompt are not.
MT-Bench (arXiv:2306.05685, github.com/lm-sys/FastChat): 80 questions of two turns in 8 categories,
temperature 0, the second turn graded after the first one is shown; math, reasoning and coding with
GPT-4's reference answers. Its code writes -1 for a reply without a rating, and averages what is not
-1; turns without an answer it grades too.
Here a turn is graded by the rubric `grade`, or `grade_reference` where there is a reference for the
question's id. A reply that cannot be read is asked for once more; what fails then, and a turn
without an answer, has no grade and is counted by its reason. Words are our own, so figures are not
those of MT-Bench's boards, and figures of two judges are not comparable.
Oracle: means by hand; equal sums by prompt give the interval of a mean of prompts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.evaluation.judgments import prompt_id
from tamis.evaluation.outputs import Output
from tamis.intervals import Interval, symmetric
from tamis.judging.rows import asked, only
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import question, rubric, stated
from tamis.judging.verdict import Read
from tamis.protocols import Judge, Question

REFERENCE = "field:reference answer"
NO_CATEGORY = "(none)"


@dataclass(frozen=True, slots=True)
class Grade:
    """What a judge says of one turn; without a score `problem` says why."""

    set: str
    id: str
    turn: int  # from 1
    generator: str
    judge: str
    category: str = ""
    reference: bool = False  # whether the judge saw a reference answer
    score: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean grade of a part of the turns, and what has none, by reason."""

    part: str
    prompts: int
    graded: int
    grade: Interval
    failed: Mapping[str, int]

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        counts = {"prompts": self.prompts, "graded": self.graded, "failed": dict(self.failed)}
        return {"part": self.part, **counts, "grade": self.grade.told()}


@dataclass(frozen=True, slots=True)
class Graded:
    """One model by one judge: all turns, each turn, and each category."""

    generator: str
    judge: str
    total: Mean
    turns: tuple[Mean, ...]
    categories: tuple[Mean, ...]

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "generator": self.generator,
            "judge": self.judge,
            "total": self.total.told(),
            "turns": [one.told() for one in self.turns],
            "categories": [one.told() for one in self.categories],
        }


def rubrics(plain: str = "grade", with_reference: str = "grade_reference") -> tuple[Rubric, Rubric]:
    """The two rubrics of these names or files, if they grade an answer."""
    found = []
    for given, marks in ((plain, ()), (with_reference, (REFERENCE,))):
        about = only(rubric(stated(given)), "number", "integer")
        wanted = ("question", "answer", *marks)
        if set(about.marks) != set(wanted):
            shown = ", ".join(f"{{{mark}}}" for mark in wanted)
            raise UserError(f"a rubric that grades has the marks {shown} here")
        found.append(about)
    return found[0], found[1]


def grades(
    outputs: Sequence[Output],
    judge: Judge,
    references: Mapping[str, Sequence[str]] | None = None,
    by: tuple[Rubric, Rubric] | None = None,
) -> list[Grade]:
    """A grade for each turn of each output, in their order.

    `references` are answers by question_id, one a turn.
    """
    by = by or rubrics()
    seen: Counter[str] = Counter()
    empty: list[Grade] = []
    questions: list[tuple[Question, bool] | None] = []
    for output in outputs:
        text = prompt_id("\x00".join(output.questions))
        seen[text] += 1
        name = text if seen[text] == 1 else f"{text}-{seen[text]}"
        for turn in range(len(output.questions)):
            reference = _reference(output, turn, references or {})
            compared = reference is not None
            empty.append(_empty(output, turn, name, judge.id, compared))
            shown = None
            if output.answers[turn] is not None:
                shown = _shown(output, turn, reference, by[compared]), compared
            questions.append(shown)
    reads = _read(judge, [one for one in questions if one], by)
    return [
        one if sent is None else _with(one, next(reads))
        for one, sent in zip(empty, questions, strict=True)
    ]


def _read(
    judge: Judge, sent: Sequence[tuple[Question, bool]], by: tuple[Rubric, Rubric]
) -> Iterator[Read]:
    """The verdicts in the order of the questions; a question has one of two rubrics."""
    found: dict[int, Read] = {}
    for reference, about in zip((False, True), by, strict=True):
        places = [at for at, (_, compared) in enumerate(sent) if compared == reference]
        told = asked(judge, [sent[at][0] for at in places], about)
        found.update(zip(places, told, strict=True))
    return (found[at] for at in range(len(sent)))


def _reference(output: Output, turn: int, references: Mapping[str, Sequence[str]]) -> str | None:
    """The reference answer to a turn, if there is one that says something."""
    found = references.get(str(output.about.get("question_id", "")), ())
    return found[turn] if turn < len(found) and found[turn].strip() else None


def _empty(output: Output, turn: int, name: str, judge: str, reference: bool) -> Grade:
    """A grade that is still to come, with the reason why none may come."""
    category = str(output.about.get("category") or "")
    problem = output.problems[turn]
    return Grade(
        output.set, name, turn + 1, output.generator, judge, category, reference, None, problem
    )


def _with(one: Grade, read: Read) -> Grade:
    score = None if read.problem else float(read.value)
    about = (one.set, one.id, one.turn, one.generator, one.judge, one.category, one.reference)
    return Grade(*about, score, read.problem)


def _shown(output: Output, turn: int, reference: str | None, about: Rubric) -> Question:
    """The question about one turn, after all that was said before it."""
    texts = {"question": _before(output, turn), "answer": output.answers[turn] or ""}
    if reference is not None:
        texts[REFERENCE] = reference
    return question(about, {mark: texts[mark] for mark in about.marks})


def _before(output: Output, turn: int) -> str:
    """A single question as it is, a later one with the turns before it."""
    if not turn:
        return output.questions[0]
    parts = []
    for at in range(turn):
        parts += [f"user: {output.questions[at]}", f"assistant: {output.answers[at] or ''}"]
    return "\n\n".join([*parts, f"user: {output.questions[turn]}"])


def graded(given: Iterable[Grade]) -> list[Graded]:
    """The means of each model by each judge, in the order in which they come."""
    sides: dict[tuple[str, str], list[Grade]] = {}
    for one in given:
        sides.setdefault((one.generator, one.judge), []).append(one)
    return [_graded(*side, rows) for side, rows in sides.items()]


def _graded(generator: str, judge: str, rows: Sequence[Grade]) -> Graded:
    turns = sorted({row.turn for row in rows})
    categories = sorted({row.category for row in rows})
    return Graded(
        generator,
        judge,
        mean("all", rows),
        tuple(mean(f"turn {at}", [r for r in rows if r.turn == at]) for at in turns),
        tuple(mean(c or NO_CATEGORY, [r for r in rows if r.category == c]) for c in categories),
    )


def mean(part: str, rows: Sequence[Grade]) -> Mean:
    """The mean of those rows that have a grade; prompts are drawn whole."""
    failed = Counter(row.problem for row in rows if row.problem)
    there = [row for row in rows if row.score is not None]
    prompts = len({(row.set, row.id) for row in rows})
    if not there:
        return Mean(part, prompts, 0, Interval(nan), dict(failed.most_common()))
    names = {key: at for at, key in enumerate(dict.fromkeys((r.set, r.id) for r in there))}
    at = np.array([names[row.set, row.id] for row in there])
    scores = np.array([row.score for row in there], np.float64)
    value = float(scores.mean())
    sums = np.bincount(at, weights=scores - value)
    influence = sums * len(names) / len(scores)
    grade = symmetric(value, influence) if len(names) > 1 else Interval(value)
    return Mean(part, prompts, len(there), grade, dict(failed.most_common()))


def write(path: str | Path, given: Iterable[Grade]) -> None:
    """Writes grades as JSON lines, the whole file or none of it."""
    from tamis.data.turns import scrubbed
    from tamis.data.write import write_records

    names = Grade.__slots__
    records = ({name: getattr(one, name) for name in names} for one in given)
    write_records(map(scrubbed, records), Path(path))
