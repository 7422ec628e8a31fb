"""Several texts in one row without padding: attention stays within each text.

The transformers library calls an attention function by name; this one is told the lengths of the
texts and attends to each by itself, so no product is computed between texts and no mask is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F

NAME = "tamis_packed"

UNKNOWN = ("softcap", "s_aux", "position_bias")
"""What some models' attention adds and this does not."""

_packed = threading.local()  # lengths of the texts that this thread's forward pass reads


@contextmanager
def lengths_of(lengths: Sequence[int]) -> Iterator[None]:
    """Within it, a forward pass of this thread reads texts of these lengths, end to end."""
    _packed.runs = [(size, len(list(same))) for size, same in groupby(lengths)]
    try:
        yield
    finally:
        del _packed.runs


def register() -> None:
    """Makes the attention known to the transformers library; doing so twice changes nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, no_mask)


def no_mask(*_: Any, **__: Any) -> None:
    """Causality and the ends of texts need no mask here."""


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **other: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each text; tensors have the shape (1, heads, tokens, width).

    Raises NotImplementedError for what a model may ask for and this does not do.
    """
    unknown = [name for name in UNKNOWN if other.get(name) is not None]
    if unknown or attention_mask is not None:
        raise NotImplementedError(f"packed attention with {unknown or 'a mask'}")
    grouped = query.shape[1] != key.shape[1]
    parts, start = [], 0
    for size, count in _packed.runs:
        stop = start + size * count
        # runs of texts of one length are one call
        q, k, v = (
            x[0, :, start:stop].reshape(x.shape[1], count, size, -1).transpose(0, 1)
            for x in (query, key, value)
        )
        mask = _window(size, sliding_window, query.device)
        found = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=grouped
        )
        parts.append(found.permute(0, 2, 1, 3).flatten(0, 1))
        start = stop
    return torch.cat(parts)[None], None


def _window(size: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """The mask of a text longer than the model's sliding window."""
    if window is None or size <= window:
        return None
    at = torch.arange(size, device=device)
    behind = at[:, None] - at[None, :]
    return (behind >= 0) & (behind < window)
