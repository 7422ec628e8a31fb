"""Humpback in rounds: the model rates rows, is trained on those it rated high, and rates again.

1. M_0 is the run's model trained on the target set, the seed.
2. Round t = 1, 2, ...: M_(t-1) rates every row from 1 to 5 (`humpback` with judge=M_(t-1)); the
   rows with at least `at_least` are A_t, and M_t is trained, from the base model, on the seed and
   A_t.
The selection is A_t of the last round, the highest first; M_t of the last round is what is to be
trained on it, and is left to `tamis train`.
Paper (arXiv:2308.06259): a seed of 3,200 pairs, 502,000 texts of the web with instructions that a
model trained the other way round wrote to them (self-augmentation), two rounds (self-curation); of
all texts A_5 keeps 41,800 and A_4 195,000. The seed and the new pairs have system prompts of their
own, which are not written here.
Here curation alone is done, of rows that have an instruction. No code was published; of an
unofficial one's ratings with a 7B rater 45 to 67 % could not be read, and its M_1 was worse than
M_0. A base model of a few hundred million parameters hardly ever writes a rating: where less than
`readable` of the rows have one, the recipe ends with what came instead, and selects nothing.
Raters are asked in their own chat template; so that is the markup they are trained in. A rater that
saw rows like these in its seed rates them too high: `in_target` says how many of the pool's rows
are in the target set. Rows without a rating are dropped by the reason.
Cost: a round is a training and a rating a row, written token by token.
Oracle: rounds by hand with a judge that rates by a rule; methods.md H2 in `humpback`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import Reference
from tamis.recipes._passing import over_all_rows
from tamis.recipes._rounds import column_of, forget, learnable, settings, told
from tamis.run.execute import problems
from tamis.run.session import Run
from tamis.scorers.humpback import Own
from tamis.spec import recipe
from tamis.types import SCHEMA, Column, Dataset, Ints, Selection, fingerprint

NAME = "humpback_rounds"
RATING = f"rating, by {NAME}"
"""The column of the last round's ratings, as it is reported."""


@recipe(family="trainable-llm", paper="arXiv:2308.06259")
def humpback_rounds(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    prompt: Own = "humpback",
    at_least: float = 5.0,
    rounds: int = 2,
    readable: float = 0.1,
    epochs: float = 3.0,
    rate: float = 0.0,
) -> Selection:
    """Rows that a model trained on the target set, and then on what it kept, rates high.

    Args:
        prompt: a TOML file with a rubric of your own
        at_least: rows below it are not kept
        rounds: how often all rows are rated, each time after a training
        readable: least share of the rows that must have a rating
        epochs: how often a training reads its rows
        rate: highest learning rate; 0 is the run's
    """
    if run.target is None:
        raise UserError("humpback_rounds begins with a seed: give good rows with --target FILE")
    if rounds < 1 or not 0 <= readable <= 1:
        raise UserError(
            "humpback_rounds: rounds is at least 1 and readable a share, got "
            f"rounds={rounds}, readable={readable}"
        )
    training = settings(run, epochs=epochs, rate=rate, template="chat")
    there, dropped = learnable(run, data, training)
    whole, limit = run.payable(data, [], budget)
    pool = whole.take(there)
    rating = str(Reference("humpback", {"prompt": prompt}))
    raters: list[dict[str, Any]] = []
    kept = np.empty(0, np.int64)
    for number in range(rounds):
        if number and not len(kept):
            raise UserError(
                f"{NAME}: no row has a rating of {at_least:g} after training {number} of the "
                f"rater (its highest is {raters[-1]['highest']:g}), so there is nothing more to "
                "train it on: lower at_least"
            )
        learned = joined(run.target, pool.data.take(kept))
        trained = run.train(learned, training)
        name = column_of(run, rating, trained.model, training)
        column = run.score(pool.data, [name]).column(name)
        forget(run, trained.model, (pool.data, name))
        raters.append({**told(trained, len(learned)), "not_rated": problems(column)})
        _check(column, readable, trained.model)
        kept = above(column, at_least)
        raters[-1] |= {"kept": len(kept), "highest": pc.max(column.values).as_py()}
    run.computed[data.fingerprint, RATING] = over_all_rows(
        column, there, len(data), "not_learnable"
    )
    ranked = replace(pool, columns={**pool.columns, NAME: column})
    chosen = run.select(ranked, f"threshold(by={NAME},at_least={at_least})", limit)
    seen = np.isin(pool.ids, run.target.ids.to_pylist())
    info = {**chosen.info, "rounds": raters, "in_target": int(seen.sum())}
    return replace(chosen, info=info, dropped={**dropped, **chosen.dropped})


def joined(seed: Dataset, kept: Dataset) -> Dataset:
    """The seed and the rows kept, each once."""
    names = [name for name in SCHEMA.names if name != "raw"]
    new = ~np.isin(np.array(kept.ids.to_pylist(), dtype=str), seed.ids.to_pylist())
    parts = [seed.table.select(names), kept.table.select(names).filter(pa.array(new))]
    table = pa.concat_tables(parts)
    return Dataset(table, fingerprint(table["id"]))


def above(column: Column, at_least: float) -> Ints:
    """The rows with a rating of at least so much; one without a rating is none of them."""
    ratings = column.values.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(ratings >= at_least)


def _check(column: Column, readable: float, model: str) -> None:
    """Raises UserError where too few rows have a rating."""
    there = len(column) - column.values.null_count
    if len(column) and (not there or there < readable * len(column)):
        counts = ", ".join(f"{count:,} {why}" for why, count in problems(column).items())
        raise UserError(
            f"{NAME}: {model} rated {there:,} of {len(column):,} rows ({counts}): it cannot rate. "
            "Train a larger or a chat model, give it more seed rows or epochs, or have another "
            "model rate: threshold(by=humpback,at_least=5) with --judge"
        )
