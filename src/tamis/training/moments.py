"""The optimiser's moments beside a low-rank adapter, as models/lora.py reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tamis.models.lora import MOMENTS


def write_moments(model: Any, optimizer: Any, folder: Path) -> None:
    """Writes m and v of every trained matrix under the adapter's own names."""
    from safetensors.torch import save_file

    inner = getattr(optimizer, "optimizer", optimizer)
    found = {}
    for name, parameter in model.named_parameters():
        state = inner.state.get(parameter) if parameter.requires_grad else None
        if state:
            key = name.replace(".default.", ".")
            for moment in ("exp_avg", "exp_avg_sq"):
                found[f"{key}.{moment}"] = state[moment].detach().float().cpu().contiguous()
    group = inner.param_groups[0]
    said = {"beta1": group["betas"][0], "beta2": group["betas"][1], "eps": group["eps"]}
    save_file(found, folder / MOMENTS, {"format": "pt", **{k: repr(v) for k, v in said.items()}})
