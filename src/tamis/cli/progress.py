"""Progress on the error stream: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    steps: dict[str, Pace] = {}
    said: dict[str, float] = {}

    def show(step: str, done: int, total: int, /) -> None:
        now = time.monotonic()
        pace = steps[step] = _pace(steps.get(step), done, now)
        last = said.get(step, pace.start)
        finished = bool(total) and done >= total
        quiet = now - pace.start < QUIET
        if quiet or (now - last < EVERY and not (finished and step in said)):
            return
        said[step] = now
        rate = (done - pace.first) / (now - pace.start)
        share = f" of {total:,}" if total else ""
        left = f", {(total - done) / rate:.0f} s left" if total and rate and not finished else ""
        stream.write(f"{step}: {done:,}{share}, {_rate(rate)}{left}\n")
        stream.flush()

    return show


@dataclass(slots=True)
class Pace:
    """When a step began and what was done then: of a training that goes on, or is one of many."""

    start: float
    first: int
    last: int


def _pace(before: Pace | None, done: int, now: float) -> Pace:
    """A step that is behind where it was has begun anew."""
    if before is None or done < before.last:
        return Pace(now, done, done)
    before.last = done
    return before


def _rate(rate: float) -> str:
    return f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.2g} a second"


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
    steps: dict[str, Pace] = {}
    with Bars(*columns, console=Console(file=stream), transient=True) as bars:

        def show(step: str, done: int, total: int, /) -> None:
            now, before = time.monotonic(), steps.get(step)
            pace = steps[step] = _pace(before, done, now)
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None, rate="")
            elif pace is not before:  # it begins anew
                bars.reset(tasks[step])
            took = now - pace.start
            rate = _rate((done - pace.first) / took) if took and done > pace.first else ""
            bars.update(tasks[step], completed=done, total=total or None, rate=rate)

        yield show
