"""MoDS: good rows that cover the pool, and those on which a model trained on them still fails.

1. Quality: rows with reward above `alpha` are H.
2. Coverage: `seeds` rows of H by k-center on the instruction's vector.
3. Train the run's model on the seeds.
4. Necessity: it answers every question of H; rows whose generated answer has a reward below `beta`.
5. augment=k_center picks of these by k-center again, as in the paper; augment=all takes them all,
   the lowest reward first, as official code does, which has no step 5.
The selection is the seeds in their order and then the others in theirs, until the budget is spent;
so `seeds` splits it, and a budget of no more than `seeds` rows trains nothing.
Paper and code (arXiv:2311.15653): OpenAssistant's deberta-v3-large as the reward model (the run's
default), vectors of bert-base-uncased of the instruction alone, alpha 0 and beta 0 for Alpaca,
1 and -1 for a mixture, three epochs at 2e-5 on all weights, 2,000 rows of Alpaca.
Official code drops a row for which anything fails, fails itself where the threshold is read from
the command line or two rows are equal, uses vectors of an earlier run, starts from an unseeded row,
cuts the last four characters of each generated answer, and has a seed that turns out to be
necessary twice. Here rows without a reward are dropped by name, a generated answer without one (an
empty one, a question too long) does not count as necessary and is told by its problem in the
manifest, the first row is drawn by the seed, and every row is taken once.
Both grades are by the same column, which therefore shows the model the same question: any score of
rows will do as `quality`, with alpha and beta in its unit. Generated answers are the likeliest
ones, of at most `tokens` tokens; one that was cut there is graded as it is.
Cost: a reward a row, one training, `tokens` forward passes and a reward for each row of H.
Oracle: methods.md M2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._answers import answered_with
from tamis.recipes._passing import passing
from tamis.recipes._rounds import Picked, column_of, forget, in_rounds, settings, told, walked
from tamis.run.execute import problems
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Floats, Ints, Pool, Selection, order_by

Augment = Literal["k_center", "all"]


@recipe(family="small-model", paper="arXiv:2311.15653")
def mods(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    quality: ColumnName = "reward",
    alpha: float = 0.0,
    beta: float = 0.0,
    of: ColumnName = "embedding(of=instruction)",
    seeds: int = 500,
    augment: Augment = "k_center",
    epochs: float = 3.0,
    rate: float = 0.0,
    tokens: int = 256,
    seed: int = 0,
) -> Selection:
    """Good rows that cover the pool, then good rows that a model trained on those answers badly.

    Args:
        quality: the grade of a row's answer, and of a generated one
        alpha: rows above it are good
        beta: rows whose generated answer is below it are necessary
        of: the vectors that are covered
        seeds: rows picked first, which the model is trained on
        augment: pick of the necessary rows by k-center, or take all
        epochs: how often the seeds are read in training
        rate: highest learning rate; 0 is the run's
        tokens: longest generated answer
        seed: decides the first rows of both walks
    """
    if seeds < 1:
        raise UserError(f"mods needs a row to train on: seeds is at least 1, got {seeds}")
    quality, of = str(parse(quality)), str(parse(of))
    pool, limit = run.payable(data, [quality, of], budget)
    with np.errstate(invalid="ignore"):
        good = pool.scores(quality) > alpha
    left, dropped = passing(pool, [quality, of], good, f"{quality} not above {alpha:.12g}")
    walk = Walk(run, pool.take(left), quality, f"k_center(of={of},seed={seed})")
    walk.most = len(left) if limit.quotas else limit.count or len(left)
    training = settings(run, epochs=epochs, rate=rate)
    generated = f"generated_answer(tokens={tokens})"

    def rounds() -> Generator[Picked, list[int], None]:
        first = walked(run, walk.pool, walk.k_center, min(seeds, walk.most))
        taken = yield first
        if taken:
            trained = run.train(walk.pool.data.take(np.array(taken)), training)
            walk.info["training"] = told(trained, len(taken))
            grades = walk.grades(column_of(run, generated, trained.model, training))
            forget(run, trained.model)
            with np.errstate(invalid="ignore"):
                needed = np.flatnonzero(grades < beta)
            walk.info["necessary"] = len(needed)
            yield walk.augmented(np.setdiff1d(needed, [row for row, _ in first]), grades, augment)

    chosen = in_rounds(walk.pool, limit, rounds())
    info = {**chosen.info, "good": len(left), **walk.info}
    return replace(chosen, rows=walk.pool.rows[chosen.rows], info=info, dropped=dropped)


@dataclass(slots=True)
class Walk:
    """The good rows, and what is found of them.

    Args:
        run: what scores them
        pool: the good rows
        quality: the grade
        k_center: the selector
        most: rows that the budget can take
        info: what is told of the walk
    """

    run: Run
    pool: Pool
    quality: str
    k_center: str
    most: int = 0
    info: dict[str, Any] = field(default_factory=dict)

    def grades(self, generated: str) -> Floats:
        """The grade of each row's generated answer; NaN where there is none, counted by reason."""
        written = self.run.score(self.pool.data, [generated]).column(generated)
        there = np.flatnonzero(np.asarray(pc.is_valid(written.values)))
        texts = written.values.take(there).to_pylist()
        graded = self.run.score(answered_with(self.pool.data.take(there), texts), [self.quality])
        found = np.full(len(self.pool), np.nan)
        found[there] = graded.scores(self.quality)
        failed = Counter(problems(written))
        failed.update(problems(graded.column(self.quality)))
        self.info["not_graded"] = dict(failed)
        return found

    def augmented(self, needed: Ints, grades: Floats, augment: Augment) -> Picked:
        """The necessary rows in the order they are taken."""
        if augment == "all":
            order = needed[order_by(grades[needed], self.pool.ids[needed], descending=False)]
            return [(row, -float(grades[row])) for row in order.tolist()]
        found = walked(self.run, self.pool.take(needed), self.k_center, self.most)
        return [(int(needed[place]), gain) for place, gain in found]
