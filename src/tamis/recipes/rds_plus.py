"""RDS+: the rows that look most like a target set to the model that will be trained.

1. A vector a row, of the pool and of the target set: states of the last layer over the whole
   conversation, token i weighted by i (scorer `hidden_state`).
2. Target rows take turns; each takes the row with the largest cosine that nobody has taken
   (selector `round_robin`).
Paper: "Large-Scale Data Selection for Instruction Tuning" (arXiv:2503.01807): template tulu, 2,048
tokens, Llama-2-7B; it finds many costlier methods below random rows as the pool grows, and this one
above. With several target sets, `tasks` names their label and the
sets take turns; combine=max is one ranking by the most similar target row.
Official code reads one row at a time, because it would pool over padding, and lets a target row
lose its turn where its next row is taken: cards of `hidden_state` and `round_robin`.
Oracle: methods.md R1 and R2, in those two.
"""

from __future__ import annotations

from typing import Literal

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import Reference, parse
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Pool, Selection


@recipe(family="beyond", paper="arXiv:2503.01807")
def rds_plus(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: ColumnName = "hidden_state(max_length=2048,pooling=weighted,template=tulu,turns=all)",
    combine: Literal["round_robin", "max", "mean"] = "round_robin",
    tasks: ColumnName = "",
) -> Selection:
    """Target rows take turns, each the row whose weighted mean of states is most like its own.

    Args:
        of: the vectors to compare
        combine: round_robin: each target row takes in turn; max, mean: one ranking by the largest
            or the mean similarity to the target rows
        tasks: label column of the target set; tasks take turns, by their largest similarity
    """
    if run.target is None:
        raise UserError("rds_plus compares with a target set: give one with --target FILE")
    given = {"of": of, "combine": combine, **({"tasks": tasks} if tasks else {})}
    # the label is the target set's: rows of the pool need none
    pool = Pool.of(data, **{str(parse(tasks)): [""] * len(data)}) if tasks else data
    return run.select(pool, str(Reference("round_robin", given)), budget)
