"""How many rows are best: trains on prefixes of a ranking and keeps the size with the lowest loss.

1. Rows are ranked by a score, and the budget says how many there can be at most.
2. Sizes from `least` to there, evenly spaced in their logarithm, are tried first: half of `tries`,
   rounded up, at least 3. To try is to train the run's model on that many rows of the ranking and
   to read its loss on the target set, the mean over `seeds` trainings.
3. Then, one by one, the middle (in the logarithm) of the wider gap beside the best size so far,
   until `tries` are spent or the gaps hold no other size.
4. The size with the lowest loss is returned, of equal losses the smaller one.
Paper: INSTRUCTMINING (arXiv:2307.06290) searches 512 to 10,000 rows with BlendSearch, a blend of
global and local search (flaml), and found 2,532 of 100,000. Both the loss and where it is lowest
were on its own held-out prompts. Here a grid and then halving: nothing is drawn, so that a search
that was killed, or is asked to try more, goes on from the sizes it has, and a curve with several
valleys is looked at everywhere once. A valley narrower than the first grid can be missed, as it can
in the paper's.
All sizes are trained in the run's own way: by epochs a larger size makes more updates; set steps to
compare at equal ones. One training's loss has noise of its own: sizes whose losses differ by less
than those of two seeds do (`losses` of the curve, with seeds=2) are not told apart, and the lowest
of several noisy losses is lower than it will be again.
The target set decides: a size that is best for it may be bad for anything else. The budget is an
upper limit, so a selection is no prefix of the one for a larger budget.
The manifest tells the `curve` (rows, loss, losses) and the `size`. A budget of no more than
`least` rows is taken as it is, and nothing is trained.
Cost: `tries` * `seeds` trainings, the longest on all rows of the budget.
Oracle: a stand-in trainer with a known curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._held_out_loss import trained_loss
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Selection


@recipe(family="indicators", paper="arXiv:2307.06290")
def size_search(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: ColumnName = "instruct_mining",
    first: Literal["low", "high"] = "low",
    least: int = 512,
    tries: int = 8,
    seeds: int = 1,
) -> Selection:
    """The prefix of a ranking, up to the budget, after training on which the loss is lowest.

    Args:
        by: the score that rows are ranked by
        first: which end of it comes first
        least: the smallest size
        tries: how many sizes are trained on
        seeds: trainings of each size, whose losses are averaged
    """
    if run.target is None:
        raise UserError("size_search reads losses on a target set: give one with --target FILE")
    if least < 1 or tries < 3 or seeds < 1:
        raise UserError(
            f"size_search: least={least} and seeds={seeds} are at least 1 and tries={tries} 3"
        )
    selector = "bottom_k" if first == "low" else "top_k"
    every = run.select(data, f"{selector}(by={parse(by)})", budget)
    if len(every.rows) <= least:
        return replace(every, info={**every.info, "size": len(every.rows), "curve": []})
    start = run.training.train_seed if run.training else 0
    losses: dict[int, list[float]] = {}

    def tried(size: int) -> float:
        run.progress("sizes", len(losses), tries)
        part = data.take(np.sort(every.rows[:size]))
        losses[size] = trained_loss(run, part, range(start, start + seeds))
        return float(np.mean(losses[size]))

    found = search(tried, least, len(every.rows), tries)
    run.progress("sizes", tries, tries)
    best = lowest(found)
    curve = [{"rows": s, "loss": found[s], "losses": losses[s]} for s in sorted(found)]
    info = {**every.info, "size": best, "curve": curve}
    return replace(every, rows=every.rows[:best], gains=every.gains[:best], info=info)


def search(loss: Callable[[int], float], least: int, most: int, tries: int) -> dict[int, float]:
    """The losses of the sizes that were tried: a grid, and then halves beside the best."""
    grid = max(3, -(-tries // 2))
    steps = np.linspace(log(least), log(most), grid)
    sizes = [least, *(round(exp(step)) for step in steps[1:-1]), most]
    found = {size: loss(size) for size in dict.fromkeys(sizes)}
    while len(found) < tries:
        size = middle(found)
        if size is None:
            break
        found[size] = loss(size)
    return found


def lowest(found: dict[int, float]) -> int:
    """The size with the lowest loss, the smaller one of equals."""
    return min(found, key=lambda size: (found[size], size))


def middle(found: dict[int, float]) -> int | None:
    """A new size in the wider gap beside the best one, or in the other; None if in neither."""
    known = sorted(found)
    at = known.index(lowest(found))
    gaps = [known[i : i + 2] for i in (at - 1, at) if 0 <= i < len(known) - 1]
    for low, high in sorted(gaps, key=lambda gap: -log(gap[1] / gap[0])):
        size = round(exp((log(low) + log(high)) / 2))
        if size not in found:
            return size
    return None
