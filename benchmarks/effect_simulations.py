"""How often 95 % intervals of a difference between two arms hold it, on simulated experiments.

    python benchmarks/effect_simulations.py [arms] [binary] [skewed] [few] [others] [--runs 2000]

Rows have a value of their own, one with each arm, and noise in every run; runs of an arm are
shifted as a whole. `noise` is the share of the rows' part that is noise; `spread` is the runs' part
of the standard error over the rows' part. Each line is the share of simulations in which the
interval held the true difference (wanted: 93 to 97 in 100; where that is 0, what is missing to 100
is the false positive rate), for
  by arm      `effect`
  pooled      `effect` with `between` over five arms, of which these are two
  bootstrap   the middle 95 % of 400 resamples of rows and, within each arm, of runs
  rows        paired t over rows, of the runs' means
  runs        Welch's t over the means of runs
  twice       rows and runs added up, noise counted twice
and how often the first two show a true difference of 3 (true) standard errors, which a test that
knew that error would show in 85 of 100.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import sqrt

import numpy as np

from tamis.effects import against, effect, spread
from tamis.intervals import Interval, degrees
from tamis.t_distribution import quantile
from tamis.types import Floats

RESAMPLES = 400
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


@dataclass(frozen=True)
class World:
    """Two arms of k runs on n rows, and three more arms to pool with."""

    k: int
    n: int
    spread: float  # the runs' part of the standard error over the rows' part
    noise: float = 0.5
    law: str = "normal"  # of rows' differences and noise
    theirs: float = 1.0  # random's runs lie so many times as far apart
    shift: float = 0.0

    def __str__(self) -> str:
        far = f", random's runs x{self.theirs:g}" if self.theirs != 1 else ""
        return (
            f"{self.k} runs, {self.n:4} rows, spread {self.spread:g}, {self.law}, "
            f"noise {self.noise}{far}"
        )

    @property
    def run_deviation(self) -> float:
        return self.spread * sqrt(self.k / (2 * self.n))

    @property
    def error(self) -> float:
        return sqrt((1 + self.spread**2 * (1 + self.theirs**2) / 2) / self.n)

    def draw(self, rng: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
        if self.law == "long tails":
            return np.asarray(rng.standard_t(3, shape) / sqrt(3))
        return rng.standard_normal(shape)

    def own(self, rng: np.random.Generator, arm: int) -> Floats:
        """What rows have with one arm, in all of its runs."""
        return self.draw(rng, self.n) * sqrt((1 - self.noise) / 2)

    def drawn(self, rng: np.random.Generator, arms: int = 5) -> list[Floats]:
        """Matrices of runs x rows, random's second; rows' differences have the variance 1."""
        base, found = rng.standard_normal(self.n), []
        for arm in range(arms):
            own = self.own(rng, arm)
            rest = self.draw(rng, (self.k, self.n)) * sqrt(self.noise * self.k / 2)
            far = self.theirs if arm == 1 else 1.0
            run = rng.standard_normal((self.k, 1)) * self.run_deviation * far
            found.append(base + own + rest + run)
        return found


@dataclass(frozen=True)
class Binary(World):
    """Right or wrong, by a logistic model of the same shape."""

    @property
    def slope(self) -> float:
        return float(
            (WEIGHTS * logistic(2.12 * NODES) * (1 - logistic(2.12 * NODES))).sum() / 2.5066
        )

    @property
    def run_deviation(self) -> float:
        by_row = 2 * self.slope / self.k + 2 * (0.7 * self.slope) ** 2
        return self.spread * sqrt(by_row * self.k / (2 * self.n)) / self.slope

    @property
    def truth(self) -> float:
        return self.mean(self.shift, 1.0) - self.mean(0.0, self.theirs)

    def mean(self, shift: float, far: float) -> float:
        deviation = sqrt(2.0**2 + 0.7**2 + (far * self.run_deviation) ** 2)
        return float((WEIGHTS * logistic(shift + deviation * NODES)).sum() / WEIGHTS.sum())

    def drawn(self, rng: np.random.Generator, arms: int = 5) -> list[Floats]:
        base, found = 2 * rng.standard_normal(self.n), []
        for arm in range(arms):
            own = 0.7 * rng.standard_normal(self.n) + (self.shift if arm == 0 else 0.0)
            far = self.theirs if arm == 1 else 1.0
            run = rng.standard_normal((self.k, 1)) * self.run_deviation * far
            right = rng.random((self.k, self.n)) < logistic(base + own + run)
            found.append(right.astype(float))
        return found

    def __str__(self) -> str:
        far = f", random's runs x{self.theirs:g}" if self.theirs != 1 else ""
        return (
            f"{self.k} runs, {self.n:4} rows, spread {self.spread:g}, right or wrong, "
            f"difference {self.truth:.2f}{far}"
        )


class Skewed(World):
    """All of the rows' own differences are the first arm's, and log-normal."""

    def own(self, rng: np.random.Generator, arm: int) -> Floats:
        if arm:
            return np.zeros(self.n)
        values = (rng.lognormal(0, 1, self.n) - np.exp(0.5)) / sqrt(np.e * (np.e - 1))
        return np.asarray(values * sqrt(1 - self.noise))


def logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def symmetric(value: float, error: float, freedom: float) -> Interval:
    half = quantile(0.975, freedom) * error
    return Interval(value, value - half, value + half)


def rows_alone(ours: Floats, theirs: Floats) -> Interval:
    apart = ours.mean(axis=0) - theirs.mean(axis=0)
    return symmetric(
        float(apart.mean()), float(apart.std(ddof=1)) / sqrt(len(apart)), len(apart) - 1
    )


def runs_alone(ours: Floats, theirs: Floats, extra: float = 0.0, free: float = 1.0) -> Interval:
    parts = [float(arm.mean(axis=1).var(ddof=1)) / len(arm) for arm in (ours, theirs)]
    total = sum(parts) + extra
    below = sum(p**2 / (len(arm) - 1) for p, arm in zip(parts, (ours, theirs), strict=True))
    freedom = total**2 / (below + extra**2 / free)
    return symmetric(float(ours.mean() - theirs.mean()), sqrt(total), freedom)


def twice(ours: Floats, theirs: Floats) -> Interval:
    apart = ours.mean(axis=0) - theirs.mean(axis=0)
    return runs_alone(ours, theirs, float(apart.var(ddof=1)) / len(apart), degrees(apart))


def squares(arm: Floats, even: float = 0.0) -> Interval:
    """One matrix against a constant, degrees of freedom by Satterthwaite's rule."""
    left = arm - arm.mean(axis=0) - arm.mean(axis=1)[:, None] + arm.mean()
    k, n = arm.shape
    within = float((left**2).sum()) / ((k - 1) * (n - 1)) / arm.size
    runs = float(arm.mean(axis=1).var(ddof=1)) / k
    rows = max(float(arm.mean(axis=0).var(ddof=1)) / n - within, 0.0)
    below = runs**2 / (k - 1) + rows**2 / degrees(arm.mean(axis=0))
    return symmetric(float(arm.mean()) - even, sqrt(runs + rows), (runs + rows) ** 2 / below)


