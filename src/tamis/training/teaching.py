"""How a small model is taught to score rows: what may decide a number of the result."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from tamis.errors import UserError

TeachKind = Literal["regression", "pairs", "scar", "ratings"]

USUAL: dict[str, dict[str, float]] = {
    "regression": {"epochs": 3, "batch": 16, "rate": 2e-5},
    "pairs": {"epochs": 3, "batch": 16, "rate": 2e-5},
    "scar": {"epochs": 10, "batch": 4, "rate": 2e-5},  # SCAR's own
    "ratings": {"epochs": 3, "batch": 16, "rate": 2e-5},
}
"""What stands for a 0 in these settings, by kind."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a scorer is taught; every field is part of what names the result.

    Args:
        epochs: how often every example is read; 0 is 3, for scar 10
        batch: examples an update; 0 is 16, for scar 4
        rate: highest learning rate; 0 is 2e-5
        warmup: share of the updates in which the rate rises, before it falls in a line to 0
        decay: weight decay
        clip: longest gradient of an update
        max_length: tokens of a text, at most the model's context; longer ones are cut
        held: share of the instructions kept aside, by their hash, to see what was learned
        gap: pairs of rated rows are learned where their numbers differ by more than this
        constraint: scar's pairs: abs takes those of which both answers have a quality between
            least and most, none takes all
        least: the quality that an answer has to be above
        most: the quality that it has to be below
        margin: scar's margin between the scores of two kinds of answers
        triplet_margin: scar's margin between distances of their vectors
        triplet_weight: how much the vectors count beside the scores
        linear: width of scar's layers
        ratings: the highest rating, the lowest is 1
        tune: for ratings: full trains every weight, lora low-rank matrices beside them
        teach_seed: decides the order of examples, the new weights and what dropout leaves out
    """

    epochs: float = 0.0
    batch: int = 0
    rate: float = 0.0
    warmup: float = 0.1
    decay: float = 0.01
    clip: float = 1.0
    max_length: int = 512
    held: float = 0.1
    gap: float = 0.0
    constraint: Literal["abs", "none"] = "abs"
    least: float = 5.0
    most: float = 10.0
    margin: float = 0.5
    triplet_margin: float = 1.0
    triplet_weight: float = 0.1
    linear: int = 1024
    ratings: int = 6
    tune: Literal["full", "lora"] = "full"
    teach_seed: int = 0

    def __post_init__(self) -> None:
        low = {"max_length": 8, "linear": 1, "ratings": 2}
        for field in fields(self):
            value = getattr(self, field.name)
            free = field.name in ("teach_seed", "least", "most")
            if free or not isinstance(value, int | float):
                continue
            if not value >= low.get(field.name, 0):
                raise UserError(f"{field.name} is at least {low.get(field.name, 0)}, got {value}")
        if not (self.held < 1 and self.warmup <= 1):
            raise UserError(
                f"held is a share below 1 and warmup one up to 1, got {self.held} and {self.warmup}"
            )
        if not self.clip:
            raise UserError("clip is above 0: name a large number for gradients as they are")

    def of(self, kind: str) -> Teaching:
        """The settings for a kind, those that were left open filled in."""
        usual = USUAL[kind]
        return replace(
            self,
            epochs=self.epochs or usual["epochs"],
            batch=self.batch or int(usual["batch"]),
            rate=self.rate or usual["rate"],
        )

    def told(self) -> dict[str, Any]:
        """The settings by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
