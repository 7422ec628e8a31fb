"""A cheap model reads every row, the exact one only rows that could be among the best.

1. Every row gets the score from a cheap look: the same model in int8, or a smaller model.
2. A random sample of rows gets the exact score too. On its first half a line is fitted that turns
   cheap into exact scores; the error of a row is taken to be at most B / sqrt(tokens of its
   answer), as errors of tokens average out, with B = margin x the largest error x sqrt(tokens)
   found there.
3. Rows are scored exactly in the order of their upper bounds, block by block. A row is picked when
   its exact score is above the upper bound of every row that has none: the picks are those of the
   exact ranking, in its order, for any budget and quota.
4. Every exact score checks the bound. Where one is outside, B grows and the walk goes on with it.
The manifest tells how many rows were scored exactly, how many of the second half of the sample,
which the bound has not seen, were outside it, and of all others (`outside_later`). The bound is
measured, not proven: with none of m checked rows outside, at most 3 / m of all rows are, 95 times
in 100.
Bounds of the score itself, as IFD's at most 1, are those of `threshold`; a row that is surely
beyond them is not scored exactly.
Not a published method; FastText-then-large filters and Superfiltering (arXiv:2402.00530) rank by
the small model alone, and nobody measures what that loses.
Oracle: the ranking by exact scores of all rows, which it must equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import Reference, parse
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.selectors._rows import Picks, named
from tamis.selectors.random import uniform
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Floats, Ints, Selection, order_by

BLOCK = (32, 512)
"""How many rows are scored exactly at a time, at least and at most; between them 1 in 64."""
LENGTH = "tokens(of=response)"
"""The column by which errors are scaled."""


@recipe(family="beyond")
def cascade(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: ColumnName = "ifd",
    cheap_model: str = "",
    cheap_dtype: Literal["int8", "bfloat16", "float16", "float32"] = "int8",
    first: Literal["high", "low"] = "high",
    at_least: float = -inf,
    at_most: float = inf,
    sample: int = 512,
    margin: float = 1.5,
    seed: int = 0,
) -> Selection:
    """The best rows by a language model's score; most rows are read by a cheaper model only.

    Args:
        by: the score, of a scorer that reads a language model
        cheap_model: another, smaller model for the first look; the same one where none is named
        cheap_dtype: precision of the first look
        first: which end of the score is best
        at_least: lower bound of the score, itself allowed
        at_most: upper bound of the score, itself allowed
        sample: rows scored exactly to measure the error of the first look
        margin: how many times the largest error seen is taken for possible
        seed: decides the sample
    """
    if sample < 4 or margin < 1:
        raise UserError("cascade: sample must be at least 4 and margin at least 1")
    written = parse(by)
    which = {"dtype": cheap_dtype, **({"model": cheap_model} if cheap_model else {})}
    quick = str(Reference(written.method, {**written.params, **which}))
    pool, limit = run.payable(data, [quick, LENGTH], budget)
    rows, dropped = scored(pool, [quick, LENGTH])
    sign = 1.0 if first == "high" else -1.0

    def exact(places: Ints) -> Floats:
        return sign * run.score(data.take(rows[places]), [by]).scores(str(written))

    ids = pool.ids[rows]
    walk = Walk(
        sign * pool.scores(quick)[rows],
        1 / np.sqrt(np.maximum(pool.scores(LENGTH)[rows], 1)),
        ids,
        exact,
        limits=(at_least, at_most) if first == "high" else (-at_most, -at_least),
        margin=margin,
    )
    walk.calibrate(order_by(uniform(ids.tolist(), seed), ids, descending=False)[:sample])
    chosen = Selection.take(pool, limit, named(walk.picks(), rows))
    told = {**chosen.info, "first_look": quick, **walk.report()}
    return replace(chosen, gains=sign * chosen.gains, info=told, dropped=dropped)


class Walk:
    """Rows in the order of exact scores, highest first, of which as few as possible are computed.

    Args:
        guesses: the cheap score of each row
        unit: how the error of each row is scaled
        ids: ties go by them
        exact: places -> exact scores, NaN where there is none
        limits: lowest and highest exact score that can be picked
        margin: how many times the largest error seen is taken for possible
    """

    def __init__(
        self,
        guesses: Floats,
        unit: Floats,
        ids: NDArray[np.str_],
        exact: Callable[[Ints], Floats],
        *,
        limits: tuple[float, float] = (-inf, inf),
        margin: float = 1.5,
    ) -> None:
        self.guesses, self.unit, self.ids = guesses, unit, ids
        self.limits, self.margin, self._exact = limits, margin, exact
        self.known = np.full(len(guesses), np.nan)
        self.asked = np.zeros(len(guesses), bool)
        self.bound = 0.0  # B: the error of row i is taken to be at most B unit_i
        self.line = (1.0, 0.0)  # exact score = slope x guess + shift
        self.checked = self.outside = self.outside_later = 0

    def calibrate(self, sample: Ints) -> None:
        """Fits the line and the bound on half of a sample and checks both on the other half."""
        half = sample[: len(sample) // 2]
        self._ask(sample)
        there = half[~np.isnan(self.known[half])]
        if len(there) > 2 and np.ptp(self.guesses[there]) > 0:
            slope, shift = np.polyfit(self.guesses[there], self.known[there], 1)
            self.line = (float(slope), float(shift))
        self.bound = self._needed(half)
        rest = sample[len(half) :]
        self.checked, self.outside = len(rest), self._outside(rest)
        self.bound = max(self.bound, self._needed(rest))

    def picks(self) -> Picks:
        """(place, exact score), the highest first."""
        best: list[tuple[float, str, int]] = []
        self._push(best, np.flatnonzero(self.asked))
        block, ceiling = self._highest()
        while True:
            while len(block) and (not best or -best[0][0] <= ceiling):
                self._ask(block)
                self.outside_later += self._outside(block)
                self.bound = max(self.bound, self._needed(block))
                self._push(best, block)
                block, ceiling = self._highest()
            if not best:
                return
            score, _, at = heappop(best)
            yield at, -score

    def report(self) -> dict[str, float]:
        """What the manifest tells."""
        return {
            "scored_exactly": int(self.asked.sum()),
            "bound": self.bound,
            "checked": self.checked,
            "outside": self.outside,
            "outside_later": self.outside_later,
        }

    def _expected(self, places: Ints) -> Floats:
        slope, shift = self.line
        return slope * self.guesses[places] + shift

    def _highest(self) -> tuple[Ints, float]:
        """The next rows to score exactly, and the highest score that any row without one can have.

        Rows that are surely beyond the limits are left out.
        """
        left = np.flatnonzero(~self.asked)
        spread, found = self.bound * self.unit[left], self._expected(left)
        within = (found + spread >= self.limits[0]) & (found - spread <= self.limits[1])
        left, upper = left[within], (found + spread)[within]
        if not len(left):
            return left, -inf
        size = int(np.clip(len(self.guesses) // 64, *BLOCK))
        return left[order_by(upper, self.ids[left])[:size]], float(upper.max())

    def _ask(self, places: Ints) -> None:
        if len(places):
            self.known[places] = self._exact(places)
        self.asked[places] = True

    def _errors(self, places: Ints) -> Floats:
        errors = np.abs(self.known[places] - self._expected(places)) / self.unit[places]
        return errors[~np.isnan(errors)]

    def _needed(self, places: Ints) -> float:
        """The bound that these rows ask for."""
        return self.margin * float(self._errors(places).max(initial=0.0))

    def _outside(self, places: Ints) -> int:
        return int((self._errors(places) > self.bound).sum())

    def _push(self, best: list[tuple[float, str, int]], places: Ints) -> None:
        for at in places.tolist():
            if self.limits[0] <= self.known[at] <= self.limits[1]:  # false for NaN
                heappush(best, (-self.known[at], str(self.ids[at]), at))
