"""TSDS: rows drawn by how much of the target set's mass is moved to them, near rows first.

Formula: each of M target rows spreads 1 / M over its nearest rows so that

    alpha / C * sum_jk p_jk d_jk + (1 - alpha) * M * max_jk kde_k p_jk

is smallest: d is the Euclidean distance, kde_k = sum of max(0, 1 - |x_k - x|^2 / sigma^2) over the
rows near row k (itself included) that are near a target row, so near-duplicates share the mass of
one. The solution fills the nearest rows to (1 / kde_k) / (M s) each, the last one with what
remains; s is the first sum of 1 / kde along a target row's list at which what a further step
costs, alpha / C * sum_j (d_j,k+1 sum_i<=k 1 / kde_i - sum_i<=k d_ji / kde_i), is at least
(1 - alpha) M. A row's probability is its mass from all target rows.
Paper: "TSDS: Data Selection for Task-Specific Model Finetuning" (arXiv:2410.11303), KNN-KDE;
sigma=0 is KNN-Uniform. Defaults are those of the official configuration: alpha 0.5, C (`scale`) 5,
sigma 0.75, 5,000 rows a list, 1,000 in a density, both at most a tenth of the pool.
Official code searches with an inverted file in both places and fails on pools of fewer than 20
rows; where a list ends before s is found it gives its last row more than its share. Here the lists
are exact or have their recall reported, have at least 10 rows, and s stops where one is used up,
which is the optimum over the rows in the lists. It then draws with replacement, so that a row may
come several times; here rows are drawn without replacement with these probabilities (Gumbel keys
by id: `gumbel_top_k`) or taken from the largest down, so subsets nest. Once all rows with mass are
picked the others follow in the order of their distance to the nearest target row, with gain 0, and
"rest_from" says from which pick on. The gain is the probability.
Caution: distances and sigma are in the units of the vectors; the defaults suit vectors of length 1.
Cost: M n products for the lists, M x list numbers in memory (lists are cut to keep that below 16
million); densities of the rows that may get mass only, as products with all rows near a target row.
Oracle: linear programming over the objective above; the official loop.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.neighbours import Neighbours, Search, distances, nearest
from tamis.selectors._rows import drawn, told, usable
from tamis.selectors.gumbel_top_k import gumbel
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Pool, Selection, order_by
from tamis.vectors import Part, Table, same_width, slices

_CELLS, _LEAST, _FIRST = 1 << 24, 10, 256
_SAME = 1e-6  # of two squared norms: what rounding leaves between equal float32 rows
_NOTHING = 1e-9  # of 1 / M: what rounding leaves of a row without mass


@selector(family="beyond", paper="arXiv:2410.11303")
def tsds(
    pool: Pool,
    budget: Budget,
    target: Pool,
    *,
    of: ColumnName = "embedding",
    draw: Literal["sample", "top"] = "sample",
    alpha: float = 0.5,
    scale: float = 5.0,
    sigma: float = 0.75,
    neighbours: int = 5000,
    kernel_neighbours: int = 1000,
    search: Search = "automatic",
    seed: int = 0,
) -> Selection:
    """Rows that the target rows' mass moves to, spread over more of them where they are near.

    Args:
        of: the vectors to compare
        draw: sample: drawn by probability without replacement; top: the largest probability first
        alpha: 1 puts all mass on the nearest rows, 0 spreads it as widely as possible
        scale: the C of the paper: how large a distance is; a larger one spreads more
        sigma: rows within this distance share mass as near-duplicates; 0: none do
        neighbours: rows that a target row can give mass to, at most a tenth of the pool
        kernel_neighbours: rows that a row can share mass with, at most a tenth of the pool
        search: exact or approximate nearest rows; automatic is exact up to 50,000 rows
        seed: another seed draws another sample
    """
    settings = Settings(alpha, scale, sigma, kernel_neighbours)
    if neighbours < 1 or kernel_neighbours < 1:
        raise UserError("tsds: neighbours and kernel_neighbours must be at least 1")
    rows, dropped = usable(pool, vectors=[of])
    asked, _ = usable(target, vectors=[of])
    if not len(rows):
        return drawn(pool, budget, (), dropped)
    if not len(asked):
        raise UserError(f"tsds: no row of the target set has a value in {of}")
    table, queries = Table(pool, of, rows), Table(target, of, asked)
    same_width(table, queries, of)
    most = max(min(len(rows) // 10, _CELLS // len(asked)), _LEAST)
    found = nearest(queries, table, min(neighbours, most), search=search, seed=seed)
    mass, info = masses(queries, table, found, settings)
    there = np.flatnonzero(mass)
    ids = pool.ids[rows[there]]
    keys = np.asarray(np.round(np.log(mass[there]), 6), np.float64)  # rounding decides nothing
    if draw == "sample":
        keys = keys + gumbel(ids.tolist(), seed)
    first = there[order_by(keys, ids)]

    def picks() -> Iterator[tuple[int, float]]:
        for row in first:
            yield int(rows[row]), float(mass[row])
        for row in by_distance(table, queries):
            if not mass[row]:
                yield int(rows[row]), 0.0

    chosen = drawn(pool, budget, picks(), dropped, **found.info, **info)
    rest = np.flatnonzero(chosen.gains == 0)
    return told(chosen, rest_from=int(rest[0])) if len(rest) else chosen


@dataclass(frozen=True, slots=True)
class Settings:
    """What weighs distance against spread."""

    alpha: float
    scale: float
    sigma: float
    kernel_neighbours: int

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise UserError(f"tsds: alpha is {self.alpha}: set 0 to 1")
        if not self.scale > 0 or not self.sigma >= 0:
            raise UserError("tsds: scale must be above 0 and sigma 0 or more")


def masses(
    queries: Table, table: Table, found: Neighbours, settings: Settings
) -> tuple[Floats, dict[str, Any]]:
    """The probability of each row, and what is to be told of it.

    Few rows of a list get mass, so only as many densities are computed as turn out to be needed.
    """
    lists = found.rows[:, (found.rows >= 0).all(axis=0)]  # faiss fills up a short list with -1
    norms, among = _norms(table), np.unique(lists)
    squared = found.squared[:, : lists.shape[1]].astype(np.float64)
    squared[squared < _SAME * (_norms(queries)[:, None] + norms[lists])] = 0
    apart, share, length = np.sqrt(squared), np.full(len(table), np.nan), _FIRST
    while True:
        near = lists[:, :length]
        new = np.unique(near)
        new = new[np.isnan(share[new])]
        share[new] = 1 / densities(table, new, among, norms, settings)
        s, ended = spread(apart[:, :length], share[near], settings)
        if not ended or length >= lists.shape[1]:
            break
        length *= 4
    filled = np.minimum(np.cumsum(share[near], axis=1) / s, 1)
    parts = np.diff(filled, axis=1, prepend=0)
    parts[parts < _NOTHING] = 0
    mass = np.bincount(near.ravel(), (parts / len(near)).ravel(), len(table)).astype(np.float64)
    info = {
        "with_mass": int((mass > 0).sum()),
        "s": s,
        "mean_neighbours": float((parts > 0).sum(axis=1).mean()),
        "lists_used_up": ended,
    }
    return mass, info


def densities(table: Table, asked: Ints, among: Ints, norms: Floats, settings: Settings) -> Floats:
    """Kde of each row asked for among some rows, of which it is one; 1 where sigma is 0."""
    sums = np.ones(len(asked))
    count = min(settings.kernel_neighbours, max(len(table) // 10, _LEAST))
    others, small = Part(table, among), (_SAME * norms).astype(np.float32)
    for part in slices(len(asked), len(among)) if settings.sigma else ():
        squared = distances(table[asked[part]], others)
        squared[squared < small[asked[part], None] + small[among]] = 0
        kernel = np.maximum(1 - squared / settings.sigma**2, 0, out=squared)
        if kernel.shape[1] > count and ((kernel > 0).sum(axis=1) > count).any():
            kernel = -np.partition(-kernel, count - 1, axis=1)[:, :count]
        sums[part] = kernel.sum(axis=1, dtype=np.float64)
    return sums


def spread(apart: Floats, shares: Floats, settings: Settings) -> tuple[float, bool]:
    """s, and whether a list was used up; `apart` and `shares` (1 / kde): (target rows, list)."""
    counts, paid = np.cumsum(shares, axis=1), np.cumsum(shares * apart, axis=1)
    steps = np.unique(counts[counts <= counts[:, -1].min()])
    queries = np.arange(len(counts))
    wanted = np.inf
    if settings.alpha:
        wanted = (1 - settings.alpha) * len(counts) * settings.scale / settings.alpha

    def price(step: int) -> float:
        """What raising s further costs; it never falls with s."""
        full = (counts <= steps[step]).sum(axis=1)
        if (full == counts.shape[1]).any():
            return float("inf")
        last = np.maximum(full - 1, 0)
        costs = apart[queries, full] * counts[queries, last] - paid[queries, last]
        return float(np.where(full, costs, 0).sum())

    step = bisect_left(range(len(steps)), wanted, key=price)
    return float(steps[step]), price(step) == np.inf


def by_distance(table: Table, queries: Table) -> list[int]:
    """All rows, those nearest to a target row first."""
    least = np.full(len(table), np.inf, np.float32)
    for part in slices(len(queries), len(table)):
        np.minimum(least, distances(queries[part], table).min(axis=0), out=least)
    rounded = np.round(least / max(float(_norms(table).max()), 1e-30), 6)
    return [int(row) for row in np.argsort(rounded, kind="stable")]


def _norms(table: Table) -> Floats:
    """Squared norms."""
    found = [np.einsum("ij,ij->i", block, block) for _, block in table.blocks()]
    return np.concatenate(found).astype(np.float64)
