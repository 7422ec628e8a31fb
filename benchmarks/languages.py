"""Accuracy of the scorer `language` on files of known language, with and without lingua.

    python benchmarks/languages.py --data ../shared/data/instructions

The label of a row is the language of its file, but for the rows in EXCEPTIONS, which were read by
hand. A row counts once with all of its turns, and its question alone counts among short texts, as
most rows of up to 50 characters are Chinese. `unknown` counts as wrong. `--wrong` prints the rows
that are named otherwise.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import pyarrow as pa

from tamis.data.read import read
from tamis.protocols import Languages
from tamis.run.texts import named_languages
from tamis.scorers._languages import languages_of

FILES = {
    "en": (
        "alpaca/alpaca_5000.json",
        "medical/chatdoctor5k.json",
        "medical/medical_meadow_small.json",
        "llama_factory_demo/alpaca_en_demo.json",
        "llama_factory_demo/dpo_en_demo.json",
    ),
    "zh": (
        "law/legal_counsel_multi_turn_with_article_v2.json",
        "law/zixun_gpt4.json",
        "medical/huatuo_liver_cancer.json",
        "medical/huatuo_llama_data.json",
        "multilingual/belle_eval_set.json",
        "multilingual/belle_zh_seed_tasks.json",
        "multilingual/zh-data-part-00.json",
        "finance/consulting_part.json",
        "finance/retrieval_part.json",
        "finance/task_part.json",
        "oasst_zh/oaast_sft_zh.json",
        "llama_factory_demo/alpaca_zh_demo.json",
    ),
    "fr": ("multilingual/alpaca-fr.jsonl",),
}
_OASST, _ALPACA = "oasst_zh/oaast_sft_zh.json", "llama_factory_demo/alpaca_zh_demo.json"
EXCEPTIONS: dict[tuple[str, int, str], str] = {
    **{(_OASST, at, "all"): "en" for at in (110, 111, 344, 345, 432, 746)},
    **{(_OASST, at, "instruction"): "en" for at in (432, 433, 746, 747)},
    **{(_ALPACA, at, "all"): "en" for at in (332, 353, 421, 458, 576, 893)},
}
"""(File, row, part) -> the language that most of its letters are in."""
SHORT = 50

Row = tuple[str, int, str, str, str]  # file, row, part, language, text


def rows(root: Path, every: int) -> list[Row]:
    """One row in so many of each file, and its question."""
    found: list[Row] = []
    for code, names in FILES.items():
        for name in names:
            data = read(str(root / name))
            for part in ("all", "instruction"):
                texts = data.texts(part).to_pylist()
                for at in range(0, len(texts), every):
                    label = EXCEPTIONS.get((name, at, part), code)
                    if texts[at].strip() and (part == "all" or len(texts[at]) <= SHORT):
                        found.append((name, at, part, label, texts[at]))
    return found


def measure(pool: list[Row], detector: Languages, shown: bool) -> None:
    started = time.perf_counter()
    codes: list[str] = []
    for at in range(0, len(pool), 8192):
        texts = pa.array([row[4] for row in pool[at : at + 8192]])
        codes += languages_of(texts, detector)
    seconds = time.perf_counter() - started
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for (name, at, part, label, text), code in zip(pool, codes, strict=True):
        size = f"{'up to' if len(text) <= SHORT else 'over'} {SHORT} characters, {part}"
        for group in (label, "every language"):
            right[size, group].append(code == label)
        if shown and code != label:
            print(f"  {name} {at} {part}: {label}, said {code}: {text[:80]!r}")
    print(f"{detector.id}: {len(pool) / seconds:,.0f} rows a second")
    for (size, group), marks in sorted(right.items()):
        print(f"  {size:32} {group:15} {len(marks):6} rows {sum(marks) / len(marks):8.2%} right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--detectors", nargs="+", default=["words", "lingua"])
    parser.add_argument("--wrong", action="store_true")
    given = parser.parse_args()
    pool = rows(given.data, given.every)
    for name in given.detectors:
        measure(pool, named_languages(name), given.wrong)


if __name__ == "__main__":
    main()
