"""Low-rank adapters (LoRA) beside the linear layers of a causal model, our own and few lines.

    y = W x + scale B A x        A: (rank, in), uniform within 1/sqrt(in); B: (out, rank), zero
A fresh adapter changes nothing, and its A has a gradient of zero because B is zero: what is left
is the gradient of B, the layer's own gradient times a random A. A warm-up fixes both.

A folder with a trained adapter is what the PEFT library writes, `adapter_config.json` and
`adapter_model.safetensors`, and PEFT is not needed to read it. Beside them may lie
`adam.safetensors`, the moments of the optimiser under the names of the tensors they belong to:
`<name>.exp_avg` and `<name>.exp_avg_sq`, in the header beta1, beta2 and eps as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tamis.errors import UserError
from tamis.models.hub import ADAPTER
from tamis.models.moments import Adam

WEIGHTS, MOMENTS = "adapter_model.safetensors", "adam.safetensors"
BEFORE = "base_model.model."
"""What PEFT puts in front of a layer's name."""
RANK, ALPHA = 8, 16.0
"""Of a fresh adapter: PEFT's defaults are 8 and 8; LESS trains 128 and 512."""


@dataclass(frozen=True, slots=True)
class Low:
    """The adapter of one layer; `moments` are (m, v) of A and (m, v) of B."""

    a: torch.Tensor
    b: torch.Tensor
    scale: float
    moments: tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]] | None = (
        None
    )
    trained: bool = True  # False where B is zero

    def to(self, device: torch.device) -> Low:
        """The same in float32 on a device."""
        moved = [x.to(device, torch.float32) for pair in self.moments or () for x in pair]
        a, b = (x.to(device, torch.float32) for x in (self.a, self.b))
        moments = ((moved[0], moved[1]), (moved[2], moved[3])) if moved else None
        return replace(self, a=a, b=b, moments=moments, trained=bool(b.any()))


@dataclass(frozen=True, slots=True)
class Lora:
    """Adapters by layer's name, in the order in which the model lists its layers."""

    layers: Mapping[str, Low]
    adam: Adam = field(default_factory=Adam)

    @property
    def has_moments(self) -> bool:
        return bool(self.layers) and all(low.moments for low in self.layers.values())


def linear_layers(model: Any) -> dict[str, torch.nn.Module]:
    """The linear layers inside a model by name, its output layer left out."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    kinds = (torch.nn.Linear, Conv1D)
    found: dict[str, torch.nn.Module] = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, kinds) and layer is not head
    }
    if not found:
        raise UserError(
            "gradients need linear layers in float32, bfloat16 or float16, and this model has none"
        )
    return found


def shape(layer: Any) -> tuple[int, int]:
    """(out, in) of a linear layer; GPT-2's keeps its weights transposed."""
    one, two = layer.weight.shape
    return (one, two) if isinstance(layer, torch.nn.Linear) else (two, one)


def fresh(model: Any, *, rank: int = RANK, alpha: float = ALPHA, seed: int = 0) -> Lora:
    """New adapters beside every linear layer: A drawn from (seed, place of the layer), B zero."""
    layers = {}
    for place, (name, layer) in enumerate(linear_layers(model).items()):
        out, width = shape(layer)
        drawn = np.random.default_rng([seed, place]).uniform(-1, 1, (rank, width)) / width**0.5
        a = torch.from_numpy(drawn.astype(np.float32))
        low = Low(a, torch.zeros(out, rank), alpha / rank)
        layers[name] = low.to(layer.weight.device)  # type: ignore[arg-type]
    return Lora(layers)


def load(folder: str | Path, model: Any) -> Lora:
    """The trained adapters in a folder, for a loaded model; with Adam's moments if they are there.

    Raises UserError where a tensor belongs to no linear layer, does not fit it, or is missing.
    """
    from safetensors import safe_open

    path = Path(folder)
    config = _config(path)
    tensors = _tensors(path / WEIGHTS)
    moments, adam = {}, Adam()
    if (path / MOMENTS).is_file():
        moments = _tensors(path / MOMENTS)
        with safe_open(path / MOMENTS, "pt") as file:
            said = file.metadata() or {}
        known = ("beta1", "beta2", "eps")
        adam = Adam(**{name: float(said[name]) for name in known if name in said})
    layers = {}
    for name, layer in linear_layers(model).items():
        keys = [f"{BEFORE}{name}.lora_{part}.weight" for part in "AB"]
        if keys[0] in tensors:
            low = _low(path, keys, tensors, moments, config)
            if (low.b.shape[0], low.a.shape[1]) != shape(layer):
                raise UserError(f"{path}: the adapter of {name} does not fit the model's layer")
            layers[name] = low.to(layer.weight.device)  # type: ignore[arg-type]
    if tensors or not layers:
        strange = next(iter(tensors), "nothing")
        raise UserError(f"{path / WEIGHTS} holds {strange}, which is no adapter of a linear layer")
    return Lora(layers, adam)


