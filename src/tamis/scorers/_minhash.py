"""MinHash over word n-grams: the chance that two rows agree in a value is their Jaccard similarity.

Hashes are arithmetic on arrays (splitmix64), the same on every machine and in every version.
A shingle is `size` words in a row; a text with fewer words is one shingle of all its words, and a
text without words has none and shares no band with any other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.scorers._words import words
from tamis.types import Ints

Hashes = NDArray[np.uint64]
Signatures = NDArray[np.uint32]

_WORD = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD1342543DE82EF95)
_CHUNK = 1 << 14  # shingles whose permuted values are in the processor's cache at a time


class Shingles(NamedTuple):
    """Hashes of the shingles of many texts, repeats included: of text i, flat[offsets[i] :]."""

    flat: Hashes
    offsets: Ints

    @property
    def counts(self) -> Ints:
        return np.diff(self.offsets)


def mix(values: Hashes) -> Hashes:
    """Scrambles 64 bits (the last step of splitmix64): every input bit moves every output bit."""
    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def hash_words(flat: pa.Array) -> Hashes:
    """A hash of each word: scrambled (byte, place) pairs summed and scrambled; "" is not a word."""
    if not len(flat):
        return np.empty(0, np.uint64)
    encoded = flat.dictionary_encode()
    known = pa.concat_arrays([encoded.dictionary.cast(pa.large_binary())])
    offsets = np.frombuffer(known.buffers()[1], np.int64)[: len(known) + 1]
    letters = np.frombuffer(known.buffers()[2], np.uint8)[: offsets[-1]].astype(np.uint64)
    places = np.arange(len(letters)) - np.repeat(offsets[:-1], np.diff(offsets))
    pairs = mix((letters + (places.astype(np.uint64) << np.uint64(8))) * _WORD + _STEP)
    hashed: Hashes = mix(np.add.reduceat(pairs, offsets[:-1]))
    return hashed.take(np.asarray(encoded.indices))


def shingles(texts: pa.Array, size: int) -> Shingles:
    """Hashes of all runs of `size` lower-cased words of each text."""
    found = words(texts, lower=True)
    counts, hashed = found.counts, hash_words(found.flat)
    number = np.where(counts >= size, counts - size + 1, np.minimum(counts, 1))
    offsets = np.concatenate([[0], np.cumsum(number)])
    padded = np.concatenate([hashed, np.zeros(size, np.uint64)])
    runs = np.zeros(len(hashed), np.uint64)
    for place in range(size):
        runs *= _STEP
        runs += padded[place : place + len(hashed)]
    short = np.flatnonzero((counts > 0) & (counts < size))
    first = found.offsets[:-1]
    alone = np.zeros(len(short), np.uint64)
    for place in range(size):
        longer = alone * _STEP + padded[first[short] + place]
        alone = np.where(place < counts[short], longer, alone)
    runs[first[short]] = alone
    starts = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], number)
    return Shingles(mix(runs[starts]), offsets)


def factors(permutations: int, seed: int) -> Signatures:
    """The odd factors of the permutations; the first ones do not depend on how many there are."""
    base = np.array([seed & 0xFFFFFFFFFFFFFFFF], np.uint64)
    drawn = mix(np.arange(1, permutations + 1, dtype=np.uint64) * _WORD + mix(base + _WORD))
    return (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


def signatures(found: Shingles, permutations: int, seed: int) -> Signatures:
    """Smallest permuted hash of each text, shape (permutations, texts); all ones where it has none.

    A permutation is x -> a * x modulo 2**32 with an odd a, on hashes that are random already.
    """
    by = factors(permutations, seed)
    there = np.flatnonzero(found.counts)
    starts = np.append(found.offsets[there], len(found.flat))
    values = (found.flat >> np.uint64(32)).astype(np.uint32)
    smallest = np.empty((permutations, len(there)), np.uint32)
    at = 0
    while at < len(there):
        stop = max(at + 1, int(np.searchsorted(starts[:-1], starts[at] + _CHUNK)))
        chunk, inner = values[starts[at] : starts[stop]], starts[at:stop] - starts[at]
        permuted = np.empty_like(chunk)
        for i in range(permutations):
            np.multiply(chunk, by[i], out=permuted)
            np.minimum.reduceat(permuted, inner, out=smallest[i, at:stop])
        at = stop
    if len(there) == len(found.counts):
        return smallest
    result = np.full((permutations, len(found.counts)), 0xFFFFFFFF, np.uint32)
    result[:, there] = smallest
    return result


def chance(similarity: float, bands: int, rows: int) -> float:
    """The chance that two texts of this Jaccard similarity agree in all rows of some band."""
    return 1.0 - (1.0 - similarity**rows) ** bands


def bands_for(threshold: float, permutations: int, recall: float = 0.99) -> tuple[int, int]:
    """(Bands, rows of each): the longest bands that still find a pair at the threshold."""
    for rows in range(permutations, 1, -1):
        if chance(threshold, permutations // rows, rows) >= recall:
            return permutations // rows, rows
    return permutations, 1


def band_keys(signature: Signatures, bands: int, rows: int) -> Hashes:
    """One hash for each band of each text, shape (bands, texts)."""
    keys = np.zeros((bands, signature.shape[1]), np.uint64)
    for place in range(rows):
        keys = mix(keys * _STEP + signature[place : bands * rows : rows] + _WORD)
    return keys
