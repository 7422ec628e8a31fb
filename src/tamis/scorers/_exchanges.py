"""Questions and answers of a row for models that grade one answer at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from tamis.scorers._options import Turn, turns_of
from tamis.types import Batch, Column, Floats, Ints, Mask

Graded = Literal["last", "mean", "each"]
"""Which answers of a row are graded: the last one, all with the mean of their grades, or each."""

History = Literal["last", "all"]
"""What stands for the question: what was asked last, or all that was said before the answer."""


@dataclass(frozen=True, slots=True)
class Exchanges:
    """What is graded of a batch: turns, the row of each, and rows without one by their problem."""

    rows: Ints
    turns: list[Turn]
    problems: Mapping[str, Mask]

    def column(self, values: Floats, graded: Graded, none: str) -> Column:
        """A column from a grade a turn; `none` names the problem of a grade that is NaN."""
        size = len(next(iter(self.problems.values())))
        counts = np.bincount(self.rows, minlength=size)
        sums = np.bincount(self.rows, values, minlength=size)
        problems = {**self.problems, none: np.isnan(sums)}
        if graded == "each":
            ends = np.cumsum([0, *counts]).tolist()
            return Column.series([values[a:b] for a, b in pairwise(ends)], **problems)
        return Column.floats(sums / np.maximum(counts, 1), **problems)


def exchanges(batch: Batch, graded: Graded, history: History, needed: Set[str]) -> Exchanges:
    """The turns of each row that are graded, each with what stands before it.

    A turn without one of the `needed` parts is left out; an earlier answer does not stand in for an
    empty last one. Problems: no_answer, empty_answer, empty_question.
    """
    rows: list[int] = []
    turns: list[Turn] = []
    names = ("no_answer", "empty_answer", "empty_question")
    problems = {name: np.zeros(len(batch), bool) for name in names}
    for row, messages in enumerate(batch.table["messages"].to_pylist()):
        there = answered(messages, history)
        there = there[-1:] if graded == "last" else there
        full = [turn for turn in there if all(turn[name].strip() for name in needed)]
        if not full:
            spoken = any(turn["answer"].strip() for turn in there)
            why = "empty_question" if spoken else "empty_answer" if there else "no_answer"
            problems[why][row] = True
        rows += [row] * len(full)
        turns += full
    return Exchanges(np.array(rows, np.int64), turns, problems)


def answered(messages: Sequence[Mapping[str, Any]], history: History) -> list[Turn]:
    """Questions with their answers up to the last one that was given."""
    last = max((at for at, one in enumerate(messages) if one["role"] == "assistant"), default=-1)
    turns = turns_of(messages[: last + 1]) if last >= 0 else []
    if history == "last":
        return turns
    said: list[str] = []
    found: list[Turn] = []
    for turn in turns:
        said.append(turn["question"])
        found.append({"question": "\n".join(filter(None, said)), "answer": turn["answer"]})
        said.append(turn["answer"])
    return found
