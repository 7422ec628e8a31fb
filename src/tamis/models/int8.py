"""Eight-bit weights and activations on a processor: a cheap first look, never the last word.

Formula: y = (round(x / s) round(w / t)^T) s t, products and sums in whole numbers, with a scale s
for each token and t for each output of a layer, each the largest absolute value over 127.
Sums of whole numbers are exact, so a reading does not depend on what is read beside it. Processors
with eight-bit dot products (VNNI) multiply five to eight times faster than in float32.
"""

from __future__ import annotations

from typing import Any

import torch

from tamis.errors import UserError

TINY = 1e-12


class Int8Linear(torch.nn.Module):
    """A linear layer in eight bits: x, shape (..., in), to shape (..., out) in float32."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight, scales = _rounded(weight.float())
        self.scales = scales[:, 0]
        self.bias = None if bias is None else bias.float()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.outputs(states, slice(None))

    def outputs(self, states: torch.Tensor, part: slice) -> torch.Tensor:
        """The named outputs alone."""
        whole, scale = _rounded(states.flatten(0, -2).float())
        found = torch._int_mm(whole, self.weight[part].T).float()
        found *= scale
        found *= self.scales[part]
        if self.bias is not None:
            found += self.bias[part]
        return found.reshape(*states.shape[:-1], -1)


def _rounded(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows as whole numbers from -127 to 127, and the scale of each."""
    scale = values.abs().amax(dim=1, keepdim=True).clamp_(min=TINY) / 127
    return (values / scale).round_().to(torch.int8), scale


def quantised(model: Any) -> Any:
    """The model with its linear layers in eight bits."""
    from transformers.pytorch_utils import Conv1D

    if next(model.parameters()).device.type != "cpu":
        raise UserError("int8 runs on a processor: set device=cpu, or another dtype")
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, torch.nn.Linear):
                setattr(parent, name, Int8Linear(layer.weight.detach(), layer.bias))
            elif isinstance(layer, Conv1D):  # GPT-2 keeps its weights the other way round
                setattr(parent, name, Int8Linear(layer.weight.detach().T, layer.bias))
    return model
