"""What is compared with what: methods, budgets, views, seeds and controls, as arms of a comparison.

Every subset has a control of its own size: random rows (another draw for every seed), random rows
as long as the method's, the longest answers; and there is the model trained on everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tamis.errors import UserError
from tamis.notation import parse

# The command line reads the fields of a Proof for its flags: nothing heavy loads with them.
if TYPE_CHECKING:
    from tamis.budget import Budget

View = Literal["rows", "tokens", "steps"]
"""What is equal: rows of the subsets, their tokens, or updates (of full data besides; subsets of
equally many rows have equally many updates anyhow)."""

Control = Literal["random", "length_matched", "longest", "full"]

VIEWS: tuple[View, ...] = ("rows", "tokens", "steps")
Kind = Literal["base", "random", "length_matched", "longest", "full", "method"]

CONTROLS: tuple[Control, ...] = ("random", "length_matched", "longest", "full")
LONGEST = "top_k(by=length(of=response))"
FEWEST_SEEDS = 3
"""Draws of random rows below which a comparison says little of the next draw."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is to be proved, and how.

    Args:
        method: one or more methods, each as `select` takes it
        budget: one or more budgets, each as `select` takes it
        equal: what is the same for all arms: rows, tokens, or steps (updates)
        seeds: trainings of each arm; random rows are drawn anew for each
        without: controls to leave out: length_matched, longest, full
        test: files of rows with answers: models are measured by the loss on them
        hold_out: where no test file is given, rows of the pool that are kept aside for it
        prompts: files of prompts: --judge compares the answers with those of random rows' model
        answer_tokens: most tokens of such an answer
        repeats: what becomes of pool rows that repeat a test prompt: remove or keep
    """

    method: Sequence[str]
    budget: Sequence[str] = ("5%",)
    equal: Sequence[View] = ("rows", "tokens")
    seeds: int = FEWEST_SEEDS
    without: Sequence[Control] = ()
    test: Sequence[str] = ()
    hold_out: int = 500
    prompts: Sequence[str] = ()
    answer_tokens: int = 256
    repeats: Literal["remove", "keep"] = "remove"

    def __post_init__(self) -> None:
        faults = [
            f"{value!r} is none of {', '.join(known)}"
            for given, known in ((self.equal, VIEWS), (self.without, CONTROLS[1:]))
            for value in given
            if value not in known
        ]
        for name in ("method", "budget", "equal"):
            if not getattr(self, name):
                faults.append(f"a comparison needs at least one {name}")
        faults += [
            f"{name} is at least 1"
            for name in ("seeds", "answer_tokens")
            if getattr(self, name) < 1
        ]
        methods = [str(parse(method)) for method in self.method]
        faults += [f"{name} is compared twice" for name in set(methods) if methods.count(name) > 1]
        faults += budget_faults(self.budget)
        if faults:
            raise UserError("; ".join(sorted(faults)))
        object.__setattr__(self, "method", tuple(methods))


@dataclass(frozen=True, slots=True)
class Arm:
    """One kind of subset: what is trained `seeds` times.

    `matched` is the method whose lengths it has, `share` the budget in this view.
    """

    name: str
    kind: Kind
    budget: str = ""
    view: View = "rows"
    method: str = ""
    matched: str = ""
    share: Budget | None = None

    @property
    def label(self) -> str:
        """The arm with what it is compared within."""
        return f"{self.name} ({self.budget}, equal {self.view})" if self.budget else self.name

    @property
    def group(self) -> tuple[str, str]:
        """Arms with the same budget and view are compared."""
        return self.budget, self.view


def budget_faults(budgets: Sequence[str]) -> list[str]:
    """What is wrong with budgets as they are written."""
    from tamis.budget import Budget

    found = []
    for budget in budgets:
        try:
            Budget.parse(budget)
        except UserError as fault:
            found.append(str(fault))
    return found


def sizes(budget: Budget, rows: int, tokens: int) -> dict[View, Budget]:
    """The budget as it is in each view: as many rows, or the tokens that many rows have."""
    from tamis.budget import Budget

    limit = budget.of(rows)
    if limit.tokens is not None:
        count = max(round(limit.tokens * rows / max(tokens, 1)), 1)
        same = {"rows": Budget(count=min(count, rows)), "tokens": limit}
    else:
        assert limit.count is not None
        same = {"rows": limit, "tokens": Budget(tokens=max(round(limit.count * tokens / rows), 1))}
    return {"rows": same["rows"], "tokens": same["tokens"], "steps": same["rows"]}


def arms(proof: Proof, rows: int, tokens: int) -> list[Arm]:
    """Every arm, controls first; the same subset in two views is two arms of one training."""
    from tamis.budget import Budget

    found = [Arm("base, untrained", "base")]
    for budget in proof.budget:
        share = sizes(Budget.parse(budget), rows, tokens)
        for view in proof.equal:
            found += _group(proof, budget, view, share[view])
    return found


def _group(proof: Proof, budget: str, view: View, share: Budget) -> list[Arm]:
    def arm(name: str, kind: Kind, method: str = "", matched: str = "") -> Arm:
        return Arm(name, kind, budget, view, method, matched, share)

    found = [arm("random", "random", "random")]
    if "full" not in proof.without:
        found.append(arm("all rows", "full"))
    if "longest" not in proof.without:
        found.append(arm("longest answers", "longest", LONGEST))
    for method in proof.method:
        found.append(arm(method, "method", method))
        if "length_matched" not in proof.without:
            name = f"random, as long as {method}"
            found.append(arm(name, "length_matched", "length_matched_random", method))
    return found


def faults(proof: Proof) -> Sequence[str]:
    """What a report has to say of a comparison that can show little."""
    found = []
    if proof.seeds < FEWEST_SEEDS:
        found.append(f"{proof.seeds} seeds: how far trainings of one kind lie apart is hardly seen")
    found += [f"left out of the comparison: {name}" for name in proof.without]
    return found
