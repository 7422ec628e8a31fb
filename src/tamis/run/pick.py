"""What `select` does with a method: checks it, and picks rows with it."""

from __future__ import annotations

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import Reference, parse
from tamis.registry import find
from tamis.run.plan import columns_of, resolve
from tamis.run.session import Run
from tamis.spec import Spec
from tamis.types import Dataset, Pool, Selection

PICKERS = ("recipe", "select", "score")
"""What `select` takes as a method: a name is looked for in this order."""


def check(reference: Reference, run: Run, budget: Budget | None = None) -> Spec:
    """Finds the method and checks its parameters and quotas before anything is read or loaded."""
    spec = find(reference.method, kinds=PICKERS, allow_code=run.allow_code)
    params = resolve(spec, reference)
    quotas = [quota.column for quota in budget.quotas] if budget else []
    for column in columns_of(spec, params) + quotas:
        inner = find(parse(column).method, kinds=("score",), allow_code=run.allow_code)
        resolve(inner, parse(column))
    if spec.targets and run.target is None:
        raise UserError(f"{spec.name} compares with a target set: give one with --target FILE")
    return spec


def pick(data: Dataset, reference: Reference, budget: Budget, run: Run) -> tuple[Pool, Selection]:
    """The selection of a method, a selector, or of a scorer's best rows; with the columns used."""
    spec = check(reference, run)
    limit = budget.of(len(data))
    if limit.allocates:  # by the sizes of groups in what was read, whatever a recipe leaves of it
        limit = run.payable(data, [], limit)[1]
    if spec.kind == "recipe":
        selection: Selection = spec.function(run, data, limit, **resolve(spec, reference))
    else:
        if spec.kind == "score":
            reference = ranking(spec, reference)
        selection = run.select(data, str(reference), limit)
    if len(selection) == 0:
        raise UserError(why_empty(data, selection, limit))
    return run.columns(data), selection


def ranking(spec: Spec, reference: Reference) -> Reference:
    """A scorer's best rows, as a selector picks them; UserError where it has no better end."""
    if spec.prefer == "none":
        raise UserError(
            f"{spec.name} has no better end: select with --method top_k, bottom_k, "
            f"percentile_band or stratified, by={reference}"
        )
    by = "top_k" if spec.prefer == "high" else "bottom_k"
    return Reference(by, {"by": str(reference)})


def why_empty(data: Dataset, selection: Selection, budget: Budget) -> str:
    """What to tell where nothing was selected."""
    gone = sum(len(rows) for rows in selection.dropped.values())
    reasons = ", ".join(f"{len(rows):,} {why}" for why, rows in selection.dropped.items())
    if gone >= len(data):
        return f"no row can be selected: {reasons}"
    if budget.tokens is not None:
        return f"the first pick has more tokens than the budget of {budget.tokens:,}: ask for more"
    return "no row fits what the method asks for" + (f"; dropped: {reasons}" if reasons else "")
