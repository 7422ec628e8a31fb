"""What commands that look at runs do with their flags, and what they show."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tamis import api
from tamis.cli import flags, show
from tamis.cli.running import running
from tamis.errors import UserError

if TYPE_CHECKING:
    from tamis.reports._needed import Needed
    from tamis.reports.diff import Difference, Example, Separates
    from tamis.reports.why import Score, Turn, Why

Given = dict[str, Any]
OTHERS = ("store", "device", "models", "allow_code")
"""Flags of a run that a run folder says nothing of."""
LONGEST = {"turn": 300, "example": 60}
"""Characters of a text that are shown."""


def _argument(name: str, text: str) -> Any:
    kind = Annotated[list[str] | None, typer.Argument(help=text)]
    return flags.RUNS.replace(name=name, annotation=kind)


ROWS = _argument("rows", "A run folder, then ids, beginnings of ids, or records: #123, FILE#123")
PAIR = _argument("runs", "Two folders that `tamis select` wrote")


def why(given: Given) -> None:
    """Say why a run kept a row or did not, and what would have had to be different."""
    folder, *rows = given["rows"] or [""]
    if not folder:
        raise UserError("no run: tamis why RUN ID, a folder that `tamis select` wrote and a row")
    settings = flags.values_of(api.why, {**given, "rows": None})
    with running(given) as run:
        found = api.why(folder, rows, **settings, run=run)
    if given["json"]:
        return show.as_json([one.told() for one in found])
    for one in found:
        _row(one)
    return None


def _row(one: Why) -> None:
    """A row as a few tables."""
    name = f"{one.id}, record #{one.record:,} of {one.source}"
    turns = [_turn(turn, LONGEST["turn"]) for turn in one.turns]
    show.table(beginning(name, 200), ("", ""), turns)
    show.table("", ("", ""), [(title, beginning(text, 400)) for title, text in _facts(one)])
    if one.scores:
        columns = ("score", "value", "percentile", "among kept", "better", "unit", "")
        rows = [_score(score) for score in one.scores]
        show.table("scores", columns, rows, right=(1, 2, 3))


def _facts(one: Why) -> Iterator[tuple[str, str]]:
    yield "what became of it", one.said
    if one.gain is not None:
        yield "gain", show.number(one.gain)
    if one.budget_said:
        yield "budget", one.budget_said
    if one.needed:
        yield "what decides", _needed(one.needed, one.kept)
    for name, label in one.labels.items():
        yield name, ", ".join(label) if isinstance(label, list) else str(label or "none")
    if one.neighbour:
        near = one.neighbour
        like = "the same turns; " if near.same else "nearly the same; " if near.nearly_same else ""
        said = " ".join(turn.content or "" for turn in near.turns)
        about = f"{near.id}, {like}cosine {near.similarity:.3f}: {said}"
        yield "nearest other kept row", beginning(about, 200)
    if one.missing:
        yield "not shown", one.missing


def _needed(one: Needed, kept: bool) -> str:
    """The range in words: at least 5 and below 7."""
    ends = []
    if one.low is not None:
        ends.append(f"{'at least' if one.low_itself else 'above'} {one.low:.9g}")
    if one.high is not None:
        ends.append(f"{'at most' if one.high_itself else 'below'} {one.high:.9g}")
    if not ends:
        return f"any value of {one.score} would do"
    said = f"{'kept as long as' if kept else 'kept if'} {one.score} is {' and '.join(ends)}"
    if one.value is None:
        return f"{said}; it has no value"
    far = f"{one.missing:.4g} away" if one.missing else "and equal values go by id"
    return f"{said}; it is {one.value:.9g}" + ("" if kept else f", {far}")


def _score(one: Score) -> tuple[Any, ...]:
    if one.value is None:
        return one.name, "", "", "", one.prefer, one.unit, f"none: {one.problem}"
    places = (_place(one.percentile), _place(one.among_kept))
    return one.name, one.value, *places, one.prefer, one.unit, ""


def _place(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _turn(one: Turn, length: int) -> tuple[str, str]:
    return one.role, beginning(" ".join(filter(None, (one.content, one.tool_calls))), length)


def beginning(text: str, length: int) -> str:
    """One line of a text of any kind: what steers a terminal is left out."""
    cut = text[: 4 * length]  # most of a long text is never looked at
    line = " ".join(cut.split())
    line = "".join(c for c in line if unicodedata.category(c) != "Cc")
    return line[:length] + ("..." if len(line) > length or len(cut) < len(text) else "")


def diff(given: Given) -> None:
    """Compare two runs: rows gained and lost, and which score moved them."""
    folders = given["runs"] or []
    if len(folders) != 2:
        raise UserError(f"two runs are compared, {len(folders)} given: tamis diff RUN RUN")
    settings = flags.values_of(api.diff, given)
    with running(given) as run:
        found = api.diff(*folders, **settings, run=run)
    if given["json"]:
        return show.as_json(found.told())
    _difference(found)
    if given["out"]:
        show.say(f"written to {given['out']}")
    return None


def _difference(found: Difference) -> None:
    first, second = found.names
    title = f"from {first} to {second}"
    show.table(title, ("", ""), list(_counts(found)), right=(1,))
    if found.settings:
        told = [(one.name, _short(one.first), _short(one.second)) for one in found.settings]
        show.table("what differs", ("", first, second), told)
    if found.moved:
        went = [(one.what, _short(one.first), _short(one.second), one.rows) for one in found.moved]
        show.table("what became of rows", ("", first, second, "rows"), went, right=(3,))
    if found.scores:
        scores = [_separates(one, found.names) for one in found.scores]
        title = "what separates gained from lost rows; mean percentiles"
        show.table(title, SEPARATES, scores, right=range(2, 9))
    _examples(found)


SEPARATES = (
    *("score", "of", "gained above lost, %", "95 %", "gained", "lost", "kept by both"),
    *("change", "of gained and lost"),
)


def _counts(found: Difference) -> Iterator[tuple[str, Any]]:
    counts = found.counts
    yield "both keep", counts.both
    yield "gained", counts.gained
    yield "lost", counts.lost
    yield "neither keeps", counts.neither
    for name, rows in zip(found.names, (counts.gone, counts.new), strict=True):
        if counts.gone or counts.new:
            yield f"only in the source of {name}", rows
    yield "Jaccard", counts.jaccard
    yield "correlation of ranks", counts.spearman


def _separates(one: Separates, names: Sequence[str]) -> tuple[Any, ...]:
    whose: Mapping[str, str] = {"both": "both", "first": names[0], "second": names[1]}
    value, ends = "", ""
    if not isnan(one.auc.value):
        value = f"{100 * one.auc.value:.1f}"
    if not isnan(one.auc.low):
        ends = f"{100 * one.auc.low:.1f} to {100 * one.auc.high:.1f}"
    places = (one.gained, one.lost, one.kept, one.changed, one.changed_moved)
    return one.score, whose[one.run], value, ends, *map(_place, places)


def _examples(found: Difference) -> None:
    most = found.scores[0].score if found.scores else ""
    for what, run in (("gained", 1), ("lost", 0)):
        rows = [_example(one, run) for one in found.examples if one.what == what]
        if rows:
            columns = ("pick", most, "id", "in the other run", "instruction", "answer")
            title = f"first {what} rows, in the order of {found.names[run]}"
            show.table(title, columns, rows, right=(0, 1))
    if found.missing:
        show.say(f"texts are not shown: {found.missing}")


def _example(one: Example, run: int) -> tuple[Any, ...]:
    said = {turn.role: turn for turn in reversed(one.turns)}
    texts = [_turn(said[role], LONGEST["example"])[1] if role in said else "" for role in ROLES]
    other = one.second if run == 0 else one.first
    return one.rank + 1, one.value, one.id, _short(other), *texts


ROLES = ("user", "assistant")


def _short(text: str) -> str:
    return beginning(text, LONGEST["example"])
