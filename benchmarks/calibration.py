"""What scores do to a mixed pool, raw and read within groups, and to a row and its translation.

    python benchmarks/calibration.py --data ../shared/data/instructions --out calibration.json

Part one: English, Chinese and French rows, general, medical, law and finance, at most `--rows` of
each group. Of each score: how many of the best 5 % are of each group by the raw score, by
`group_quantile` within the language and within the group, and by the raw score under the quota
`group=*:proportional`.
Part two: Alpaca rows and their Chinese translations (`translations.py`). Of each score: the rank
correlation between a row and its translation, the gap between the languages, and how often both
are among the best 10 % of all, before and after. The better end is that of the method's card,
the high one where it names none. Scores by the language model in the package are of fewer rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from languages import FILES
from numpy.typing import NDArray
from translations import pairs

from tamis.budget import Budget
from tamis.data.read import read
from tamis.notation import parse
from tamis.registry import find
from tamis.run.session import Run
from tamis.scorers._ranks import mid_quantiles
from tamis.scorers.group_quantile import group_quantile
from tamis.selectors.bottom_k import bottom_k
from tamis.selectors.top_k import top_k
from tamis.types import Column, Dataset, Ints, Pool

PLAIN = (
    *("length(unit=characters)", "length(unit=words)", "tokens", "mtld", "mattr", "hdd"),
    *("type_token_ratio", "unique_ngrams", "compression_ratio", "repetition", "overlap"),
    *("alpha_share", "readability", "mean_rank(of=[length(unit=words),mtld])"),
    "neighbour_distance",
)
BY_MODEL = ("perplexity(model=reference)", "ifd(model=reference)")
BEST, BEST_OF_PAIRS = 0.05, 0.1
FIELDS = ("medical", "law", "finance")

Labels = NDArray[np.str_]
Numbers = dict[str, Any]


def mixed(root: Path, most: int) -> tuple[Dataset, Labels]:
    """Rows of all files, drawn by their ids, and the group of each: language and field."""
    named = {name: code for code, names in FILES.items() for name in names}
    data = read([str(root / name) for name in named])
    of_file = [_group(code, name) for name, code in named.items()]
    groups = np.array(of_file)[data.table["source"].to_numpy()]
    order = np.argsort(np.asarray(data.ids.to_pylist(), str), kind="stable")
    kept = [order[groups[order] == group][:most] for group in sorted(set(of_file))]
    rows = np.sort(np.concatenate(kept)).astype(np.int64)
    return data.take(rows), groups[rows]


def _group(code: str, name: str) -> str:
    field = name.partition("/")[0]
    return f"{code} {field if field in FIELDS else 'general'}"


def fewer(groups: Labels, most: int) -> Ints:
    """The first so many rows of each group."""
    found = [np.flatnonzero(groups == group)[:most] for group in sorted(set(groups.tolist()))]
    return np.sort(np.concatenate(found)).astype(np.int64)


def prefers_low(score: str) -> bool:
    """Whether low is the better end of a score."""
    return find(parse(score).method, kinds=("score",)).prefer == "low"


def best(pool: Pool, by: str, low: bool, *quotas: str) -> Ints:
    """The rows that a ranking keeps."""
    ranking = bottom_k if low else top_k
    return ranking(pool, Budget(fraction=BEST).within(quotas), by=by).rows


def by_group(run: Run, data: Dataset, groups: Labels, score: str) -> Numbers:
    """Rows of each group among the best, by four rankings."""
    spoken = Column.strings([group[:2] for group in groups])
    pool = run.score(data, [score])
    columns = {**pool.columns, "spoken": spoken, "group": Column.strings(groups.tolist())}
    pool = Pool(data, columns, pool.rows)
    values, low = pool.scores(score), prefers_low(score)
    kept = {"raw": best(pool, score, low)}
    for title, label in (("within language", "spoken"), ("within group", "group")):
        columns[title] = group_quantile(pool, of=score, within=label)
        kept[title] = best(Pool(data, columns, pool.rows), title, low)
    kept["raw under quotas"] = best(pool, score, low, "group=*:proportional")
    names = sorted(set(groups.tolist()))
    counts = {
        title: [int((groups[rows] == n).sum()) for n in names] for title, rows in kept.items()
    }
    there = [int((~np.isnan(values[groups == name])).sum()) for name in names]
    pooled = [int((groups == name).sum()) for name in names]
    return {"groups": names, "pool": pooled, "with a score": there, **counts}


def of_pairs(run: Run, data: Dataset, score: str) -> Numbers:
    """A row and its translation: even rows are English, the next ones Chinese."""
    values, low = run.score(data, [score]).scores(score), prefers_low(score)
    both = ~np.isnan(values.reshape(-1, 2)).any(axis=1)
    found = values.reshape(-1, 2)[both]
    count = len(found)
    language = np.tile([0, 1], count)
    pooled = mid_quantiles(found.ravel()).reshape(-1, 2)
    within = mid_quantiles(found.ravel(), language).reshape(-1, 2)
    spread = float(np.sqrt(found.var(axis=0).mean()))
    told: Numbers = {
        "pairs": count,
        "correlation": float(np.corrcoef(within[:, 0], within[:, 1])[0, 1]),
        "gap in deviations": float(np.diff(found.mean(axis=0))[0] / spread) if spread else 0.0,
        "quantile gap": float(np.diff(pooled.mean(axis=0))[0]),
    }
    for title, read_as in (("raw", pooled), ("within", within)):
        told[f"{title}: distance"] = float(np.abs(np.diff(read_as)).mean())
        worth = -read_as if low else read_as
        # ties by place, as ids are chance
        top = np.zeros(2 * count, bool)
        top[np.argsort(-worth.ravel(), kind="stable")[: int(BEST_OF_PAIRS * 2 * count)]] = True
        pair = top.reshape(-1, 2)
        told[f"{title}: Chinese of the best"] = float(pair[:, 1].sum() / top.sum())
        told[f"{title}: both of the best"] = float(2 * pair.all(axis=1).sum() / top.sum())
    return told


def paired(root: Path) -> Dataset:
    """English rows, each with its translation behind it."""
    rows = [dict(row) for pair in pairs(root) for row in pair]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        file.flush()
        data = read(file.name)
    if len(data) != len(rows):
        raise SystemExit("a row of a pair could not be read: the pairs would be shifted")
    return data


def tables(found: dict[str, dict[str, Numbers]]) -> None:
    """Both parts as Markdown."""
    seen: dict[str, list[str]] = defaultdict(list)
    for score, told in found["groups"].items():
        sizes = " | ".join(
            f"{n} {size:,}" for n, size in zip(told["groups"], told["pool"], strict=True)
        )
        seen[sizes].append(score)
    for sizes, scores in seen.items():
        print(f"\n| score, ranking | {sizes} |\n|{'---|' * (sizes.count('|') + 2)}")
        for score in scores:
            for title in ("raw", "within language", "within group", "raw under quotas"):
                counts = " | ".join(map(str, found["groups"][score][title]))
                print(f"| `{score}`, {title} | {counts} |")
    names = list(next(iter(found["pairs"].values())))
    print(f"\n| score | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for score, told in found["pairs"].items():
        shown = " | ".join(f"{v:,}" if isinstance(v, int) else f"{v:.2f}" for v in told.values())
        print(f"| `{score}` | {shown} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=3000, help="of each group at most")
    parser.add_argument("--model-rows", type=int, default=300, help="the same for BY_MODEL")
    parser.add_argument("--store", default=None, help="keep scores here")
    parser.add_argument("--out", type=Path, default=None, help="the figures as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(store=given.store or folder).begin()
        data, groups = mixed(given.data, given.rows)
        at = fewer(groups, given.model_rows)
        translated = paired(given.data)
        found: dict[str, dict[str, Numbers]] = {"groups": {}, "pairs": {}}
        for score in (*PLAIN, *BY_MODEL):
            part = (data.take(at), groups[at]) if score in BY_MODEL else (data, groups)
            found["groups"][score] = by_group(run, *part, score)
            found["pairs"][score] = of_pairs(run, translated, score)
    tables(found)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
