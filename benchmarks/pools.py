"""Pools of any size out of real rows, for the other scripts."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MIXED = (
    "alpaca/alpaca_30k.json",
    "self_instruct/self_instruct_5k.jsonl",
    "gpteacher/roleplay-simple-deduped-roleplay-dataset.json",
    "code_alpaca/code_alpaca_2k.json",
    "gsm8k/train.jsonl",
    "medical/medical_meadow_small.json",
    "lima/lima.json",
    "multilingual/alpaca-fr.jsonl",
    "multilingual/zh-data-part-00.json",
)
"""Files of a mixed pool, below a folder of instruction sets."""
SHARES = (0.01, 0.05, 0.15, 0.3, 0.6)
"""The share of a row's words that its first, second ... copy has from other rows."""


def written(path: Path, rows: Sequence[dict[str, Any]], size: int) -> Path:
    """A file of so many rows, repeated with a number at the question where there are too few."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(size):
            row = dict(rows[number % len(rows)])
            if number >= len(rows):
                row["instruction"] += f" ({number // len(rows)})"
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def mixed(data: Path) -> list[list[dict[str, str]]]:
    """The conversations of MIXED as tamis reads them, in an order of chance."""
    from tamis import read

    found = [
        [{"role": m["role"], "content": m["content"] or ""} for m in messages]
        for name in MIXED
        for messages in read(str(data / name)).table["messages"].to_pylist()
    ]
    random.Random(0).shuffle(found)
    return found


def edited(rows: Sequence[list[dict[str, str]]], size: int) -> Iterator[dict[str, Any]]:
    """So many conversations: the real ones, then copies in which words are other rows' words.

    A copy has a number of its own in its first turn, so all ids differ. Of Chinese text a word is
    a run between punctuation.
    """
    words = [word for row in rows for word in _words(row[-1]["content"])[:40]]
    chance = random.Random(1)
    for number in range(size):
        row, copy = rows[number % len(rows)], number // len(rows)
        if copy:
            share = SHARES[(copy - 1) % len(SHARES)]
            row = [
                {**turn, "content": _changed(turn["content"], share, words, chance)} for turn in row
            ]
            row[0]["content"] = f"{number}. {row[0]['content']}"
        yield {"messages": row}


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,.;:!?，。；：！？、]+", text)


def _changed(text: str, share: float, words: Sequence[str], chance: random.Random) -> str:
    """A text with a share of its words from elsewhere, one at least."""
    parts = re.split(r"([\s,.;:!?，。；：！？、]+)", text)
    count = max(int(share * len(parts) / 2), 1)
    for _ in range(count):
        parts[2 * chance.randrange((len(parts) + 1) // 2)] = words[chance.randrange(len(words))]
    return "".join(parts)


def mixed_file(path: Path, data: Path, size: int) -> Path:
    """A file of so many edited conversations."""
    with path.open("w", encoding="utf-8") as file:
        for row in edited(mixed(data), size):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path
