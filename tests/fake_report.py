"""Facts of a report that no run has made: rows of the sample, and rows that attack the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE = Path(__file__).parents[1] / "src/tamis/assets/sample/sample.jsonl"
HOSTILE = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=2>",
    "</script><script>window.pwned=3</script>",
    "[click](javascript:window.pwned=4)",
    "{{ 7*7 }} {% raw %} ${7*7}",
    "\" onmouseover=window.pwned=5 x='",
    "<!--<script>",
    "half \ud800 a character, nul \x00",
    "مرحبا بالعالم \u202e txt.exe",
    "你好,世界 👩‍👩‍👧‍👦 [red]markup[/red] {a|rich}",
    "x" * 100_000,
]
NEEDLE = "quokkas of rottnest"
PLACES = ((-10.0, -10.0), (10.0, -10.0), (-10.0, 10.0), (10.0, 10.0))


def report(rows: int = 2400, *, hostile: bool = True) -> tuple[Any, Any, list[Any]]:
    """Facts, rows and texts; with `hostile`, attacks in texts and in every name."""
    rng = np.random.default_rng(0)
    texts = _texts(rows, HOSTILE if hostile else [])
    tokens = np.array([sum(len(t[1] or "") for t in talk) // 4 for talk in texts])
    scores = _scores(rng, tokens, HOSTILE[0] if hostile else "judged(rubric=alpagasus)")
    names = ["cover", "top_k by ifd", HOSTILE[1] if hostile else "random"]
    ranks = [_ranks(rng, rows, kept) for kept in (rows // 10, rows // 10, rows // 20)]
    sources = ["data/self_instruct.jsonl", HOSTILE[2] if hostile else "data/flan.jsonl"]
    reasons = ["selected", "score too low", HOSTILE[5] if hostile else "too near"]
    shown = {
        "shown": rows,
        "of": rows * 3,
        "sampled": f"{rows:,} of {rows * 3:,} rows, drawn at random.",
        "id": [f"{i:08x}{i * 7919 % 65536:04x}" for i in range(rows)],
        "source": [i % 2 for i in range(rows)],
        "row": list(range(rows)),
        "tokens": [None if i % 97 == 0 else int(t) for i, t in enumerate(tokens)],
        "rank": [rank.tolist() for rank in ranks],
        "why": [
            {"name": name, "names": reasons, "codes": _whys(rank)}
            for name, rank in zip(names, ranks, strict=True)
        ],
        "scores": [
            {"name": name, "values": _none(values), "percentiles": _none(_percentiles(values))}
            for name, values in scores.items()
        ],
        "labels": _labels(rows, tokens, HOSTILE[3] if hostile else "Swahili"),
        "map": "First two principal components of embedding, 31 % of its variance.",
        "texts": "",
        **_map(rng, rows),
    }
    facts = {
        "tamis": "0.1.0",
        "title": HOSTILE[0] if hostile else "Three selections of self_instruct",
        "fingerprint": "0f1e2d3c4b5a6978",
        "sources": sources,
        "rows": rows * 3,
        "runs": [
            _run(name, rows * 3, int((rank >= 0).sum()), hostile)
            for name, rank in zip(names, ranks, strict=True)
        ],
        "scores": [_histogram(name, scores[name], names, ranks, hostile) for name in scores],
        "correlation": _correlation(scores),
        "jaccard": _matrix(names, [[1, 0.12, 0.05], [0.12, 1, 0.04], [0.05, 0.04, 1]]),
        "shared": _matrix(names, [[1, 0.21, 0.07], [0.21, 1, 0.06], [0.14, 0.13, 1]]),
        "ranks": _matrix(names, [[1, -0.3, None], [-0.3, 1, 0.02], [None, 0.02, 1]]),
        "groups": _groups(shown["labels"], ranks),
        "failures": [{"name": "empty answer", "rows": 12}, {"name": reasons[2], "rows": 3}],
        "rejects": "runs/cover/rejects.jsonl",
        "proofs": [proof(hostile=hostile)],
    }
    return facts, shown, texts


def _texts(rows: int, hostile: list[str]) -> list[Any]:
    records = [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]
    tool = [{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}]
    found: list[Any] = []
    for i in range(rows):
        record = records[i % len(records)]
        question = f"{record['instruction']}\n{record['input']}".strip()
        found.append([["user", question, None], ["assistant", record["output"], None]])
        if i % 200 == 11:
            found[i][1][1] += f" The {NEEDLE.title()} smile."
        if i % 300 == 5:
            found[i].append(["assistant", None, json.dumps(tool) if i % 600 == 5 else tool])
    for i, text in enumerate(hostile):
        found[i + 20] = [[text if i < 9 else "user", text, None], ["assistant", text, None]]
    return found


def _scores(rng: Any, tokens: Any, judged: str) -> dict[str, Any]:
    n = len(tokens)
    ifd = np.clip(rng.normal(0.7, 0.15, n) - 0.02 * np.log1p(tokens), 0, 1.4)
    ifd[::50] = np.nan
    return {
        "ifd": ifd,
        "length(of=response,unit=words)": tokens.astype(float),
        "perplexity(model=reference)": np.exp(rng.normal(2.5, 0.6, n) + 0.5 * ifd),
        "mtld": rng.gamma(6, 12, n),
        judged: rng.integers(1, 6, n).astype(float),
        "neighbour_distance(of=embedding,k=6)": rng.beta(2, 5, n),
    }


def _ranks(rng: Any, rows: int, kept: int) -> Any:
    rank = np.full(rows, -1)
    rank[rng.permutation(rows)[:kept]] = np.arange(kept)
    return rank


def _whys(rank: Any) -> list[int]:
    return [0 if place >= 0 else 1 + i % 2 for i, place in enumerate(rank)]


def _percentiles(values: Any) -> Any:
    found = np.full(len(values), np.nan)
    scored = np.flatnonzero(~np.isnan(values))
    ordered = np.sort(values[scored])
    found[scored] = 100 * np.searchsorted(ordered, values[scored]) / len(scored)
    return found


def _none(values: Any) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]


def _map(rng: Any, rows: int) -> dict[str, Any]:
    """Four clouds far from each other, row i in cloud i % 4, and row 7 alone in the middle."""
    points = np.array([PLACES[i % 4] for i in range(rows)]) + rng.uniform(-3, 3, (rows, 2))
    points[7] = 0
    points[9] = np.nan
    return {"x": points[:, 0].tolist(), "y": points[:, 1].tolist()}


def _labels(rows: int, tokens: Any, odd: str) -> list[Any]:
    languages = ["English", "Chinese", odd]
    codes = [2 if i % 40 == 3 else 1 if i % 9 == 0 else 0 for i in range(rows)]
    codes[0] = -1
    lengths = ["short", "middle", "long"]
    by = np.digitize(tokens, [40, 160]).tolist()
    many = [f"topic {i:02d}" for i in range(20)]
    return [
        {"name": "language", "names": languages, "codes": codes},
        {"name": "length", "names": lengths, "codes": by},
        {
            "name": "domain",
            "names": many,
            "codes": [int(20 * (i * 0.618 % 1) ** 2) for i in range(rows)],
        },
    ]


def _groups(labels: list[Any], ranks: list[Any]) -> list[Any]:
    found = []
    for label in labels:
        codes = np.array(label["codes"])
        groups = []
        for i, name in enumerate(label["names"]):
            inside = codes == i
            kept = [int((inside & (rank >= 0)).sum()) for rank in ranks]
            raw = [None, kept[1] // 2, None]
            groups.append({"name": name, "pool": int(inside.sum()), "kept": kept, "raw": raw})
        how = f"Groups by {label['name']}, as the scorer of that name finds them."
        found.append({"name": label["name"], "how": how, "groups": groups})
    return found


def _histogram(name: str, values: Any, names: list[str], ranks: list[Any], bad: bool) -> Any:
    scored = values[~np.isnan(values)]
    edges = np.histogram_bin_edges(scored, 24, (scored.min(), np.quantile(scored, 0.995)))
    parts = [("pool", np.full(len(values), True))]
    parts += [(run, rank >= 0) for run, rank in zip(names, ranks, strict=True)]
    return {
        "name": name,
        "about": f"What {name.split('(')[0][:40]} measures, in one line of its card.",
        "prefer": {"ifd": "high", "mtld": "none"}.get(name, "low"),
        "edges": edges.tolist(),
        "parts": [_part(part, values[which], edges) for part, which in parts],
        "missing": [
            {"name": HOSTILE[2] if bad else "too long", "rows": int(np.isnan(values).sum())}
        ]
        if np.isnan(values).any()
        else [],
    }


def _part(name: str, values: Any, edges: Any) -> Any:
    scored = values[~np.isnan(values)]
    counts = np.histogram(scored, edges)[0].tolist()
    return {"name": name, "rows": len(values), "counts": counts, "median": float(np.median(scored))}


def _correlation(scores: dict[str, Any]) -> Any:
    table = np.array([np.argsort(np.argsort(np.nan_to_num(v))) for v in scores.values()])
    return _matrix(list(scores), np.corrcoef(table).tolist())


def _matrix(names: list[str], values: list[list[float | None]]) -> Any:
    return {"names": names, "values": values}


def _run(name: str, rows: int, kept: int, hostile: bool) -> Any:
    empty, double = rows // 50, rows // 12
    rest = rows - empty - double - kept
    steps = [("read", 1.2), ("score ifd", 812.4), ("score mtld", 9.7), ("select", 3.1)]
    return {
        "name": name,
        "folder": f"runs/{name[:20]}",
        "method": HOSTILE[1] if hostile else "cover(of=embedding,quality=ifd)",
        "budget": "10 %",
        "command": f"tamis select data/*.jsonl --method cover --budget 10% # {name[:40]}",
        "rows": rows,
        "selected": kept,
        "seconds": 826.4,
        "funnel": [
            {"name": "records read", "rows": rows},
            {"name": HOSTILE[2] if hostile else "empty answer", "rows": empty},
            {"name": "same as an earlier row", "rows": double},
            {"name": "not chosen within the budget", "rows": rest},
            {"name": "kept", "rows": kept},
        ],
        "raw": (HOSTILE[5] if hostile else "ifd") if name == "top_k by ifd" else "",
        "quotas": {"language": {"English": 100, "Chinese": 20}} if name == "cover" else {},
        "info": {"objective": 812.25, "note": HOSTILE[0] if hostile else "converged"},
        "steps": [{"name": step, "rows": rows, "seconds": took} for step, took in steps],
        "judges": {"local-judge": {"calls": 1200, "tokens": 512000, "money": 1.25, "price": None}},
        "methods": [_method("cover", "select", hostile), _method("ifd", "score", hostile)],
        "config": f'method = "cover"\nnote = "{HOSTILE[2] if hostile else ""}"\n',
        "manifest": {"fingerprint": "0f1e", "note": HOSTILE[2] if hostile else "", "seed": 0},
    }


def _method(name: str, kind: str, hostile: bool) -> Any:
    return {
        "name": name,
        "kind": kind,
        "version": 2,
        "summary": HOSTILE[1] if hostile else "Rows that cover the pool, weighted by quality.",
        "card": f"{name}\n\nFormula: f(S) = sum of the best similarities.\nOfficial code: differs.",
        "paper": "arXiv:2308.12032" if kind == "score" else "javascript:window.pwned=6",
    }


def proof(*, hostile: bool = False) -> Any:
    """Five arms, two measures, three seeds."""
    cover = HOSTILE[1] if hostile else "cover"
    found = {
        cover: (0.021, 0.009, 0.033, "better than random"),
        "top_k by ifd": (-0.015, -0.026, -0.004, "worse than random"),
        "longest": (0.004, -0.008, 0.016, "no difference shown"),
        "full": (0.012, -0.001, 0.025, "no difference shown"),
        "random": None,
    }
    arms, benefits, curves = [], [], []
    for at, (name, effect) in enumerate(found.items()):
        for measure, scale in (("loss on test rows", 1.0), ("win rate", 6.0)):
            against = None if effect is None else [scale * e for e in effect[:3]]
            told = against and dict(zip(("value", "low", "high"), against, strict=True))
            arms.append(_arm(name, at, measure, told, effect[3] if effect else ""))
            benefits.append(_benefit(name, at, measure, told))
        curves += [_curve(name, at, seed) for seed in range(3)]
    return {
        "name": HOSTILE[6] if hostile else "Does cover beat random?",
        "folder": "proofs/cover",
        "command": "tamis prove data/*.jsonl --methods cover,top_k",
        "said": [
            f"{cover} is better than random: +0.021 [0.009, 0.033] on the loss on test rows.",
            "top_k by ifd is worse than random: −0.015 [−0.026, −0.004].",
            "Between longest and random no difference is shown.",
        ],
        "arms": arms,
        "curves": curves,
        "benefits": benefits,
        "config": "seeds = 3\n",
        "manifest": {"seeds": 3},
    }


def _arm(name: str, at: int, measure: str, told: Any, verdict: str) -> Any:
    return {
        "name": name,
        "kind": "random" if name == "random" else "method",
        "budget": "5 %",
        "view": "rows",
        "measure": measure,
        "seeds": 3,
        "rows": 1000.0 + at,
        "tokens": 180_000.5,
        "value": 1.9 - at / 100,
        "against_random": told,
        "verdict": verdict,
        "p": None if told is None else 0.004 * (at + 1),
    }


def _benefit(name: str, at: int, measure: str, told: Any) -> Any:
    times = {
        "selecting": (820.0, 700.0, 4.0, 0.0, 1.0)[at],
        "training": (2400.0, 2400.0, 3100.0, 9800.0, 2400.0)[at],
    }
    money = 1.25 if at == 0 else None
    rest = {"tokens": 180_000.0, "money": money, "measure": measure, "against_random": told}
    kind = name if name in ("random", "longest", "full") else "method"
    return {"arm": name, "kind": kind, "budget": "5 %", "view": "rows", **times, **rest}


def _curve(name: str, at: int, seed: int) -> Any:
    steps = list(range(0, 200, 5))
    losses = [
        1.4 + 1.1 * np.exp(-s / 60) + 0.1 * at * (1 - np.exp(-s / 50)) + 0.02 * seed for s in steps
    ]
    return {
        "arm": name,
        "budget": "5 %",
        "view": "rows",
        "seed": seed,
        "steps": steps,
        "losses": losses,
    }
