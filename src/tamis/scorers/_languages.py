"""What is read of a text to find its language, and what can be said without a detector.

`prose` takes out code, formulas, addresses and markup. The script of most letters is found first:
most scripts have one language, and then nobody is asked. Where a script has several (Latin,
Cyrillic, Arabic, Devanagari), a detector is given at most LIMIT characters in that script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.protocols import UNKNOWN, Languages
from tamis.scorers._chars import SCRIPTS, Piece, as_strings, pieces, script_numbers
from tamis.scorers._language_words import SPELLINGS, WORDS
from tamis.scorers._words import words
from tamis.scorers.code_share import CODE
from tamis.scorers.math_share import MATH
from tamis.types import Floats, Ints

LIMIT = 1200
"""Most characters that a detector reads of a text: a third each of its beginning, middle, end."""

_FENCED = r"(?s)(?:```|~~~).*?(?:```|~~~|\z)"
_MARKUP = r"</?[A-Za-z!][^<>]*>|&#?[a-zA-Z0-9]{1,8};"
_INLINE = (
    r"`[^`\n]*`|(?:https?://|www\.)[!-~]+|[\w.+-]+@[\w-]+\.[\w.-]+|"
    r"[A-Za-z0-9]*_[A-Za-z0-9_]+|[A-Za-z_.]+\([^\s)]*\)|\\[A-Za-z]+"
)
_ONE_LANGUAGE = {
    **{"Han": "zh", "Bopomofo": "zh", "Japanese": "ja", "Hangul": "ko", "Greek": "el"},
    **{"Hebrew": "he", "Bengali": "bn", "Gurmukhi": "pa", "Gujarati": "gu", "Oriya": "or"},
    **{"Tamil": "ta", "Telugu": "te", "Kannada": "kn", "Malayalam": "ml", "Sinhala": "si"},
    **{"Thai": "th", "Lao": "lo", "Khmer": "km", "Myanmar": "my", "Tibetan": "bo"},
    **{"Mongolian": "mn", "Georgian": "ka", "Armenian": "hy", "Ethiopic": "am", "Thaana": "dv"},
    "Yi": "ii",
}
_SEVERAL = ("Latin", "Cyrillic", "Arabic", "Devanagari")
_DENSE = {"Han": 3, "Kana": 2, "Hangul": 2, "Bopomofo": 2}
"""Letters of an alphabet that say as much as one letter of these scripts."""

KANA_SHARE = 10
"""Han is read as Japanese where at least one letter in so many is kana."""

_HAN, _KANA, _NONE = (SCRIPTS.index(name) for name in ("Han", "Kana", "None"))


def languages_of(texts: pa.Array | pa.ChunkedArray, detector: Languages) -> list[str]:
    """ISO 639-1 code of the language of most letters of each text, or unknown."""
    read = prose(texts)
    ranked = _scripts(read)
    found = [_ONE_LANGUAGE.get(first, UNKNOWN) for first, _ in ranked]
    asked = [at for at, (first, _) in enumerate(ranked) if first in _SEVERAL]
    parts = _letters(read, [first for first, _ in ranked], asked)
    for at, code in zip(asked, detector.detect(parts), strict=True):
        # names in Latin letters have no language, and the words around them have
        found[at] = code if code != UNKNOWN else _ONE_LANGUAGE.get(ranked[at][1], UNKNOWN)
    return found


def prose(texts: pa.Array | pa.ChunkedArray) -> Any:
    """The texts as a polars series without code, formulas, addresses and markup."""
    import polars as pl

    composed = pc.utf8_normalize(as_strings(texts), form="NFC")
    read = pl.Series(pl.from_arrow(composed), dtype=pl.String)
    read = read.str.replace_all(_FENCED, "\n").str.replace_all(_MARKUP, " ")
    read = _without(read, rf"(?m){CODE}", r"[=;:(){}\[\]<>@/#\"]")
    read = _without(read, MATH, r"[+*×÷·=^<>≤≥≠≈$\\]|\s[-−/]\s")
    return read.str.replace_all(_INLINE, " ")


def _without(read: Any, pattern: str, sign: str) -> Any:
    """The texts without what a slow pattern finds, which is only where there is a sign of it."""
    import polars as pl

    frame = pl.DataFrame({"text": read})
    text = pl.col("text")
    told = frame.with_row_index().filter(text.str.contains(sign))
    cleaned = told["text"].str.replace_all(pattern, " ")
    return read.scatter(told["index"], cleaned) if len(told) else read


def _scripts(read: Any) -> list[tuple[str, str]]:
    """Script of most letters, and the next one; `Japanese` for Han with kana, None for nothing.

    The next one counts where it has a quarter of the first one's letters.
    """
    counts = np.concatenate(
        [np.zeros((0, len(SCRIPTS)), np.int64), *map(_counts, pieces(read.to_arrow()))]
    )
    counts *= np.array([_DENSE.get(name, 1) for name in SCRIPTS])
    counts[:, _NONE] = 0
    kana = counts[:, _KANA].copy()
    counts[:, _HAN] += kana
    counts[:, _KANA] = 0
    ranks = np.argsort(-counts, axis=1, kind="stable")[:, :2]
    most = np.take_along_axis(counts, ranks, axis=1)
    names = np.array(SCRIPTS, object)[ranks]
    japanese = kana * KANA_SHARE >= counts[:, _HAN]
    names[(ranks == _HAN) & japanese[:, None]] = "Japanese"
    names[(most == 0) | (most * 4 < most[:, :1])] = "None"
    return [(first, second) for first, second in names]


def _counts(piece: Piece) -> Ints:
    """Letters of each script in each text."""
    codes, offsets = piece
    rows = len(offsets) - 1
    place = np.repeat(np.arange(rows) * len(SCRIPTS), np.diff(offsets)) + script_numbers(codes)
    return np.bincount(place, minlength=rows * len(SCRIPTS)).reshape(rows, -1)


def _letters(read: Any, scripts: Sequence[str], asked: Sequence[int]) -> list[str]:
    """At most LIMIT characters of each of the texts that are asked for, in its script alone."""
    import polars as pl

    parts = [""] * len(asked)
    for script in _SEVERAL:
        places = [n for n, at in enumerate(asked) if scripts[at] == script]
        some = read.gather([asked[n] for n in places])
        kept = some.str.replace_all(rf"[^\p{{{script}}}\p{{M}}'’\x{{200c}}]+", " ")
        size, third = kept.str.len_chars(), LIMIT // 3
        frame = pl.DataFrame({"text": kept, "from": size.cast(pl.Int64) // 2 - third // 2})
        text = pl.col("text")
        cut = pl.concat_str(
            text.str.head(third),
            text.str.slice(pl.col("from"), third),
            text.str.tail(third),
            separator=" ",
        )
        long = pl.col("text").str.len_chars() > LIMIT
        bounded = frame.select(pl.when(long).then(cut).otherwise(text)).to_series()
        for n, part in zip(places, bounded.str.strip_chars().to_list(), strict=True):
            parts[n] = part
    return parts


LEAST, MARGIN, DENSITY = 0.5, 0.1, 0.06
"""A language is named if the evidence for it is at least so much, if it leads the next language by
this share of it (or by 1), and if its small words are at least so many a word."""


LARGE = frozenset("en de fr es pt it nl ru vi ar fa ur hi".split())
"""Languages that words alone tell well enough, by long lists or by letters of their own."""
SHORT = 12
"""Characters that a second detector needs: of a single word it names any language."""


@dataclass(frozen=True, slots=True)
class ByWords:
    """Tells languages apart by lists of small words and by spellings; no library is needed."""

    id: str = "words-1"

    def detect(self, texts: Sequence[str]) -> list[str]:
        listed, scores, count = evidence(texts)
        order = np.argsort(-scores, axis=1, kind="stable")
        best, rows = order[:, 0], np.arange(len(texts))
        first, second = scores[rows, best], scores[rows, order[:, 1]]
        sure = (first >= LEAST) & (first - second >= np.minimum(MARGIN * first, 1))
        # spellings alone say little of a longer text
        sure &= (count < 8) | (listed[rows, best] >= DENSITY * count)
        codes = np.array(list(WORDS), object)[best]
        return list(np.where(sure, codes, UNKNOWN))


@dataclass(frozen=True, slots=True)
class WordsFirst:
    """Asks another detector where words are not sure of one of the large languages."""

    second: Languages

    @property
    def id(self) -> str:
        return f"{ByWords().id}, then {self.second.id}"

    def detect(self, texts: Sequence[str]) -> list[str]:
        found = ByWords().detect(texts)
        unsure = [at for at, code in enumerate(found) if code not in LARGE]
        asked = [at for at in unsure if len(texts[at]) >= SHORT]
        for at, code in zip(asked, self.second.detect([texts[at] for at in asked]), strict=True):
            found[at] = code if code != UNKNOWN else found[at]
        return found


def evidence(texts: Sequence[str]) -> tuple[Floats, Floats, Ints]:
    """What words, and words and spellings, say for each language in each text; its words.

    Shapes (texts, languages), twice, and (texts,). A small word says 1 and a spelling 0.5, shared
    among the languages that have it.
    """
    found = words(pa.array(texts, pa.string()))
    coded = found.flat.dictionary_encode()
    listed = _shared(_listed(coded.dictionary.to_pylist()))
    both = listed + _shared(_spelled(coded.dictionary)) / 2
    number = np.asarray(coded.indices, np.int64)
    rows = np.repeat(np.arange(len(texts)), found.counts)

    def sums(weights: Floats) -> Floats:
        columns = [np.bincount(rows, some[number], len(texts)) for some in weights.T]
        return np.stack(columns, axis=1)

    return sums(listed), sums(both), found.counts


def _shared(marks: Floats) -> Floats:
    """Each row's marks divided by their number."""
    shares: Floats = marks / np.maximum(marks.sum(axis=1, keepdims=True), 1)
    return shares


@cache
def _lists() -> dict[str, list[int]]:
    """The languages of each small word, as places in WORDS."""
    found: dict[str, list[int]] = {}
    for place, known in enumerate(WORDS.values()):
        for word in known:
            found.setdefault(word, []).append(place)
    return found


def _listed(tokens: Sequence[str]) -> Floats:
    """Which languages list each word."""
    marks, lists = np.zeros((len(tokens), len(WORDS))), _lists()
    for row, word in enumerate(tokens):
        marks[row, lists.get(word, [])] = 1
    return marks


def _spelled(tokens: pa.Array) -> Floats:
    """Which languages each word is spelled like."""
    import polars as pl

    series = pl.Series(pl.from_arrow(tokens), dtype=pl.String)
    marks = np.zeros((len(tokens), len(WORDS)))
    for place, code in enumerate(WORDS):
        if code in SPELLINGS:
            marks[:, place] = series.str.contains(SPELLINGS[code]).to_numpy()
    return marks
