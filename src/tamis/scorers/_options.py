"""Ratings that a language model gives without writing: the probabilities of the digits that could
come next. Each rating must be one token where it stands, which is checked and never assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from tamis.choices import choices, level, normalised
from tamis.errors import UserError
from tamis.passages import missing_start, opening
from tamis.protocols import Likelihood, Passage
from tamis.scorers._passages import AT_A_TIME
from tamis.scorers._prompts import Prompt, cut, shown
from tamis.templates import TEMPLATES, render, said
from tamis.types import Batch, Column, Floats, Ints, Mask

Wrapping = Literal["none", "alpaca", "vicuna", "tulu", "chat"]
"""What a prompt is put into: nothing, or a template in which it is the user's turn."""

Together = Literal["sum", "mean", "each"]
"""A row's score from those of its turns: their sum, their mean, or all of them as a series."""

Parts = Literal["both", "shown"]
"""Which turns are rated: those with a question and an answer, or with what the prompts show."""

Turn = Mapping[str, str]
"""A question and its answer by these names."""


@dataclass(frozen=True, slots=True)
class Rating:
    """How rows are shown to the model and on which scale it rates them.

    Args:
        most: the highest rating; the lowest is 1
        template: what the prompt is put into
        max_length: tokens of the prompt, at most the model's context
        start: begin with the model's start token
        parts: which turns are rated
    """

    most: int = 5
    template: Wrapping = "none"
    max_length: int = 2048
    start: bool = True
    parts: Parts = "both"


@dataclass(frozen=True, slots=True)
class Rated:
    """Turns of a batch with their ratings.

    `rows` says where each turn comes from, `chances` are shaped (turns, prompts, ratings), and
    `problems` are masks of the batch's rows.
    """

    rows: Ints
    chances: Floats
    problems: Mapping[str, Mask]

    @property
    def counts(self) -> Ints:
        """Rated turns of each row."""
        size = len(next(iter(self.problems.values())))
        return np.bincount(self.rows, minlength=size).astype(np.int64)

    def column(self, values: Floats, turns: Together) -> Column:
        """A column from a value a turn."""
        sums = np.bincount(self.rows, values, minlength=len(self.counts))
        problems = {**self.problems, "undefined": ~np.isfinite(sums)}
        if turns == "each":
            ends = np.cumsum([0, *self.counts]).tolist()
            return Column.series([values[a:b] for a, b in pairwise(ends)], **problems)
        return Column.floats(
            sums / np.maximum(self.counts, 1) if turns == "mean" else sums, **problems
        )


@dataclass(frozen=True, slots=True)
class Translated:
    """Prompts by language, and the language of each row of a batch."""

    prompts: Mapping[str, Sequence[str]]
    languages: Sequence[str]


