"""Rows as a trainer reads them: token ids, and labels that are -100 where nothing is learned.

Loss is on answers only, and on the token that ends each: a model that never saw it does not stop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.errors import UserError
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.passages import Setting, Stops, Written, written
from tamis.templates import END
from tamis.training.settings import Training
from tamis.types import Dataset, Ints

SCHEMA = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])
AT_ONCE = 1024
"""Rows that are in memory as tokens."""
UNLEARNED = -100


@dataclass(frozen=True, slots=True)
class Tokenised:
    """What a trainer reads: a file of rows, and what became of those that are not in it.

    `lengths` has the tokens of each row in it; `example` the first one as (text, is it learned).
    """

    path: Path
    lengths: Ints
    learned: int  # tokens with a label
    left_out: Mapping[str, int]  # reason -> rows
    cut: int  # rows whose answers do not fit as a whole
    example: Sequence[tuple[str, bool]]

    @property
    def told(self) -> dict[str, Any]:
        """Counts for a manifest."""
        return {
            "rows": len(self.lengths),
            "left_out": dict(self.left_out),
            "cut": self.cut,
            "tokens": int(self.lengths.sum()),
            "learned_tokens": self.learned,
        }


def tokenise(data: Dataset, text: ModelTokenizer, training: Training, path: Path) -> Tokenised:
    """Writes the rows as tokens and labels; raises UserError where not one can be learned."""
    lengths: list[int] = []
    learned = cut = 0
    left_out: Counter[str] = Counter()
    example: list[tuple[str, bool]] = []
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        for rows in _written(data, text, training):
            usable = [row for row in rows if row.answers]
            left_out.update(row.problem for row in rows if row.problem)
            labels = [labels_of(row) for row in usable]
            lengths += [len(row.ids) for row in usable]
            learned += sum(int((part != UNLEARNED).sum()) for part in labels)
            cut += sum(row.kept < 1 for row in usable)
            if usable and not example:
                example = shown(usable[0].ids, labels[0], text)
            ids = [row.ids.astype(np.int32) for row in usable]
            stream.write_batch(pa.record_batch([_lists(ids), _lists(labels)], schema=SCHEMA))
    if not lengths:
        why = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise UserError(f"no row can be learned: {why or 'there are none'}")
    return Tokenised(path, np.array(lengths), learned, left_out, cut, example)


def _written(data: Dataset, text: ModelTokenizer, training: Training) -> Iterator[list[Written]]:
    setting = Setting(training.template, training.turns, training.max_length)
    stops = stops_of(text)
    for batch in data.batches(AT_ONCE):
        yield written(batch, text, setting, stops)


def stops_of(text: ModelTokenizer) -> Stops:
    """The tokens that end an answer: whatever is special to the tokenizer."""
    end = text.encode([END], markup=True)[0]
    if len(end) != 1:
        raise UserError(f"{text.name} has no token that ends a text, so it cannot learn to stop")
    return Stops(frozenset(int(token) for token in text.tokenizer.all_special_ids), int(end[0]))


def labels_of(row: Written) -> NDArray[np.int32]:
    """The ids inside answers, -100 elsewhere."""
    found = np.full(len(row.ids), UNLEARNED, np.int32)
    for start, stop in row.answers:
        found[start:stop] = row.ids[start:stop]
    return found


def _lists(parts: Sequence[NDArray[np.int32]]) -> pa.Array:
    starts = np.cumsum([0, *map(len, parts)], dtype=np.int32)
    flat = np.concatenate([np.empty(0, np.int32), *parts]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(starts), pa.array(flat))


def shown(ids: Ints, labels: NDArray[np.int32], text: ModelTokenizer) -> list[tuple[str, bool]]:
    """A row as runs of text, each with whether it is learned."""
    learned = labels != UNLEARNED
    edges = [0, *(np.flatnonzero(np.diff(learned)) + 1).tolist(), len(ids)]
    return [
        (text.tokenizer.decode(ids[a:b].tolist(), skip_special_tokens=False), bool(learned[a]))
        for a, b in pairwise(edges)
    ]
