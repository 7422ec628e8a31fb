"""Who computes the columns of a run: one file for each way, behind `tamis.run.shards.Executor`.

An executor draws shards from an iterator, has each computed and committed to the store, and yields
what is told of it. What is missing, who else is at work and what is shown of it is known before
and after, in `tamis.run.execute`; methods know nothing of it. `by_name` writes jobs and shards down
for executors whose workers share no memory with this process, and `spread` hands them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamis import notation
from tamis.errors import UserError, nearest

if TYPE_CHECKING:
    from tamis.run.session import Run
    from tamis.run.shards import Executor

NAMES = ("inline", "processes", "ray")


@dataclass(frozen=True, slots=True)
class Asked:
    """An executor as it is named; 0 and "" leave open what the machine or the cluster decides."""

    name: str
    workers: int = 0
    cpus: float = 0  # of each worker
    gpus: float = 0  # of each worker that has a model
    memory: float = 0  # bytes that each worker is given room for
    address: str = ""  # of a cluster


OPTIONS = {"inline": (), "processes": ("workers",), "ray": Asked.__slots__[1:]}
"""What may be said of each executor, in brackets."""


def parse(text: str) -> Asked:
    """`inline`, `processes`, `processes:4`, `ray`, `ray(workers=8,cpus=2,gpus=1,memory=16e9)`."""
    start, colon, count = text.partition(":")
    if colon and "(" not in start and start in NAMES:
        text = f"{start}(workers={count})"
    if not text.strip():
        raise UserError(f"no executor {text!r}; it is one of {', '.join(NAMES)}")
    written = notation.parse(text)
    name = written.method
    if name not in NAMES:
        raise UserError(f"no executor {text!r}; {nearest(name, NAMES)}")
    found: dict[str, str | float] = {}
    for option, value in written.params.items():
        if option not in OPTIONS[name]:
            known = ", ".join(OPTIONS[name]) or "nothing"
            raise UserError(f"executor {name} takes {known}, not {option!r}")
        found[option] = value if option == "address" else _number(name, option, value)
    return Asked(name, **found)  # type: ignore[arg-type]


def _number(name: str, option: str, text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < float("inf") or (option == "workers" and value != int(value)):
        raise UserError(f"executor {name}: {option}={text} is no number above 0")
    return int(value) if value == int(value) else value


def named(run: Run) -> Executor:
    """The executor that a run names."""
    asked = parse(run.executor)
    if asked.name == "inline":
        from tamis.run.execute import inline

        return inline
    if asked.name == "processes":
        from tamis.run.executors.processes import processes

        return processes(run, asked)
    from tamis.run.executors.ray import on_ray

    return on_ray(run, asked)
