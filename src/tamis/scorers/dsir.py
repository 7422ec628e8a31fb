"""DSIR: how much more a row's words look like the target set's than like the pool's.

Formula: sum over the row's n-grams of log(p_b + 1e-8) - log(q_b + 1e-8), where b is the n-gram's
bucket and p and q are the shares of all n-grams of the target and of the pool in each bucket.
N-grams: orders 1 to `ngrams` of lower-cased word-punct tokens (runs of letters, digits and
underscores, or of other signs), joined by one blank; b = sha256 of the UTF-8 bytes mod buckets.
Paper: "Data Selection for Language Models via Importance Resampling" (arXiv:2302.03169): orders 1
and 2, 10,000 buckets, selection by Gumbel top-k (`gumbel_top_k`; without noise, `top_k`).
Official code (p-lambda/dsir) drops examples under 100 tokens, silently: right for web pages, wrong
for instructions, so here no row is too short; only one without a token has no score
(`no_token`; its sum would be 0, better than most). Its tokens come from NLTK's pattern under
Python's rules; the same characters are spelled out here. Its optional smoothing is left out.
The sum grows with length and with it the spread of the scores, which leaves Gumbel noise little to
change; `per_ngram` divides by the row's n-grams, which is not in the paper. A target with many
copies of one text pulls towards them: look at `exact_duplicate` of the target first.
Memory: 2 bytes for each n-gram of the pool (4 above 65,536 buckets).
Oracle: methods.md D2, hash values from Python's hashlib, a plain Python loop over the formula.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.errors import UserError
from tamis.scorers._blocks import blocks
from tamis.spec import scorer
from tamis.types import Column, Dataset, Floats, Ints, Part, Pool

Buckets = NDArray[np.unsignedinteger]

_INSIDE = r"\p{L}\p{N}_"  # what Python's \w takes in; Rust's adds combining marks
_BLANK = r"\s\x1c-\x1f"  # what Python's \s takes in; Rust's lacks the last four
TOKEN = rf"[{_INSIDE}]+|[^{_INSIDE}{_BLANK}]+"
TINY = 1e-8


@scorer(prefer="high", family="beyond", unit="log importance weight", paper="arXiv:2302.03169")
def dsir(
    pool: Pool,
    target: Dataset,
    *,
    of: Part = "all",
    ngrams: int = 2,
    buckets: int = 10_000,
    per_ngram: bool = False,
) -> Column:
    """Log importance weight of the row for the target set; null for a row without a token.

    Args:
        of: which turns are read, in the pool and in the target
        ngrams: longest run of tokens counted; all shorter ones are counted too
        buckets: number of hash buckets
        per_ngram: divide by the number of n-grams, so that length does not decide
    """
    if ngrams < 1 or not 1 <= buckets <= 1 << 32:
        raise UserError("dsir: ngrams must be at least 1, buckets from 1 to 2**32")
    wanted = np.zeros(buckets, np.int64)
    for _, texts in blocks(target, of):
        wanted += np.bincount(hashed_ngrams(texts, ngrams, buckets)[0], minlength=buckets)
    if not wanted.any():
        raise UserError("dsir: the target set has no text; is it empty, or is `of` another part?")
    found = np.zeros(buckets, np.int64)
    rows: list[tuple[Buckets, Ints]] = []
    for _, texts in blocks(pool.data, of):
        rows.append(hashed_ngrams(texts, ngrams, buckets))
        found += np.bincount(rows[-1][0], minlength=buckets)
    ratio = log_ratio(wanted, found)
    counts = np.concatenate([np.zeros(0, np.int64), *(np.diff(offsets) for _, offsets in rows)])
    sums = np.concatenate([np.zeros(0), *(row_sums(ratio[bins], at) for bins, at in rows)])
    return Column.floats(sums / np.maximum(counts, 1) if per_ngram else sums, no_token=counts == 0)


def log_ratio(target: Ints, pool: Ints) -> Floats:
    """log(p + 1e-8) - log(q + 1e-8) of each bucket from the counts of both sides."""
    p, q = target / max(target.sum(), 1), pool / max(pool.sum(), 1)
    return np.asarray(np.log(p + TINY) - np.log(q + TINY), np.float64)


def row_sums(values: Floats, offsets: Ints) -> Floats:
    """Sum of each row's values, 0 for a row without any; a row's sum depends on that row alone."""
    result = np.zeros(len(offsets) - 1)
    there = np.flatnonzero(np.diff(offsets))
    if len(there):
        result[there] = np.add.reduceat(values, offsets[there])
    return result


def tokens(texts: pa.Array) -> tuple[pa.Array, Ints]:
    """Lower-cased word-punct tokens end to end, and where those of each text begin."""
    import polars as pl

    series = pl.Series(pl.from_arrow(texts), dtype=pl.String).str.to_lowercase()
    lists = series.str.extract_all(TOKEN)
    lengths = lists.list.len().to_numpy().astype(np.int64)
    flat = lists.filter(lists.list.len() > 0).explode()
    return flat.to_arrow().cast(pa.string()), np.concatenate([[0], np.cumsum(lengths)])


def hashed_ngrams(texts: pa.Array, ngrams: int, buckets: int) -> tuple[Buckets, Ints]:
    """Bucket of every n-gram of orders 1 to `ngrams`, row by row, and where each row begins.

    Each distinct n-gram of the block is hashed once.
    """
    flat, offsets = tokens(texts)
    encoded = flat.dictionary_encode()
    known = [token.encode() for token in encoded.dictionary.to_pylist()]
    numbers = np.asarray(encoded.indices, np.int64)
    counts = np.diff(offsets)
    runs, names = numbers, known  # the n-grams of the current order that begin at each token
    orders: list[Buckets] = []
    for order in range(1, ngrams + 1):
        if order > 1:
            runs = runs[:-1] * len(known) + numbers[order - 1 :]
            distinct, runs = np.unique(runs, return_inverse=True)
            heads, tails = np.divmod(distinct, max(len(known), 1))
            pairs = zip(heads.tolist(), tails.tolist(), strict=True)
            names = [names[head] + b" " + known[tail] for head, tail in pairs]
        orders.append(bucket_of(names, buckets)[runs])
    return _by_row(orders, counts, offsets)


def _by_row(orders: list[Buckets], counts: Ints, offsets: Ints) -> tuple[Buckets, Ints]:
    """The n-grams of all orders next to each other, without those that cross into the next row."""
    sizes = [np.maximum(counts - order, 0) for order in range(len(orders))]
    ends = np.cumsum(sum(sizes))
    result = np.empty(ends[-1] if len(ends) else 0, orders[0].dtype)
    begin = np.concatenate([[0], ends])
    at = begin[:-1].copy()
    for bins, size in zip(orders, sizes, strict=True):
        place = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        result[np.repeat(at, size) + place] = bins[np.repeat(offsets[:-1], size) + place]
        at += size
    return result, begin


def bucket_of(names: list[bytes], buckets: int) -> Buckets:
    """sha256 of each name, read as one big-endian number, modulo `buckets`."""
    digests = b"".join([sha256(name).digest() for name in names])
    limbs = np.frombuffer(digests, ">u4").reshape(-1, 8).astype(np.uint64)
    value = np.zeros(len(limbs), np.uint64)
    for limb in limbs.T:
        value = ((value << np.uint64(32)) + limb) % np.uint64(buckets)
    return value.astype(np.uint16 if buckets <= 1 << 16 else np.uint32)
