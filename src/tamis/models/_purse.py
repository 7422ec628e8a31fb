"""The hard stop: no call is made that could go beyond what may be spent."""

from __future__ import annotations

import asyncio

from tamis.errors import UserError
from tamis.models.prices import CURRENCY

KEPT = "Answers that came are kept: the same command with a higher limit goes on after them"


class Purse:
    """Calls and money of all judges that were made with the same settings.

    The most that a call could cost is set aside before it is sent, and the rest comes back when its
    answer says what it did cost. A call whose answer was lost counts in full: the server may
    charge for it.
    """

    def __init__(self, max_calls: int | None = None, max_cost: float | None = None) -> None:
        self.max_calls, self.max_cost = max_calls, max_cost
        self.calls, self.cost = 0, 0.0
        self._promised: dict[str, float] = {}  # requests in batch files: the most of each
        self._waiting: list[asyncio.Future[None]] = []
        self._out, self._held = 0, 0.0  # calls on their way, and what is set aside for them

    async def reserve(self, most: float) -> None:
        """Sets the most that a call can cost aside; waits where calls on their way may leave it."""
        while (reason := self._beyond(most)) is not None:
            if not self._out:
                raise UserError(f"{reason} {self.spent}. {KEPT}")
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._out += 1
        self._held += most

    def settle(self, held: float, *, charged: bool, cost: float | None = None) -> float:
        """A call is over: what it cost, or all that was set aside where that is not known."""
        self._out -= 1
        self._held = max(self._held - held, 0.0) if self._out else 0.0
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
        return self.pay(held if cost is None else cost) if charged else 0.0

    def pay(self, cost: float) -> float:
        """One more call was made."""
        self.calls += 1
        self.cost += cost
        return cost

    def promise(self, most: dict[str, float]) -> str | None:
        """Sets aside the most that requests in files can cost; else why they cannot be paid."""
        calls = self.calls + self._out + len(self._promised) + len(most)
        if self.max_calls is not None and calls > self.max_calls:
            return f"max_calls is {self.max_calls:,}, and {calls:,} calls would be made"
        cost = self._at_most + sum(most.values())
        if self.max_cost is not None and cost > self.max_cost * (1 + 1e-9):
            return (
                f"max_cost is {self.max_cost:g} {CURRENCY}, and all may cost up to {cost:.4f}: "
                "allow more, or ask about fewer rows"
            )
        self._promised.update(most)
        return None

    def kept(self, request: str) -> None:
        """A request in a file was answered, or will not be."""
        self._promised.pop(request, None)

    @property
    def _at_most(self) -> float:
        """What was spent, and the most of all that is on its way."""
        return self.cost + self._held + sum(self._promised.values())

    @property
    def spent(self) -> str:
        """What was spent, for people."""
        calls = f"{self.calls:,} calls were made"
        return f"{calls}, for {self.cost:.4f} {CURRENCY}" if self.cost else calls

    def _beyond(self, most: float) -> str | None:
        """Which limit one more call could cross."""
        calls = self.calls + self._out + len(self._promised)
        if self.max_calls is not None and calls >= self.max_calls:
            return f"max_calls={self.max_calls} is reached:"
        if self.max_cost is None:
            return None
        after = self._at_most + most
        # sums of many small amounts: what is equal but for rounding fits
        if after <= self.max_cost * (1 + 1e-9):
            return None
        return (
            f"max_cost={self.max_cost:g} {CURRENCY} could be crossed by the next call, which may "
            f"cost {most:.6f}:"
        )
