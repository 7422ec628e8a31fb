"""A score read within its group: how a row stands among those of its language, domain or length.

Formula: (rank - 0.5) / n, rank among the n rows with the same value of `within` that have the
score, counted from the lowest, equal scores at their mean rank. It lies between 0 and 1, its mean
is 0.5 in every group, and its order within a group is that of the score, so which end is better is
what it is for the score: top_k(by=group_quantile(of=mtld,within=language)),
bottom_k(by=group_quantile(of=perplexity,within=language)).
Words, tokens and losses have other scales in other languages and lengths, so a raw ranking of a
mixed pool compares groups before it compares rows. This takes the differences between groups away,
the real ones too: if one group is better as a whole, its rows do not get more for it.
Groups: within=language, within=domain, within=source, within="band(of=length)", or any label.
The best rows of all then have nearly the groups' shares of the pool. Small groups are coarse: a
single row is 0.5 whatever its score and the best of two 0.75, while the best of a thousand is
0.9995, so a small budget has none of them. Scores with an end that many rows share, such as
repetition 0 or type_token_ratio 1, are no good here: where half of a group have the best value each
of them is 0.75, behind a group in which fewer have it. In both cases take a quota with the raw
score, --quota 'language=*:proportional', which gives exact numbers.
It depends on the pool: add rows and it moves. A row without the score has none here, for its own
reason, nor has a row without a label (no_label), which stands among no others.
Oracle: a count of the lower and equal scores of each row's group, in plain loops.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.scorers._problems import carried
from tamis.scorers._ranks import mid_quantiles
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Ints, Pool


@scorer(prefer="none", unit="share of the group")
def group_quantile(pool: Pool, *, of: ColumnName, within: ColumnName) -> Column:
    """The share of the rows with the same label that score lower, equal ones counted half.

    Args:
        of: the score
        within: the label that makes a group: language, domain, band(of=length)
    """
    labels = pool.column(within).values
    if pa.types.is_nested(labels.type):
        raise UserError(f"column {within!r} holds lists; group_quantile needs one label a row")
    group = codes(labels)
    found = mid_quantiles(pool.scores(of), group)
    return Column.floats(found, **carried(pool, [of], no_label=group < 0))


def codes(labels: pa.Array) -> Ints:
    """A number for each label, -1 where there is none."""
    coded = pc.dictionary_encode(labels)
    return np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
