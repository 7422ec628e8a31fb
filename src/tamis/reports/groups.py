"""The pool in groups, and how many rows of each a selection kept: source, script, length, turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from os.path import basename

from tamis.reports._raw import Raw
from tamis.reports.facts import Group, Grouping
from tamis.reports.opened import Selected
from tamis.types import Pool

GROUPINGS: Mapping[str, str] = {
    "source": "source",
    "script": "script(of=all)",
    "language": "language",
    "domain": "domain",
    "length, tokens": "band(edges=[32,64,128,256,512,1024,2048],of=tokens(of=all))",
    "answers in a conversation": "band(edges=[2,3,5,9],of=turns)",
}
"""What the rows are grouped by unless told otherwise: a title, and the column it is read from."""
SLOW = {"language": 20_000}
"""Groupings that take seconds, and up to how many rows they are made without being asked for."""
MOST = 30
"""Groups that get a line of their own; the others stand in one."""
NONE = "none"
"""The group of rows that have no label."""


def grouping(
    title: str,
    reference: str,
    labels: Sequence[str],
    runs: Sequence[Selected],
    raws: Sequence[Raw | None],
) -> Grouping:
    """Rows of the pool, of each selection and of its raw ranking, the largest groups first."""
    pool = Counter(labels)
    kept = [Counter(compress(labels, run.kept.tolist())) for run in runs]
    raw = [Counter(compress(labels, one.kept.tolist())) if one else None for one in raws]
    names = [name for name, _ in sorted(pool.items(), key=lambda one: (-one[1], one[0]))]
    if reference.startswith("band("):  # ranges have an order of their own
        names = sorted(names, key=_first_number)
    rest = names[MOST:]
    parts = [(name, [name]) for name in names[:MOST]]
    parts += [(f"{len(rest):,} other groups", rest)] if rest else []
    groups = [
        Group(
            name=name,
            pool=_in(pool, inside),
            kept=[_in(one, inside) for one in kept],
            raw=[None if one is None else _in(one, inside) for one in raw],
        )
        for name, inside in parts
    ]
    return Grouping(name=title, how=f"by the column {reference}", groups=groups)


def _in(counts: Mapping[str, int], names: Sequence[str]) -> int:
    return sum(counts[name] for name in names)


def _first_number(name: str) -> tuple[int, float, str]:
    """Below the first edge, between edges, above the last, and last what has no range."""
    if name.startswith("<"):
        return 0, 0.0, name
    digits = name.removeprefix(">=").partition("-")[0]
    try:
        return 1, float(digits), name
    except ValueError:
        return 2, 0.0, name


def labels_of(pool: Pool, reference: str) -> list[str]:
    """A label a row; files go by their names where these tell them apart."""
    found = [label if label is not None else NONE for label in pool.labels(reference)]
    if reference != "source":
        return [str(label) for label in found]
    paths = [one.path for one in pool.data.sources]
    short = {path: basename(path) for path in paths}
    return [short[p] for p in found] if len(set(short.values())) == len(set(paths)) else found
