"""How often 95 % intervals hold the truth, on simulated judges whose truth is known.

    python benchmarks/judge_simulations.py [agreement] [powered] [recall] [--runs 1000]

Each line counts, over so many simulations with seeds of their own, how often the interval holds the
true value (wanted: 93 to 97 in 100; 1,000 simulations of a true 95 give 93.6 to 96.4), how often
the truth is below and above it, and the interval's mean width.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tamis.agreement import Agreement, agreement
from tamis.intervals import Interval
from tamis.prediction_powered import Of, mean_interval, share_interval
from tamis.recipes._judging import Judging
from tamis.types import Floats, Ints

AGREEMENT = [(50, 0.6, 5), (200, 0.6, 5), (1000, 0.6, 5), (200, 2.0, 10), (200, 0.25, 5)]
WEIGHTS = {"classical": 0.0, "PPI": 1.0, "PPI++": None}


@dataclass(frozen=True)
class Setting:
    """A pool, an audit, a cheap score that errs by `noise`, a judge on a scale to `top`."""

    count: int  # rows to pick; 0: the smallest goal
    noise: float = 0.5
    top: int = 0  # 0: any number
    most: float = 1.0
    rows: int = 10_000
    audit: int = 1000
    best: float = np.inf

    def __str__(self) -> str:
        scale = "any score" if not self.top else f"grades to {self.top}"
        return (
            f"{self.count or 'goal'} of {self.rows}, audit {self.audit}, "
            f"{scale}, noise {self.noise}"
            + (f", best {self.best:g}" if self.best < np.inf else "")
            + (f", most {self.most}" if self.most < 1 else "")
        )


RECALL = [
    Setting(0),
    Setting(0, noise=1.5),
    Setting(0, audit=2000),
    Setting(2000),
    Setting(2000, audit=2000),
    Setting(1000, noise=1.0, most=0.25),
    Setting(1000, noise=1.0, most=0.25, top=10),
    Setting(1000),
    Setting(2000, top=10),
    Setting(500, top=5),
    Setting(500, top=5, best=5.0),
]
POWERED = [
    (5000, 100, 0.5, 5, 4),
    (5000, 300, 0.5, 5, 5),
    (1000, 400, 0.5, 5, 4),
    (5000, 300, 2.0, 5, 5),
    (5000, 300, 0.1, 10, 8),
]

Case = Iterator[tuple[str, float, Interval]]
"""(name, truth, interval) of one simulation."""


def tally(title: str, case: Callable[[np.random.Generator], Case], runs: int) -> dict[str, Floats]:
    """Prints and returns coverage, misses on either side and mean width of each named interval."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for run in range(runs):
        for name, truth, held in case(np.random.default_rng([run, 2026])):
            low, high = truth < held.low - 1e-9, truth > held.high + 1e-9
            wrong = np.isnan(held.low) or np.isnan(held.high)
            row = (not (low or high or wrong), low, high, held.high - held.low, truth)
            found.setdefault(name, []).append(row)
    means = {name: np.mean(np.asarray(rows, float), axis=0) for name, rows in found.items()}
    for name, (inside, below, above, width, truth) in means.items():
        mark = "" if 0.93 <= inside <= 0.97 else "   <- outside 93 to 97"
        print(
            f"{title:56} {name:24} {100 * inside:5.1f}  below {100 * below:4.1f}  "
            f"above {100 * above:4.1f}  width {width:.3f}  truth {truth:.3f}{mark}",
            flush=True,
        )
    return means


def rated(rng: np.random.Generator, rows: int, noise: float, top: int) -> dict[str, Floats]:
    """Three judges on a scale of whole numbers; the third leaves out three rows in ten."""
    truth = rng.normal(0, top / 4, rows)
    middle = (1 + top) / 2
    heard = {
        "a": middle + truth + rng.normal(0, noise, rows),
        "b": middle + 0.4 + 0.9 * truth + rng.normal(0, 1.4 * noise, rows),
        "c": middle + truth + rng.normal(0, 2 * noise, rows),
    }
    judges = {name: np.clip(np.round(score), 1, top) for name, score in heard.items()}
    judges["c"][rng.random(rows) < 0.3] = np.nan
    return judges


def numbers(found: Agreement) -> dict[str, Interval]:
    pair = found.pairs[0]
    named = ("exact", "within_one", "bias", "spearman", "kendall", "kappa")
    alphas = {"alpha, interval": found.alpha_interval, "alpha, ordinal": found.alpha_ordinal}
    return {name: getattr(pair, name) for name in named} | alphas


