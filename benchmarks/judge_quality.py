r"""How often scores prefer an answer that an expert revised to the raw one, pair by pair.

    python benchmarks/judge_quality.py --data ../shared/data
    python benchmarks/judge_quality.py --data ../shared/data --on valid

Data: CaR's pairs of instruction and answer (APE_score_train.csv, APE_score_valid.csv), each raw
and as an expert revised it. On train, `learned` predicts each pair from other pairs, and choices
are made there. On valid it learns from the train file and every score is judged on the valid file,
which no choice has seen. On pandalm it learns from the train file as well, and is judged by which
of two models' answers most of three people prefer (testset-v1.json): another question altogether.

The raw texts are escaped as in JSON (`\n`, `\"`, `\u2019`) and the revised ones are not, which
gives a third of them away: escapes are undone, and typographic quotes and dashes made plain.
Experts also left blank lines between paragraphs: --flat makes any white space one blank.

Printed for each score: the share of pairs in which the revised answer has the better value (a tie
or a missing value counts one half; ties are told), its 95 % interval by bootstrap over pairs and by
Wilson's formula (ties halved), and the difference to "longer is better" (characters) with its
bootstrap interval over the same pairs. With --cascade, last: what `judge_cascade` spares a judge
that gives these labels, behind length and behind `learned` taught by every tenth pair; those pairs
are counted as judged, too.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tamis import api, scorer
from tamis.budget import Budget
from tamis.intervals import Interval, wilson
from tamis.notation import parse
from tamis.recipes.judge_cascade import judge_cascade
from tamis.run.session import Run
from tamis.scorers.field import field_values
from tamis.types import Batch, Column, Dataset, Floats, Ints

LONGER = "length"  # in characters, the higher bar of the two on the train file
LABELS = "labels=field(name=label),groups=field(name=pair)"
SCORES = {  # reference -> whether high is good
    "chance": True,
    LONGER: True,
    "length(unit=words)": True,
    "mtld": True,
    "type_token_ratio": False,
    "list_items": True,
    "readability": False,
    "overlap": False,
    "mean_rank(of=[length(unit=words),mtld])": True,
    "tree_proxy(of=response)": True,
    "tree_proxy(of=response,count=depth)": True,
    f"learned({LABELS})": True,
    f"learned({LABELS},loss=pairs)": True,
}
IFD = "ifd"
AUDIT = 400
TAUGHT = 10  # one pair in so many teaches the score that a cascade looks at first
SAMPLE = "labels=field(name=sample),groups=field(name=pair)"
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[ntr\"/\\])")
_PLAIN = str.maketrans("‘’“”–—\u00a0", "''\"\"-- ")


def unescaped(text: str) -> str:
    """JSON's escapes undone, typographic signs made plain; the same for any text."""
    usual = {"n": "\n", "t": "\t", "r": "\r"}
    found = _ESCAPE.sub(
        lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "u" else usual.get(m[1], m[1]), text
    )
    whole = found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.translate(_PLAIN)


