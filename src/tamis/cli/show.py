"""Tables and figures for people: everything here has its twin under --json."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console(*, error: bool = False) -> Console:
    """Where tables go: standard output, or the error stream for words about the run."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, soft_wrap=not sys.stdout.isatty())


def as_json(value: Any) -> None:
    """Prints a value as JSON on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[int] = ()
) -> None:
    """A table; columns named by position in `right` are numbers."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title=escape(title), title_justify="left", title_style="bold", box=None)
    for i, name in enumerate(columns):
        shown.add_column(escape(name), justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*[escape(number(cell)) for cell in row])
    console().print(shown)


def number(value: Any) -> str:
    """A cell: whole numbers with separators, others with four figures."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return str(value)


def say(text: str) -> None:
    """A line about the run, on the error stream."""
    from rich.markup import escape

    console(error=True).print(escape(text))


def funnel(manifest: Mapping[str, Any]) -> None:
    """Rows read, dropped by reason, selected."""
    from tamis.reports.selections import funnel as counted

    first, *gone, last = ((one["name"], one["rows"]) for one in counted(manifest))
    rows = [first, *((f"  {why}", -count) for why, count in gone), last]
    table(f"{manifest['method']}, budget {manifest['budget']}", ("", "rows"), rows, right=(1,))


def quotas(groups: Mapping[str, Mapping[str, Any]], asked: Sequence[str]) -> None:
    """What each group with a quota got, and a word on those that got too little."""
    if not groups:
        return
    rows = [(name, g["has"], g["least"], g["most"]) for name, g in groups.items()]
    title = "quotas " + ", ".join(asked)
    table(title, ("group", "has", "at least", "at most"), rows, right=(1, 2, 3))
    short = [name for name, g in groups.items() if not g["met"]]
    whole = [name for name, g in groups.items() if g.get("can_be_picked") == g["has"]]
    if whole:
        say(f"all that can be picked of {', '.join(whole)}; what is left goes to the others")
    if short:
        say(f"not met: {', '.join(short)}; other quotas or the method left too few rows for them")
