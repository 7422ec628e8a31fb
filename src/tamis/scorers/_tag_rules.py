"""How a tag is written: lower case, words alone, and what words have in common.

Special characters become blanks: everything but letters, marks that belong to letters (the vowels
of Thai or Hindi), digits, and + or # right after one of those, as in c++ and c#. Words in letters
from a to z are stemmed; in other scripts they stay, since an English stemmer knows none of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Literal

from tamis.errors import MissingExtra

Rules = Literal["porter", "english", "unstemmed", "off"]
"""porter: Porter's stemmer of 1980; english: his later one (Snowball's); unstemmed: lower case and
characters alone; off: tags stay as they are written."""


def plain(tag: str) -> str:
    """A tag in lower case without special characters; empty where nothing is left."""
    out = ""
    for char in unicodedata.normalize("NFKC", tag).lower():
        kind = unicodedata.category(char)[0]
        belongs = (kind == "M" or char in "+#") and out[-1:].strip()
        out += char if kind in "LN" or belongs else " "
    return " ".join(out.split())


def stems(rules: Rules) -> Callable[[str], str]:
    """The function that leaves of a plain tag what decides whether two are the same."""
    if rules in ("unstemmed", "off"):
        return lambda tag: tag
    try:
        import snowballstemmer
    except ImportError:
        raise MissingExtra("stemming tags (rules=unstemmed does without)", "judge") from None
    stem = snowballstemmer.stemmer(rules).stemWord

    def stemmed(tag: str) -> str:
        return " ".join(stem(word) or word if word.isascii() else word for word in tag.split())

    return stemmed
