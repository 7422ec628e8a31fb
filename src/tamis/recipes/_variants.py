"""Rated variants of some rows: what a scorer of complexity or quality learns from.

Rows are drawn, rewritten round after round, and each row's variants rated together in one question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.errors import UserError
from tamis.evolution import Chain, Kind, count, grow, started, way
from tamis.judging.rows import written
from tamis.judging.rubrics import rubric
from tamis.protocols import Judge
from tamis.scorers._joint import Group, together
from tamis.scorers._options import turns_of
from tamis.selectors.random import uniform
from tamis.types import SCHEMA, Batch, Column, Dataset, Floats, Pool, fingerprint, order_by

RUBRICS: Mapping[Kind, str] = {"instruction": "joint_complexity", "answer": "joint_quality"}
RATING, ROW = "rating", "row"
"""Columns of a pool of variants: the judge's rating, and the row that a variant comes from."""


@dataclass(frozen=True, slots=True)
class Rated:
    """Variants with their ratings, as a pool of one turn each, and what became of rows."""

    pool: Pool
    counts: Counter[str]


def sample(data: Dataset, size: int, seed: int) -> Dataset:
    """A random part of the rows, sorted by id: the same ones for any order of the file."""
    ids = np.asarray(data.ids.to_pylist(), dtype=str)
    drawn = order_by(uniform(ids.tolist(), seed), ids, descending=False)[:size]
    return data.take(drawn[np.argsort(ids[drawn], kind="stable")])


def variants(
    data: Dataset, judge: Judge, kinds: Sequence[Kind], rounds: int, seed: int
) -> dict[Kind, Rated]:
    """Rated variants of every row: of its instruction, of its answer, or of both.

    A round is one wave of questions for both kinds, and so are the ratings of a kind.
    """
    if rounds < 1:
        raise UserError(f"rounds is at least 1, got {rounds}: one text cannot be compared")
    chains = {kind: started(Batch(data.table), kind) for kind in kinds}
    ways = [way(kind, seed=seed) for kind in kinds]
    grow([chain for some in chains.values() for chain in some], judge, ways, rounds)
    return {kind: _rated(some, judge, kind, seed) for kind, some in chains.items()}


def _rated(chains: Sequence[Chain], judge: Judge, kind: Kind, seed: int) -> Rated:
    counts = Counter[str]()
    count(chains, counts)
    several = [chain for chain in chains if len(chain.versions) > 1]
    groups = [_group(chain) for chain in several]
    found = together(judge, rubric(RUBRICS[kind]), groups, seed)
    rows, ratings = [], []
    for chain, read in zip(several, found, strict=True):
        if read.problem is None:
            rows += [_row(chain, at) for at in range(len(chain.versions))]
            ratings += read.value
            counts["rated"] += len(chain.versions)
        else:
            counts[f"not rated: {read.problem}"] += len(chain.versions)
    return Rated(_pool(rows, np.array(ratings, np.float64)), counts)


def _group(chain: Chain) -> Group:
    texts = [version.text for version in chain.versions]
    asked = {"question": written(chain.before, None)} if chain.of == "answer" else {}
    return Group(chain.id, texts, asked)


def _row(chain: Chain, at: int) -> dict[str, Any]:
    """A variant as a row of one turn: its question, and its answer where that is what varies."""
    turn = turns_of(chain.turns(chain.versions[at]))[-1]
    turn = turn if chain.of == "answer" else {**turn, "answer": ""}
    return {"id": f"{chain.id} {at}", "of": chain.id, **turn}


def _pool(rows: Sequence[Mapping[str, Any]], ratings: Floats) -> Pool:
    data = one_turn_each(rows)
    columns: dict[str, Any] = {RATING: Column.floats(ratings)}
    columns[ROW] = Column.strings([row["of"] for row in rows])
    return Pool.of(data, **columns)


def one_turn_each(rows: Iterable[Mapping[str, str]]) -> Dataset:
    """Questions and answers with an id as rows of a dataset."""
    listed = [
        {
            "id": row["id"],
            "messages": [
                {"role": "user", "content": row["question"]},
                {"role": "assistant", "content": row["answer"]},
            ],
            "source": 0,
            "row": place,
        }
        for place, row in enumerate(rows)
    ]
    table = pa.Table.from_pylist(listed, schema=SCHEMA)
    return Dataset(table, fingerprint(table["id"]))
