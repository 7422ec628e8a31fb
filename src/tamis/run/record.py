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
    files = [s.path for s in data.sources]
    given = [target] if isinstance(target, str | Path) else target
    return {
        "tamis": versions()["tamis"],
        "read": {"source": files, "fingerprint": data.fingerprint, **data.reading},
        "select": {
            "method": reference.method,
            "budget": str(budget),
            "scores": list(scores),
            "order": order,
            "quota": [str(q) for q in budget.quotas],
            "target": str(given[0]) if given and len(given) == 1 else None,
            "params": resolve(spec, reference),  # defaults too: they may change one day
        },
        "run": {
            "embedder": run.embedder if isinstance(run.embedder, str) else None,
            "tokenizer": run.tokenizer if isinstance(run.tokenizer, str) else None,
            "model": without_secrets(run.model) if isinstance(run.model, str) else None,
            "dtype": run.dtype,
            "judge": without_secrets(run.judge) or None if isinstance(run.judge, str) else None,
            "reward": run.reward if isinstance(run.reward, str) else None,
            "yes_no": run.yes_no if isinstance(run.yes_no, str) else None,
            "thinking": run.asking.thinking if run.asking and run.asking.thinking else None,
        },
    }
