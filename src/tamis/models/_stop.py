"""How a run ends early: calls on their way come home, nothing else is begun."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tamis.errors import UserError


class Stop:
    """Why no further call is made, once there is a reason.

    What is on its way then is waited for and kept, as it may be charged; all other work is
    cancelled.
    """

    def __init__(self) -> None:
        self.error: UserError | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self._busy: set[asyncio.Task[Any] | None] = set()

    def set(self, error: UserError) -> None:
        """The first reason counts."""
        self.error = self.error or error
        idle = [t for t in self.tasks if t not in self._busy and t is not asyncio.current_task()]
        for task in idle:
            task.cancel()

    def check(self) -> None:
        """Ends the work of one question where the run has ended."""
        if self.error is not None:
            raise self.error from None

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Within it a call is on its way."""
        task = asyncio.current_task()
        self._busy.add(task)
        try:
            yield
        finally:
            self._busy.discard(task)
