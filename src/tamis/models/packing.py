"""Several texts in one row without padding: attention stays within each text.

The transformers library calls an attention function by name; this one is told how the texts lie
and attends to each by itself, so no product is computed between texts. The beginning that several
texts share is attended to by each of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F

from tamis.models.layout import Block

NAME = "tamis_packed"

UNKNOWN = ("softcap", "s_aux", "position_bias")
"""What some models' attention adds and this does not."""

_packed = threading.local()  # how the texts lie that this thread's forward pass reads


@contextmanager
def texts(blocks: Sequence[Block]) -> Iterator[None]:
    """Within it, a forward pass of this thread reads texts that lie like this."""
    _packed.blocks, _packed.masks, _packed.calls = blocks, {}, 0
    try:
        yield
    finally:
        del _packed.blocks, _packed.masks


def calls() -> int:
    """How often the attention was called in this thread's last forward pass."""
    return int(getattr(_packed, "calls", 0))


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
    _packed.calls += 1
    heads = query.shape[1]
    if key.shape[1] != heads:  # grouped queries: masks and groups together have no fast kernel
        key, value = (x.repeat_interleave(heads // x.shape[1], dim=1) for x in (key, value))
    parts, start = [], 0
    for block in _packed.blocks:
        stop = start + block.beginning
        shared = [x[0, :, start:stop] for x in (key, value)]
        if block.beginning:
            q, k, v = (_texts(x, start, 1, block.beginning) for x in (query, key, value))
            parts.append(_attend(q, k, v, scaling, sliding_window))
        start = stop
        for size, same in groupby(block.rests):  # texts of one length are one call
            count = len(list(same))
            q, k, v = (_texts(x, start, count, size) for x in (query, key, value))
            if block.beginning:
                k, v = (
                    torch.cat([first.expand(count, -1, -1, -1), x], dim=2)
                    for first, x in zip(shared, (k, v), strict=True)
                )
            parts.append(_attend(q, k, v, scaling, sliding_window))
            start += count * size
    return torch.cat(parts)[None], None


def _texts(x: torch.Tensor, start: int, count: int, size: int) -> torch.Tensor:
    """Texts of one length out of the row, shape (texts, heads, tokens, width)."""
    part = x[0, :, start : start + count * size]
    return part.reshape(x.shape[1], count, size, -1).transpose(0, 1)


def _attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Each token to itself and what stands before it, shape (tokens of all texts, heads, width)."""
    new, size = q.shape[2], k.shape[2]
    mask = None
    if new < size or (window is not None and size > window):
        mask = _mask(new, size, window, q.device)
    found = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling
    )
    return found.permute(0, 2, 1, 3).flatten(0, 1)


def _mask(new: int, size: int, window: int | None, device: torch.device) -> torch.Tensor:
    """What the last `new` of `size` tokens may look at; the same for all layers of a pass."""
    masks: dict[Any, torch.Tensor] = _packed.masks
    if (new, size, window) not in masks:
        behind = torch.arange(size - new, size, device=device)[:, None] - torch.arange(
            size, device=device
        )
        near = behind >= 0 if window is None else (behind >= 0) & (behind < window)
        masks[new, size, window] = near
    return masks[new, size, window]
