"""What an experiment leaves behind: tables for people and for programs, and every single value.

table.json      every arm on every measure with effects, intervals and verdicts; no times in it
costs.json      what selecting and training took, and from when on it pays
values.parquet  measure, arm, budget, view, seed, row of the test set, value
runs.json       every training: rows, tokens, updates, losses, the model's folder; of more than
                200 losses the means over equal stretches of updates
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
from tamis.proof.results import MOST_POINTS
from tamis.proof.table import Line, table
from tamis.run.folder import replace_file


def write(found: Experiment, notes: Sequence[str]) -> dict[str, Any]:
    """Writes everything and returns what `--json` prints: all but single values and losses."""
    lines, costs = table(found.results), costs_of(found)
    said = [*notes, *faults(found.proof), *_thinned(found)]
    runs = [trial.told() for trial in found.results.trials]
    told: dict[str, Any] = {
        "notes": said,
        "table": [line.told() for line in lines],
        "costs": {name: line.told() for name, line in costs.items()},
        "runs": [{name: run[name] for name in run if name != "losses"} for run in runs],
    }
    folder = found.folder
    for name, one in (("table", told["table"]), ("costs", told["costs"]), ("runs", runs)):
        _json(folder / f"{name}.json", one)
    write_values(found, folder / "values.parquet")
    replace_file(folder / "effects.svg", picture(lines).encode())
    text = markdown(lines, costs, said)
    replace_file(folder / "report.md", text.encode("utf-8", "surrogatepass"))
    return told


def _thinned(found: Experiment) -> list[str]:
    """A note on learning curves that are not all there."""
    count = sum(len(trial.losses) > MOST_POINTS for trial in found.results.trials)
    if not count:
        return []
    return [
        f"learning curves of {count} trainings have more than {MOST_POINTS} points: "
        "runs.json has means over equal stretches of updates"
    ]


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
        parts += [f"## {_title(measure)}\n", *_effects([line.told() for line in mine]), ""]
    parts += ["![Differences from random rows](effects.svg)\n"]
    if costs:
        parts += ["## Costs, and from when on they pay\n", *_costs(costs), ""]
    return "\n".join(parts) + "\n"


def _title(measure: str) -> str:
    if measure.startswith("loss on"):
        return f"Mean {measure} (nats a token, shown as its negative: higher is better)"
    return f"{measure[0].upper()}{measure[1:]} (win rate against random rows of the same size)"


def cells(line: Mapping[str, Any]) -> dict[str, str]:
    """A line of table.json as people read it, by column."""
    verdict = line["verdict"] or {}
    return {
        "budget": line["budget"],
        "equal": line["view"] if line["budget"] else "",
        "arm": line["arm"],
        "rows": f"{line['rows']:,.0f}",
        "value": _number(line["value"], ".4f"),
        "against random": interval(line["against_random"]),
        "verdict": verdict.get("said", ""),
        "p": _number(verdict.get("p"), ".3g"),
        "could have shown": _number(verdict.get("detectable"), ".3g"),
        "against as long": interval(line["against_length_matched"]),
        "against all rows": interval(line["against_all_rows"]),
    }


def interval(effect: Mapping[str, Any] | None) -> str:
    """A difference of table.json with its interval."""
    if effect is None or effect["difference"]["value"] is None:
        return ""
    value, low, high = (effect["difference"][name] for name in ("value", "low", "high"))
    ends = f"{low:+.4f}..{high:+.4f}" if low is not None and high is not None else "no interval"
    text = f"{value:+.4f} ({ends})"
    return text if effect["over"] == "rows and runs" else f"{text} rows only"


def sentence(line: Mapping[str, Any]) -> str:
    """The verdict of a line of table.json in words."""
    told = cells(line)
    parts = [f"{line['label']}, {line['measure']}: {told['verdict']}"]
    if told["against random"]:
        parts.append(f"{told['against random']}, above 0 is better")
    if told["p"]:
        parts.append(f"p {told['p']}")
    if told["could have shown"]:
        parts.append(f"could have shown {told['could have shown']}")
    return "; ".join(parts)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _effects(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [cells(line) for line in lines]
    head = [f"| {' | '.join(rows[0])} |", "|" + "---|" * len(rows[0])]
    return head + [f"| {' | '.join(row.values())} |" for row in rows]


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
