"""What every trained model is worth, row by row: losses of held-out answers, and judged answers.

A measure is a matrix of runs x rows in which higher is better: the negative of the mean loss of an
answer's tokens, or a judge's preference for the model's answer over that of the random rows' model
of the same seed. A row without a value is NaN and is left out of comparisons, with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tamis.notation import Reference, parse
from tamis.types import Dataset, Floats

if TYPE_CHECKING:
    from tamis.evaluation.outputs import Output
    from tamis.protocols import Judge
    from tamis.run.session import Run
    from tamis.training.settings import Training


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that models are measured on, none of which they were trained on."""

    name: str
    data: Dataset


def loss_column(model: str, training: Training) -> str:
    """The column that has each row's loss, as exp of its mean, in the markup of the training."""
    settings = {name: getattr(training, name) for name in ("template", "turns", "max_length")}
    return str(parse(str(Reference("perplexity", {"model": model, **settings}))))


def losses(run: Run, test: Held, model: str, training: Training) -> Floats:
    """Minus the mean loss of each row's answers under a model, in nats a token; NaN without one."""
    name = loss_column(model, training)
    run.begin(run.target)
    found = run.score(test.data, [name]).scores(name)
    return np.asarray(-np.log(found), np.float64)


def answers(run: Run, prompts: Held, model: str, training: Training, tokens: int) -> list[Output]:
    """What a model answers to the prompts, in the template that it was trained with."""
    from tamis.evaluation.generating import generated

    run.begin(run.target)
    settings = {"model": model, "template": training.template, "tokens": tokens}
    return generated(prompts.data, run, settings, name=model)


def preferences(ours: Sequence[Output], theirs: Sequence[Output], judge: Judge) -> Floats:
    """A judge's preference for each of our answers, 0 to 1, the mean of both orders; or NaN."""
    from tamis.evaluation.pairwise import compared_by, judgments, matched

    found = judgments(matched(ours, theirs).pairs, judge, compared_by())
    return np.array([_mean(one.preferences) for one in found])


def _mean(orders: Sequence[float | None]) -> float:
    """The mean of the orders; NaN where one of them failed."""
    return float("nan") if None in orders else float(np.mean([p for p in orders if p is not None]))
