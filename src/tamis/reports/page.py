"""The page: facts, rows and their texts in one HTML file that opens offline and asks for nothing.

What comes from data is escaped by the template or packed (`blocks.py`) and put in as text; no
script but ours runs, by the page's own policy.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from tamis.data.write import made_folder, replacing
from tamis.reports.blocks import Conversation, arms, columns, packed, readable
from tamis.reports.facts import Arm, Count, Effect, Facts, Method, Proof, Rows, Run

SCRIPTS = (
    *("unpack", "dom", "texts", "charts", "distributions", "proofs"),
    *("map", "pointer", "filters", "table", "start"),
)
"""Files that make up the page's script, in the order in which they need each other."""
COLOURS, SHAPES = 7, 5
"""Runs and arms are told apart by a colour and a shape; 35 pairs come before one is repeated."""
Texts = Iterable[Conversation | str]
_SIGNS = {"better than random": "▲", "worse than random": "▼", "no difference shown": "○"}
_PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5}(?:v\d+)?)")


def html(facts: Facts, rows: Rows | None, texts: Texts | None) -> str:
    """The page as a string.

    Args:
        facts: what the report says.
        rows: the rows of map and table; None where the report is of experiments alone.
        texts: the conversation of each of these rows, in their order, or blocks of them, packed
            already; None where none are shown.
    """
    return "".join(chunks(facts, rows, texts))


def write(path: Path, facts: Facts, rows: Rows | None, texts: Texts | None) -> None:
    """Writes the page as `html` makes it, whole or not at all, without holding it in memory."""
    made_folder(path.parent)
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(chunks(facts, rows, texts))


def chunks(facts: Facts, rows: Rows | None, texts: Texts | None) -> Iterator[str]:
    """The page piece by piece."""
    template = _environment().get_template("page.html")
    scripts = [_asset("echarts.min.js"), "\n".join(_asset(f"{name}.js") for name in SCRIPTS)]
    said = template.generate(
        facts=facts,
        rows=rows,
        sections=_sections(facts, rows),
        forests=[_forests(proof) for proof in facts["proofs"]],
        arms=[arms(proof["curves"], proof["benefits"]) for proof in facts["proofs"]],
        methods=_methods(facts["runs"]),
        columns=columns(facts, rows),
        blocks=_blocks(texts) if texts is not None and rows is not None else (),
        policy=_policy(scripts),
        style=Markup(_asset("report.css")),
        scripts=[Markup(script) for script in scripts],
    )
    yield from map(readable, said)


def _blocks(texts: Texts) -> Iterator[str]:
    rows = iter(texts)
    first = next(rows, None)
    if isinstance(first, str):
        yield first
        yield from (block for block in rows if isinstance(block, str))
    elif first is not None:
        yield from packed(row for row in chain([first], rows) if not isinstance(row, str))


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    named = (number, seconds, interval, cell, funnel, paper, percent)
    environment.filters |= {f.__name__: f for f in named} | {"pretty": _pretty}
    environment.globals |= {"COLOURS": COLOURS, "SHAPES": SHAPES, "signs": _SIGNS}
    return environment


def _asset(name: str) -> str:
    return files("tamis").joinpath(f"assets/report/{name}").read_text("utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Nothing is loaded, and only these scripts run."""
    hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{found}'" for found in hashes)
    rest = "base-uri 'none'; form-action 'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; {rest}"
    )


def _sections(facts: Facts, rows: Rows | None) -> dict[str, str]:
    """The sections that have something to say, by id, in order."""
    runs = facts["runs"]
    matrices = (facts["correlation"], facts["jaccard"], facts["shared"], facts["ranks"])
    wanted = {
        "funnel": ("Funnel", runs),
        "proof": ("Proof", facts["proofs"]),
        "scores": ("Scores", facts["scores"]),
        "agreement": ("Agreement", any(matrices)),
        "groups": ("Groups", facts["groups"]),
        "map": ("Map", rows and (rows["x"] or rows["map"])),
        "rows": ("Rows", rows and rows["shown"]),
        "failures": ("Failures", facts["failures"] or facts["rejects"]),
        "cost": ("Cost", any(run["steps"] or run["judges"] for run in runs)),
        "methods": ("Methods", any(run["methods"] for run in runs)),
        "again": ("Run again", runs or facts["proofs"]),
    }
    return {name: title for name, (title, something) in wanted.items() if something}


