"""Truncated ending: 1.0 where the answer breaks off, as at a token limit, else 0.0.

Rule: the text is cut off if
- a fenced block of code is not closed, or
- it ends in a sign that announces more: a colon, open bracket, open quote, hyphen or dash, or a
  comma after more than one word, or
- its last line leaves a bracket or a paired quote open and has no full stop, or
- its last line is prose of at least `min_words` words (twice as many characters of Han or kana)
  in a script that uses full stops, and ends in a letter or digit.
The last two do not count where the line before ends in the same way: a poem or a form.
Not judged by their last letter: short last lines (a name, a number, a title, a signature), list
items, enumerations (a comma to every four words), titles, headings, table rows, quotations with a
name, links, hashtags, formulas and code, and Thai, Lao, Khmer, Burmese and Tibetan, which end
sentences with a space. Sets by people and in Chinese hold whole sentences without a full stop,
which no rule on the surface tells from broken ones: hits are candidates.
Measured: flags 0.2 % of Alpaca's answers and 8 % of HH's, which were cut at a token limit.
Oracle: hand-labelled endings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.scorers._chars import as_strings
from tamis.scorers._lines import Lines, fenced, lines
from tamis.scorers._words import count_words
from tamis.scorers.code_share import CODE
from tamis.scorers.list_items import ITEM
from tamis.spec import scorer
from tamis.types import Batch, Column, Ints, Mask, Part

_HANGING = r"[,،，、:：(\[{（【〔“「『《«‹\-–—]$"
_LETTER = r"[\p{L}\p{N}\p{M}]$"
_UNSTOPPED = r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]$"
_STOPPED = r"[.!?。！？…؟۔।॥]$"
_QUOTED = r"[\"”»]\s*[-–—~]|[.?!] ?[-–—~] ?\p{Lu}"  # with the name of who said it
_EXEMPT = rf"{ITEM}|{CODE}|^\s*[#|>=]|\||(?:https?://|www\.|[#@])\S*$|[=^\\]|{_QUOTED}"
_DENSE = r"[\p{Han}\p{Hiragana}\p{Katakana}]$"  # two characters say what a word says
_PAIRS = tuple(zip("([{（【“「『《", ")]}）】”」』》", strict=True))


def _open_pair(endings: Any) -> Mask:
    """Last lines in which more brackets or quotes of a kind open than close."""
    found = np.zeros(len(endings), bool)
    for opened, closed in _PAIRS:
        more = endings.str.count_matches(opened, literal=True).to_numpy().astype(np.int64)
        found |= more > endings.str.count_matches(closed, literal=True).to_numpy()
    return found


def _is_title(endings: Any, count: Ints) -> Mask:
    """Last lines that are a list (a comma to every four words) or a title (capitals all over)."""
    commas = endings.str.count_matches(r"[,،，、;]").to_numpy().astype(np.int64)
    capitals = endings.str.count_matches(r"\b\p{Lu}").to_numpy().astype(np.int64)
    title: Mask = (commas * 4 >= count) | (capitals * 5 >= count * 3)
    return title


def _line_before(rows: Lines) -> Any:
    """The last line but one that is not blank, without the spaces at its end; "" without one."""
    import polars as pl

    place = np.where(rows.matching(r"\S"), np.arange(len(rows.flat)), -1)
    reached = np.maximum.accumulate(place)
    ends = rows.offsets[1:] - 1
    # for a text of one line this is a line of another text
    found = reached[ends - 1]
    there = (found >= rows.offsets[:-1]) & (found < ends)
    lines_there = rows.flat.gather(np.where(there, found, 0)).str.strip_chars_end()
    return pl.select(pl.when(pl.Series(there)).then(lines_there).otherwise(pl.lit(""))).to_series()


@scorer(prefer="low", unit="1 cut off, 0 whole", version=2)
def truncated_ending(batch: Batch, *, of: Part = "response", min_words: int = 10) -> Column:
    """1.0 where the text breaks off in mid-sentence, mid-bracket or mid-code, else 0.0.

    Args:
        of: which turns are read
        min_words: words of the last line from which a missing full stop counts
    """
    import polars as pl

    if min_words < 1:
        raise UserError(f"truncated_ending: min_words is at least 1, got {min_words}")
    texts = pl.Series(pl.from_arrow(as_strings(batch.texts(of))), dtype=pl.String)
    texts = texts.str.strip_chars_end()
    rows = lines(texts.to_arrow())
    inside, open_fence = fenced(rows)
    ends = rows.offsets[1:] - 1
    endings = rows.flat.gather(ends)
    before = _line_before(rows)

    def has(pattern: str, among: Any = endings) -> Mask:
        found: Mask = np.asarray(among.str.contains(pattern).to_numpy(), bool)
        return found

    def new(pattern: str) -> Mask:
        return has(pattern) & ~has(pattern, before)

    code = inside[ends]
    count = count_words(endings.to_arrow())
    long = count >= np.where(has(_DENSE), 2 * min_words, min_words)
    unstopped = new(_LETTER) & ~has(_UNSTOPPED) & ~has(_EXEMPT) & long & ~_is_title(endings, count)
    cut = unstopped | new(_HANGING) | (_open_pair(endings) & ~has(_STOPPED))
    blank = np.asarray((texts == "").to_numpy(), bool)
    return Column.floats(open_fence | (cut & ~code), empty_text=blank)
