"""Before a model scores a pool: whether it can judge each group of its rows, once a model and pool.

Groups are found in a sample of the pool, the rows of the smallest ids: an id is a hash, so they are
a fair sample, and the same one whatever the order of the file. What was found lies in the store, so
a run that goes on measures nothing again. No score depends on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.competences import (
    LIMITS,
    Exchange,
    Finding,
    Limits,
    of_embedder,
    of_language_model,
    of_translations,
)
from tamis.errors import UserError
from tamis.protocols import Likelihood
from tamis.run.execute import Inputs, call
from tamis.run.plan import Step, plan, which_model
from tamis.spec import LANGUAGE_MODEL
from tamis.types import Batch, Column, Dataset, Ints, Pool

if TYPE_CHECKING:
    from tamis.run.session import Run

VERSION = 1  # raise it when a finding changes
SAMPLE = 1000
"""Rows in which groups are found."""
NAME = "competence"
WHOLE = pa.chunked_array([["findings"]])
"""The one row of what is stored for a model and a pool."""
KINDS = ("language model", "embedder")


def recalled(run: Run, steps: Sequence[Step], data: Dataset) -> None:
    """Takes note of what is stored of the models that these steps ask."""
    for kind, model in _asked(run, steps, data):
        found = _stored(run, data, model.id)
        if found:
            _note(run, data, kind, model, found)


def checked(run: Run, steps: Sequence[Step], data: Dataset) -> None:
    """Measures the models that these steps ask, where it was not done before."""
    for kind, model in _asked(run, steps, data):
        found = findings(run, data, kind, model, run.competence_group)
        _store(run, data, model.id, found)
        _note(run, data, kind, model, found)
        if run.executor != "inline":  # other processes load it: there is no room for it twice
            run.loaded = {name: one for name, one in run.loaded.items() if one is not model}


def findings(
    run: Run, data: Dataset, kind: str, model: Any, group: str, limits: Limits = LIMITS
) -> list[Finding]:
    """What is found of a model in each group of the pool by a label, the largest first."""
    run.progress(f"whether {model.id} can judge these rows", 0, 0)
    rows = sample(data)
    found = []
    for label, members in _groups(run, rows, group):
        said = _exchanges(rows.take(members))
        empty = Finding(model.id, kind, label, len(members))
        if kind == "embedder":
            found.append(of_embedder(model, _baseline(), said, empty, limits))
        else:
            found.append(of_language_model(model, said, empty, limits))
    return found


def translations(
    run: Run, data: Dataset, other: Dataset, model: Any, limits: Limits = LIMITS
) -> Finding:
    """What is found of an embedder in row-aligned sources: records in equal places are one."""
    sides = [_by_record(part) for part in (data, other)]
    if max(sides[0], default=(0, 0)) != max(sides[1], default=(0, 0)):
        raise UserError(
            "the two sources have not the same number of records: record 1 of one has to be the "
            "translation of record 1 of the other, and so on"
        )
    common = sorted(set(sides[0]) & set(sides[1]))
    places = np.array([[side[key] for side in sides] for key in common], np.int64).reshape(-1, 2)
    ids = data.ids.take(pa.array(places[:, 0])).to_pylist()
    places = places[np.argsort(ids, kind="stable")[:SAMPLE]]
    texts = [
        _taken(part, places[:, side]).texts("all").to_pylist()
        for side, part in enumerate((data, other))
    ]
    run.progress(f"whether {model.id} reads both languages", 0, 0)
    empty = Finding(model.id, "embedder", "translations", len(places))
    return of_translations(model, texts[0], texts[1], empty, limits)


def faults(found: Sequence[Finding]) -> list[str]:
    """One sentence for each group that a model cannot judge."""
    return [
        f"{called(one.model)} does not read {one.group} well enough to judge it: "
        f"{'; '.join(one.faults)} ({one.judged} rows were read)"
        for one in found
        if one.faults
    ]


def called(model: str) -> str:
    """What people call a model, out of its id."""
    return model.partition("@" if "@" in model else "/")[0]


def sample(data: Dataset, rows: int = SAMPLE) -> Dataset:
    """The rows of the smallest ids, in that order."""
    least = pc.select_k_unstable(data.ids, min(rows, len(data)), [("id", "ascending")])
    return _taken(data, np.asarray(least, np.int64))


def _taken(data: Dataset, rows: Ints) -> Dataset:
    """Rows without their raw records, taken piece by piece: a file of any size stays on disk."""
    light = data.table.select([n for n in data.table.column_names if n != "raw"])
    order, parts, start = np.argsort(rows, kind="stable"), [], 0
    for piece in light.to_batches():
        stop = start + piece.num_rows
        inside = rows[order][(rows[order] >= start) & (rows[order] < stop)] - start
        if len(inside):
            parts.append(piece.take(pa.array(inside)))
        start = stop
    sorted_rows = pa.Table.from_batches(parts, light.schema).combine_chunks()
    table = sorted_rows.take(pa.array(np.argsort(order, kind="stable")))
    return replace(data, table=table, fingerprint=f"{data.fingerprint} sample", spool=None)


def _groups(run: Run, rows: Dataset, name: str) -> list[tuple[str, Ints]]:
    """Labels with their rows of the sample, the largest first."""
    steps = plan([name], rows.fingerprint, run.setting)
    if any(step.spec.asks for step in steps):
        raise UserError(f"groups by {name} would have to be asked of a judge: name another column")
    inputs, pool = Inputs(run.resource, run.target), Pool.of(rows)
    for step in steps:
        given = Batch(rows.table) if step.spec.scope == "row" else pool
        pool = replace(pool, columns={**pool.columns, step.name: call(step, given, inputs)})
    values = pool.columns[steps[-1].name].values
    if not pa.types.is_string(values.type):
        raise UserError(f"groups are by a label a row, and {name} holds {values.type}")
    labels = np.array([label or "none" for label in values.to_pylist()], dtype=object)
    found = [(label, np.flatnonzero(labels == label)) for label in sorted(set(labels.tolist()))]
    return sorted(found, key=lambda one: -len(one[1]))


def _exchanges(rows: Dataset) -> list[Exchange]:
    parts = [rows.texts(of).to_pylist() for of in ("instruction", "response")]
    return [Exchange(*row) for row in zip(*parts, strict=True)]


def _by_record(data: Dataset) -> dict[tuple[int, int], int]:
    """(source, record) -> position."""
    keys = zip(*(data.table[name].to_pylist() for name in ("source", "row")), strict=True)
    return {key: at for at, key in enumerate(keys)}


def _baseline() -> Any:
    from tamis.models.chargrams import CharGrams

    return CharGrams()


def _asked(run: Run, steps: Sequence[Step], data: Dataset) -> list[tuple[str, Any]]:
    """The models of the steps that are to be judged and were not yet: (kind, model)."""
    if run.competence == "off" or len(data) < LIMITS.rows:
        return []
    found: dict[str, tuple[str, Any]] = {}
    for step in steps:
        for argument, protocol in step.spec.resources.items():
            kind = KINDS[0] if protocol.__name__ in LANGUAGE_MODEL else KINDS[1]
            if kind == KINDS[1] and protocol.__name__ != "Embedder":
                continue
            name = step.inputs[argument]
            if name in run.judged_models or name in found:
                continue
            model = run.resource(protocol.__name__, **which_model(step.spec, step.params))
            if kind == KINDS[1] or isinstance(model, Likelihood):
                found[name] = kind, model
    return list(found.values())


def _note(run: Run, data: Dataset, kind: str, model: Any, found: Sequence[Finding]) -> None:
    """Puts findings among those of the run; warns, or stops where the run is strict."""
    run.judged_models[model.id] = [
        {**one.told(), "rows_of": len(data), "by": run.competence_group} for one in found
    ]
    said = faults(found)
    if not said:
        return
    other = "--embedder NAME" if kind == "embedder" else "--model NAME"
    advice = f"Name another with {other}; --competence off does not ask"
    if run.competence == "strict":
        raise UserError("\n".join([*said, advice]))
    for text in said:
        run.say(f"{text}. {advice}")


def _folder(run: Run, data: Dataset, model: str) -> str:
    """Where findings lie: the key names everything that decides them."""
    steps = plan([run.competence_group], data.fingerprint, run.setting)
    keys = {step.name: step.key for step in steps}
    said = [VERSION, model, data.fingerprint, SAMPLE, list(LIMITS), keys, _baseline().id]
    digest = hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=12)
    return run.scores.folder(NAME, digest.hexdigest())


def _kept(run: Run, data: Dataset) -> bool:
    """Whether the ids name the groups: labels out of a file or of other fields are not kept."""
    steps = plan([run.competence_group], data.fingerprint, run.setting)
    return all(step.spec.stored for step in steps)


def _stored(run: Run, data: Dataset, model: str) -> list[Finding]:
    if not _kept(run, data):
        return []
    column, _ = run.scores.read(_folder(run, data, model), WHOLE)
    if column is None:
        return []
    said: Sequence[Mapping[str, Any]] = json.loads(column.values[0].as_py())
    return [Finding.of(one) for one in said]


def _store(run: Run, data: Dataset, model: str, found: Sequence[Finding]) -> None:
    if _kept(run, data):
        text = json.dumps([one.told() for one in found], ensure_ascii=False)
        run.scores.append(_folder(run, data, model), WHOLE, Column.strings([text]))
