"""A training as LLaMA-Factory's settings.

Rows as tokens are loaded by `tokenized_path`, which passes over its templates. Of those, none
writes what a template here does, so conversations are always another training; how far is said.

Oracle: its own parser takes the file (tests know the names of its settings), and trained by it the
low-rank matrices are those of `tamis train`.
"""

from __future__ import annotations

from typing import Any

from tamis.training._the_same import Same, no_template
from tamis.training.settings import Training

COMMAND = "llamafactory-cli train llamafactory.yaml"

TEMPLATES = {
    "alpaca": [
        "a line break follows `### Response:`",
        "an input stays behind its instruction, under the preamble of rows without one",
        "no start token, and after a system turn of a row's own no empty line",
        "the end token and an empty line are learned after every answer, here the end token after "
        "the last one alone",
    ],
    "vicuna": [
        "no blank stands between the system's text and `USER:`, nor before an answer",
        "no start token",
    ],
    "chat": [
        "the template is guessed from that of the model, turn by turn",
        "what it writes after the end token of an answer is learned too",
        "no start token, unless the tokenizer adds one",
    ],
}
"""What its template of that name does otherwise."""


def check_messages(training: Training) -> None:
    """Refuses conversations in a template that it does not have."""
    if training.template not in TEMPLATES:
        raise no_template(training.template, "LLaMA-Factory")


def configuration(same: Same) -> tuple[dict[str, Any], list[str]]:
    """Its settings in the order of its examples, and in what they are another training."""
    ours = same.settings
    said = {
        "model_name_or_path": same.model,
        **({"model_revision": same.revision} if same.revision else {}),
        "stage": "sft",
        "do_train": True,
        **_tuned(same),
        **_data(same),
        "cutoff_len": same.length,
        "packing": False,
        "output_dir": "model",
        "logging_steps": ours["logging_steps"],
        **same.saving,
        "report_to": "none",
        "per_device_train_batch_size": ours["per_device_train_batch_size"],
        "gradient_accumulation_steps": ours["gradient_accumulation_steps"],
        "learning_rate": ours["learning_rate"],
        "max_steps": ours["max_steps"],
        "lr_scheduler_type": ours["lr_scheduler_type"],
        "warmup_steps": ours["warmup_steps"],
        "weight_decay": ours["weight_decay"],
        "optim": "adamw_torch_fused",
        "max_grad_norm": 1.0,
        "bf16": ours["bf16"],
        "seed": ours["seed"],
        "data_seed": ours["data_seed"],
    }
    return said, _differences(same)


def _tuned(same: Same) -> dict[str, Any]:
    training = same.training
    if training.tune == "full":
        return {"finetuning_type": "full"}
    return {
        "finetuning_type": "lora",
        "lora_rank": training.rank,
        "lora_alpha": int(training.lora_alpha),
        "lora_dropout": float(training.dropout),
        "lora_target": "all",
    }


def _data(same: Same) -> dict[str, Any]:
    if same.rows:  # a dataset has to be named, and is not looked for
        return {"tokenized_path": same.rows, "dataset": "rows", "template": "empty"}
    chat = same.training.template == "chat"
    return {
        "dataset": "subset",
        "dataset_dir": ".",
        **({} if chat else {"template": same.training.template}),
        "mask_history": same.training.turns == "last",
    }


def _differences(same: Same) -> list[str]:
    found = [] if same.rows else list(TEMPLATES[same.training.template])
    if same.training.precision == "float32" and same.training.tune == "lora":
        found.append("on a GPU the weights beside the low-rank matrices are not in float32")
    return found