def agreement_case(rows: int, noise: float, top: int) -> Callable[[np.random.Generator], Case]:
    many = numbers(agreement(rated(np.random.default_rng(1), 2_000_000, noise, top)))

    def case(rng: np.random.Generator) -> Case:
        for name, held in numbers(agreement(rated(rng, rows, noise, top))).items():
            yield name, many[name].value, held

    return case


def simulate_agreement(runs: int) -> None:
    for rows, noise, top in AGREEMENT:
        title = f"{rows} rows, scale to {top}, noise {noise}"
        tally(title, agreement_case(rows, noise, top), runs)


def powered_case(
    rows: int, judged: int, noise: float, top: int, at_least: int, of: Of
) -> Callable[[np.random.Generator], Case]:
    """Predictions, and a judge on a scale of whole numbers; the truth is of the pool or of all."""

    def drawn(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
        truth = rng.normal(0, top / 4, rows)
        score = np.clip(np.round((1 + top) / 2 + truth + rng.normal(0, 0.5, rows)), 1, top)
        return (1 + top) / 2 + 0.3 + truth + rng.normal(0, noise, rows), score

    _, many = drawn(np.random.default_rng(1), 2_000_000)
    everywhere = float(many.mean()), float((many >= at_least).mean())

    def case(rng: np.random.Generator) -> Case:
        predicted, score = drawn(rng, rows)
        here = float(score.mean()), float((score >= at_least).mean())
        mean, share = here if of == "pool" else everywhere
        sample = rng.choice(rows, judged, replace=False)
        for name, weight in WEIGHTS.items():
            held = mean_interval(predicted, sample, score[sample], weight=weight, of=of)
            yield f"mean, {name}", mean, held
        for name, weight in WEIGHTS.items():
            held = share_interval(
                predicted, sample, score[sample], at_least=at_least, weight=weight, of=of
            )
            yield f"share >= {at_least}, {name}", share, held

    return case


def simulate_powered(runs: int) -> None:
    for rows, judged, noise, top, at_least in POWERED:
        for of in ("pool", "population"):
            title = f"{judged} of {rows}, noise {noise}, {of}"
            tally(title, powered_case(rows, judged, noise, top, at_least, of), runs)


def recall_case(
    setting: Setting, beside: dict[str, list[float]]
) -> Callable[[np.random.Generator], Case]:
    """Recall and mean of one walk; what has no interval goes to `beside`."""
    rows = setting.rows
    ids = np.array([f"{n:06d}" for n in range(rows)])

    def case(rng: np.random.Generator) -> Case:
        truth = rng.normal(0, 1, rows)
        judge = truth + rng.normal(0, 0.3, rows)
        if setting.top:
            middle = (1 + setting.top) / 2
            judge = np.clip(np.round(middle + judge * setting.top / 4), 1, setting.top)
        walk = Judging(
            truth + rng.normal(0, setting.noise, rows),
            ids,
            lambda at: judge[at],
            audit=rng.permutation(rows)[: setting.audit],
            recall=0.95,
            allowed=int(setting.most * rows),
            best=setting.best,
        )
        picks = walk.picks(np.ones(rows, np.int64), setting.count or walk.smallest)
        taken = np.array([row for row, _ in picks], np.int64)
        truly = found_by_brute_force(judge, taken)
        yield "recall", truly, walk.recalled()
        yield "mean", float(judge.mean()), walk.mean(1.0)[0]
        beside["rows judged"].append(walk.asked.mean())
        beside["stopped by recall"].append(walk.shown() and not walk.asked.all())
        beside["recall below 0.95"].append(truly < 0.95)

    return case


def found_by_brute_force(judge: Floats, taken: Ints) -> float:
    """The share of the best rows that were taken, rows tied at the cut as good as each other."""
    out = np.ones(len(judge), bool)
    out[taken] = False
    best = np.lexsort((out, -judge))[: len(taken)]
    return float(np.isin(best, taken).mean())


def simulate_recall(runs: int) -> None:
    for setting in RECALL:
        beside: dict[str, list[float]] = defaultdict(list)
        tally(str(setting), recall_case(setting, beside), runs)
        told = (f"{name} {100 * np.mean(values):.1f} %" for name, values in beside.items())
        print(f"{'':56} {', '.join(told)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", default=["agreement", "powered", "recall"])
    parser.add_argument("--runs", type=int, default=1000)
    given = parser.parse_args()
    for name in given.what:
        started = time.perf_counter()
        globals()[f"simulate_{name}"](given.runs)
        print(f"{name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
