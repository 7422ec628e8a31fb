"""What `tamis report` does with its flags, and what it shows in a terminal."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tamis import api
from tamis.cli import flags, show
from tamis.cli.running import running
from tamis.errors import UserError

if TYPE_CHECKING:
    from tamis.reports.facts import Facts, Grouping, Matrix, Run, Score

EXPLORE = flags.flag(
    "explore",
    bool,
    False,
    "write all rows to a Parquet file beside the page, and open it with embedding-atlas",
)


def report(given: dict[str, Any]) -> None:
    """Show what runs selected, and why: a page that opens offline, and tables here."""
    folders = given["runs"] or []
    if not folders:
        raise UserError("no run: tamis report RUN ..., folders that select or prove wrote")
    settings = flags.values_of(api.report, {**given, "runs": None})
    with running(given) as run:
        found = api.report(folders, **settings, run=run)
    if given["explore"]:
        return _explore(found, given)
    if given["json"]:
        return show.as_json({**found.facts, "out": given["out"]})
    tables(found.facts)
    if found.rows and found.rows["sampled"]:
        show.say(found.rows["sampled"])
    return show.say(f"written to {given['out']}: open it in a browser")


def _explore(found: Any, given: dict[str, Any]) -> None:
    from tamis.reports import explore

    path = explore.write(found, Path(given["out"]).expanduser().with_suffix(".parquet"))
    show.say(f"all rows written to {path}")
    command = explore.command(path)
    if given["json"]:
        return show.as_json({"file": str(path), "command": command})
    subprocess.run(command, check=False)
    return None


def tables(facts: Facts) -> None:
    """The page's numbers as tables."""
    for run in facts["runs"]:
        _funnel(run)
    if facts["scores"]:
        _scores(facts["scores"])
    for title, matrix in (
        ("rank correlation of scores", facts["correlation"]),
        ("shared rows (Jaccard)", facts["jaccard"]),
        ("share of the line's rows that the column has too", facts["shared"]),
        ("rank correlation of rows that both kept", facts["ranks"]),
    ):
        if matrix is not None:
            _matrix(title, matrix)
    for grouping in facts["groups"]:
        _groups(grouping, facts["runs"])
    if facts["failures"]:
        lines = [(one["name"], one["rows"]) for one in facts["failures"]]
        show.table("could not be read or scored", ("", "rows"), lines, right=(1,))
    for proof in facts["proofs"]:
        show.table(f"experiment {proof['name']}", ("",), [(line,) for line in proof["said"]])


def _funnel(run: Run) -> None:
    lines = [(one["name"], one["rows"]) for one in run["funnel"]]
    title = f"{run['name']}: {run['method']}, budget {run['budget']}, {run['seconds']:.1f} s"
    show.table(title, ("", "rows"), lines, right=(1,))


def _scores(scores: list[Score]) -> None:
    """Medians in the pool and among what each run kept."""
    names = [part["name"] for part in scores[0]["parts"]]
    lines = [
        (
            *(one["name"], one["prefer"] if one["prefer"] != "none" else ""),
            *(part["median"] for part in one["parts"]),
            ", ".join(f"{m['rows']:,} {m['name']}" for m in one["missing"]),
        )
        for one in scores
    ]
    columns = ("score", "better", *names, "without")
    show.table("medians of scores", columns, lines, right=range(2, 2 + len(names)))


def _matrix(title: str, matrix: Matrix) -> None:
    names = matrix["names"]
    lines = [
        (f"{at} {name}", *(None if cell is None else f"{cell:.2f}" for cell in line))
        for at, (name, line) in enumerate(zip(names, matrix["values"], strict=True), 1)
    ]
    columns = ("", *map(str, range(1, len(names) + 1)))
    show.table(title, columns, lines, right=range(1, len(columns)))


def _groups(grouping: Grouping, runs: list[Run]) -> None:
    """Counts and shares of each group: before, after, and as a raw ranking would have it."""
    groups = grouping["groups"]
    parts = {"pool": [group["pool"] for group in groups]}
    for at, run in enumerate(runs):
        parts[run["name"]] = [group["kept"][at] for group in groups]
        if run["raw"]:
            parts[f"{run['name']}, raw ranking by {run['raw']}"] = [
                group["raw"][at] or 0 for group in groups
            ]
    shared = [
        [(count, f"{count / (sum(counts) or 1):.1%}") for count in counts]
        for counts in parts.values()
    ]
    lines = [
        (group["name"], *(cell for counts in shared for cell in counts[at]))
        for at, group in enumerate(groups)
    ]
    columns = ("", *(cell for name in parts for cell in (name, "")))
    show.table(grouping["name"], columns, lines, right=range(1, len(columns)))
