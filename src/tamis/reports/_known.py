"""What a run folder lets us say of other budgets; what several answers need is made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tamis.errors import UserError
from tamis.reports import _budgets, _replay
from tamis.reports._nearest import Find, nearest_kept
from tamis.reports._needed import Needed, needed
from tamis.reports.opened import Opened, Selected
from tamis.run.session import Run
from tamis.types import Floats, Ints


@dataclass(frozen=True)
class Known:
    """A run that questions are asked about.

    Args:
        found: the run, and its source where that can be read
        run: computes with what the run was selected with
        search: larger budgets may be selected again from the source
    """

    found: Opened
    run: Run
    search: bool

    @property
    def one(self) -> Selected:
        return self.found.runs[0]

    @cached_property
    def made(self) -> _replay.Made:
        return _replay.made(self.one, self.run)

    @cached_property
    def scores(self) -> dict[str, Floats]:
        return {name: self.one.values(name) for name in self.one.scores}

    @cached_property
    def problems(self) -> dict[str, list[str | None]]:
        return {name: self.one.problems(name) for name in self.one.scores}

    @cached_property
    def sorted(self) -> dict[str, Floats]:
        """The values of each score in order."""
        return {name: np.sort(v[~np.isnan(v)]) for name, v in self.scores.items()}

    @cached_property
    def sorted_kept(self) -> dict[str, Floats]:
        """The same of the rows that the run kept."""
        kept = {name: values[self.one.kept] for name, values in self.scores.items()}
        return {name: np.sort(v[~np.isnan(v)]) for name, v in kept.items()}

    @cached_property
    def nearest(self) -> Find:
        assert self.found.data is not None
        return nearest_kept(self.one, self.found.data, self.run)

    def needed(self, row: int) -> Needed | None:
        """Within which values of one score a row is kept, where that decides."""
        if self.order is None:
            return None
        return needed(self.one, self.made, row, self.order, self.costs)

    def reached(self, row: int) -> _budgets.Reached:
        """From which budget on a row is in."""
        how, most = self.made, self.most
        if most is None:
            return _budgets.Reached(why="the folder does not tell the tokens of its rows")
        kept, quotas = bool(self.one.kept[row]), bool(how.limit.quotas)
        if kept and not quotas:
            place = int(self.one.rank[row]) + 1
            return _budgets.Reached(_budgets.spent(self.costs, self.one.rows[:place]), place)
        again = self.again
        if isinstance(again, str):
            said = "with quotas a smaller budget is no beginning of a larger one; "
            return _budgets.Reached(why=said * quotas + again)
        try:
            if quotas:
                return _budgets.reached_within_quotas(row, again, kept, how.total, most)
            first = most if self.order is not None else min(2 * how.total, most)
            return _budgets.reached(row, again, self.one.rows, first, most, self.costs)
        except UserError as error:  # what the method needs is not there any more
            return _budgets.Reached(why=f"selecting again failed: {error}")

    @cached_property
    def costs(self) -> Ints | None:
        """Tokens of each row where the budget is in tokens and the folder tells them."""
        return None if self.made.limit.tokens is None else _replay.tokens(self.one)

    @cached_property
    def most(self) -> int | None:
        """A budget that takes every row there is to take."""
        if self.made.limit.tokens is not None and self.costs is None:
            return None
        return _budgets.whole(self.costs, len(self.one))

    @cached_property
    def light(self) -> _replay.Again | None:
        return _replay.from_table(self.one, self.made)

    @cached_property
    def order(self) -> Ints | None:
        """All rows in pick order, where the folder's scores say it, and say what the run did."""
        if self.light is None or self.most is None or self.made.limit.quotas:
            return None
        try:
            order = self.light(self.most).rows
        except UserError:
            return None
        same = np.array_equal(order[: len(self.one.rows)], self.one.rows)
        return order if same else None

    @cached_property
    def again(self) -> _replay.Again | str:
        """Selects under other budgets, or says why it does not."""
        if self.light is not None:
            return self.light
        if self.made.spec is None:
            return self.made.unknown
        if not self.search:
            return "--search selects again with larger budgets until the row is in"
        if self.found.data is None:
            return f"to search for it the source is needed: {self.found.missing}"
        try:
            return _replay.from_source(self.one, self.made, self.found.data, self.run)
        except UserError as error:
            return str(error)
