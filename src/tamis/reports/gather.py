"""Everything that a report says, gathered from run folders and the source they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tamis.errors import UserError
from tamis.reports import blocks, distributions, groups, proofs, selections
from tamis.reports._raw import Raw, raw
from tamis.reports._replay import settings
from tamis.reports.facts import Count, Facts, Grouping, Proof, Rows, Score
from tamis.reports.opened import Opened, Selected, opened
from tamis.reports.plane import Map, plane
from tamis.reports.shown import ROWS, Whole, chosen, fitting, rows_of
from tamis.run.folder import versions
from tamis.run.session import TOKENS, Run
from tamis.types import Floats, Pool

NEARLY_ALL = 0.9
"""A score that has one value in more than this share of the rows marks, and does not rank."""
SCORE_BYTES = 10
"""What a score of one row takes in a page, its percentile included; texts have what is left."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of some runs; `rows` are those of map and table."""

    facts: Facts
    opened: Opened | None = None
    rows: Rows | None = None
    texts: Sequence[str] = ()  # of these rows, packed
    whole: Whole | None = None


def gather(
    folders: Sequence[str | Path],
    run: Run,
    *,
    group: Sequence[str] = (),
    map: Map = "pca",
    rows: int = ROWS,
) -> Report:
    """Facts of selections over one source, and of experiments; UserError names what is none."""
    if not folders:
        raise UserError("no run: name folders that `tamis select` or `tamis prove` wrote")
    experiments = [folder for folder in folders if proofs.is_proof(folder)]
    others = [folder for folder in folders if folder not in experiments]
    found = [proofs.proof(folder) for folder in experiments]
    if not others:
        return Report(_facts(None, [], [], found))
    looked = opened(others, run)
    run = settings(looked.runs[0], run)
    scores = _scores(looked)
    labels = _labels(looked, run, group)
    raws = [raw(one, looked.data, run) for one in looked.runs]
    parted = [groups.grouping(*one, looked.runs, raws) for one in labels]
    values = {name: one.values for name, one in scores.items()}
    whole = Whole(values, {title: names for title, _, names in labels})
    whole, said = _placed(whole, looked, run, map)
    at = chosen(looked.runs[0].ids, [one.kept for one in looked.runs], rows)
    packed: Sequence[str] = ()
    if looked.data is not None:
        left = blocks.MOST_BYTES - SCORE_BYTES * len(at) * len(values)
        packed, at = fitting(looked.data, at, left)
    shown = rows_of(looked, at, whole, said)
    told = _facts(looked, _told(looked, scores), parted, found, values, raws)
    return Report(told, looked, shown, packed, whole)


def _placed(whole: Whole, looked: Opened, run: Run, map: Map) -> tuple[Whole, str]:
    """Tokens and a place on the map for every row, where the source can be read."""
    if looked.data is None:
        return whole, looked.missing
    pool = run.score(looked.data, [TOKENS] if map == "none" else [TOKENS, "embedding"])
    whole = replace(whole, tokens=pool.scores(TOKENS))
    if map == "none":
        return whole, "no map was asked for"
    run.progress("map", 0, 0)
    places, how = plane(pool, "embedding", map)
    return replace(whole, places=places), f"{how}, by {run.resource('Embedder').id}"


class Scored(NamedTuple):
    """A score as one run has it: `column` is its name there."""

    run: Selected
    column: str
    values: Floats


def _scores(looked: Opened) -> dict[str, Scored]:
    """Every score of any run; one that differs between runs stands once for each."""
    found: dict[str, Scored] = {}
    for run in looked.runs:
        for column in run.scores:
            one = Scored(run, column, run.values(column))
            known = found.setdefault(column, one)
            if not np.array_equal(known.values, one.values, equal_nan=True):
                found[f"{column}, {run.name}"] = one
    return dict(sorted(found.items(), key=lambda named: _marks(named[1].values)))  # they come last


