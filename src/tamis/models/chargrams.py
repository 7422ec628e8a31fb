"""Embedders for every script: hashed character n-grams, and the static table where it can read.

Formula: a text, in lower case and with single blanks, is the set of its runs of characters: of 1
and 2 that begin with a character of Han, kana or Hangul, of 3 and 4 that begin with any other. A
run that occurs c times adds sqrt(c), with a sign, to one of 256 places; both come from the run's
hash. The sum is scaled to length 1.
Feature hashing: Weinberger et al. (arXiv:0902.2206); signs keep inner products right on average.
docs/embedding.md says what both are worth beside the table and beside an encoder.
Oracle: the same with a dictionary, one character after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tamis.models.static import StaticEmbedder
from tamis.models.tokenizer import blocks

VERSION = 1  # raise it when the arithmetic below changes a number
BLOCK_CHARS = 100_000  # text handled at once
DIM = 256  # as many as the table has
DENSE, OTHERS = (1, 2), (3, 4)
"""Lengths of runs, by the character that they begin with."""

# fmt: off
_RANGES = np.array([  # code points at which a kind begins; up to the next one it holds
    (0x0, 0), (0x41, 1), (0x5B, 0), (0x61, 1), (0x7B, 0), (0xAA, 1), (0xAB, 0), (0xB5, 1),
    (0xB6, 0), (0xBA, 1), (0xBB, 0), (0xC0, 1), (0x2B0, 0), (0x370, 2), (0x1100, 3), (0x1200, 2),
    (0x1E00, 1), (0x1F00, 2), (0x2000, 0), (0x2C00, 2), (0x2C60, 1), (0x2C80, 2), (0x2E00, 0),
    (0x2E80, 3), (0x3000, 0), (0x3005, 3), (0x3008, 0), (0x3021, 3), (0x3200, 0), (0x3400, 3),
    (0x4DC0, 0), (0x4E00, 3), (0xA000, 2), (0xA720, 1), (0xA800, 2), (0xA960, 3), (0xA980, 2),
    (0xAB30, 1), (0xAB70, 2), (0xAC00, 3), (0xD800, 0), (0xF900, 3), (0xFB00, 1), (0xFB07, 2),
    (0xFE00, 0), (0xFE70, 2), (0xFF00, 0), (0xFF21, 1), (0xFF3B, 0), (0xFF41, 1), (0xFF5B, 0),
    (0xFF66, 3), (0xFFE0, 0), (0x10000, 2), (0x1B000, 3), (0x1B300, 2), (0x1D000, 0),
    (0x1DF00, 1), (0x1E000, 2), (0x1F000, 0), (0x20000, 3), (0xE0000, 0),
], np.uint32)
# fmt: on
_NO_LETTER, _LATIN, _OTHER, _DENSE = range(4)
_WEIGHTS = np.array([0, -1, 1, 3])
"""What a character counts for other scripts than Latin: one of Han is as much as three letters."""

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class CharGrams:
    """Hashed character n-grams, scaled to length 1; no vocabulary, no language, no model.

    Only the first `max_chars` characters of a text are read.
    """

    max_chars: int = 4000
    dim: int = field(default=DIM, init=False)

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ValueError(f"max_chars is {self.max_chars}, expected 1 or more")

    @property
    def id(self) -> str:
        return f"chargrams/v{VERSION}/max_chars={self.max_chars}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows of length 1, shape (len(texts), dim); a blank text is a row of zeros."""
        out = np.zeros((len(texts), self.dim), np.float32)
        clipped = [" ".join(text[: self.max_chars].lower().split()) for text in texts]
        for start, stop in blocks(clipped, BLOCK_CHARS):
            out[start:stop] = _sums(clipped[start:stop], self.dim)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        np.divide(out, norms, out=out, where=norms > 0)
        return out


