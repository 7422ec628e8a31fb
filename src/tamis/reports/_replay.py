"""The selection of a run folder made again: with other budgets, the same in all else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.budget import Budget
from tamis.data.read import read
from tamis.errors import UserError, nearest
from tamis.models.asking import Asking
from tamis.notation import Reference, parse
from tamis.registry import find
from tamis.reports.opened import Selected
from tamis.run.pick import PICKERS, pick, ranking
from tamis.run.plan import columns_of, resolve
from tamis.run.session import TOKENS, Run
from tamis.spec import Spec
from tamis.training.settings import Training
from tamis.types import Column, Dataset, Ints, Pool, Selection

Again = Callable[[int], Selection]
"""The selection under a budget of so many rows, or tokens where the run's budget is in tokens."""


@dataclass(frozen=True, slots=True)
class Made:
    """How a run was selected: what `tamis select --config run.toml` reads, as objects.

    Args:
        reference: the method with its parameters; a scorer is the ranking of its best rows
        limit: the budget in rows or tokens, with its quotas
        spec: the method; None where it is not there, and then `unknown` says why
        columns: what a selector looks at, and what quotas and the budget are counted in
    """

    reference: Reference
    limit: Budget
    spec: Spec | None = None
    columns: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def total(self) -> int:
        """The budget as a number."""
        return int(self.limit.tokens if self.limit.tokens is not None else self.limit.count or 0)

    def of(self, total: int) -> Budget:
        """Another budget of the same kind, with the same quotas."""
        if self.limit.tokens is not None:
            return replace(self.limit, tokens=total)
        return replace(self.limit, count=total)

    def written(self, total: int) -> str:
        """A budget as people write it."""
        return str(self.of(total))


def made(one: Selected, run: Run) -> Made:
    """How the run was selected."""
    chosen = one.config["select"]
    reference = Reference(chosen["method"], dict(chosen.get("params", {})))
    limit = Budget.parse(chosen["budget"]).within(chosen.get("quota", ())).of(len(one))
    try:
        spec = find(reference.method, kinds=PICKERS, allow_code=run.allow_code)
        if spec.kind == "score":
            named = parse(one.manifest["method"])  # as the folder names its column
            reference = ranking(spec, named if str(named) in one.table.column_names else reference)
            spec = find(reference.method, kinds=("select",))
        columns = columns_of(spec, resolve(spec, reference)) + [q.column for q in limit.quotas]
    except UserError as error:  # a method of one's own, or of another version
        return Made(reference, limit, unknown=str(error))
    paid = [TOKENS] if limit.tokens is not None else []
    return Made(reference, limit, spec, tuple(dict.fromkeys([*columns, *paid])))


def settings(one: Selected, run: Run) -> Run:
    """A run that computes with what the selection computed with.

    Store, device and progress are those of `run`, and objects that have no name in run.toml.
    """
    told: dict[str, Any] = dict(one.config.get("run", {}))
    thinking = told.pop("thinking", None)
    known = {field.name for field in fields(Run)}
    unknown = sorted(set(told) - known)
    if unknown:
        raise UserError(f"run.toml of {one.folder}: {nearest(unknown[0], known)}")
    if thinking:
        told["asking"] = replace(run.asking or Asking(), thinking=thinking)
    training = one.config["select"].get("training")
    if training:
        told["training"] = Training.parse(dict(text.split("=", 1) for text in training))
    return replace(run, **told, log=[], loaded={}, computed={})


def from_table(one: Selected, how: Made) -> Again | None:
    """The selection from the scores in the folder alone; None where more is needed.

    It costs a sort: all rankings by scores and labels are made so.
    """
    spec = how.spec
    if spec is None or spec.kind != "select" or spec.targets or spec.resources:
        return None
    ours = spec.function.__module__.startswith("tamis.selectors.")
    if not (ours and set(how.columns) <= held(one)):
        return None
    ids = pa.chunked_array([pa.array(one.ids, pa.string())])
    rows = Dataset(pa.table({"id": ids}), str(one.config["read"].get("fingerprint")))
    return _selector(_pool(rows, one), how, Run())


def from_source(one: Selected, how: Made, data: Dataset, run: Run) -> Again:
    """The selection from the source; scores come from the folder, or else from the store.

    UserError where it would train a model or ask a judge.
    """
    if how.spec is None:
        raise UserError(how.unknown)
    target = one.config["select"].get("target")
    run.begin(read(target) if target else None)
    if how.spec.kind == "select":
        return of_rows(data, one, how, run)
    paid = [name for name in ("train", "judges") if _did(one.manifest, name)]
    if paid:
        what = {"train": "train models", "judges": "ask a judge"}[paid[0]]
        raise UserError(
            f"{how.reference.method} would {what} to select under another budget, so it is not "
            "searched: select with a larger --budget instead"
        )
    return lambda total: pick(data, how.reference, how.of(total), run)[1]


def of_rows(data: Dataset, one: Selected, how: Made, run: Run) -> Again:
    """The selection of a selector from the source and the columns that the folder has."""
    return _selector(_pool(data, one), how, run)


def tokens(one: Selected) -> Ints | None:
    """What each row costs where the budget is in tokens, if the folder tells it."""
    if TOKENS not in one.table.column_names:
        return None
    found = one.values(TOKENS)
    return None if np.isnan(found).any() else found.astype(np.int64)


def _selector(pool: Pool, how: Made, run: Run) -> Again:
    return lambda total: run.select(pool, str(how.reference), how.of(total))


def held(one: Selected) -> set[str]:
    """Columns that the folder has."""
    return {*one.scores, *one.labels, *lists(one)}


def _pool(data: Dataset, one: Selected) -> Pool:
    """Rows with the columns that the folder has."""
    columns = {}
    for name in [*one.scores, *one.labels, *lists(one)]:
        values = one.table[name].combine_chunks()
        columns[name] = Column(values, pa.array(one.problems(name), pa.string()))
    return Pool.of(data, **columns)


def lists(one: Selected) -> list[str]:
    """Names of the columns that hold a list of texts a row."""
    return [field.name for field in one.table.schema if pa.types.is_list(field.type)]


def _did(manifest: Mapping[str, Any], what: str) -> bool:
    if what == "judges":
        return bool(manifest.get("judges"))
    return any(what in step for step in manifest.get("steps", []))
