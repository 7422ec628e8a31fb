"""What tells languages and words apart, by name: never by what happens to be installed."""

from __future__ import annotations

from tamis.errors import UserError, nearest
from tamis.protocols import Languages, Segmenter


def named_languages(name: str) -> Languages:
    """`words` needs no library; `lingua` is asked where words are not sure."""
    from tamis.models.lingua import Lingua
    from tamis.scorers._languages import ByWords, WordsFirst

    if name == "words":
        return ByWords()
    if name == "lingua":
        return WordsFirst(Lingua())
    raise UserError(f"no language detector {name!r}; {nearest(name, ('lingua', 'words'))}")


def named_segmenter(name: str) -> Segmenter:
    """`clusters` needs no library; `icu` has dictionaries."""
    from tamis.models.icu import ICU
    from tamis.scorers._words import CLUSTERS

    if name == "clusters":
        return CLUSTERS
    if name == "icu":
        return ICU()
    raise UserError(f"no segmenter {name!r}; {nearest(name, ('clusters', 'icu'))}")
