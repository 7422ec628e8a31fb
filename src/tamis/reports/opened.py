"""Run folders opened to look at: the rows they were selected from, and what each says of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import UserError
from tamis.run.folder import PROBLEM, SELECTION
from tamis.run.reopen import reading, reopened, written
from tamis.run.session import Run
from tamis.types import Dataset, Floats, Ints, Mask

FIXED = ("id", "source", "row", "rank", "gain", "why")
"""Columns of selection.parquet that are no scores."""


@dataclass(frozen=True)
class Selected:
    """A folder that `select` wrote; `table` has a line for every row of the source, in order."""

    name: str
    folder: str  # as it was given
    manifest: Mapping[str, Any]
    config: Mapping[str, Any]
    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def rank(self) -> Ints:
        """The place of each row among the picks; -1 for rows that were not picked."""
        found: Ints = self.table["rank"].fill_null(-1).to_numpy().astype(np.int64)
        return found

    @cached_property
    def kept(self) -> Mask:
        return self.rank >= 0

    @cached_property
    def rows(self) -> Ints:
        """Positions of the picked rows, in pick order."""
        found = np.flatnonzero(self.kept)
        return found[np.argsort(self.rank[found])].astype(np.int64)

    @cached_property
    def why(self) -> list[str]:
        return list(self.table["why"].to_pylist())

    @cached_property
    def ids(self) -> list[str]:
        return list(self.table["id"].to_pylist())

    @property
    def scores(self) -> list[str]:
        """Names of the columns that hold numbers."""
        return [n for n in self._columns if pa.types.is_floating(self.table.schema.field(n).type)]

    @property
    def labels(self) -> list[str]:
        """Names of the columns that hold a text a row."""
        return [n for n in self._columns if pa.types.is_string(self.table.schema.field(n).type)]

    @property
    def _columns(self) -> list[str]:
        names = self.table.column_names
        return [n for n in names if n not in FIXED and not self._tells(n)]

    def _tells(self, name: str) -> bool:
        """Whether a column says of another why it has no value."""
        return name.endswith(PROBLEM) and name.removesuffix(PROBLEM) in self.table.column_names

    def values(self, name: str) -> Floats:
        """A score, NaN where a row has none."""
        found = self.table[name].to_numpy()
        return np.asarray(found, np.float64)

    def problems(self, name: str) -> list[str | None]:
        """Why rows have no value in a column; None for those that have one."""
        if name + PROBLEM in self.table.column_names:
            return list(self.table[name + PROBLEM].to_pylist())
        there = self.table[name].is_valid().to_pylist()  # a folder of an older version
        return [None if one else "no value" for one in there]


@dataclass(frozen=True)
class Opened:
    """Runs over one source; `missing` says why there is no `data` where it cannot be read."""

    runs: tuple[Selected, ...]
    data: Dataset | None = None
    missing: str = ""

    def __len__(self) -> int:
        return len(self.runs[0])


def selected(folder: str | Path, name: str = "") -> Selected:
    """What a run wrote; UserError where the folder holds none, or one that did not end."""
    manifest, config = written(folder)
    if "select" not in config:
        raise UserError(f"{folder} holds no selection: name a folder that `tamis select` wrote")
    path = Path(folder).expanduser()
    try:
        table = pq.read_table(path / SELECTION)
    except (OSError, ValueError):
        raise UserError(f"{folder}: {SELECTION} is missing or broken: select again") from None
    return Selected(name or path.resolve().name, str(folder), manifest, config, table)


def opened(folders: Sequence[str | Path], run: Run, *, read: bool = True) -> Opened:
    """Runs over one source, and the source itself if it is still what it was.

    Raises UserError where the runs are of different sources.
    """
    if not folders:
        raise UserError("no run: name one or more folders that `tamis select` wrote")
    runs = tuple(
        selected(folder, name) for folder, name in zip(folders, names(folders), strict=True)
    )
    prints = {json.dumps(one.config["read"].get("fingerprint")) for one in runs}
    if len(prints) > 1:
        raise UserError(
            f"{', '.join(one.folder for one in runs)} were selected from different data: "
            "look at them one by one, or compare two with `tamis diff`"
        )
    if not read:
        return Opened(runs)
    try:
        return Opened(runs, reopened(reading(runs[0].folder), [runs[0].folder], run))
    except UserError as error:
        return Opened(runs, None, str(error))


def names(folders: Sequence[str | Path]) -> list[str]:
    """What to call each of several folders: as little of its path as tells them apart."""
    paths = [Path(folder).expanduser().resolve().parts for folder in folders]
    if len(set(paths)) < len(paths):
        raise UserError("a folder is named twice: name each run once")
    found = []
    for path in paths:
        others = [other for other in paths if other != path]
        deep = 1
        while any(other[-deep:] == path[-deep:] for other in others):
            deep += 1
        found.append(os.sep.join(path[-deep:]))
    return found
