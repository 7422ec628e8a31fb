"""Rows of Alpaca and their Chinese translations, found by what a translation leaves as it is.

The Chinese file follows the order of the original one, which is not here; the English file is
shuffled. A pair shares its words in Latin letters and its numbers: each counts log(rows / rows that
have it), and a pair is kept where nearly all that the Chinese row has of them and nearly all the
English row's numbers are shared, the next English row shares much less, and neither row is in
another pair. So the pairs are rows with names, numbers or code, not a sample of all rows.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ENGLISH, CHINESE = "alpaca/alpaca_30k.json", "multilingual/zh-data-part-00.json"
LEAST, AHEAD, SHARED, FREQUENT = 15.0, 6.0, 0.8, 3000
_WORD = re.compile(r"[A-Za-z]{2,}|\d+(?:\.\d+)?")

Row = Mapping[str, str]


def pairs(root: Path) -> list[tuple[Row, Row]]:
    """English rows with their translations."""
    english, chinese = (json.loads((root / name).read_text()) for name in (ENGLISH, CHINESE))
    found = list(_matches([_kept(row) for row in english], [_kept(row) for row in chinese]))
    once = Counter(at for at, _ in found)
    return [(english[at], chinese[other]) for at, other in found if once[at] == 1]


def _matches(
    english: Sequence[frozenset[str]], chinese: Sequence[frozenset[str]]
) -> Iterator[tuple[int, int]]:
    rows = defaultdict(list)
    for at, words in enumerate(english):
        for word in words:
            rows[word].append(at)
    worth = {word: math.log(len(english) / len(places)) for word, places in rows.items()}
    for other, words in enumerate(chinese):
        known = [word for word in words if word in worth]
        numbers = sum(word[0].isdigit() for word in known)
        if len(known) < 3 and numbers < 2:
            continue
        shared: Counter[int] = Counter()
        for word in known:
            for at in rows[word] if len(rows[word]) < FREQUENT else ():
                shared[at] += worth[word]
        (at, most), *rest = [*shared.most_common(2), (0, 0.0)]
        whole = sum(worth[word] for word in known)
        clear = most >= LEAST and most - rest[0][1] >= AHEAD if rest else False
        if clear and most >= SHARED * whole and _same_numbers(english[at], words):
            yield at, other


def _same_numbers(one: frozenset[str], other: frozenset[str]) -> bool:
    numbers = {word for word in one if word[0].isdigit()}
    return len(numbers & other) >= SHARED * len(numbers)


def _kept(row: Row) -> frozenset[str]:
    """Words in Latin letters and numbers of a row."""
    text = " ".join(row[field] for field in ("instruction", "input", "output"))
    return frozenset(word.lower() for word in _WORD.findall(text))
