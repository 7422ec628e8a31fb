"""Words of scripts without spaces by the dictionaries of ICU (extra `lang`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import numpy as np

from tamis.errors import MissingExtra
from tamis.types import Ints

LONGEST = 4000
"""Characters that ICU is given at once; a longer run is cut there."""


def installed() -> bool:
    """Whether icu4py is there."""
    return find_spec("icu4py") is not None


@cache
def icu_version() -> str:
    """The version of ICU: its dictionaries change with it."""
    import icu4py

    return str(icu4py.icu_version)


class ICU:
    """Cuts Chinese, Japanese, Thai, Lao, Khmer and Burmese as ICU's word breaker does.

    Raises MissingExtra where icu4py is not installed.
    """

    def __init__(self) -> None:
        if not installed():
            raise MissingExtra("the segmenter 'icu'", "lang")

    @property
    def id(self) -> str:
        return f"icu-{icu_version()}"

    def starts(self, runs: Sequence[str]) -> list[Ints]:
        return [_starts(run) for run in runs]


def _starts(run: str) -> Ints:
    """Where the words of one run begin."""
    from icu4py.breakers import WordBreaker

    # not its places, which count a character beyond U+FFFF twice
    parts = (run[at : at + LONGEST] for at in range(0, len(run), LONGEST))
    lengths = [len(word) for part in parts for word in WordBreaker(part, "en")]
    return np.cumsum([0, *lengths[:-1]])
