"""What runs selected, looked at, as typed functions: why a row, and how two runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tamis.errors import UserError
from tamis.verbs.reading import begun

# What the verbs compute with loads when they run, so that --help is instant.
if TYPE_CHECKING:
    from tamis.reports.diff import Difference
    from tamis.reports.why import Why
    from tamis.run.session import Run


def why(
    folder: str, rows: str | Sequence[str], *, search: bool = False, run: Run | None = None
) -> list[Why]:
    """Says why a run kept rows or did not: rule, scores, nearest kept row, what would change it.

    Args:
        folder: what `select` wrote
        rows: ids, beginnings of ids, or records by number as #123 or FILE#123
        search: select again with larger budgets until the row is in, where only that can tell
        run: store, device and progress to use; all else is as the run has it
    """
    from tamis.reports.why import explain

    wanted = [rows] if isinstance(rows, str) else list(rows)
    return explain(folder, wanted, begun(run), search=search)


def diff(
    first: str, second: str, *, show: int = 5, out: str | None = None, run: Run | None = None
) -> Difference:
    """Says which rows a second run gained and lost against a first, and which score moved them.

    Args:
        first: a folder that `select` wrote
        second: another one, of the same source or of another
        show: how many gained and how many lost rows are shown
        out: file for all of them, by its ending .jsonl, .csv or .parquet
        run: progress to use
    """
    from tamis.reports.diff import difference, table

    if show < 0:
        raise UserError(f"{show} rows cannot be shown: set 0 or more")
    found, both = difference(first, second, begun(run), show=show)
    if out:
        from pathlib import Path

        from tamis.run.tables import write_table

        write_table(table(both), Path(out))
    return found
