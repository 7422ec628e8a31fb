"""How passages lie in one forward pass: end to end, what several begin with once, or padded.

A template's preamble, a rating prompt or an example in front of a hundred tasks is the beginning of
many passages. A causal model's states there do not depend on what follows, so they are computed
once, and each passage's own tokens attend to them and to themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tamis.protocols import Passage
from tamis.types import Ints

WORTH = 8
"""Tokens that passages must share to be read together: less costs more calls than it saves."""


class Block(NamedTuple):
    """Texts with a common beginning, which lies in front of what each has of its own."""

    beginning: int  # tokens of the beginning, 0 for a text by itself
    rests: tuple[int, ...]  # tokens of each text after it


class Layout(NamedTuple):
    """Tokens as they go through the model.

    Args:
        ids: the tokens, shape (rows, tokens)
        at: the place of each token in its text
        where: for each passage, where each of its tokens lies among all of them
        blocks: the texts of the one row where they lie end to end; none where they are padded
    """

    ids: Ints
    at: Ints
    where: list[Ints]
    blocks: list[Block]


def padded(passages: Sequence[Passage]) -> Layout:
    """A row for each passage, filled up on the right."""
    longest = max(len(p.ids) for p in passages)
    ids = np.zeros((len(passages), longest), np.int64)
    for row, p in zip(ids, passages, strict=True):
        row[: len(p.ids)] = p.ids
    where = [row * longest + np.arange(len(p.ids)) for row, p in enumerate(passages)]
    at = np.broadcast_to(np.arange(longest), ids.shape).copy()
    return Layout(ids, at, where, [])


def packed(passages: Sequence[Passage], *, share: bool = True) -> Layout:
    """All passages in one row; with `share`, common beginnings of neighbours lie there once."""
    families = _families(passages) if share else [(0, [row]) for row in range(len(passages))]
    ids: list[Ints] = []
    at: list[Ints] = []
    where: list[Ints] = [np.empty(0, np.int64)] * len(passages)
    blocks = []
    total = 0
    for size, members in families:
        first = passages[members[0]].ids[:size]
        ids.append(first)
        at.append(np.arange(size))
        beginning, total = np.arange(total, total + size), total + size
        members = sorted(members, key=lambda row: -len(passages[row].ids))  # equal ones together
        for row in members:
            rest = passages[row].ids[size:]
            ids.append(rest)
            at.append(np.arange(size, size + len(rest)))
            where[row] = np.concatenate([beginning, np.arange(total, total + len(rest))])
            total += len(rest)
        blocks.append(Block(size, tuple(len(passages[row].ids) - size for row in members)))
    return Layout(np.concatenate(ids)[None], np.concatenate(at)[None], where, blocks)


def by_beginning(passages: Sequence[Passage]) -> list[int]:
    """Places of the passages in an order that puts those that begin alike together."""
    keys = [(p.noise is not None, p.ids.astype(">u4").tobytes()) for p in passages]
    return sorted(range(len(passages)), key=keys.__getitem__)


def common(one: Passage, two: Passage) -> int:
    """Tokens with which both begin, of which each keeps at least one for itself.

    Noise makes every text another one.
    """
    if one.noise is not None or two.noise is not None:
        return 0
    size = min(len(one.ids), len(two.ids)) - 1
    differs = one.ids[:size] != two.ids[:size]
    return int(np.argmax(differs)) if differs.any() else max(size, 0)


def _families(passages: Sequence[Passage]) -> list[tuple[int, list[int]]]:
    """(tokens of the common beginning, members) of runs of neighbours."""
    shared = [common(one, two) for one, two in pairwise(passages)]
    return _split(shared, 0, len(passages))[1]


def _split(shared: Sequence[int], lo: int, hi: int) -> tuple[int, list[tuple[int, list[int]]]]:
    """The best families of the passages lo to hi, and the tokens that they save."""
    if hi - lo == 1:
        return 0, [(0, [lo])]
    least = min(shared[lo : hi - 1])
    cuts = [at + 1 for at in range(lo, hi - 1) if shared[at] == least]
    edges = zip([lo, *cuts], [*cuts, hi], strict=True)
    parts = [_split(shared, a, b) for a, b in edges]
    saved = sum(part[0] for part in parts)
    whole = least * (hi - lo - 1)
    if least >= WORTH and whole >= saved:
        return whole, [(least, list(range(lo, hi)))]
    return saved, [family for part in parts for family in part[1]]
