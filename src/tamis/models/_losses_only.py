"""What backends share that return log-probabilities of tokens and nothing else of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol

import numpy as np

from tamis.errors import UserError
from tamis.models.merging import refuse
from tamis.protocols import Passage, Reading
from tamis.templates import Piece
from tamis.types import Floats, Ints, Vectors


class Tokens(Protocol):
    """The half of `Likelihood` that needs no weights."""

    @property
    def id(self) -> str: ...

    @property
    def context(self) -> int: ...

    @property
    def start(self) -> int | None: ...

    def encode(self, texts: Sequence[str], *, markup: bool = False) -> list[Ints]: ...

    def decode(self, ids: Ints) -> str: ...

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: str | None) -> list[Piece]: ...


class LossesOnly:
    """A language model of which only log-probabilities are seen; its tokenizer is read here.

    `described` names the backend in messages.
    """

    described: str
    tokens: Tokens

    @property
    def context(self) -> int:
        return self.tokens.context

    @property
    def start(self) -> int | None:
        return self.tokens.start

    def encode(self, texts: Sequence[str], *, markup: bool = False) -> list[Ints]:
        return self.tokens.encode(texts, markup=markup)

    def decode(self, ids: Ints) -> str:
        return self.tokens.decode(ids)

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: str | None) -> list[Piece]:
        return self.tokens.chat(messages, tools)

    def gradients(self, passages: Sequence[Passage], **_: Any) -> Vectors:
        """Refused: nothing here can be differentiated."""
        self._lacks("gradients")

    def norms(self, passages: Sequence[Passage], **_: Any) -> Floats:
        """Refused, too."""
        self._lacks("gradients")

    def check(self, passages: Sequence[Passage]) -> None:
        """Refuses what log-probabilities of tokens do not give, and passages that do not fit."""
        wanted = {str(name) for passage in passages for name in passage.want} - {"loss"}
        if any(passage.noise for passage in passages):
            wanted |= {"noise on embeddings"}
        if wanted:
            self._lacks(" or ".join(sorted(wanted)))
        refuse(passages, self.context)

    def _lacks(self, what: str) -> NoReturn:
        raise UserError(
            f"{self.described} returns log-probabilities of tokens only, not {what}: name a model "
            "that is read in this process, a Hub name or a folder"
        )


def reading(passage: Passage, losses: Floats | None, options: Floats | None) -> Reading:
    """A reading out of the losses of all tokens of the passage; None where none is scored."""
    scored = [] if losses is None else [losses[start:stop] for start, stop in passage.spans]
    found = np.concatenate([np.empty(0), *scored])
    return Reading({"loss": found} if "loss" in passage.want else {}, {}, options)


def asks_losses(passage: Passage) -> bool:
    """Whether any token of the passage is scored."""
    return "loss" in passage.want and any(start < stop for start, stop in passage.spans)
