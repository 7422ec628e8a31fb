"""A folder that `tamis prove` wrote, as facts; nothing but the folder is read.

Costs are the medians over an arm's trainings, as costs.json has them. Tokens and money of a
`Benefit` are those of scoring and selecting; an `Arm` has the tokens that were trained on.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tamis.errors import UserError
from tamis.proof.prove import SUBSETS
from tamis.proof.report import sentence
from tamis.reports.facts import Arm, Benefit, Curve, Effect, Proof
from tamis.run.folder import MANIFEST

Lines = Sequence[Mapping[str, Any]]
Shape = TypeVar("Shape")
CONFIG = "run.toml"
BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a file raises that is missing, damaged, or not of this form."""


def is_proof(folder: str | Path) -> bool:
    """Whether `tamis prove` wrote here, or has begun to."""
    path = Path(folder).expanduser()
    try:
        manifest = _read(path / MANIFEST)
    except BROKEN:
        return False
    if not isinstance(manifest, dict):
        return False
    begun = bool(manifest.get("unfinished")) and (path / SUBSETS).is_dir()
    return "proof" in manifest or begun


def proof(folder: str | Path) -> Proof:
    """What an experiment says.

    Losses that are not there, as in folders of older versions, leave `curves` empty, and without
    training on all rows there are no `benefits`.

    Raises:
        UserError: the folder holds no experiment, or one that did not end or cannot be read
    """
    path = Path(folder).expanduser()
    manifest = _manifest(folder, path)
    lines, arms, verdicts = _file(folder, path / "table.json", _table)
    curves, gaps = _file(folder, path / "runs.json", _runs, absent=[])

    def weighed(costs: Mapping[str, Any]) -> list[Benefit]:
        return list(_benefits(costs, lines))

    return {
        "name": path.resolve().name,
        "folder": str(folder),
        "command": f"tamis prove --config {shlex.quote(str(path / CONFIG))}",
        "said": [*map(str, manifest.get("notes", [])), *verdicts, *gaps],
        "arms": arms,
        "curves": curves,
        "benefits": _file(folder, path / "costs.json", weighed, absent={}),
        "config": _file(folder, path / CONFIG, str, read=_text),
        "manifest": manifest,
    }


def _manifest(folder: str | Path, path: Path) -> dict[str, Any]:
    if not is_proof(folder):
        raise UserError(f"{folder} holds no experiment: name a folder that `tamis prove` wrote")
    manifest: dict[str, Any] = _read(path / MANIFEST)
    if manifest.get("unfinished"):
        raise UserError(
            f"{folder} holds an experiment that did not end: give the same command again, and it "
            "goes on where it was"
        )
    return manifest


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())  # lone surrogates in names are read as they were written


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _file(
    folder: str | Path,
    path: Path,
    shape: Callable[[Any], Shape],
    *,
    read: Callable[[Path], Any] = _read,
    absent: Any = None,
) -> Shape:
    """A file of the folder in the wanted form; one that may be missing then counts as `absent`."""
    there = absent is None or path.exists()
    try:
        return shape(read(path) if there else absent)
    except BROKEN:
        raise UserError(
            f"{folder}: {path.name} is missing, damaged or of another version: give the command "
            "of `tamis prove` again; what was trained is not trained again"
        ) from None


def _table(lines: Lines) -> tuple[Lines, list[Arm], list[str]]:
    """The lines as they are, as facts, and a sentence for each verdict."""
    arms = [_arm(line) for line in lines]
    return lines, arms, [sentence(line) for line in lines if line["verdict"]]


def _arm(line: Mapping[str, Any]) -> Arm:
    verdict = line["verdict"] or {"said": "", "p": None}
    return {
        "name": str(line["arm"]),
        "kind": str(line["kind"]),
        "budget": str(line["budget"]),
        "view": str(line["view"]),
        "measure": str(line["measure"]),
        "seeds": int(line["seeds"]),
        "rows": float(line["rows"]),
        "tokens": float(line["tokens"]),
        "value": _number(line["value"]),
        "against_random": _effect(line["against_random"]),
        "verdict": str(verdict["said"]),
        "p": _number(verdict["p"]),
    }


def _effect(told: Mapping[str, Any] | None) -> Effect | None:
    if told is None:
        return None
    ends = told["difference"]
    return {
        "value": _number(ends["value"]),
        "low": _number(ends["low"]),
        "high": _number(ends["high"]),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _runs(runs: Any) -> tuple[list[Curve], list[str]]:
    """The learning curves, and a sentence for each that has gaps."""
    curves: list[Curve] = []
    gaps = []
    for run in runs:
        losses = run.get("losses", [])
        there = [(int(step), float(loss)) for step, loss in losses if loss is not None]
        curve: Curve = {
            "arm": str(run["arm"]),
            "budget": str(run["budget"]),
            "view": str(run["view"]),
            "seed": int(run["seed"]),
            "steps": [step for step, _ in there],
            "losses": [loss for _, loss in there],
        }
        if there:
            curves.append(curve)
        if len(there) < len(losses):
            gaps.append(_gap(curve, len(losses)))
    return curves, gaps


def _gap(curve: Curve, points: int) -> str:
    return (
        f"{curve['arm']} ({curve['budget']}, equal {curve['view']}), seed {curve['seed']}: the "
        f"training loss is no number at {points - len(curve['steps'])} of {points} points, which "
        "are not in its curve"
    )


def _benefits(costs: Mapping[str, Any], lines: Lines) -> Iterator[Benefit]:
    """What each arm of costs.json took, beside its effect on each measure."""
    effects = {(line["label"], line["measure"]): line["against_random"] for line in lines}
    arms = {line["label"]: line for line in lines}
    for label, cost in costs.items():
        arm = arms[label]
        before = [cost["scoring"], cost["selecting"]]
        money = [one["money"] for one in before]
        for measure in dict.fromkeys(line["measure"] for line in lines):
            yield {
                "arm": str(arm["arm"]),
                "kind": str(arm["kind"]),
                "budget": str(arm["budget"]),
                "view": str(arm["view"]),
                "selecting": float(sum(one["seconds"] for one in before)),
                "training": float(cost["training"]["seconds"]),
                "tokens": float(sum(one["tokens"] for one in before)),
                "money": None if None in money else float(sum(money)),
                "measure": measure,
                "against_random": _effect(effects.get((label, measure))),
            }
