"""Progress on the error stream: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tamis.run.progress import Progress

QUIET = 1.0
"""Seconds before a step is worth a word."""
EVERY = 5.0
"""Seconds between plain lines of one step."""


@contextmanager
def progress(stream: Any = None) -> Iterator[Progress]:
    """A display for the time of one command."""
    stream = stream or sys.stderr
    if stream.isatty():
        with _bars(stream) as show:
            yield show
    else:
        yield plain(stream)


def plain(stream: Any) -> Progress:
    """A line now and then for each step that takes longer than a second."""
    begun: dict[str, float] = {}
    said: dict[str, float] = {}

    def show(step: str, done: int, total: int, /) -> None:
        now = time.monotonic()
        start = begun.setdefault(step, now)
        last = said.get(step, start)
        finished = bool(total) and done >= total
        if now - start < QUIET or (now - last < EVERY and not (finished and step in said)):
            return
        said[step] = now
        rate = done / (now - start)
        share = f" of {total:,}" if total else ""
        left = f", {(total - done) / rate:.0f} s left" if total and rate and not finished else ""
        stream.write(f"{step}: {done:,}{share} rows, {rate:,.0f} rows/s{left}\n")
        stream.flush()

    return show


@contextmanager
def _bars(stream: Any) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bars,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, Any] = {}
    with Bars(*columns, console=Console(file=stream), transient=True) as bars:

        def show(step: str, done: int, total: int, /) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None, rate="")
            task = bars.tasks[bars.task_ids.index(tasks[step])]
            rate = f"{done / task.elapsed:,.0f} rows/s" if task.elapsed and done else ""
            bars.update(tasks[step], completed=done, total=total or None, rate=rate)

        yield show
