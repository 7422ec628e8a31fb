"""QDIT: quality and coverage in one greedy objective.

Formula: always argmax_j (1 - alpha) (f(S + j) - f(S)) + alpha q_j, f the facility location of
`facility_location` (cosines, not below 0) and q a score. Paper: arXiv:2311.14736, q from a reward
model or ChatGPT, alpha found by a sweep; 10,000 of 1.3 million rows of UltraChat.
The paper's sum over all rows grows with the pool, and a score does not: at 10,000 rows the first
gain is some thousands, and alpha = 0.5 would be facility location alone. scale=ranks, the default,
puts both on [0, 1]: the gain over the largest first gain, the score as the share of rows it beats.
scale=raw is the formula as printed. How the authors standardised is not known.
The score's part is the same in every step, so gains never rise and lazy greedy is exact.
Cost and modes are those of `facility_location`. alpha = 1 is `top_k`.
Oracle: methods.md F1 (QDIT) by number; a loop over all rows in every step.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.neighbours import Search
from tamis.selectors._greedy import Objective, walk_of
from tamis.selectors._rows import drawn, named, shares, told, usable
from tamis.selectors._similarity import NOISE
from tamis.selectors.facility_location import Mode, objective_of
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Pool, Selection
from tamis.vectors import Table


@selector(family="beyond", paper="arXiv:2311.14736")
def qdit(
    pool: Pool,
    budget: Budget,
    *,
    by: ColumnName,
    of: ColumnName = "embedding",
    alpha: float = 0.5,
    scale: Literal["ranks", "raw"] = "ranks",
    mode: Mode = "automatic",
    neighbours: int = 64,
    candidates: int = 0,
    search: Search = "automatic",
    seed: int = 0,
) -> Selection:
    """Rows that are good and stand for rows that no pick stands for; the gain is the mixture.

    Args:
        by: the score, highest best
        of: the vectors whose directions are covered
        alpha: weight of the score; 0 covers only, 1 takes the best rows
        scale: both parts on [0, 1], or as the paper prints them
        mode: as for facility_location: exact, sparse, or by the size of the pool
        neighbours: how many rows a row can be served by, in sparse mode
        candidates: rows drawn in each step to choose from; 0 chooses from all
        search: how neighbours are found; approximate needs the extra ann
        seed: decides the candidates, and the rows whose neighbours are checked
    """
    if not 0 <= alpha <= 1:
        raise UserError(f"qdit: alpha must lie between 0 and 1, got {alpha}")
    rows, dropped = usable(pool, scores=[by], vectors=[of])
    table = Table(pool, of, rows, directions=True)
    cover, info = objective_of(table, mode, "cosine", neighbours, search, seed)
    quality, weight = pool.scores(by)[rows], 1 - alpha
    if scale == "raw" and not np.isfinite(quality).all():
        raise UserError(f"qdit: a score in {by} is infinite: set scale=ranks")
    if scale == "ranks" and len(rows):
        quality = shares(quality)
        weight /= float(cover.gains(np.arange(len(rows))).max()) or 1.0  # all vectors are zero
    objective = Mixture(cover, weight, alpha * quality)
    noise = weight * NOISE if (quality >= 0).all() else -1.0  # gains go on below 0
    walk = walk_of(objective, len(rows), candidates, seed, noise)
    chosen = drawn(pool, budget, named(walk.picks(), rows), dropped, **info)
    known: dict[str, Any] = walk.certificate() if (quality >= 0).all() else {"value": walk.value}
    return told(chosen, **known)


class Mixture:
    """weight * what a row adds to the cover + what it is worth by itself."""

    def __init__(self, cover: Objective, weight: float, worth: Floats) -> None:
        self._cover, self._weight, self._worth = cover, weight, worth

    def gains(self, rows: Ints) -> Floats:
        """The mixture of each of these rows."""
        return np.asarray(self._weight * self._cover.gains(rows) + self._worth[rows], np.float64)

    def add(self, row: int) -> None:
        """The worth of rows does not depend on the set; the cover does."""
        self._cover.add(row)
