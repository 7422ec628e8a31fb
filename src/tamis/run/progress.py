"""How a run tells what it is doing: a function that the caller gives; silent by default."""

from __future__ import annotations

import warnings
from typing import Protocol


class Progress(Protocol):
    """Called with a step's name, rows done and rows in all (0 where nobody knows)."""

    def __call__(self, step: str, done: int, total: int, /) -> None: ...


def silent(step: str, done: int, total: int, /) -> None:
    """Says nothing."""


def warned(text: str) -> None:
    """What a run has to say, as Python says it."""
    warnings.warn(text, stacklevel=2)
