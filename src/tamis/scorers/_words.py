"""Words of a text in any script: the unit that lexical scorers count.

A word is a run of letters, digits and the marks on them, with an underscore between two of them
(`snake_case`); apostrophes and hyphens end it (`don't` is two words, as in lexicalrichness).
Scripts written without spaces have no such runs. There a word is one character (Han, hiragana), a
run of katakana, or one orthographic cluster: a consonant with the vowels and marks around it
(Thai, Lao, Khmer, Burmese), in Khmer and Burmese with the consonants stacked under it, in Burmese
with the killed consonant that ends the syllable. That is finer than a dictionary's word, and the
same for every row: in the Declaration of Human Rights there are 1.7 such units to a word of ICU's
dictionary in Chinese, 1.75 in Japanese, 2.4 in Thai and Lao, 2.6 in Khmer, 1.35 in Burmese.
A segmenter with a dictionary (`icu`, extra `lang`) divides such runs into words where one is given.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.protocols import Segmenter
from tamis.scorers._chars import (
    SCRIPTS,
    Bytes,
    as_strings,
    guarded,
    look_up,
    new_table,
    per_row,
    pieces,
    script_of,
)
from tamis.types import Ints, Mask

NONE, LETTER, SINGLE, KATAKANA, LEAD, BASE, MARK, JOIN, STACK, KILL = range(10)

_LEADS = frozenset("เแโใไເແໂໃໄ")  # vowels written before their consonant
_TAILS = frozenset("ะาำๅະາຳຽ")  # vowels after it that Unicode calls letters
_HELD = frozenset("\u00ad\u200c\u200d\u2060ー\uff70\uff9e\uff9f")  # inside a word, never its start
_CLUSTERED = frozenset(SCRIPTS.index(s) for s in ("Thai", "Lao", "Khmer", "Myanmar"))
_SPECIAL = {"_": JOIN, "\u17d2": STACK, "\u1039": STACK, "\u103a": KILL}


@dataclass(frozen=True, slots=True)
class Clusters:
    """The segmenter that needs no dictionary: it leaves every script to the rule above."""

    id: str = "clusters"

    def starts(self, runs: Sequence[str]) -> None:
        return None


CLUSTERS = Clusters()


class Words(NamedTuple):
    """Words of many texts, end to end: those of text i are flat[offsets[i]:offsets[i + 1]]."""

    flat: pa.Array  # strings
    offsets: Ints

    @property
    def counts(self) -> Ints:
        """Number of words of each text."""
        return np.diff(self.offsets)

    @property
    def ids(self) -> Ints:
        """A number for each word, the same wherever the word stands in this batch."""
        codes: Ints = self.flat.dictionary_encode().indices.to_numpy().astype(np.int64)
        return codes

    @property
    def starts(self) -> Ints:
        """For each word, the position where its text begins."""
        return np.repeat(self.offsets[:-1], self.counts)


def _class_of(char: str) -> int:
    """What the character does in a word."""
    if char in _SPECIAL:
        return _SPECIAL[char]
    category = unicodedata.category(char)
    if char in _TAILS or char in _HELD or category[0] == "M":
        return MARK
    if category == "Nl" and script_of(char) == 1 and "IDEOGRAPHIC" in unicodedata.name(char, ""):
        return SINGLE  # the zero of Chinese numbers
    if category[0] not in "LN":
        return NONE
    script = SCRIPTS[script_of(char)]
    if script == "Kana":
        return KATAKANA if "KATAKANA" in unicodedata.name(char, "") else SINGLE
    if script == "Han":
        return SINGLE
    if category[0] == "L" and script_of(char) in _CLUSTERED:
        return LEAD if char in _LEADS else BASE
    return LETTER


@cache
def _table() -> Bytes:
    return new_table()


def _filled(classes: Bytes) -> Bytes:
    """Marks take the class of the character they stand on; those on nothing become NONE."""
    hanging = classes >= MARK
    if not hanging.any():
        return classes
    owner = np.where(hanging, 0, np.arange(len(classes), dtype=np.int32))
    filled: Bytes = classes[np.maximum.accumulate(owner)]
    # only a text that begins with a mark leaves one without an owner
    return np.where(filled >= MARK, np.uint8(NONE), filled)


def _moved(values: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """The values `by` places earlier, later where negative; NONE past the end."""
    out = np.zeros_like(values)
    if by > 0:
        out[by:] = values[:-by]
    else:
        out[:by] = values[-by:]
    return out


def _cut(codes: NDArray[np.integer], by: Segmenter = CLUSTERS) -> tuple[Mask, Mask]:
    """Which characters belong to words, and which of them begin one."""
    raw = look_up(codes, _table(), _class_of)
    kind = _filled(raw)
    joins = raw == JOIN
    if joins.any():
        after = (_moved(kind, 1) == LETTER) & (_moved(raw, 1) != JOIN)  # of two, both are loose
        loose = joins & ~(after & (_moved(raw, -1) == LETTER))
        kind = np.where(loose, np.uint8(NONE), kind)
    before = _moved(kind, 1)
    goes_on = (kind == before) & ((kind == LETTER) | (kind == KATAKANA))
    goes_on |= raw >= MARK
    if (kind >= LEAD).any():
        goes_on |= _in_cluster(raw, before)
    inside = kind != NONE
    starts = inside & ~goes_on
    if by is not CLUSTERS and (kind > LETTER).any():
        _divide(codes, kind, starts, by)
    return inside, starts


def _divide(codes: NDArray[np.integer], kind: Bytes, starts: Mask, by: Segmenter) -> None:
    """Puts the segmenter's words in place of those in runs of scripts without spaces."""
    dense = (kind > LETTER) & (kind < MARK)
    edges = np.flatnonzero(np.diff(dense, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    text = codes.astype(np.uint32).tobytes().decode("utf-32-le")
    found = by.starts([text[a:b] for a, b in zip(begins, ends, strict=True)])
    if found is not None:
        starts[dense] = False
        starts[np.concatenate([a + at for a, at in zip(begins, found, strict=True)])] = True


def _in_cluster(raw: Bytes, before: Bytes) -> Mask:
    """Consonants that go on a cluster: after a leading vowel, stacked, or killed."""
    # a tone dot may stand between a consonant and the sign that kills its vowel
    killed = (_moved(raw, -1) == KILL) | ((_moved(raw, -1) == MARK) & (_moved(raw, -2) == KILL))
    joined: Mask = (raw == BASE) & (
        (before == LEAD) | (_moved(raw, 1) == STACK) | (killed & (before >= LEAD))
    )
    return joined


_LETTERS = string.ascii_letters + string.digits
_DROPPED = bytes(sorted(set(range(128)) - set((_LETTERS + "_").encode())))
_LOWERED = bytes(range(256)).lower()
_IS_LETTER = bytes(code in _LETTERS.encode() for code in range(256))


def _cut_ascii(content: Bytes) -> tuple[Bytes, Ints, Ints]:
    """The bytes with loose underscores blanked, and where each word begins and ends."""
    inside = np.frombuffer(bytearray(content.tobytes().translate(_IS_LETTER)), bool)
    lines = np.flatnonzero(content == ord("_"))
    if len(lines):
        bound = inside[lines - 1] & inside[lines + 1]
        inside[lines[bound]] = True
        content = content.copy()
        content[lines[~bound]] = ord(" ")
    # every text ends in a line break, so words begin and end in turn; the first may begin at 0
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    edges = np.concatenate([np.zeros(int(inside[:1].any()), np.int64), edges])
    return content, edges[::2], edges[1::2]


def _strings(content: bytes, ends: Ints) -> pa.Array:
    """A string array from its bytes and the ends of its members."""
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), len(ends), buffers)


