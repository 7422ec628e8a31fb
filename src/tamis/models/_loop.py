"""One event loop in a thread of its own, for all judges of this process.

Whoever asks waits for it, whether or not a loop runs in their own thread (as in a notebook).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

GRACE = 3.0
"""Seconds for what is on its way when a run is interrupted: it may be charged."""

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}  # by process: a fork does not inherit threads


def loop() -> asyncio.AbstractEventLoop:
    """The loop of this process, started when it is first needed."""
    with _lock:
        found = _loops.get(os.getpid())
        if found is None:
            found = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=found.run_forever, name="tamis-judge", daemon=True).start()
        return found


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of the work; where the caller is interrupted, the work is cancelled.

    It has GRACE seconds to come to an end; a second interruption does not wait.
    """
    ended = threading.Event()

    async def whole() -> Result:
        try:
            return await work
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(whole(), loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        ended.wait(GRACE + 1)
        raise
