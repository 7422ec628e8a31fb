"""`report`, as a typed function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tamis.errors import UserError
from tamis.verbs.reading import begun

if TYPE_CHECKING:
    from tamis.reports.gather import Report
    from tamis.run.session import Run


def report(
    runs: str | Sequence[str],
    *,
    out: str | None = "report.html",
    group: str | Sequence[str] = (),
    map: Literal["pca", "umap", "none"] = "pca",
    rows: int = 50_000,
    run: Run | None = None,
) -> Report:
    """Shows runs: what was read, dropped and kept, on one page that opens offline.

    Args:
        runs: folders that `select` wrote, of one source, and folders that `prove` wrote
        out: file for the page
        group: further columns to group rows by, as field(name=category)
        map: how rows are placed on the map: pca, umap (extra `umap`), or none
        rows: rows of the map and the table at most; with more, they are a sample that says so
        run: store, device and progress to use; all else is as the runs have it
    """
    from tamis.reports.gather import gather
    from tamis.reports.page import write

    folders = [runs] if isinstance(runs, str) else list(runs)
    if rows < 1:
        raise UserError(f"{rows} rows cannot be shown: set 1 or more")
    grouped = [group] if isinstance(group, str) else list(group)
    found = gather(folders, begun(run), group=grouped, map=map, rows=rows)
    if out:
        write(Path(out).expanduser(), found.facts, found.rows, found.texts)
    return found
