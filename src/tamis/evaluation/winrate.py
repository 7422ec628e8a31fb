"""Win rates out of pairwise judgments, for each pair of generators, judge and set of prompts.

Formulas, over the pairs of answers that count: the verdict of a pair is the sign of the sum of the
signs of its orders; winning score = (wins - losses) / total + 1, from 0 to 2; win rate = 100 x mean
preference, the mean over orders first; standard error = 100 x standard deviation / sqrt(total);
discrete win rate = 100 x (wins + ties / 2) / total. `total` pools the pairs of all sets, and the
mean of the sets' figures stands beside it.
Survey: the winning score of two orders, pooled (Wang et al. 2024; Li et al. 2024 for IFD).
AlpacaEval: the other three, of one order, by the names win_rate, standard_error, discrete_win_rate.
Its boards of alpaca-7b and vicuna-7b come out to the printed digit.
What failed: a pair of which the judge's word failed in some order is left out, and counted by
reason. `failed=other_order` counts it by the orders that were judged; `failed=tie` takes the failed
order for a tie, as survey-style scripts do, of which a failed reply is (-1, -1).
Intervals: percentiles of resampled prompts for the three rates; none where all prompts are alike.
Simulated (benchmarks/winrate_simulations.py), they held the truth 94 to 96 times in 100 at 10 to
805 prompts, and 93 to 96 where one side wins 9 in 10 or more; there most misses are on one side.
Judges: each by itself, and on the prompts that count for all of them the mean of their preferences
(verdict: the sign of the sum of their verdicts) and, of three or more, the verdict of more than
half of them; prompts without one are left out as `no_majority`. Kappa is Cohen's of the three
verdicts, weighted kappa has squared distances, alpha is Krippendorff's of the verdicts as ranks.
Equal length: see `length_control.py`; it is not AlpacaEval's length-controlled figure.
Oracle: eight prompts in two orders, 3 / 3 / 2, winning score 1.125; sets of 40 - 20 in 80 and
100 - 130 in 300 give 0.973684 pooled and 1.075 on average; published boards (tests).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import nan
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tamis.agreement import Agreement, agreement
from tamis.errors import UserError, nearest
from tamis.evaluation._rates import Rate, Verdicts, finite, rate
from tamis.evaluation.judgments import Failed, Judgment, prompt_id, settled
from tamis.evaluation.length_control import EqualLength, equal_length
from tamis.types import Floats

RESAMPLES = 10_000
_NUMBERS = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """What one judge, or several together, say: each set, all pooled, and the mean over sets."""

    judge: str
    sets: tuple[Rate, ...]
    total: Rate
    mean_of_sets: Mapping[str, float]
    equal_length: EqualLength | None

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "judge": self.judge,
            "total": self.total.told(),
            "sets": [one.told() for one in self.sets],
            "mean_of_sets": {name: finite(value) for name, value in self.mean_of_sets.items()},
            "equal_length": self.equal_length.told() if self.equal_length else None,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two generators: the judges each by itself, together, and how far they agree."""

    ours: str
    theirs: str
    judges: tuple[Judged, ...]
    together: tuple[Judged, ...] = ()
    agreement: Agreement | None = None
    kappas: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "ours": self.ours,
            "theirs": self.theirs,
            "judges": [one.told() for one in self.judges],
            "together": [one.told() for one in self.together],
            "agreement": self._agreement(),
        }

    def _agreement(self) -> dict[str, Any] | None:
        if self.agreement is None:
            return None
        pairs = [
            {
                "one": pair.one,
                "other": pair.other,
                "prompts": pair.rows,
                "exact": pair.exact.told(),
                "kappa": finite(self.kappas[pair.one, pair.other]),
                "weighted_kappa": pair.kappa.told(),
            }
            for pair in self.agreement.pairs
        ]
        told = {"prompts": self.agreement.rows, "pairs": pairs}
        return {**told, "alpha": self.agreement.alpha_ordinal.told()}


