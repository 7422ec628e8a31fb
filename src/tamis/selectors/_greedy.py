"""Greedy maximisation where what a row adds never rises: the same picks, few of the evaluations.

Formula: always pick argmax_j f(S + j) - f(S), the gain of j. For a monotone submodular f the value
reached is at least 1 - 1/e of the best possible for as many rows (Nemhauser et al. 1978). Gains
never rise, so an old gain is an upper bound, and only rows whose bound tops the best known gain
are evaluated again (Minoux 1978): the most promising first, in batches that double.
Gains that differ by less than a millionth are ties and go by position, as rounding is of that size.
Certificate: for any set of k rows, f <= f(S) + the k largest gains that are left (Leskovec 2007),
and never more than f(S) / (1 - (1 - 1/k)^k).
Oracle: the loop that evaluates every row in every step; brute force over all subsets.
"""

from __future__ import annotations

import heapq
from typing import Any, Protocol

import numpy as np

from tamis.selectors._rows import Picks
from tamis.types import Floats, Ints

BATCH = 512
TIE = 1e-6  # of the gain


class Objective(Protocol):
    """A set function: what rows would add to the rows added so far."""

    def gains(self, rows: Ints) -> Floats:
        """What each of these rows would add now; never more than it would have added before."""
        ...

    def add(self, row: int) -> None:
        """Takes a row into the set."""
        ...


class Greedy:
    """A lazy greedy walk over all rows: `picks` are its rows, `certificate` what they are worth."""

    def __init__(self, objective: Objective, rows: int) -> None:
        self.objective = objective
        self.value = 0.0
        self.steps = 0
        self._seen = np.zeros(rows, np.int64)  # the step in which a row was evaluated last
        first = objective.gains(np.arange(rows)) if rows else np.empty(0)
        self._heap = list(zip((-first).tolist(), range(rows), strict=True))
        heapq.heapify(self._heap)

    def picks(self) -> Picks:
        """(row, gain), the largest gain first."""
        while self._heap:
            row, gain = self._best()
            if (yield row, gain) is False:
                continue
            self.objective.add(row)
            self.value += gain
            self.steps += 1

    def certificate(self) -> dict[str, Any]:
        """The value reached, and what the best set of as many rows can have at most."""
        most = self.value / (1 - (1 - 1 / self.steps) ** self.steps) if self.steps else 0.0
        left: list[tuple[int, float]] = []
        while self._heap and len(left) < self.steps:
            left.append(self._best())
        for row, gain in left:
            heapq.heappush(self._heap, (-gain, row))
        most = min(most, self.value + sum(gain for _, gain in left))
        return {"value": self.value, "optimum_at_most": most}

    def _best(self) -> tuple[int, float]:
        """Takes the row with the largest gain off the heap; the first of those that tie."""
        self._refresh()
        gain = -self._heap[0][0]
        tied = [heapq.heappop(self._heap)]
        while self._heap and -self._heap[0][0] >= gain - TIE * abs(gain):
            self._refresh()
            if -self._heap[0][0] >= gain - TIE * abs(gain):
                tied.append(heapq.heappop(self._heap))
        best = min(tied, key=lambda entry: entry[1])
        for entry in tied:
            if entry is not best:
                heapq.heappush(self._heap, entry)
        return best[1], -best[0]

    def _refresh(self) -> None:
        """Evaluates rows until the top of the heap is one that was evaluated in this step."""
        size = 1
        while self._seen[self._heap[0][1]] != self.steps:
            stale: list[tuple[float, int]] = []
            while self._heap and len(stale) < size and self._seen[self._heap[0][1]] != self.steps:
                stale.append(heapq.heappop(self._heap))
            rows = np.array([row for _, row in stale])
            for (bound, row), gain in zip(stale, self.objective.gains(rows), strict=True):
                # rounding must not let a gain rise
                heapq.heappush(self._heap, (max(bound, -float(gain)), row))
            self._seen[rows] = self.steps
            size = min(2 * size, BATCH)