@dataclass(frozen=True)
class ByScript:
    """The static table for texts mostly in Latin letters, character n-grams for all others.

    A text in which the table knows no token is one of the others. Vectors of the two have nothing
    to do with each other: their cosine is 0 but for chance.
    """

    max_chars: int = 4000
    table: StaticEmbedder = field(init=False, repr=False)
    grams: CharGrams = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", StaticEmbedder(self.max_chars))
        object.__setattr__(self, "grams", CharGrams(self.max_chars))

    @property
    def id(self) -> str:
        return f"static+chargrams/{self.table.id}+{self.grams.id}"

    @property
    def dim(self) -> int:
        return self.table.dim

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows of length 1, shape (len(texts), dim); a blank text is a row of zeros."""
        others = _beyond_latin([text[: self.max_chars] for text in texts])
        out = np.zeros((len(texts), self.dim), np.float32)
        _put(out, self.table, texts, np.flatnonzero(~others))
        _put(out, self.grams, texts, np.flatnonzero(~out.any(axis=1)))
        return out


def _put(
    out: NDArray[np.float32],
    embedder: StaticEmbedder | CharGrams,
    texts: Sequence[str],
    rows: NDArray[np.intp],
) -> None:
    out[rows] = embedder.embed([texts[row] for row in rows.tolist()])


def _codes(text: str) -> NDArray[np.uint32]:
    """Code points of a text; half of a surrogate pair is one, too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@cache
def _table() -> NDArray[np.int8]:
    """The kind of every code point."""
    ends = np.append(_RANGES[1:, 0], 0x110000)
    return np.repeat(_RANGES[:, 1].astype(np.int8), ends - _RANGES[:, 0])


def _beyond_latin(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which texts have more letters of other scripts than Latin ones."""
    found = np.zeros(len(texts), bool)
    rows = np.flatnonzero([not text.isascii() for text in texts])
    kept = [texts[row] for row in rows.tolist()]
    for start, stop in blocks(kept, BLOCK_CHARS):
        part = kept[start:stop]
        weights = _WEIGHTS[_table()[_codes("".join(part))]]
        begin = np.cumsum([0, *map(len, part[:-1])])
        found[rows[start:stop]] = np.add.reduceat(weights, begin) > 0
    return found


def _sums(texts: Sequence[str], dim: int) -> NDArray[np.float64]:
    """Each text's signed sums over the hashes of its runs, shape (len(texts), dim)."""
    padded = [f" {text} " if text else "" for text in texts]
    codes = _codes("".join(padded))
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in padded])
    dense = _table()[codes] == _DENSE
    hashes = _mixed(codes.astype(np.uint64) + _ODD)
    found = []
    for length in range(1, max(OTHERS) + 1):
        begin = dense if length in DENSE else ~dense
        last = len(codes) - length + 1
        at = np.flatnonzero(begin[: max(last, 0)])
        at = at[rows[at] == rows[at + length - 1]]  # nothing runs across texts
        runs = hashes[at]
        for step in range(1, length):
            runs = _mixed(runs * _ODD + hashes[at + step])
        # the number of the text, then as much of the hash as there is room for
        found.append(rows[at].astype(np.uint64) << np.uint64(44) | runs >> np.uint64(20))
    keys, counts = np.unique(np.concatenate(found), return_counts=True)
    drawn = _mixed(keys & np.uint64((1 << 44) - 1))
    places = (keys >> np.uint64(44)).astype(np.int64) * dim + (drawn % np.uint64(dim)).astype(int)
    signs = 1.0 - 2.0 * (drawn >> np.uint64(63)).astype(np.float64)
    sums = np.bincount(places, signs * np.sqrt(counts), minlength=len(texts) * dim)
    return np.asarray(sums.reshape(len(texts), dim), np.float64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: every bit of a number decides every bit of its hash."""
    found = (values ^ values >> np.uint64(30)) * _FIRST
    found = (found ^ found >> np.uint64(27)) * _SECOND
    return found ^ found >> np.uint64(31)
