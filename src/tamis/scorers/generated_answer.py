"""What a language model answers to a row's last question.

Formula: y_t = argmax P(token | question, y_1 .. y_(t-1)) until the token that ends an answer, or
`tokens` tokens; the column is the text of y.
AlpacaEval (github.com/tatsu-lab/alpaca_eval) and MT-Bench compare such texts; LIMA and Cherry LLM
do so on test prompts. Their codes sample, with a temperature of their own for each model or
category, and 512 to 2,048 tokens. Here nothing is drawn, so the same model gives the same text.
The question is all that stands before the last answer; a row that ends with a question is asked all
of it, so that a file of prompts is answered too. The row's own answer is never shown. Markup around
the turns is that of the training (`template`), and the answer ends at the model's end token, or at
the special token that its template writes after an answer. The blank that a template puts in front
of an answer is taken off; nothing else is.
An empty answer is one: "" is what the model said. A question longer than `max_length` tokens, or
than the model's context, is too_long: nothing is cut off it. Where less than `tokens` are left of
the context, the answer has what is left.
Other problems: empty_question (nobody says anything before the answer), template_refused.
Cost: a forward pass for each token that is written, rows of like length together.
Oracle: transformers' own `generate` without sampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.passages import NOTHING, encoded, missing_start, opening
from tamis.protocols import Generator, Likelihood
from tamis.scorers._open_questions import asked_of, framed
from tamis.spec import scorer
from tamis.templates import TEMPLATES, Piece, TemplateName, given_input, said
from tamis.types import Batch, Column, Ints, masks


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as token ids, and the special token after its answer, if any; or a problem."""

    prompt: Ints = field(default_factory=lambda: NOTHING)
    stop: int | None = None
    problem: str | None = None


@scorer(family="trainable-llm", unit="text")
def generated_answer(
    batch: Batch,
    lm: Likelihood,
    writer: Generator,
    *,
    template: TemplateName = "alpaca",
    max_length: int = 1024,
    tokens: int = 256,
    start: bool = True,
) -> Column:
    """The model's likeliest answer to the row's last question, token by token.

    Args:
        template: markup around the turns; chat is the model's own
        max_length: most tokens of a question
        tokens: most tokens of an answer
        start: begin with the model's start token
    """
    if tokens < 1 or max_length < 1:
        raise UserError(
            "generated_answer: tokens and max_length are at least 1, got "
            f"tokens={tokens}, max_length={max_length}"
        )
    if not isinstance(writer, Generator):
        raise UserError(f"{lm.id} writes no answers here: take another model")
    asked = _asked(batch, (lm, writer), template, start, min(max_length, lm.context - 1))
    texts: list[str | None] = [None] * len(asked)
    for room, places in _by_room(asked, tokens, lm.context).items():
        written = writer.generate([asked[at].prompt for at in places], room)
        for at, ids in zip(places, written, strict=True):
            texts[at] = _text(ids, asked[at].stop, writer, template)
    return Column.strings(texts, **masks([one.problem for one in asked]))


def _asked(
    batch: Batch,
    model: tuple[Likelihood, Generator],
    template: TemplateName,
    start: bool,
    limit: int,
) -> list[_Asked]:
    """Every row's question as tokens."""
    lm, writer = model
    light = batch.table.select(["messages", "tools", "extra"])
    forms = [_form(row, lm, template) for row in light.to_pylist()]
    pieces = [piece for form, _ in forms if not isinstance(form, str) for piece in form]
    ids = iter(encoded(pieces, lm))
    ends = {after: lm.encode([after], markup=True)[0] for _, after in forms if after}
    first, found = opening(lm, start), []
    for form, after in forms:
        if isinstance(form, str):
            found.append(_Asked(problem=form))
            continue
        whole = np.concatenate([NOTHING, *(next(ids) for _ in form)])
        prompt = np.concatenate([missing_start(first, whole), whole])
        problem = "too_long" if len(prompt) > limit else None
        found.append(_Asked(prompt, _special(ends.get(after, NOTHING), writer), problem))
    return found


def _form(
    row: Mapping[str, Any], lm: Likelihood, template: TemplateName
) -> tuple[list[Piece] | str, str]:
    """The pieces of a row's question, and the markup after its answer; or the problem."""
    turns = row["messages"]
    if turns and turns[-1]["role"] == "assistant":
        turns, _ = asked_of(turns)
    if not any(said(turn).strip() for turn in turns):
        return "empty_question", ""
    pieces, after = framed(turns, row["tools"], given_input(row["extra"]), template, lm)
    return (pieces, after) if pieces else ("template_refused", "")


def _special(after: Ints, writer: Generator) -> int | None:
    """The token that markup begins with, where it is special: one that is no text."""
    return int(after[0]) if len(after) and not writer.decode(after[:1]) else None


def _by_room(asked: list[_Asked], tokens: int, context: int) -> dict[int, list[int]]:
    """The rows that can be asked, by how many tokens their answers may have."""
    rooms: dict[int, list[int]] = {}
    for at, one in enumerate(asked):
        if one.problem is None:
            rooms.setdefault(min(tokens, context - len(one.prompt)), []).append(at)
    return rooms


def _text(ids: Ints, stop: int | None, writer: Generator, template: TemplateName) -> str:
    """What was written, up to the token that ends it."""
    ends = np.flatnonzero(ids == stop) if stop is not None else NOTHING
    text = writer.decode(ids[: ends[0]] if len(ends) else ids)
    return text if template == "chat" else text.removeprefix(TEMPLATES[template].lead)
