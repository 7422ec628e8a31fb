"""What a small model is shown of a text: figures of its form, and its words in hash buckets.

Nothing here knows a language: words, stops and list signs are those of any script, and what words
mean is left to the buckets. All of it depends on the row's own text alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.scorers._chars import as_strings
from tamis.scorers._lines import fenced, lines
from tamis.scorers._minhash import Hashes, hash_words, mix
from tamis.scorers._repeats import distinct
from tamis.scorers._words import Words, words
from tamis.scorers.code_share import CODE
from tamis.scorers.list_items import ITEM
from tamis.types import Batch, Floats, Ints, Mask, Vectors

BUCKETS = 1024
MARKS = (
    *(r"[,،，、]", r"[;；؛]", r"[:：]", r"[(（]", r"[\"“”«»「『]", r"['’]", r"[-–—]", r"[!！]"),
    *(r"[?？؟]", r"\*", r"#", r"=", r"[.。।]", r"`", r"\d", r"\p{Lu}", r"\n\s*\n"),
)
"""Signs that are counted, each in the form of several scripts."""
SIGNS = (
    *(
        r"[.!?…。！？؟۔।॥][\"')\]”’」』]*\s*$",
        r"[:：]\s*$",
        r"[,，、;；(（\-–—]\s*$",
        r"[\p{L}\p{N}]\s*$",
    ),
    *(r"^\s*\p{Ll}", r"^\s*\p{Lu}", r"^\s*\p{N}", r"^\s*[-*•#]", r"^[^\n]*[:：]\s*\n"),
)
"""How a text ends and begins; each is there or not."""
STEPS = (1, 3, 10, 20, 40, 80, 160, 320)
"""Lengths in words at which a model may bend."""

_SENTENCE = r"[.!?…]+(?:\s|$)|[。！？؟۔।॥]"
_ALONE = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TOKEN = rf"\n+|[{_ALONE}]\p{{M}}*|[\p{{L}}\p{{N}}\p{{M}}_--{_ALONE}]+|[^\s]"
_OPEN, _CLOSE = np.uint64(0x51ED270B), np.uint64(0x2545F491)
_STEP = np.uint64(0xD1342543DE82EF95)


def text_blocks(batch: Batch, size: int = 4 << 20) -> list[Batch]:
    """The batch in runs of about so many bytes of text, a long row alone."""
    filled = np.cumsum(np.asarray(pc.binary_length(batch.texts("all")), np.int64)) // size
    cuts = [0, *(np.flatnonzero(np.diff(filled)) + 1).tolist(), len(batch)]
    return [Batch(batch.table.slice(a, b - a)) for a, b in pairwise(cuts)]


def is_blank(texts: pa.Array) -> Mask:
    """Texts of nothing but white space."""
    return np.asarray(pc.equal(pc.utf8_trim_whitespace(as_strings(texts)), ""), np.bool_)


def figures(read: pa.Array, asked: pa.Array) -> Floats:
    """Figures of the form of each text and of its likeness to what was asked: (texts, figures)."""
    import polars as pl

    read, asked = as_strings(read), as_strings(asked)
    text = pl.Series(pl.from_arrow(read), dtype=pl.String)
    found = words(read)
    count = found.counts.astype(np.float64)
    least = np.maximum(count, 1)
    marks = [_matches(text, sign) for sign in MARKS]
    return np.stack(
        [
            *_sizes(text, count, _matches(text, _SENTENCE)),
            *_variety(found, read, asked),
            *_layout(read),
            *(np.log1p(number) for number in marks),
            *(number / least for number in marks),
            *(np.asarray(text.str.contains(sign), np.float64) for sign in SIGNS),
            *(np.where(count <= step, 1.0, 0.0) for step in STEPS),
        ],
        axis=1,
    )


def _matches(text: Any, pattern: str) -> Floats:
    return np.asarray(text.str.count_matches(pattern).to_numpy(), np.float64)


def _sizes(text: Any, count: Floats, sentences: Floats) -> list[Floats]:
    """How long the text is, its sentences and its words."""
    chars = text.str.len_chars().to_numpy().astype(np.float64)
    return [
        *(np.log1p(count), np.sqrt(count), count / 100, np.log1p(chars), np.log1p(sentences)),
        *(count / np.maximum(sentences, 1), chars / np.maximum(count, 1)),
    ]


def _variety(found: Words, read: pa.Array, asked: pa.Array) -> list[Floats]:
    """Different words, those shared with what was asked, and the length beside that of it."""
    question = words(asked)
    both = words(pc.binary_join_element_wise(read, asked, pa.scalar("\n", pa.large_string())))
    own, theirs, all_ = (_distinct(some) for some in (found, question, both))
    shared, count = own + theirs - all_, found.counts.astype(np.float64)
    return [
        *(own / np.maximum(count, 1), own / np.sqrt(np.maximum(count, 1)), np.log1p(own)),
        *(shared / np.maximum(own, 1), shared / np.maximum(theirs, 1), np.log1p(own - shared)),
        *(np.log1p(question.counts), np.log1p(count) - np.log1p(question.counts)),
    ]


def _distinct(found: Words) -> Floats:
    return distinct(found.ids, found.offsets).astype(np.float64)


def _layout(read: pa.Array) -> list[Floats]:
    """Lines, list items and code."""
    found = lines(read)
    inside, written = fenced(found)[0], found.matching(r"\S")
    total = found.number(written).astype(np.float64)
    items = found.number(found.matching(ITEM) & ~inside).astype(np.float64)
    code = found.number(written & (inside | found.matching(CODE)))
    least = np.maximum(total, 1)
    return [np.log1p(total), np.log1p(items), np.minimum(items, 1), items / least, code / least]


def word_buckets(texts: pa.Array) -> Vectors:
    """Log counts of words, signs and pairs of them in hash buckets, each row of length 1 or 0."""
    hashed, offsets = _tokens(texts)
    counts = np.diff(offsets)
    row = np.repeat(np.arange(len(counts)), counts)
    before, last = np.full(len(hashed), _OPEN), np.flatnonzero(counts)
    before[1:] = hashed[:-1]
    before[offsets[:-1][last]] = _OPEN
    ends = mix(hashed[offsets[1:][last] - 1] * _STEP + _CLOSE)
    keys = np.concatenate([hashed, mix(before * _STEP + hashed), ends])
    place = np.concatenate([row, row, last]) * BUCKETS + (keys % np.uint64(BUCKETS)).astype(
        np.int64
    )
    found = np.log1p(np.bincount(place, minlength=len(counts) * BUCKETS)).reshape(-1, BUCKETS)
    length = np.sqrt(np.einsum("ij,ij->i", found, found))[:, None]
    np.divide(found, length, out=found, where=length > 0)
    return np.asarray(found, np.float32)


def _tokens(texts: pa.Array) -> tuple[Hashes, Ints]:
    """A hash of each lower-cased word, sign or break, and where those of each text begin."""
    import polars as pl

    text = pl.Series(pl.from_arrow(as_strings(texts)), dtype=pl.String)
    found = text.str.to_lowercase().str.extract_all(_TOKEN)
    lengths = found.list.len()
    flat = found.filter(lengths > 0).explode().to_arrow().cast(pa.string())
    return hash_words(flat), np.concatenate([[0], np.cumsum(lengths.to_numpy().astype(np.int64))])
