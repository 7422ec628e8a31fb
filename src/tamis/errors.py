"""Errors that tell a person what to change; the command line prints them without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user must change: the message says what was wrong and what was expected."""


class Pending(UserError):
    """Somebody else has to do something first; what else can be prepared meanwhile still is."""


class MissingExtra(UserError):
    """A feature needs an optional dependency: the message holds the exact command."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional part: pip install 'tamis[{extra}]'")


def nearest(given: str, known: Iterable[str]) -> str:
    """A sentence that names the closest known value, for the end of an error message."""
    known = sorted(known)
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(known[:40])
    return f"known: {shown}" + (f" and {len(known) - 40} more" if len(known) > 40 else "")
