"""One question to a server until it is answered, or has a reason why it is not."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tamis.errors import UserError
from tamis.models._address import Address
from tamis.models._calls import KEPT, Calls, Passing, Refusal
from tamis.models._forms import Form, key_of, next_form, problem_of
from tamis.models._limits import Pace
from tamis.models._replies import Reply
from tamis.models._stop import Stop
from tamis.models._tally import Tally
from tamis.models.asking import Asking
from tamis.models.ledger import Ledger
from tamis.models.prices import FORM, Price
from tamis.protocols import Answer, Question

BACK_OFF, LONGEST = 0.5, 60.0
"""Seconds: the n-th wait is drawn evenly from 0 to BACK_OFF * 2^n, at most LONGEST."""

PATIENCE = 600.0
"""Seconds that a server may ask to wait; a longer wait is a limit of the day and ends the run."""

IN_A_ROW = 8
"""Questions without an answer one after the other that end a run, or as many as go at once."""

BYTES_A_TOKEN = 3
"""A guess for the pace: English has more, other scripts about as many."""


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of a question: about, and at most; and of its answer at most."""

    about: int
    most: int
    answer: int

    @classmethod
    def of(cls, question: Question, thinking: int) -> Size:
        """A token is at least a byte; a turn's own tokens are allowed for."""
        written = sum(len(text.encode("utf-8", "replace")) for _, text in question.messages)
        turns = 16 * len(question.messages) + 32
        return cls(
            written // BYTES_A_TOKEN + 8 * len(question.messages),
            written + turns + len(question.schema),
            question.tokens + thinking,
        )


