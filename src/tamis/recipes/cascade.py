"""A cheap model reads every row, the exact one only rows that could be among the best.

1. Every row gets the score from a cheap look: the same model in int8, or a smaller model.
2. A random sample of rows with a cheap score gets the exact one too. On its first half a line is
   fitted that turns cheap into exact scores; the error of a row is taken to be at most
   B / sqrt(tokens of its answer), as errors of tokens average out, with B = margin x the largest
   error x sqrt(tokens) found there. The second half checks B, and raises it where it must.
3. Rows are scored exactly in the order of their upper bounds, block by block. A row is picked when
   its exact score is above the upper bound of every row that has none: as long as no row is outside
   its bound, the picks are those of the exact ranking, in its order, for any budget and quota.
4. Every exact score checks the bound. Where one asks for more, B grows and the walk goes on.
Where a model's score of a row moves with what is read beside it, by rounding, scores that are equal
up to that may change places.
A row without a cheap score has no bound: such rows are scored exactly before anything is picked. A
sample that measures nothing, its rows having no exact score, leaves all rows to the exact model.
Bounds of the score itself, as IFD's at most 1, are those of `threshold`; a row that is surely
beyond them is not scored exactly.
The bound is measured, not proven. The manifest tells `bound`, which is B (null: nothing was
measured); how many rows were `scored_exactly` and how many had no cheap score
(`without_first_look`); of the second half of the sample, which the bound had not seen, how many
were `checked` and how many of them `outside`: with none of m outside, at most 3 / m of all rows
are, 95 times in 100; how many were outside when they came later (`outside_later`); how many picks
there were before B last grew, which a row not read by then may belong above
(`picked_before_growth`); and how many came after a pick that they belong above (`out_of_order`;
where it is 0, no pick is wrong by what B became in the end).
Exact scores are the column `ifd, by cascade` (by its own score), `not_scored` for the other rows. A
row that was asked is dropped with its reason where it has no score or one beyond the limits; of
rows that were not asked nothing is known.
Not a published method; FastText-then-large filters and Superfiltering (arXiv:2402.00530) rank by
the small model alone, and nobody measures what that loses.
Oracle: the ranking by exact scores of all rows, which it must equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import Reference, parse
from tamis.registry import find
from tamis.run.session import Run
from tamis.selectors._rows import Picks
from tamis.selectors.random import uniform
from tamis.spec import recipe
from tamis.types import Column, ColumnName, Dataset, Floats, Ints, Pool, Selection, masks, order_by

BLOCK = (32, 512)
"""How many rows are scored exactly at a time, at least and at most; between them 1 in 64."""
LENGTH = "tokens(of=response)"
"""The column by which errors are scaled."""
NOT_SCORED = "not_scored"


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
        by: the score, of a scorer that reads a language model and each row by itself
        cheap_model: another, smaller model for the first look; the same one where none is named
        cheap_dtype: precision of the first look
        first: which end of the score is best
        at_least: lower bound of the score, itself allowed
        at_most: upper bound of the score, itself allowed
        sample: rows scored exactly to measure the error of the first look
        margin: how many times the largest error seen is taken for possible
        seed: decides the sample
    """
    if sample < 4 or not 1 <= margin < inf:
        raise UserError("cascade: sample must be at least 4 and margin at least 1")
    if not at_least <= at_most:
        raise UserError(f"cascade: at_least={at_least} is above at_most={at_most}")
    which = {"dtype": cheap_dtype, **({"model": cheap_model} if cheap_model else {})}
    quick = first_look(run, data, parse(by), which)
    exact = Exact(run, data, str(parse(by)))
    exact(np.empty(0, np.int64))  # no score but vectors, say: told before anything is read
    pool, limit = run.payable(data, [quick, LENGTH], budget)
    sign = 1.0 if first == "high" else -1.0
    walk = Walk(
        sign * pool.scores(quick),
        unit_of(pool.scores(LENGTH)),
        pool.ids,
        lambda rows: sign * exact(rows),
        limits=(at_least, at_most) if first == "high" else (-at_most, -at_least),
        margin=margin,
    )
    seen = np.flatnonzero(~walk.blind)
    drawn = order_by(uniform(pool.ids[seen].tolist(), seed), pool.ids[seen], descending=False)
    walk.calibrate(seen[drawn[:sample]])
    chosen = Selection.take(pool, limit, walk.picks())
    dropped = {**exact.tell(pool, limit), **exact.beyond(at_least, at_most)}
    told = {**chosen.info, "first_look": quick, **walk.report()}
    return replace(chosen, gains=sign * chosen.gains, info=told, dropped=dropped)