def bootstrap(ours: Floats, theirs: Floats, rng: np.random.Generator, weights: Floats) -> Interval:
    """By percentiles; `weights` (rows x resamples) say how often each row was drawn."""
    sides = []
    for arm in (ours, theirs):
        means = arm @ weights / len(weights)
        drawn = rng.integers(len(arm), size=(len(arm), weights.shape[1]))
        sides.append(np.take_along_axis(means, drawn, axis=0).mean(axis=0))
    low, high = np.quantile(sides[0] - sides[1], [0.025, 0.975])
    return Interval(float(ours.mean() - theirs.mean()), float(low), float(high))


def ways(
    arms: list[Floats], rng: np.random.Generator, weights: Floats
) -> Iterator[tuple[str, Interval]]:
    ours, theirs = arms[:2]
    yield "by arm", effect(ours, theirs).difference
    yield "pooled", effect(ours, theirs, between=spread(arms)).difference
    yield "bootstrap", bootstrap(ours, theirs, rng, weights)
    yield "rows", rows_alone(ours, theirs)
    yield "runs", runs_alone(ours, theirs)
    yield "twice", twice(ours, theirs)


Held = dict[str, list[tuple[bool, bool]]]


def simulated(world: World, runs: int) -> Held:
    """For each way and simulation: is the truth held, is a difference of 3 errors shown."""
    truth = world.truth if isinstance(world, Binary) else 0.0
    drawn = np.random.default_rng(7).multinomial(world.n, np.full(world.n, 1 / world.n), RESAMPLES)
    weights = drawn.T.astype(np.float64, order="C")
    found: Held = {}
    for run in range(runs):
        rng = np.random.default_rng([run, 2026])
        for name, held in ways(world.drawn(rng), rng, weights):
            shown = held.low + 3 * world.error > 0
            found.setdefault(name, []).append((held.low <= truth <= held.high, shown))
    return found


