"""What an experiment leaves behind: tables for people and for programs, and every single value.

table.json      every arm on every measure with effects, intervals and verdicts; no times in it
costs.json      what selecting and training took, and from when on it pays
values.parquet  measure, arm, budget, view, seed, row of the test set, value
runs.json       every training: rows, tokens, updates, the model's folder
report.md       the same in words and tables
effects.svg     the differences from random rows with their intervals
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.costs import Cost, Spent
from tamis.costs import Line as CostLine
from tamis.costs import table as cost_table
from tamis.proof.design import faults
from tamis.proof.picture import picture
from tamis.proof.prove import Experiment
from tamis.proof.table import Line, table
from tamis.run.folder import replace_file


def write(found: Experiment, notes: Sequence[str]) -> dict[str, Any]:
    """Writes everything and returns what `--json` prints."""
    lines, costs = table(found.results), costs_of(found)
    said = [*notes, *faults(found.proof)]
    told: dict[str, Any] = {
        "notes": said,
        "table": [line.told() for line in lines],
        "costs": {name: line.told() for name, line in costs.items()},
        "runs": [trial.told() for trial in found.results.trials],
    }
    folder = found.folder
    for name in ("table", "costs", "runs"):
        _json(folder / f"{name}.json", told[name])
    write_values(found, folder / "values.parquet")
    replace_file(folder / "effects.svg", picture(lines).encode())
    text = markdown(lines, costs, said)
    replace_file(folder / "report.md", text.encode("utf-8", "surrogatepass"))
    return told


def _json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    replace_file(path, text.encode("utf-8", "surrogatepass"))


def costs_of(found: Experiment) -> dict[str, CostLine]:
    """Costs of each arm beside training on all rows; without that arm there is nothing to weigh."""
    full = [t for t in found.results.trials if t.arm.kind == "full" and t.arm.view != "steps"]
    if not full:
        return {}
    spent = {
        arm.label: _typical([trial.spent for trial in found.results.of(arm)])
        for arm in found.results.arms()
        if arm.kind != "base"
    }
    everything = _typical([trial.spent for trial in full]).training
    rows = len(found.pool)
    return cost_table(spent, everything, epochs=found.training.epochs, rows=rows)


def _typical(spent: Sequence[Spent]) -> Spent:
    """The median over seeds, of each kind of cost."""

    def middle(costs: Sequence[Cost]) -> Cost:
        money = [cost.money for cost in costs if cost.money is not None]
        return Cost(
            float(np.median([cost.seconds for cost in costs])),
            float(np.median([cost.tokens for cost in costs])),
            float(np.median(money)) if len(money) == len(costs) else None,
        )

    parts = [[getattr(one, name) for one in spent] for name in ("scoring", "selecting", "training")]
    return Spent(*map(middle, parts))


def write_values(found: Experiment, path: Path) -> None:
    """Every value, so that anybody can compute the table again."""
    parts = []
    for (measure, arm, seed), values in found.results.values.items():
        names = {"measure": measure, "arm": arm.label, "seed": seed}
        columns: dict[str, Any] = {key: [name] * len(values) for key, name in names.items()}
        parts.append(pa.table({**columns, "row": range(len(values)), "value": values}))
    part = path.with_suffix(".tmp")
    pq.write_table(pa.concat_tables(parts), part, compression="zstd")
    part.replace(path)


def markdown(lines: Sequence[Line], costs: Mapping[str, CostLine], notes: Sequence[str]) -> str:
    """The report as text."""
    parts = ["# Did selection beat random rows?\n"]
    parts += [f"- {note}" for note in notes] + ([""] if notes else [])
    for measure in dict.fromkeys(line.measure for line in lines):
        mine = [line for line in lines if line.measure == measure]
        parts += [f"## {_title(measure)}\n", *_effects(mine), ""]
    parts += ["![Differences from random rows](effects.svg)\n"]
    if costs:
        parts += ["## Costs, and from when on they pay\n", *_costs(costs), ""]
    return "\n".join(parts) + "\n"


def _title(measure: str) -> str:
    if measure.startswith("loss on"):
        return f"Mean {measure} (nats a token, shown as its negative: higher is better)"
    return f"{measure[0].upper()}{measure[1:]} (win rate against random rows of the same size)"


COLUMNS = (
    "budget",
    "equal",
    "arm",
    "rows",
    "value",
    "against random",
    "verdict",
    "p",
    "could have shown",
    "against as long",
    "against all rows",
)


def cells(line: Line) -> list[str]:
    """A line of the table as people read it."""
    said = line.verdict
    return [
        line.arm.budget,
        line.arm.view if line.arm.budget else "",
        line.arm.name,
        f"{line.rows:,.0f}",
        f"{line.value:.4f}",
        interval(line.against_random),
        said.said if said else "",
        f"{said.p:.3g}" if said else "",
        f"{said.detectable:.3g}" if said else "",
        interval(line.against_matched),
        interval(line.against_full),
    ]


def interval(effect: Any) -> str:
    """A difference with its interval."""
    if effect is None:
        return ""
    one = effect.difference
    text = f"{one.value:+.4f} ({one.low:+.4f}..{one.high:+.4f})"
    return text if effect.over == "rows and runs" else f"{text} rows only"


def _effects(lines: Sequence[Line]) -> list[str]:
    head = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    return head + [f"| {' | '.join(cells(line))} |" for line in lines]


def _costs(costs: Mapping[str, CostLine]) -> list[str]:
    names = (
        "arm",
        "selecting, s",
        "training, s",
        "tokens read to select",
        "money",
        "worth in full trainings",
        "pays from trainings",
        "pays above epochs",
    )
    rows = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    return rows + [f"| {' | '.join(cost_cells(name, line))} |" for name, line in costs.items()]


def cost_cells(name: str, line: CostLine) -> list[str]:
    """A line of the cost table as people read it."""
    even = line.break_even["seconds"].told()
    before = line.spent.selection
    return [
        name,
        f"{before.seconds:,.1f}",
        f"{line.spent.training.seconds:,.1f}",
        f"{before.tokens:,.0f}",
        "not known" if before.money is None else f"{before.money:.2f}",
        *(_short(even[key]) for key in ("worth", "trainings", "epochs")),
    ]


def _short(value: Any) -> str:
    if value is None:
        return "not known"
    return value if isinstance(value, str) else f"{value:.3g}"
