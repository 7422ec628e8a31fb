"""MIG: the rows that add the most information to a graph of labels.

Formula: labels are joined where the cosine of their vectors is at least the threshold, with the
cosine as weight W_lm and W_ll = 1; off the diagonal W is multiplied by `weight`, then each column
is divided by its sum: P. A row with score q and labels L(x) carries u_x = q sum_{l in L(x)} P_l.
The set's information is sum_l phi(z_l), z = sum_x u_x, phi(z) = (z + a)^b. Always pick the row with

    gradient (paper and official code): the largest u_x . phi'(z), phi'(z) = b (z + a)^(b - 1)
    exact: the largest sum_l phi(z_l + u_xl) - phi(z_l)

The first is the slope at z, which overrates rows with large scores on labels not yet covered: at
z = 0 the slope is 12.7 with a = 1e-6. The two orders differ (methods.md M1). Ties by id.
Paper: arXiv:2504.13835, threshold 0.9 on vectors of e5-mistral, InsTag's labels, DEITA's score as a
mean over turns, a = 1e-6, b = 0.8, weight 1; 50,000 rows of Tulu 3.
Official code holds rows x labels as a dense matrix and evaluates all rows for each pick; its option
`norm` divides a row's score by its number of labels (here normalise).
Here labels, graph and rows are sparse, and as u >= 0 and phi' falls, gains never rise in either
form: `_greedy.py` evaluates few rows again. Scores below 0 carry no information and are refused.
Rows without labels have gain 0 and come last, by id. 10,000 picks of 100,000 rows with 4 of 8,000
labels each: 5 s by the slope, 10 s exactly.
Needs vectors for the labels: the run's embedder makes them, from the label's text alone.
Oracle: methods.md M1, both orders; the dense form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.protocols import Embedder
from tamis.selectors._greedy import Greedy
from tamis.selectors._rows import drawn, named, told, usable
from tamis.spec import selector
from tamis.tags import entries, tagged
from tamis.types import ColumnName, Floats, Ints, Pool, Selection, Vectors
from tamis.vectors import slices, unit

Gain = Literal["gradient", "exact"]

_PART = 1 << 15


@selector(family="beyond", paper="arXiv:2504.13835")
def mig(
    pool: Pool,
    budget: Budget,
    embedder: Embedder,
    *,
    tags: ColumnName,
    by: ColumnName,
    threshold: float = 0.9,
    weight: float = 1.0,
    power: float = 0.8,
    offset: float = 1e-6,
    gain: Gain = "gradient",
    normalise: bool = False,
) -> Selection:
    """Rows that add the most information to the label graph; the gain is what they add.

    Args:
        tags: the column with a list of labels a row; a plain label counts as one
        by: the score that says how much a row tells about its labels, 0 or more
        threshold: labels with at least this cosine share what is known of them
        weight: what is shared, against what a label keeps; 0 shares nothing
        power: b, below 1: how fast more of the same label stops to count
        offset: a, small: how much a first row on a label counts
        gain: the slope at what is known, as published, or the exact difference
        normalise: divide a row's score by its number of labels
    """
    if not 0 < threshold <= 1 or not 0 <= weight < np.inf:
        raise UserError("mig needs a threshold above 0 and up to 1, and a weight of 0 or more")
    if not 0 < power <= 1 or not 0 < offset < np.inf:
        raise UserError("mig needs a power above 0 and up to 1, and an offset above 0")
    rows, dropped = usable(pool, scores=[by], labels=tags)
    scores = pool.scores(by)[rows]
    if (scores < 0).any():
        raise UserError(f"mig needs scores of 0 or more, {by} has less: rank it, mean_rank(of=[x])")
    found = tagged(pool, tags, rows)
    if normalise:
        scores = scores / np.maximum(np.diff(found.starts), 1)
    vectors = embedder.embed(found.names) if found.names else np.empty((0, 1), np.float32)
    graph = propagation(unit(np.asarray(vectors, np.float32)), threshold, weight)
    curve = Curve(power, offset)
    objective = Information(found.starts, found.codes, scores, graph, curve, gain)
    walk = Greedy(objective, len(rows))
    chosen = drawn(pool, budget, named(walk.picks(), rows), dropped)
    info: dict[str, Any] = walk.certificate() if gain == "exact" else {}
    edges = (len(graph.columns) - len(found.names)) // 2
    return told(
        chosen, **info, labels=len(found.names), edges=edges, information=objective.information()
    )


@dataclass(frozen=True, slots=True)
class Curve:
    """phi and its slope: what z units on a label are worth."""

    power: float = 0.8
    offset: float = 1e-6

    def value(self, z: Floats) -> Floats:
        return np.asarray((z + self.offset) ** self.power, np.float64)

    def slope(self, z: Floats) -> Floats:
        return np.asarray(self.power * (z + self.offset) ** (self.power - 1), np.float64)


@dataclass(frozen=True, slots=True)
class Sparse:
    """A square matrix by rows: values[starts[i] : starts[i + 1]] at columns[...]."""

    starts: Ints
    columns: Ints
    values: Floats


def propagation(vectors: Vectors, threshold: float, weight: float) -> Sparse:
    """P of labels with these unit vectors."""
    pairs = [np.empty((2, 0), np.int64)]
    cosines = [np.empty(0)]
    for part in slices(len(vectors), len(vectors)):
        similar = vectors[part] @ vectors[part.start :].T
        one, other = np.nonzero(np.triu(similar >= threshold, 1))
        pairs.append(np.stack([one, other]) + part.start)
        cosines.append(similar[one, other].astype(np.float64))
    (one, other), shared = np.concatenate(pairs, axis=1), weight * np.concatenate(cosines)
    itself = np.arange(len(vectors))
    rows, columns = np.concatenate([one, other, itself]), np.concatenate([other, one, itself])
    values = np.concatenate([shared, shared, np.ones(len(vectors))])
    order = np.lexsort((columns, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    sums = np.bincount(columns, values, minlength=len(vectors))
    starts = np.searchsorted(rows, np.arange(len(vectors) + 1))
    return Sparse(starts, columns, values / sums[columns])


class Information:
    """The objective: what rows add to the information on all labels.

    `codes` has the labels of row i from starts[i] to starts[i + 1]; `graph` is P, and where its
    entry l, m is not 0, neither is m, l.
    """

    def __init__(
        self, starts: Ints, codes: Ints, scores: Floats, graph: Sparse, curve: Curve, gain: Gain
    ) -> None:
        self._starts, self._codes, self._scores = starts, codes, scores
        self._graph, self._curve, self._gain = graph, curve, gain
        self._known = np.zeros(len(graph.starts) - 1)
        self._slopes = curve.slope(self._known)
        self._worth = np.zeros(len(self._known))  # (P phi'(z))_l: a unit on label l
        self._weigh(np.arange(len(self._known)))

    def gains(self, rows: Ints) -> Floats:
        """The gain of each of these rows, by the slope or exactly."""
        parts = [rows[i : i + _PART] for i in range(0, len(rows), _PART)]
        evaluate = self._by_slope if self._gain == "gradient" else self._exactly
        return np.concatenate([np.zeros(0), *map(evaluate, parts)])

    def add(self, row: int) -> None:
        """Adds what the row carries."""
        _, labels, amounts = self._carried(np.array([row]))
        self._known[labels] += amounts
        self._slopes[labels] = self._curve.slope(self._known[labels])
        if self._gain == "gradient":
            self._weigh(np.unique(self._graph.columns[entries(self._graph.starts, labels)[0]]))

    def information(self) -> float:
        """sum_l phi(z_l), less what it is without any row."""
        value = self._curve.value
        return float((value(self._known) - value(np.zeros(1))).sum())

    def _weigh(self, labels: Ints) -> None:
        places, lengths = entries(self._graph.starts, labels)
        products = self._graph.values[places] * self._slopes[self._graph.columns[places]]
        self._worth[labels] = _sums(products, lengths)

    def _by_slope(self, rows: Ints) -> Floats:
        places, lengths = entries(self._starts, rows)
        return _sums(self._worth[self._codes[places]], lengths) * self._scores[rows]

    def _exactly(self, rows: Ints) -> Floats:
        owners, labels, amounts = self._carried(rows)
        known = self._known[labels]
        more = self._curve.value(known + amounts) - self._curve.value(known)
        return np.bincount(owners, more, minlength=len(rows)).astype(np.float64)

    def _carried(self, rows: Ints) -> tuple[Ints, Ints, Floats]:
        """What rows carry, u: (place in `rows`, label, amount), each pair of row and label once."""
        places, lengths = entries(self._starts, rows)
        owners = np.repeat(np.arange(len(rows)), lengths)
        ways, counts = entries(self._graph.starts, self._codes[places])
        owners = np.repeat(owners, counts)
        keys = owners * len(self._known) + self._graph.columns[ways]
        pairs, inverse = np.unique(keys, return_inverse=True)
        shares = self._graph.values[ways] * self._scores[rows[owners]]
        amounts = np.bincount(inverse, shares, minlength=len(pairs)).astype(np.float64)
        width = max(len(self._known), 1)
        return pairs // width, pairs % width, amounts


def _sums(values: Floats, lengths: Ints) -> Floats:
    """Sums of consecutive runs of these lengths, 0 for an empty run."""
    found = np.zeros(len(lengths))
    full = lengths > 0
    if full.any():
        found[full] = np.add.reduceat(values, (np.cumsum(lengths) - lengths)[full])
    return found