def first_look(run: Run, data: Dataset, by: Reference, which: dict[str, str]) -> str:
    """The reference of the cheap score; raises UserError where there is none."""
    spec = find(by.method, kinds=("score",), allow_code=run.allow_code)
    if spec.scope != "row" or not spec.reads_model:
        raise UserError(
            "cascade: by must be a score that a language model gives to each row by itself, such "
            f"as ifd or perplexity, and {by.method} is none"
        )
    quick = str(Reference(by.method, {**by.params, **which}))
    one, two = (run.plan(data, [name])[-1].key for name in (quick, str(by)))
    # a model handed over as an object is what it is in any precision
    if one == two and isinstance(run.model, str):
        raise UserError(
            f"cascade: {quick} is the exact score itself: name another cheap_model or cheap_dtype"
        )
    return quick


def unit_of(tokens: Floats) -> Floats:
    """How the error of a row is scaled, by the tokens of its answer; 1 where they are not known."""
    return np.asarray(1 / np.sqrt(np.fmax(tokens, 1)), np.float64)


class Exact:
    """Exact scores of the rows that are asked for, and why some have none.

    Args:
        run: what scores them
        data: all rows
        by: the score as it is written
    """

    def __init__(self, run: Run, data: Dataset, by: str) -> None:
        self.run, self.data, self.by = run, data, by
        self.values = np.full(len(data), np.nan)
        self.problem = np.full(len(data), NOT_SCORED, object)
        self._log: list[dict[str, Any]] = []

    def __call__(self, rows: Ints) -> Floats:
        before = len(self.run.log)
        found = self.run.score(self.data.take(rows), [self.by])
        self._log += self.run.log[before:]
        del self.run.log[before:]
        self.values[rows] = found.scores(self.by)
        self.problem[rows] = found.column(self.by).problem.to_pylist()
        return self.values[rows]

    def tell(self, pool: Pool, limit: Budget) -> dict[str, Ints]:
        """Leaves a column and one entry in the log; returns the rows without a score by reason.

        Raises UserError where a quota asks for more rows than have a score.
        """
        why = masks(self.problem.tolist())
        # no reference can be written so: nothing takes the column for the score of all rows
        name = f"{self.by}, by cascade"
        self.run.computed[self.data.fingerprint, name] = Column.floats(self.values, **why)
        if self._log:
            self.run.log.append(summed(self._log))
        why.pop(NOT_SCORED, None)
        dropped = {f"{self.by}: {p}": np.flatnonzero(rows) for p, rows in why.items()}
        if limit.quotas and dropped:
            left = np.setdiff1d(np.arange(len(pool)), np.concatenate(list(dropped.values())))
            Selection.take(pool.take(left), limit, ())
        return dropped

    def beyond(self, at_least: float, at_most: float) -> dict[str, Ints]:
        """The rows whose exact score is beyond the limits, by reason as `threshold` says it."""
        found = {
            f"{self.by} below {at_least:g}": np.flatnonzero(self.values < at_least),
            f"{self.by} above {at_most:g}": np.flatnonzero(self.values > at_most),
        }
        return {reason: rows for reason, rows in found.items() if len(rows)}


def summed(log: list[dict[str, Any]]) -> dict[str, Any]:
    """One entry for a column that was scored block by block."""
    problems: Counter[str] = Counter()
    for entry in log:
        problems.update(entry["without_score"])
    rows, seconds = (sum(entry[what] for entry in log) for what in ("rows", "seconds"))
    return {**log[0], "rows": rows, "without_score": dict(problems), "seconds": seconds}


