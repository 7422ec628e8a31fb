"""Which rows one run kept and another did not, and which score moved them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.agreement import spearman
from tamis.intervals import Interval
from tamis.reports._both import Both
from tamis.reports._separation import auc
from tamis.reports.distributions import percentiles
from tamis.reports.opened import Selected, names, opened, selected
from tamis.reports.why import Turn, plain
from tamis.run.session import Run
from tamis.types import Floats, Ints, Mask

GAINED, LOST = "gained", "lost"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by what became of them; `new` and `gone` are in one of the sources alone."""

    both: int
    gained: int
    lost: int
    neither: int
    new: int  # only the second source has them
    gone: int  # only the first source has them
    jaccard: float | None
    spearman: float | None  # of the ranks of rows that both kept


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows that one run kept and the other did not, by what became of them in each."""

    what: str  # gained, lost
    first: str
    second: str
    rows: int


@dataclass(frozen=True, slots=True)
class Separates:
    """How one score lies in gained and in lost rows; percentiles are among all rows that have it.

    Args:
        score: its name
        run: whose values these are: first, second, or both where they agree on every row
        auc: how often a gained row is above a lost one, ties half, with its 95 % interval
        gained: mean percentile of the gained rows; None where none of them has a value
        lost: the same of the lost rows
        kept: the same of rows that both runs kept
        changed: mean absolute change of the percentile from run to run, where the values differ
        changed_moved: the same among gained and lost rows
    """

    score: str
    run: str  # both, first, second
    auc: Interval
    gained: float | None
    lost: float | None
    kept: float | None
    changed: float | None = None
    changed_moved: float | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that the runs were told or did, and that differs."""

    name: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Example:
    """A row that one run kept; `value` is of the score that separates most."""

    id: str
    what: str  # gained, lost
    rank: int  # in the run that kept it, from 0
    first: str  # what became of it in the first run
    second: str
    value: float | None = None
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What a second run has that a first has not, and the other way round."""

    names: tuple[str, str]
    counts: Counts
    settings: tuple[Setting, ...]
    moved: tuple[Moved, ...]
    scores: tuple[Separates, ...]  # the first one separates most
    examples: tuple[Example, ...] = ()
    missing: str = ""  # why examples have no text

    def told(self) -> dict[str, Any]:
        """All of it as JSON takes it: null for what is not there, words for infinities."""
        found: dict[str, Any] = plain(asdict(self))
        return found


def difference(
    first: str | Path, second: str | Path, run: Run, *, show: int = 5
) -> tuple[Difference, Both]:
    """Two runs, rows matched by id; the sources are read only for the texts that are shown."""
    called = names([first, second])
    both = Both.of(selected(first, called[0]), selected(second, called[1]))
    columns = list(_columns(both))
    scores = sorted(_scores(both, columns), key=lambda one: -_apart(one))
    found = Difference(
        names=(called[0], called[1]),
        counts=_counts(both),
        settings=tuple(_settings(*both.runs)),
        moved=tuple(_moved(both)),
        scores=tuple(scores),
    )
    if not show:
        return found, both
    texts, missing = _texts(both, run)
    by_name = {(name, run): values for name, run, values in columns}
    none = np.full(len(both), np.nan)
    values = by_name[scores[0].score, scores[0].run] if scores else none
    examples = tuple(_examples(both, values, show, texts))
    return replace(found, examples=examples, missing=missing), both


def _counts(both: Both) -> Counts:
    one, other = both.kept
    shared, either = int((one & other).sum()), int((one | other).sum())
    ranks = [rank[one & other] for rank in both.rank]
    value = spearman(*ranks)[0] if shared > 1 else float("nan")
    return Counts(
        both=shared,
        gained=int(both.gained.sum()),
        lost=int(both.lost.sum()),
        neither=len(both) - either,
        new=int((~both.there[0]).sum()),
        gone=int((~both.there[1]).sum()),
        jaccard=shared / either if either else None,
        spearman=None if isnan(value) else float(value),
    )


def _moved(both: Both) -> Iterator[Moved]:
    """From which reason to which, the most frequent first."""
    for what, mask in ((GAINED, both.gained), (LOST, both.lost)):
        rows = np.flatnonzero(mask)
        pairs = Counter(zip(both.why(0, rows), both.why(1, rows), strict=True))
        for (before, after), count in sorted(pairs.items(), key=lambda one: (-one[1], one[0])):
            yield Moved(what, before, after, count)


Column = tuple[str, str, Floats]
"""A score, whose values these are (both, first, second), and the values."""
RUNS = ("first", "second")


def _columns(both: Both) -> Iterator[Column]:
    """Each score of either run; one whose values differ from run to run stands there twice."""
    held = [run.scores for run in both.runs]
    shared = both.there[0] & both.there[1]
    for name in dict.fromkeys([*held[0], *held[1]]):
        values = [both.values(i, name) if name in held[i] else None for i in (0, 1)]
        one, other = values
        if one is not None and other is not None:
            if np.array_equal(one[shared], other[shared], equal_nan=True):
                yield name, "both", np.where(both.there[0], one, other)
                continue
        for run, found in zip(RUNS, values, strict=True):
            if found is not None:
                yield name, run, found


def _scores(both: Both, columns: Sequence[Column]) -> Iterator[Separates]:
    """What each score says of the rows that moved."""
    shared, moved = both.there[0] & both.there[1], both.gained | both.lost
    for name, run, values in columns:
        places = percentiles(values)
        found = Separates(
            score=name,
            run=run,
            auc=auc(values[both.gained], values[both.lost]),
            gained=_mean(places, both.gained),
            lost=_mean(places, both.lost),
            kept=_mean(places, both.kept[0] & both.kept[1]),
        )
        twin = [other for score, at, other in columns if score == name and at != run]
        if twin:
            change = np.abs(percentiles(twin[0]) - places)
            changed, among = _mean(change, shared), _mean(change, moved)
            found = replace(found, changed=changed, changed_moved=among)
        yield found


def _apart(one: Separates) -> float:
    """Distance from one half; scores that nobody has come last."""
    return -1.0 if isnan(one.auc.value) else abs(one.auc.value - 0.5)


def _mean(values: Floats, rows: Mask) -> float | None:
    there = values[rows & ~np.isnan(values)]
    return float(there.mean()) if len(there) else None


def _settings(one: Selected, other: Selected) -> Iterator[Setting]:
    """What was told to the runs and differs, then versions of methods and models that do."""
    pairs = [(_told(run.config), _did(run.manifest)) for run in (one, other)]
    for at in (0, 1):
        first, second = pairs[0][at], pairs[1][at]
        for name in dict.fromkeys([*first, *second]):
            before, after = first.get(name, ""), second.get(name, "")
            if before != after:
                yield Setting(name, before, after)


def _told(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings of run.toml, parameters of the method by their own names."""
    flat: dict[str, str] = {}
    for part in ("select", "read", "run"):
        given = dict(config.get(part, {}))
        inside = given.pop("params", {}) | given.pop("fields", {})
        for name, value in {**given, **inside}.items():
            flat[name if part != "read" else _READ.get(name, name)] = _written(value)
    return {**flat, "tamis": str(config.get("tamis", ""))}


