"""Rates of settled judgments of one judge: counts, means with intervals, positions, lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.intervals import Interval, symmetric, wilson
from tamis.types import Floats, Ints, Mask

_AT_ONCE = 1 << 22  # draws in memory
_CHEAPER = 12  # a draw of a group's count costs as much as so many draws of rows


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The settled judgments of one judge, an entry a prompt; NaN where there is nothing."""

    sets: NDArray[Any]
    ids: NDArray[Any]
    problem: NDArray[Any]  # why a prompt is left out, None where it counts
    preference: Floats
    verdict: Floats  # 1 won, 0 tie, -1 lost
    ours_first: Floats  # the preference of that order
    theirs_first: Floats
    our_length: Floats
    their_length: Floats
    difficulty: Floats
    partly: Floats  # 1 where the judge's word failed in some order

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, rows: Mask | Ints) -> Verdicts:
        """The named prompts."""
        return Verdicts(*[getattr(self, name)[rows] for name in self.__slots__])

    @property
    def counts(self) -> Mask:
        """The prompts that are not left out."""
        return ~np.isnan(self.verdict)


@dataclass(frozen=True, slots=True)
class Positions:
    """What the order of the answers did, on pairs judged in both; shares in percent."""

    pairs: int
    turned: Interval  # the verdict is another one in the other order
    reversed: Interval  # the winner is the other one in the other order
    first: Interval  # mean preference for the answer shown first; 50 is no bias

    def told(self) -> dict[str, Any]:
        shares = ("turned", "reversed", "first")
        return {"pairs": self.pairs, **{name: getattr(self, name).told() for name in shares}}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Mean characters of the answers, and in percent how often the longer one won."""

    pairs: int
    ours: float
    theirs: float
    longer_won: Interval  # of the pairs with a winner and with lengths that differ
    decided: int

    def told(self) -> dict[str, Any]:
        means = {"ours": finite(self.ours), "theirs": finite(self.theirs)}
        won = {"longer_won": self.longer_won.told(), "decided": self.decided}
        return {"pairs": self.pairs, **means, **won}


@dataclass(frozen=True, slots=True)
class Rate:
    """One line of the table: a set of prompts, or the total of all sets."""

    set: str
    total: int  # pairs that count
    wins: int
    ties: int
    losses: int
    winning_score: Interval
    win_rate: Interval
    standard_error: float
    discrete_win_rate: Interval
    left_out: Mapping[str, int]  # reason -> pairs
    partly: int  # pairs that count though the judge's word failed in some order
    positions: Positions
    lengths: Lengths

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        plain = ("set", "total", "wins", "ties", "losses")
        intervals = ("winning_score", "win_rate", "discrete_win_rate")
        return {
            **{name: getattr(self, name) for name in plain},
            **{name: getattr(self, name).told() for name in intervals},
            "standard_error": finite(self.standard_error),
            "left_out": dict(self.left_out),
            "partly": self.partly,
            "positions": self.positions.told() if self.positions.pairs else None,
            "lengths": self.lengths.told() if self.lengths.pairs else None,
        }


def finite(value: float | None) -> float | None:
    """The number as JSON takes it: None for NaN."""
    return None if value is None or not isfinite(value) else value


def rate(name: str, given: Verdicts, resamples: int, seed: int) -> Rate:
    """The rates of these prompts, with percentile intervals of so many bootstrap samples."""
    kept = given.of(given.counts)
    wins, ties, losses = (int((kept.verdict == v).sum()) for v in (1, 0, -1))
    mean, sign = bootstrap(kept.preference, kept.verdict, resamples, seed)
    return Rate(
        name,
        len(kept),
        wins,
        ties,
        losses,
        winning_score=sign.scaled(1, 1),
        win_rate=mean.scaled(100),
        standard_error=100 * _standard_error(kept.preference),
        discrete_win_rate=sign.scaled(50, 50),
        left_out=dict(Counter(given.problem[~given.counts].tolist()).most_common()),
        partly=int(kept.partly.sum()),
        positions=_positions(kept),
        lengths=_lengths(kept),
    )


def _standard_error(values: Floats) -> float:
    return float(np.std(values, ddof=1)) / sqrt(len(values)) if len(values) > 1 else nan


def bootstrap(
    first: Floats, second: Floats, resamples: int, seed: int
) -> tuple[Interval, Interval]:
    """Means of two columns of the same prompts, with the percentiles of means of resampled prompts.

    Prompts are drawn in the order of their values, so that the order of a file changes nothing.
    Where few values repeat often, it is drawn how often each occurs, which is the same and cheaper.
    """
    rows = len(first)
    if not rows:
        return Interval(nan), Interval(nan)
    values, count = np.unique(np.column_stack([first, second]), axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    means = np.empty((resamples, 2))
    grouped = len(values) * _CHEAPER < rows
    listed = values if grouped else np.repeat(values, count, axis=0)
    paired = listed[:, 0] + 1j * listed[:, 1]
    step = max(1, _AT_ONCE // len(listed))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if grouped:
            drawn = random.multinomial(rows, count / rows, size=size)
            means[start : start + size] = drawn @ values / rows
        else:
            drawn = random.integers(0, rows, size=(size, rows), dtype=np.int32)
            both = paired[drawn].mean(axis=1)  # both columns at once, as one complex number
            means[start : start + size] = np.column_stack([both.real, both.imag])
    return _percentiles(first, means[:, 0]), _percentiles(second, means[:, 1])


def _percentiles(values: Floats, means: Floats) -> Interval:
    value = float(values.mean())
    if not len(means) or not np.ptp(values) > 0:
        return Interval(value)  # prompts that are all alike say nothing about their spread
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def _positions(kept: Verdicts) -> Positions:
    both = ~(np.isnan(kept.ours_first) | np.isnan(kept.theirs_first))
    ours, theirs = kept.ours_first[both], kept.theirs_first[both]
    pairs = len(ours)
    if not pairs:
        return Positions(0, *[Interval(nan)] * 3)
    one, other = np.sign(ours - 0.5), np.sign(theirs - 0.5)
    turned, reversed_ = float((one != other).mean()), float((one * other < 0).mean())
    front = (ours + 1 - theirs) / 2
    return Positions(
        pairs,
        wilson(turned, pairs).scaled(100),
        wilson(reversed_, pairs).scaled(100),
        symmetric(float(front.mean()), front).scaled(100),
    )


def _lengths(kept: Verdicts) -> Lengths:
    known = ~(np.isnan(kept.our_length) | np.isnan(kept.their_length))
    ours, theirs = kept.our_length[known], kept.their_length[known]
    if not len(ours):
        return Lengths(0, nan, nan, Interval(nan), 0)
    agree = np.sign(ours - theirs) * kept.verdict[known]
    decided = int((agree != 0).sum())
    share = float((agree > 0).sum()) / decided if decided else nan
    won = wilson(share, decided).scaled(100) if decided else Interval(nan)
    return Lengths(len(ours), float(ours.mean()), float(theirs.mean()), won, decided)
