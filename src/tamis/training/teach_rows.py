"""Examples that a scorer is taught with, out of rows: a number, a better answer, or three answers.

regression   an answer and its number: a field of the row, or a column of a table joined by id
pairs        a better answer and a worse one to the same question: a row and the field with its
             worse answer, or two rows of one question whose numbers differ
scar         three answers to one question: a model's own, a model's that saw the human one
             ("referenced"), and the human one, which is the row's

A row that gives no example is counted by its reason. The question is what was asked last, with a
system turn in front of it; the answer is what was said to it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.templates import said
from tamis.training.teaching import Teaching
from tamis.types import Dataset

PAIRS, ANSWERS = 256, 64
"""Most pairs of one question, and most answers that they are made of, so that a question with many
rated answers does not weigh as their square."""
KINDS = ("direct", "referenced", "human")
"""Whose answers a style ranker compares, the most consistent first."""
ORDERS = ((0, 1), (1, 2), (0, 2))
"""Which of them is above which."""


@dataclass(frozen=True, slots=True)
class Example:
    """What is learned at once.

    `answers`: one with its number, a better and a worse one, or one of each of KINDS. `counts`:
    of scar's, which of ORDERS count.
    """

    key: str
    question: str
    answers: tuple[str, ...]
    number: float = 0.0
    counts: tuple[bool, ...] = ()


@dataclass
class Examples:
    """Examples sorted by their keys, and what became of the rows."""

    found: list[Example] = field(default_factory=list)
    rows: int = 0  # read
    used: int = 0  # that gave an example
    left_out: Counter[str] = field(default_factory=Counter)

    def divided(self, share: float, seed: int) -> tuple[list[Example], list[Example]]:
        """Those to learn from, and those of questions that are kept aside by their hash."""
        parts: tuple[list[Example], list[Example]] = ([], [])
        for one in self.found:
            parts[drawn(seed, "held", one.question) < share].append(one)
        return parts

    @property
    def told(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "used": self.used,
            "left_out": dict(sorted(self.left_out.items())),
            "examples": len(self.found),
        }

    @property
    def fingerprint(self) -> str:
        """Hash of every example."""
        digest = hashlib.blake2b(digest_size=12)
        for one in self.found:
            text = json.dumps([one.key, one.question, one.answers, one.number, one.counts])
            digest.update(text.encode() + b"\n")
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Row:
    """The last exchange of a row, and its other fields."""

    id: str
    question: str
    answer: str
    extra: Mapping[str, Any]

    @property
    def problem(self) -> str | None:
        """Why nothing can be learned from it."""
        if not self.question.strip():
            return "no question"
        return None if self.answer.strip() else "no answer"


def drawn(seed: int, *named: object) -> float:
    """A number in [0, 1) that the seed and the names alone decide."""
    text = "\n".join(map(str, named)).encode("utf-8", "surrogatepass")
    key = (seed % 2**64).to_bytes(8, "little")
    digest = hashlib.blake2b(text, key=key, digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2.0**64


def rows_of(data: Dataset) -> Iterator[Row]:
    """The last exchange of each row."""
    for batch in data.batches(1024):
        for row in batch.table.select(["id", "messages", "extra"]).to_pylist():
            question, answer = exchange(row["messages"])
            yield Row(row["id"], question, answer, json.loads(row["extra"] or "{}"))


def exchange(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The last answer and what was asked before it, as the scorer `reward` shows them."""
    last = max((at for at, one in enumerate(messages) if one["role"] == "assistant"), default=-1)
    asked: list[str] = []
    answered: list[str] = []
    for message in messages[: last + 1] if last >= 0 else messages:
        if message["role"] == "assistant":
            answered.append(said(message))
        elif message["role"] != "tool":
            if answered:
                asked, answered = [], []
            asked.append(said(message))
    return "\n\n".join(asked), "\n".join(answered)


def rated(data: Dataset, label: str, table: str = "") -> Examples:
    """Answers with their numbers."""
    found, known = Examples(), numbers(table, label) if table else None
    for row in rows_of(data):
        found.rows += 1
        value = row.extra.get(label) if known is None else known.get(row.id)
        number = as_number(value)
        problem = row.problem or (number if isinstance(number, str) else None)
        if problem:
            found.left_out[problem] += 1
            continue
        assert isinstance(number, float)
        found.used += 1
        found.found.append(Example(row.id, row.question, (row.answer,), number))
    return _sorted(found)


def as_number(value: Any) -> float | str:
    """A finite number, or why there is none."""
    if value is None or value == "":
        return "no number"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "not a number"
    return number if isfinite(number) else "not a finite number"


def numbers(table: str, name: str) -> dict[str, Any]:
    """A column of a table of scores by the id of its row."""
    import polars as pl

    path = Path(table).expanduser()
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}
    if path.suffix not in read:
        raise UserError(f"{table}: the ending must be one of {', '.join(read)}")
    if not path.is_file():
        raise UserError(f"{table} is no file: name a table that `tamis score --out` wrote")
    frame = read[path.suffix](path)  # type: ignore[operator]
    for wanted in ("id", name):
        if wanted not in frame.columns:
            raise UserError(f"{table} has no column {wanted!r}: it has {', '.join(frame.columns)}")
    return dict(zip(frame["id"].to_list(), frame[name].to_list(), strict=True))


