"""DiverseEvol: the model trained on what was picked says which rows are farthest from it.

P_0 is `start` rows at random. Round t = 1, 2, ...: train the base model from scratch on P_(t-1),
take every row's vector by that model M_t, and add the `add` rows that k-center picks with P_(t-1)
as its centres. After `rounds` trainings the last walk goes on until the budget is spent.
Paper and code (arXiv:2311.08182): start 100, add 100, ten rounds to 1,100 rows; all weights, three
epochs at 2e-5, rows cut at 512 tokens; vectors are the mean of the last layer's states over the
whole row, compared by Euclidean distance (hidden_state(unit=false)).
Official code builds the n x n matrix and takes roots of numbers that rounding made negative; other
ways to pick in it (least confident, margin, entropy) are not here. Here `k_center` walks, rows
equal to a picked one are never added, and each training has a seed: a round is the same again.
Vectors are read in the markup the model was trained in. A row from which nothing can be learned (no
answer, no room for one) is dropped by name before the first round.
The manifest tells each round's rows, model, Vendi score of P by M's vectors, which rises in the
paper, and the radius: the distance of the farthest row of the pool to P. A selection of fewer rows
is the start of a larger one, and no round is trained that the budget does not ask for.
Cost: a round is a training on P and a forward pass over the pool; 4 bytes x width x rows in the
store.
Oracle: the rounds by hand on given vectors; methods.md K1 for the walk and V1 for the score.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.measures.vendi_score import vendi_score
from tamis.recipes._rounds import (
    Picked,
    at_random,
    column_of,
    forget,
    in_rounds,
    learnable,
    settings,
    told,
    walked,
)
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.training.settings import Training
from tamis.types import Column, ColumnName, Dataset, Ints, Pool, Selection

GIVEN = "picked_before"
"""The pool's column that says which rows are centres."""


@recipe(family="trainable-llm", paper="arXiv:2311.08182")
def diverse_evol(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: ColumnName = "hidden_state(unit=false)",
    start: int = 100,
    add: int = 100,
    rounds: int = 10,
    epochs: float = 3.0,
    rate: float = 0.0,
    seed: int = 0,
) -> Selection:
    """Rows farthest from those picked, by a model that is trained on these anew in each round.

    Args:
        of: a row's vector, read with the model of the round
        start: rows drawn at random for the first training
        add: rows that each round adds
        rounds: most trainings
        epochs: how often a training reads its rows
        rate: highest learning rate; 0 is the run's
        seed: decides the first rows
    """
    if min(start, add, rounds) < 1:
        raise UserError(
            f"diverse_evol: start, add and rounds are at least 1, got {start}, {add} and {rounds}"
        )
    training = settings(run, epochs=epochs, rate=rate)
    there, dropped = learnable(run, data, training)
    whole, limit = run.payable(data, [], budget)
    evolving = Evolving(run, whole.take(there), of, training)
    places = np.arange(len(there))
    first = at_random(evolving.pool.data, places, seed)[:start].tolist()
    chosen = in_rounds(evolving.pool, limit, evolving.picks(first, add, rounds))
    evolving.forget()
    info = {**chosen.info, "rounds": evolving.told}
    return replace(chosen, rows=there[chosen.rows], info=info, dropped=dropped)


@dataclass(slots=True)
class Evolving:
    """Rounds over a pool, and what there is to tell of each.

    Args:
        run: what trains and scores
        pool: the rows that can be learned
        of: a row's vector
        training: how a round trains
        told: an entry a round
    """

    run: Run
    pool: Pool
    of: str
    training: Training
    told: list[dict[str, Any]] = field(default_factory=list)

    def picks(self, first: list[int], add: int, rounds: int) -> Generator[Picked, list[int], None]:
        """The first rows, then those of each round; a row that a quota refused is left out."""
        picked = yield [(row, 0.0) for row in first]
        offered = set(first)
        while picked:
            if len(self.told) < rounds:
                self._train(picked)
                count = add
            else:  # the last model's walk goes on, in ever longer parts
                count = max(add, len(picked))
            inside = np.array(sorted(set(range(len(self.pool))) - (offered - set(picked))))
            found = self._farthest(inside, picked, count)
            if not found:
                return
            offered.update(row for row, _ in found)
            picked = picked + (yield found)

    def forget(self) -> None:
        """Lets go of the last round's model and vectors."""
        if self.told:
            forget(self.run, self.told[-1]["model"], (self.pool.data, self.told[-1]["vectors"]))

    def _train(self, picked: list[int]) -> None:
        """A round's model, its vectors, and how diverse what was picked is by them."""
        self.forget()
        trained = self.run.train(self.pool.data.take(np.array(picked)), self.training)
        column = column_of(self.run, self.of, trained.model, self.training)
        seen = replace(self.run.score(self.pool.data, [column]), rows=np.arange(len(self.pool)))
        vendi = vendi_score(seen, np.array(picked), of=column)
        self.told.append({**told(trained, len(picked)), "vectors": column, "vendi": vendi})

    def _farthest(self, inside: Ints, picked: list[int], count: int) -> Picked:
        """The next rows of the walk that has the picked ones as centres."""
        data, entry = self.pool.data, self.told[-1]
        column = entry["vectors"]
        seen = self.run.score(data, [column])
        given = np.zeros(len(data))
        given[picked] = 1
        pool = replace(seen, columns={**seen.columns, GIVEN: Column.floats(given)}).take(inside)
        found = walked(self.run, pool, f"k_center(of={column},given={GIVEN})", count)
        entry.setdefault("radius", found[0][1] if found else 0.0)
        return [(int(inside[place]), gain) for place, gain in found]