def told(title: str, found: Held, powers: tuple[str, ...] = ("by arm", "pooled")) -> None:
    means = {name: 100 * np.mean(np.asarray(pairs, float), axis=0) for name, pairs in found.items()}
    held = "  ".join(
        f"{name} {inside:5.1f}{' ' if 93 <= inside <= 97 else '*'}"
        for name, (inside, _) in means.items()
    )
    power = ", ".join(f"{means[name][1]:.0f}" for name in powers if name in means)
    print(f"{title:62} {held}" + (f"  shown {power}" if power else ""), flush=True)


def arms(runs: int) -> None:
    """Differences that are normal, of long tails, and with random's runs further apart."""
    kinds = [
        {"noise": 0.1},
        {"noise": 0.5},
        {"noise": 0.9},
        {"law": "long tails"},
        {"theirs": 3.0},
    ]
    for kind, k, n, far in product(kinds, (3, 5), (50, 200, 1000), (0.0, 1.0, 3.0)):
        if far or "theirs" not in kind:
            world = World(k, n, far, **kind)  # type: ignore[arg-type]
            told(str(world), simulated(world, runs))


def binary(runs: int) -> None:
    """Right or wrong."""
    kinds = [{}, {"shift": 0.7}, {"theirs": 3.0}]
    for kind, k, n, far in product(kinds, (3, 5), (50, 200, 1000), (0.0, 1.0, 3.0)):
        if far or "theirs" not in kind:
            world = Binary(k, n, far, **kind)
            told(str(world), simulated(world, runs), powers=())


def skewed(runs: int) -> None:
    """Log-normal differences of rows: one arm is much better on few rows."""
    for k, n, noise, far in product((3, 5), (50, 200, 1000), (0.1, 0.5), (0.0, 1.0)):
        world = Skewed(k, n, far, noise, "skewed")
        told(str(world), simulated(world, runs))


def few(runs: int) -> None:
    """Two runs an arm, and arms with one run."""
    for theirs, n, far in product((1.0, 3.0), (50, 200, 1000), (0.0, 1.0, 3.0)):
        if far or theirs == 1:
            world = World(2, n, far, theirs=theirs)
            told(str(world), simulated(world, runs))
    for n, far in product((50, 200, 1000), (0.0, 1.0, 3.0)):
        world = World(3, n, far)
        found: Held = {}
        for run in range(runs):
            drawn = world.drawn(np.random.default_rng([run, 2026]))
            one = drawn[0][:1]
            for name, held in (
                ("four arms' spread", effect(one, drawn[1], between=spread(drawn[1:]))),
                ("random's spread", effect(one, drawn[1], between=spread(drawn[1:2]))),
                ("rows alone", effect(one, drawn[1])),
            ):
                low, high = held.difference.low, held.difference.high
                found.setdefault(name, []).append((low <= 0 <= high, False))
        told(f"1 run and 3, {n:4} rows, spread {far:g}", found, powers=())


def others(runs: int) -> None:
    """Win rates, and runs that belong together."""
    cases: dict[str, Callable[[World, np.random.Generator], Interval]] = {
        "against": lambda world, rng: against(preferred(world, rng)).difference,
        "squares": lambda world, rng: squares(preferred(world, rng), even=0.5),
        "paired runs": lambda world, rng: (
            effect(*together(world, rng), paired_runs=True).difference
        ),
        "their squares": lambda world, rng: squares(np.subtract(*together(world, rng))),
    }
    for k, n, far in product((3, 5), (50, 200, 1000), (0.0, 1.0, 3.0)):
        world, found = World(k, n, far), {}
        for run, (name, case) in product(range(runs), cases.items()):
            held = case(world, np.random.default_rng([run, 2026]))
            found.setdefault(name, []).append((held.low <= 0 <= held.high, False))
        told(f"{k} runs, {n:4} rows, spread {far:g}", found, powers=())


def preferred(world: World, rng: np.random.Generator) -> Floats:
    """A judge's preferences, a fifth of them ties; nobody is better."""
    own = rng.standard_normal(world.n)
    run = rng.standard_normal((world.k, 1)) * world.spread * 1.25 * sqrt(world.k / world.n)
    liking = own + rng.standard_normal((world.k, world.n)) + run
    return np.where(np.abs(liking) < 0.36, 0.5, liking > 0)


def together(world: World, rng: np.random.Generator) -> list[Floats]:
    """Seeds shift both arms alike."""
    seed = rng.standard_normal((world.k, 1))
    return [arm + seed for arm in world.drawn(rng, 2)]


PARTS = {f.__name__: f for f in (arms, binary, skewed, few, others)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all where none is named")
    parser.add_argument("--runs", type=int, default=2000)
    given = parser.parse_args()
    began = time.perf_counter()
    for name in given.parts or PARTS:
        print(f"\n{name}: {PARTS[name].__doc__}", flush=True)
        PARTS[name](given.runs)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
