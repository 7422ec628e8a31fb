"""A model of bytes by counting: what a text costs whoever knows nothing but texts like it.

Formula (Witten and Bell 1991, interpolated): for a context h of k bytes, n(h) its occurrences,
t(h) the distinct bytes after it, and h' the context without its first byte,
    P(b | h) = (n(h b) + t(h) P(b | h')) / (n(h) + t(h)),    P(b | h') where n(h) = 0,
down to the empty context, beneath which every byte has 1 / 256. The first byte of a text follows
`ORDER` zeros. Bytes need no alphabet, so one model serves every script.
Oracle: the same with dictionaries, one byte after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.types import Floats

ORDER = 6
"""Most bytes of context; with the byte itself they fit in a number of 64 bits."""

Keys = NDArray[np.uint64]
_BYTE = np.uint64(8)


class _Counts(NamedTuple):
    """Of one length of context: what follows it how often, sorted."""

    grams: Keys
    times: Floats
    contexts: Keys
    seen: Floats  # n(h)
    kinds: Floats  # t(h)


def bits(texts: Sequence[bytes], fitted_on: Sequence[bytes]) -> Floats:
    """-log2 P(text) of each text under a model fitted on others."""
    lengths = [len(text) for text in texts]
    chance = np.full(sum(lengths), 1 / 256)
    for fitted, asked in zip(_grams(fitted_on), _grams(texts), strict=True):
        counts = _counted(fitted)
        contexts = asked >> _BYTE
        seen = _looked_up(contexts, counts.contexts, counts.seen)
        kinds = _looked_up(contexts, counts.contexts, counts.kinds)
        times = _looked_up(asked, counts.grams, counts.times)
        known = seen > 0
        mixed = (times + kinds * chance)[known] / (seen + kinds)[known]
        chance[known] = mixed
    ends = np.concatenate([[0.0], np.cumsum(-np.log2(chance))])
    places = np.cumsum([0, *lengths])
    return np.diff(ends[places])


def _grams(texts: Sequence[bytes]) -> Iterator[Keys]:
    """For 0, 1, ..., ORDER bytes of context: each byte of the texts with what stands before it.

    The byte is the last of a number's eight, the one before it the last but one, and so on.
    """
    padded = b"".join(bytes(ORDER) + text for text in texts)
    codes = np.frombuffer(padded, np.uint8).astype(np.uint64)
    lengths = np.array([len(text) for text in texts], np.int64)
    before = ORDER * np.arange(1, len(texts) + 1)
    at = np.arange(lengths.sum()) + np.repeat(before, lengths)
    keys = np.zeros(len(at), np.uint64)
    for back in range(ORDER + 1):
        keys = keys | codes[at - back] << np.uint64(8 * back)
        yield keys


def _counted(keys: Keys) -> _Counts:
    grams, times = np.unique(keys, return_counts=True)
    contexts, first, kinds = np.unique(grams >> _BYTE, return_index=True, return_counts=True)
    seen = np.add.reduceat(times, first) if len(times) else times
    return _Counts(grams, times.astype(float), contexts, seen.astype(float), kinds.astype(float))


def _looked_up(keys: Keys, known: Keys, values: Floats) -> Floats:
    """The value of each key, 0 where it is not known."""
    if not len(known):
        return np.zeros(len(keys))
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, values[at], 0.0)