def pairs(data: Path, part: str, flat: bool = False) -> list[dict[str, Any]]:
    """Rows of the file in its order: a raw one, the same revised, and so on."""
    rows = []
    with open(data / f"selections/car/APE_score_{part}.csv", newline="") as file:
        for place, record in enumerate(csv.DictReader(file)):
            ask, found, answer = record["src"].partition(" Response: ")
            if not (found and ask.startswith("Instruction: ")):
                raise ValueError(f"row {place} of {part} has another form")
            ask, _, given = ask.removeprefix("Instruction: ").partition(" Input: ")
            texts = [unescaped(text) for text in (ask, given, answer)]
            if flat:
                texts = [" ".join(text.split()) for text in texts]
            row = dict(zip(("instruction", "input", "output"), texts, strict=True))
            named = {"pair": f"{part} {place // 2}", "truth": record["score"]}
            known = {} if place // 2 % TAUGHT else {"sample": record["score"]}
            rows.append({**row, **named, **known})
    if [row["truth"] for row in rows] != ["0", "1"] * (len(rows) // 2):
        raise ValueError(f"the rows of {part} are not pairs of raw and revised")
    return rows


def people(data: Path, flat: bool = False) -> list[dict[str, Any]]:
    """Of each pair the answer that fewer people prefer and then the other; even votes left out."""
    rows = []
    for place, pair in enumerate(
        json.loads((data / "evaluation/pandalm/testset-v1.json").read_text())
    ):
        votes = [str(pair[f"annotator{number}"]) for number in (1, 2, 3)]
        if votes.count("1") == votes.count("2"):
            continue
        order = (2, 1) if votes.count("1") > votes.count("2") else (1, 2)
        for truth, number in zip("01", order, strict=True):
            answer = pair[f"response{number}"]
            texts = {
                "instruction": pair["instruction"],
                "input": pair["input"],
                "output": " ".join(answer.split()) if flat else answer,
            }
            rows.append({**texts, "pair": f"pandalm {place}", "truth": truth})
    return rows


def pool_of(data: Path, on: str, flat: bool) -> tuple[Dataset, int]:
    """The pool, with labels for the train file alone, and how many rows at its end are judged."""
    train = [{**row, "label": row["truth"]} for row in pairs(data, "train", flat)]
    if on == "train":
        return api.read(train), len(train)
    judged = people(data, flat) if on == "pandalm" else pairs(data, on, flat)
    return api.read(train + judged), len(judged)


def preferred(scores: Floats) -> Floats:
    """For each pair 1 where the revised row is above the raw one, 0 below, one half else."""
    gap = np.diff(scores.reshape(-1, 2), axis=1)[:, 0]
    return np.where(gap > 0, 1.0, np.where(gap < 0, 0.0, 0.5))


def bootstrap(values: Floats, seed: int = 0, times: int = 10_000) -> tuple[float, float]:
    """The middle 95 % of the means of resampled values."""
    drawn = np.random.default_rng(seed)
    means = [values[drawn.integers(len(values), size=len(values))].mean() for _ in range(times)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def scored(name: str, high: bool, data: Dataset, run: Run) -> tuple[Floats, float]:
    """The score of each row, turned so that more is better, and the seconds it took."""
    started = time.perf_counter()
    if name == "chance":
        return np.random.default_rng(0).random(len(data)), 0.0
    found = run.score(data, [name]).scores(str(parse(name)))
    return (found if high else -found), time.perf_counter() - started


def judged(data: Dataset, last: int, run: Run, names: dict[str, bool]) -> Iterator[dict[str, Any]]:
    """A line for each score, on the last rows of the pool."""
    longer, took = scored(LONGER, True, data, run)
    base = preferred(longer[-last:])
    for name, high in names.items():
        scores, seconds = (longer, took) if name == LONGER else scored(name, high, data, run)
        won = preferred(scores[-last:])
        share = float(won.mean())
        within = wilson(share, len(won))
        yield {
            "score": name if high else f"{name}, low",
            "agrees": share,
            "bootstrap": bootstrap(won),
            "wilson": (within.low, within.high),
            "ties": float((won == 0.5).mean()),
            "null": int(np.isnan(scores[-last:]).sum()),
            "beyond longer": float((won - base).mean()),
            "interval": bootstrap(won - base),
            "s/1,000 rows": 1000 * seconds / len(data),
        }


@scorer(prefer="high")
def truth(batch: Batch) -> Column:
    """The label of the file, as a judge that is asked row by row."""
    values = field_values(batch.table["extra"].to_pylist(), "truth")
    return Column.floats(np.array([float(value or "nan") for value in values]))


def cascades(data: Dataset, run: Run, share: float) -> Iterator[dict[str, Any]]:
    """What a judge with the labels is asked, by the score that is looked at first."""
    label, sample = (
        np.array([float(value or "nan") for value in _field(data, name)])
        for name in ("truth", "sample")
    )
    budget = Budget(fraction=share)
    judge = f"{Path(__file__).resolve()}:truth"
    for cheap in (LONGER, f"learned({SAMPLE},loss=pairs)", f"learned({SAMPLE})"):
        alone = run.select(data, f"top_k(by={cheap})", budget)
        asked = judge_cascade(run, data, budget.of(len(data)), by=judge, cheap=cheap, audit=AUDIT)
        known = ~np.isnan(run.columns(data).scores(f"{judge}, by cascade"))
        known |= ~np.isnan(sample) & (cheap != LONGER)
        prefers = split(asked.rows, len(data))
        yield {
            "cheap": cheap,
            "revised among picks, cheap alone": float(label[alone.rows].mean()),
            "with the judge": float(label[asked.rows].mean()),
            "prefers revised": prefers.value,
            "wilson": (prefers.low, prefers.high),
            "judged": asked.info["judged"],
            "with those that taught": int(known.sum()),
            "of rows": len(data),
            "stopped by": asked.info["stopped"],
        }


def split(rows: Ints, count: int) -> Interval:
    """Of the pairs of which one row is picked, how often it is the revised one."""
    picked = np.zeros(count)
    picked[rows] = 1
    won = preferred(picked)
    decided = won[won != 0.5]
    return wilson(float(decided.mean()), len(decided))


def _field(data: Dataset, name: str) -> list[Any]:
    return field_values(data.table["extra"].to_pylist(), name)


def show(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Prints a table as it comes."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        if not kept:
            print(" | ".join(row), flush=True)
        print(" | ".join(map(_written, row.values())), flush=True)
        kept.append(row)
    return kept


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return " to ".join(f"{v:.3f}" for v in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--on", choices=["train", "valid", "pandalm"], default="train")
    parser.add_argument("--flat", action="store_true", help="any white space is one blank")
    parser.add_argument("--ifd", action="store_true", help="IFD by the model in the package, too")
    parser.add_argument("--cascade", type=float, help="share of the rows that cascades pick")
    parser.add_argument("--only", default="", help="scores whose names hold this")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not (given.data / "selections/car").exists():
        raise SystemExit(f"no folder selections/car in {given.data}")
    data, last = pool_of(given.data, given.on, given.flat)
    names = {**SCORES, **({IFD: True} if given.ifd else {})}
    names = {name: high for name, high in names.items() if given.only in name}
    with tempfile.TemporaryDirectory() as store:
        run = Run(store=store, model="reference", allow_code=True)
        found = {"scores": show(judged(data, last, run, names))}
        if given.cascade:
            found["cascades"] = show(cascades(data, run, given.cascade))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
