"""The comparison as a table: every arm against random rows of the same size, with intervals.

Each line is one arm of one budget and view on one measure. P values are corrected (Holm) over all
lines of a measure that compare a method with random rows, in every budget and view. Controls are
told beside them and not counted: nobody asks whether they are better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from tamis.effects import Effect, Verdict, against, effect, verdicts
from tamis.proof.design import Arm
from tamis.proof.results import Results
from tamis.types import Floats

AGAINST_RANDOM = "judged against random"
"""What a measure begins with whose values are preferences over the random rows' answers."""


@dataclass(frozen=True, slots=True)
class Line:
    """One arm on one measure."""

    measure: str
    arm: Arm
    seeds: int
    rows: float  # mean over seeds
    tokens: float
    value: float  # mean of the measure, in its own sign
    against_random: Effect | None = None
    verdict: Verdict | None = None
    against_matched: Effect | None = None
    against_full: Effect | None = None

    def told(self) -> dict[str, Any]:
        """As the report's file has it; nothing in it is a time."""
        effects = {
            "against_random": self.against_random,
            "against_length_matched": self.against_matched,
            "against_all_rows": self.against_full,
        }
        return {
            "measure": self.measure,
            "arm": self.arm.name,
            "label": self.arm.label,
            "kind": self.arm.kind,
            "budget": self.arm.budget,
            "view": self.arm.view,
            "seeds": self.seeds,
            "rows": self.rows,
            "tokens": self.tokens,
            "value": self.value if isfinite(self.value) else None,
            **{name: one.told() if one else None for name, one in effects.items()},
            "verdict": self.verdict.told() if self.verdict else None,
        }


def table(results: Results) -> list[Line]:
    """Every line of every measure, verdicts filled in."""
    found: list[Line] = []
    for measure in results.measures:
        lines = [line for _, arms in results.groups() for line in _group(results, measure, arms)]
        base = [arm for arm in results.arms() if arm.kind == "base"]
        lines = [*(_line(results, measure, arm, {}) for arm in base), *lines]
        compared = {
            str(at): line.against_random
            for at, line in enumerate(lines)
            if line.against_random is not None and line.arm.kind == "method"
        }
        said = verdicts(compared)
        found += [
            replace(line, verdict=said[str(at)]) if str(at) in said else line
            for at, line in enumerate(lines)
        ]
    return found


def _group(results: Results, measure: str, arms: list[Arm]) -> list[Line]:
    """The lines of one budget and view."""
    by_kind = {arm.kind: arm for arm in arms if arm.kind in ("random", "full")}
    matched = {arm.matched: arm for arm in arms if arm.kind == "length_matched"}
    lines = []
    for arm in arms:
        others = {
            "against_random": by_kind.get("random"),
            "against_matched": matched.get(arm.method) if arm.kind == "method" else None,
            "against_full": by_kind.get("full"),
        }
        lines.append(_line(results, measure, arm, others))
    return lines


def _line(results: Results, measure: str, arm: Arm, others: Mapping[str, Arm | None]) -> Line:
    trials, ours = results.of(arm), results.matrix(measure, arm)
    effects: dict[str, Any] = {}
    if measure.startswith(AGAINST_RANDOM) and ours is not None:
        effects["against_random"] = against(ours)
        others = {name: other for name, other in others.items() if name != "against_random"}
    for name, other in others.items():
        theirs = results.matrix(measure, other) if other and other != arm else None
        if ours is not None and theirs is not None:
            effects[name] = effect(ours, theirs)
    return Line(
        measure=measure,
        arm=arm,
        seeds=len(trials),
        rows=sum(t.rows for t in trials) / len(trials),
        tokens=sum(t.tokens for t in trials) / len(trials),
        value=float("nan") if ours is None else _mean(ours),
        **effects,
    )


def _mean(values: Floats) -> float:
    """Over the rows that have a value in every run."""
    there = ~np.isnan(values).any(axis=0)
    return float(values[:, there].mean()) if there.any() else float("nan")
