"""Passages that several questions share are read once: equal tokens, the union of what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tamis.protocols import Passage, Reading
from tamis.types import Ints


def refuse(passages: Sequence[Passage], context: int) -> None:
    """Raises ValueError for a passage that is too long, or scored where it cannot be."""
    for passage in passages:
        size = len(passage.ids)
        if not 0 < size <= context:
            raise ValueError(f"a passage has {size} tokens, 1 to {context} fit")
        if passage.spans and passage.spans[0][0] < 1:
            raise ValueError("the first token of a passage has nothing before it: not scored")
        if passage.spans and passage.spans[-1][1] > size:
            raise ValueError(f"a passage is scored beyond its {size} tokens")


class Merged(NamedTuple):
    """Distinct passages, and for each passage asked which of them holds its answer."""

    passages: list[Passage]
    where: list[int]


def merged(asked: Sequence[Passage]) -> Merged:
    """Passages with the same tokens and noise become one that asks for everything."""
    places: dict[Any, int] = {}
    groups: list[list[Passage]] = []
    where = []
    for passage in asked:
        key = (passage.ids.tobytes(), passage.noise)
        if key not in places:
            places[key] = len(groups)
            groups.append([])
        groups[places[key]].append(passage)
        where.append(places[key])
    return Merged([_union(group) for group in groups], where)


def _union(group: Sequence[Passage]) -> Passage:
    """One passage that asks for what any of the group asks for."""
    first = group[0]
    if len(group) == 1:
        return first
    scored = np.zeros(len(first.ids) + 2, bool)  # a False on either side, so that runs have ends
    for passage in group:
        scored[1 + positions(passage)] = True
    edges = np.flatnonzero(np.diff(scored)).reshape(-1, 2).tolist()
    return Passage(
        first.ids,
        tuple((a, b) for a, b in edges),
        tuple(dict.fromkeys(name for passage in group for name in passage.want)),
        tuple(dict.fromkeys(token for passage in group for token in passage.options)),
        first.noise,
    )


def positions(passage: Passage) -> Ints:
    """Positions of the scored tokens, in order."""
    parts = [np.arange(a, b) for a, b in passage.spans]
    return np.concatenate([np.empty(0, np.int64), *parts])


def unmerged(asked: Sequence[Passage], found: Merged, readings: Sequence[Reading]) -> list[Reading]:
    """Each passage's own answer, out of the readings of the distinct ones."""
    pairs = zip(asked, found.where, strict=True)
    return [_part(passage, found.passages[at], readings[at]) for passage, at in pairs]


def _part(passage: Passage, whole: Passage, reading: Reading) -> Reading:
    if passage is whole:
        return reading
    tokens = {str(q): reading.tokens[q] for q in passage.want if q in reading.tokens}
    if passage.spans != whole.spans:
        at = np.searchsorted(positions(whole), positions(passage))
        tokens = {name: values[at] for name, values in tokens.items()}
    options = reading.options
    if options is not None:
        options = options[[whole.options.index(token) for token in passage.options]]
    states = {str(q): reading.states[q] for q in passage.want if q in reading.states}
    return Reading(tokens, states, options if passage.options else None)