class Tally:
    """Judgments as they come, kept as numbers: memory grows by some 300 bytes a judgment."""

    def __init__(
        self, failed: Failed = "leave_out", difficulty: Mapping[str, float] | None = None
    ) -> None:
        if failed not in get_args(Failed):
            raise UserError(
                f"no way {failed!r} to treat what failed; {nearest(failed, get_args(Failed))}"
            )
        self._failed, self._difficulty = failed, difficulty or {}
        self._sides: dict[tuple[str, str], dict[str, _Column]] = {}
        self._matched = False  # whether the difficulty of any prompt is known

    def add(self, one: Judgment) -> None:
        """Takes one judgment; UserError where the judge has judged the prompt before."""
        judges = self._sides.setdefault((one.ours, one.theirs), {})
        column = judges.setdefault(one.judge, _Column())
        if (one.set, one.id) in column.places:
            where = f"{one.id!r} of {one.set!r}" if one.set else repr(one.id)
            raise UserError(
                f"{one.judge} judges {one.ours} against {one.theirs} on prompt {where} twice: "
                "give each file once, or two names to two judges"
            )
        column.add(one, self._failed, self._hard(one))

    def taking(self, judgments: Iterable[Judgment]) -> Iterator[Judgment]:
        """The same judgments, each counted as it passes."""
        for one in judgments:
            self.add(one)
            yield one

    def _hard(self, one: Judgment) -> float:
        if not self._difficulty:
            return nan
        by_text = self._difficulty.get(prompt_id(one.instruction), nan)
        found = self._difficulty.get(one.id, by_text)
        self._matched = self._matched or found == found
        return found

    def compared(self, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[Comparison, ...]:
        """The win rates of all pairs of generators, in the order in which they came."""
        if not self._sides:
            raise UserError("there are no judgments to count: the files hold none")
        if resamples < 0:
            raise UserError(f"resamples is {resamples}; expected 0, which is no intervals, or more")
        if self._difficulty and not self._matched:
            raise UserError("no prompt has a difficulty: ids or instructions match no judgment")
        found = []
        for (ours, theirs), columns in self._sides.items():
            verdicts = {judge: column.verdicts() for judge, column in columns.items()}
            found.append(_compared(ours, theirs, verdicts, resamples, seed))
        return tuple(found)


class _Column:
    """The judgments of one judge of two generators."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], int] = {}
        self.numbers = array("d")
        self.problems: list[str | None] = []

    def add(self, one: Judgment, failed: Failed, difficulty: float) -> None:
        result = settled(one, failed)
        self.places[one.set, one.id] = len(self.places)
        both = one.preferences[:2] if len(one.preferences) > 1 else (None, None)
        numbers = (result.preference, result.verdict, *both, one.our_length, one.their_length)
        self.numbers.extend(nan if number is None else number for number in numbers)
        self.numbers.extend((difficulty, float(any(one.problems))))
        self.problems.append(result.problem)

    def verdicts(self) -> Verdicts:
        """In the order of set and id, so that sums do not depend on that of the file."""
        sets, ids = (np.array([place[i] for place in self.places], object) for i in (0, 1))
        numbers = np.frombuffer(self.numbers, np.float64).reshape(-1, _NUMBERS)
        columns = [np.ascontiguousarray(column) for column in numbers.T]
        found = Verdicts(sets, ids, np.array(self.problems, object), *columns)
        keys = list(self.places)
        return found.of(np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64))


def winrate(
    judgments: Iterable[Judgment],
    *,
    failed: Failed = "leave_out",
    difficulty: Mapping[str, float] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Counts, rates and intervals of each pair of generators in the judgments.

    Args:
        judgments: what judges said; a judge says one thing of a prompt and two generators
        failed: what becomes of a pair of which the judge's word failed in some order
        difficulty: how hard prompts are, by id or by `prompt_id` of their text
        resamples: number of bootstrap samples for intervals
        seed: of the bootstrap
    """
    tally = Tally(failed, difficulty)
    for one in judgments:
        tally.add(one)
    return tally.compared(resamples=resamples, seed=seed)


def _compared(
    ours: str, theirs: str, judges: Mapping[str, Verdicts], resamples: int, seed: int
) -> Comparison:
    alone = tuple(_judged(judge, given, resamples, seed) for judge, given in judges.items())
    if len(judges) < 2:
        return Comparison(ours, theirs, alone)
    columns = _side_by_side(judges)
    kappas = {
        (one, other): kappa(columns[one], columns[other]) for one, other in combinations(columns, 2)
    }
    together = tuple(
        _judged(name, given, resamples, seed) for name, given in _together(judges).items()
    )
    return Comparison(ours, theirs, alone, together, agreement(columns), kappas)


def _judged(judge: str, given: Verdicts, resamples: int, seed: int) -> Judged:
    total = rate("total", given, resamples, seed)
    names = sorted(set(given.sets.tolist()))
    sets = [
        rate(name, given.of(given.sets == name), resamples, seed)
        if len(names) > 1
        else replace(total, set=name)
        for name in names
    ]
    there = [one for one in sets if one.total]
    means = {
        name: float(np.mean([getattr(one, name).value for one in there])) if there else nan
        for name in ("winning_score", "win_rate", "discrete_win_rate")
    }
    return Judged(judge, tuple(sets), total, means, _at_equal_length(given))


def _at_equal_length(given: Verdicts) -> EqualLength | None:
    """None where the lengths of the answers are not known."""
    apart = given.our_length - given.their_length
    known = given.counts & ~np.isnan(apart)
    if not known.any():
        return None
    hard = ~np.isnan(given.difficulty)
    rows = known & hard if (known & hard).any() else known
    difficulty = given.difficulty[rows] if hard[rows].any() else None
    return equal_length(given.preference[rows], apart[rows], difficulty)


def _side_by_side(judges: Mapping[str, Verdicts]) -> dict[str, Floats]:
    """The verdicts of each judge on all prompts that any judged, NaN where there is none."""
    every = {(s, i) for v in judges.values() for s, i in zip(v.sets, v.ids, strict=True)}
    place = {key: at for at, key in enumerate(sorted(every))}
    columns = {}
    for judge, given in judges.items():
        at = [place[key] for key in zip(given.sets, given.ids, strict=True)]
        columns[judge] = np.full(len(place), nan)
        columns[judge][at] = given.verdict
    return columns


def kappa(one: Floats, other: Floats) -> float:
    """Cohen's kappa of the verdicts that both gave, as three names without an order."""
    both = ~(np.isnan(one) | np.isnan(other))
    x, y = one[both], other[both]
    if not len(x):
        return nan
    chance = sum(float((x == v).mean() * (y == v).mean()) for v in (-1, 0, 1))
    return (float((x == y).mean()) - chance) / (1 - chance) if chance < 1 else nan


def _together(judges: Mapping[str, Verdicts]) -> dict[str, Verdicts]:
    """Judges as one, on the prompts that count for all of them."""
    keys = [list(zip(v.sets[v.counts], v.ids[v.counts], strict=True)) for v in judges.values()]
    shared = sorted(set(keys[0]).intersection(*keys[1:]))
    if not shared:
        return {}
    rows = [_in_order(given, shared) for given in judges.values()]
    verdicts = np.array([given.verdict for given in rows])
    mean = np.mean([given.preference for given in rows], axis=0)
    count = len(rows)
    found = {f"mean of {count}": _as_one(rows, mean, np.sign(verdicts.sum(axis=0)))}
    if count > 2:
        held = _majority(verdicts)
        found[f"majority of {count}"] = _as_one(rows, (held + 1) / 2, held)
    return found


def _in_order(given: Verdicts, keys: Sequence[tuple[str, str]]) -> Verdicts:
    place = {key: at for at, key in enumerate(zip(given.sets, given.ids, strict=True))}
    at: NDArray[Any] = np.array([place[key] for key in keys])
    return given.of(at)


def _majority(verdicts: Floats) -> Floats:
    """The verdict of more than half of the judges, NaN where there is none."""
    held = np.full(verdicts.shape[1], nan)
    for verdict in (-1.0, 0.0, 1.0):
        held[2 * (verdicts == verdict).sum(axis=0) > len(verdicts)] = verdict
    return held


def _as_one(rows: Sequence[Verdicts], preference: Floats, verdict: Floats) -> Verdicts:
    """Several judges as one; lengths are those of the answers, which all of them saw."""
    first, none = rows[0], np.full(len(verdict), nan)
    problem = np.array(["no_majority" if np.isnan(v) else None for v in verdict], object)
    partly = np.max([given.partly for given in rows], axis=0)
    lengths = (first.our_length, first.their_length, first.difficulty)
    numbers = (preference, verdict, none, none, *lengths, partly)
    return Verdicts(first.sets, first.ids, problem, *numbers)
