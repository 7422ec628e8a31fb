"""Number of list items: lines that begin with a bullet, a number or a letter of a list.

Formula: lines outside fenced code that begin with `-`, `*`, `•` and the like, with `1.`, `1)`,
`(1)`, `a)`, `A.`, or with a Chinese or Japanese form (`1、`, `一、`, `（二）`, `①`), and go on.
A line of prose such as `3.14 is pi` is none: a full stop or hyphen is followed by a space.
Oracle: hand-counted lists.
"""

from __future__ import annotations

from tamis.scorers._lines import fenced, lines
from tamis.spec import scorer
from tamis.types import Batch, Column, Part

ITEM = (
    r"^\s*(?:(?:[-*+–—•‣◦▪●○・·]\s+|[•‣◦▪●]|\(?\d{1,3}[.)]\s+|\d{1,3}[、．]|"
    r"（\d{1,3}）|\([a-z]\)\s+|[a-zA-Z]\)\s+|[A-H]\.\s+|[一二三四五六七八九十]{1,3}、|"
    r"[（(][一二三四五六七八九十]{1,3}[）)]|[①-⑳])\s*[^\s\-*]|"
    r"\(?\d{1,3}[.)]\s*\p{Han})"
)


@scorer(prefer="none", unit="items")
def list_items(batch: Batch, *, of: Part = "response") -> Column:
    """Number of lines that are list items; 0 for an empty text.

    Args:
        of: which turns are read
    """
    found = lines(batch.texts(of))
    return Column.floats(found.number(found.matching(ITEM) & ~fenced(found)[0]))
