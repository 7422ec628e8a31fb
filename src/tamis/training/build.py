"""The model that is trained, and the low-rank matrices beside it."""

from __future__ import annotations

from typing import Any

import torch

from tamis.errors import UserError
from tamis.models import lora
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.models.reader import load_weights
from tamis.training.settings import Training


def build(text: ModelTokenizer, training: Training, device: str) -> tuple[Any, str]:
    """The loaded model in training's precision, and the device it will be on.

    Several GPUs in one process are not used together: the first is.
    """
    on = device.partition(",")[0].strip()
    if on == "auto":
        on = "cuda:0" if torch.cuda.is_available() else "cpu"
    adapter = text.located.adapter
    if adapter and training.tune == "lora":
        raise UserError(
            f"{text.name} is a low-rank adapter already, and another one on top of it would have "
            "no model to belong to: train its base, or all weights with tune=full"
        )
    # the frozen weights beside an adapter need no more than they come with
    half = training.tune == "lora" and on != "cpu" and training.precision != "float32"
    model = load_weights(text, "bfloat16" if half else "float32")
    if adapter:
        lora.merge(model, lora.load(adapter, model))
    return model, on


def peft_config(training: Training) -> Any:
    """Low-rank matrices beside every linear layer but the output's."""
    import peft

    return peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=training.rank,
        lora_alpha=training.lora_alpha,  # type: ignore[arg-type]  # a float is fine there
        lora_dropout=training.dropout,
        target_modules="all-linear",
    )
