"""How often a taught scorer prefers an answer that an expert revised to the raw one.

    python benchmarks/teach.py --model FOLDER --kind regression pairs
    python benchmarks/teach.py --model reference --kind pairs --epochs 2

Data: CaR's pairs, read as benchmarks/judge_quality.py reads them. The train file teaches, a tenth
of its questions kept aside; the valid file's 254 pairs, which no choice has seen, judge. A pair to
learn from is shown with the revised question, because experts changed some of those too; on the
valid file every answer is read after the question of its own row, and, as --same-question, both
after the revised one, so that the question alone gives nothing away.

Printed for each: the share of pairs in which the revised answer has the higher score (a tie counts
one half), its 95 % interval by bootstrap over pairs, the difference to "the longer answer is
better" over the same pairs with its interval, the agreement on what was kept aside, and seconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from judge_quality import bootstrap, pairs, preferred

from tamis import api
from tamis.models import named_reward
from tamis.run.session import Run
from tamis.training.teaching import Teaching
from tamis.types import Dataset


def question(row: dict[str, Any]) -> str:
    return "\n\n".join(filter(None, (row["instruction"], row["input"])))


def lessons(rows: list[dict[str, Any]], kind: str) -> Dataset:
    """The train file's rows in the form that the kind learns from."""
    if kind == "regression":
        return api.read(rows)
    both = zip(rows[::2], rows[1::2], strict=True)
    return api.read(
        [
            {"prompt": question(good), "chosen": good["output"], "rejected": raw["output"]}
            for raw, good in both
        ]
    )


def judged(folder: str, rows: list[dict[str, Any]], same: bool) -> dict[str, Any]:
    """Of each pair of the valid file whether the revised answer has the higher score."""
    asked = [question(row) for row in rows]
    if same:
        asked = [asked[place | 1] for place in range(len(rows))]
    answers = [row["output"] for row in rows]
    scores = named_reward(folder, device="cpu").reward(list(zip(asked, answers, strict=True)))
    won = preferred(scores)
    longer = preferred(np.array([len(answer) for answer in answers], float))
    return {
        "agrees": float(won.mean()),
        "bootstrap": bootstrap(won),
        "longer": float(longer.mean()),
        "beyond longer": float((won - longer).mean()),
        "interval": bootstrap(won - longer),
        "pairs": len(won),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="reference", help="encoder or causal model")
    parser.add_argument("--kind", nargs="+", choices=["regression", "pairs"], default=["pairs"])
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--flat", action="store_true", help="any white space is one blank")
    parser.add_argument("--out", help="folder for the models; a passing one unless named")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    train, valid = (pairs(given.data, part, given.flat) for part in ("train", "valid"))
    teaching = Teaching(epochs=given.epochs, rate=given.rate, max_length=given.max_length)
    found = []
    with tempfile.TemporaryDirectory() as passing:
        for kind in given.kind:
            run = Run(store=passing, model=given.model, device="cpu")
            out = str(Path(given.out or passing) / kind)
            taught = api.teach(
                lessons(train, kind), kind=kind, label="truth", out=out, teaching=teaching, run=run
            )
            told = {
                "model": given.model,
                "kind": kind,
                "own question": judged(taught.model, valid, False),
                "same question": judged(taught.model, valid, True),
                "kept aside": taught.manifest["held_out"],
                "data": taught.manifest["data"],
                "updates": taught.manifest["updates"],
                "seconds": taught.manifest["seconds"],
            }
            print(json.dumps(told, indent=1), flush=True)
            found.append(told)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
