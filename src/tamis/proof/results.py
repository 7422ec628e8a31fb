"""What an experiment has found so far: trainings, and a value for each of their test rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import fsum, isfinite
from typing import Any

import numpy as np

from tamis.costs import Spent
from tamis.proof.design import Arm
from tamis.types import Floats

MOST_POINTS = 200
"""Points of a learning curve in the report's file."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One training of an arm: how much it read, what it took, and the model's folder."""

    arm: Arm
    seed: int
    rows: int
    model: str
    tokens: int = 0
    steps: int = 0
    spent: Spent = field(default_factory=Spent)
    also: int = 0  # rows of the subset that were left out as unlearnable
    losses: Sequence[tuple[int, float]] = ()  # (update, mean loss since the one before)

    def told(self) -> dict[str, Any]:
        """As the report's file has it, the losses thinned; null where one is not a number."""
        return {
            "arm": self.arm.name,
            "kind": self.arm.kind,
            "budget": self.arm.budget,
            "view": self.arm.view,
            "seed": self.seed,
            "rows": self.rows,
            "left_out": self.also,
            "tokens": self.tokens,
            "steps": self.steps,
            "model": self.model,
            "losses": [
                [step, loss if isfinite(loss) else None] for step, loss in thinned(self.losses)
            ],
        }


def thinned(
    losses: Sequence[tuple[int, float]], most: int = MOST_POINTS
) -> Sequence[tuple[int, float]]:
    """At most so many points: means over equal stretches of steps, each at its last step."""
    if len(losses) <= most:
        return losses
    last = losses[-1][0]
    stretches = groupby(losses, key=lambda one: max(-(-one[0] * most // last), 1))
    parts = [list(points) for _, points in stretches]
    return [(part[-1][0], fsum(loss for _, loss in part) / len(part)) for part in parts]


@dataclass(slots=True)
class Results:
    """Trials, and for each measure and trial the values of the test rows in order."""

    trials: list[Trial] = field(default_factory=list)
    values: dict[tuple[str, Arm, int], Floats] = field(default_factory=dict)

    def add(self, measure: str, trial: Trial, values: Floats) -> None:
        self.values[measure, trial.arm, trial.seed] = values

    @property
    def measures(self) -> list[str]:
        return list(dict.fromkeys(measure for measure, _, _ in self.values))

    def of(self, arm: Arm) -> list[Trial]:
        """The trials of one arm, by seed."""
        return sorted((t for t in self.trials if t.arm == arm), key=lambda t: t.seed)

    def matrix(self, measure: str, arm: Arm) -> Floats | None:
        """Runs x rows of an arm; None where it has no values of this measure."""
        found = [self.values.get((measure, arm, trial.seed)) for trial in self.of(arm)]
        rows = [values for values in found if values is not None]
        return np.array(rows) if rows else None

    def arms(self) -> Sequence[Arm]:
        return list(dict.fromkeys(trial.arm for trial in self.trials))

    def groups(self) -> Iterator[tuple[tuple[str, str], list[Arm]]]:
        """Arms that are compared with each other, by budget and view."""
        arms = [arm for arm in self.arms() if arm.kind != "base"]
        for group in dict.fromkeys(arm.group for arm in arms):
            yield group, [arm for arm in arms if arm.group == group]
