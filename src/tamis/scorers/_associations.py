"""Tags that hardly occur without another one: association rules between two tags.

Formula: A -> B where at least `support` rows have both, and they are at least the share
`confidence` of the rows with A. The support of a pair never exceeds that of a tag, so pairs are
counted among the rows of one frequent tag at a time; FP-Growth finds the same pairs. Rules with
several tags before the arrow say nothing of two tags being one, and are not looked for.
Work: the squares of the rows' numbers of tags, summed. Memory: the entries of one tag's rows.
Oracle: all pairs, by loops.
"""

from __future__ import annotations

import numpy as np

from tamis.tags import Tagged, entries
from tamis.types import Ints


def associated(tags: Tagged, support: int, confidence: float) -> Ints:
    """For each tag the one that it goes into, along the rules to their end; itself where none.

    Of two tags tied by a rule the rarer one goes, ties by name: where a rule leads from the more
    frequent one to the rarer one, the rule back holds as well. Of several rules the surest counts,
    then the one to the most frequent tag.
    """
    order = np.argsort(-tags.counts, kind="stable")
    place = np.empty(len(tags), np.int64)
    place[order] = np.arange(len(tags))
    holders = tags.rows[np.argsort(tags.codes, kind="stable")]
    ends = np.cumsum(tags.counts)
    into = np.arange(len(tags))
    for tag in order.tolist():  # what it can go into comes before it
        count = int(tags.counts[tag])
        if count < support:
            break
        rows = holders[ends[tag] - count : ends[tag]]
        ahead = place[tags.codes[entries(tags.starts, rows)[0]]]
        found, both = np.unique(ahead[ahead < place[tag]], return_counts=True)
        sure = both >= max(support, confidence * count - 1e-9)
        if sure.any():
            into[tag] = into[order[found[sure][np.argmax(both[sure])]]]
    return into