def rated(
    batch: Batch,
    lm: Likelihood,
    prompts: Sequence[str],
    rating: Rating,
    translated: Translated | None = None,
) -> Rated:
    """The probabilities of the ratings of each turn by each prompt, in its row's language if told.

    A question or answer too long for `max_length` is cut at its end, the longer of the two first.
    A turn without a question or an answer is left out, with parts=shown only one without a part
    that the prompts show. So columns of a row hold the same turns, whatever their prompts show.
    Problems: no_answer, empty_answer, empty_question, where that leaves nothing of the row.
    """
    if rating.most < 2:
        raise UserError(f"a scale needs at least 2 ratings, got {rating.most}")
    cuts = [cut(prompt, rating.most) for prompt in prompts]
    told, codes = (translated.prompts, translated.languages) if translated else ({}, ())
    needed = shown(cuts) if rating.parts == "shown" else {"question", "answer"}
    rows, turns, problems = turns_in(batch, needed)
    forms = [_Form.of(one, lm, rating) for one in cuts]
    by_language = {
        code: [_Form.of(cut(prompt, rating.most), lm, rating) for prompt in told[code]]
        for code in sorted({codes[row] for row in rows if codes} & set(told))
    }
    by_turn = [by_language.get(codes[row] if codes else "", forms) for row in rows]
    logs = np.empty((len(turns), len(forms), rating.most))
    size = max(1, AT_A_TIME // len(forms))
    for at in range(0, len(turns), size):
        texts = _encoded(turns[at : at + size], lm)
        asked = zip(texts, by_turn[at : at + size], strict=True)
        found = lm.read([form.passage(parts) for parts, own in asked for form in own])
        values = np.array([reading.options for reading in found])
        logs[at : at + size] = values.reshape(-1, *logs.shape[1:])
    return Rated(rows, normalised(logs), problems)


@dataclass(frozen=True, slots=True)
class _Form:
    """A prompt as token ids with room for what a turn puts in."""

    fixed: list[Ints]
    names: tuple[str, ...]
    options: tuple[int, ...]
    room: int  # tokens for the parts together

    @classmethod
    def of(cls, prompt: Prompt, lm: Likelihood, rating: Rating) -> _Form:
        head, tail = _wrapping(lm, rating.template)
        texts = list(prompt.fixed)
        texts[0] = head + texts[0]
        texts[-1] = texts[-1].rstrip() + tail if tail else texts[-1]
        digits = [str(digit) for digit in range(1, rating.most + 1)]
        last, options = choices(lm, texts[-1], digits)
        fixed = [*lm.encode(texts[:-1], markup=True), last]
        fixed[0] = np.concatenate([missing_start(opening(lm, rating.start), fixed[0]), fixed[0]])
        room = min(rating.max_length, lm.context) - sum(map(len, fixed))
        if room < len(prompt.names):
            raise UserError(
                f"{lm.id}: the prompt alone has {sum(map(len, fixed))} tokens; raise max_length "
                f"({rating.max_length}), or the model reads {lm.context} at most"
            )
        return cls(fixed, prompt.names, options, room)

    def passage(self, turn: Mapping[str, Ints]) -> Passage:
        """The prompt about a turn, whose texts are cut at their ends where they do not fit."""
        most = level([len(turn[name]) for name in self.names], self.room)
        parts = [turn[name][:most] for name in self.names]
        inside = [ids for pair in zip(self.fixed, parts, strict=False) for ids in pair]
        ids = np.concatenate([*inside, self.fixed[-1]])
        return Passage(ids, want=(), options=self.options)


def _wrapping(lm: Likelihood, template: Wrapping) -> tuple[str, str]:
    """The markup before and after a user's turn that asks for an answer."""
    if template == "none":
        return "", ""
    if template == "chat":
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": ""}]
        pieces = lm.chat(turns, None)
    else:
        pieces = render(TEMPLATES[template], [{"role": "user", "content": "?"}], opened=True)
    kinds = [piece.kind for piece in pieces]
    if "text" not in kinds:
        raise UserError(f"{lm.id}: its chat template does not take a single question")
    at, end = kinds.index("text"), kinds.index("answer") if "answer" in kinds else len(kinds)
    return "".join(p.text for p in pieces[:at]), "".join(p.text for p in pieces[at + 1 : end])


def turns_in(batch: Batch, needed: set[str]) -> tuple[Ints, list[Turn], dict[str, Mask]]:
    """The turns to rate, the row of each, and the rows that have none with the reason why."""
    rows: list[int] = []
    turns: list[Turn] = []
    problems = {
        name: np.zeros(len(batch), bool) for name in ("no_answer", "empty_answer", "empty_question")
    }
    for row, messages in enumerate(batch.table["messages"].to_pylist()):
        there = turns_of(messages)
        full = [turn for turn in there if all(turn[name].strip() for name in needed)]
        rows += [row] * len(full)
        turns += full
        if not full:
            problems[_why(messages, there, needed)][row] = True
    return np.array(rows, np.int64), turns, problems


def _why(messages: Sequence[Mapping[str, Any]], turns: Sequence[Turn], needed: set[str]) -> str:
    """Why no turn of a row can be rated."""
    if "answer" in needed and not any(turn["answer"].strip() for turn in turns):
        spoken = any(message["role"] == "assistant" for message in messages)
        return "empty_answer" if spoken else "no_answer"
    return "empty_question"


def turns_of(messages: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Questions with their answers: all that is asked until something else is, and what was said.

    A system turn belongs to the question that follows it; what a tool returned is neither.
    """
    parts: list[tuple[list[str], list[str]]] = [([], [])]
    for message in messages:
        if message["role"] == "assistant":
            parts[-1][1].append(said(message))
        elif message["role"] != "tool":
            if parts[-1][1]:
                parts.append(([], []))
            parts[-1][0].append(said(message))
    return [{"question": "\n\n".join(q), "answer": "\n".join(a)} for q, a in parts]


def _encoded(turns: Sequence[Turn], lm: Likelihood) -> list[dict[str, Ints]]:
    """Token ids of each part of each turn; what a row says is text, whatever it looks like."""
    distinct = list(dict.fromkeys(text for turn in turns for text in turn.values()))
    ids = dict(zip(distinct, lm.encode(distinct), strict=True))
    return [{name: ids[text] for name, text in turn.items()} for turn in turns]
