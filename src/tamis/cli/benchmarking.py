"""Benchmarks on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tamis.cli import flags, show
from tamis.cli.running import running
from tamis.verbs import benchmarking as verbs

if TYPE_CHECKING:
    from tamis.evaluation.benchmarks import Score

ENDS = ("95 % from", "to")


def benchmark(given: dict[str, Any]) -> None:
    """Run lm-eval on a model, with intervals, and compare it row by row with another."""
    with running(given) as run:
        found = verbs.benchmark(**flags.values_of(verbs.benchmark, given), run=run)
    if given["json"]:
        return show.as_json(found.manifest)
    template = "with its chat template" if given["chat"] else "without a chat template"
    scores(f"{found.manifest['model']}, {template}", "mean", found.scores)
    if found.differences:
        scores(f"minus {given['against']}, row by row", "difference", found.differences)
    alone = sum(one.alone for one in found.differences)
    if alone:
        show.say(f"{alone:,} values have no partner in the other result and are not compared")
    return show.say(f"written to {given['out']}")


def scores(title: str, what: str, found: Sequence[Score]) -> None:
    """A table of means or of differences."""
    rows = [(one.task, _metric(one), one.rows, *(one.interval.told().values())) for one in found]
    show.table(title, ("task", "metric", "rows", what, *ENDS), rows, right=(2, 3, 4, 5))


def _metric(one: Score) -> str:
    return one.metric if one.filter == "none" else f"{one.metric}, {one.filter}"