def _marks(values: Floats) -> bool:
    """Whether a score only marks few rows: nearly all have one and the same value."""
    there = values[~np.isnan(values)]
    _, counts = np.unique(there, return_counts=True)
    return not len(counts) or int(counts.max()) > NEARLY_ALL * len(there)


def _told(looked: Opened, scores: Mapping[str, Scored]) -> list[Score]:
    """A histogram of each score that has a value at all, and the rows that have none."""
    found = []
    for name, (run, column, values) in scores.items():
        there = values[~np.isnan(values)]
        if not len(there):
            continue
        at = distributions.edges(there)
        parts = [distributions.part("pool", values, at)]
        parts += [distributions.part(one.name, values[one.kept], at) for one in looked.runs]
        spec = selections.spec_of(column, "score")
        missing = Counter(why for why in run.problems(column) if why is not None)
        found.append(
            Score(
                name=name,
                about=spec.summary if spec else "",
                prefer=spec.prefer if spec else "none",
                edges=[float(edge) for edge in at],
                parts=parts,
                missing=[Count(name=why, rows=rows) for why, rows in sorted(missing.items())],
            )
        )
    return found


Labelled = tuple[str, str, Sequence[str]]
"""A title, the column, and a label a row."""


def _labels(looked: Opened, run: Run, group: Sequence[str]) -> list[Labelled]:
    """What rows are grouped by: by default, by what the runs hold, and by what was asked for."""
    found: list[Labelled] = []
    for one in looked.runs:
        for name in one.labels:
            if name not in [title for title, _, _ in found]:
                values = [label or groups.NONE for label in one.table[name].to_pylist()]
                found.append((name, name, values))
    if looked.data is None:
        return found
    rows = len(looked)
    usual = {t: n for t, n in groups.GROUPINGS.items() if rows <= groups.SLOW.get(t, rows)}
    wanted = {**usual, **{name: name for name in group}}
    there = [name for _, name, _ in found]
    wanted = {title: name for title, name in wanted.items() if name not in there}
    pool: Pool = run.score(looked.data, list(wanted.values()))
    found += [(title, name, groups.labels_of(pool, name)) for title, name in wanted.items()]
    return [one for one in found if len(set(one[2])) > 1 or one[0] in group]


def _facts(
    looked: Opened | None,
    scores: list[Score],
    parted: list[Grouping],
    experiments: list[Proof],
    values: dict[str, Floats] | None = None,
    raws: Sequence[Raw | None] = (),
) -> Facts:
    runs = looked.runs if looked else ()
    scores_of = [one.score if one else "" for one in raws]
    told = [selections.run(*one) for one in zip(runs, scores_of, strict=True)]
    names = [one.name for one in runs]
    kept, several = [one.kept for one in runs], len(runs) > 1
    first = runs[0].manifest["data"] if runs else {}
    named = [*(one["method"] for one in told), *(one["name"] for one in experiments)]
    varied = {n: v for n, v in (values or {}).items() if _varies(v)}
    return Facts(
        tamis=versions()["tamis"],
        title=", ".join(dict.fromkeys(named)),
        fingerprint=first.get("fingerprint", ""),
        sources=[one["path"] for one in first.get("sources", [])],
        rows=int(first.get("rows", 0)),
        runs=told,
        scores=scores,
        correlation=distributions.correlations(varied),
        jaccard=distributions.jaccard(names, kept) if several else None,
        shared=distributions.shared(names, kept) if several else None,
        ranks=distributions.ranks(names, [one.rank for one in runs]) if several else None,
        groups=parted,
        failures=_failures(looked),
        rejects=str(first.get("rejects") or ""),
        proofs=experiments,
    )


def _varies(values: Floats) -> bool:
    there = values[~np.isnan(values)]
    return bool(len(there) and there.min() < there.max())


def _failures(looked: Opened | None) -> list[Count]:
    """Of all runs, each once."""
    found = (
        {one["name"]: one for run in looked.runs for one in selections.failures(run)}
        if looked
        else {}
    )
    return list(found.values())
