"""A training as axolotl's settings.

Rows as tokens are loaded from Parquet and taken as they are: with labels they need no type. Of
conversations it writes with the model's own chat template only, for all answers of a row.

Oracle: its own schema takes the file (tests know the names of its settings).
"""

from __future__ import annotations

from typing import Any

from tamis.errors import UserError
from tamis.training._the_same import Same, no_template
from tamis.training.settings import Training

COMMAND = "axolotl train axolotl.yaml"


def check_messages(training: Training) -> None:
    """Refuses another template than the model's own, and to learn a part of a conversation."""
    if training.template != "chat":
        raise no_template(training.template, "axolotl")
    if training.turns == "last":
        raise UserError("axolotl learns every answer of a row: say turns=all, or form=tokens")


def configuration(same: Same) -> tuple[dict[str, Any], list[str]]:
    """Its settings in the order of its examples, and in what they are another training."""
    training, ours = same.training, same.settings
    said = {
        "base_model": same.model,
        **({"revision_of_model": same.revision} if same.revision else {}),
        **_tuned(same),
        "datasets": [_data(same)],
        "dataset_prepared_path": "prepared",
        "shuffle_merged_datasets": False,
        "val_set_size": 0.0,
        "sequence_len": same.length,
        "sample_packing": False,
        "pad_to_sequence_len": False,
        "group_by_length": False,
        **({} if same.padded else {"special_tokens": {"pad_token": same.end}}),
        "output_dir": "model",
        "logging_steps": ours["logging_steps"],
        **same.saving,
        "micro_batch_size": ours["per_device_train_batch_size"],
        "gradient_accumulation_steps": ours["gradient_accumulation_steps"],
        "learning_rate": ours["learning_rate"],
        "max_steps": ours["max_steps"],
        "lr_scheduler": ours["lr_scheduler_type"],
        "warmup_steps": ours["warmup_steps"],
        "weight_decay": ours["weight_decay"],
        "optimizer": "adamw_torch_fused",
        "max_grad_norm": 1.0,
        "bf16": ours["bf16"],
        "fp16": False,
        "tf32": False,
        "gradient_checkpointing": True,
        "seed": ours["seed"],
    }
    found = [] if same.rows else ["no start token, unless the template writes one"]
    if training.tune == "full" and ours["bf16"]:
        found.append("the weights themselves are in bfloat16, here in float32")
    if ours["warmup_steps"] == 1:
        found.append("a warm-up of one update is made one of two")
    return said, found


def _tuned(same: Same) -> dict[str, Any]:
    training = same.training
    if training.tune == "full":
        return {}
    return {
        "adapter": "lora",
        "lora_r": training.rank,
        "lora_alpha": int(training.lora_alpha),
        "lora_dropout": float(training.dropout),
        "lora_target_linear": True,
    }


def _data(same: Same) -> dict[str, Any]:
    if same.rows:
        return {"path": same.rows, "ds_type": "parquet"}
    return {
        "path": "subset.axolotl.jsonl",
        "ds_type": "json",
        "type": "chat_template",
        "chat_template": "tokenizer_default",
        "field_messages": "messages",
        "field_tools": "tools",
        "message_property_mappings": {"role": "role", "content": "content"},
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
    }
