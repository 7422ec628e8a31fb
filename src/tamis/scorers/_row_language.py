"""The language of each row for those who ask about it in its own."""

from __future__ import annotations

from tamis.judging.prompt_language import PromptLanguage
from tamis.protocols import Languages
from tamis.scorers._languages import ByWords, languages_of
from tamis.types import Batch

WORDS: Languages = ByWords()
"""The detector of the package."""


def row_languages(
    batch: Batch, detector: Languages, prompt_language: PromptLanguage
) -> list[str] | None:
    """What `language` says of each row; None where no row is asked about in its own language."""
    return languages_of(batch.texts("all"), detector) if prompt_language == "row" else None
