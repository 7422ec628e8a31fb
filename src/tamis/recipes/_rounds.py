"""What recipes share that train models on the way: settings, columns of a model, picks in rounds.

Trainings and columns are kept by what they are made of, so a recipe that was killed finds what it
had done and goes on: nothing here remembers a round.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import Reference, parse
from tamis.registry import find
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.run.train import default
from tamis.selectors.random import uniform
from tamis.training.settings import Training
from tamis.types import Dataset, Ints, Pool, Selection, order_by

if TYPE_CHECKING:
    from tamis.training.sft import Trained

MARKUP = ("template", "max_length")
"""What a training and a score of its model have to agree on, where a score does not say."""

Picked = Sequence[tuple[int, float]]
"""(row, gain) of one round, in pick order."""


def settings(run: Run, *, epochs: float, rate: float = 0.0, **changes: Any) -> Training:
    """The run's way of training for one stage of a method: so many epochs, the last model kept."""
    usual = run.training or default()
    stage = {"epochs": epochs, "steps": 0, "tokens": 0, "keep": "last", "keep_every": 0}
    return replace(usual, **{**stage, "rate": rate or usual.rate, **changes})


def column_of(
    run: Run, reference: str, model: str, training: Training, names: Sequence[str] = MARKUP
) -> str:
    """A column as a trained model sees it, in the markup it was trained in unless it names one."""
    written = parse(in_markup(run, reference, training, names))
    spec = find(written.method, kinds=("score",), allow_code=run.allow_code)
    which = "judge" if "judge" in spec.which_model else "model"
    if which not in spec.which_model:
        raise UserError(
            f"{written.method} reads no language model, and a trained one is to be read"
        )
    if written.params.get(which):
        raise UserError(f"{reference} names a {which}, and is to be read with one trained here")
    found = str(Reference(written.method, {**written.params, which: model}))
    if parse(found).params[which] != model:
        raise UserError(
            f"the folder {model} cannot be written as a parameter: name a folder without commas, "
            "brackets and = with --models"
        )
    return found


def in_markup(run: Run, reference: str, training: Training, names: Sequence[str] = MARKUP) -> str:
    """A column in the markup of a training, as far as it has such parameters and names none."""
    written = parse(reference)
    spec = find(written.method, kinds=("score",), allow_code=run.allow_code)
    usual = {name: getattr(training, name) for name in names if name in spec.params}
    return str(Reference(written.method, {**usual, **written.params}))


def learnable(run: Run, data: Dataset, training: Training) -> tuple[Ints, dict[str, Ints]]:
    """Rows of which a training learns at least a token, and the others by reason."""
    names = (*MARKUP, "turns")
    kept = str(Reference("answer_kept", {name: getattr(training, name) for name in names}))
    pool = run.score(data, [kept])
    there, dropped = scored(pool, [kept])
    fits = pool.scores(kept)[there] > 0
    if not fits.all():
        dropped[f"{kept}: too_long"] = there[~fits]
    return there[fits], dropped


def at_random(data: Dataset, rows: Ints, seed: int) -> Ints:
    """The rows in an order that only their ids and the seed decide."""
    ids = np.asarray(data.ids.to_pylist(), dtype=str)[rows]
    return rows[order_by(uniform(ids.tolist(), seed), ids, descending=False)]


def told(trained: Trained, rows: int) -> dict[str, Any]:
    """What the manifest tells of a training."""
    manifest = trained.manifest
    losses = manifest.get("loss") or [(0, None)]
    return {
        "rows": rows,
        "model": trained.model,
        "updates": manifest.get("steps"),
        "loss": losses[-1][1],
        "seconds": manifest.get("seconds"),
    }


def forget(run: Run, model: str, *columns: tuple[Dataset, str]) -> None:
    """Lets go of a trained model and of columns read with it: the disk has both."""
    run.forget(model)
    for data, column in columns:
        run.computed.pop((data.fingerprint, str(parse(column))), None)


def in_rounds(pool: Pool, budget: Budget, rounds: Generator[Picked, list[int], None]) -> Selection:
    """What the budget takes of rounds; each is told what was taken of the one before.

    A round is only asked for when there is something left to pay with, as it may train a model.
    """
    limit = budget.of(len(pool))
    if limit.tokens is not None:
        assert pool.costs is not None
        costs, left = pool.costs, limit.tokens
    else:
        costs, left = np.ones(len(pool), np.int64), limit.count or 0
    cheapest = max(int(costs.min(initial=left)), 1)

    def picks() -> Generator[tuple[int, float], bool | None, None]:
        nonlocal left
        taken: list[int] | None = None
        while left >= cheapest:
            try:
                batch = next(rounds) if taken is None else rounds.send(taken)
            except StopIteration:
                return
            taken = []
            for row, gain in batch:
                if (yield row, gain) is not False:
                    taken.append(row)
                    left -= int(costs[row])
                if left < cheapest:
                    return

    return Selection.take(pool, limit, picks())


def walked(run: Run, pool: Pool, reference: str, count: int) -> Picked:
    """What a selector picks of a pool, as places in it."""
    if not len(pool) or count < 1:
        return []
    here = replace(pool, rows=np.arange(len(pool)), costs=None)
    found = run.select(here, reference, Budget(count=count))
    return list(zip(found.rows.tolist(), found.gains.tolist(), strict=True))
