"""LESS from the start: a warm-up that keeps a model after each epoch, and influence by all of them.

1. Train low-rank matrices on a random `share` of the pool for `epochs`, and keep the model and its
   optimiser's moments after each epoch.
2. `less` with one column a kept model c, `of` with model=c, and weight w_c, the mean learning rate
   of epoch c as a share of all of them.
Paper and code (arXiv:2402.04333): 5 % of the pool, four epochs, LoRA of rank 128, alpha 512 and
dropout 0.1 on q, k, v, o, rate 2e-5 falling in a line, template tulu, 2,048 tokens, 8,192 random
signs; the best 5 % of the pool, for each target task by itself.
Here the training is the run's (`--rank`, `--rate` and the rest), always of low-rank matrices, which
stand beside every linear layer. `of` and the training share template, length and the answers that
count: what `of` names holds for both, else what the training says. A schedule that ends at 0 gives
the last epoch little weight, and so it is in the official code. A row counts for the share if there
is an answer to learn in it; rows of the share stay in the pool and can be selected, as in papers.
The warm-up learns the token that ends an answer too, and gradients leave it out.
A model that is a low-rank adapter already is refused: its base can be warmed up.
The manifest names the kept models; `less(of=[gradient(direction=adam,model=...)],weights=[...])` on
them serves later target sets, and so does this recipe, which finds all of it again.
Cost: the warm-up, then one gradient a row and kept model (card of `gradient`).
Oracle: gradients of single rows by hand, with PEFT and the moments as they lie on the disk.
"""

from __future__ import annotations

from dataclasses import replace

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._passing import rows_in
from tamis.recipes._rounds import at_random, column_of, forget, learnable, settings, told
from tamis.recipes.less import Combine, less
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.training.settings import Training
from tamis.types import ColumnName, Dataset, Selection

SHARED = {"template": str, "max_length": int, "turns": str}
"""What the warm-up and the gradients have in common."""


@recipe(family="beyond", paper="arXiv:2402.04333")
def less_warm_up(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: ColumnName = "gradient(direction=adam)",
    share: float = 0.05,
    epochs: float = 4.0,
    rate: float = 0.0,
    tasks: ColumnName = "",
    combine: Combine = "cosines",
    seed: int = 0,
) -> Selection:
    """Rows by influence on a target set, by the models of a warm-up on a random share.

    Args:
        of: the pool's directions, read with each kept model
        share: share of the pool that is trained on
        epochs: how often it is read; a model is kept after each
        rate: highest learning rate of the warm-up; 0 is the run's
        tasks: label column of the target set
        combine: cosines averages cosines over a task's rows, gradients averages their gradients
        seed: decides which rows are trained on
    """
    if run.target is None:
        raise UserError("less_warm_up compares with a target set: give one with --target FILE")
    if not 0 < share <= 1:
        raise UserError(f"share is above 0 and at most 1, got {share}")
    training = warm_up(run, of, epochs, rate)
    there, _ = learnable(run, data, training)
    drawn = at_random(data, there, seed)[: rows_in(share, len(data))]
    if not len(drawn):
        raise UserError("less_warm_up: no row of the pool has an answer that can be learned")
    trained = run.train(data.take(drawn), training)
    columns = tuple(column_of(run, of, one.model, training, tuple(SHARED)) for one in trained.kept)
    rates = tuple(one.rate for one in trained.kept)
    chosen = less(run, data, budget, of=columns, weights=rates, tasks=tasks, combine=combine)
    for one in trained.kept:
        forget(run, one.model)
    kept = [{"model": one.model, "epoch": one.epoch, "rate": one.rate} for one in trained.kept]
    info = {**chosen.info, "warm_up": told(trained, len(drawn)), "kept": kept}
    return replace(chosen, info=info)


def warm_up(run: Run, of: str, epochs: float, rate: float) -> Training:
    """The training of the warm-up: low-rank matrices, in the markup that the gradients name."""
    given = parse(of).params
    named = {name: kind(given[name]) for name, kind in SHARED.items() if name in given}
    found = settings(run, epochs=epochs, rate=rate, keep="epochs", **named)
    if found.tune == "lora":
        return found
    return replace(found, tune="lora", rate=rate)  # a rate for all weights is too low here
