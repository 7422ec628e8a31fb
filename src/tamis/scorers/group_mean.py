"""A score of a group instead of a row: each row gets the mean over the rows with its label.

Formula: mean of x over the rows with the same value of `by`, rows without a score left out.
Active Instruction Tuning (arXiv:2311.00288) picks whole tasks by the mean uncertainty of sampled
rows: group_mean(of=prompt_uncertainty,by=field(name=task)).
It depends on the pool: add rows and it moves. A row without a label, or whose group has no score,
has none here, nor has a row that lacks the score itself, for its own reason; fill=true gives it its
group's, as for a score that was computed on a sample of each group.
Oracle: a loop over the groups.
"""

from __future__ import annotations

import numpy as np

from tamis.scorers._problems import carried
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Pool


@scorer()
def group_mean(pool: Pool, *, of: ColumnName, by: ColumnName, fill: bool = False) -> Column:
    """Mean of a score over the rows with the same label.

    Args:
        of: the score
        by: the label that makes a group
        fill: rows without a score of their own get their group's too
    """
    scores, labels = pool.scores(of), pool.labels(by)
    names = {label: at for at, label in enumerate(dict.fromkeys(labels))}
    group = np.array([names[label] for label in labels], np.int64)
    there = np.flatnonzero(~np.isnan(scores))
    there = there[np.lexsort((pool.ids[there], group[there]))]  # sums do not see the file's order
    sums = np.bincount(group[there], scores[there], minlength=len(names))
    counts = np.bincount(group[there], minlength=len(names))
    means = sums / np.where(counts > 0, counts, np.nan)
    unlabelled = np.array([label is None for label in labels], bool)
    own = {"no_label": unlabelled, "no_score": counts[group] == 0}
    return Column.floats(means[group], **(own if fill else carried(pool, [of], **own)))
