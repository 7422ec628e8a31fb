"""Rows as token ids: rendered, tokenised and cut once, so that whatever reads a row scores, or
learns, the same tokens of its answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Writer
from tamis.templates import TEMPLATES, Piece, TemplateName, given_input, render
from tamis.types import Batch, Ints

Turns = Literal["last", "all", "each"]
"""Which answers of a conversation count: the last one; all, their tokens together; or each by
itself, and the row's score is the mean over them. Each is read after all that stands before it."""


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


@dataclass(frozen=True, slots=True)
class Stops:
    """Tokens with which an answer ends, for those who learn to write them.

    `known` are special tokens: one that the markup after an answer begins with belongs to the
    answer. `end` ends the text of a row whose markup has none.
    """

    known: frozenset[int]
    end: int


def written(
    batch: Batch, lm: Writer, setting: Setting, stops: Stops | None = None
) -> list[Written]:
    """Each row of the batch as tokens with the places of the answers that count.

    With `stops` the token that ends an answer counts as its last one.
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
            own = [next(ids) for _ in pieces]
            own = own if stops is None else _stopped(pieces, own, stops)
            found.append(_joined(pieces, own, first, limit, setting.turns))
    return found


def opening(lm: Writer, start: bool) -> Ints:
    """The token that a text begins with, or nothing."""
    if not start:
        return NOTHING
    if lm.start is None:
        raise UserError(f"{lm.id} has no start token: set start=false")
    return np.array([lm.start], np.int64)


def missing_start(first: Ints, ids: Ints) -> Ints:
    """What a text still has to begin with: nothing where its own markup brings that token."""
    return NOTHING if np.array_equal(ids[: len(first)], first) else first


def encoded(pieces: Sequence[Piece], lm: Writer) -> list[Ints]:
    """Token ids of each piece; special tokens are found in markup alone."""
    markup = list(dict.fromkeys(p.text for p in pieces if p.kind == "markup"))
    known = dict(zip(markup, lm.encode(markup, markup=True), strict=True))
    texts = iter(lm.encode([p.text for p in pieces if p.kind != "markup"]))
    return [known[p.text] if p.kind == "markup" else next(texts) for p in pieces]


def _pieces(row: Mapping[str, Any], lm: Writer, setting: Setting) -> list[Piece] | str:
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


def _stopped(pieces: Sequence[Piece], ids: Sequence[Ints], stops: Stops) -> list[Ints]:
    """The tokens of each piece, those that end an answer moved from the markup to the answer."""
    found = list(ids)
    answers = [i for i, piece in enumerate(pieces) if piece.kind == "answer"]
    for at in answers:
        after = found[at + 1] if at + 1 < len(found) else NOTHING
        if len(after) and int(after[0]) in stops.known:
            found[at], found[at + 1] = np.append(found[at], after[0]), after[1:]
        elif at == answers[-1]:
            found[at] = np.append(found[at], stops.end)
    return found


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
