"""Rows as passages for a language model: rendered, tokenised and cut once, so that every pass over
a row scores the same tokens of its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Likelihood, Noise, Passage, Quantity
from tamis.templates import TEMPLATES, Piece, TemplateName, given_input, render
from tamis.types import Batch, Column, Floats, Ints, Mask, masks

Turns = Literal["last", "all", "each"]
"""Which answers of a conversation count: the last one; all, their tokens together; or each by
itself, and the row's score is the mean over them. Each is read after all that stands before it."""

Direct = Literal["answer", "header"]
"""What an answer without its question begins with: nothing, or the markup in front of it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A row as token ids, with the places of its answers; without answers `problem` says why."""

    ids: Ints
    answers: tuple[tuple[int, int], ...] = ()
    problem: str | None = None
    kept: float = 0.0  # share of the answers' tokens that is scored


@dataclass(frozen=True, slots=True)
class Setting:
    """How rows are written: what the parameters of most likelihood methods say.

    Args:
        template: markup around the turns
        turns: which answers count
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
    """

    template: TemplateName = "plain"
    turns: Turns = "last"
    max_length: int = 1024
    start: bool = True


NOTHING: Ints = np.empty(0, np.int64)

AT_A_TIME = 4096
"""Passages asked of the model in one call."""


def written(batch: Batch, lm: Likelihood, setting: Setting) -> list[Written]:
    """Each row of the batch as tokens with the places of the answers that count.

    Tokens beyond `max_length` are cut from the end. Problems: no_answer, empty_answer (only
    blanks), too_long (no room for an answer), one_token (nothing before it), template_refused.
    """
    if setting.max_length < 2:
        raise UserError(f"max_length must be at least 2, got {setting.max_length}")
    light = batch.table.select(["messages", "tools", "extra"])
    rows = [_pieces(row, lm, setting) for row in light.to_pylist()]
    readable = [pieces for pieces in rows if not isinstance(pieces, str)]
    ids = iter(encoded([piece for pieces in readable for piece in pieces], lm))
    limit = min(setting.max_length, lm.context)
    first = opening(lm, setting.start)
    found = []
    for pieces in rows:
        if isinstance(pieces, str):
            found.append(Written(NOTHING, problem=pieces))
        else:
            found.append(_joined(pieces, [next(ids) for _ in pieces], first, limit, setting.turns))
    return found


def opening(lm: Likelihood, start: bool) -> Ints:
    """The token that a text begins with, or nothing."""
    if not start:
        return NOTHING
    if lm.start is None:
        raise UserError(f"{lm.id} has no start token: set start=false")
    return np.array([lm.start], np.int64)


def missing_start(first: Ints, ids: Ints) -> Ints:
    """What a text still has to begin with: nothing where its own markup brings that token."""
    return NOTHING if np.array_equal(ids[: len(first)], first) else first


def encoded(pieces: Sequence[Piece], lm: Likelihood) -> list[Ints]:
    """Token ids of each piece; special tokens are found in markup alone."""
    markup = list(dict.fromkeys(p.text for p in pieces if p.kind == "markup"))
    known = dict(zip(markup, lm.encode(markup, markup=True), strict=True))
    texts = iter(lm.encode([p.text for p in pieces if p.kind != "markup"]))
    return [known[p.text] if p.kind == "markup" else next(texts) for p in pieces]


