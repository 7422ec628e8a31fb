"""A language model in this process as a judge: asked through its own chat template.

It always gives the likeliest answer, at most as many tokens as the question allows (and `thinking`
more), so a temperature other than 0 is refused. Answers are kept in the same ledger as those of
servers and cost nothing. A template that takes no system turn gets its text in front of the first
question. A question that leaves no room for an answer in the model's context is too long; one that
leaves less than is allowed gets what room there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from tamis.errors import UserError
from tamis.models._replies import Reply
from tamis.models._tally import Tally, money
from tamis.models._text import encodable
from tamis.models.asking import Asking
from tamis.models.ledger import Ledger
from tamis.models.prices import FREE, Price
from tamis.protocols import Answer, Generator, Likelihood, Question
from tamis.types import Ints

VERSION = 1
"""Raise it when the same question is put in another way."""

AT_A_TIME = 64
"""Questions that are answered together, after which their answers are kept."""


class LocalJudge:
    """A causal language model that writes answers.

    Args:
        lm: the model; it must be a Generator too
        asking: how it is asked; of a server's settings only `thinking` and `ledger` matter
    """

    def __init__(self, lm: Likelihood, asking: Asking) -> None:
        if not isinstance(lm, Generator):
            raise UserError(f"{lm.id} writes no text and cannot be a judge")
        if asking.batches:
            raise UserError("batch files are for judges on a server: NAME@URL")
        self.lm, self.writer, self.asking = lm, lm, asking
        self.ledger = Ledger(asking.replies)
        self.tally = Tally()
        self.told: Callable[[dict[str, Any]], None] | None = None

    def __repr__(self) -> str:
        return f"LocalJudge({self.id!r})"

    @property
    def id(self) -> str:
        thinking = f"/thinking={self.asking.thinking}" if self.asking.thinking else ""
        return f"{self.lm.id}/judge/v{VERSION}{thinking}"

    @property
    def price(self) -> Price | None:
        return FREE

    @property
    def pace(self) -> float | None:
        """Seconds that an answer takes, by earlier runs; None where there were none."""
        return self.ledger.pace(self.id)

    @property
    def at_once(self) -> int:
        return 1

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers in the order of the questions; what is in the ledger is not asked again."""
        with self.tally.timed():
            keys = {question: self._key(question) for question in questions}
            answers = self.ledger.answers(keys, self.tally)
            left = [question for question in keys if question not in answers]
            left.sort(key=_length)  # what is of like length is answered together
            for at in range(0, len(left), AT_A_TIME):
                part, began = left[at : at + AT_A_TIME], time.monotonic()
                answers.update(self._answers({question: keys[question] for question in part}))
                self.ledger.took(self.id, len(part), time.monotonic() - began)
                self._tell(len(answers), len(keys))
            self.tally.ended(answers.values())
            return [answers[question] for question in questions]

    def known(self, questions: Sequence[Question]) -> list[bool]:
        """Whether the answer to each question is in the ledger."""
        return self.ledger.knows([self._key(question) for question in questions])

    def report(self) -> dict[str, Any]:
        """What was done since the judge was made, for a manifest."""
        return {"judge": self.id, **self.tally.report(), **money(0.0, FREE), "left_out": []}

    def _key(self, question: Question) -> str:
        """Names all that changes an answer; a schema changes nothing here."""
        if question.temperature:
            raise UserError(
                f"{self.lm.id} always gives its likeliest answer: a temperature of "
                f"{question.temperature:g} needs a judge on a server, NAME@URL"
            )
        asked = [
            self.id,
            [(role, encodable(text)) for role, text in question.messages],
            question.tokens,
        ]
        return blake2b(orjson.dumps(asked), digest_size=16).hexdigest()

    def _answers(self, keys: Mapping[Question, str]) -> dict[Question, Answer]:
        """Asks some questions and keeps what is said."""
        found: dict[Question, Answer] = {}
        rooms: dict[int, list[tuple[Question, Ints]]] = {}
        for question in keys:
            ids = self._prompt(question)
            room = min(question.tokens + self.asking.thinking, self.lm.context - len(ids))
            if len(ids) and room > 0:
                rooms.setdefault(room, []).append((question, ids))
                continue
            found[question] = Answer("", "too_long" if len(ids) else "bad_reply")
        for room, asked in rooms.items():
            written = self.writer.generate([ids for _, ids in asked], room)
            pairs = zip(asked, written, strict=True)
            replies = {question: self._reply(ids, new, room) for (question, ids), new in pairs}
            self.ledger.put_all([(keys[question], reply) for question, reply in replies.items()])
            for question, reply in replies.items():
                self.tally.came(reply)
                found[question] = reply.answer
        return found

    def _reply(self, prompt: Ints, written: Ints, room: int) -> Reply:
        finish = "length" if len(written) >= room else "stop"
        text = self.writer.decode(written)
        return Reply(text, finish, len(prompt), len(written), None, self.lm.id, cost=0.0)

    def _prompt(self, question: Question) -> Ints:
        """Token ids of the conversation up to where the answer begins.

        Nothing where the template writes something else than these texts.
        """
        pieces = self._pieces(question.messages)
        if not pieces and not self._pieces([(role, "?") for role, _ in question.messages]):
            roles = ", ".join(role for role, _ in question.messages)
            raise UserError(f"the chat template of {self.lm.id} takes no conversation of {roles}")
        if not pieces:
            return np.empty(0, np.int64)
        kinds = {"markup": True, "text": False, "answer": False}
        ids = [self.lm.encode([text], markup=kinds[kind])[0] for text, kind in pieces]
        return np.concatenate(ids)

    def _pieces(self, messages: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The pieces of a conversation; its system turn may have to go into the first question."""
        turns = [{"role": role, "content": text} for role, text in messages]
        pieces = self._opened(turns)
        if pieces or turns[0]["role"] != "system" or len(turns) < 2:
            return pieces
        system, first, *rest = turns
        text = f"{system['content']}\n\n{first['content']}"
        return self._opened([{**first, "content": text}, *rest])

    def _opened(self, turns: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
        """The pieces of the conversation in front of an answer that is not there yet."""
        pieces = self.lm.chat([*turns, {"role": "assistant", "content": ""}], None)
        if not pieces:
            return []
        last = max(at for at, piece in enumerate(pieces) if piece.kind == "answer")
        return [(piece.text, piece.kind) for piece in pieces[:last] if piece.text]

    def _tell(self, done: int, of: int) -> None:
        if self.told is not None:
            counts = {"done": done, "of": of, "calls": self.tally.calls}
            self.told({**counts, "from_ledger": self.tally.from_ledger, "retries": 0, "cost": 0.0})


def _length(question: Question) -> int:
    return sum(len(text) for _, text in question.messages)
