"""What a method may ask for besides rows: each resource has an `id` that names what it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tamis.types import Ints, Vectors


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors of unit length, shape (texts, dimensions)."""

    @property
    def id(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


@runtime_checkable
class Tokenizer(Protocol):
    """Counts tokens without special tokens."""

    @property
    def id(self) -> str: ...

    def count_tokens(self, texts: Sequence[str]) -> Ints: ...
