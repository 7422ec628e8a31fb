"""Benchmarks through lm-eval (extra `eval`): accuracies with intervals, and every row's value.

    accuracy      mean of the rows' values; Wilson's interval where all are 0 or 1, else -+ t x s.e.
    difference    mean of ours minus theirs over the rows that both have, -+ t x standard error

lm-eval runs as a program of its own, and all that it was told is kept with the result: whether the
chat template was on, shots, limit, seed, precision and rows a batch. Its numbers move with each of
them, with the first by far the most, so `chat` is off unless it is said and always recorded.

Differs from lm-eval's own report: its standard errors are those of a mean, 0 where every row is
right; these are intervals. Means are the same. Groups of tasks are in `results`, as it made them.

Cost: that of reading every option of every question, or of writing every answer.
Oracle: lm-eval's own means; Wilson's limits; a comparison of a model with itself is 0.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tamis.errors import MissingExtra, UserError

# What the verb computes with loads when it runs, so that --help is instant.
if TYPE_CHECKING:
    import pyarrow as pa

    from tamis.intervals import Interval
    from tamis.run.session import Run
    from tamis.types import Floats

CHAT = ["--apply_chat_template", "--fewshot_as_multiturn"]
SAMPLES = re.compile(r"samples_(.+)_\d{4}-\d\d-\d\dT[^/]*\.jsonl")
KEPT = ("results", "groups", "versions", "n-shot", "n-samples", "task_hashes", "chat_template_sha")
"""What is taken over of lm-eval's own report."""
SAID = ("task", "metric", "filter", "doc", "hash", "value")


@dataclass(frozen=True, slots=True)
class Score:
    """A task's mean with its interval; of two models, of their difference."""

    task: str
    metric: str
    filter: str  # how answers were read, where a task reads them in several ways
    rows: int
    interval: Interval
    alone: int = 0  # of a comparison: rows that one side only has

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        named = {"task": self.task, "metric": self.metric, "filter": self.filter}
        return {**named, "rows": self.rows, **self.interval.told()}


@dataclass(frozen=True, slots=True)
class Benchmarked:
    """Scores by task, the value of each row, and what was run."""

    scores: Sequence[Score]
    table: pa.Table
    manifest: Mapping[str, Any]
    differences: Sequence[Score] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model is asked, and how; `tamis.verbs.benchmarking` says what each stands for."""

    tasks: Sequence[str] = ()
    data: Sequence[str] = ()
    examples: str | None = None
    include: str | None = None
    chat: bool = False
    shots: int | None = None
    limit: int | None = None
    batch: int = 8
    seed: int = 0

    @property
    def alike(self) -> dict[str, Any]:
        """What has to be the same of two models that are compared."""
        named = {"chat": self.chat, "shots": self.shots}
        return {**named, "examples": self.examples, "seed": self.seed}


def benchmark(run: Run, asked: Asked, path: Path, against: Path | None = None) -> Benchmarked:
    """Runs lm-eval on the run's model and writes the result to a path that ends in .json."""
    import pyarrow.parquet as pq

    from tamis.data.write import made_folder
    from tamis.models.hub import locate

    _check(asked, path)
    other = _other(against, asked.alike) if against else None  # told before it takes long
    model = model_flags(run, asked.batch)
    made_folder(path.parent)
    with tempfile.TemporaryDirectory() as scratch:
        folder, names = _tasks(asked, Path(scratch) / "tasks")
        said = {"num_fewshot": asked.shots, "limit": asked.limit, "seed": asked.seed}
        flags = [*model, "--tasks", ",".join([*asked.tasks, *names])]
        flags += [*_given({**said, "include_path": folder}), *(CHAT if asked.chat else [])]
        table, report, seconds = _ran(flags, Path(scratch), path, offline=not asked.tasks)
    found = scores_of(table)
    differences = paired(table, other) if other is not None else []
    pq.write_table(table, path.with_suffix(".parquet"))
    manifest = {
        "model": run.model,
        "model_id": locate(str(run.model)).id,
        "data": list(asked.data),
        "asked": asked.alike,
        "flags": flags,
        "seconds": seconds,
        "versions": _versions(),
        "scores": [one.told() for one in found],
        "against": str(against) if against else None,
        "differences": [one.told() for one in differences],
        "lm_eval": report,
    }
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return Benchmarked(found, table, manifest, differences)


