"""One language model asked by several methods at once: what they share is read once.

A method calls `read` and gets readings; it cannot know what another method will ask. So each is
called twice: first only to hear what it asks (`Waiting` ends it there), then, when everything has
been read in one go, to get its answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tamis.protocols import Likelihood, Passage, Reading
from tamis.templates import Piece
from tamis.types import Ints


class Waiting(BaseException):
    """A method asked what has not been read yet; call it again after `answer`.

    No method catches it, whatever kinds of Exception it catches.
    """


class Shared:
    """A Likelihood that collects what is asked of it until `answer` reads it all.

    It remembers every reading: make a new one for each shard of rows.
    """

    def __init__(self, lm: Likelihood) -> None:
        self.lm = lm
        self._asked: dict[Any, Passage] = {}
        self._known: dict[Any, Reading] = {}
        self._ids: dict[tuple[str, bool], Ints] = {}

    @property
    def id(self) -> str:
        return self.lm.id

    @property
    def context(self) -> int:
        return self.lm.context

    @property
    def start(self) -> int | None:
        return self.lm.start

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lm, name)  # what some models say of themselves: their vocabulary

    def encode(self, texts: Sequence[str], *, markup: bool = False) -> list[Ints]:
        """Each text is tokenised once, however often it is asked."""
        new = [text for text in dict.fromkeys(texts) if (text, markup) not in self._ids]
        for text, ids in zip(new, self.lm.encode(new, markup=markup), strict=True):
            self._ids[text, markup] = ids
        return [self._ids[text, markup] for text in texts]

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: str | None) -> list[Piece]:
        return self.lm.chat(messages, tools)

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """Readings that are known; raises Waiting where one is not."""
        keys = [_key(passage) for passage in passages]
        new = {k: p for k, p in zip(keys, passages, strict=True) if k not in self._known}
        if new:
            self._asked.update(new)
            raise Waiting
        return [self._known[key] for key in keys]

    def answer(self) -> None:
        """Reads everything that has been asked since the last time."""
        asked, self._asked = self._asked, {}
        if not asked:
            return
        self._known.update(zip(asked, self.lm.read(list(asked.values())), strict=True))


def _key(passage: Passage) -> tuple[Any, ...]:
    asked = (passage.spans, passage.want, passage.options, passage.noise)
    return (passage.ids.tobytes(), *asked)
