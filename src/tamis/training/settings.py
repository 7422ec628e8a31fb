"""How a model is fine-tuned: what may decide a number of the result, and what may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from tamis.errors import UserError, nearest
from tamis.templates import TemplateName

Tune = Literal["lora", "full"]
Schedule = Literal["cosine", "linear", "constant"]
Keep = Literal["last", "epochs"]

RATES = {"lora": 2e-4, "full": 2e-5}
"""Learning rates where none is named: LoRA's usual one, and the one of most papers of the field."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is fine-tuned; every field is part of what names the result.

    Args:
        tune: lora trains low-rank matrices beside all linear layers, full every weight
        template: markup around the turns; chat is the model's own
        turns: which answers are learned: the last one of a row, or all
        max_length: tokens of a row, at most the model's context; longer ones are cut at the end
        epochs: how often every row is read
        steps: this many updates instead, whatever the rows; 0 goes by epochs
        tokens: updates until so many tokens were read instead; 0 goes by epochs
        batch: rows an update
        rate: highest learning rate; 0 is 2e-4 for lora and 2e-5 for full
        schedule: how the rate falls after the warm-up
        warmup: share of the updates in which the rate rises
        decay: weight decay
        rank: rank of the low-rank matrices
        alpha: their scale times rank; 0 is twice the rank
        dropout: share of their inputs left out
        keep: models that stay: the last one, or one after each epoch
        keep_every: one after this many updates besides; 0 keeps none
        precision: auto is bfloat16 on a GPU, float32 on a processor
        train_seed: decides the order of rows and the first low-rank matrices
    """

    tune: Tune = "lora"
    template: TemplateName = "alpaca"
    turns: Literal["last", "all"] = "all"
    max_length: int = 1024
    epochs: float = 3.0
    steps: int = 0
    tokens: int = 0
    batch: int = 16
    rate: float = 0.0
    schedule: Schedule = "cosine"
    warmup: float = 0.03
    decay: float = 0.0
    rank: int = 16
    alpha: float = 0.0
    dropout: float = 0.0
    keep: Keep = "last"
    keep_every: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    train_seed: int = 0

    def __post_init__(self) -> None:
        fault = self._low()
        if self.steps and self.tokens:
            fault = fault or "steps and tokens both say how long to train: give one of them"
        if fault:
            raise UserError(fault)

    def _low(self) -> str:
        least = {"max_length": 2, "batch": 1, "rank": 1}
        for field in fields(self):
            value = getattr(self, field.name)
            limit = least.get(field.name, 0)
            if isinstance(value, int | float) and not value >= limit:
                return f"{field.name} is at least {limit}, got {value}"
        return "" if self.epochs or self.steps or self.tokens else "epochs is above 0"

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Training:
        """Settings by name, values as they stand in a file or on the command line."""
        from pydantic import TypeAdapter, ValidationError

        for name in given:
            if name not in (known := [field.name for field in fields(cls)]):
                raise UserError(f"training has no {name!r}; {nearest(name, known)}")
        try:
            return TypeAdapter(cls).validate_python(dict(given))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UserError(f"training: {where}: {first['msg']}, got {first['input']!r}") from None

    @property
    def learning_rate(self) -> float:
        return self.rate or RATES[self.tune]

    @property
    def lora_alpha(self) -> float:
        return self.alpha or 2.0 * self.rank

    def told(self) -> dict[str, Any]:
        """The settings by name, those that were left open filled in."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**found, "rate": self.learning_rate, "alpha": self.lora_alpha}
