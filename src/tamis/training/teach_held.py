"""How well a taught scorer foresees examples that were kept aside.

prefers    the share of pairs of answers to one question of which it scores the better one higher,
           a tie counting one half, with a 95 % interval by bootstrap over questions
spearman   rank correlation of its scores with the numbers
error      mean squared difference to the numbers, beside that of the mean of what was learned
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np

from tamis.agreement import spearman
from tamis.intervals import TAIL, Interval, fisher
from tamis.training.teach_rows import ORDERS, Example
from tamis.types import Floats

DRAWS = 2000


def of_pairs(examples: Sequence[Example], scores: Floats) -> dict[str, Any]:
    """Of better and worse answers, whose scores are the two columns."""
    won = [preferred(better, worse) for better, worse in scores]
    return _preferring([one.question for one in examples], won)


def of_styles(examples: Sequence[Example], scores: Floats) -> dict[str, Any]:
    """Of three answers, whose scores are the columns: each pair that counts."""
    questions, won = [], []
    for one, values in zip(examples, scores, strict=True):
        for (above, below), counts in zip(ORDERS, one.counts, strict=True):
            if counts:
                questions.append(one.question)
                won.append(preferred(values[above], values[below]))
    return _preferring(questions, won)


def of_numbers(examples: Sequence[Example], scores: Floats, mean: float) -> dict[str, Any]:
    """Of answers with numbers; `mean` is that of what was learned."""
    truth = np.array([one.number for one in examples])
    groups: dict[str, list[int]] = {}
    for at, one in enumerate(examples):
        groups.setdefault(one.question, []).append(at)
    questions, won = [], []
    for question, places in groups.items():
        for at, one_place in enumerate(places):
            for other in places[at + 1 :]:
                if truth[one_place] != truth[other]:
                    high, low = sorted((one_place, other), key=lambda p: -truth[p])
                    questions.append(question)
                    won.append(preferred(scores[high], scores[low]))
    found = _preferring(questions, won)
    if not len(truth):
        return {"answers": 0, **found}
    value, influence = spearman(scores, truth)
    return {
        "answers": len(truth),
        "spearman": fisher(value, influence).told() if len(influence) else Interval(nan).told(),
        "error": float(((scores - truth) ** 2).mean()),
        "error_of_mean": float(((truth - mean) ** 2).mean()),
        **found,
    }


def preferred(better: float, worse: float) -> float:
    """1 where the better answer has the higher score, one half for a tie."""
    return 0.5 if better == worse else float(better > worse)


def _preferring(questions: Sequence[str], won: Sequence[float]) -> dict[str, Any]:
    if not won:
        return {"pairs": 0, "prefers": None}
    return {"pairs": len(won), "prefers": share(questions, won).told()}


def share(questions: Sequence[str], won: Sequence[float], seed: int = 0) -> Interval:
    """The mean of what was won, with its interval: questions are drawn, each with all its pairs."""
    known: dict[str, int] = {}
    group = np.array([known.setdefault(question, len(known)) for question in questions])
    sums, sizes = np.bincount(group, won), np.bincount(group)
    value = float(sums.sum() / sizes.sum())
    if len(sums) < 2:
        return Interval(value)
    generator = np.random.default_rng(seed)
    means = np.empty(DRAWS)
    for at in range(DRAWS):
        drawn = generator.integers(len(sums), size=len(sums))
        means[at] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.quantile(means, [TAIL, 1 - TAIL])
    return Interval(value, float(low), float(high))
