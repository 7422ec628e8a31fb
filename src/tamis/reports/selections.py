"""What one selection run was: funnel, steps, cards of its methods, and how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tamis.errors import UserError
from tamis.notation import parse
from tamis.registry import find
from tamis.reports.facts import Count, Method, Run, Step
from tamis.reports.opened import Selected
from tamis.run.pick import PICKERS
from tamis.spec import Spec


def run(one: Selected, raw: str = "") -> Run:
    """Everything about a run but its rows; `raw` is the score of its plain ranking, if any."""
    told = one.manifest
    return Run(
        name=one.name,
        folder=one.folder,
        method=told["method"],
        budget=told["budget"],
        command=f"tamis select --config {shlex.quote(str(Path(one.folder) / 'run.toml'))}",
        rows=len(one),
        selected=int(told["selected"]),
        seconds=float(told.get("seconds", 0.0)),
        funnel=funnel(told),
        quotas=dict(told.get("info", {}).get("quotas", {})),
        raw=raw,
        info={name: value for name, value in told.get("info", {}).items() if name != "quotas"},
        steps=list(steps(told)),
        judges=dict(told.get("judges", {})),
        methods=methods(told),
        config=(Path(one.folder).expanduser() / "run.toml").read_text("utf-8", "replace"),
        manifest=dict(told),
    )


def funnel(manifest: Mapping[str, Any]) -> list[Count]:
    """Records in the source, those that went for each reason, and rows selected; in that order."""
    data, gone = manifest["data"], manifest["dropped"]
    rejected = sum(source["rejected"] for source in data["sources"])
    found = [Count(name="records in the source", rows=data["rows"] + rejected)]
    if rejected:
        found.append(Count(name="could not be read", rows=rejected))
    found += [Count(name=f"dropped: {why}", rows=count) for why, count in gone.items()]
    left = data["rows"] - sum(gone.values()) - manifest["selected"]
    found.append(Count(name="not reached by the budget", rows=left))
    return [*found, Count(name="selected", rows=manifest["selected"])]


def steps(manifest: Mapping[str, Any]) -> Iterator[Step]:
    """What took time, in order; columns that were computed together are one step."""
    for step in manifest.get("steps", []):
        kind = next(name for name in ("score", "together", "select", "train") if name in step)
        named = step[kind]
        name = ", ".join(named) if isinstance(named, list) else str(named)
        yield Step(name=f"{kind} {name}", rows=step["rows"], seconds=step["seconds"])


def failures(one: Selected) -> list[Count]:
    """Rows that could not be read, and rows without a score, by reason."""
    found = [
        Count(name=f"{source['path']}: {reason}", rows=count)
        for source in one.manifest["data"]["sources"]
        for reason, count in source.get("reject_reasons", {}).items()
    ]
    for step in one.manifest.get("steps", []):
        for reason, count in step.get("without_score", {}).items():
            found.append(Count(name=f"{step['score']}: {reason}", rows=count))
    return found


def methods(manifest: Mapping[str, Any]) -> list[Method]:
    """The methods that made the selection, each once, with the card it has in this installation."""
    used: dict[str, int | None] = {_method(manifest["method"]): None}
    for step in manifest.get("steps", []):
        if "select" in step:
            used.setdefault(_method(step["select"]), None)
        if "score" in step:
            used[_method(step["score"])] = step["version"]
    found = []
    for name, version in used.items():
        spec = spec_of(name)
        if spec is None:  # a method of one's own, or one that is no more
            found.append(
                Method(
                    name=name,
                    kind="",
                    version=version or 0,
                    summary="its card is not in this installation",
                    card="",
                    paper="",
                )
            )
            continue
        said = spec.summary
        if version is not None and version != spec.version:
            said += f" The run used version {version}; this card is of version {spec.version}."
        found.append(
            Method(
                name=spec.name,
                kind=spec.kind,
                version=version or spec.version,
                summary=said,
                card=spec.card,
                paper=spec.paper,
            )
        )
    return found


def _method(reference: str) -> str:
    return parse(reference).method


def spec_of(reference: str, *kinds: str, allow_code: bool = False) -> Spec | None:
    """The method of a column or a reference, where there is one of this name."""
    try:
        return find(parse(reference).method, kinds=kinds or PICKERS, allow_code=allow_code)
    except UserError:
        return None
