"""Prompt uncertainty: how far an answer's probability moves when words of the instruction are lost.

Formula, with I_0 the instruction, I_1..I_k copies of it that lost each word with probability
`drop`, x the input, y the answer, and P(y | x, I) = exp(-mean loss of y's tokens):
    U = mean over j of |P(y | x, I_0) - P(y | x, I_j)|
answer=generated  y is the model's own answer to I_0, written once, the same for all j
answer=given      y is the row's answer
Paper (arXiv:2311.00288, Active Instruction Tuning): whole tasks by the mean over 10 of their rows,
group_mean(of=prompt_uncertainty,by=...); words are lost in the definition and in the inputs of two
examples; drop 0.2, 10 copies in the README, 20 in the code; five rounds of training in between.
The authors warn of a large variance: use several seeds.
Here the instruction is what system and user say; the input stays whole where the row keeps one
apart. Words are runs of characters without blanks, Chinese and Japanese characters words of their
own; Thai is written without blanks, and loses phrases. An instruction that would lose all its words
keeps one. Each loss is drawn from (seed, row, copy). An answer is cut so that it fits behind every
copy; a row whose question leaves no room is too_long. Of several answers the last one counts. A row
without an answer is null whichever answer is scored; unanswered=true lets the model answer it.
Cost: k + 1 passages a row, asked a few thousand at a time, and with answer=generated a
continuation of at most `tokens` tokens.
Oracle: methods.md A1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

import numpy as np

from tamis.errors import UserError
from tamis.passages import NOTHING, Written, encoded, missing_start, opening
from tamis.protocols import Generator, Likelihood, Passage
from tamis.scorers._open_questions import Turns, asked_of, opened
from tamis.scorers._passages import AT_A_TIME, column
from tamis.spec import scorer
from tamis.templates import TEMPLATES, Piece, TemplateName, answer_text, given_input, said
from tamis.types import Batch, Column, Floats, Ints

_ALONE = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"(?:[{_ALONE}]|[^\s{_ALONE}]+)\s*")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row's question in all its forms, the whole one first, and its answer; or a problem."""

    prompts: Sequence[Ints] = ()
    answer: Ints = field(default_factory=lambda: NOTHING)
    problem: str | None = None


