"""DavIR: what share of a row's loss training on the pool took away.

Formula, with L = log perplexity of the answer under two models:
    form=davir  (L_base - L_ref) / L_base    the share that the reference model has learned
    form=rho    L_base - L_ref               RHO's reducible loss, which favours long losses
base is the model before, reference the one fine-tuned on the whole pool: one score, written alike
but for model and dtype, as in
    davir(base=perplexity(template=alpaca),reference=perplexity(template=alpaca,model=./tuned)).
Two scores that differ in more are refused, and so is turns=each, the mean of several perplexities,
whose logarithm is no loss.
Paper: "DavIR" (arXiv:2310.13008, first called LoBaSS), no code; it takes the highest 6 %, and
division by L_base is what frees the score from the answer's length. Some summaries name L_ref as
the denominator: both forms rise with L_base / L_ref, so they order rows alike.
Negative values are rows that got harder. Where L_base is 0 there is nothing to share: undefined.
Oracle: methods.md V2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.notation import parse
from tamis.scorers._problems import carried
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Floats, Pool


@scorer(prefer="high", family="beyond", unit="share of the loss", paper="arXiv:2310.13008")
def davir(
    pool: Pool,
    *,
    reference: ColumnName,
    base: ColumnName = "perplexity",
    form: Literal["davir", "rho"] = "davir",
) -> Column:
    """Loss under the base model minus loss under the reference model, as a share of the former.

    Args:
        reference: perplexity under the model that was trained, perplexity(model=./tuned)
        base: perplexity under the model before
        form: davir divides by the base loss, rho does not
    """
    _comparable(base, reference)
    before, after = pool.scores(base), pool.scores(reference)
    with np.errstate(all="ignore"):
        values = learned(np.log(before), np.log(after), form)
    return Column.floats(values, **carried(pool, [base, reference], undefined=~np.isfinite(values)))


def _comparable(base: str, reference: str) -> None:
    """One score under two models, whose logarithm is a loss."""
    written = [parse(name) for name in (base, reference)]
    same = [
        (one.method, {k: v for k, v in one.params.items() if k not in ("model", "dtype")})
        for one in written
    ]
    if same[0] != same[1]:
        raise UserError(
            f"davir compares one score under two models: write {base} and {reference} alike, "
            "apart from model and dtype"
        )
    if same[0][1].get("turns") == "each":
        raise UserError(f"davir: turns=each in {base} is a mean of perplexities: set last or all")


def learned(base: Floats, reference: Floats, form: Literal["davir", "rho"]) -> Floats:
    """The loss that is gone, or its share of the base loss; NaN where that is 0."""
    gone = base - reference
    if form == "rho":
        return gone
    return np.divide(gone, base, out=np.full_like(base, np.nan), where=base != 0)
