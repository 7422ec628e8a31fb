"""The features of rows that a linear model is shown: figures, word buckets, embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tamis.protocols import Embedder
from tamis.scorers._features import figures, word_buckets
from tamis.types import Batch, Floats, Part

WIDEST = 4.0  # deviations beyond which a figure counts no more
WORDS, MEANING = 10.0, 8.0  # lengths of a row's buckets and vectors; a figure's deviation is 1


def parts(batch: Batch, of: Part) -> tuple[pa.Array, pa.Array]:
    """The texts that are read, and those they answer: empty ones but for all."""
    if of == "all":
        return batch.texts("response"), batch.texts("instruction")
    return batch.texts(of), pa.repeat("", len(batch))


@dataclass(frozen=True, slots=True)
class Featurizer:
    """Makes features of rows; figures are scaled by their mean and deviation over some of them.

    Labels play no part in the scale.
    """

    embedder: Embedder
    of: Part
    mean: Floats
    scale: Floats

    @classmethod
    def scaled(cls, embedder: Embedder, of: Part, batches: Iterable[Batch]) -> Featurizer:
        """Scaled by these rows, of which there must be some; a figure equal in all is left out."""
        seen = [figures(*parts(batch, of)).astype(np.float32) for batch in batches]
        shown = np.concatenate(seen)
        mean, scale = shown.mean(axis=0, dtype=np.float64), shown.std(axis=0, dtype=np.float64)
        return cls(embedder, of, mean, np.where(scale > 1e-6, scale, np.inf))

    def features(self, batch: Batch) -> Floats:
        """Shape (rows, features)."""
        read, asked = parts(batch, self.of)
        form = np.clip((figures(read, asked) - self.mean) / self.scale, -WIDEST, WIDEST)
        meaning = self.embedder.embed(read.to_pylist())
        sides = [form, WORDS * word_buckets(read), MEANING * meaning]
        if self.of == "all":
            question = self.embedder.embed(asked.to_pylist())
            cosine = np.einsum("ij,ij->i", meaning, question)[:, None]
            sides += [MEANING * question, MEANING * cosine]
        return np.concatenate(sides, axis=1, dtype=np.float64)
