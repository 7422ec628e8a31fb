"""What a plain ranking by a run's score would have kept: without quotas, not read within groups.

It is asked for where a selection ranks by a score that is calibrated (`group_quantile`) or shared
out by quotas: the rows with the best raw values under the same budget, of all rows that have one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tamis.errors import UserError
from tamis.notation import Reference, parse
from tamis.registry import find
from tamis.reports import _replay
from tamis.reports.opened import Selected
from tamis.run.plan import columns_of, resolve
from tamis.run.session import TOKENS, Run
from tamis.types import Dataset, Mask

CALIBRATED = "group_quantile"
NO_RANKING = ("percentile_band", "random", "length_matched_random")
RANKED_BY = ("by", "quality", "then")
"""Parameters that name the score of which a method takes the better rows."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The score as it is, and the rows that its ranking keeps."""

    score: str
    kept: Mask


def raw(one: Selected, data: Dataset | None, run: Run) -> Raw | None:
    """None where no single score ranks, it is neither calibrated nor under quotas, or is unknown.

    Args:
        one: the run
        data: its source, to combine raw scores that only stand in the folder one by one
        run: computes with what the run was selected with
    """
    how = _replay.made(one, run)
    named = ranked_by(one, how)
    if named is None:
        return None
    score = plain(named)
    if score == named and not how.limit.quotas:
        return None
    again = _ranking(one, how, score, data, run)
    if again is None:
        return None
    kept = np.zeros(len(one), bool)
    try:
        kept[again(how.total).rows] = True
    except UserError:  # a method of one's own that is not there any more
        return None
    return Raw(score, kept)


def ranked_by(one: Selected, how: _replay.Made) -> str | None:
    """The score of which the method takes the better rows."""
    if how.spec is None or how.spec.name in NO_RANKING:
        return None
    params = resolve(how.spec, how.reference)
    named = [params[name] for name in RANKED_BY if name in how.spec.params]
    return next((name for name in named if isinstance(name, str) and name in one.scores), None)


def plain(reference: str) -> str:
    """The same score with what is read within groups read raw, however deep it stands."""
    one = parse(reference)
    if one.method == CALIBRATED:
        return plain(one.params["of"])
    return str(Reference(one.method, {name: _plain(value) for name, value in one.params.items()}))


def _plain(value: str | list[str]) -> str | list[str]:
    if isinstance(value, list):
        return [str(_plain(one)) for one in value]
    return plain(value) if f"{CALIBRATED}(" in value else value


def _ranking(
    one: Selected, how: _replay.Made, score: str, data: Dataset | None, run: Run
) -> _replay.Again | None:
    assert how.spec is not None
    lowest = how.spec.name == "bottom_k" or resolve(how.spec, how.reference).get("first") == "low"
    ranking = Reference("bottom_k" if lowest else "top_k", {"by": score})
    paid = (TOKENS,) if how.limit.tokens is not None else ()
    ranked = replace(
        how,
        reference=ranking,
        limit=replace(how.limit, quotas=()),
        spec=find(ranking.method, kinds=("select",)),
        columns=(score, *paid),
    )
    again = _replay.from_table(one, ranked)
    if again is not None or data is None or not _known(one, score, run):
        return again
    return _replay.of_rows(data, one, ranked, run)


def _known(one: Selected, score: str, run: Run) -> bool:
    """Whether a score is made of columns that the folder has, so that nothing costly is asked."""
    try:
        reference = parse(score)
        spec = find(reference.method, kinds=("score",), allow_code=run.allow_code)
        parts = columns_of(spec, resolve(spec, reference))
    except UserError:
        return False
    return bool(parts) and set(parts) <= _replay.held(one)