class Walk:
    """Rows in the order of exact scores, highest first, of which as few as possible are computed.

    Args:
        guesses: the cheap score of each row; where it is not finite, any exact score is possible
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
        self.blind = ~np.isfinite(guesses)
        self.guesses, self.unit = np.where(self.blind, 0.0, guesses), unit
        self.place = np.empty(len(ids), np.int64)  # of each row in the order of ids
        self.place[np.argsort(ids, kind="stable")] = np.arange(len(ids))
        self.limits, self.margin, self._exact = limits, margin, exact
        self.known = np.full(len(guesses), np.nan)
        self.asked = np.zeros(len(guesses), bool)
        self.bound = inf  # B: the error of row i is taken to be at most B unit_i
        self.line = (1.0, 0.0)  # exact score = slope x guess + shift
        self.checked = self.outside = self.outside_later = 0
        self.picked = self.picked_before_growth = self.out_of_order = 0

    def calibrate(self, sample: Ints) -> None:
        """Fits the line and the bound on half of a sample and checks both on the other half.

        Where a half has no error to measure, the bound stays infinite.
        """
        half, rest = sample[: len(sample) // 2], sample[len(sample) // 2 :]
        self._ask(sample)
        there = half[np.isfinite(self.known[half])]
        if len(there) > 2 and np.ptp(self.guesses[there]) > 0:
            slope, shift = np.polyfit(self.guesses[there], self.known[there], 1)
            self.line = (float(slope), float(shift))
        self.checked = len(self._errors(rest))
        if self.checked and len(self._errors(half)):
            self.bound = self._needed(half)
            self.outside = self._outside(rest)
            self.bound = max(self.bound, self._needed(rest))

    def picks(self) -> Picks:
        """(place, exact score), the highest first."""
        best: list[tuple[float, int, int]] = []
        self._push(best, np.flatnonzero(self.asked))
        block, ceiling = self._highest()
        lowest = (-inf, -1)
        while True:
            # a row that may reach the same score may have the smaller id: it is asked too
            while len(block) and (not best or -best[0][0] <= ceiling):
                self._ask(block)
                self._check(block)
                self._push(best, block)
                block, ceiling = self._highest()
            if not best:
                return
            score, place, at = heappop(best)
            self.out_of_order += (score, place) < lowest
            lowest = max(lowest, (score, place))
            taken = yield at, -score
            self.picked += taken is not False

    def report(self) -> dict[str, float | None]:
        """What the manifest tells."""
        return {
            "scored_exactly": int(self.asked.sum()),
            "without_first_look": int(self.blind.sum()),
            "bound": self.bound if self.bound < inf else None,
            "checked": self.checked,
            "outside": self.outside,
            "outside_later": self.outside_later,
            "picked_before_growth": self.picked_before_growth,
            "out_of_order": self.out_of_order,
        }

    def _expected(self, places: Ints) -> Floats:
        slope, shift = self.line
        return slope * self.guesses[places] + shift

    def _highest(self) -> tuple[Ints, float]:
        """The next rows to score exactly, and the highest score that any row without one can have.

        Rows that are surely beyond the limits are left out.
        """
        left = np.flatnonzero(~self.asked)
        spread = np.where(self.blind[left], inf, self.bound * self.unit[left])
        found = self._expected(left)
        within = (found + spread >= self.limits[0]) & (found - spread <= self.limits[1])
        left, upper = left[within], (found + spread)[within]
        if not len(left):
            return left, -inf
        size = int(np.clip(len(self.guesses) // 64, *BLOCK))
        return left[np.lexsort((self.place[left], -upper))[:size]], float(upper.max())

    def _ask(self, places: Ints) -> None:
        if len(places):
            self.known[places] = self._exact(places)
        self.asked[places] = True

    def _check(self, places: Ints) -> None:
        """Counts what is outside the bound, and lets it grow."""
        self.outside_later += self._outside(places)
        needed = self._needed(places)
        if needed > self.bound:
            self.bound, self.picked_before_growth = needed, self.picked

    def _errors(self, places: Ints) -> Floats:
        """How far exact scores are from what was expected, where there are both."""
        both = places[~np.isnan(self.known[places]) & ~self.blind[places]]
        return np.asarray(np.abs(self.known[both] - self._expected(both)) / self.unit[both])

    def _needed(self, places: Ints) -> float:
        """The bound that these rows ask for."""
        return self.margin * float(self._errors(places).max(initial=0.0))

    def _outside(self, places: Ints) -> int:
        return int((self._errors(places) > self.bound).sum())

    def _push(self, best: list[tuple[float, int, int]], places: Ints) -> None:
        for at in places.tolist():
            if self.limits[0] <= self.known[at] <= self.limits[1]:  # false for NaN
                heappush(best, (-float(self.known[at]), int(self.place[at]), at))
