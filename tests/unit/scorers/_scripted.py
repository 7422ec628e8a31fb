"""A language model that finds what a test says: its tokens are words, its readings a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tamis.protocols import Passage, Reading
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.types import Batch, Dataset

START = 0
QUESTION = "what is it"


@dataclass
class Scripted:
    """Values by quantity of each answer's tokens: `after` its question, and `alone`.

    Of an answer that is scored in part it gives the values of that part.
    `asked` keeps the passages.
    """

    after: Mapping[str, Mapping[str, Sequence[float]]]
    alone: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    start: int | None = START
    context: int = 64
    vocabulary: int = 32_000
    id: str = "scripted"
    words: list[str] = field(default_factory=lambda: ["<start>"])
    asked: list[Passage] = field(default_factory=list)

    def encode(self, texts, *, markup=False):
        return [np.array([self._id(w) for w in text.split()], np.int64) for text in texts]

    def _id(self, word: str) -> int:
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def chat(self, messages, tools):
        raise NotImplementedError

    def read(self, passages):
        self.asked += passages
        return [self._reading(passage) for passage in passages]

    def _reading(self, passage: Passage) -> Reading:
        begin, end = passage.spans[-1]
        before, text = (
            " ".join(self.words[i] for i in part)
            for part in (passage.ids[:begin], passage.ids[begin:end])
        )
        script = self.after if QUESTION in before else self.alone
        answer = next(answer for answer in script if text in answer)
        count = end - begin
        part = slice(count) if answer.startswith(text) else slice(-count, None)
        return Reading({name: np.array(script[answer][name], float)[part] for name in passage.want})


def losses(**answers: Sequence[float]) -> dict[str, dict[str, Sequence[float]]]:
    """Scripts of losses alone, by answer; `_` in a name is a blank."""
    return {name.replace("_", " "): {"loss": values} for name, values in answers.items()}


def rows(*answers: str) -> Dataset:
    """Rows with the same question and these answers."""
    return dataset([{"instruction": QUESTION, "output": answer} for answer in answers])


def batch(*answers: str) -> Batch:
    return Batch(rows(*answers).table)


def run(lm: Scripted, store, **other) -> Run:
    return Run(store=str(store), model=lm, **other)
