"""What a pool holds before anything is selected: lengths, scripts, duplicates, problems."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tamis.run.session import Run
    from tamis.types import Dataset, Pool

LENGTHS = {
    "instruction, words": "length(of=instruction,unit=words)",
    "answer, words": "length(of=response,unit=words)",
    "answer, tokens": "tokens(of=response)",
    "all turns, tokens": "tokens(of=all)",
    "answers in a conversation": "turns",
}
FAULTS = {
    "empty answer": "empty(of=response)",
    "empty instruction": "empty(of=instruction)",
    "answer refuses": "refusal",
    "answer is cut off": "truncated_ending",
    "same as an earlier row": "exact_duplicate",
    "nearly the same as another row": "near_duplicate",
}
MOST = 12
"""Scripts and languages that get a line of their own."""


def overview(data: Dataset, run: Run) -> dict[str, Any]:
    """Tables by title: sources, lengths with quantiles, scripts, languages, faults with counts."""
    wanted = [*LENGTHS.values(), *FAULTS.values(), "script(of=all)"]
    pool = run.score(data, list(dict.fromkeys(wanted)))
    found: dict[str, Any] = {
        "sources": sources(data),
        "lengths": lengths(pool),
        "scripts": shares(pool.labels("script(of=all)")),
        "problems": faults(pool),
    }
    languages = language_shares(data, run)
    if languages:
        found["languages (of a sample)"] = languages
    return found


def sources(data: Dataset) -> list[dict[str, Any]]:
    """One line a file: its form, rows, and rows that could not be read."""
    return [
        {
            "source": s.path,
            "container": s.container,
            "format": s.format,
            "rows": s.rows,
            "could not be read": s.rejected,
        }
        for s in data.sources
    ]


def lengths(pool: Pool) -> list[dict[str, Any]]:
    """Mean and quantiles of each length, and the sum."""
    import numpy as np

    rows = []
    for title, name in LENGTHS.items():
        values = pool.scores(name)
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        marks = np.quantile(values, [0, 0.05, 0.5, 0.95, 1])
        shown = dict(zip(("min", "5%", "median", "95%", "max"), map(float, marks), strict=True))
        total = int(values.sum())
        rows.append({"length": title, "mean": float(values.mean()), **shown, "sum": total})
    return rows


def shares(labels: list[str | None]) -> list[dict[str, Any]]:
    """Counts and shares of the most frequent labels, the rest in one line."""
    counts = Counter(label or "unknown" for label in labels).most_common()
    shown = counts[:MOST]
    if len(counts) > MOST:
        shown.append((f"{len(counts) - MOST} others", sum(n for _, n in counts[MOST:])))
    return [{"name": k, "rows": n, "share": f"{n / len(labels):.1%}"} for k, n in shown]


def faults(pool: Pool) -> list[dict[str, Any]]:
    """How many rows have each fault."""
    import numpy as np

    rows = []
    for title, name in FAULTS.items():
        values = pool.scores(name)
        count = int(np.sum(values > 0))
        rows.append({"problem": title, "rows": count, "share": f"{count / len(pool):.1%}"})
    return rows


def language_shares(data: Dataset, run: Run, sample: int = 2000) -> list[dict[str, Any]]:
    """Languages of evenly spaced rows."""
    import numpy as np

    if not len(data):
        return []
    rows = np.unique(np.linspace(0, len(data) - 1, min(sample, len(data))).astype(np.int64))
    pool = run.score(data.take(rows), ["language(of=all)"])
    return shares(pool.labels("language(of=all)"))
