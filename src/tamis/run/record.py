"""What a run folder tells of a selection: the manifest, and the settings that make it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tamis.budget import Budget
from tamis.notation import Reference, without_secrets
from tamis.registry import find
from tamis.run.folder import describe_data, versions
from tamis.run.pick import PICKERS
from tamis.run.plan import resolve
from tamis.run.session import Run
from tamis.types import Dataset, Selection


def manifest(
    data: Dataset, selection: Selection, reference: Reference, budget: Budget, run: Run
) -> dict[str, Any]:
    """Everything needed to understand the run later."""
    return {
        "method": str(reference),
        "budget": str(budget),
        "quotas": [str(q) for q in budget.quotas],
        "data": describe_data(data),
        "selected": len(selection),
        "dropped": {reason: len(rows) for reason, rows in selection.dropped.items()},
        "info": dict(selection.info),
        "resources": {name: resource.id for name, resource in run.loaded.items()},
        "judges": run.judges,
        "competence": [one for found in run.judged_models.values() for one in found],
        "target": describe_data(run.target) if run.target else None,
        "steps": list(run.log),
        "versions": versions(),
    }


def config(
    data: Dataset,
    reference: Reference,
    budget: Budget,
    scores: Sequence[str],
    order: str,
    target: Any,
    run: Run,
) -> dict[str, Any]:
    """The run as `run.toml` holds it: sections are verbs, keys are parameters."""
    spec = find(reference.method, kinds=PICKERS, allow_code=run.allow_code)
    given = [target] if isinstance(target, str | Path) else target
    trained = run.training.told() if run.training and any("train" in one for one in run.log) else {}
    return {
        **common(data),
        "select": {
            "method": reference.method,
            "budget": str(budget),
            "scores": list(scores),
            "order": order,
            "quota": [str(q) for q in budget.quotas],
            "target": str(given[0]) if given and len(given) == 1 else None,
            "params": resolve(spec, reference),  # defaults too: they may change one day
            "training": [f"{name}={value}" for name, value in trained.items()] or None,
        },
        "run": resources(run),
    }


def common(data: Dataset) -> dict[str, Any]:
    """What every `run.toml` begins with: the version, and what was read."""
    files = [s.path for s in data.sources]
    return {
        "tamis": versions()["tamis"],
        "read": {"source": files, "fingerprint": data.fingerprint, **data.reading},
    }


def resources(run: Run) -> dict[str, Any]:
    """What a run was told to compute with, as far as it has a name; no secrets."""
    names = ("embedder", "tokenizer", "reward", "yes_no", "languages", "segmenter")
    found = {name: getattr(run, name) for name in names}
    found |= {
        name: without_secrets(value) or None if isinstance(value, str) else None
        for name, value in (("model", run.model), ("judge", run.judge))
    }
    kept = {name: value if isinstance(value, str) else None for name, value in found.items()}
    thinking = run.asking.thinking if run.asking and run.asking.thinking else None
    return {**kept, "dtype": run.dtype, "thinking": thinking}
