"""What likelihood methods ask of rows as passages, and their scores out of what was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.passages import Setting, Turns, Written, opening
from tamis.protocols import Likelihood, Noise, Passage, Quantity
from tamis.templates import TEMPLATES
from tamis.types import Column, Floats, Ints, Mask, masks

Direct = Literal["answer", "header"]
"""What an answer without its question begins with: nothing, or the markup in front of it."""


AT_A_TIME = 4096
"""Passages asked of the model in one call."""


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
