"""What a judge did in a run, counted for the manifest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from tamis.models._replies import Reply
from tamis.models.prices import CURRENCY, Price
from tamis.protocols import Answer

MOST_NAMES = 20
"""Served names and fingerprints that are listed; a run sees one or two."""


@dataclass
class Tally:
    """Counts of one run; answers from the ledger cost nothing and do not count as calls."""

    calls: int = 0  # that were answered
    lost: int = 0  # whose answer was lost: the server may charge for it
    from_ledger: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    uncounted: int = 0  # calls whose tokens the server did not count
    cost: float = 0.0  # with the most that lost calls can have cost
    retries: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    models: dict[str, int] = field(default_factory=dict)
    fingerprints: dict[str, int] = field(default_factory=dict)
    timed_calls: int = 0  # since the ledger was told, and the seconds that they took
    waited: float = 0.0
    refusal: str = ""  # what the server said last of a request that it did not take
    seconds: float = 0.0
    _asking: int = 0
    _began: float = 0.0

    def came(self, reply: Reply) -> None:
        """An answer came from the model."""
        self.paid(reply)
        self.saw(reply)

    def paid(self, reply: Reply) -> None:
        """An answer was made."""
        self.calls += 1
        self.prompt_tokens += reply.prompt_tokens or 0
        self.completion_tokens += reply.completion_tokens or 0
        self.reasoning_tokens += reply.reasoning_tokens or 0
        self.uncounted += not reply.counted

    def kept(self, reply: Reply) -> None:
        """An answer was in the ledger."""
        self.from_ledger += 1
        self.saw(reply)

    def saw(self, reply: Reply) -> None:
        """Which model said that it answered."""
        seen = ((reply.model, self.models), (reply.fingerprint, self.fingerprints))
        for name, counts in seen:
            if name and (name in counts or len(counts) < MOST_NAMES):
                counts[name] = counts.get(name, 0) + 1

    def ended(self, answers: Iterable[Answer]) -> None:
        """What became of the questions of one round."""
        self.problems.update(answer.problem for answer in answers if answer.problem)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Counts the seconds in which anything is asked."""
        if not self._asking:
            self._began = time.monotonic()
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self.seconds += time.monotonic() - self._began

    def report(self) -> dict[str, Any]:
        """The counts as they stand in a manifest."""
        return {
            "calls": self.calls,
            "calls_lost": self.lost,
            "calls_without_counts": self.uncounted,
            "from_ledger": self.from_ledger,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "retries": self.retries,
            "failures": dict(sorted(self.failures.items())),
            "problems": dict(sorted(self.problems.items())),
            "last_refusal": self.refusal or None,
            "seconds": round(self.seconds, 3),
            "models": dict(self.models),
            "fingerprints": dict(self.fingerprints),
        }


def money(cost: float, price: Price | None) -> dict[str, Any]:
    """What was spent; null where the price is not known."""
    if price is None:
        return {"cost": None, "currency": None, "price": None}
    return {"cost": cost, "currency": CURRENCY, "price": asdict(price)}
