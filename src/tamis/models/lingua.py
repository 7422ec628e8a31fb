"""Languages by lingua, a model of letter sequences for 75 of them (extra `lang`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from tamis.errors import MissingExtra
from tamis.protocols import UNKNOWN

LEAD = 0.05
"""By how much the likeliest language leads the next one; less is unknown."""
_MERGED = {"nb": "no", "nn": "no"}  # both written forms of Norwegian


def installed() -> bool:
    """Whether lingua is there."""
    return find_spec("lingua") is not None


class Lingua:
    """Asks lingua, which loads when it is first used and then holds about 1 GB.

    Raises MissingExtra where it is not installed.
    """

    def __init__(self) -> None:
        if not installed():
            raise MissingExtra("the language detector 'lingua'", "lang")

    @property
    def id(self) -> str:
        return f"lingua-{version('lingua-language-detector')}-{LEAD}"

    def detect(self, texts: Sequence[str]) -> list[str]:
        if not texts:
            return []
        found = _detector().detect_languages_in_parallel_of(list(texts))
        codes = [one.iso_code_639_1.name.lower() if one else UNKNOWN for one in found]
        return [_MERGED.get(code, code) for code in codes]


@cache
def _detector() -> Any:
    from lingua import LanguageDetectorBuilder

    every = LanguageDetectorBuilder.from_all_spoken_languages()  # all but Latin
    return every.with_minimum_relative_distance(LEAD).build()
