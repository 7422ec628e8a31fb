"""Who computes the columns of a run: one file for each way, behind `tamis.run.shards.Executor`.

An executor draws shards from an iterator, has each computed and committed to the store, and yields
what is told of it. What is missing, who else is at work and what is shown of it is known before
and after, in `tamis.run.execute`; methods know nothing of it. `by_name` writes jobs and shards down
for executors whose workers share no memory with this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamis.errors import UserError, nearest

if TYPE_CHECKING:
    from tamis.run.session import Run
    from tamis.run.shards import Executor

NAMES = ("inline", "processes")


def parse(text: str) -> tuple[str, int]:
    """`inline`, `processes` or `processes:4`: the name, and how many; 0 where that is open."""
    name, colon, count = text.partition(":")
    if name not in NAMES:
        raise UserError(f"no executor {text!r}; {nearest(name, NAMES)}")
    if not colon:
        return name, 0
    if name != "processes" or not count.isdecimal() or int(count) < 1:
        raise UserError(f"executor is inline, processes or processes:4, not {text!r}")
    return name, int(count)


def named(run: Run) -> Executor:
    """The executor that a run names."""
    name, count = parse(run.executor)
    if name == "processes":
        from tamis.run.executors.processes import Processes

        return Processes.of(run, count)
    from tamis.run.execute import inline

    return inline