def _pieces(row: dict[str, Any], lm: Likelihood, setting: Setting) -> list[Piece] | str:
    """The pieces of a row up to its last answer, or the problem that it has."""
    turns = row["messages"]
    answers = [i for i, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answers:
        return "no_answer"
    turns = turns[: answers[-1] + 1]
    if setting.template == "chat":
        pieces = lm.chat(turns, row["tools"])
        return pieces if any(p.kind == "answer" for p in pieces) else "template_refused"
    return render(TEMPLATES[setting.template], turns, given_input(row["extra"]))


def _joined(
    pieces: Sequence[Piece], ids: Sequence[Ints], first: Ints, limit: int, turns: Turns
) -> Written:
    """The tokens of a row within the limit, and the places of its answers."""
    first = missing_start(first, ids[0])
    ends = len(first) + np.cumsum([len(part) for part in ids])
    places = [
        (int(end) - len(part), int(end) if piece.text.strip() else int(end) - len(part))
        for piece, part, end in zip(pieces, ids, ends, strict=True)
        if piece.kind == "answer"
    ]
    if turns == "last":  # an earlier answer does not stand in for an empty last one
        places = places[-1:]
    places = [(a, b) for a, b in places if a < b]
    if not places:
        return Written(NOTHING, problem="empty_answer")
    fitting = [(max(a, 1), min(b, limit)) for a, b in places]  # nothing stands before a token at 0
    answers = tuple((a, b) for a, b in fitting if a < b)
    if not answers:
        return Written(NOTHING, problem="too_long" if places[0][0] >= limit else "one_token")
    size = sum(b - a for a, b in places)
    kept = sum(b - a for a, b in answers) / size
    return Written(np.concatenate([first, *ids])[: answers[-1][1]], answers, kept=kept)


def conditioned(
    row: Written, want: tuple[Quantity, ...] = ("loss",), noise: Noise | None = None
) -> Passage:
    """The row as a passage in which its answers are scored."""
    return Passage(row.ids, row.answers, want, noise=noise)


def alone(
    row: Written,
    before: Ints,
    want: tuple[Quantity, ...] = ("loss",),
    noise: Noise | None = None,
) -> list[Passage]:
    """Each answer of the row without what stands before it; `before` begins the text.

    Without a start token the first token of an answer has nothing before it and is not scored.
    `noise` is the row's: an answer keeps the part of it that it has inside the row.
    """
    found = []
    for a, b in row.answers:
        ids = np.concatenate([before, row.ids[a:b]])
        own = noise and replace(noise, offset=a - len(before))
        found.append(Passage(ids, ((max(len(before), 1), len(ids)),), want, noise=own))
    return found


def beginning(lm: Likelihood, setting: Setting, direct: Direct) -> Ints:
    """What an answer begins with where its question is left out."""
    first = opening(lm, setting.start)
    if direct == "answer":
        return first
    if setting.template == "chat":
        raise UserError("direct=header needs a template that tamis knows: plain, alpaca, ...")
    header = [TEMPLATES[setting.template].assistant]
    return np.concatenate([first, *lm.encode(header, markup=True)])


Losses = list[list[Floats]]
"""For each row, for each of its answers, one value a token; no answers where there is a problem."""


def answer_losses(
    rows: Sequence[Written],
    lm: Likelihood,
    before: Ints | None = None,
    noise: Sequence[Noise | None] = (),
) -> tuple[Losses, Losses]:
    """Losses of the tokens of each answer after what stands before it, and alone after `before`.

    `noise` is one a row, or nothing at all.
    """
    scored = [
        (row, own)
        for row, own in zip(rows, noise or [None] * len(rows), strict=True)
        if row.answers
    ]
    passages = [conditioned(row, noise=own) for row, own in scored]
    if before is not None:
        passages += [part for row, own in scored for part in alone(row, before, noise=own)]
    found = [reading.tokens["loss"] for reading in lm.read(passages)]
    rest = iter(found[len(scored) :])
    whole = iter(found)
    inside: Losses = [split(row, next(whole)) if row.answers else [] for row in rows]
    outside: Losses = (
        [[next(rest) for _ in row.answers] for row in rows] if before is not None else []
    )
    return inside, outside


def answer_values(rows: Sequence[Written], lm: Likelihood, *want: Quantity) -> tuple[Losses, ...]:
    """Each quantity of the tokens of each answer after what stands before it."""
    readings = iter(lm.read([conditioned(row, want) for row in rows if row.answers]))
    found = [next(readings).tokens if row.answers else {} for row in rows]
    return tuple(
        [
            split(row, tokens[name]) if row.answers else []
            for row, tokens in zip(rows, found, strict=True)
        ]
        for name in want
    )


def split(row: Written, values: Floats) -> list[Floats]:
    """The values of each answer, out of those of all scored tokens of the row."""
    return np.split(values, np.cumsum([b - a for a, b in row.answers])[:-1])


def scores(
    rows: Sequence[Written], turns: Turns, score: Callable[..., float], *parts: Losses
) -> Column:
    """score(values, ...) of each row: over the tokens of all its answers, or the mean over answers.

    A score that is not finite is null, with the problem undefined.
    """
    values = np.full(len(rows), np.nan)
    for at, row in enumerate(rows):
        if row.answers:
            answers = list(zip(*(part[at] for part in parts), strict=True))
            if turns != "each":
                answers = [tuple(map(np.concatenate, zip(*answers, strict=True)))]
            values[at] = np.mean([score(*answer) for answer in answers])
    return column(rows, values)


def column(rows: Sequence[Written], values: Floats) -> Column:
    """A score column with the problems of the rows."""
    return Column.floats(values, **reasons(rows), undefined=~np.isfinite(values))


def reasons(rows: Sequence[Written]) -> dict[str, Mask]:
    """The rows that have each problem."""
    return masks([row.problem for row in rows])
