"""Stand-ins for models: the same text always gets the same answer, and nothing is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.types import Ints, Vectors


@dataclass(frozen=True, slots=True)
class FakeEmbedder:
    """Unit vectors seeded by the text's hash; a text without any letter has none."""

    id: str = "fake"
    dim: int = 16

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            if text.strip():
                seed = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
                vector = np.random.default_rng(int.from_bytes(seed, "little")).normal(size=self.dim)
                found[row] = vector / np.linalg.norm(vector)
        return found


@dataclass(frozen=True, slots=True)
class FakeTokenizer:
    """One token for every four characters, rounded up."""

    id: str = "fake"

    def count_tokens(self, texts: Sequence[str]) -> Ints:
        return np.asarray([-(-len(text) // 4) for text in texts], np.int64)
