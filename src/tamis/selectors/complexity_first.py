"""Complexity first, diverse: INSTAG's rule over the tags of a row (TagLM).

Formula: sort rows by their number of distinct tags, most first, ties by id. A pass walks down the
rows that are left with an empty set B, takes a row unless all of its tags are in B, and adds the
tags of the rows taken, not of those skipped; the next pass starts with B empty. Rows without tags
are never taken; when no other row is left the selection ends and says so.
Paper: arXiv:2308.07074, on tags made by a tagger and normalised: 6,000 of 306,044 rows, 16.56 tags
a row, every tag covered. Its sampling code was never released, so there is none to differ from; a
scan as the paper writes it looks at all rows in every pass.
Here a pass is read off the tags: a row is taken exactly where it is the first one left of some tag,
because an earlier row with that tag would have been taken for it. Each pass spends at least
one row of each tag that is left, so all passes together cost as much as a sort of all tags, and
passes that the budget does not need are not run. 100,000 rows with 4 tags each: 0.6 s for 10,000
of them, reading the tags included.
The gain is the number of tags that the row was the first of its pass to cover.
Oracle: methods.md T1; the scan by plain loops.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.selectors._rows import Picks, drawn, named, told, usable
from tamis.spec import selector
from tamis.tags import entries, tagged
from tamis.types import ColumnName, Ints, Pool, Selection


@dataclass(slots=True)
class Walk:
    """The pass that the last row was offered in, and whether all rows are used up."""

    passes: int = 0
    ended: bool = False


@selector(family="powerful-llm", paper="arXiv:2308.07074")
def complexity_first(pool: Pool, budget: Budget, *, tags: ColumnName) -> Selection:
    """Rows with the most tags first, none whose tags its pass has; the gain is its new tags.

    Args:
        tags: the column with a list of tags a row; a plain label counts as one tag
    """
    rows, dropped = usable(pool, labels=tags)
    found = tagged(pool, tags, rows)
    sizes = np.diff(found.starts)
    if not sizes.all():
        dropped[f"no tags in {tags}"] = np.sort(rows[sizes == 0])
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    places, lengths = entries(found.starts, order)
    starts, codes = np.cumsum([0, *lengths]), found.codes[places]
    walk = Walk()
    chosen = drawn(pool, budget, named(passes(starts, codes, walk), rows[order]), dropped)
    places, _ = entries(found.starts, np.flatnonzero(np.isin(rows, chosen.rows)))
    info: dict[str, Any] = {"passes": walk.passes, "tags": len(found.names)}
    if walk.ended:
        info["stopped"] = "no row with tags is left"
    return told(chosen, **info, tags_covered=len(np.unique(found.codes[places])))


def passes(starts: Ints, codes: Ints, walk: Walk) -> Picks:
    """(row, new tags) of all rows, which come in the order of the scan and have tags."""
    counts = np.bincount(codes)
    owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    holders = owners[np.argsort(codes, kind="stable")]  # by tag, in the order of the scan
    ends = np.cumsum(counts)
    heads = ends - counts  # of each tag the place of its first holder left
    gone = np.zeros(len(starts) - 1, bool)
    covered = np.zeros(len(counts), np.int64)  # the pass that covered a tag last

    def left(tags: Ints) -> Ints:
        """The tags that are still held by a row, their heads moved on to it."""
        stuck = tags
        while len(stuck):
            stuck = stuck[heads[stuck] < ends[stuck]]
            stuck = stuck[gone[holders[heads[stuck]]]]
            heads[stuck] += 1
        return tags[heads[tags] < ends[tags]]

    tags, number = left(np.flatnonzero(counts)), 0
    while len(tags):
        number += 1
        ahead = np.unique(holders[heads[tags]]).tolist()
        while ahead:
            row = heapq.heappop(ahead)
            if gone[row]:
                continue
            own = codes[starts[row] : starts[row + 1]]
            new = own[covered[own] < number]
            gone[row] = True
            taken = yield row, float(len(new))
            walk.passes = number
            if taken is False:
                for other in holders[heads[left(new)]].tolist():  # next in line for its tags
                    heapq.heappush(ahead, other)
                continue
            covered[own] = number
        tags = left(tags)
    walk.ended = True
