"""How often the 95 % intervals of win rates hold the truth, on simulated judges.

    python benchmarks/winrate_simulations.py [length] [rates] [--runs 1000]

length: judges who prefer the longer answer by a known amount, and who at equal length prefer ours
with a known probability. rates: prompts drawn from a world of wins, ties and losses in two orders.
Each line as in judge_simulations.py: held in 100 (wanted: 93 to 97), misses on either side, mean
width. Beside it the mean of the estimates, and for length that of the plain win rate.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from judge_simulations import Case, tally

from tamis.evaluation._rates import bootstrap
from tamis.evaluation.length_control import equal_length
from tamis.types import Floats


@dataclass(frozen=True)
class World:
    """How judges judge: m and w of the model, and where answers stand to each other in length."""

    rows: int
    equal: float  # the truth: preference for ours at equal length
    weight: float  # of tanh(difference / its spread)
    shift: float = 0.0  # of the differences, in spreads: 1 is that ours is longer on 84 in 100
    kind: str = "coin"  # coin: 0 or 1; weighted: near 0 or 1; ties: a third of the prompts
    hard: float = 0.0  # spread of what the prompt adds, given to the model as difficulty

    def __str__(self) -> str:
        return (
            f"{self.rows} prompts, {100 * self.equal:.0f} % at equal length, w {self.weight:g}"
            + (f", shift {self.shift:g}" if self.shift else "")
            + (f", {self.kind}" if self.kind != "coin" else "")
            + (f", difficulty {self.hard:g}" if self.hard else "")
        )


LENGTH = [
    World(80, 0.5, 1.0),
    World(252, 0.5, 1.0),
    World(805, 0.5, 1.0),
    World(805, 0.5, 0.0),
    World(805, 0.3, 2.0, shift=1.0),
    World(805, 0.3, 2.0, shift=-1.0),
    World(805, 0.1, 1.0, shift=-1.0),
    World(805, 0.5, 2.0, shift=1.5, kind="weighted"),
    World(805, 0.5, 1.0, kind="ties"),
    World(805, 0.4, 1.0, shift=0.5, hard=1.0),
    World(80, 0.9, 1.0, shift=0.5),
]
RATES = [(10, 0.4, 0.2), (20, 0.4, 0.2), (30, 0.4, 0.2), (80, 0.4, 0.2), (805, 0.26, 0.02)]
RATES += [(80, 0.05, 0.05), (80, 0.9, 0.05), (805, 0.02, 0.0)]


def preferences(rng: np.random.Generator, world: World, at: Floats) -> Floats:
    """What the judge says where the logit of the preference for ours is this."""
    p = 1 / (1 + np.exp(-at))
    if world.kind == "ties":
        tie = np.minimum(p, 1 - p) * 2 / 3  # half of it from wins, half from losses
        drawn = rng.random(len(p))
        return np.where(drawn < tie, 0.5, (drawn < tie / 2 + p).astype(float))
    said = (rng.random(len(p)) < p).astype(float)
    if world.kind == "weighted":  # sure, but not quite: the mean stays p
        slack = rng.beta(0.5, 8, len(p)) * np.minimum(p, 1 - p)
        return said * (1 - slack * (1 - p) / np.maximum(p, 1e-9)) + (1 - said) * slack
    return said


def length_case(world: World, beside: dict[str, list[float]]) -> Callable[..., Case]:
    middle = np.log(world.equal / (1 - world.equal))

    def case(rng: np.random.Generator) -> Case:
        apart = np.round(400 * (rng.normal(size=world.rows) + world.shift))
        hard = rng.normal(0, world.hard, world.rows) if world.hard else None
        shift = 0.0 if hard is None else hard
        said = preferences(rng, world, middle + world.weight * np.tanh(apart / 400) + shift)
        found = equal_length(said, apart, hard)
        beside["mean estimate"].append(found.rate.value)
        beside["plain win rate"].append(100 * said.mean())
        beside["without a fit, %"].append(100.0 * (found.problem is not None))
        yield "at equal length", 100 * truth(world, middle), found.rate

    return case


def truth(world: World, middle: float) -> float:
    """The mean preference at equal length over all prompts of the world."""
    if not world.hard:
        return world.equal
    hard = np.random.default_rng(0).normal(0, world.hard, 2_000_000)
    return float((1 / (1 + np.exp(-middle - hard))).mean())


def simulate_length(runs: int) -> None:
    for world in LENGTH:
        beside: dict[str, list[float]] = defaultdict(list)
        tally(str(world), length_case(world, beside), runs)
        told = (f"{name} {np.nanmean(values):.1f}" for name, values in beside.items())
        print(f"{'':56} {', '.join(told)}", flush=True)


def rates_case(rows: int, wins: float, ties: float) -> Callable[..., Case]:
    """Two orders whose verdicts agree in seven of ten prompts."""

    def case(rng: np.random.Generator) -> Case:
        orders = rng.choice([0.0, 0.5, 1.0], size=(2, rows), p=[1 - wins - ties, ties, wins])
        orders[1] = np.where(rng.random(rows) < 0.7, orders[0], orders[1])
        sign = np.sign(np.sign(orders - 0.5).sum(axis=0))
        mean, score = bootstrap(orders.mean(axis=0), sign, 2000, 0)
        yield "win rate", 100 * (wins + ties / 2), mean.scaled(100)
        yield "winning score", 1 + world_sign(wins, ties), score.scaled(1, 1)

    return case


def world_sign(wins: float, ties: float) -> float:
    """The mean verdict of two such orders."""
    p = {-1: 1 - wins - ties, 0: ties, 1: wins}
    apart = sum(p[a] * p[b] * np.sign(a + b) for a in p for b in p)
    return float(0.7 * (p[1] - p[-1]) + 0.3 * apart)


def simulate_rates(runs: int) -> None:
    for rows, wins, ties in RATES:
        title = f"{rows} prompts, {100 * wins:.0f} % wins, {100 * ties:.0f} % ties an order"
        tally(title, rates_case(rows, wins, ties), runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", default=["length", "rates"])
    parser.add_argument("--runs", type=int, default=1000)
    given = parser.parse_args()
    for name in given.what:
        started = time.perf_counter()
        globals()[f"simulate_{name}"](given.runs)
        print(f"{name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
