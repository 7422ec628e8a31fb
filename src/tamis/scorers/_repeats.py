"""Which words and n-grams of a text come again in it: the sums behind every measure of diversity.

Everything is exact (an n-gram is a number that no other n-gram has) and done for all texts at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.scorers._words import Words
from tamis.types import Ints


class Grams(NamedTuple):
    """All n-grams of many texts: those of text i are keys[offsets[i]:offsets[i + 1]]."""

    keys: Ints  # equal where the words are equal
    places: Ints  # the word where each one begins
    offsets: Ints


class Tally(NamedTuple):
    """The distinct n-grams of each text."""

    labels: Ints  # for each n-gram, which of the distinct ones it is
    rows: Ints  # for each distinct one, its text,
    firsts: Ints  # where in `keys` it stands first,
    counts: Ints  # and how often it stands there


def order_of(keys: Ints) -> Ints:
    """Places sorted by key, equal keys in the order of the text."""
    # two bytes are sorted by counting, several times faster than by comparing
    small = len(keys) and 0 <= keys.min() and keys.max() < 1 << 16
    return np.argsort(keys.astype(np.uint16) if small else keys, kind="stable")


def earlier(keys: Ints) -> Ints:
    """For each place the last place before it with the same key, in any text; -1 without one."""
    order = order_of(keys)
    same = keys[order[1:]] == keys[order[:-1]]
    found = np.full(len(keys), -1, np.int64)
    found[order[1:][same]] = order[:-1][same]
    return found


def grams(ids: Ints, offsets: Ints, n: int) -> Grams:
    """The n-grams of texts given as numbers of words (`Words.ids`, not negative)."""
    counts = np.maximum(np.diff(offsets) - n + 1, 0)
    ends = np.concatenate([[0], np.cumsum(counts)])
    if not ends[-1]:
        return Grams(np.empty(0, np.int64), np.empty(0, np.int64), ends)
    keys, types = ids, int(ids.max()) + 1
    for ahead in range(1, n):
        if (int(keys.max()) + 1) * types >= 1 << 62:
            keys = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        keys = keys[:-1] * types + ids[ahead:]
    places = np.arange(ends[-1]) + np.repeat(offsets[:-1] - ends[:-1], counts)
    return Grams(keys[places], places, ends)


def word_grams(words: Words, n: int) -> Grams:
    """The n-grams of the words of each text."""
    return grams(words.ids, words.offsets, n)


def tally(keys: Ints, offsets: Ints) -> Tally:
    """Counts each distinct key within each text."""
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = order_of(keys)
    change = np.ones(len(keys), bool)
    change[1:] = (np.diff(keys[order]) != 0) | (np.diff(rows[order]) != 0)
    labels = np.empty(len(keys), np.int64)
    labels[order] = np.cumsum(change) - 1
    firsts = order[change]
    return Tally(labels, rows[firsts], firsts, np.bincount(labels, minlength=len(firsts)))


def distinct(keys: Ints, offsets: Ints) -> Ints:
    """How many distinct keys each text has."""
    return np.bincount(tally(keys, offsets).rows, minlength=len(offsets) - 1)