def _check(asked: Asked, path: Path) -> None:
    """What is told before anything is loaded."""
    if path.suffix != ".json":
        raise UserError(f"the result goes to a file that ends in .json, not {path}")
    if not asked.tasks and not asked.data:
        raise UserError("name tasks of lm-eval with tasks, or files of questions with data")
    if asked.data and asked.shots and not asked.examples:
        raise UserError("shots of your own questions are taken from a file: name it with examples")
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingExtra("running benchmarks", "eval")


def model_flags(run: Run, batch: int) -> list[str]:
    """How lm-eval is told the run's model; what `auto` stands for is decided here and said."""
    from tamis.models.hub import locate, weights

    if not isinstance(run.model, str) or "@" in run.model or run.model.startswith("vllm:"):
        raise UserError("benchmarks are run on a model by Hub name or folder, or on reference")
    if run.dtype == "int8":
        raise UserError("lm-eval has no int8 as it is here: say dtype float32, bfloat16 or float16")
    model = locate(run.model)
    folder = weights(model)
    device = _device(run.device)
    dtype = run.dtype
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    said = {
        "pretrained": folder,
        "dtype": dtype,
        **({"peft": model.adapter} if model.adapter else {}),
    }
    for name, value in said.items():
        if "," in str(value):
            raise UserError(f"lm-eval cannot be told {name}={value}: a comma ends it there")
    together = ",".join(f"{name}={value}" for name, value in said.items())
    return [
        "--model",
        "hf",
        "--model_args",
        together,
        "--device",
        device,
        "--batch_size",
        str(batch),
    ]


def _device(named: str) -> str:
    if "," in named:
        raise UserError("lm-eval reads with one device here: name one, as cuda:0")
    if named != "auto":
        return named
    try:
        import torch
    except ImportError:
        raise MissingExtra("a language model", "lm") from None
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def _tasks(asked: Asked, folder: Path) -> tuple[str | None, list[str]]:
    """The folder of tasks that lm-eval does not have, and the names of those of our files."""
    from tamis.evaluation.local_tasks import local_task

    include = Path(asked.include).expanduser().resolve() if asked.include else None
    if include and not include.is_dir():
        raise UserError(f"{include} is no folder with tasks")
    if not asked.data:
        return (str(include) if include else None), []
    if include:  # it takes one folder
        shutil.copytree(include, folder / "included")
    folder.mkdir(exist_ok=True)
    shown = Path(asked.examples).expanduser() if asked.examples else None
    names = [local_task(Path(file).expanduser(), folder, shown) for file in asked.data]
    if len(set(names)) < len(names):
        raise UserError("two files of questions have the same name, and so would their tasks")
    return str(folder), names


def _given(said: Mapping[str, Any]) -> list[str]:
    return [
        part
        for name, value in said.items()
        if value is not None
        for part in (f"--{name}", str(value))
    ]


def _ran(
    flags: Sequence[str], scratch: Path, path: Path, *, offline: bool
) -> tuple[pa.Table, dict[str, Any], float]:
    """Runs lm-eval; the values of all rows, its own report, and the seconds it took."""
    found, log = scratch / "found", path.with_suffix(".log")
    command = [
        sys.executable,
        "-m",
        "lm_eval",
        *flags,
        "--log_samples",
        "--output_path",
        str(found),
    ]
    own = {"HF_DATASETS_CACHE": str(scratch / "cache")} if offline else {}
    started = time.perf_counter()
    with open(log, "wb") as words:
        done = subprocess.run(
            command, stdout=words, stderr=subprocess.STDOUT, env={**os.environ, **own}, check=False
        )
    seconds = time.perf_counter() - started
    reports = sorted(found.rglob("results_*.json"))
    if done.returncode or not reports:
        lines = log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise UserError(
            f"lm-eval ended with code {done.returncode}: {lines[-1].strip()} "
            f"(all that it said is in {log})"
        )
    log.unlink()
    report = json.loads(reports[-1].read_text("utf-8"))
    return rows_of(reports[-1].parent, report), {k: report[k] for k in KEPT if k in report}, seconds


