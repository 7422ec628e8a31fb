"""How fast a server may be asked: what it and the user say, in calls and tokens a minute.

A bucket knows no clock: it is told the time, in seconds of one that never goes back.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

BURST = 0.05
"""Seconds' worth of calls that may go at once after a silence: a small part of any minute."""

LONGEST_PAUSE = 60.0
"""Seconds that an empty allowance makes all callers wait; a Retry-After may ask for more."""


class Bucket:
    """So many units a minute, evenly: a call waits until all before it are paid for.

    Args:
        user: units a minute by the user; 0 for no limit
    """

    def __init__(self, user: float = 0) -> None:
        self.user, self.server = user, 0.0
        self._free = 0.0  # when everything that was taken is paid for

    @property
    def rate(self) -> float:
        """Units a second, the lower of the user's and the server's; 0 for no limit."""
        known = [rate for rate in (self.user, self.server) if rate > 0]
        return min(known, default=0.0) / 60

    def wait(self, now: float) -> float:
        """Seconds until the next call may go."""
        return max(self._free - now, 0.0) if self.rate else 0.0

    def take(self, amount: float, now: float) -> None:
        """A call of `amount` units goes now."""
        if self.rate:
            self._free = max(self._free, now - BURST) + amount / self.rate

    def give_back(self, amount: float) -> None:
        """Units that were taken and not used; below 0: more were used."""
        if self.rate:
            self._free -= amount / self.rate


class Gate:
    """At most so many calls at once: fewer while the server is overloaded, none in a pause."""

    def __init__(self, most: int) -> None:
        self.most, self.limit = most, float(most)
        self.inside = 0
        self._until = self._lowered = 0.0
        self._well, self._chance = 0, False  # calls that went well since; whether it was chance
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Waits for a place, and for the end of a pause."""
        while self.inside >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()
                raise
        self.inside += 1
        try:
            await self.rest()
        except BaseException:
            self.leave()
            raise

    async def __aenter__(self) -> None:
        await self.enter()

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    async def rest(self) -> None:
        """Waits for the end of a pause, which may be made longer meanwhile."""
        while (wait := self._until - time.monotonic()) > 0:
            await asyncio.sleep(wait)

    def leave(self) -> None:
        """Makes room for whoever waits longest."""
        self.inside -= 1
        self._wake()

    def _wake(self) -> None:
        room = int(self.limit) - self.inside
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1

    def pause(self, seconds: float) -> None:
        """Nobody enters for so long."""
        self._until = max(self._until, time.monotonic() + seconds)

    def went_well(self) -> None:
        """An eighth of all places comes back with each round of calls that went well.

        After a complaint that came by chance, which a round of calls without one shows, a place
        comes back with each call.
        """
        self._well += 1
        step = 1.0 if self._chance else max(self.most / 8, 1.0) / self.limit
        self.limit = min(float(self.most), self.limit + step)

    def overloaded(self, sent: float) -> None:
        """Half as many at a time, once for all calls that were sent before that took effect."""
        if sent >= self._lowered:
            self._well, self._chance = 0, self._well >= self.limit
            self.limit = max(1.0, self.limit / 2)
            self._lowered = time.monotonic()


class Pace:
    """When the next call may go: places, pauses, calls and tokens a minute together.

    Args:
        concurrency: calls at a time
        calls: a minute, by the user; 0 for no limit
        tokens: a minute, by the user; 0 for no limit
    """

    def __init__(self, concurrency: int, calls: float, tokens: float) -> None:
        self.gate = Gate(concurrency)
        self.buckets = {"requests": Bucket(calls), "tokens": Bucket(tokens)}
        self._turn = asyncio.Lock()

    async def wait(self, tokens: int) -> None:
        """Until a call of so many tokens may go; the caller has a place already.

        One after the other, so that what is counted is when a call really goes.
        """
        async with self._turn:
            while True:
                await self.gate.rest()
                now = time.monotonic()
                wait = max(bucket.wait(now) for bucket in self.buckets.values())
                if not wait:
                    break
                await asyncio.sleep(wait)
            self.buckets["requests"].take(1, now)
            self.buckets["tokens"].take(tokens, now)

    def heard(self, headers: Mapping[str, str], tokens: int) -> None:
        """Heeds what a server says of its limits, in the headers of any response."""
        for name, needed in (("requests", 1), ("tokens", tokens)):
            found = allowance(headers, name)
            if found is None:
                continue
            limit, left, reset = found
            if reset <= LONGEST_PAUSE:  # a longer one is of a day, whose number is not a minute's
                self.buckets[name].server = limit
            if left <= 0:
                self.gate.pause(min(reset, LONGEST_PAUSE))
            elif left < needed <= limit:  # it is filled up evenly until `reset`
                part = reset * (needed - left) / (limit - left)
                self.gate.pause(min(part, LONGEST_PAUSE))

    def used(self, taken: int, really: int) -> None:
        """How many tokens a call used of those that it took."""
        self.buckets["tokens"].give_back(taken - really)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def duration(text: str) -> float | None:
    """Seconds of `6m0s`, `120ms`, `1h2m`, or a bare number of seconds; None for anything else."""
    text = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that a server asks to wait: retry-after-ms, or Retry-After as seconds or a date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    if text is None:
        return None
    found = duration(text)
    if found is not None:
        return found
    try:
        return max(parsedate_to_datetime(text).timestamp() - wall, 0.0)
    except (ValueError, TypeError):
        return None


def allowance(headers: Mapping[str, str], what: str) -> tuple[float, float, float] | None:
    """(a minute's, what is left, seconds until it is full) of `requests` or `tokens`, if said."""
    limit = _number(headers.get(f"x-ratelimit-limit-{what}"))
    if limit is None or not 1 <= limit < math.inf:  # a limit that lets nobody in is none
        return None
    left = _number(headers.get(f"x-ratelimit-remaining-{what}"))
    reset = duration(headers.get(f"x-ratelimit-reset-{what}", ""))
    return limit, limit if left is None else left, reset or 0.0


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\d+(\.\d+)?", text.strip()):
        return None
    return float(text)
