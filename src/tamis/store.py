"""The column store: append-only Parquet parts, keyed by row id and method fingerprint.

    <root>/<method>/<key>/header.json        what the key stands for, for people
    <root>/<method>/<key>/part-<random>.parquet   id, value, problem

The root is a folder, or an address such as s3://bucket/scores (`tamis.places`). A reader sees whole
parts only, and none is ever changed. Two processes may write at once: each shard is claimed with a
lock that the system releases when its holder dies. Where two parts hold one row, the first by name
is read. A part that is damaged (a disk error, a cut-off copy, rows of another column) is told of
once and counts as absent. Nothing depends on clocks or on the times of files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis import parts
from tamis.errors import UserError
from tamis.gathering import Gathering
from tamis.parts import SPENT
from tamis.places import Place, place, user_cache
from tamis.types import Column, Ints, Mask

__all__ = ["SPENT", "Store", "default_root", "part_name"]

Address = str | os.PathLike[str]
T = TypeVar("T")
U = TypeVar("U")

WRITING = (
    "scores cannot be written to",
    "what was written before is kept. Make room there, or permit it, or name another place "
    "with --store",
)
READING = (
    "scores cannot be read from",
    "nothing is computed in their place. Permit it, or try again, or name another place "
    "with --store",
)
PART = re.compile(r"part-.*\.parquet")
IDS = 1 << 18
"""Ids of stored rows that are looked at together, at least."""


def default_root() -> Path:
    """Where scores live unless told otherwise: one folder a user, shared by all runs."""
    return user_cache() / "scores"


def part_name() -> str:
    """A file name that no part has yet."""
    return f"part-{uuid.uuid4().hex}.parquet"


@dataclass(frozen=True, slots=True)
class Store:
    """A place of score columns; one `beneath` it is read too and never written.

    A column is named by its folder, `method/key`, a part by `method/key/part-...`, wherever it is.
    """

    root: Place
    beneath: Place | None = None
    damaged: set[str] = field(default_factory=set, compare=False, repr=False)  # parts, as told

    @classmethod
    def at(cls, root: Address, beneath: Address | None = None) -> Store:
        """The store at an address."""
        return cls(place(root), None if beneath is None else place(beneath))

    def folder(self, method: str, key: str) -> str:
        # a method from a user's file is named by its path: keep the last part, the key is unique
        return f"{method.rpartition('/')[2].replace(':', '-')}/{key}"

    def parts(self, folder: str) -> set[str]:
        """The committed parts of a column, but those that are known to be damaged."""
        found: set[str] = set()
        for where in self._places():
            with _told(READING, where, folder):
                names = where.names(folder)
            found |= {f"{folder}/{name}" for name in names if PART.fullmatch(name)}
        return found - self.damaged

    def missing(self, folder: str, ids: pa.ChunkedArray) -> Mask:
        """Which ids a column lacks; no value is read."""
        lacking = np.ones(len(ids), dtype=bool)
        for _, rows, _ in self._found(folder, ids, np.arange(len(ids))):
            lacking[rows] = False
        return lacking

    def read(self, folder: str, ids: pa.ChunkedArray) -> tuple[Column | None, Mask]:
        """The stored column in the order of `ids`, and which ids are missing from it.

        No column where none of them is there. Memory grows with the rows that are asked for.
        """
        values, left, gone = Gathering(len(ids)), np.arange(len(ids)), set[str]()
        while len(left):
            again = []
            found = list(self._found(folder, ids, left, gone))
            names = [name for name, _, _ in found]
            for (name, rows, at), table in zip(
                found, self._tables(names, "value", "problem"), strict=True
            ):
                if table is not None and not values.fits(table["value"].type):
                    self._tell(name)
                    table = None
                if table is None:  # it is gone or damaged: another may hold the same rows
                    gone.add(name)
                    again.append(rows)
                else:
                    values.add(table.take(pa.array(at)), rows)
            left = np.concatenate([np.empty(0, np.int64), *again])
        return values.column(), ~values.there

    def ids_of(self, part: str) -> pa.Array:
        """The ids of one part; none where it is damaged."""
        (table,) = self._tables([part], "id")
        return pa.array([], pa.string()) if table is None else _whole(table["id"])

    def append(
        self,
        folder: str,
        ids: pa.ChunkedArray,
        column: Column,
        spent: Mapping[str, float] | None = None,
        name: str = "",
    ) -> str:
        """Commits one part; a killed process leaves either the whole part or none.

        `spent` is what it took: seconds, tokens, calls, money. `name` is a `part_name`, for
        somebody else to know the part by.
        """
        table, path = parts.made(folder, ids, column, spent), f"{folder}/{name or part_name()}"
        with _told(WRITING, self.root, folder):
            self.root.write(path, lambda file: parts.write(table, file))
        return path

    def spent(self, folder: str, ids: pa.ChunkedArray) -> dict[str, float]:
        """What it took to compute a column for these rows, by whoever computed it.

        Of a part that has other rows too, their share is left out.
        """
        found: dict[str, float] = {}
        wanted = _whole(ids)
        for table in self._tables(sorted(self.parts(folder)), "id"):
            said = parts.spent(table) if table is not None else {}
            if table is None or not said or not len(table):
                continue
            here = np.asarray(pc.is_in(_whole(table["id"]), value_set=wanted))
            for name, value in said.items():
                found[name] = found.get(name, 0.0) + value * float(here.mean())
        return found

    def describe(self, folder: str, header: Mapping[str, Any]) -> None:
        """Writes what the key stands for, once."""
        path = f"{folder}/header.json"
        text = json.dumps(header, indent=2, ensure_ascii=False, default=str)
        content = text.encode("utf-8", "surrogatepass")
        with _told(WRITING, self.root, folder):
            if not self.root.exists(path):
                self.root.write(path, lambda file: file.write(content))

    @contextmanager
    def claim(self, folder: str, ids: pa.ChunkedArray, *, wait: bool) -> Iterator[bool]:
        """Holds the shard of these ids; yields False where another process holds it already.

        In a store elsewhere it is held against processes of this machine.
        """
        digest = hashlib.blake2b(digest_size=8)
        digest.update(f"{ids[0]} {ids[-1]} {len(ids)}".encode())
        claim = self.root.claim(f"{folder}/claims/{digest.hexdigest()}.lock", wait=wait)
        with _told(WRITING, self.root, folder):
            held = claim.__enter__()
        try:
            yield held
        finally:
            claim.__exit__(None, None, None)

    def _places(self) -> list[Place]:
        return [self.root] if self.beneath is None else [self.root, self.beneath]

    def _found(
        self, folder: str, ids: pa.ChunkedArray, left: Ints, without: Set[str] = frozenset()
    ) -> Iterator[tuple[str, Ints, Ints]]:
        """For each part the positions in `ids` that it is read for, and where it has them.

        Where all are found, no more parts are read.
        """
        names = sorted(self.parts(folder) - without)
        for group in self._groups(names if len(left) else [], max(len(left), IDS)):
            known = pa.concat_arrays([held for _, held in group])
            index = _whole(pc.index_in(ids.take(pa.array(left)), value_set=known))
            there = np.asarray(index.is_valid())
            at, rows, left = np.asarray(index.drop_null()), left[there], left[~there]
            yield from _by_part(group, rows, at)
            if not len(left):
                return

    def _groups(self, names: Sequence[str], least: int) -> Iterator[list[tuple[str, pa.Array]]]:
        """Parts with their ids, so many parts together that there are enough ids."""
        group: list[tuple[str, pa.Array]] = []
        for name, table in zip(names, self._tables(names, "id"), strict=True):
            if table is not None:
                group.append((name, _whole(table["id"])))
            if sum(len(held) for _, held in group) >= least:
                yield group
                group = []
        if group:
            yield group

    def _tables(self, names: Sequence[str], *columns: str) -> Iterator[pa.Table | None]:
        """Columns of parts; None for one that is gone, or damaged."""
        most = max(where.at_once for where in self._places())

        def one(name: str) -> tuple[Place, pa.Table | None] | None:
            for where in self._places():
                try:
                    with _told(READING, where, name, FileNotFoundError):
                        return where, parts.read(where, name, columns)
                except FileNotFoundError:
                    continue
            return None

        for name, found in zip(names, _ahead(one, names, most), strict=True):
            if found is not None and found[1] is None:
                self._tell(name, found[0])
            yield None if found is None else found[1]

    def _tell(self, part: str, where: Place | None = None) -> None:
        """Takes note of a damaged part; tells of it once."""
        if part not in self.damaged:
            self.damaged.add(part)
            warnings.warn(
                f"{(where or self.root).shown(part)} is damaged and left out: its rows are "
                "computed again, and it can be deleted",
                stacklevel=2,
            )


def _by_part(
    group: Sequence[tuple[str, pa.Array]], rows: Ints, at: Ints
) -> Iterator[tuple[str, Ints, Ints]]:
    """Rows that were found in parts laid end to end, by part, in the order they have there."""
    starts = np.cumsum([0, *(len(held) for _, held in group)])
    order = np.argsort(at, kind="stable")
    cuts = np.searchsorted(at[order], starts)
    for which, (name, _) in enumerate(group):
        mine = order[cuts[which] : cuts[which + 1]]
        if len(mine):
            yield name, rows[mine], at[mine] - starts[which]


def _ahead(work: Callable[[T], U], items: Sequence[T], most: int) -> Iterator[U]:
    """The results in order, so many at work side by side and no more."""
    if most == 1:
        yield from map(work, items)
        return
    pool, waiting = ThreadPoolExecutor(most), deque[Future[U]]()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) == most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _told(
    trouble: tuple[str, str], where: Place, name: str, *passes: type[OSError]
) -> Iterator[None]:
    """Around files: what fails is told with where it is, and what can be done."""
    try:
        yield
    except passes:
        raise
    except OSError as error:
        said, advice = trouble
        reason = error.strerror or error
        raise UserError(f"{said} {where.shown(name)}: {reason}; {advice}") from error


def _whole(array: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array instead of chunks."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
