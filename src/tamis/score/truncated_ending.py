"""Truncated ending: 1.0 where the answer breaks off, as at a token limit, else 0.0.

Rule: the text is cut off if
- a fenced block of code is not closed, or
- it ends in a sign that announces more: a colon, open bracket, open quote, hyphen or dash, or a
  comma after more than one word, or
- its last line leaves a bracket or a paired quote open and has no full stop, or
- its last line is prose of at least `min_words` words, begun in a script that uses full stops, and
  ends in a letter or digit.
Not judged by their last letter: short last lines (a name, a number, a title, a signature), list
items, enumerations (a comma to every four words), headings, table rows, quotations with a name,
links, hashtags, formulas and code, and Thai, Lao, Khmer, Burmese and
Tibetan, which end sentences with a space. Alpaca and other sets hold whole sentences without a
full stop, which no rule on the surface tells from broken ones: hits are candidates.
Measured: {measured}
Oracle: hand-labelled endings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.score._chars import as_strings
from tamis.score._lines import fenced, lines
from tamis.score._words import count_words
from tamis.score.code_share import CODE
from tamis.score.list_items import ITEM
from tamis.spec import scorer
from tamis.types import Batch, Column, Ints, Mask, Part

_HANGING = r"[,،，、:：(\[{（【〔“「『《«‹\-–—]$"
_LETTER = r"[\p{L}\p{N}\p{M}]$"
_UNSTOPPED = r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]$"
_STOPPED = r"[.!?。！？…؟۔।॥]$"
_EXEMPT = rf"{ITEM}|{CODE}|^\s*[#|>=]|\||(?:https?://|www\.|[#@])\S*$|[=^\\]|[\"”»]\s*[-–—~]"
_PAIRS = ("()", "[]", "{}", "（）", "【】", "“”", "「」", "『』", "《》")


def _open_pair(endings: Any) -> Mask:
    """Last lines in which more brackets or quotes of a kind open than close."""
    found = np.zeros(len(endings), bool)
    for opened, closed in _PAIRS:
        more = endings.str.count_matches(opened, literal=True).to_numpy().astype(np.int64)
        found |= more > endings.str.count_matches(closed, literal=True).to_numpy()
    return found


def _enumerates(endings: Any, count: Ints) -> Mask:
    """Last lines that are a list of names or numbers: a comma to every four words or fewer."""
    commas = endings.str.count_matches(r"[,،，、;]").to_numpy().astype(np.int64)
    return np.asarray(commas * 4 >= count, bool)


@scorer(prefer="low", unit="1 cut off, 0 whole")
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

    def has(pattern: str) -> Mask:
        return np.asarray(endings.str.contains(pattern).to_numpy(), bool)

    code = inside[ends]
    count = count_words(endings.to_arrow())
    unstopped = has(_LETTER) & ~has(_UNSTOPPED) & ~has(_EXEMPT) & (count >= min_words) & ~_enumerates(endings, count)
    cut = unstopped | has(_HANGING) | (_open_pair(endings) & ~has(_STOPPED))
    blank = np.asarray((texts == "").to_numpy(), bool)
    return Column.floats(open_fence | (cut & ~code), empty_text=blank)
