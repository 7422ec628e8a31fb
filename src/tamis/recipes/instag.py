"""INSTAG: the rows that ask for the most different things, none whose tags its pass has already.

1. open_tags: a judge names what each query of a row asks for.
2. normal_tags: rare tags are dropped and those that mean the same merged, over the whole pool.
3. complexity_first: rows with the most tags first; a pass over the pool skips rows that add no tag.
Paper: #InsTag (arXiv:2308.07074), 6,000 of 306,044 rows, 16.56 tags a row, every tag covered. Code
for steps 2 and 3 was never released.
`tags` holds steps 1 and 2 as they are written, so every parameter of both can be set:
    instag(tags=normal_tags(of=open_tags(prompt=bare_tags),min_count=5,min_support=10))
Rows that carry tags need no judge; tags that are few already need no step 2:
    instag(tags=normal_tags(of=field_tags(name=labels)))      instag(tags=field_tags(name=labels))
The settings of normal_tags are for 300,000 rows; a small pool needs smaller ones.
A row without tags is dropped with the reason. The manifest tells how many different tags each step
left (`tags_after`), how many of the last the selection has (`tags_covered`, as the share
`coverage`), and the mean number of tags of a selected row (`tags_a_row`).
Cost: the judge's, once; a second run with other settings of step 2 or 3 asks nothing again.
Oracle: methods.md T1, from rows that carry tags; the three steps by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.notation import parse
from tamis.recipes._passing import scored_pool
from tamis.registry import find
from tamis.run.plan import resolve
from tamis.run.session import Run
from tamis.scorers._tag_steps import Steps
from tamis.selectors._rows import told
from tamis.spec import recipe
from tamis.tags import tagged
from tamis.types import ColumnName, Dataset, Pool, Selection


@recipe(family="powerful-llm", paper="arXiv:2308.07074")
def instag(
    run: Run, data: Dataset, budget: Budget, *, tags: ColumnName = "normal_tags"
) -> Selection:
    """Rows with the most tags first, none whose tags its pass has already.

    Args:
        tags: the column with a list of tags a row, made by a judge unless another one is named
    """
    tags = str(parse(tags))
    pool = scored_pool(run, data, budget, tags)
    picked = run.select(pool, f"complexity_first(tags={tags})", budget)
    counts = np.diff(tagged(pool, tags).starts)[picked.rows]
    return told(
        picked,
        tags_after=tags_after(run, pool, tags),
        coverage=picked.info["tags_covered"] / max(picked.info["tags"], 1),
        tags_a_row=float(counts.mean()) if len(counts) else 0.0,
    )


def tags_after(run: Run, pool: Pool, tags: str) -> dict[str, int]:
    """How many different tags each step left; of a column that is not normal_tags, how many it has.

    The steps are gone through once more, which costs little beside the judge.
    """
    written = parse(tags)
    if written.method != "normal_tags":
        return {"given": len(tagged(pool, tags))}
    params: dict[str, Any] = resolve(find("normal_tags", kinds=("score",)), written)
    given = params.pop("of")
    steps = Steps(**params)(tagged(run.score(pool, [given]), given), run.resource("Embedder"))
    return {name: len(left) for name, left in steps}