class Asker:
    """What all questions to one server share: its form, its pace, the purse and the ledger."""

    def __init__(self, name: str, address: Address, asking: Asking, price: Price | None) -> None:
        if asking.max_cost is not None and price is None:
            raise UserError(
                f"max_cost is set and nothing says what {name!r} costs: give a file with "
                f"{FORM.replace('MODEL', name)} as prices (--prices FILE)"
            )
        self.name, self.address, self.asking, self.price = name, address, asking, price
        self.ledger = Ledger(asking.replies)
        self.purse = asking.purse
        self.pace = Pace(asking.concurrency, asking.requests_per_minute, asking.tokens_per_minute)
        self.calls = Calls(address, asking.timeout, self.pace.heard)
        self.tally = Tally()
        self.place = f"{address.shown} {name}"
        self._worked: set[frozenset[str]] = set()  # fields of requests that were answered
        self._unanswered = 0  # questions in a row
        self._refused_whole = 0  # questions that the server took in no form

    @cached_property
    def _forms(self) -> list[Form]:
        """The form that the server takes, as far as is known: the last of the list."""
        known = self.ledger.form(self.place)
        return [Form.of(known) if known else Form()]

    @property
    def form(self) -> Form:
        return self._forms[-1]

    def learn(self, form: Form) -> None:
        """From now on, and in later runs, the server is sent this form."""
        self._forms.append(form)
        self.ledger.remember(self.place, form.text)

    def body(self, question: Question, form: Form | None = None) -> dict[str, Any]:
        """The request for a question."""
        return (form or self.form).body(self.name, question, self.asking.thinking)

    def key(self, body: Mapping[str, Any]) -> str:
        return key_of(self.place, body)

    def remember_pace(self) -> None:
        """Adds the calls since the last time to what estimates of time are made of."""
        self.ledger.took(self.place, self.tally.timed_calls, self.tally.waited)
        self.tally.timed_calls, self.tally.waited = 0, 0.0

    async def answer(self, question: Question, stop: Stop) -> Answer:
        """The answer, after as many tries as are allowed."""
        asked = _Asked(question, self.form)
        first = asked.form
        while True:
            stop.check()
            body = self.body(question, asked.form)
            if asked.form != first and (known := self.ledger.get([self.key(body)])):
                (reply,) = known.values()
                self.tally.kept(reply)
                return reply.answer
            try:
                reply = await self._call(question, body, stop)
            except Refusal as trouble:
                found = self._refused(trouble, asked, body)
                if found is not None:
                    return found
            except Passing as trouble:
                if asked.tries >= self.asking.retries:
                    return self._given_up(trouble)
                stop.check()
                await self._back_off(trouble, asked.tries)
                asked.tries += 1
            else:
                self._works(asked, body)
                return reply.answer

    async def _call(self, question: Question, body: Mapping[str, Any], stop: Stop) -> Reply:
        """One call, when there is place and money for it; its answer is kept at once."""
        size = Size.of(question, self.asking.thinking)
        async with self.pace.gate:
            held = self.price.of(size.most, size.answer) if self.price else 0.0
            await self.purse.reserve(held)
            charged, cost = False, None
            try:
                await self.pace.wait(size.about + size.answer)
                charged = True
                with stop.busy():
                    reply = await self._sent(body, size)
                cost = reply.cost_by(self.price)
            except (Passing, Refusal, UserError) as trouble:
                charged = isinstance(trouble, Passing) and trouble.charged
                raise
            finally:
                self.tally.cost += self.purse.settle(held, charged=charged, cost=cost)
            reply = replace(reply, cost=cost)
            self.ledger.put(self.key(body), reply)
        self.tally.came(reply)
        return reply

    async def _sent(self, body: Mapping[str, Any], size: Size) -> Reply:
        """The reply; the pace learns from it and from its absence."""
        tokens, began = size.about + size.answer, time.monotonic()
        try:
            reply = await self.calls.send(body, tokens)
        except Passing as trouble:
            self.tally.failures[trouble.problem] += 1
            self.tally.lost += trouble.charged
            if trouble.overloaded:
                self.pace.gate.overloaded(began)
            if trouble.wait is not None:
                self._pause(trouble)
            raise
        except Refusal:
            self.pace.used(tokens, 0)
            raise
        self.pace.gate.went_well()
        self.tally.timed_calls += 1
        self.tally.waited += time.monotonic() - began
        if reply.counted:
            used = (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)
            self.pace.used(tokens, used)
        return reply

    def _pause(self, trouble: Passing) -> None:
        """All wait as long as the server asks."""
        wait = trouble.wait or 0.0
        if wait > PATIENCE:
            raise UserError(
                f"{self.address.shown} asks to wait {wait:,.0f} seconds ({trouble}). {KEPT}"
            ) from None
        self.pace.gate.pause(wait)

    async def _back_off(self, trouble: Passing, tries: int) -> None:
        self.tally.retries += 1
        if not trouble.wait:
            await asyncio.sleep(random.uniform(0, min(BACK_OFF * 2**tries, LONGEST)))

    def _given_up(self, trouble: Passing) -> Answer:
        """No answer for now; too many of these in a row end the run."""
        self._unanswered += 1
        if self._unanswered >= max(IN_A_ROW, self.asking.concurrency):
            raise UserError(
                f"{self.address.shown}: {self._unanswered} questions in a row got no answer, after "
                f"{self.asking.retries} more tries each; the last trouble was "
                f"{trouble.problem} ({trouble}). {KEPT}, once the server answers again"
            ) from None
        return Answer("", trouble.problem)

    def _refused(self, trouble: Refusal, asked: _Asked, body: Mapping[str, Any]) -> Answer | None:
        """The problem of this question; None where it is to be tried in another form."""
        self._unanswered = 0
        self.tally.refusal = str(trouble)
        problem = problem_of(trouble.reason)
        if problem is not None:
            return Answer("", problem)
        new = next_form(asked.form, body, trouble.reason)
        if new is not None:
            if asked.form == self.form:
                self._forms.append(new)
            asked.form = self.form if asked.form in self._forms else new
            return None
        if frozenset(body) in self._worked:
            return Answer("", "server_error")
        # it does not say what it does not know: fewer fields, until it answers
        asked.others = asked.others or asked.form.poorer(body)
        poorer = next(asked.others, None)
        if poorer is None:
            self._refused_whole += 1
            alone = self.pace.gate.inside == 0 or self._refused_whole >= IN_A_ROW
            if alone and not self._worked:
                raise UserError(f"{self.address.shown} answered {trouble}. {KEPT}") from None
            return Answer("", "server_error")
        asked.form = poorer
        return None

    def _works(self, asked: _Asked, body: Mapping[str, Any]) -> None:
        """A request was answered: others have its form, and so have later runs."""
        self._unanswered = 0
        fields = frozenset(body)
        if fields in self._worked:
            return
        if (
            asked.form not in self._forms
            and frozenset(self.body(asked.question)) not in self._worked
        ):
            self._forms.append(asked.form)
        self._worked.add(fields)
        self.ledger.remember(self.place, self.form.text)


@dataclass
class _Asked:
    """Where the work on one question stands."""

    question: Question
    form: Form
    tries: int = 0
    others: Iterator[Form] | None = None  # forms that are left to try
