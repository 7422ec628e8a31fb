"""Causal language models of the transformers library (extra `lm`), by Hub name or folder."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.errors import MissingExtra, UserError
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.models.layout import by_beginning, common
from tamis.models.merging import merged, refuse, unmerged
from tamis.protocols import Direction, Passage, Projection, Reading, Weights
from tamis.templates import Piece
from tamis.types import Floats, Ints, Vectors

if TYPE_CHECKING:
    from tamis.models.reader import Reader

VERSION = 1
"""Raise it when a change of the engine moves a number beyond its tolerance."""

BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
"""Tokens in a forward pass: what a processor's caches like, and what fills a GPU."""

BATCH_TEXTS = 256
"""Texts in a forward pass at most: each is a call of its own to the attention."""

DTYPES = ("auto", "float32", "bfloat16", "float16", "int8")


class HuggingFace:
    """Likelihood by a causal language model; loads when it first reads.

    A reading does not depend on what is read beside it beyond rounding: in float32 a loss moves by
    less than 1e-4, in bfloat16 by about 1e-2, in int8 not at all; int8 itself is a first look.

    Args:
        name: `reference`, a folder, or a Hub name with an optional :revision
        dtype: float32, bfloat16, float16 or int8; auto is float32 on a processor, else bfloat16
        device: cpu, cuda, cuda:1, ...; several, as cuda:0,cuda:1, each hold the model and share
            the work; auto is every GPU there is, else cpu
        batch_tokens: tokens in a forward pass; 0 chooses by device
    """

    def __init__(
        self, name: str, *, dtype: str = "auto", device: str = "auto", batch_tokens: int = 0
    ) -> None:
        if dtype not in DTYPES:
            raise UserError(f"dtype is one of {', '.join(DTYPES)}, not {dtype!r}")
        self.text = ModelTokenizer(name)
        self._dtype, self._device, self._batch_tokens = dtype, device, batch_tokens

    @property
    def forward_tokens(self) -> int:
        """Tokens that went through the model so far; padding does not count."""
        readers = vars(self).get("readers", ())  # asking does not load the model
        return sum(reader.forward_tokens for reader in readers)

    @property
    def id(self) -> str:
        return f"{self.text.id}/{self.dtype}/v{VERSION}"

    @property
    def context(self) -> int:
        return self.text.context

    @property
    def start(self) -> int | None:
        return self.text.start

    @property
    def vocabulary(self) -> int:
        """How many tokens the model predicts among."""
        return int(self.text.config.get_text_config().vocab_size)

    def encode(self, texts: Sequence[str], *, markup: bool = False) -> list[Ints]:
        return self.text.encode(texts, markup=markup)

    def decode(self, ids: Ints) -> str:
        return self.text.decode(ids)

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: str | None) -> list[Piece]:
        return self.text.chat(messages, tools)

    @cached_property
    def devices(self) -> list[str]:
        """The devices that share the work, each as torch names it."""
        torch = _torch()
        if self._device != "auto":
            return [part.strip() for part in self._device.split(",")]
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return [f"cuda:{i}" for i in range(count)] or ["cpu"]

    @property
    def dtype(self) -> str:
        if self._dtype != "auto":
            return self._dtype
        return "float32" if self.devices[0].startswith("cpu") else "bfloat16"

    @cached_property
    def readers(self) -> list[Reader]:
        """The loaded model, once a device."""
        _torch()
        from tamis.models.reader import Reader

        if self.devices[0].startswith("cpu"):
            _keep_large_blocks()
        try:
            return [Reader(self.text, self.dtype, device) for device in self.devices]
        except UserError:
            raise
        except Exception as error:  # a device that is not there, an architecture that is another
            reason = (str(error).splitlines() or [""])[0]
            raise UserError(
                f"{self.text.name} cannot be read in {self.dtype} on {', '.join(self.devices)}: "
                f"{type(error).__name__}: {reason}"
            ) from error

    @cached_property
    def batch_tokens(self) -> int:
        kind = self.devices[0].partition(":")[0]
        return self._batch_tokens or BATCH_TOKENS.get(kind, BATCH_TOKENS["cuda"])

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """The readings of the passages; equal tokens go through the model once."""
        found = merged(passages)
        readings = self._spread(found.passages, lambda reader, part: reader.read(part))
        return unmerged(passages, found, readings)

    def gradients(
        self,
        passages: Sequence[Passage],
        *,
        direction: Direction,
        dim: int,
        seed: int,
        projection: Projection = "sketch",
    ) -> Vectors:
        """Projected gradients of the mean loss of each passage, shape (passages, dim)."""

        def work(reader: Reader, part: Sequence[Passage]) -> Sequence[Any]:
            found = reader.trainable.gradients(
                part, direction=direction, dim=dim, seed=seed, projection=projection
            )
            return list(found)

        found = self._spread(passages, work)
        return np.array(found, np.float32).reshape(len(passages), dim)

    def norms(self, passages: Sequence[Passage], *, weights: Weights, seed: int) -> Floats:
        """Length of each passage's gradient before any projection."""

        def work(reader: Reader, part: Sequence[Passage]) -> Sequence[Any]:
            return list(reader.trainable.norms(part, weights=weights, seed=seed))

        return np.array(self._spread(passages, work), np.float64)

    def generate(self, prompts: Sequence[Ints], tokens: int) -> list[Ints]:
        """At most `tokens` likeliest tokens after each prompt, without the end-of-text token."""
        refuse([Passage(prompt) for prompt in prompts], self.context)
        order = sorted(range(len(prompts)), key=lambda at: -len(prompts[at]))
        found: list[Any] = [None] * len(prompts)
        size = max(self.batch_tokens // (max(map(len, prompts), default=0) + tokens), 1)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            new = self.readers[0].generate([prompts[at] for at in part], tokens)
            for at, ids in zip(part, new, strict=True):
                found[at] = ids
        return found

    def _spread(
        self,
        passages: Sequence[Passage],
        work: Callable[[Reader, list[Passage]], Sequence[Any]],
    ) -> list[Any]:
        """What `work` makes of each passage, batch by batch, on all devices at once."""
        refuse(passages, self.context)
        found: list[Any] = [None] * len(passages)
        free: SimpleQueue[Reader] = SimpleQueue()
        for reader in self.readers:
            free.put(reader)

        def one(places: Sequence[int]) -> None:
            reader = free.get()
            try:
                parts = self._halved(work, reader, [passages[at] for at in places])
            finally:
                free.put(reader)
            for at, part in zip(places, parts, strict=True):
                found[at] = part

        if len(self.readers) == 1:
            for places in self._batches(passages):
                one(places)
            return found
        workers = ThreadPoolExecutor(len(self.readers))
        try:
            for done in [workers.submit(one, places) for places in self._batches(passages)]:
                done.result()
        finally:  # a fault, or Ctrl-C, does not wait for what has not begun
            workers.shutdown(cancel_futures=True)
        return found

    def _batches(self, passages: Sequence[Passage]) -> Iterator[list[int]]:
        """Places of the passages of each forward pass.

        Packed texts that begin alike are neighbours; padded ones are of like length, the longest
        first, so that memory fails early.
        """
        packed = self.readers[0].packed
        order = by_beginning(passages) if packed else range(len(passages))
        if not packed:
            order = sorted(order, key=lambda at: -len(passages[at].ids))
        batch: list[int] = []
        tokens = 0
        for at in order:
            size = len(passages[at].ids)
            new = size
            if batch:
                longest = len(passages[batch[0]].ids)
                new = size - common(passages[batch[-1]], passages[at]) if packed else longest
            if batch and (tokens + new > self.batch_tokens or len(batch) == BATCH_TEXTS):
                yield batch
                batch, tokens, new = [], 0, size
            batch.append(at)
            tokens += new
        if batch:
            yield batch

    def _halved(
        self,
        work: Callable[[Reader, list[Passage]], Sequence[Any]],
        reader: Reader,
        passages: list[Passage],
    ) -> list[Any]:
        """One batch; where memory does not suffice, in halves."""
        try:
            return list(work(reader, passages))
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
        gc.collect()
        with suppress(Exception):
            _torch().cuda.empty_cache()
        if len(passages) == 1:
            raise UserError(
                f"a text of {len(passages[0].ids):,} tokens does not fit in the memory of "
                f"{reader.device}: set a smaller max_length, or a smaller model"
            )
        # of what did not fit, not of the last limit: several batches may have been cut by that
        size = sum(len(p.ids) for p in passages)
        self.batch_tokens = min(self.batch_tokens, max(size // 2, 1))
        half = len(passages) // 2
        parts = passages[:half], passages[half:]
        return [found for part in parts for found in self._halved(work, reader, part)]


def _torch() -> Any:
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise MissingExtra("a language model", "lm") from None
    return torch


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text


def _keep_large_blocks() -> None:
    """Tells glibc to keep freed memory: asking for it anew costs a third of a forward pass."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
