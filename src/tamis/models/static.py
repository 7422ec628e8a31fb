"""The default embedder: a table of token vectors, summed; offline, without torch."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from tamis.models.tokenizer import Words, blocks, load_tokenizer

TABLE = "assets/minilm_static/table.npz"
POOLING_VERSION = 1  # raise it when the arithmetic below changes a number
BLOCK_CHARS = 1_000_000  # text handled at once


@cache
def _load_table() -> tuple[NDArray[np.float32], str]:
    """(token vectors, shape (vocabulary, dim); hash of the file that holds them)."""
    raw = files("tamis").joinpath(TABLE).read_bytes()
    with np.load(io.BytesIO(raw)) as parts:
        table = parts["values"].astype(np.float32)
        table *= parts["scales"].astype(np.float32)[:, None]
    table.setflags(write=False)  # it is shared by every embedder of the process
    return table, hashlib.sha256(raw).hexdigest()[:12]


@dataclass(frozen=True)
class StaticEmbedder:
    """Sum of the token vectors of a text, scaled to length 1; word order does not count.

    Only the first `max_chars` characters of a text are read. The vectors were fitted to the
    sentence vectors of all-MiniLM-L6-v2; how, and how well, stands in docs/embedding.md.
    """

    max_chars: int = 4000
    id: str = field(init=False)
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ValueError(f"max_chars is {self.max_chars}, expected 1 or more")
        table, digest = _load_table()
        tokens = load_tokenizer().id.rpartition("@")[2]
        name = f"static/{digest}-{tokens}/v{POOLING_VERSION}/max_chars={self.max_chars}"
        object.__setattr__(self, "id", name)
        object.__setattr__(self, "dim", table.shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows of length 1, shape (len(texts), dim); a text with no known token is a row of zeros.

        A row depends on its own text only, so splitting the input changes nothing.
        Memory: the rows, about 100 MB of words, and 4 dim bytes a character of the longest text.
        """
        table, _ = _load_table()
        words = Words(load_tokenizer())
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        clipped = [text[: self.max_chars] for text in texts]
        for start, stop in blocks(clipped, BLOCK_CHARS):
            ids, lengths = words.tokens(clipped[start:stop])
            _sum_into(out[start:stop], table, ids, lengths)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        np.divide(out, norms, out=out, where=norms > 0)
        return out


def _sum_into(
    out: NDArray[np.float32],
    table: NDArray[np.float32],
    ids: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> None:
    """out[r] = sum of the table rows of text r's tokens."""
    start = 0
    for row, stop in enumerate(np.cumsum(lengths).tolist()):
        # A product with ones a row is five times faster than reduceat over a block of rows, and
        # needs one text's vectors at a time.
        vectors = table.take(ids[start:stop], axis=0)
        np.dot(np.ones(stop - start, dtype=np.float32), vectors, out=out[row])
        start = stop
