"""Greedy maximisation where what a row adds never rises: the same picks, few of the evaluations.

Formula: always pick argmax_j f(S + j) - f(S), the gain of j. For a monotone submodular f the value
reached is at least 1 - 1/e of the best possible for as many rows (Nemhauser et al. 1978). Gains
never rise, so an old gain is an upper bound, and only rows whose bound tops the best known gain
are evaluated again (Minoux 1978): the most promising first, in batches that double.
Gains that differ by less than a millionth, or by `noise`, are ties and go by position: rounding is
of that size, and two rows that only stand for each other add the same.
Certificate: for any set of k rows, f <= f(S) + the k largest gains that are left (Leskovec 2007),
and, where no quota refused a row, f <= f(S) / (1 - (1 - 1/k)^k).
Oracle: the loop that evaluates every row in every step; brute force over all subsets.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tamis.errors import UserError
from tamis.selectors._rows import Picks
from tamis.types import Floats, Ints

FIRST, BATCH = 4, 512
"""Rows evaluated at a time: a few at first, then twice as many."""

FRONT = 1024
TIE = 1e-6  # of the gain


def first_best(values: Floats, within: float) -> int:
    """The first position whose value is the largest, or short of it by no more than `within`."""
    return int((values >= values.max() - within).argmax())


class Objective(Protocol):
    """A set function: what rows would add to the rows added so far."""

    def gains(self, rows: Ints) -> Floats:
        """What each of these rows would add now; never more than it would have added before."""
        ...

    def add(self, row: int) -> None:
        """Takes a row into the set."""
        ...


class Walk(Protocol):
    """A walk over all rows: its picks, and the value of those taken so far."""

    value: float

    def picks(self) -> Picks:
        """(row, gain), one after the other."""
        ...

    def certificate(self) -> dict[str, Any]:
        """The value reached, and what is known of the best."""
        ...


def walk_of(
    objective: Objective, rows: int, candidates: int, seed: int, noise: float = 0.0
) -> Walk:
    """A greedy walk, or a stochastic one where candidates are drawn in each step."""
    if candidates < 0:
        raise UserError(f"candidates must be 0 (all rows) or more, got {candidates}")
    if candidates:
        return Sampled(objective, rows, candidates, seed, noise)
    return Greedy(objective, rows, noise)


class Sampled:
    """Stochastic greedy (arXiv:1409.7938): each step takes the best of rows drawn by the seed."""

    def __init__(
        self, objective: Objective, rows: int, candidates: int, seed: int, noise: float = 0.0
    ) -> None:
        self.value = 0.0
        self._noise = noise
        self._objective, self._candidates = objective, candidates
        self._left = np.arange(rows)
        self._generator = np.random.default_rng(seed % 2**32)

    def picks(self) -> Picks:
        """(row, gain) of the best candidate of each step."""
        while len(self._left):
            places = self._draw()
            rows = self._left[places]
            gains = self._objective.gains(rows)
            tied = gains >= gains.max() - max(TIE * abs(gains.max()), self._noise)
            best = int(np.flatnonzero(tied)[rows[tied].argmin()])
            row, gain = int(rows[best]), float(gains[best])
            self._left[places[best]] = self._left[-1]
            self._left = self._left[:-1]
            if (yield row, gain) is False:
                continue
            self._objective.add(row)
            self.value += gain

    def certificate(self) -> dict[str, Any]:
        """The value reached; the bound on the optimum holds on average only and is not given."""
        return {"value": self.value}

    def _draw(self) -> Ints:
        if len(self._left) <= self._candidates:
            return np.arange(len(self._left))
        drawn = self._generator.integers(len(self._left), size=self._candidates)
        return np.asarray(np.unique(drawn), np.int64)


class Greedy:
    """A lazy greedy walk over all rows: `picks` are its rows, `certificate` what they are worth.

    The rows with the largest bounds make up the front; the others are looked at only when the front
    holds no row that is certain to be the best.
    """

    def __init__(self, objective: Objective, rows: int, noise: float = 0.0) -> None:
        self.value = 0.0
        self._noise = noise
        self._refused = False
        self.steps = 0
        self._objective = objective
        self._bounds = objective.gains(np.arange(rows)) if rows else np.empty(0)
        self._seen = np.zeros(rows, np.int64)  # the step in which a row was evaluated last
        self._left = rows
        self._passed: list[int] = []  # offered and not taken
        self._front = np.empty(0, np.int64)
        self._outside = np.inf  # the largest bound that is not in the front

    def picks(self) -> Picks:
        """(row, gain), the largest gain first."""
        while self._left:
            row, gain = self._best()
            if 0 <= gain <= self._noise:
                yield from self._others()
                return
            self._drop(row)
            self._passed.append(row)
            if (yield row, gain) is False:
                self._refused = True
                continue
            self._passed.pop()
            self._objective.add(row)
            self.value += gain
            self.steps += 1

    def _others(self) -> Picks:
        """The rows that are left when none adds anything: in their order, not evaluated again."""
        self._left = 0
        for row in np.flatnonzero(self._bounds > -np.inf).tolist():
            if (yield row, 0.0) is False:
                self._refused = True
            else:
                self.steps += 1

    def certificate(self) -> dict[str, Any]:
        """The value reached, and what the best set of as many rows can have at most."""
        most = np.inf if self.steps else 0.0
        if self.steps and not self._refused:  # a walk within quotas may be farther from the best
            most = self.value / (1 - (1 - 1 / self.steps) ** self.steps)
        largest: list[float] = []
        if self._left:  # the bounds of the others are bounds still
            first = np.argsort(-self._bounds, kind="stable")[: min(2 * self.steps, self._left)]
            if len(first):
                gains = self._objective.gains(first)
                self._bounds[first] = np.minimum(self._bounds[first], gains)
            largest = self._bounds[self._bounds > -np.inf].tolist()
        if self._passed:  # refused, or drawn after the budget was spent: a better set may hold them
            largest += self._objective.gains(np.array(self._passed)).tolist()
        left = sum(sorted(largest, reverse=True)[: self.steps])
        return {"value": self.value, "optimum_at_most": min(most, self.value + left)}

    def _drop(self, row: int) -> None:
        self._bounds[row] = -np.inf
        self._left -= 1

    def _best(self) -> tuple[int, float]:
        """The row with the largest gain; the first of those that tie."""
        size, reach = FIRST, FRONT
        while True:
            bounds = self._bounds[self._front]
            fresh = self._seen[self._front] == self.steps
            known = float(bounds[fresh].max(initial=-np.inf))
            least = known - max(TIE * abs(known), self._noise) if known > -np.inf else known
            stale = self._front[~fresh & (bounds >= least) & (bounds > -np.inf)]
            if not len(stale) and self._outside >= least:
                self._refill(reach)
                reach *= 2
                continue
            if not len(stale):
                return int(self._front[fresh & (bounds >= least)].min()), known
            if len(stale) > size:
                stale = stale[np.argpartition(-self._bounds[stale], size - 1)[:size]]
            # rounding must not let a gain rise
            self._bounds[stale] = np.minimum(self._bounds[stale], self._objective.gains(stale))
            self._seen[stale] = self.steps
            size = min(2 * size, BATCH)

    def _refill(self, reach: int) -> None:
        """Makes the front the rows with the largest bounds."""
        if len(self._bounds) <= reach:
            self._front, self._outside = np.arange(len(self._bounds)), -np.inf
            return
        order = np.argpartition(-self._bounds, reach)
        self._front = np.sort(order[:reach])
        self._outside = float(self._bounds[order[reach]])
