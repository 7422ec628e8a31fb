"""Vendi score: how many rows at right angles would be as diverse as the subset.

Formula: exp(-sum_i p_i ln p_i), p the eigenvalues of K / n, K the cosines among the n rows of the
subset (arXiv:2210.02410, order 1). n equal rows give 1, n rows at right angles n, whatever the
order or the number of copies. With fewer dimensions than rows, X^T X / n has the same eigenvalues
but for zeros, so memory is min(n, d)^2 numbers and time n d min(n, d). Products are summed in
float64, and the eigenvalues, which sum to 1 but for rounding, are divided by their sum.
A zero vector has no direction and would break the unit diagonal that the formula assumes: it is
left out, like a row without a vector. The score is at most min(n, d) and grows with n: compare
subsets of one size. It does not know the pool: a subset of oddities has a high score.
Oracle: methods.md V1; both forms on the same rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tamis.errors import UserError
from tamis.measures._rows import inside
from tamis.spec import measure
from tamis.types import ColumnName, Floats, Ints, Pool
from tamis.vectors import Table


@measure(prefer="high", paper="arXiv:2210.02410")
def vendi_score(pool: Pool, rows: Ints, *, of: ColumnName = "embedding") -> float:
    """Effective number of different rows: the exponential of the entropy of their directions.

    Args:
        of: the vectors whose directions are compared
    """
    every, chosen = inside(pool, rows, vectors=of)
    table = Table(pool, of, every[chosen], directions=True)
    there = np.concatenate([block.any(axis=1) for _, block in table.blocks()])
    if not there.any():
        raise UserError(f"every vector of the subset is zero in {of}: there is no direction")
    if not there.all():
        table = Table(pool, of, every[chosen[there]], directions=True)
    if len(table) < table.dimensions:
        vectors = table[:].astype(np.float64)
        return vendi(vectors @ vectors.T)
    moments = np.zeros((table.dimensions, table.dimensions))
    for _, block in table.blocks():
        exact = block.astype(np.float64)
        moments += exact.T @ exact
    return vendi(moments)


def vendi(kernel: Floats | NDArray[np.float64]) -> float:
    """The score of a kernel matrix with a unit diagonal, or of another with its eigenvalues."""
    shares = np.linalg.eigvalsh(kernel)
    shares = shares[shares > 0]
    shares /= shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