def _ascii_words(strings: pa.Array, lower: bool) -> Words:
    """Words of texts that hold nothing but ASCII."""
    content, bounds = guarded(strings)
    content, begins, ends = _cut_ascii(content)
    packed = content.tobytes().translate(_LOWERED if lower else None, _DROPPED)
    return Words(_strings(packed, np.cumsum(ends - begins)), np.searchsorted(begins, bounds))


def _any_words(strings: pa.Array, lower: bool, by: Segmenter) -> Words:
    """Words of texts in any script."""
    flat: list[pa.Array] = [pa.array([], pa.string())]
    counts = [np.zeros(1, np.int64)]
    for codes, offsets in pieces(pc.utf8_lower(strings) if lower else strings):
        inside, starts = _cut(codes, by)
        kept = codes[inside].astype(np.uint32)
        # UTF-8: a character takes one byte more from each of these on
        width = 1 + (kept >= 0x80).astype(np.int64) + (kept >= 0x800) + (kept >= 0x10000)
        ends = np.flatnonzero(np.append(starts[inside], True))[1:]
        content = kept.tobytes().decode("utf-32-le").encode()
        flat.append(_strings(content, np.concatenate([[0], np.cumsum(width)])[ends]))
        counts.append(per_row(starts, offsets))
    return Words(pa.concat_arrays(flat), np.cumsum(np.concatenate(counts)))


def _merged(plain: Words, other: Words, is_plain: Mask) -> Words:
    """The words of both in the order of the rows they came from."""
    counts, source = np.empty(len(is_plain), np.int64), np.empty(len(is_plain), np.int64)
    counts[is_plain], counts[~is_plain] = plain.counts, other.counts
    source[is_plain] = plain.offsets[:-1]
    source[~is_plain] = other.offsets[:-1] + len(plain.flat)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    index = np.arange(offsets[-1]) + np.repeat(source - offsets[:-1], counts)
    return Words(pa.concat_arrays([plain.flat, other.flat]).take(pa.array(index)), offsets)


def count_words(texts: pa.Array | pa.ChunkedArray, by: Segmenter = CLUSTERS) -> Ints:
    """Number of words of each text."""
    strings = as_strings(texts)
    is_plain = np.asarray(pc.string_is_ascii(strings))
    counts = np.zeros(len(strings), np.int64)
    if is_plain.any():
        content, bounds = guarded(strings.filter(is_plain))
        counts[is_plain] = np.diff(np.searchsorted(_cut_ascii(content)[1], bounds))
    others = pieces(strings.filter(~is_plain))
    counts[~is_plain] = [n for codes, at in others for n in per_row(_cut(codes, by)[1], at)]
    return counts


def words(
    texts: pa.Array | pa.ChunkedArray, by: Segmenter = CLUSTERS, *, lower: bool = True
) -> Words:
    """All words of each text, lower-cased unless told otherwise."""
    strings = as_strings(texts)
    is_plain = np.asarray(pc.string_is_ascii(strings))
    if not is_plain.any():  # which takes in a batch of no rows
        return _any_words(strings, lower, by)
    plain = _ascii_words(strings.filter(is_plain), lower)
    if is_plain.all():
        return plain
    return _merged(plain, _any_words(strings.filter(~is_plain), lower, by), is_plain)


def wordless(texts: pa.Array | pa.ChunkedArray, counts: Ints) -> dict[str, Mask]:
    """The problems of rows without a word, for `Column.floats`."""
    none = counts == 0
    if not none.any():
        return {}
    blank = np.asarray(pc.equal(pc.utf8_trim_whitespace(as_strings(texts)), ""))
    return {"empty_text": blank, "no_words": none & ~blank}
