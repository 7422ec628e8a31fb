"""Sentence-transformers models as embedders (extra `embed`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tamis.errors import MissingExtra, UserError
from tamis.types import Vectors


class SentenceEmbedder:
    """A sentence-transformers model by name or folder; loads when it is first used.

    Raises UserError where the model cannot be loaded: no other model takes its place.
    """

    def __init__(self, name: str, *, revision: str | None = None, batch_size: int = 64) -> None:
        self.name, self.revision, self.batch_size = name, revision, batch_size

    @property
    def id(self) -> str:
        return f"sentence-transformers:{self.name}@{self.revision or 'main'}"

    @cached_property
    def model(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise MissingExtra(f"the embedder {self.name!r}", "embed") from None
        try:
            return SentenceTransformer(self.name, revision=self.revision)
        except Exception as error:  # the library raises many kinds; all mean the same to the user
            reason = str(error).split("\n")[0]
            raise UserError(f"the embedder {self.name!r} cannot be loaded: {reason}") from error

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = self.model.encode(
            list(texts),
            batch_size=self.batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)
