"""What asking a judge will take, found without asking it: calls, tokens, money and time.

A scorer runs on a part of the rows that have no score yet, with a stand-in that answers by the
examples of each question, so that questions which follow from answers are counted too. A recipe, or
a selector that asks, is rehearsed as a whole with such a stand-in; where answers decide what is
asked next, as in a cascade, that is a guess. What the ledger has is not counted. Tokens are those
of the run's tokenizer, which is seldom the judge's: take them as right to a quarter.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.errors import UserError
from tamis.models.asking import Asking
from tamis.models.fake import FakeJudge
from tamis.protocols import Answer, Judge, Question, Tokenizer
from tamis.run.execute import Inputs, call
from tamis.run.pick import pick
from tamis.run.plan import Step, which_model
from tamis.run.progress import silent
from tamis.store import Store
from tamis.types import Batch, Dataset

if TYPE_CHECKING:
    from tamis.budget import Budget
    from tamis.notation import Reference
    from tamis.run.session import Run

SAMPLE = 1000
"""Rows that are tried; the rest is in proportion."""
AROUND = 4
"""Tokens that a chat format puts around each message."""
ASSUMED = 2.0
"""Seconds an answer of a judge that was never asked."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the missing rows of one column will take."""

    column: str
    rows: int
    calls: int
    answered: int  # by the ledger
    prompt_tokens: int
    answer_tokens: int  # as in the examples
    most_answer_tokens: int  # up to the limit of every answer
    cost: float | None  # None where the judge has no price
    most_cost: float | None
    seconds: float
    pace: float  # seconds an answer that this is reckoned with
    measured: bool  # by earlier answers of this judge; else it is assumed


@dataclass(slots=True)
class Counting:
    """A judge that is not asked: it counts, and answers by the examples, one by the question."""

    judge: Judge
    tokenizer: Tokenizer
    calls: int = 0
    answered: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    most_answer_tokens: int = 0
    usual: dict[tuple[str, ...], float] = field(default_factory=dict)  # tokens, by the examples
    seen: set[int] = field(default_factory=set)  # hashes: the questions of a large pool are long

    @property
    def id(self) -> str:
        return f"rehearsal of {self.judge.id}"

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        new = [q for q in dict.fromkeys(questions) if hash(q) not in self.seen]
        self.seen.update(map(hash, new))
        known = self.judge.known(new) if hasattr(self.judge, "known") else [False] * len(new)
        asked = [q for q, there in zip(new, known, strict=True) if not there]
        self.calls += len(asked)
        self.answered += len(new) - len(asked)
        texts = [text for q in asked for _, text in q.messages]
        self.prompt_tokens += int(self.tokenizer.count_tokens(texts).sum()) + AROUND * len(texts)
        for q in asked:
            if q.examples and q.examples not in self.usual:
                self.usual[q.examples] = float(self.tokenizer.count_tokens(q.examples).mean())
            usual = self.usual[q.examples] if q.examples else q.tokens / 2
            self.answer_tokens += min(round(usual), q.tokens)
            self.most_answer_tokens += q.tokens
        return FakeJudge().ask(questions)


def estimate(
    step: Step, data: Dataset, inputs: Inputs, store: Store, asking: Asking
) -> Estimate | None:
    """The estimate for a row scorer that asks a judge; None for any other column."""
    if not step.spec.asks or step.spec.scope != "row":
        return None
    missing = store.missing(store.folder(step.spec.name, step.key), data.ids)
    lacking = np.flatnonzero(missing)
    tried = lacking[np.linspace(0, len(lacking) - 1, min(SAMPLE, len(lacking))).astype(np.int64)]
    judge = inputs.resource("Judge", **which_model(step.spec, step.params))
    counting = Counting(judge, inputs.resource("Tokenizer"))

    def resource(protocol: str, **which: str) -> Any:
        return counting if protocol == "Judge" else inputs.resource(protocol, **which)

    if len(tried):
        call(step, Batch(data.take(tried).table), Inputs(resource, inputs.target))
    scale = len(lacking) / max(len(tried), 1)
    return _scaled(step.name, len(lacking), scale, counting, asking)


def _scaled(column: str, rows: int, scale: float, counted: Counting, asking: Asking) -> Estimate:
    prompt, usual, most = (
        round(scale * tokens)
        for tokens in (counted.prompt_tokens, counted.answer_tokens, counted.most_answer_tokens)
    )
    price = getattr(counted.judge, "price", None)
    measured = getattr(counted.judge, "pace", None)
    calls, pace = round(scale * counted.calls), ASSUMED if measured is None else measured
    return Estimate(
        column,
        rows,
        calls,
        round(scale * counted.answered),
        prompt,
        usual,
        most,
        None if price is None else price.of(prompt, usual),
        None if price is None else price.of(prompt, most),
        max(
            calls * pace / getattr(counted.judge, "at_once", 1),
            60 * calls / (asking.requests_per_minute or math.inf),
            60 * (prompt + usual) / (asking.tokens_per_minute or math.inf),
        ),
        pace,
        measured is not None,
    )


def rehearsed(run: Run, data: Dataset, reference: Reference, budget: Budget) -> list[Estimate]:
    """What a whole selection will ask, judge by judge: it is made once with nobody being asked."""
    tokenizer = run.resource("Tokenizer")
    with tempfile.TemporaryDirectory() as store:
        loaded = {n: one for n, one in run.loaded.items() if not n.startswith("judge")}
        anew: dict[str, Any] = {"loaded": loaded, "log": [], "computed": {}, "progress": silent}
        trial = replace(run, store=store, executor="inline", competence="off", **anew)
        trial.scores = replace(Store.at(store), beneath=run.scores.root)
        trial.around_judges = lambda judge: Counting(judge, tokenizer)
        trial.trainer = _trained_by_nobody
        with suppress(UserError):  # a selection that fails by its examples has counted all the same
            pick(data, reference, budget, trial)
        found = [one for one in trial.loaded.values() if isinstance(one, Counting)]
    return [counted(one, len(data), run.asking or Asking()) for one in found]


def _trained_by_nobody(data: Dataset, training: Any, model: str) -> Any:
    """A rehearsal trains nothing: what a recipe asks after a training is not counted."""
    raise UserError("nothing is trained in a rehearsal")


def counted(one: Counting, rows: int, asking: Asking) -> Estimate:
    """The estimate of a rehearsal that all rows took part in."""
    return _scaled(one.judge.id, rows, 1.0, one, asking)
