"""A judge that answers what a function of the test says, and keeps what it was asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tamis.protocols import Answer, Question

QUOTED = re.compile(
    r"^\[(?P<name>[^\n\]]+) (?P<code>[0-9a-f]{12}) begins\]\n(?P<text>.*?)\n"
    r"\[(?P=name) (?P=code) ends\]$",
    re.S | re.M,
)


@dataclass
class Answering:
    """`waves` holds the questions of each call."""

    say: Callable[[Question], str | Answer]
    id: str = "answering"
    waves: list[list[Question]] = field(default_factory=list)

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        self.waves.append(list(questions))
        said = [self.say(question) for question in questions]
        return [one if isinstance(one, Answer) else Answer(one) for one in said]


def says(words: Callable[[str], str | Answer]) -> Answering:
    """A judge that hears the user's last words only."""
    return Answering(lambda question: words(question.messages[-1][1]))


def always(text: str) -> Answering:
    return says(lambda _: text)


def in_turn(*texts: str | Answer) -> Answering:
    left = iter(texts)
    return says(lambda _: next(left))


def quoted(question: Question) -> dict[str, str]:
    """The texts that a question quotes, by name and in order."""
    asked = next(text for role, text in question.messages if role == "user")
    return {m["name"]: m["text"] for m in QUOTED.finditer(asked)}
