"""Why a run kept a row or did not: the row, the rule, its scores, and what would change it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite, isnan
from pathlib import Path
from typing import Any

import numpy as np

from tamis.recipes.clean_cover import FAULTS
from tamis.reports import _replay
from tamis.reports._budgets import Reached
from tamis.reports._known import Known
from tamis.reports._naming import rows_named, sources
from tamis.reports._needed import Needed
from tamis.reports.opened import opened
from tamis.reports.selections import spec_of
from tamis.run.session import Run
from tamis.types import Floats

SAME = 0.9
"""Rows whose cosine is above this are told to be nearly the same."""
SELECTED, NOT_REACHED = "selected", "not reached"
"""What stands in selection.parquet for rows that no rule dropped."""
_BOUND = re.compile(r"(.+) ((?:not )?(?:below|above)) (-?[0-9.einf+-]+)")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation."""

    role: str
    content: str | None
    tool_calls: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One score of a row, and where it lies.

    Args:
        name: the column
        value: None where the row has none, and then `problem` says why
        percentile: share of the pool's scored rows below it, those equal to it half, 0 to 100
        among_kept: the same among the rows that the run kept
        prefer: the better end: high, low or none
        unit: what the method measures in
        problem: why there is no value
    """

    name: str
    value: float | None
    percentile: float | None
    among_kept: float | None
    prefer: str
    unit: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that dropped a row: the score that triggers it, and from where on."""

    score: str
    value: float | None
    drops: str  # "above 0", "below 4.5"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The kept row that is most like the row, by the cosine of their embeddings."""

    id: str
    source: str
    record: int
    similarity: float
    same: bool  # the very same turns
    nearly_same: bool
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """What became of a row, and why.

    Args:
        id: of the row
        source: the file it came from
        record: which record of the file, from 1
        turns: the row; none where the source cannot be read
        kept: whether the run selected it
        reason: as selection.parquet has it
        said: the same for people
        rank: its place among the picks, from 0, as selection.parquet has it
        gain: what the method says it was worth
        rule: what dropped it, as far as it is known
        budget: the smallest budget that has it, or as `budget_said` says
        budget_said: what is known of other budgets
        place: how many picks of that budget end with it
        scores: every score of the run
        labels: every text or list of texts that a method gave to the row
        needed: within which values of one score it is kept, where that decides
        neighbour: the kept row that is most like it
        missing: why there is no text, no neighbour
    """

    id: str
    source: str
    record: int
    kept: bool
    reason: str
    said: str
    turns: tuple[Turn, ...] = ()
    rank: int | None = None
    gain: float | None = None
    rule: Rule | None = None
    budget: str | None = None
    budget_said: str = ""
    place: int | None = None
    scores: tuple[Score, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    needed: Needed | None = None
    neighbour: Neighbour | None = None
    missing: str = ""

    def told(self) -> dict[str, Any]:
        """All of it as JSON takes it: null for what is not there, words for infinities."""
        found: dict[str, Any] = plain(asdict(self))
        return found


def plain(value: Any) -> Any:
    """Numbers that JSON does not have: null for NaN, a word for an infinity."""
    if isinstance(value, float) and not isfinite(value):
        return None if isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def explain(
    folder: str | Path, rows: Sequence[str], run: Run, *, search: bool = False
) -> list[Why]:
    """Why a run kept these rows or did not.

    Args:
        folder: what `select` wrote
        rows: ids, beginnings of ids, or records as #123 or FILE#123
        run: store and progress to use
        search: select again with larger budgets until a row is in
    """
    found = opened([folder], run)
    wanted = rows_named(found.runs[0], rows)  # told before anything is computed
    known = Known(found, _replay.settings(found.runs[0], run), search)
    return [_why(known, row) for row in wanted]


def _why(known: Known, row: int) -> Why:
    one = known.one
    reach, rule = known.reached(row), _rule(known, row)
    neighbour, missing = _neighbour(known, row)
    return Why(
        **_name(known, row),
        kept=bool(one.kept[row]),
        reason=one.why[row],
        said=_said(known, row, rule, reach),
        turns=_turns(known, row),
        rank=int(one.rank[row]) if one.kept[row] else None,
        gain=one.table["gain"][row].as_py(),
        rule=rule,
        budget=None if reach.total is None else known.made.written(reach.total),
        budget_said=_budget_said(known, reach),
        place=reach.place,
        scores=tuple(_score(known, name, row) for name in one.scores),
        labels=_labels(known, row),
        needed=known.needed(row),
        neighbour=neighbour,
        missing=missing,
    )


def _name(known: Known, row: int) -> dict[str, Any]:
    table = known.one.table
    source = sources(known.one)[table.column(table.schema.names.index("source"))[row].as_py()]
    record = int(table["row"][row].as_py()) + 1
    return {"id": known.one.ids[row], "source": source, "record": record}


def _turns(known: Known, row: int) -> tuple[Turn, ...]:
    if known.found.data is None:
        return ()
    messages = known.found.data.table["messages"][row].as_py()
    return tuple(Turn(one["role"], one["content"], one["tool_calls"]) for one in messages)


def _labels(known: Known, row: int) -> dict[str, Any]:
    names = [*known.one.labels, *_replay.lists(known.one)]
    return {name: known.one.table[name][row].as_py() for name in names}


def _score(known: Known, name: str, row: int) -> Score:
    prefer, unit = _about(known, name)
    value = _value(known.scores[name][row])
    if value is None:
        return Score(name, None, None, None, prefer, unit, known.problems[name][row])
    below = _percentile(value, known.sorted[name])
    return Score(name, value, below, _percentile(value, known.sorted_kept[name]), prefer, unit)


def _about(known: Known, name: str) -> tuple[str, str]:
    """The better end of a score and its unit, where its method is there."""
    spec = spec_of(name, "score", allow_code=known.run.allow_code)
    return (spec.prefer, spec.unit) if spec else ("none", "")


def _neighbour(known: Known, row: int) -> tuple[Neighbour | None, str]:
    if known.found.data is None:
        return None, f"no text and no neighbour: {known.found.missing}"
    found = known.nearest(row)
    if isinstance(found, str):
        return None, f"no neighbour: {found}"
    at, similarity = found
    same = _content(known.one.ids[at]) == _content(known.one.ids[row])
    told: dict[str, Any] = {
        "same": same,
        "nearly_same": same or similarity > SAME,
        "turns": _turns(known, at),
    }
    return Neighbour(**_name(known, at), similarity=similarity, **told), ""


def _rule(known: Known, row: int) -> Rule | None:
    """The score behind a reason, as far as the reason names one."""
    reason = known.one.why[row]
    twins = (name for name in known.scores if name.split("(")[0] == "near_duplicate")
    faults = {**FAULTS, "near duplicate": next(twins, "")}
    name, drops = faults.get(reason, ""), "above 0"
    bound = _BOUND.fullmatch(reason)
    if bound:
        name, drops = bound[1], f"{bound[2]} {bound[3]}"
    if name not in known.scores:
        return None
    return Rule(name, _value(known.scores[name][row]), drops)


def _said(known: Known, row: int, rule: Rule | None, reach: Reached) -> str:
    """What became of a row, in a sentence."""
    one, reason = known.one, known.one.why[row]
    if one.kept[row]:
        return f"kept: pick {int(one.rank[row]) + 1:,} of {len(one.rows):,}"
    if reason == NOT_REACHED:
        return _not_reached(known, reach)
    if rule:
        has = "missing" if rule.value is None else f"{rule.value:.6g}"
        return f"dropped: {reason}. {rule.score} is {has}, and rows {rule.drops} are dropped"
    column, colon, problem = reason.partition(": ")
    if colon and column in [*known.scores, *known.one.labels]:
        return f"dropped: it has no value in {column} ({problem}), which the method looks at"
    return f"dropped: {reason}"


def _not_reached(known: Known, reach: Reached) -> str:
    limit, budget = known.made.limit, known.one.manifest["budget"]
    if reach.never:
        return f"not picked: {reach.why}"
    if reach.total is not None:
        return f"not picked: the budget of {budget} was spent before its turn came"
    if limit.count is not None and len(known.one.rows) < limit.count:
        return f"not picked, though the budget of {budget} was not used up"
    return f"not picked under the budget of {budget}"


def _budget_said(known: Known, reach: Reached) -> str:
    if reach.never:
        return f"no budget has it: {reach.why}"
    if reach.total is None:
        return reach.why
    if reach.exact:
        return f"in from a budget of {known.made.written(reach.total)} on"
    less = f", not with {known.made.written(reach.total - 1)}" if reach.total > 1 else ""
    return f"in with a budget of {known.made.written(reach.total)}{less}; {reach.why}"


def _value(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _percentile(value: float, ordered: Floats) -> float | None:
    """Share of sorted values below one, those equal to it half, from 0 to 100."""
    if not len(ordered):
        return None
    below, to = np.searchsorted(ordered, value, "left"), np.searchsorted(ordered, value, "right")
    return 100 * float(below + to) / (2 * len(ordered))


def _content(name: str) -> str:
    """The part of an id that rows with the same turns share."""
    return name.partition("-")[0]
