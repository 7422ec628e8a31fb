"""What `tamis prove` and `tamis plan` do with their flags, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tamis import api
from tamis.cli import flags, show
from tamis.cli.judges import duration, money
from tamis.cli.running import read, running
from tamis.proof.design import Proof
from tamis.training.settings import Training

Given = dict[str, Any]
Lines = Sequence[Mapping[str, Any]]


def prove(given: Given) -> None:
    """Select, train and measure, and say whether selection beat random rows; goes on if killed."""
    told = _carried_out(api.prove, given)
    if given["json"]:
        return show.as_json(told)
    for note in told["notes"]:
        show.say(note)
    for measure in dict.fromkeys(line["measure"] for line in told["table"]):
        _measure(measure, [line for line in told["table"] if line["measure"] == measure])
    arms = {line["label"] for line in told["table"] if line["kind"] in ("method", "full")}
    _costs({name: one for name, one in told["costs"].items() if name in arms})
    show.say(f"written to {told['out']}: report.md, effects.svg, table.json, costs.json")
    return None


def plan(given: Given) -> None:
    """Tell what `prove` will take: time, memory, tokens and money, from a short measurement."""
    told = _carried_out(api.plan, given)
    if given["json"]:
        return show.as_json(told)
    for note in told["notes"]:
        show.say(note)
    names = ("stage", "times", "there", "tokens", "time", "memory", "calls", "money", "")
    rows = [
        (
            *(one["name"], one["times"], one["done"], round(one["tokens"])),
            *(duration(one["seconds"]), _bytes(one["bytes"]), one["calls"], _money(one)),
            one["how"],
        )
        for one in told["stages"]
    ]
    show.table("what it will take", names, rows, right=range(1, 8))
    memory, disk, paid = _bytes(told["bytes"]), _bytes(told["disk"]), _money(told)
    room = f"{memory} of memory" + (disk and f", {disk} of models on disk")
    show.say(f"in all {duration(told['seconds'])}, {room}" + (paid and f", {paid}"))
    return None


def _carried_out(verb: Any, given: Given) -> Mapping[str, Any]:
    """What a verb says of an experiment as the flags describe it."""
    files = given["files"] or []
    proof = Proof(**flags.values_of(Proof, given))
    training = Training(**flags.values_of(Training, given))
    with running(given) as run:
        data = read(files, given, run)
        found: Mapping[str, Any] = verb(data, proof, out=given["out"], training=training, run=run)
    return found


def _measure(measure: str, lines: Lines) -> None:
    """A table for each budget and view of a measure."""
    from tamis.proof.report import cells

    shown = ("arm", "rows", "value", "against random", "p", "verdict")
    base = [line for line in lines if line["kind"] == "base"]
    for group in dict.fromkeys((line["budget"], line["view"]) for line in lines if line["budget"]):
        mine = [line for line in lines if (line["budget"], line["view"]) == group]
        show.table(
            f"{measure}, higher is better: {group[0]}, equal {group[1]}",
            shown,
            [[cells(line)[name] for name in shown] for line in [*base, *mine]],
            right=(1, 2, 4),
        )


def _costs(costs: Mapping[str, Mapping[str, Any]]) -> None:
    names = ("arm", "selecting, s", "training, s", "money", "in full trainings", "pays from")
    rows = []
    for name, one in costs.items():
        even = one["break_even"]["seconds"]
        before = one["scoring"]["seconds"] + one["selecting"]["seconds"]
        uses = even["trainings"]
        pays = f"{uses} trainings" if isinstance(uses, int | float) else uses
        paid = one["scoring"]["money"]
        rows.append((name, before, one["training"]["seconds"], paid, even["worth"], pays))
    if rows:
        show.table("costs, and from when on they pay", names, rows, right=range(1, 5))


def _money(told: Mapping[str, Any]) -> str:
    if told["money"] is None:
        return "price unknown"
    if not told["most_money"]:
        return ""
    return f"{money(told['money'])}, at most {money(told['most_money'])}"


def _bytes(count: int) -> str:
    return f"{count / 1e9:.2g} GB" if count else ""
