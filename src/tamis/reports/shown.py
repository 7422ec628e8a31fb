"""The rows of a report's map and table: picks first, then others by chance, as many as fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.reports import blocks
from tamis.reports.distributions import percentiles
from tamis.reports.facts import Label, Rows, Values
from tamis.reports.opened import Opened
from tamis.types import Dataset, Floats, Ints, Mask

ROWS = 50_000
"""Rows of the map and the table at most."""
LONGEST = 200_000
"""Characters of one turn that the page holds; longer ones are cut there, and say so."""
FIGURES = 6
"""Significant figures of a number on the page."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What is known of every row of the source."""

    scores: dict[str, Floats]
    labels: dict[str, Sequence[str]]
    tokens: Floats | None = None
    places: Floats | None = None  # on the map, shape (rows, 2)


Conversation = list[list[str | None]]
"""Turns: role, text, tool calls as JSON or None."""


def chosen(ids: Sequence[str], kept: Sequence[Mask], most: int = ROWS) -> Ints:
    """Positions of the rows to show: what any run kept, then others in the order of their ids.

    Ids are hashes, so their order is chance, and the same every time. Where the kept rows alone are
    more than half of what can be shown, they are sampled too.
    """
    order = np.argsort(np.asarray(ids, dtype=str), kind="stable")
    picked = np.logical_or.reduce(list(kept))[order]
    first, others = order[picked], order[~picked]
    first = first[: max(most // 2, most - len(others))]
    return np.concatenate([first, others[: most - len(first)]]).astype(np.int64)


def sampled(shown: int, of: int) -> str:
    """What to say where not all rows are shown."""
    if shown == of:
        return ""
    return (
        f"{shown:,} of {of:,} rows are on the map and in the table: picks first, then others by "
        "chance. Counts, distributions and groups are of all rows."
    )


def fitting(data: Dataset, at: Ints, most: int = blocks.MOST_BYTES) -> tuple[list[str], Ints]:
    """The texts of as many of these rows as fit into a page, packed, and which rows these are."""
    packed: list[str] = []
    size = 0
    for block in blocks.packed(conversations(data, at)):
        size += len(block)
        if packed and size > most:
            break
        packed.append(block)
    return packed, at[: len(packed) * blocks.IN_BLOCK]


def rows_of(opened: Opened, at: Ints, whole: Whole, map: str) -> Rows:
    """The columns of the rows at these positions; percentiles are among all rows.

    `map` says how the places were made, or why there are none.
    """
    first, pick = opened.runs[0].table, at.tolist()
    x, y = ([] if whole.places is None else rounded(whole.places[at, axis]) for axis in (0, 1))
    tokens = np.full(len(opened), np.nan) if whole.tokens is None else whole.tokens
    return Rows(
        shown=len(at),
        of=len(opened),
        sampled=sampled(len(at), len(opened)),
        id=[opened.runs[0].ids[i] for i in pick],
        source=first["source"].to_numpy()[at].tolist(),
        row=first["row"].to_numpy()[at].tolist(),
        tokens=[None if np.isnan(n) else int(n) for n in tokens[at]],
        rank=[run.rank[at].tolist() for run in opened.runs],
        why=[coded(run.name, [run.why[i] for i in pick]) for run in opened.runs],
        scores=[
            Values(
                name=name,
                values=rounded(values[at]),
                percentiles=rounded(percentiles(values)[at], 3),
            )
            for name, values in whole.scores.items()
        ],
        labels=[coded(n, [values[i] for i in pick]) for n, values in whole.labels.items()],
        x=x,
        y=y,
        map=map,
        texts=opened.missing,
    )


def coded(name: str, values: Sequence[str | None]) -> Label:
    """A column of names as positions in a list of them, the most frequent first."""
    counts = Counter(value for value in values if value is not None)
    names = sorted(counts, key=lambda one: (-counts[one], one))
    place = {one: at for at, one in enumerate(names)}
    codes = [-1 if value is None else place[value] for value in values]
    return Label(name=name, names=names, codes=codes)


def rounded(values: Floats, figures: int = FIGURES) -> list[float | None]:
    """Numbers with so many significant figures; None for NaN."""
    return [None if np.isnan(v) else float(f"{v:.{figures}g}") for v in values.tolist()]


def conversations(data: Dataset, at: Ints, size: int = 2048) -> Iterator[Conversation]:
    """The turns of the rows at these positions, in that order; tools stand before them."""
    for start in range(0, len(at), size):
        part = data.table.select(["messages", "tools"]).take(at[start : start + size])
        for messages, tools in zip(
            part["messages"].to_pylist(), part["tools"].to_pylist(), strict=True
        ):
            turns = [[one["role"], cut(one["content"]), one["tool_calls"]] for one in messages]
            yield [["tools", cut(tools), None], *turns] if tools else turns


def cut(text: str | None) -> str | None:
    """A text as the page holds it."""
    if text is None or len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]} [{len(text) - LONGEST:,} more characters are in the source]"
