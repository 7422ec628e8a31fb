"""The default embedder: a table of token vectors, summed; offline, without torch."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import chain, count, islice

import numpy as np
from numpy.typing import NDArray

from tamis.models.tokenizer import TextTokenizer, blocks, load_tokenizer

TABLE = "assets/minilm_static/table.npz"
POOLING_VERSION = 1  # raise it when the arithmetic below changes a number
BLOCK_CHARS = 1_000_000  # text handled at once
KNOWN_WORDS = 500_000  # words remembered before starting afresh, some 100 MB


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
        words = _Words(load_tokenizer())
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        clipped = [text[: self.max_chars] for text in texts]
        for start, stop in blocks(clipped, BLOCK_CHARS):
            ids, lengths = words.tokens(clipped[start:stop])
            _sum_into(out[start:stop], table, ids, lengths)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        np.divide(out, norms, out=out, where=norms > 0)
        return out


class _Words:
    """Tokenises each distinct blank-separated word once; most of a corpus is repeated words.

    The shipped tokenizer never joins what a blank separates, so the tokens are those of the text.
    """

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self.tokenizer = tokenizer
        self._forget()

    def _forget(self) -> None:
        # A missing word gets the next number inside the C loop that looks words up.
        self.numbers: defaultdict[str, int] = defaultdict(count().__next__)
        self.ids = np.zeros(0, dtype=np.int64)
        self.lengths = np.zeros(0, dtype=np.int64)
        self.starts = np.zeros(0, dtype=np.int64)

    def tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(flat token ids, tokens per text)."""
        if len(self.numbers) > KNOWN_WORDS:
            self._forget()
        split = [text.split() for text in texts]
        words = np.fromiter(map(self.numbers.__getitem__, chain.from_iterable(split)), np.int64)
        self._learn()
        per_word = self.lengths[words]
        # Position of every token in self.ids: its word's start plus its place in the word.
        ends = np.cumsum(per_word)
        places = np.repeat(self.starts[words] - (ends - per_word), per_word)
        ids = self.ids[places + np.arange(len(places))]
        last = np.cumsum(np.fromiter(map(len, split), np.int64, len(split)))
        return ids, np.diff(np.concatenate([[0], ends])[np.concatenate([[0], last])])

    def _learn(self) -> None:
        """Tokenise the words that the last look-up numbered."""
        new = list(islice(reversed(self.numbers), len(self.numbers) - len(self.lengths)))[::-1]
        ids, lengths = self.tokenizer.encode(new)
        self.ids = np.concatenate([self.ids, ids])
        self.lengths = np.concatenate([self.lengths, lengths])
        self.starts = np.cumsum(self.lengths) - self.lengths


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
