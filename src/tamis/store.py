"""The column store: append-only Parquet parts, keyed by row id and method fingerprint.

    <root>/<method>/<key>/header.json        what the key stands for, for people
    <root>/<method>/<key>/part-<random>.parquet   id, value, problem

A part is written under a temporary name and then renamed, so a reader sees whole parts only. Two
processes may write at once: each shard is claimed with a lock that the system releases when its
holder dies. A part that cannot be read (a disk error, a cut-off copy) counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tamis.errors import UserError
from tamis.types import Column, Mask

SPENT = b"tamis.spent"
"""Where a part says what it took."""


def default_root() -> Path:
    """Where scores live unless told otherwise: one folder a user, shared by all runs."""
    return Path.home() / ".cache" / "tamis" / "scores"


def part_name() -> str:
    """A file name that no part has yet."""
    return f"part-{uuid.uuid4().hex}.parquet"


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of score columns; one `beneath` it is read too and never written."""

    root: Path
    beneath: Path | None = None

    def folder(self, method: str, key: str) -> Path:
        # a method from a user's file is named by its path: keep the last part, the key is unique
        return self.root / method.rpartition("/")[2].replace(":", "-") / key

    def read(self, folder: Path, ids: pa.ChunkedArray) -> tuple[Column | None, Mask]:
        """The stored column in the order of `ids`, and which ids are missing from it."""
        parts = [table for path in sorted(self.parts(folder)) if (table := _whole_part(path))]
        if not parts:
            return None, np.ones(len(ids), dtype=bool)
        table = pa.concat_tables(parts)
        known = table["id"].combine_chunks()
        index = pc.index_in(ids, value_set=known)
        missing = np.asarray(index.is_null())
        where = index.combine_chunks() if isinstance(index, pa.ChunkedArray) else index
        values = _whole(table["value"].take(where))
        return Column(values, _whole(table["problem"].take(where))), missing

    def ids_of(self, path: Path) -> pa.Array:
        """The ids of one part; none where it is damaged."""
        table = _whole_part(path)
        return pa.array([], pa.string()) if table is None else _whole(table["id"])

    def parts(self, folder: Path) -> set[Path]:
        """The committed parts of a column."""
        found = set(folder.glob("part-*.parquet"))
        if self.beneath is not None:
            below = self.beneath / folder.relative_to(self.root)
            found.update(below.glob("part-*.parquet"))
        return found

    def append(
        self,
        folder: Path,
        ids: pa.ChunkedArray,
        column: Column,
        spent: Mapping[str, float] | None = None,
        name: str = "",
    ) -> Path:
        """Commits one part; a killed process leaves either the whole part or none.

        `spent` is what it took: seconds, tokens, calls, money. `name` is a `part_name`, for
        somebody else to know the part by.
        """
        table = pa.table({"id": ids, "value": column.values, "problem": column.problem})
        if spent:
            table = table.replace_schema_metadata({SPENT: json.dumps(spent)})
        path = folder / (name or part_name())
        temporary = path.with_suffix(".tmp")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise UserError(
                f"scores cannot be written to {folder}: {error.strerror or error}; "
                "name another folder with --store"
            ) from error
        return path

    def spent(self, folder: Path, ids: pa.ChunkedArray) -> dict[str, float]:
        """What it took to compute a column for these rows, by whoever computed it.

        Of a part that has other rows too, their share is left out.
        """
        found: dict[str, float] = {}
        for path in sorted(self.parts(folder)):
            table = _whole_part(path)
            said = (table.schema.metadata or {}).get(SPENT) if table is not None else None
            if table is None or said is None or not len(table):
                continue
            here = np.asarray(pc.is_in(_whole(table["id"]), value_set=_whole(ids)))
            for name, value in json.loads(said).items():
                found[name] = found.get(name, 0.0) + value * float(here.mean())
        return found

    def describe(self, folder: Path, header: Mapping[str, Any]) -> None:
        """Writes what the key stands for, once."""
        path = folder / "header.json"
        if path.exists():
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f"header-{uuid.uuid4().hex}.tmp"
            temporary.write_text(json.dumps(header, indent=2, ensure_ascii=False, default=str))
            os.replace(temporary, path)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror or error}") from error

    @contextmanager
    def claim(self, folder: Path, ids: pa.ChunkedArray, *, wait: bool) -> Iterator[bool]:
        """Holds the shard of these ids; yields False where another process holds it already."""
        from filelock import FileLock, Timeout

        digest = hashlib.blake2b(digest_size=8)
        digest.update(f"{ids[0]} {ids[-1]} {len(ids)}".encode())
        claims = folder / "claims"
        try:
            claims.mkdir(parents=True, exist_ok=True)
            lock = FileLock(claims / f"{digest.hexdigest()}.lock")
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror or error}") from error
        try:
            yield True
        finally:
            lock.release()


def _whole(array: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array instead of chunks."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _whole_part(path: Path) -> pa.Table | None:
    """A part's rows; None where the file is damaged: its rows are computed again."""
    try:
        # opened here: of a relative path with a colon pyarrow makes an address
        return pq.ParquetFile(pa.memory_map(str(path))).read()
    except (OSError, pa.ArrowException):
        return None
