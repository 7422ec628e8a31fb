"""Characters of many texts as arrays of code points, so that scorers need no loop over characters.

What a character is comes from Python's Unicode database, asked once for each distinct character
that turns up and kept in a table of one byte a code point.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.types import Ints, Mask

Bytes = NDArray[np.uint8]

PIECE = 1 << 18
"""Bytes of text worked on at a time, so that the arrays stay in the processor's cache."""

UNKNOWN = 255

SCRIPTS = (
    "Other",  # letters of a script that is not listed
    "None",  # not a letter: digits, punctuation, symbols, spaces
    *("Latin", "Han", "Kana", "Hangul", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari"),
    *("Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam"),
    *("Sinhala", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Mongolian", "Georgian"),
    *("Armenian", "Ethiopic", "Syriac", "Thaana", "Cherokee", "Bopomofo", "Yi", "Tifinagh", "Nko"),
)
"""Names of scripts; a letter's place in this list is its number in `script_numbers`."""

_BY_NAME = {name.upper(): number for number, name in enumerate(SCRIPTS) if number > 1} | {
    "CJK": SCRIPTS.index("Han"),
    "IDEOGRAPHIC": SCRIPTS.index("Han"),
    "HIRAGANA": SCRIPTS.index("Kana"),
    "KATAKANA": SCRIPTS.index("Kana"),
    "KATAKANA-HIRAGANA": SCRIPTS.index("Kana"),
}


class Piece(NamedTuple):
    """Code points of a few texts, end to end, a line break after each: nothing runs across texts.

    Text i and its line break are codes[offsets[i]:offsets[i + 1]].
    """

    codes: NDArray[np.uint8] | NDArray[np.uint32]  # uint8 where all of them are ASCII
    offsets: Ints


def as_strings(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One large_string array without nulls, whatever form the texts came in."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string())
    return pc.fill_null(texts, "") if texts.null_count else texts


def guarded(strings: pa.Array) -> tuple[Bytes, Ints]:
    """The UTF-8 bytes of all texts with a line break after each, and where each one begins."""
    joined = pc.binary_join_element_wise(
        strings, pa.scalar("", pa.large_string()), pa.scalar("\n", pa.large_string())
    )
    _, ends, content = joined.buffers()
    bounds = np.frombuffer(ends, np.int64)[joined.offset : joined.offset + len(joined) + 1]
    return np.frombuffer(content, np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


def pieces(texts: pa.Array | pa.ChunkedArray) -> Iterator[Piece]:
    """The texts in order, a few rows at a time."""
    if not len(texts):
        return
    content, bounds = guarded(as_strings(texts))
    first, rows = 0, len(bounds) - 1
    while first < rows:
        limit = int(np.searchsorted(bounds, bounds[first] + PIECE, side="right")) - 1
        last = min(max(limit, first + 1), rows)
        yield _piece(content[bounds[first] : bounds[last]], bounds[first : last + 1])
        first = last


def _piece(content: Bytes, bounds: Ints) -> Piece:
    offsets = bounds - bounds[0]
    if content.max() < 0x80:
        return Piece(content, offsets)
    # in UTF-8 every byte but those of the form 10xxxxxx begins a character
    before = np.concatenate([[0], np.cumsum((content & 0xC0) != 0x80)])
    codes = np.frombuffer(content.tobytes().decode().encode("utf-32-le"), np.uint32)
    return Piece(codes, before[offsets])


def look_up(codes: NDArray[np.integer], table: Bytes, classify: Callable[[str], int]) -> Bytes:
    """The class of each code point; `table` keeps what `classify` said of those seen before."""
    found: Bytes = table[codes]
    unseen = found == UNKNOWN
    if unseen.any():
        for code in np.unique(codes[unseen]):
            table[code] = classify(chr(code))
        found = table[codes]
    return found


def new_table() -> Bytes:
    """A table for `look_up` in which nothing is known yet."""
    return np.full(0x110000, UNKNOWN, np.uint8)


def script_of(char: str) -> int:
    """Number of the character's script in SCRIPTS: the word of its Unicode name that says so."""
    if unicodedata.category(char)[0] not in "LM":
        return 1
    first, _, rest = unicodedata.name(char, "").partition(" ")
    if first in ("FULLWIDTH", "HALFWIDTH"):
        first = rest.partition(" ")[0]
    if first in ("COMBINING", "MODIFIER", "VARIATION", ""):
        return 1  # an accent or selector belongs to the script of what it stands on
    return _BY_NAME.get(first, 0)


@cache
def _script_table() -> Bytes:
    return new_table()


def script_numbers(codes: NDArray[np.integer]) -> Bytes:
    """Script of each code point, as a place in SCRIPTS."""
    return look_up(codes, _script_table(), script_of)


def per_row(mask: Mask, offsets: Ints) -> Ints:
    """How many places of each row are set."""
    return np.diff(np.concatenate([[0], np.cumsum(mask)])[offsets])
