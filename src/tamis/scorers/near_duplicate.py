"""Near-duplicates by MinHash: 0 for a row that stays, else its similarity to a row that stays.

Formula: J(a, b) = |A n B| / |A u B| over sets of word n-grams (lower-cased words of any script).
Rows that agree in a band of their MinHash signatures are compared by exact J, so no row is dropped
for a pair below the threshold (up to equal 64-bit hashes, about 1e-15 a pair); a pair at the
threshold is found with probability 0.99 or more, rising fast above it.
Paper: "Deduplicating Training Data Makes Language Models Better" (arXiv:2107.06499): 5-grams of
tokens, 9,000 hashes, 20 bands of 450, edit similarity 0.8 as the check, connected components.
Official codes and common scripts use datasketch's own bands, which at 0.8 and 128 permutations
(9 bands of 13) find 40 % of the pairs at the threshold; do not check candidates; drop whole
chains a ~ b ~ c although c is unlike a; keep whichever row the file holds first; and give texts
shorter than the n-gram an empty signature, which makes all of them "duplicates".
Here: bands are chosen for recall because the check makes false candidates cheap; a row is dropped
only for a row that stays, and ids decide which one stays (smallest first), so the order of a file
changes nothing; a shorter text is one shingle of all its words; a text without any word stays
(copies of it are for `exact_duplicate`). In a bucket with more than 32 kept rows that are unlike
each other, the rest are compared with the first 32: pools made from one template stay linear.
An appended row can bring a dropped row back, when the row it was dropped for is now dropped.
Memory: 8 bytes a band and row (168 at the defaults), and the shingles of rows that share a band.
Oracle: brute-force Jaccard on all pairs, datasketch (tests/oracle/test_datasketch.py).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.scorers._blocks import ROWS, blocks
from tamis.scorers._groups import Sets, as_sets, repeated, similar_kept, starts
from tamis.scorers._minhash import Hashes, band_keys, bands_for, shingles, signatures
from tamis.spec import scorer
from tamis.types import Batch, Column, Ints, Part, Pool


@scorer(
    prefer="low", family="baseline", unit="Jaccard similarity", paper="arXiv:2107.06499", version=2
)
def near_duplicate(
    pool: Pool,
    *,
    of: Part = "all",
    threshold: float = 0.8,
    shingle: int = 5,
    permutations: int = 128,
    seed: int = 1,
) -> Column:
    """Jaccard similarity to the kept row that makes this one superfluous; 0 for a kept row.

    Args:
        of: which turns are compared
        threshold: rows this similar to a kept row are dropped; from 0.5 to 1
        shingle: words in a row that count as one element
        permutations: length of the signature; more finds more pairs close to the threshold
        seed: another seed misses other pairs close to the threshold
    """
    if not 0.5 <= threshold <= 1:
        raise UserError(f"near_duplicate: threshold must be from 0.5 to 1, got {threshold}")
    if shingle < 1 or permutations < 1:
        raise UserError("near_duplicate: shingle and permutations must be at least 1")
    keys, there = _keys(pool, of, shingle, permutations, seed, bands_for(threshold, permutations))
    bucket, row = _shared(keys, there)
    del keys
    candidates, position = np.unique(row, return_inverse=True)
    ids = pool.data.ids.combine_chunks().take(pa.array(candidates))
    by_id = np.asarray(pc.sort_indices(ids), np.int64)  # candidates from the smallest id on
    rank = np.argsort(by_id)
    sets = _sets(pool, of, shingle, candidates[by_id])
    values = np.zeros(len(pool))
    values[candidates[by_id]] = similar_kept(bucket, rank[position], sets, threshold)
    return Column.floats(values)


def _keys(
    pool: Pool, of: Part, shingle: int, permutations: int, seed: int, bands: tuple[int, int]
) -> tuple[Hashes, Ints]:
    """Band keys, shape (bands, rows with a word), and those rows."""
    keys = np.empty((bands[0], len(pool)), np.uint64)
    there = np.zeros(len(pool), np.bool_)
    for start, texts in blocks(pool.data, of):
        found = shingles(texts, shingle)
        span = slice(start, start + len(texts))
        keys[:, span] = band_keys(signatures(found, permutations, seed), *bands)
        there[span] = found.counts > 0
    return keys, np.flatnonzero(there)


def _shared(keys: Hashes, there: Ints) -> tuple[Ints, Ints]:
    """(Bucket, row) wherever a row's key of a band is also another row's."""
    buckets, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    number = 0
    for band in keys:
        order = there[np.argsort(band[there])]
        found = band[order]
        shared = repeated(found)
        new = starts(found)[shared]
        buckets.append(number + np.cumsum(new) - 1)
        rows.append(order[shared])
        number += int(new.sum())
    return np.concatenate(buckets), np.concatenate(rows)


def _sets(pool: Pool, of: Part, shingle: int, rows: Ints) -> Sets:
    """The shingle sets of the named rows."""
    flats, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for start in range(0, len(rows), ROWS):
        table = pool.data.table.take(pa.array(rows[start : start + ROWS]))
        found = shingles(Batch(table).texts(of), shingle)
        flats.append(found.flat)
        counts.append(found.counts)
    return as_sets(np.concatenate(flats), np.concatenate(counts))
