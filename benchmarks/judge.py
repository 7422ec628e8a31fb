"""How much of the allowed concurrency a judge keeps busy, and what its ledger costs.

    python benchmarks/judge.py busy --questions 2000 --concurrency 16 --latency 0.25
    python benchmarks/judge.py faulty --questions 2000
    python benchmarks/judge.py ledger --answers 5000

`busy`: the mean number of calls in flight, as a server in a process of its own counts them, over
the concurrency that was allowed. `faulty`: the same questions to a server that fails a quarter of
them in eleven ways; what became of them. `ledger`: microseconds for one committed answer, and for
looking one up, on the disk that holds temporary files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/unit/models"))
from _chat_server import Behaviour, serving

from tamis.models._replies import Reply
from tamis.models.asking import Asking
from tamis.models.http import HttpJudge
from tamis.models.ledger import Ledger
from tamis.protocols import Question

FAULTS = {
    "429": 0.05,
    "500": 0.03,
    "503": 0.02,
    "slow": 0.01,
    "truncated": 0.03,
    "malformed": 0.03,
    "empty": 0.02,
    "wrong_shape": 0.02,
    "reset": 0.03,
    "refusal": 0.01,
    "content_filter": 0.01,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["busy", "faulty", "ledger"])
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--answers", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--latency", type=float, default=0.25)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.what == "ledger":
            ledger(Path(folder), args.answers)
        else:
            calls(Path(folder), args)


def calls(folder: Path, args: argparse.Namespace) -> None:
    faults = FAULTS if args.what == "faulty" else {}
    asking = Asking(concurrency=args.concurrency, timeout=3.0, ledger=folder / "replies.sqlite")
    questions = [Question((("user", f"How good is answer {n}?"),)) for n in range(args.questions)]
    with serving(Behaviour(latency=args.latency, faults=faults)) as server:
        judge = HttpJudge.named(f"judge@{server.url}", asking)
        began, worked = time.perf_counter(), time.process_time()
        answers = judge.ask(questions)
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
        facts = server.facts()
    show("seconds", seconds)
    show("calls a second", len(facts.requests) / seconds)
    show("milliseconds of processor a call", 1000 * cpu / len(facts.requests))
    show("in flight, mean", facts.mean_at_once)
    show("in flight, mean of what is allowed", facts.mean_at_once / args.concurrency)
    show("in flight, most", facts.most_at_once)
    show("answers", dict(Counter(str(answer.problem) for answer in answers)))
    show("responses", dict(facts.outcomes))


def ledger(folder: Path, count: int) -> None:
    kept = Ledger(folder / "replies.sqlite")
    reply = Reply("It answers the question.\nRating: 4", "stop", 400, 12, 0, "served", "fp", 0.001)
    keys = [f"{n:032x}" for n in range(count)]
    kept.get(keys[:1])
    began = time.perf_counter()
    for key in keys:
        kept.put(key, reply)
    show("microseconds a committed answer", 1e6 * (time.perf_counter() - began) / count)
    began = time.perf_counter()
    found = kept.get(keys)
    show("microseconds a look-up", 1e6 * (time.perf_counter() - began) / count)
    show("found", len(found))


def show(what: str, value: Any) -> None:
    print(f"{what:40} {value:.4g}" if isinstance(value, float) else f"{what:40} {value}")


if __name__ == "__main__":
    main()