def paired(data: Dataset, label: str, worse: str, teaching: Teaching, table: str = "") -> Examples:
    """Better and worse answers: of rows that have a worse one, else of rows with numbers."""
    found = Examples()
    groups: dict[str, list[tuple[float, Row]]] = {}
    known = numbers(table, label) if table else None
    for row in rows_of(data):
        found.rows += 1
        if row.problem:
            found.left_out[row.problem] += 1
        elif known is None and row.extra.get(worse) is not None:
            _beside(row, worse, found)
        else:
            number = as_number(row.extra.get(label) if known is None else known.get(row.id))
            if isinstance(number, str):
                found.left_out[number] += 1
            else:
                groups.setdefault(row.question, []).append((number, row))
    for group in groups.values():
        _among(group, teaching, found)
    return _sorted(found)


def _beside(row: Row, worse: str, found: Examples) -> None:
    """The pairs of a row and the worse answers in a field of it."""
    texts = _texts(row.extra[worse])
    other = [text for text in texts if text.strip() and text != row.answer]
    if not other:
        found.left_out["no worse answer" if not any(map(str.strip, texts)) else "same answer"] += 1
        return
    found.used += 1
    for place, text in enumerate(other):
        found.found.append(Example(f"{row.id} {place}", row.question, (row.answer, text)))


def _texts(value: Any) -> list[str]:
    """The answers in a field: a text, several, or a conversation that ends with one."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return []
    if all(isinstance(one, str) for one in value):
        return list(value)
    last = value[-1] if value and isinstance(value[-1], Mapping) else {}
    text = last.get("content", last.get("value"))
    return [text] if isinstance(text, str) else []


def _among(group: list[tuple[float, Row]], teaching: Teaching, found: Examples) -> None:
    """The pairs of rows of one question whose numbers differ by more than the gap."""
    if len(group) == 1:
        found.left_out["alone with its question"] += 1
        return
    seed = teaching.teach_seed
    some = sorted(group, key=lambda one: (drawn(seed, one[1].id), one[1].id))[:ANSWERS]
    pairs = _differing(sorted(some, key=lambda one: (-one[0], one[1].id)), teaching.gap)
    pairs.sort(key=lambda pair: (drawn(seed, pair[0].id, pair[1].id), pair[0].id, pair[1].id))
    used = set()
    for better, worse in pairs[:PAIRS]:
        used |= {better.id, worse.id}
        name = f"{better.id} {worse.id}"
        found.found.append(Example(name, better.question, (better.answer, worse.answer)))
    found.used += len(used)
    for reason, count in (
        (f"beyond {ANSWERS} answers to a question", len(group) - len(some)),
        ("in no pair of different numbers", len(some) - len(used)),
    ):
        if count:
            found.left_out[reason] += count


def _differing(group: list[tuple[float, Row]], gap: float) -> list[tuple[Row, Row]]:
    """All pairs of a sorted group whose numbers differ by more than the gap, and their texts."""
    falling = -np.array([number for number, _ in group])
    first = np.searchsorted(falling, falling + gap, side="right")
    return [
        (group[high][1], group[low][1])
        for high, start in enumerate(first.tolist())
        for low in range(start, len(group))
        if group[high][1].answer != group[low][1].answer
    ]


def styled(data: Dataset, teaching: Teaching) -> Examples:
    """Three answers to each question, and which of the pairs among them count."""
    found = Examples()
    for row in rows_of(data):
        found.rows += 1
        texts = [row.extra.get("direct"), row.extra.get("referenced"), row.answer]
        problem = row.problem or next(
            (f"no {kind} answer" for kind, text in zip(KINDS, texts, strict=True) if _none(text)),
            None,
        )
        counts = () if problem else _counting(row, [str(text) for text in texts], teaching)
        if problem is None and isinstance(counts, str):
            problem = counts
        if problem:
            found.left_out[problem] += 1
            continue
        found.used += 1
        answers = tuple(str(text) for text in texts)
        found.found.append(Example(row.id, row.question, answers, counts=tuple(counts)))  # type: ignore[arg-type]
    return _sorted(found)


def _none(text: Any) -> bool:
    return not (isinstance(text, str) and text.strip())


def _counting(row: Row, texts: list[str], teaching: Teaching) -> tuple[bool, ...] | str:
    """Which of ORDERS count: different answers of enough quality; or why none does."""
    good = [True] * len(KINDS)
    if teaching.constraint == "abs":
        values = [quality(row.extra.get(f"{kind}_quality")) for kind in KINDS]
        if None in values:
            return "no quality of an answer"
        good = [v is not None and teaching.least < v < teaching.most for v in values]
    counts = tuple(good[a] and good[b] and texts[a] != texts[b] for a, b in ORDERS)
    if any(counts):
        return counts
    return "quality out of bounds" if not all(good) else "same answer"


def quality(value: Any) -> float | None:
    """A rating, or the mean of several, such as helpful and correct."""
    several = value if isinstance(value, list) else [value]
    read = [as_number(one) for one in several]
    known = [one for one in read if isinstance(one, float)]
    return sum(known) / len(known) if known and len(known) == len(read) else None


def _sorted(found: Examples) -> Examples:
    found.found.sort(key=lambda one: one.key)
    return found
