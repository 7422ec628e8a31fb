"""Test prompts that stand in a training pool: equal texts, and long runs of words in common.

A turn of a pool row repeats a test prompt where they have `run` words in a row in common, 13 unless
told otherwise, or where all their words are the same; a prompt with fewer words than that is
repeated by an equal turn alone. Words are those of `scorers/_words.py` after NFKC, in lower case:
signs and blanks do not count, and in scripts without blanks a word is a character or a cluster, so
that in Chinese a run is one of characters. Whether the prompt stands in the turn or the turn in the
prompt does not matter.
13 words: GPT-3's report (arXiv:2005.14165), whose n was from 8 to 13 words by data set; its filter
took out 200 characters around a hit, here the row is reported and can be left out.
20,465 Chinese rows against 1,000 Chinese prompts have 11 with 13 characters in common, phrases in
the 8 looked at, and none with 20: --length is there for that.
All turns of the pool are looked at; of a test file, what system and user say. A text without any
word (signs alone) repeats nothing.
Memory: 8 bytes for each word of the test prompts, twice over; the pool is read once, batch by
batch. Hashes have 64 bits: a chance hit among 10^9 runs of a pool and 10^6 of tests has the chance
5e-5.
Oracle: all pairs by sets of tuples of words (tests).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.scorers._minhash import Hashes, shingles
from tamis.scorers._words import words
from tamis.types import ROLES_OF, Batch, Dataset, Ints, Part

RUN = 13
"""Words in a row."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A pool row that repeats a test prompt.

    Args:
        row: position in the pool
        id: of the row
        set: the test file
        prompt: position in all test prompts
        text: the prompt
        kind: equal where a turn has the same words, run where they share some
        share: share of the prompt's runs that stand in the row
    """

    row: int
    id: str
    set: str
    prompt: int
    text: str
    kind: Literal["equal", "run"]
    share: float


@dataclass(frozen=True, slots=True)
class Contamination:
    """What of the test prompts stands in a pool of so many rows."""

    pool: int
    prompts: int
    repeats: tuple[Repeat, ...]

    @property
    def rows(self) -> Ints:
        """The rows that repeat a prompt, in the order of the pool."""
        return np.unique(np.array([one.row for one in self.repeats], np.int64))

    @property
    def clean(self) -> Ints:
        """The other rows."""
        return np.setdiff1d(np.arange(self.pool), self.rows, assume_unique=True)

    def by_set(self, sets: Sequence[str]) -> dict[str, dict[str, int]]:
        """Of each test file: prompts repeated, how many of them equally, and by how many rows."""
        found = {}
        for name in sets:
            mine = [one for one in self.repeats if one.set == name]
            found[name] = {
                "prompts repeated": len({one.prompt for one in mine}),
                "of these equal": len({one.prompt for one in mine if one.kind == "equal"}),
                "pool rows": len({one.row for one in mine}),
            }
        return found


@dataclass(frozen=True, slots=True)
class Prompts:
    """Test prompts, and the hashes of their runs in ascending order with the prompt of each."""

    texts: Sequence[str]
    sets: Sequence[str]
    hashes: Hashes
    owners: Ints
    runs: Ints  # of each prompt, repeats counted once
    run: int

    @classmethod
    def of(cls, texts: Sequence[str], sets: Sequence[str], run: int = RUN) -> Prompts:
        """The prompts of test files, one text a question."""
        if run < 2:
            raise UserError(f"contamination: a run has at least 2 words, got {run}")
        if not len(texts):
            raise UserError("contamination: there are no test prompts to look for")
        found = shingles(normalised(pa.array(texts, pa.string())), run)
        owners = np.repeat(np.arange(len(texts)), found.counts)
        order = np.lexsort((owners, found.flat))
        hashes, owners = found.flat[order], owners[order]
        new = np.ones(len(hashes), bool)  # a run that a prompt has twice is one
        new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
        hashes, owners = hashes[new], owners[new]
        return cls(texts, sets, hashes, owners, np.bincount(owners, minlength=len(texts)), run)

    def hits(self, texts: pa.Array) -> tuple[Ints, Ints, Ints]:
        """(text, prompt, runs in common), for every pair that has one."""
        found = shingles(normalised(texts), self.run)
        at = np.searchsorted(self.hashes, found.flat)
        there = at < len(self.hashes)
        there[there] = self.hashes[at[there]] == found.flat[there]
        if not there.any():
            return (np.empty(0, np.int64),) * 3
        text = np.repeat(np.arange(len(texts)), found.counts)[there]
        pairs = np.unique(np.stack([text, found.flat[there].astype(np.int64)]), axis=1)
        text, flat = pairs[0], pairs[1].view(np.uint64)
        first, last = (np.searchsorted(self.hashes, flat, side=s) for s in ("left", "right"))
        many = last - first
        owner = self.owners[np.repeat(first, many) + _counted(many)]
        both = np.stack([np.repeat(text, many), owner])
        unique, common = np.unique(both, axis=1, return_counts=True)
        return unique[0], unique[1], common


def _counted(many: Ints) -> Ints:
    """0 .. n - 1 for each n."""
    return np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)


def normalised(texts: pa.Array) -> pa.Array:
    """Texts in which signs that look alike are alike."""
    return pc.utf8_normalize(texts, form="NFKC")


def prompts_of(data: Dataset) -> list[str]:
    """What system and user say in each row of a test file, one text a turn."""
    texts: list[str] = []
    for batch in data.batches():
        texts += _turns(batch, "instruction")[0].to_pylist()
    return texts


def repeats(pool: Dataset, tests: Prompts) -> Iterator[Repeat]:
    """The rows of the pool that repeat a prompt, batch by batch."""
    start = 0
    for batch in pool.batches():
        yield from _of_batch(batch, start, tests)
        start += len(batch)


def contamination(pool: Dataset, tests: Prompts) -> Contamination:
    """All of them."""
    return Contamination(len(pool), len(tests.texts), tuple(repeats(pool, tests)))


def _of_batch(batch: Batch, start: int, tests: Prompts) -> Iterator[Repeat]:
    texts, rows = _turns(batch, "all")
    text, prompt, common = tests.hits(texts)
    best: dict[tuple[int, int], tuple[int, bool]] = {}
    for at, owner, count in zip(text.tolist(), prompt.tolist(), common.tolist(), strict=True):
        key = int(rows[at]), owner
        whole = count == tests.runs[owner]
        equal = whole and _same_words(texts[at].as_py(), tests.texts[owner])
        before = best.get(key, (0, False))
        best[key] = max(before[0], count), before[1] or equal
    ids = batch.table["id"]
    for (row, owner), (count, equal) in sorted(best.items()):
        yield Repeat(
            start + row,
            ids[row].as_py(),
            tests.sets[owner],
            owner,
            tests.texts[owner],
            "equal" if equal else "run",
            count / int(tests.runs[owner]),
        )


def _turns(batch: Batch, of: Part) -> tuple[pa.Array, Ints]:
    """The texts of the turns, and the row of each."""
    texts, rows, start = [], [], 0
    for chunk in batch.table["messages"].chunks:
        flat = chunk.flatten()
        keep = pc.is_in(pc.struct_field(flat, "role"), pa.array(ROLES_OF[of]))
        texts.append(pc.fill_null(pc.struct_field(flat, "content").filter(keep), ""))
        parents = pc.list_parent_indices(chunk).filter(keep)
        rows.append(parents.to_numpy(zero_copy_only=False) + start)
        start += len(chunk)
    return pa.concat_arrays(texts), np.concatenate(rows).astype(np.int64)


def _same_words(one: str, other: str) -> bool:
    found = words(normalised(pa.array([one, other], pa.string())))
    first, second = np.split(found.flat.to_numpy(zero_copy_only=False), found.offsets[1:2])
    return len(first) == len(second) and bool((first == second).all())


def told(found: Contamination, sets: Sequence[str], shown: int = 0) -> dict[str, Any]:
    """As JSON takes it; `shown` repeats at most, all of them where 0."""
    listed = found.repeats[: shown or None]
    return {
        "pool": found.pool,
        "prompts": found.prompts,
        "rows": len(found.rows),
        "sets": found.by_set(sets),
        "repeats": [{name: getattr(one, name) for name in Repeat.__slots__} for one in listed],
    }
