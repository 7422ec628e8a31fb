"""Two rounds: a selector picks in every part of the pool, and then among what the parts picked.

1. Rows go to `parts` by a hash of (seed, id).
2. In each part the selector picks as if the part were the pool, up to the whole budget.
3. It picks from the union of these picks. parts=1 is the selector itself.
Memory, besides columns where they lie: one part's rows and vectors, then the union's. With k rows
of n the larger of the two is smallest near parts = sqrt(n / k), 10 at 1 %; where k * parts reaches
n the parts hand on all they have, and nothing is saved.
What is known of the result:
- A ranking by a score alone (top_k, random) picks the same rows as in one round.
- facility_location. Where both rounds value the whole pool, the better of the merged picks and of
  the best part's is at least (1 - 1/e) / parts of the best set of k rows, and with random parts at
  least (1 - 1/e) / 2 on average (Barbosa et al., arXiv:1502.02606; core-sets of the same kind in
  Mirrokni and Zadimoghaddam, arXiv:1506.06715). A sum over rows may be taken over a part's own rows
  in the first round and over a sample of the pool in the second, for the price of their chance
  (GreeDi, arXiv:1411.0541). So it is here: the union is valued on `sample` rows of the pool, and
  the better of the two is returned. Valued on the union alone, the merge would serve odd rows:
  parts hand on more of them than there are in the pool.
- k_center with start=random or middle: at most 4 times the smallest radius possible for as many
  rows, twice in each round (Malkomes et al., NIPS 2015). The manifest has the sum of both rounds'
  radii, which no row of the pool is farther away than.
- deita_filter: no two rows have a cosine above the threshold, as in one round. Lost can be a row
  that one round keeps: one that is too similar to a better row of its part, which another part's
  row then removes (what stays is a better row within twice the threshold's angle); and one whose
  part has as many better rows as the budget. Rows further down take their place.
- Others: the second round takes the union for the pool, and so do sums and ranks over it (qdit,
  saturated_coverage, graph_cut, herding, cover, dq).
Measured on 30,776 Alpaca rows (table in the package, 256 dimensions), 307 picks in 2, 8 and 32
parts: facility location has 0.997, 0.997 and 0.993 of one round's value with a sample of 16,384
rows, 0.998, 0.999 and 0.996 with all rows, 0.985 to 0.988 valued on the union, 0.960 the best of 8
parts, 0.863 random rows; 8 parts took 3.6 s and one round 91 s. 1,538 picks in 2 parts: 0.992,
0.998 with all rows, 0.976 on the union. A sample of 3 rows for each pick is worse than the union.
k-center left 1.00 to 1.04 of one round's radius; DEITA's filter (threshold 0.6) had 97 to 99.7 in
100 of the same picks.
Quotas hold for the result; a part keeps the most of a group, and the least as far as it has it.
The manifest's `merge` is what is told of the second round, of the union and not of the pool.
A smaller subset is no start of a larger one; with most=m those of up to m rows are, from m rows of
each part, and then the best part is not compared. first and given of k_center are refused: they
name rows that one part has.
Oracle: the selector itself (parts=1, rankings); the best subsets by enumeration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from tamis.budget import Budget, Quota
from tamis.errors import UserError
from tamis.notation import parse
from tamis.purse import Purse
from tamis.registry import find
from tamis.run.plan import columns_of, resolve
from tamis.run.session import Run
from tamis.selectors._greedy import walk_of
from tamis.selectors._rows import drawn, named, told, usable
from tamis.selectors._sample import SampleCoverage, sampled
from tamis.selectors._similarity import NOISE
from tamis.selectors.random import uniform
from tamis.spec import Naming, Spec, recipe
from tamis.types import Dataset, Ints, Pool, Selection
from tamis.vectors import Table

LEAST, PICK = 1 << 14, 16
"""Rows that the merge is valued on, and rows for each pick, where nothing else is asked for."""


def columns_named(by: str) -> list[str]:
    """The columns that a selector names; of one from a file they are found when it runs."""
    reference = parse(by)
    if ".py:" in reference.method:
        return []
    spec = find(reference.method, kinds=("select",))
    return columns_of(spec, resolve(spec, reference))


SelectorName = Annotated[str, Naming(columns_named)]


@recipe(family="beyond", paper="arXiv:1411.0541")
def two_round(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: SelectorName = "facility_location",
    parts: int = 8,
    most: int = 0,
    sample: int = 0,
    seed: int = 0,
) -> Selection:
    """What a selector picks among its picks from the parts of a pool that is too large for it.

    Args:
        by: the selector, with its parameters
        parts: how many parts the rows go to
        most: rows (or tokens, as the budget) that each part hands on; 0 is the budget
        sample: rows of the pool on which facility_location is valued when parts are merged; 0 is
            16 for each pick, at least 16,384
        seed: another seed gives other parts and another sample
    """
    if parts < 1 or min(most, sample) < 0:
        raise UserError(
            f"two_round: parts={parts} should be at least 1, most={most} and sample={sample} "
            "at least 0"
        )
    by = str(parse(by))
    spec, params = selector(run, by)
    if parts == 1:
        return run.select(data, by, budget)
    if spec.name == "k_center" and (params["first"] or params["given"]):
        raise UserError(
            "two_round: first and given of k_center name rows that only one part has: "
            "leave them out"
        )
    whole, limit = run.payable(data, columns_of(spec, params), budget)
    each = at_least(limit, most)
    places = parts_of(whole.ids.tolist(), parts, seed)
    found = []
    for number, rows in enumerate(places):
        run.progress("parts", number, len(places))
        found.append(part_picks(run, data, rows, by, each))
    run.progress("parts", len(places), len(places))
    if spec.name == "facility_location" and not spec.code:
        chosen = covering(whole, found, limit, params, sample, seed, compared=each == limit)
    else:
        chosen = run.select(whole.take(handed_on(found)), by, limit)
    return merged(chosen, found, spec)


def selector(run: Run, by: str) -> tuple[Spec, dict[str, Any]]:
    """The selector and its parameters."""
    reference = parse(by)
    spec = find(reference.method, kinds=("select",), allow_code=run.allow_code)
    if spec.kind != "select":
        raise UserError(f"two_round: {reference.method} is no selector")
    return spec, resolve(spec, reference)


def at_least(limit: Budget, most: int) -> Budget:
    """The budget of a part: the whole one, or `most` in its unit where that is more.

    With quotas it is the whole one: shares of more rows may be more than there are.
    """
    if limit.quotas:
        return limit
    if limit.tokens is not None:
        return replace(limit, tokens=max(limit.tokens, most))
    return replace(limit, count=max(limit.count or 0, most))


def parts_of(ids: Sequence[str], parts: int, seed: int) -> list[Ints]:
    """The rows of each part that has any: whatever their order, by their ids and the seed."""
    # salted: otherwise the first part would be the rows that `random` picks first
    number = (uniform([f"part {i}" for i in ids], seed) * parts).astype(np.int64)
    found = [np.flatnonzero(number == part).astype(np.int64) for part in range(parts)]
    return [rows for rows in found if len(rows)]


def part_picks(run: Run, data: Dataset, rows: Ints, by: str, budget: Budget) -> Selection:
    """What a selector picks of the named rows; columns are computed or read from the store.

    It is given strings, positions and settings alone, so that it can be called anywhere.
    """
    spec, params = selector(run, by)
    whole, limit = run.payable(data, columns_of(spec, params), budget)
    return run.select(whole.take(rows), by, within(whole, rows, limit))


def within(whole: Pool, rows: Ints, budget: Budget) -> Budget:
    """The budget of a part, its quotas asking for no more of a group than the part has.

    Raises UserError for a quota that the whole pool cannot meet.
    """
    groups = {quota.column: whole.labels(quota.column) for quota in budget.quotas}
    quotas = []
    costs = np.ones(len(whole), np.int64)
    if budget.tokens is not None and whole.costs is not None:
        costs = whole.costs
    for tally in Purse(budget, whole.costs, groups).tallies:
        inside = tally.group[rows]
        for at in sorted(tally.asked & set(inside.tolist())):
            there = int(costs[rows][inside == at].sum())
            least, most = min(int(tally.least[at]), there), int(tally.most[at])
            quotas.append(Quota(tally.column, tally.names[at], float(least), float(most)))
    return replace(budget, quotas=tuple(quotas))


def handed_on(found: Sequence[Selection]) -> Ints:
    """The rows that the parts picked, in the order of the pool."""
    return np.sort(np.concatenate([np.empty(0, np.int64), *(part.rows for part in found)]))


def covering(
    whole: Pool,
    found: Sequence[Selection],
    budget: Budget,
    params: Mapping[str, Any],
    sample: int,
    seed: int,
    *,
    compared: bool,
) -> Selection:
    """Facility location among the rows handed on, valued on a sample of the whole pool.

    Where it is `compared`, the best part's picks are returned if they are worth more.
    """
    of, seeded = params["of"], params["seed"]
    rows, _ = usable(whole, vectors=[of])
    size = sample or max(LEAST, PICK * max(map(len, found), default=0))
    others = rows[sampled(whole.ids[rows].tolist(), size, seed)]
    union = rows[np.isin(rows, handed_on(found))]
    candidates = Table(whole, of, union, directions=True)
    valued = Table(whole, of, others, directions=True)[:]
    objective = SampleCoverage(candidates, valued, params["similarity"])
    walk = walk_of(objective, len(union), params["candidates"], seeded, NOISE)
    chosen = drawn(whole, budget, named(walk.picks(), union), {})
    values = [objective.value(np.flatnonzero(np.isin(union, part.rows))) for part in found]
    value, best = walk.value, max(values, default=0.0)
    if compared and not budget.quotas and best > value:
        part = found[values.index(best)]
        chosen, value = Selection(part.rows, part.gains, {"of_one_part": True}), best
    share = value / max(len(others), 1)
    return told(chosen, sample=len(others), value=value, coverage=share, best_part=best)


def merged(chosen: Selection, found: Sequence[Selection], spec: Spec) -> Selection:
    """The second round's picks, with what both rounds dropped and what is to be told of them."""
    info = dict(chosen.info)
    quotas = {name: info.pop(name) for name in ("quotas",) if name in info}
    dropped: dict[str, list[Ints]] = {}
    for part in [*found, chosen]:
        for reason, rows in part.dropped.items():
            dropped.setdefault(reason, []).append(rows)
    radii = [part.info["radius"] for part in found if "radius" in part.info]
    if spec.name == "k_center" and "radius" in info:
        info["radius_in_pool_at_most"] = max(radii, default=0.0) + info["radius"]
    union = sum(len(part) for part in found)
    return Selection(
        chosen.rows,
        chosen.gains,
        {**quotas, "parts": len(found), "handed_on": union, "merge": info},
        {reason: np.sort(np.concatenate(rows)) for reason, rows in dropped.items()},
    )
