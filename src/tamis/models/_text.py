"""Texts that can be encoded."""

from __future__ import annotations


def encodable(text: str) -> str:
    """The text with a question mark for what is no character: half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