def rows_of(folder: Path, report: Mapping[str, Any]) -> pa.Table:
    """The value of each row of each task by every metric that is a number for a row.

    A metric that exists for a task as a whole only, as a correlation does, has no rows.
    """
    import pyarrow as pa

    kinds = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.string(), pa.float64())
    schema = pa.schema(list(zip(SAID, kinds, strict=True)))
    rows: list[tuple[Any, ...]] = []
    for path in sorted(folder.glob("samples_*.jsonl")):
        named = SAMPLES.fullmatch(path.name)
        task = named[1] if named else path.stem.removeprefix("samples_")
        rows += _samples(path, task, report.get("results", {}).get(task, {}))
    columns = zip(*rows, strict=True) if rows else ([] for _ in SAID)
    return pa.table([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], schema=schema)


def _samples(path: Path, task: str, means: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    known = {tuple(key.split(",")) for key in means if key.count(",") == 1}
    for line in path.read_text("utf-8").splitlines():
        sample = json.loads(line)
        by = str(sample.get("filter", "none"))
        for metric in sorted(metric for metric, read in known if read == by):
            value = sample.get(metric)
            if isinstance(value, bool | int | float):
                said = (sample["doc_id"], sample.get("doc_hash", ""), float(value))
                yield (task, metric, by, *said)


def _other(result: Path, asked: Mapping[str, Any]) -> pa.Table:
    """The rows' values of another result that was asked alike: other questions are another test."""
    table = table_of(result)
    try:
        theirs = json.loads(result.read_text("utf-8"))["asked"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{result} is no result of tamis benchmark") from None
    other = [f"{name}={theirs.get(name)}" for name in asked if theirs.get(name) != asked[name]]
    if other:
        raise UserError(f"{result} was asked with {', '.join(other)}: ask both models alike")
    return table


def table_of(result: Path) -> pa.Table:
    """The rows' values beside a result."""
    import pyarrow.parquet as pq

    path = result.with_suffix(".parquet")
    if not path.is_file():
        raise UserError(f"{result} is no result of tamis benchmark: there is no {path.name} beside")
    table = pq.read_table(path)
    if table.column_names != list(SAID):
        raise UserError(f"{path} has other columns than a benchmark's: {table.column_names}")
    return table


def scores_of(table: pa.Table) -> list[Score]:
    """The mean of each task by each metric, with its interval."""
    import numpy as np

    return [
        Score(*key, len(values), mean_of(np.fromiter(values.values(), float)))
        for key, values in _by_score(table).items()
    ]


def paired(ours: pa.Table, theirs: pa.Table) -> list[Score]:
    """The mean difference of the rows that both have, task by task."""
    import numpy as np

    from tamis.intervals import symmetric

    found = []
    other = _by_score(theirs)
    for key, values in _by_score(ours).items():
        mine, yours = values, other.get(key, {})
        both = [row for row in mine if row in yours]
        alone = len(mine) + len(yours) - 2 * len(both)
        gaps = np.array([mine[row] - yours[row] for row in both])
        if len(both):
            found.append(Score(*key, len(both), symmetric(float(gaps.mean()), gaps), alone))
    if not found:
        raise UserError("the two results have no row of a task in common")
    return found


def _by_score(table: pa.Table) -> dict[tuple[str, str, str], dict[tuple[int, str], float]]:
    """Task, metric and filter -> the value of each row; a row is its number and its content."""
    found: dict[tuple[str, str, str], dict[tuple[int, str], float]] = {}
    for row in table.to_pylist():
        rows = found.setdefault((row["task"], row["metric"], row["filter"]), {})
        rows[row["doc"], row["hash"]] = row["value"]
    return found


def mean_of(values: Floats) -> Interval:
    """The mean with Wilson's interval where all values are 0 or 1, else with that of a mean."""
    from tamis.intervals import symmetric, wilson

    mean = float(values.mean())
    if set(values.tolist()) <= {0.0, 1.0}:
        return wilson(mean, len(values))
    return symmetric(mean, values)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("tamis", "lm_eval", "transformers", "torch")}
