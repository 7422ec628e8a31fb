"""Tokenizers as columns: texts in, one flat array of token ids out; no object per token is kept."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.errors import UserError
from tamis.models._text import encodable

SHIPPED = "tamis"
# Characters tokenised at once: enough to keep the tokenizer's threads busy, few enough that the
# token objects it returns stay under about 100 MB even for text of one token a character.
BLOCK_CHARS = 131_072
KNOWN_WORDS = 500_000  # words remembered before starting afresh, some 100 MB
WORDS_CHARS = 1_000_000  # characters split into words at once


@dataclass(frozen=True, slots=True)
class TextTokenizer:
    """A loaded tokenizer; `id` names its name and content, so it changes when the tokens change."""

    id: str
    backend: Any
    by_word: bool = False  # never joins what a blank separates

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(flat token ids, tokens per text), without special tokens; lone surrogates become '?'."""
        encodings = self._encodings(texts)
        lengths = np.fromiter(map(len, encodings), np.int64, len(encodings))
        flat = chain.from_iterable(encoding.ids for encoding in encodings)
        return np.fromiter(flat, np.int64, int(lengths.sum())), lengths

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens per text, without special tokens, shape (len(texts),).

        A text longer than 131,072 characters is counted in pieces cut at a blank, so memory stays
        bounded; where it has no blank the cut may split a token and add one to the count.
        """
        if self.by_word:
            words = Words(self)
            found = [words.count(texts[a:b]) for a, b in blocks(texts, WORDS_CHARS)]
            return np.concatenate([np.zeros(0, np.int64), *found])
        pieces, owners = _pieces(texts)
        counts = np.zeros(len(texts), dtype=np.int64)
        for start, stop in blocks(pieces, BLOCK_CHARS):
            lengths = [len(encoding) for encoding in self._encodings(pieces[start:stop])]
            np.add.at(counts, owners[start:stop], lengths)
        return counts

    def _encodings(self, texts: Sequence[str]) -> list[Any]:
        batch = list(texts)
        try:
            encodings = self.backend.encode_batch_fast(batch, add_special_tokens=False)
        except (UnicodeError, TypeError):
            # Checking every text for surrogates would cost more than meeting one now and then.
            batch = [encodable(text) for text in batch]
            encodings = self.backend.encode_batch_fast(batch, add_special_tokens=False)
        result: list[Any] = encodings
        return result


class Words:
    """Tokenises each distinct blank-separated word once; most of a corpus is repeated words.

    Right for a tokenizer that never joins what a blank separates, as the shipped one: then the
    tokens are those of the text.
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

    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens per text."""
        words, ends = self._numbered(texts)
        total = np.concatenate([[0], np.cumsum(self.lengths[words])])
        return np.diff(total[ends])

    def tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(flat token ids, tokens per text)."""
        words, ends = self._numbered(texts)
        per_word = self.lengths[words]
        # Position of every token in self.ids: its word's start plus its place in the word.
        total = np.concatenate([[0], np.cumsum(per_word)])
        places = np.repeat(self.starts[words] - total[:-1], per_word)
        return self.ids[places + np.arange(len(places))], np.diff(total[ends])

    def _numbered(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(number of every word of the texts, where each text begins and the last one ends)."""
        if len(self.numbers) > KNOWN_WORDS:
            self._forget()
        split = [text.split() for text in texts]
        words = np.fromiter(map(self.numbers.__getitem__, chain.from_iterable(split)), np.int64)
        self._learn()
        return words, np.cumsum([0, *map(len, split)])

    def _learn(self) -> None:
        """Tokenise the words that the last look-up numbered."""
        new = list(islice(reversed(self.numbers), len(self.numbers) - len(self.lengths)))[::-1]
        ids, lengths = self.tokenizer.encode(new)
        self.ids = np.concatenate([self.ids, ids])
        self.lengths = np.concatenate([self.lengths, lengths])
        self.starts = np.cumsum(self.lengths) - self.lengths


def blocks(texts: Sequence[str], chars: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of texts that hold about `chars` characters, at least one text each."""
    start = size = 0
    for row, text in enumerate(texts):
        if size and size + len(text) > chars:
            yield start, row
            start, size = row, 0
        size += max(len(text), 16)  # an empty text still costs an object
    if start < len(texts):
        yield start, len(texts)


def _pieces(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Texts cut to at most BLOCK_CHARS characters, and the row that each piece came from."""
    pieces: list[str] = []
    owners: list[int] = []
    for row, text in enumerate(texts):
        start = 0
        while len(text) - start > BLOCK_CHARS:
            blank = text.rfind(" ", start + 1, start + BLOCK_CHARS)
            stop = blank if blank > 0 else start + BLOCK_CHARS
            pieces.append(text[start:stop])
            owners.append(row)
            start = stop
        pieces.append(text[start:])
        owners.append(row)
    return pieces, np.asarray(owners, dtype=np.int64)


@cache
def load_tokenizer(name: str = SHIPPED) -> TextTokenizer:
    """The tokenizer called `name`: "tamis" (shipped), a path to a tokenizer.json, or a Hub name.

    Raises UserError when it cannot be loaded.
    """
    from tokenizers import Tokenizer

    try:
        if name == SHIPPED:
            backend = Tokenizer.from_str(
                files("tamis").joinpath("assets/minilm_static/tokenizer.json").read_text("utf-8")
            )
        elif Path(name).is_file():
            backend = Tokenizer.from_file(name)
        else:
            backend = Tokenizer.from_pretrained(name)
    except Exception as error:  # the library raises bare Exception for every cause
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"tokenizer {name!r} cannot be loaded ({reason}); expected {SHIPPED!r}, "
            "a path to a tokenizer.json, or the name of a model on the Hugging Face Hub"
        ) from None
    # A file may ask for padding and truncation; both would make the counts wrong.
    backend.no_padding()
    backend.no_truncation()
    digest = hashlib.sha256(backend.to_str().encode("utf-8")).hexdigest()[:12]
    return TextTokenizer(f"{name}@{digest}", backend, by_word=name == SHIPPED)


def count_tokens(texts: Sequence[str], name: str = SHIPPED) -> NDArray[np.int64]:
    """Tokens per text by the tokenizer called `name`, without special tokens."""
    return load_tokenizer(name).count_tokens(texts)
