"""What the command around taught scorers does with its flags, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tamis import api
from tamis.cli import flags, show
from tamis.cli.judges import took
from tamis.cli.running import read, running
from tamis.training.teaching import Teaching


def teach(given: dict[str, Any]) -> None:
    """Teach a small model to score rows as rated or compared ones; a killed run goes on."""
    teaching = Teaching(**flags.values_of(Teaching, given))
    with running(given) as run:
        data = read(given["files"] or [], given, run)
        _announce(given, len(data))
        found = api.teach(data, **flags.values_of(api.teach, given), teaching=teaching, run=run)
    told = found.manifest
    if given["json"]:
        return show.as_json({**told, "model": found.model, "judges": run.judges})
    show.table(f"{told['base']} taught, {told['kind']}", ("", ""), _counts(told), right=(1,))
    _held(told["held_out"])
    if run.judges:
        took(run.judges)
    return show.say(f"written to {found.model}: {use(found.model, told['kind'])}")


def _announce(given: Mapping[str, Any], rows: int) -> None:
    """Says what a judge is about to be asked, before the first call."""
    seeds = min(int(given["seeds"]), rows)
    if given["kind"] == "ratings" and seeds:
        most = seeds * (int(given["rounds"]) + 1)
        show.say(f"the judge is asked at most {most:,} questions; known answers are not paid again")


def _counts(told: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What became of the rows."""
    data = told["data"]
    rows: list[tuple[str, Any]] = [("rows", data["rows"])]
    left_out = {**data.get("left_out", {}), **data.get("variants", {})}
    rows += [(f"  {why}", count) for why, count in left_out.items()]
    rows += [("learned from", told["learned"]), ("kept aside", told["held_out"]["examples"])]
    if told.get("without_room"):
        rows.append(("  too long for an answer", told["without_room"]))
    return rows


def _held(held: Mapping[str, Any]) -> None:
    """How well what was kept aside is foreseen."""
    names = {"prefers": "prefers the better answer", "spearman": "rank correlation"}
    rows = [
        (text, held[name]["value"], held[name]["low"], held[name]["high"])
        for name, text in names.items()
        if held.get(name)
    ]
    if "error" in held:
        rows.append(("squared error", held["error"], None, None))
        rows.append(("  of the mean alone", held["error_of_mean"], None, None))
    if rows:
        columns = ("on what was kept aside", "value", "95 % from", "to")
        show.table("", columns, rows, right=(1, 2, 3))


def use(folder: str, kind: str) -> str:
    """How the result is used."""
    if kind == "ratings":
        return f"score with 'expected_rating(model={folder},prompt={folder}/prompt.txt)'"
    return f"score with 'reward(model={folder})'"