def save(lora: Lora, folder: str | Path, base: str) -> None:
    """Writes adapters, and Adam's moments where there are any, as `load` and PEFT read them."""
    from safetensors.torch import save_file

    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    tensors, moments = {}, {}
    for name, low in lora.layers.items():
        pairs = low.moments or (None, None)
        for part, tensor, pair in zip("AB", (low.a, low.b), pairs, strict=True):
            key = f"{BEFORE}{name}.lora_{part}.weight"
            tensors[key] = tensor.contiguous()
            if pair:
                moments[f"{key}.exp_avg"], moments[f"{key}.exp_avg_sq"] = pair
    save_file(tensors, path / WEIGHTS, {"format": "pt"})
    if moments:
        adam = {name: repr(getattr(lora.adam, name)) for name in ("beta1", "beta2", "eps")}
        save_file(moments, path / MOMENTS, {"format": "pt", **adam})
    first = next(iter(lora.layers.values()))
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": len(first.a),
        "lora_alpha": first.scale * len(first.a),
        "target_modules": list(lora.layers),
    }
    (path / ADAPTER).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def adapt(model: Any, lora: Lora) -> Callable[[], None]:
    """Makes the model's layers add what the adapters say; what is returned takes it back."""
    named = dict(model.named_modules())
    handles = [
        named[name].register_forward_hook(_adds(low))
        for name, low in lora.layers.items()
        if low.trained
    ]

    def undo() -> None:
        for handle in handles:
            handle.remove()

    return undo


def merge(model: Any, lora: Lora) -> None:
    """Adds to the layers' weights what the adapters say, for good."""
    named = dict(model.named_modules())
    for name, low in lora.layers.items():
        weight = named[name].weight.data
        more = (low.scale * (low.b @ low.a)).to(weight)
        weight += more if isinstance(named[name], torch.nn.Linear) else more.T


def _adds(low: Low) -> Callable[[Any, tuple[torch.Tensor, ...], torch.Tensor], torch.Tensor]:
    def hook(_: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        a, b = low.a.to(output.dtype), low.b.to(output.dtype)
        return output + low.scale * ((inputs[0] @ a.T) @ b.T)

    return hook


def _config(path: Path) -> dict[str, Any]:
    """The adapter's settings; what it asks beyond plain low rank is refused by name."""
    found: dict[str, Any] = json.loads((path / ADAPTER).read_text(encoding="utf-8"))
    strange = [
        name
        for name in ("use_dora", "modules_to_save", "lora_bias", "layer_replication")
        if found.get(name)
    ]
    kind = found.get("peft_type", "LORA")
    if kind != "LORA" or strange or found.get("bias", "none") != "none":
        what = kind if kind != "LORA" else ", ".join(strange) or "bias"
        raise UserError(f"{path} is an adapter with {what}, and tamis reads plain LoRA")
    return found


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    if not path.is_file():
        raise UserError(f"{path} is not there: an adapter's folder has it")
    return dict(load_file(path))


def _low(
    path: Path,
    keys: list[str],
    tensors: dict[str, torch.Tensor],
    moments: Mapping[str, torch.Tensor],
    config: Mapping[str, Any],
) -> Low:
    """Takes the tensors of one layer."""
    try:
        a, b = (tensors.pop(key) for key in keys)
        pairs = [(moments[f"{k}.exp_avg"], moments[f"{k}.exp_avg_sq"]) for k in keys if moments]
    except KeyError as missing:
        raise UserError(f"{path} lacks the tensor {missing}") from None
    for tensor, pair in zip((a, b), pairs, strict=False):
        if any(moment.shape != tensor.shape for moment in pair):
            raise UserError(f"{path / MOMENTS}: the moments of {keys[0]} or its B do not fit")
    rank = a.shape[0]
    alpha = float(next(_pattern(config, "alpha_pattern", keys[0]), config.get("lora_alpha", 8)))
    scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
    return Low(a, b, scale, (pairs[0], pairs[1]) if pairs else None)


def _pattern(config: Mapping[str, Any], name: str, key: str) -> Iterator[Any]:
    """The value of the patterns that name a layer: its name or the end of it."""
    layer = key.removeprefix(BEFORE).rsplit(".lora_", 1)[0]
    for pattern, value in (config.get(name) or {}).items():
        if layer == pattern or layer.endswith(f".{pattern}"):
            yield value
