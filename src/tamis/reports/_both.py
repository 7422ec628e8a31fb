"""The rows of two runs brought together by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.reports.opened import Selected
from tamis.types import Floats, Ints, Mask

ABSENT = "not in the source"
"""Why a run did not keep a row that it never saw."""


@dataclass(frozen=True)
class Both:
    """Every row of either run, those of the first in its order, then those of the second alone.

    `at` has for each run the position of every row in that run's source, -1 where it has it not.
    """

    runs: tuple[Selected, Selected]
    at: tuple[Ints, Ints]

    @classmethod
    def of(cls, first: Selected, second: Selected) -> Both:
        """Rows are matched by id, whatever files they came from."""
        ours, theirs = first.table["id"].combine_chunks(), second.table["id"].combine_chunks()
        place = pc.index_in(theirs, value_set=ours)
        new = np.asarray(place.is_null())
        rows = np.asarray(pc.fill_null(place, 0), np.int64)
        rows[new] = len(ours) + np.arange(int(new.sum()))
        one = np.full(len(ours) + int(new.sum()), -1, np.int64)
        other = one.copy()
        one[: len(ours)] = np.arange(len(ours))
        other[rows] = np.arange(len(theirs))
        return cls((first, second), (one, other))

    def __len__(self) -> int:
        return len(self.at[0])

    @cached_property
    def there(self) -> tuple[Mask, Mask]:
        """Which rows each run's source has."""
        return self.at[0] >= 0, self.at[1] >= 0

    @cached_property
    def kept(self) -> tuple[Mask, Mask]:
        first, second = (self._column(i, self.runs[i].kept, 0) > 0 for i in (0, 1))
        return np.asarray(first), np.asarray(second)

    @cached_property
    def gained(self) -> Mask:
        """Rows that only the second run kept."""
        return np.asarray(self.kept[1] & ~self.kept[0])

    @cached_property
    def lost(self) -> Mask:
        """Rows that only the first run kept."""
        return np.asarray(self.kept[0] & ~self.kept[1])

    @cached_property
    def rank(self) -> tuple[Floats, Floats]:
        """The place among each run's picks, from 0; NaN for rows that it did not keep."""
        found = []
        for i in (0, 1):
            rank = self.runs[i].rank.astype(np.float64)
            found.append(self._column(i, np.where(rank < 0, np.nan, rank), np.nan))
        return found[0], found[1]

    def values(self, run: int, name: str) -> Floats:
        """A score as one of the runs has it; NaN elsewhere."""
        return self._column(run, self.runs[run].values(name), np.nan)

    def ids(self, rows: Ints) -> list[str]:
        new = self.at[1][~self.there[0]]
        ours, theirs = (run.table["id"].combine_chunks() for run in self.runs)
        every = pa.concat_arrays([ours, theirs.take(pa.array(new))])
        return list(every.take(pa.array(rows)).to_pylist())

    def why(self, run: int, rows: Ints) -> list[str]:
        """What became of some rows in one of the runs."""
        at = self.at[run][rows]
        index = pa.array(at, mask=at < 0)
        found = self.runs[run].table["why"].take(index)
        return list(pc.fill_null(found, ABSENT).to_pylist())

    def first_of(self, rows: Sequence[int] | Ints, run: int) -> Ints:
        """Rows that a run kept, in its pick order."""
        which = np.asarray(rows, np.int64)
        return which[np.argsort(self.rank[run][which], kind="stable")]

    def _column(self, run: int, values: Floats | Mask, missing: float) -> Floats:
        at = self.at[run]
        if not len(values):
            return np.full(len(at), missing)
        return np.asarray(np.where(at >= 0, values[np.maximum(at, 0)], missing))
