"""The rows of every arm and seed, and what selecting them took; each is kept in a file."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.budget import Budget
from tamis.costs import Cost, Spent
from tamis.notation import Reference, parse
from tamis.proof.design import Arm
from tamis.registry import find
from tamis.run.folder import versions
from tamis.run.pick import PICKERS, pick
from tamis.run.plan import resolve
from tamis.run.session import Run
from tamis.run.train import base_of
from tamis.store import SPENT
from tamis.types import Dataset, Ints


@dataclass(frozen=True, slots=True)
class Subset:
    """Rows of the pool in pick order, and what it took to find them, whoever computed it."""

    rows: Ints
    spent: Spent


def subset(
    run: Run, pool: Dataset, arm: Arm, seed: int, folder: Path, matched: Ints | None = None
) -> Subset:
    """The rows of one arm for one seed; what was selected before is read."""
    if arm.kind == "full":
        return Subset(np.arange(len(pool)), Spent())
    assert arm.share is not None
    with _towards(run, pool, matched):
        reference = seeded(run, arm.method, seed)
        path = folder / f"{_key(run, pool, reference, arm.share)}.parquet"
        return _read(path) or _selected(run, pool, reference, arm.share, path)


def stored(
    run: Run, pool: Dataset, arm: Arm, seed: int, folder: Path, matched: Ints | None = None
) -> Subset | None:
    """The same if it is there; nothing is selected."""
    if arm.kind == "full":
        return Subset(np.arange(len(pool)), Spent())
    assert arm.share is not None
    if arm.matched and matched is None:
        return None
    with _towards(run, pool, matched):
        reference = seeded(run, arm.method, seed)
        return _read(folder / f"{_key(run, pool, reference, arm.share)}.parquet")


@contextmanager
def _towards(run: Run, pool: Dataset, matched: Ints | None) -> Iterator[None]:
    """With these rows as the target set, where lengths are matched."""
    target = run.target
    if matched is not None:
        run.target = pool.take(matched)
    try:
        yield
    finally:
        run.target = target


def seeded(run: Run, method: str, seed: int) -> Reference:
    """The method with the seed, where it is a selector that takes one and none was given.

    A recipe's seed stays what it is: another one may cost another pass of a language model.
    """
    reference = parse(method)
    spec = find(reference.method, kinds=PICKERS, allow_code=run.allow_code)
    if spec.kind != "select" or "seed" not in spec.params or "seed" in reference.params:
        return reference
    return replace(reference, params={**reference.params, "seed": seed})


def _selected(run: Run, pool: Dataset, reference: Reference, share: Budget, path: Path) -> Subset:
    target = run.target
    run.begin(target)
    started = time.perf_counter()
    _, selection = pick(pool, reference, share, run)
    seconds = time.perf_counter() - started
    found = Subset(selection.rows, spent(run, pool, seconds))
    told = json.dumps([asdict(found.spent.scoring), asdict(found.spent.selecting)])
    table = pa.table({"row": found.rows}).replace_schema_metadata({SPENT: told})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)
    return found


def _read(path: Path) -> Subset | None:
    if not path.is_file():
        return None
    table = pq.read_table(path)
    scoring, selecting = json.loads(table.schema.metadata[SPENT])
    spent = Spent(scoring=Cost(**scoring), selecting=Cost(**selecting))
    return Subset(table["row"].to_numpy(), spent)


def spent(run: Run, pool: Dataset, seconds: float) -> Spent:
    """What this run's columns and trainings took when they were computed, and selecting itself.

    `seconds` is what the whole took now; columns that the store had cost what they once cost.
    """
    found = dict.fromkeys(("seconds", "tokens", "money"), 0.0)
    chunks = [*pool.ids.chunks, *(run.target.ids.chunks if run.target is not None else ())]
    ids = pa.chunked_array(chunks, pa.string())
    own = seconds
    for step in run.log:
        if "key" in step:
            folder = run.scores.folder(parse(step["score"]).method.rpartition(":")[2], step["key"])
            for kind, value in run.scores.spent(folder, ids).items():
                found[kind] = found.get(kind, 0.0) + value
        found["seconds"] += step.get("took", 0.0)
        if "select" not in step:
            own -= step["seconds"]
    money = None if isnan(found["money"]) else found["money"]
    scoring = Cost(max(found["seconds"], 0.0), found["tokens"], money)
    return Spent(scoring=scoring, selecting=Cost(seconds=max(own, 0.0)))


def _key(run: Run, pool: Dataset, reference: Reference, share: Budget) -> str:
    """Names all that decides which rows are selected."""
    spec = find(reference.method, kinds=PICKERS, allow_code=run.allow_code)
    others = [run.embedder, run.tokenizer, run.judge, run.reward, run.yes_no]
    others += [run.languages, run.segmenter]
    named: dict[str, Any] = {
        "tamis": versions()["tamis"],
        "method": [str(reference), spec.version, spec.code],
        "params": resolve(spec, reference),
        "share": str(share),
        "pool": pool.fingerprint,
        "target": run.target.fingerprint if run.target is not None else None,
        "models": [base_of(run).id, run.dtype, *map(_identity, others)],
        "training": run.training.told() if run.training else None,
    }
    text = json.dumps(named, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _identity(model: Any) -> str:
    """A model's name, and what it holds where that may change under the name."""
    from tamis.models.hub import REFERENCE, locate

    if not isinstance(model, str):
        return str(model.id)
    if model == REFERENCE or (Path(model).expanduser() / "config.json").is_file():
        return locate(model).id
    return model