_READ = {"fingerprint": "fingerprint of the source"}


def _written(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _did(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Versions of the methods that ran, and the models they read."""
    scored = [step for step in manifest.get("steps", []) if "score" in step]
    found = {f"version of {step['score']}": str(step["version"]) for step in scored}
    loaded = manifest.get("resources", {})
    return {**found, **{str(name): str(one) for name, one in loaded.items()}}


Texts = tuple[Any, Any]
"""For each run the messages of its source, or None."""


def _texts(both: Both, run: Run) -> tuple[Texts, str]:
    """The sources of both runs; one that both have is read once."""
    one, other = both.runs
    found = opened([one.folder], run)
    data, missing = [found.data, found.data], [found.missing]
    if one.config["read"] != other.config["read"]:
        found = opened([other.folder], run)
        data[1] = found.data
        missing.append(found.missing)
    tables = [None if part is None else part.table["messages"] for part in data]
    return (tables[0], tables[1]), "; ".join(dict.fromkeys(filter(None, missing)))


def _examples(both: Both, values: Floats, show: int, texts: Texts) -> Iterator[Example]:
    """The first picks among gained rows, then among lost ones."""
    for what, mask, run in ((GAINED, both.gained, 1), (LOST, both.lost, 0)):
        rows = both.first_of(np.flatnonzero(mask), run)[:show]
        said = (both.ids(rows), both.why(0, rows), both.why(1, rows))
        for row, name, before, after in zip(rows.tolist(), *said, strict=True):
            yield Example(
                id=name,
                what=what,
                rank=int(both.rank[run][row]),
                first=before,
                second=after,
                value=None if isnan(values[row]) else float(values[row]),
                turns=_turns(texts[run], int(both.at[run][row])),
            )


def _turns(messages: Any, at: int) -> tuple[Turn, ...]:
    if messages is None:
        return ()
    return tuple(Turn(m["role"], m["content"], m["tool_calls"]) for m in messages[at].as_py())


def table(both: Both) -> pa.Table:
    """Every gained row, then every lost one, in pick order: ranks, reasons and scores."""
    gained = both.first_of(np.flatnonzero(both.gained), 1)
    lost = both.first_of(np.flatnonzero(both.lost), 0)
    rows = np.concatenate([gained, lost])
    found: dict[str, Any] = {
        "id": both.ids(rows),
        "what": [GAINED] * len(gained) + [LOST] * len(lost),
    }
    for run, said in enumerate(RUNS):
        rank = both.rank[run][rows]
        found[f"rank in the {said}"] = pa.array(_whole(rank), mask=np.isnan(rank))
        found[f"why in the {said}"] = both.why(run, rows)
    for score, whose, values in _columns(both):
        name = score if whose == "both" else f"{score} in the {whose}"
        found[name] = pa.array(values[rows], from_pandas=True)
    return pa.table(found)


def _whole(values: Floats) -> Ints:
    return np.nan_to_num(values).astype(np.int64)
