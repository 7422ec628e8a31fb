"""Judges that a test scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tamis.protocols import Answer, Question


@dataclass
class Says:
    """Says what a function makes of the user's last words; keeps the questions, call by call."""

    says: Callable[[str], str | Answer]
    id: str = "says"
    calls: list[list[Question]] = field(default_factory=list)

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        self.calls.append(list(questions))
        found = [self.says(question.messages[-1][1]) for question in questions]
        return [Answer(text) if isinstance(text, str) else text for text in found]


def always(text: str) -> Says:
    return Says(lambda _: text)


def in_turn(*texts: str | Answer) -> Says:
    left = iter(texts)
    return Says(lambda _: next(left))
