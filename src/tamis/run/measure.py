"""Measures of subsets beside those of as many random rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.notation import parse
from tamis.registry import find, specs
from tamis.run.execute import borrowed, scored
from tamis.run.plan import columns_of, resolve
from tamis.run.reopen import selections
from tamis.run.session import Run
from tamis.selectors.random import uniform
from tamis.spec import Spec
from tamis.types import Dataset, Ints, Pool, order_by


@dataclass(frozen=True, slots=True)
class Measured:
    """What measures say of one subset, and of random subsets of as many rows."""

    subset: str
    rows: int
    pool: int  # rows of the data it is a subset of
    values: dict[str, float] = field(default_factory=dict)
    random: dict[str, list[float]] = field(default_factory=dict)
    prefer: dict[str, str] = field(default_factory=dict)  # measure -> the better end
    problems: dict[str, str] = field(default_factory=dict)  # measure -> why it has no value


@dataclass(frozen=True, slots=True)
class Asked:
    """One measure as written, with its checked parameters and the columns it needs."""

    name: str
    spec: Spec
    params: Mapping[str, Any]
    columns: Sequence[str]


def usual() -> list[str]:
    """The measures that need no more than vectors: what is measured where nothing is named."""
    found = []
    for spec in specs(("measure",)):
        if not any(param.required for param in spec.params.values()):
            if set(columns_of(spec, spec.resolve({}))) <= {"embedding"}:
                found.append(spec.name)
    return found


def asked(references: Sequence[str], run: Run) -> list[Asked]:
    """The measures by name; raises UserError with every fault at once."""
    found: dict[str, Asked] = {}
    faults: list[str] = []
    for text in references or usual():
        try:
            reference = parse(text)
            spec = find(reference.method, kinds=("measure",), allow_code=run.allow_code)
            if spec.kind != "measure":
                raise UserError(f"{reference.method} is no measure: put @measure above it")
            params = resolve(spec, reference)
            found[str(reference)] = Asked(str(reference), spec, params, columns_of(spec, params))
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return list(found.values())


def measures(
    run: Run,
    data: Dataset,
    subsets: Mapping[str, Ints],
    wanted: Sequence[Asked],
    random: int = 3,
) -> list[Measured]:
    """Each subset measured, beside random subsets drawn by seeds of their own.

    These are drawn from the rows that have what the measure looks at, and are as many as the
    subset's own rows that have it. Raises UserError where nothing of a subset can be measured.
    """
    if random < 0:
        raise UserError(f"{random} random subsets cannot be drawn: set 0 or more")
    pool = run.score(data, list(dict.fromkeys(c for one in wanted for c in one.columns)))
    orders = [
        # not the seeds that people select with: a random run is not measured against itself
        order_by(uniform(pool.ids.tolist(), -1 - s), pool.ids, descending=False)
        for s in range(random)
    ]
    found = {n: Measured(n, len(rows), len(pool)) for n, rows in subsets.items()}
    for one in wanted:
        run.progress(one.name, 0, 0)
        there = np.zeros(len(pool), bool)
        there[scored(pool, one.columns)[0]] = True
        drawn = [order[there[order]] for order in orders]
        scales: dict[int, list[float]] = {}
        for name, rows in subsets.items():
            found[name].prefer[one.name] = one.spec.prefer
            try:
                found[name].values[one.name] = value(one, pool, rows)
            except UserError as error:
                found[name].problems[one.name] = str(error)
                continue
            size = int(there[rows].sum())
            if size not in scales:
                scales[size] = []
                for order in drawn:
                    with suppress(UserError):  # a random subset may have nothing to measure
                        scales[size].append(value(one, pool, order[:size]))
            found[name].random[one.name] = scales[size]
    for measured in found.values():
        if not measured.values:
            raise UserError("\n".join(dict.fromkeys(measured.problems.values())))
    return list(found.values())


def value(one: Asked, pool: Pool, rows: Ints) -> float:
    """The number that a measure gives to a subset."""
    with borrowed(one.spec):
        found = float(one.spec.function(pool, rows, **one.params))
        if not np.isfinite(found):
            raise ValueError(f"{one.name} is {found}")
    return found


def subsets_of(
    data: Any, rows: Sequence[int] | Mapping[str, Sequence[int]] | None, run: Run
) -> list[tuple[Dataset, dict[str, Ints]]]:
    """Datasets with subsets by name: of run folders, or of the positions given."""
    if rows is None:
        folders = [data] if isinstance(data, str | Path) else data
        if not isinstance(folders, list | tuple) or not folders:
            raise UserError("say which rows to measure, or name folders that `tamis select` wrote")
        return selections(folders, run)
    named = rows if isinstance(rows, Mapping) else {"subset": rows}
    return [(data, {name: positions(given, data) for name, given in named.items()})]


def positions(rows: Sequence[int] | Ints, data: Dataset) -> Ints:
    """A subset given as positions, checked: whole numbers, each once, of rows that are there."""
    found = np.asarray(rows)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise UserError("the rows of a subset are positions: whole numbers, from 0")
    if len(np.unique(found)) != len(found) or (found < 0).any() or (found >= len(data)).any():
        raise UserError(f"a subset's rows must be distinct, from 0 to {len(data) - 1:,}")
    return found.astype(np.int64)
