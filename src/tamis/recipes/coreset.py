"""Coreset of "Maybe Only 0.5% Data Is Needed": k-center that starts from the middles of clusters.

Formula: vectors x_i, the mean of the model's last-layer states over the row, scaled to length 1;
k-means on them; the row nearest to each cluster's centre is picked, those of large clusters first;
then always argmax_i min_{c picked} |x_i - x_c| (`k_center` with start=means).
Paper (arXiv:2305.09246): Galactica-1.3B on the tasks of P3, one task at a time, 0.5 % of its tokens
(1.9 M for natural language inference) with better results on two of three sets. How many clusters
there are is not said, and no code was published: `clusters`, and 0 is floor(sqrt(rows / 2)).
The paper selects for one task: give its rows alone, or quotas by task.
The budget 0.5 % counts rows; with a budget in tokens (1900ktok) it is the paper's unit.
Distances of vectors of length 1 order rows as cosines do. Rows without an answer have no vector and
are dropped by name. Cost: a forward pass a row.
Oracle: the selector on the same column, methods.md K1; the first rows by a loop over clusters.
"""

from __future__ import annotations

from tamis.budget import Budget
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Selection


@recipe(family="small-model", paper="arXiv:2305.09246")
def coreset(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: ColumnName = "hidden_state(pooling=mean,unit=true)",
    clusters: int = 0,
    seed: int = 0,
) -> Selection:
    """Rows nearest to the centres of k-means, then always the row farthest from all picked.

    Args:
        of: the vectors to spread over
        clusters: number of clusters; 0 is floor(sqrt(rows / 2))
        seed: decides the clusters
    """
    walk = f"k_center(of={of},start=means,clusters={clusters},seed={seed})"
    return run.select(data, walk, budget)
