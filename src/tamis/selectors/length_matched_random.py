"""Random rows as long as those that another method chose: the control for length.

Formula: cut the reference's lengths at its quantiles into bins of equal share; the share of each
bin in the reference is its share in every prefix of the selection (Sainte-Laguë, `_quota.py`);
inside a bin rows are drawn by hash(seed, id). Length is the number of characters.
Why: judges and selectors favour long answers ("Long Is More", arXiv:2402.04833), so a subset that
beats a plain random one may have won by length alone. The reference is the subset to explain, or
any other set; its rows stay in the draw, as they do in a random subset, and `also_in_reference`
says how many came back. Rows shorter or longer than all of the reference are left out. A bin that
has too few rows is used up and its places go to the others: `distance`, the largest gap between
the two cumulative distributions of length (Kolmogorov-Smirnov), says how well it went.
Oracle: the two-sample statistic by hand; a reference drawn from the pool is matched within 1/bins.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._quota import quota_order
from tamis.selectors._rows import told
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import Dataset, Floats, Ints, Part, Pool, Selection, order_by


@selector(family="baseline")
def length_matched_random(
    pool: Pool,
    budget: Budget,
    reference: Dataset,
    *,
    of: Part = "response",
    bins: int = 20,
    seed: int = 0,
) -> Selection:
    """Random rows with the reference's distribution of length; every gain is 0.

    Args:
        of: which turns are measured
        bins: how many classes of length; more match closer and leave less to chance
        seed: another seed gives another subset
    """
    if bins < 1 or not len(reference):
        raise UserError("length_matched_random needs at least one bin and one reference row")
    lengths, wanted = _lengths(pool.data, of), _lengths(reference, of)
    order = match_lengths(lengths, wanted, pool.ids, bins=bins, seed=seed)
    chosen = Selection.take(pool, budget, ((row, 0.0) for row in order.tolist()))
    known = set(reference.ids.to_pylist())
    info = {
        "in_range": len(order),
        "distance": distance(lengths[chosen.rows], wanted),
        "also_in_reference": sum(i in known for i in pool.ids[chosen.rows].tolist()),
    }
    return told(chosen, **info)


def _lengths(data: Dataset, of: Part) -> Ints:
    return np.asarray(pc.utf8_length(data.texts(of)).to_numpy(), dtype=np.int64)


def match_lengths(
    lengths: Ints | Floats,
    reference: Ints | Floats,
    ids: np.ndarray[tuple[int], np.dtype[np.str_]],
    *,
    bins: int = 20,
    seed: int = 0,
) -> Ints:
    """Rows in an order in which every prefix has the reference's distribution over the bins."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1), method="lower"))
    weights = np.bincount(_bin(reference, edges), minlength=len(edges)).astype(np.float64)
    rows = np.flatnonzero((lengths >= edges[0]) & (lengths <= edges[-1]))
    drawn = order_by(uniform(ids[rows].tolist(), seed), ids[rows], descending=False)
    return rows[quota_order(_bin(lengths[rows], edges), drawn, weights)]


def _bin(lengths: Ints | Floats, edges: Ints | Floats) -> Ints:
    return np.searchsorted(edges, lengths, side="right").astype(np.int64) - 1


def distance(lengths: Ints | Floats, reference: Ints | Floats) -> float:
    """Largest gap between two empirical distributions, 0 to 1; 1 where one of them is empty."""
    if not len(lengths) or not len(reference):
        return 1.0
    at = np.concatenate([lengths, reference])
    ours = np.searchsorted(np.sort(lengths), at, side="right") / len(lengths)
    theirs = np.searchsorted(np.sort(reference), at, side="right") / len(reference)
    return float(np.abs(ours - theirs).max())
