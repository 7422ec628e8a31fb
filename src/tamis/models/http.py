"""A judge on an OpenAI-compatible server: many questions at once, each answer paid for once.

    NAME@URL            gpt-4o-mini@https://api.openai.com/v1, qwen@http://localhost:8000/v1
    NAME@URL#VARIABLE   the key stands in another environment variable than OPENAI_API_KEY

What comes back is kept in a ledger as it arrives, and looked up there first (`ledger.py`). How fast
it asks follows the user's limits, the server's headers and its complaints (`_limits.py`); which
fields a server takes is learned from its refusals, which cost nothing (`_forms.py`); what may be
spent is never crossed (`_purse.py`). A question without an answer after all retries has the problem
of its last try, and the run goes on, unless as many in a row have none as are asked at once.
A model that thinks first is given `thinking` more tokens; its thinking is not part of the answer.
With `batches` nothing is called: requests are written for the provider's batch service
(`batch_files.py`).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tamis.errors import UserError
from tamis.models import _loop
from tamis.models._address import KEY, Address
from tamis.models._asker import Asker
from tamis.models._stop import Stop
from tamis.models._tally import money
from tamis.models.asking import Asking
from tamis.models.batch_files import BatchFiles
from tamis.models.prices import Price, price_of
from tamis.protocols import Answer, Question

TOLD_EVERY = 0.5
"""Seconds between two reports of progress."""

Told = Callable[[dict[str, Any]], None]

_in_flight: dict[tuple[Path, str], asyncio.Future[Answer | None]] = {}
"""Questions that this process is asking; the loop's thread alone touches it."""


class HttpJudge:
    """The chat model `name` of the server at `address`.

    Args:
        name: the model, as the server calls it
        address: of the server
        asking: how it is asked
    """

    def __init__(self, name: str, address: Address, asking: Asking) -> None:
        if not name:
            raise UserError(f"a judge on a server is NAME@URL; {address.shown} has no NAME")
        self.name, self.address, self.asking = name, address, asking
        self.price: Price | None = price_of(name, asking.prices)
        self.asker = Asker(name, address, asking, self.price)
        self.batches = BatchFiles(Path(asking.batches), self.asker) if asking.batches else None
        self.told: Told | None = None
        self._told = 0.0

    @classmethod
    def named(cls, text: str, asking: Asking) -> HttpJudge:
        """NAME@URL, or NAME@URL#VARIABLE."""
        at = re.search(r"@(?=\w+://)", text)  # a name may hold @ itself, as @cf/meta/llama
        name, url = (text[: at.start()], text[at.end() :]) if at else ("", text)
        url, _, variable = url.partition("#")
        return cls(name, Address(url, variable or KEY), asking)

    def __repr__(self) -> str:
        return f"HttpJudge({self.id!r})"

    @property
    def id(self) -> str:
        thinking = f"/thinking={self.asking.thinking}" if self.asking.thinking else ""
        return f"{self.name}@{self.address.shown}{thinking}"

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers in the order of the questions; what is in the ledger is not asked again."""
        with self.asker.tally.timed():
            return _loop.run(self._ask(questions))

    def known(self, questions: Sequence[Question]) -> list[bool]:
        """Whether the answer to each question is in the ledger."""
        return self.asker.ledger.knows([self._key(question) for question in questions])

    @property
    def pace(self) -> float | None:
        """Seconds that an answer takes, by earlier runs; None where there were none."""
        return self.asker.ledger.pace(self.asker.place)

    @property
    def at_once(self) -> int:
        """Answers that are waited for at the same time."""
        return self.asking.concurrency

    def report(self) -> dict[str, Any]:
        """What was done since the judge was made, for a manifest."""
        return {
            "judge": self.id,
            **self.asker.tally.report(),
            **money(self.asker.tally.cost, self.price),
            "left_out": self.asker.form.left_out,
        }

    def _key(self, question: Question) -> str:
        return self.asker.key(self.asker.body(question))

    async def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        if self.batches:
            self.batches.take_in()
        keys = {question: self._key(question) for question in questions}
        answers = self.asker.ledger.answers(keys, self.asker.tally)
        left = [question for question in keys if question not in answers]
        if self.batches:
            answers.update(self.batches.answers({q: keys[q] for q in left}))
            self.batches.write([q for q in left if q not in answers])
        elif left:
            async with self.asker.calls:
                try:
                    await self._ask_all(left, answers)
                finally:
                    self.asker.remember_pace()
        self.asker.tally.ended(answers.values())
        self._tell(len(answers), len(keys), now=True)
        return [answers[question] for question in questions]

    async def _ask_all(self, left: list[Question], answers: dict[Question, Answer]) -> None:
        """Puts the answers to the questions into `answers`, as they come."""
        stop, rest, of = Stop(), iter(left), len(answers) + len(left)

        async def work(questions: Iterator[Question]) -> None:
            for question in questions:
                try:
                    stop.check()
                    answers[question] = await self._once(question, stop)
                except UserError as error:
                    stop.set(error)
                    return
                self._tell(len(answers), of)

        # more than go at once: some wait until they may try again
        size = min(2 * self.asking.concurrency, len(left))
        stop.tasks = [asyncio.create_task(work(rest)) for _ in range(size)]
        try:
            await asyncio.wait(stop.tasks)
        except asyncio.CancelledError:
            stop.set(UserError("interrupted"))  # what is on its way comes home
            await asyncio.wait(stop.tasks, timeout=_loop.GRACE)
            raise
        finally:
            for task in stop.tasks:
                task.cancel()
        stop.check()
        for task in stop.tasks:
            task.result()

    async def _once(self, question: Question, stop: Stop) -> Answer:
        """The answer; whoever asks the same at the same time waits for it."""
        place = (self.asker.ledger.path, self._key(question))
        while (other := _in_flight.get(place)) is not None:
            found = await asyncio.shield(other)
            if found is not None:
                return found
        mine: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        _in_flight[place] = mine
        answer = None
        try:
            answer = await self.asker.answer(question, stop)
            return answer
        finally:
            del _in_flight[place]
            mine.set_result(answer)

    def _tell(self, done: int, of: int, *, now: bool = False) -> None:
        """Tells whoever listens, in the loop's thread, now and then."""
        if self.told is None or not (now or time.monotonic() - self._told >= TOLD_EVERY):
            return
        self._told = time.monotonic()
        tally = self.asker.tally
        counts = {"done": done, "of": of, "calls": tally.calls, "from_ledger": tally.from_ledger}
        cost = tally.cost if self.price else None
        self.told({**counts, "retries": tally.retries, "cost": cost})
