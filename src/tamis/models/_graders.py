"""What small models that grade texts have in common: how they are loaded and fed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tamis.errors import MissingExtra, UserError
from tamis.models._quiet import quiet
from tamis.models._text import encodable
from tamis.models.hub import Located, weights
from tamis.types import Floats, Ints

BATCH_TOKENS = {"cpu": 4096, "cuda": 32_768}
"""Tokens in a forward pass, those that fill up included."""

Work = Callable[[Sequence[int]], Floats]
"""Places of texts -> a number for each."""


def torch_of(what: str) -> Any:
    """The torch library; raises MissingExtra where it, or transformers, is not installed."""
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise MissingExtra(what, "lm") from None
    return torch


def precision(dtype: str) -> str:
    """float32 unless another float is named: half of its digits make many grades equal."""
    return dtype if dtype in ("bfloat16", "float16") else "float32"


def one_device(device: str) -> str:
    """The first of the devices; auto is a GPU where there is one."""
    if device != "auto":
        return device.split(",")[0].strip()
    return "cuda" if torch_of("a model that grades texts").cuda.is_available() else "cpu"


def load(kind: str, what: str, model: Located, dtype: str, device: str) -> Any:
    """A model by its class in the transformers library, in evaluation mode.

    Raises UserError where it does not load, and where a part of it has no weights in the files:
    the library would fill that part with random numbers.
    """
    torch = torch_of(what)
    import transformers

    if model.adapter:
        raise UserError(f"{model.name} is an adapter: merge it into its model, and name that")
    try:
        with quiet():
            found, told = getattr(transformers, kind).from_pretrained(
                weights(model),
                dtype=getattr(torch, dtype),
                local_files_only=True,
                output_loading_info=True,
            )
    except UserError:
        raise
    except Exception as error:  # the library raises many kinds; all mean the same to the user
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{model.name!r} cannot be loaded as {what}: {reason}") from error
    lacking = sorted(told["missing_keys"]) + sorted(str(key) for key in told["mismatched_keys"])
    if lacking:
        raise UserError(f"{model.name} is not {what}: it has no trained weights for {lacking[0]}")
    return found.to(device).eval()


def spread(lengths: Sequence[int], tokens: int, work: Work) -> Floats:
    """A number for each text, read in batches of like length, the longest first.

    A batch that does not fit in memory is read in halves.
    """
    found = np.full(len(lengths), np.nan)
    order = sorted(range(len(lengths)), key=lambda at: (-lengths[at], at))
    while order:
        size = max(tokens // max(lengths[order[0]], 1), 1)
        batch, order = order[:size], order[size:]
        _halved(batch, lengths, work, found)
    return found


def _halved(batch: Sequence[int], lengths: Sequence[int], work: Work, found: Floats) -> None:
    try:
        found[np.asarray(batch)] = work(batch)
        return
    except (RuntimeError, MemoryError) as error:
        text = str(error).lower()
        if not (
            isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
        ):
            raise
    with suppress(Exception):
        torch_of("a model").cuda.empty_cache()
    if len(batch) == 1:
        raise UserError(f"a text of {lengths[batch[0]]:,} tokens does not fit in memory")
    half = len(batch) // 2
    for part in (batch[:half], batch[half:]):
        _halved(part, lengths, work, found)


def harmless(text: str, tokenizer: Any) -> str:
    """The text, a special token's letters apart where they would be taken for the token.

    Where special tokens are pieces of the vocabulary (T5, DeBERTa), no setting keeps a row's text
    from holding one.
    """
    text = encodable(text)
    for token in tokenizer.all_special_tokens:
        if token in text:
            plain = tokenizer(token, add_special_tokens=False, split_special_tokens=True)
            if tokenizer.convert_tokens_to_ids(token) in plain["input_ids"]:
                text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def filled(rows: Sequence[Ints], filler: int) -> tuple[Ints, Ints]:
    """Rows of one length, filled up on the right, and a mask of what they held."""
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), filler, np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = row, 1
    return ids, mask