def _methods(runs: Iterable[Run]) -> list[Method]:
    """Each method once, whatever number of runs used it."""
    used = {(m["kind"], m["name"], m["version"]): m for run in runs for m in run["methods"]}
    return [used[key] for key in sorted(used)]


def number(value: float | None, digits: int = 4) -> str:
    """1,234,567 or 0.01235: four digits that count, a dash for what does not exist."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")


def signed(value: float | None) -> str:
    """With its sign, three digits."""
    shown = number(value, 3)
    return f"+{shown}" if value is not None and value > 0 else shown


def interval(effect: Effect | None) -> str:
    """+0.126 [+0.054, +0.198]: two digits of the interval's width count."""
    if effect is None or effect["value"] is None:
        return "–"
    ends = _ends(effect)
    width = max(ends) - min(ends) or abs(effect["value"])
    digits = min(8, max(0, math.ceil(1 - math.log10(width)))) if width else 0
    value, low, high = (
        "–" if end is None else f"{end:+.{digits}f}".replace("-", "−")
        for end in (effect["value"], effect["low"], effect["high"])
    )
    return f"{value} [{low}, {high}]"


def cell(value: float) -> str:
    """.12, −.30, 1: what fits into a cell of a matrix."""
    shown = f"{value:.2f}".replace("-0.00", "0.00")
    short = shown.removesuffix(".00") if abs(value) >= 0.995 else shown.replace("0.", ".", 1)
    return short.replace("-", "−")


def percent(part: float, whole: float) -> str:
    """12.3 %, a dash of nothing."""
    return f"{part / whole * 100:.1f} %" if whole else "–"


def seconds(value: float) -> str:
    """8 ms, 0.42 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if value < 0.1:
        return f"{value * 1000:.0f} ms" if value else "0 s"
    if value < 60:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    if value < 3600:
        return f"{int(value // 60)} min {int(value % 60):02d} s"
    return f"{int(value // 3600):,} h {int(value % 3600 // 60):02d} min"


def paper(said: str) -> str | None:
    """The address of a paper, if it is given as arXiv:number."""
    found = _PAPER.fullmatch(said)
    return f"https://arxiv.org/abs/{found[1]}" if found else None


def funnel(counts: Sequence[Count]) -> list[dict[str, Any]]:
    """Bars from the left, in percent of the first count; losses hang where they were lost."""
    whole = counts[0]["rows"] if counts else 0
    lost = sum(count["rows"] for count in counts[1:-1])
    hanging = len(counts) > 1 and whole - lost == counts[-1]["rows"]
    left, bars = whole, []
    for i, count in enumerate(counts):
        loss = hanging and 0 < i < len(counts) - 1
        left -= count["rows"] if loss else 0
        start = left if loss else 0
        shares = {"start": _share(start, whole), "width": _share(count["rows"], whole)}
        bars.append({**count, **shares, "whole": whole, "loss": loss})
    return bars


def _share(part: float, whole: float) -> float:
    return round(100 * part / whole, 3) if whole else 0.0


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _forests(proof: Proof) -> list[dict[str, Any]]:
    """A plot for each measure and view: arms beside random, on one axis."""
    plots: dict[tuple[str, str], list[Arm]] = {}
    for arm in proof["arms"]:
        if arm["against_random"] and arm["against_random"]["value"] is not None:
            plots.setdefault((arm["measure"], arm["view"]), []).append(arm)
    return [
        {"measure": measure, "view": view, **_forest(shown)}
        for (measure, view), shown in plots.items()
    ]


def _forest(shown: list[Arm]) -> dict[str, Any]:
    """Lines and marks in percent of the axis, which always has zero."""
    effects = [effect for arm in shown if (effect := arm["against_random"])]
    ends = [end for effect in effects for end in _ends(effect)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    pad = (high - low or 1.0) * 0.06
    low, high = low - pad, high + pad

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    lines = []
    for arm, effect in zip(shown, effects, strict=True):
        first, last = min(_ends(effect)), max(_ends(effect))
        places = {"from": at(first), "to": at(last), "at": at(effect["value"] or 0.0)}
        lines.append({"arm": arm, "effect": effect, **places})
    ticks = [{"at": at(tick), "label": signed(tick)} for tick in _ticks(low, high)]
    return {"lines": lines, "ticks": ticks, "zero": at(0.0)}


def _ends(effect: Effect) -> list[float]:
    """What of an effect is a number."""
    return [end for end in (effect["low"], effect["value"], effect["high"]) if end is not None]


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * round_one for round_one in (1, 2, 5, 10) if power * round_one >= rough)
    return [round(i * step, 12) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