@scorer(prefer="high", family="trainable-llm", unit="probability", paper="arXiv:2311.00288")
def prompt_uncertainty(
    batch: Batch,
    lm: Likelihood,
    writer: Generator,
    *,
    answer: Literal["generated", "given"] = "generated",
    copies: int = 10,
    drop: float = 0.2,
    tokens: int = 64,
    template: TemplateName = "alpaca",
    max_length: int = 1024,
    start: bool = True,
    seed: int = 0,
    unanswered: bool = False,
) -> Column:
    """Mean change of exp(-mean loss) of the answer when words of the instruction are dropped.

    Args:
        answer: the model's own, or the one that the row has
        copies: how often words are dropped
        drop: probability of each word to go
        tokens: longest answer that the model writes
        template: markup around the turns; chat is the model's own
        max_length: tokens of a question with its answer, at most the model's context
        start: begin with the model's start token
        seed: decides which words go
        unanswered: with answer=generated, score rows without an answer of their own too
    """
    if copies < 1 or tokens < 1 or not 0 < drop < 1:
        raise UserError(
            "prompt_uncertainty needs a copy, a token and drop between 0 and 1, got "
            f"copies={copies}, tokens={tokens}, drop={drop}"
        )
    if answer == "generated" and not isinstance(writer, Generator):
        raise UserError(f"{lm.id} writes no answers here: set answer=given, or take another model")
    needed = answer == "given" or not unanswered
    form = _Form(template, min(max_length, lm.context), copies, drop, seed, start, needed)
    found: list[_Asked] = []
    moved = [np.empty(0)]
    size = max(1, AT_A_TIME // (copies + 1))
    for at in range(0, len(batch), size):
        rows = batch.table.slice(at, size).to_pylist()
        asked = form.asked(rows, lm, given=answer == "given")
        if answer == "generated":
            asked = _answered(asked, writer, tokens, form.limit)
        asked = [_fitting(one, form.limit) for one in asked]
        moved.append(_moved(asked, lm))
        found += asked
    values = np.concatenate(moved)
    return column([Written(NOTHING, problem=one.problem) for one in found], values)


def uncertainty(whole: Floats, copies: Floats) -> Floats:
    """Mean over the copies, the last axis, of the distance of P to that of the whole one."""
    found: Floats = np.abs(whole[..., None] - copies).mean(axis=-1)
    return found


def thinned(text: str, drop: float, generator: np.random.Generator) -> str:
    """The text without some of its words; a text with words keeps at least one."""
    words = _WORD.findall(text)
    if not words:
        return text
    kept = generator.random(len(words)) >= drop
    if not kept.any():
        kept[generator.integers(len(words))] = True
    if kept.all():
        return text
    return "".join(word for word, stays in zip(words, kept, strict=True) if stays).strip()


@dataclass(frozen=True, slots=True)
class _Form:
    """How questions are written and worn down."""

    template: TemplateName
    limit: int
    copies: int
    drop: float
    seed: int
    start: bool
    needed: bool  # a row without an answer has a problem

    def asked(self, rows: list[dict[str, Any]], lm: Likelihood, *, given: bool) -> list[_Asked]:
        """Each row's question and, where it is given, its answer."""
        forms = [self._forms(row, lm, given) for row in rows]
        pieces = [p for f in forms if not isinstance(f, str) for one in f for p in one]
        ids = iter(encoded(pieces, lm))
        first = opening(lm, self.start)
        found = []
        for form in forms:
            if isinstance(form, str):
                found.append(_Asked(problem=form))
                continue
            parts = [np.concatenate([NOTHING, *(next(ids) for _ in one)]) for one in form]
            questions = parts[: self.copies + 1]
            prompts = [np.concatenate([missing_start(first, part), part]) for part in questions]
            found.append(_Asked(prompts, parts[-1] if given else NOTHING))
        return found

    def _forms(self, row: dict[str, Any], lm: Likelihood, given: bool) -> list[list[Piece]] | str:
        """The pieces of the question in all its forms, then of the answer; or the problem."""
        turns, last = asked_of(row["messages"])
        if self.needed and not (last and said(last).strip()):
            return "empty_answer" if last else "no_answer"
        if not any(said(turn).strip() for turn in turns if turn["role"] in ("system", "user")):
            return "empty_instruction"
        part = given_input(row["extra"])
        forms = [turns, *(self._worn(row["id"], turns, part, j) for j in range(self.copies))]
        pieces = [opened(one, row["tools"], part, self.template, lm) for one in forms]
        if not all(pieces):
            return "template_refused"
        return [*pieces, self._answer(last)] if given and last else pieces

    def _worn(self, row: str, turns: Turns, part: str | None, number: int) -> Turns:
        """The turns after words went out of what system and user say."""
        key = blake2b(f"{self.seed} {number} {row}".encode(), digest_size=8).digest()
        generator = np.random.default_rng(int.from_bytes(key, "little"))
        seam = "\n\n" + (part or "")
        worn = []
        for turn in turns:
            text = said(turn)
            if turn["role"] in ("system", "user"):
                end = seam if part and turn["role"] == "user" and text.endswith(seam) else ""
                text = thinned(text.removesuffix(end), self.drop, generator) + end
                turn = {"role": turn["role"], "content": text}
            worn.append(turn)
        return worn

    def _answer(self, turn: Mapping[str, Any]) -> list[Piece]:
        if self.template == "chat":
            return [Piece(said(turn), "answer")]
        return [Piece(answer_text(TEMPLATES[self.template], turn), "answer")]


def _answered(asked: Sequence[_Asked], writer: Generator, tokens: int, limit: int) -> list[_Asked]:
    """The questions with the model's own answers to the whole ones."""
    able = [not one.problem and len(one.prompts[0]) + tokens <= limit for one in asked]
    open_ = [one.prompts[0] for one, can in zip(asked, able, strict=True) if can]
    answers = iter(writer.generate(open_, tokens))
    found = []
    for one, can in zip(asked, able, strict=True):
        if can:
            ids = next(answers)
            one = _Asked(one.prompts, ids, None if len(ids) else "nothing_generated")
        found.append(one if can or one.problem else _Asked(problem="too_long"))
    return found


def _fitting(one: _Asked, limit: int) -> _Asked:
    """The answer cut so that it fits behind each form of the question."""
    if one.problem:
        return one
    room = limit - max(map(len, one.prompts))
    if room < 1:
        return _Asked(problem="too_long")
    return _Asked(one.prompts, one.answer[:room])


def _moved(asked: Sequence[_Asked], lm: Likelihood) -> Floats:
    """The uncertainty of each row, NaN where there is a problem."""
    able = [one for one in asked if not one.problem]
    passages = [
        Passage(np.concatenate([ids, one.answer]), ((len(ids), len(ids) + len(one.answer)),))
        for one in able
        for ids in one.prompts
    ]
    chances = [np.exp(-reading.tokens["loss"].mean()) for reading in lm.read(passages)]
    found = np.full(len(asked), np.nan)
    if able:
        shaped = np.array(chances).reshape(len(able), -1)
        found[[not one.problem for one in asked]] = uncertainty(shaped[:, 0], shaped[:, 1:])
    return found
