"""What a language model says of tokens, out of its last states: losses, entropies, errors.

Logits exist for scored tokens alone, and for a block of the vocabulary at a time: sums over the
vocabulary are kept while its blocks go by, as flash attention does, so that a vocabulary of
150,000 takes no more memory than one of 8,000 and each block stays in a processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from tamis.models.int8 import Int8Linear
from tamis.protocols import Quantity

WIDTH = {"cpu": 2048, "cuda": 32_768}
"""Tokens of the vocabulary in a block."""
BLOCK_BYTES = {"cpu": 1 << 24, "cuda": 1 << 28}
"""Memory for the logits of a block."""


LEAST = -1e30
"""Stands for the logit of a token that is ruled out, whose chance is 0."""


CAPS = ("final_logit_softcapping", "logits_soft_cap")
"""What configurations call c where logits are c tanh(logits / c)."""
FAR = -50.0
"""A log-probability below which the first logit of a block is no measure of the others."""


class Head:
    """Last states to logits: the output layer, and what a model does to logits afterwards."""

    def __init__(self, layer: torch.nn.Module, vocabulary: int, config: object) -> None:
        self.layer: Any = layer
        self.vocabulary = vocabulary
        self._cut = type(layer) in (torch.nn.Linear, Int8Linear)
        self.factor = (getattr(config, "logit_scale", None) or 1.0) / (
            getattr(config, "logits_scaling", None) or 1.0
        )
        caps = (
            getattr(config, name, None) for name in ("final_logit_softcapping", "logits_soft_cap")
        )
        self.cap: float | None = next((cap for cap in caps if cap), None)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """All logits in float32, shape (tokens, vocabulary)."""
        return self._finished(self.layer(states))

    def blocks(self, states: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """The same in float32, block by block of the vocabulary where the layer can be cut."""
        if not self._cut:
            yield 0, self(states)
            return
        width = WIDTH.get(states.device.type, WIDTH["cuda"])
        for start in range(0, self.vocabulary, width):
            yield start, self._finished(self._outputs(states, slice(start, start + width)))

    def _outputs(self, states: torch.Tensor, part: slice) -> torch.Tensor:
        """The layer's outputs for a part of the vocabulary."""
        if isinstance(self.layer, Int8Linear):
            return self.layer.outputs(states, part)
        bias = None if self.layer.bias is None else self.layer.bias[part]
        return torch.nn.functional.linear(states, self.layer.weight[part], bias)

    def rows(self, device: torch.device) -> int:
        """How many tokens' logits are computed at once."""
        width = WIDTH.get(device.type, WIDTH["cuda"]) if self._cut else self.vocabulary
        return max(BLOCK_BYTES.get(device.type, BLOCK_BYTES["cuda"]) // (4 * width), 16)

    def _finished(self, logits: torch.Tensor) -> torch.Tensor:
        logits = logits.float()
        if self.factor != 1.0:
            logits = logits * self.factor
        return torch.tanh(logits / self.cap) * self.cap if self.cap else logits


def of_tokens(
    head: Head, states: torch.Tensor, targets: torch.Tensor, want: Sequence[Quantity]
) -> dict[str, torch.Tensor]:
    """Quantities of each target given the state before it, in float32, on the processor.

    Args:
        head: last states to logits
        states: the states before the scored tokens, shape (tokens, width)
        targets: the scored tokens
        want: loss, entropy, el2n
    """
    size = head.rows(states.device)
    parts = [
        _sums(head, states[at : at + size], targets[at : at + size], want)
        for at in range(0, len(states), size)
    ]
    nothing = torch.empty(0)
    return {name: torch.cat([nothing, *(part[name].cpu() for part in parts)]) for name in want}


def _sums(
    head: Head, states: torch.Tensor, targets: torch.Tensor, want: Sequence[Quantity]
) -> dict[str, torch.Tensor]:
    """One pass over the vocabulary: log of the sum of e^x, and means of x and p where wanted."""
    norm = torch.full((len(states),), -torch.inf, device=states.device)
    mean, square, own = (torch.zeros_like(norm) for _ in range(3))
    for start, logits in head.blocks(states):
        at = targets - start
        inside = (at >= 0) & (at < logits.shape[1])
        found = logits.gather(1, at.clamp(0, logits.shape[1] - 1)[:, None])[:, 0]
        own = torch.where(inside, found, own)
        block = _log_sum(logits)
        before, norm = norm, torch.logaddexp(norm, block)
        if len(want) > 1 or want[0] != "loss":
            # what the earlier blocks and this one weigh among all so far
            old, new = (before - norm).exp(), (block - norm).exp()
            chances = (logits - block[:, None]).exp_()
            mean = mean * old + new * torch.linalg.vecdot(chances, logits.clamp(min=LEAST))
            square = square * old**2 + new**2 * torch.linalg.vecdot(chances, chances)
    loss = norm - own
    found_all = {
        "loss": loss,
        "entropy": norm - mean,
        # ||p - y||^2 = ||p||^2 - 2 p_y + 1
        "el2n": (square - 2 * (-loss).exp() + 1).clamp_(min=0).sqrt(),
    }
    return {name: found_all[name] for name in want}


def _log_sum(logits: torch.Tensor) -> torch.Tensor:
    """Log of the sum of e^x over each row.

    Out of the library's log_softmax, which goes through memory once where logsumexp goes four
    times: x_0 - log_softmax(x)_0. Where x_0 is far below the others that difference says little.
    """
    if logits.is_cuda:
        return logits.logsumexp(1)
    first = logits.log_softmax(1)[:, 0]
    found = logits[:, 0] - first
    far = (~(first > FAR)).nonzero()[:, 0]  # NaN is far, too
    if len(far):
        found[far] = logits[far].logsumexp(1)
    return found


def of_options(head: Head, states: torch.Tensor, options: Sequence[int]) -> torch.Tensor:
    """Log-probability of each option after each state, shape (states, options)."""
    size = max(BLOCK_BYTES["cpu"] // (4 * head.vocabulary), 16)
    parts = [
        head(states[at : at + size]).log_softmax(dim=-1)[:, list(options)]
        for at in range(0, len(states), size)
    ]
    return torch.cat(parts).cpu()
