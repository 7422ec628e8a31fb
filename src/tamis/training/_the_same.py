"""What a training elsewhere has to share with the one here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tamis.errors import UserError
from tamis.training.settings import Training


@dataclass(frozen=True, slots=True)
class Same:
    """The model, the rows and the settings of the trainer here.

    `rows` names the rows as tokens beside the configuration; empty where conversations are written.
    """

    model: str
    revision: str | None  # of the Hub; None for a folder
    training: Training
    settings: Mapping[str, Any]  # of the trainer here, as on one GPU
    length: int  # tokens of a row at most
    counts: Mapping[str, Any]
    example: Sequence[tuple[str, bool]]
    rows: str
    end: str  # the token that ends a text
    padded: bool  # the tokenizer has a token to pad with

    @property
    def saving(self) -> dict[str, Any]:
        """When models are kept; both trainers name it alike."""
        if self.training.keep_every:
            return {"save_strategy": "steps", "save_steps": self.training.keep_every}
        return {"save_strategy": "epoch" if self.training.keep == "epochs" else "no"}


def no_template(template: str, trainer: str) -> UserError:
    """Said where conversations would be written down another way than here."""
    return UserError(
        f"{trainer} has no template that writes rows as {template} does here: with form=tokens "
        "the rows are written as they are read here, whatever the template"
    )
