"""A job as strings, numbers and paths, for processes that share no memory with this one.

`told` and `asked` write down a job and a shard; `begin` and `work` make them again and compute.
"""

from __future__ import annotations

import base64
import builtins
import os
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from tamis import errors
from tamis.data.spool import opened, shared
from tamis.errors import Pending, UserError
from tamis.run.execute import Inputs, compute_shard
from tamis.run.executors import rows
from tamis.run.plan import Setting, Step, columns_of, plan, which_model
from tamis.run.session import Run
from tamis.run.shards import Done, Job, Shard, Unstored
from tamis.store import Store
from tamis.types import Dataset, Mask

KEPT = 4
"""Datasets that are kept open: a run has its pool, its target, and a part of one of them."""

RESOURCES = {
    "Embedder": "embedder",
    "Tokenizer": "tokenizer",
    "Reward": "reward",
    "YesNo": "yes_no",
    "Languages": "languages",
    "Segmenter": "segmenter",
}
"""Protocol -> the setting of a run that names what stands behind it; else `model`."""


def name_of(step: Step, protocol: str, run: Run) -> Any:
    """What a step's resource was given as: a name, or an object."""
    own = RESOURCES.get(protocol, "model")
    other = which_model(step.spec, step.params).get("model") if protocol != "Languages" else None
    return other or getattr(run, own)


def stays(step: Step, run: Run) -> bool:
    """Whether a step has nothing to gain in another process, or would disturb others there.

    Judges and servers have limits that one process keeps; vLLM takes the GPUs for itself.
    """
    names = [name_of(step, kind.__name__, run) for kind in step.spec.resources.values()]
    elsewhere = any("://" in n or n.startswith("vllm:") for n in names if isinstance(n, str))
    return step.spec.asks or elsewhere or bool(columns_of(step.spec, step.params))


def objects(step: Step, run: Run) -> list[str]:
    """The resources of a step that have no name, as their settings are called."""
    protocols = [kind.__name__ for kind in step.spec.resources.values()]
    given = {RESOURCES.get(p, "model"): name_of(step, p, run) for p in protocols if p != "Judge"}
    return [setting for setting, value in given.items() if not isinstance(value, str)]


@dataclass(slots=True)
class Shares:
    """The datasets that other processes have been told of, with the files that they map."""

    share: Callable[[pa.Table, object], tuple[list[str], object]] = shared
    address: str = ""  # of the place that holds the files, where they are not this machine's
    kept: list[tuple[pa.Table, dict[str, Any], object]] = field(default_factory=list)

    def told(self, data: Dataset) -> dict[str, Any]:
        """Where a dataset's rows are."""
        for table, said, _ in self.kept:
            if table is data.table:
                return said
        files, keeper = self.share(data.table, data.spool)
        name = uuid.uuid4().hex
        said = {"files": files, "at": self.address, "fingerprint": data.fingerprint, "name": name}
        self.kept = [*self.kept[1 - KEPT :], (data.table, said, keeper)]
        return said


def told(job: Job, run: Run, shares: Shares) -> dict[str, Any]:
    """A job for another process."""
    names = (*RESOURCES.values(), "model", "dtype")
    values = {name: getattr(run, name) for name in names}
    settings = {name: value for name, value in values.items() if isinstance(value, str)}
    below, target = job.store.beneath, job.inputs.target
    needed = target is not None and any(step.spec.targets for step in job.steps)
    return {
        "folder": os.getcwd(),
        "run": {**settings, "allow_code": run.allow_code},
        "store": job.store.root.address,
        "beneath": below.address if below else None,
        "data": shares.told(job.data),
        "target": shares.told(target) if target is not None and needed else None,
        "steps": [[step.name, step.key] for step in job.steps],
    }


def asked(shard: Shard) -> dict[str, Any]:
    """A shard for another process."""
    lacks = {key: _bits(rows) for key, rows in shard.lacks.items()}
    return {"start": shard.start, "rows": shard.rows, "lacks": lacks, "parts": dict(shard.parts)}


def begin(said: Mapping[str, Any], run: Run) -> Job:
    """The job that was told, with the resources of this process's run.

    Raises UserError where a name stands for something else here than it did there.
    """
    data = _dataset(said["data"])
    target = _dataset(said["target"]) if said["target"] else None
    names = [name for name, _ in said["steps"]]
    setting = Setting(run.resource, target, run.allow_code)
    steps = {step.key: step for step in plan(names, data.fingerprint, setting)}
    for name, key in said["steps"]:
        if key not in steps:
            raise UserError(
                f"{name} changed while the run was at work: the file of the method, or of a model "
                "that it asks, is another one now; run again"
            )
    store = Store.at(said["store"], said["beneath"])
    return Job([steps[key] for _, key in said["steps"]], data, _inputs(run, target), store)


def _inputs(run: Run, target: Dataset | None) -> Inputs:
    return Inputs(run.resource, target, run.spent)


def _dataset(said: Mapping[str, Any]) -> Dataset:
    table = _table(said["name"], tuple(said["files"]), said["at"])
    return Dataset(table, said["fingerprint"])


@lru_cache(maxsize=KEPT)
def _table(name: str, files: tuple[str, ...], address: str) -> pa.Table:
    return rows.opened_at(address, list(files), name) if address else opened(files)


def work(job: Job, said: Mapping[str, Any]) -> dict[str, Any]:
    """Computes and commits a shard; what is to be told of it."""
    rows = said["rows"]
    lacks = {key: _mask(bits, rows) for key, bits in said["lacks"].items()}
    done = compute_shard(job, Shard(said["start"], rows, lacks, said["parts"]))
    kind = pa.schema([("value", done.unstored.kind)]).serialize().to_pybytes()
    return {
        "problems": done.unstored.problems,
        "kind": base64.b64encode(kind).decode(),
        "spent": dict(done.spent),
        "pending": str(done.pending) if done.pending else None,
    }


def done(reply: Mapping[str, Any]) -> Done:
    """What was told of a shard."""
    kind = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(reply["kind"]))).field("value").type
    pending = Pending(reply["pending"]) if reply["pending"] is not None else None
    return Done(Unstored(dict(reply["problems"]), kind), reply["spent"], pending)


def fault(error: BaseException) -> dict[str, Any]:
    """An exception for another process."""
    trace = "".join(traceback.format_exception(error))
    mine = isinstance(error, UserError)
    return {"class": type(error).__name__, "text": str(error), "trace": trace, "user": mine}


def raised(said: Mapping[str, Any]) -> Exception:
    """The exception that was told of: for people as it was, any other with where it came from."""
    if said["user"]:
        known: type[UserError] = getattr(errors, said["class"], UserError)
        error = known.__new__(known)  # whatever its constructor takes, the message is made already
        error.args = (said["text"],)
        return error
    usual = getattr(builtins, said["class"], RuntimeError)
    kind = usual if isinstance(usual, type) and issubclass(usual, Exception) else RuntimeError
    try:
        found: Exception = kind(said["text"])
    except TypeError:  # one that takes more than a text
        found = RuntimeError(f"{said['class']}: {said['text']}")
    found.add_note(f"in another process:\n{said['trace']}")
    return found


def _bits(rows: Mask) -> str | None:
    """A mask as text; None where it holds every row."""
    return None if rows.all() else np.packbits(rows).tobytes().hex()


def _mask(bits: str | None, rows: int) -> Mask:
    if bits is None:
        return np.ones(rows, dtype=bool)
    return np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=rows).astype(bool)
