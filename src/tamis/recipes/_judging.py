"""The walk of `judge_cascade`: which rows to judge next, when to pick, and what that leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from math import ceil, inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.agreement import compared, spearman
from tamis.errors import UserError
from tamis.intervals import Interval
from tamis.prediction_powered import mean_interval
from tamis.recipes._isotonic import isotonic
from tamis.recipes._recall import Urn, recall_of
from tamis.recipes.cascade import BLOCK
from tamis.selectors._rows import Picks
from tamis.types import Floats, Ints, Mask

GROWTH = 1.25
"""How much larger each goal is than the one before."""


class Judging:
    """Judges rows in the order of what is expected of them, and picks goal after goal.

    Args:
        cheap: the cheap score of each row, NaN where there is none
        ids: ties go by them
        judge: places -> scores, the highest best; NaN where there is none
        audit: rows drawn at random, judged at once; a quarter of them fits, the others check
        recall: the share of the best rows to have before any is picked
        allowed: how many rows may be judged
        best: the highest score that there can be
    """

    def __init__(
        self,
        cheap: Floats,
        ids: NDArray[np.str_],
        judge: Callable[[Ints], Floats],
        *,
        audit: Ints,
        recall: float,
        allowed: int,
        best: float = inf,
    ) -> None:
        self.best = best
        self.cheap, self.audit, self.recall = np.asarray(cheap), audit, recall
        self._judge, self.left = judge, allowed
        self.known = np.full(len(ids), np.nan)
        self.asked = np.zeros(len(ids), bool)
        fit = audit[: len(audit) // 4]
        self.smallest = smallest_goal(Urn(len(ids) - len(fit), len(audit) - len(fit)), recall)
        self._ask(audit)
        self.expected, oriented = expect(self.cheap, self.known, fit)
        order = np.lexsort((ids, -oriented, -self.expected)).astype(np.int64)
        self.rank = np.empty_like(order)  # of each row in the order of judging
        self.rank[order] = np.arange(len(order))
        self.order = order[~np.isin(order, fit)]
        self.check: Mask = np.isin(self.order, audit)
        self.at = 0  # rows of the order that were reached
        self.goal = 0
        self.heard: list[int] = []  # rows that were picked, or refused by a quota

    @property
    def urn(self) -> Urn:
        """The rows that the order has not reached, and those of the check among them."""
        return Urn(len(self.order) - self.at, int(self.check[self.at :].sum()))

    def beyond(self) -> Floats:
        """Scores of the check's rows that the order has not reached, in rising order."""
        found = self.known[self.order[self.at :][self.check[self.at :]]]
        return np.sort(found[~np.isnan(found)])

    def picks(self, costs: Ints, budget: int) -> Picks:
        """(place, judge's score), the highest first within each goal, while a row can be paid."""
        best: list[tuple[float, int, int]] = []
        self._push(best, np.flatnonzero(self.asked))
        cheapest = max(int(costs.min(initial=budget)), 1)
        for goal in self._goals():
            self.goal = goal
            while self._more() and not self.shown():
                self._push(best, self._block())
            while len(self.heard) < goal:
                while not best and self._more():
                    self._push(best, self._block())
                if not best:
                    return
                score, _, row = heappop(best)
                taken = yield row, -score
                self.heard.append(row)
                budget -= 0 if taken is False else int(costs[row])
                if budget < cheapest:  # asking for one more could mean rows to be judged
                    return

    def shown(self) -> bool:
        """Whether the best rows judged are surely most of the best rows of all, for the goal."""
        scores = self.known[~np.isnan(self.known)]
        for goal in (self.goal, max(self.goal, self.smallest)):
            lost = int((1 - self.recall) * goal + 1e-9)
            place = len(scores) - (goal - lost)  # the rows before it may be lost
            if 0 <= place < len(scores):
                cut = float(np.partition(scores, place)[place])
                if self._unknown(self.urn.most)(cut) <= lost:
                    return True
        return False

    def _unknown(self, of: Callable[[int], int]) -> Callable[[float], int]:
        """How many rows that nobody judged are better than a score: likely, most or least."""
        beyond = self.beyond()
        return lambda score: 0 if score >= self.best else of(above(beyond, score))

    def recalled(self) -> Interval:
        """The share of the best rows that are among those heard of, as many as those are."""
        heard = np.asarray(self.heard, np.int64)
        others = np.setdiff1d(np.flatnonzero(~np.isnan(self.known)), heard)
        urn, scores = self.urn, (np.sort(self.known[heard])[::-1], np.sort(self.known[others]))
        return recall_of(*scores, *map(self._unknown, (urn.likely, urn.most, urn.least)))

    def mean(self, sign: float) -> tuple[Interval, Interval]:
        """The judge's mean over the pool: prediction-powered from the check, and of the audit.

        Rows judged later do not count, as they ended where the check showed few good rows beyond:
        the check beyond is no random sample of the rows there. Where all are judged it is exact.
        """
        known, there = sign * self.known, ~np.isnan(self.known)
        if self.asked.all():
            value = float(known[there].mean()) if there.any() else nan
            return Interval(value, value, value), Interval(value, value, value)
        audit = self.audit[there[self.audit]]
        check = np.flatnonzero(self.check)
        answered = check[there[self.order[check]]]
        fit = known[self.audit[: len(self.audit) - len(check)]]
        if not len(answered):
            return Interval(nan), Interval(nan)
        audited = mean_interval(self.expected, audit, known[audit], weight=0.0)
        predicted = sign * self.expected[self.order]
        found = mean_interval(predicted, answered, known[self.order[answered]])
        rest = len(self.order) * len(answered) / len(check)  # rows that would have an answer
        total = rest + np.count_nonzero(~np.isnan(fit))
        return found.scaled(rest / total, float(np.nansum(fit)) / total), audited

    def report(self, sign: float) -> dict[str, Any]:
        """What the manifest tells."""
        all_judged, shown = bool(self.asked.all()), self.shown()
        pair = compared("cheap", "judge", self.cheap[self.audit], sign * self.known[self.audit])
        mean, audited = self.mean(sign)
        picked = self.known[self.heard]
        return {
            "judged": int(self.asked.sum()),
            "share": float(self.asked.mean()) if len(self.asked) else 0.0,
            "stopped": "all" if all_judged else "recall" if shown else "most",
            "goal": self.goal,
            "smallest_goal": self.smallest,
            "recall": self.recalled().told(),
            "audit": len(self.audit),
            "check": int(self.check.sum()),
            "without_answer": int((self.asked & np.isnan(self.known)).sum()),
            "without_cheap": int(np.isnan(self.cheap).sum()),
            "spearman": pair.spearman.told(),
            "kendall": pair.kendall.told(),
            "mean": mean.told(),
            "mean_of_audit": audited.told(),
            "out_of_order": int((picked[1:] > np.minimum.accumulate(picked)[:-1]).sum()),
        }

    def _goals(self) -> Iterator[int]:
        """Each a quarter larger; where the best score is known, a goal may be met by it alone."""
        goal = self.smallest if self.best == inf else 1
        while goal < len(self.known):
            yield goal
            goal = ceil(GROWTH * goal)
        yield len(self.known)

    def _more(self) -> bool:
        """Whether there is a row that can be judged yet."""
        return self.left > 0 and self.at < len(self.order)

    def _block(self) -> Ints:
        """Judges the next rows of the order; returns those that were not judged before."""
        size = int(np.clip(len(self.known) // 64, *BLOCK))
        block = self.order[self.at : self.at + size]
        ahead = np.cumsum(~self.asked[block])
        block = block[ahead <= self.left]
        self.at += len(block)
        new = block[~self.asked[block]]
        self._ask(new)
        return new

    def _ask(self, rows: Ints) -> None:
        if len(rows):
            self.known[rows] = self._judge(rows)
        self.asked[rows] = True
        self.left -= len(rows)

    def _push(self, best: list[tuple[float, int, int]], rows: Ints) -> None:
        for row in rows[~np.isnan(self.known[rows])].tolist():
            heappush(best, (-float(self.known[row]), int(self.rank[row]), row))


def smallest_goal(urn: Urn, recall: float) -> int:
    """The fewest picks of which a check can show the recall; raises UserError where there are none.

    It takes a check that sees none of the better rows.
    """
    goal = max(ceil(urn.most(0) / (1 - recall) - 1e-9), 1)
    if urn.drawn < urn.rows and goal > urn.rows:
        raise UserError(
            f"judge_cascade: this audit shows a recall of {recall} for no budget at all; raise "
            f"audit to {ceil(4 / (1 - recall)):,} rows at least, better ten times as many, or "
            "lower recall"
        )
    return goal


def above(scores: Floats, score: float) -> int:
    """How many scores, in rising order, are above one."""
    return len(scores) - int(np.searchsorted(scores, score, "right"))


def expect(cheap: Floats, known: Floats, fit: Ints) -> tuple[Floats, Floats]:
    """What the judge may be expected to say of each row, and cheap scores turned its way.

    Rows without a cheap score get the mean of such rows, or of all where there are none; they come
    last among rows of which the same is expected.
    """
    blind = np.isnan(cheap)
    seen = fit[~np.isnan(known[fit])]
    both, neither = seen[~blind[seen]], seen[blind[seen]]
    falls = spearman(cheap[both], known[both])[0] < 0 if len(both) else False
    oriented = np.where(blind, -np.inf, -cheap if falls else cheap)
    line = isotonic(oriented[both], known[both])
    usual = neither if len(neither) else seen
    level = float(known[usual].mean()) if len(usual) else 0.0
    return np.where(blind, level, line(np.where(blind, 0.0, oriented))), oriented
