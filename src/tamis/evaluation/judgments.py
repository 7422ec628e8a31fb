"""Pairwise judgments: what a judge said of two answers to one prompt, in memory and as a file.

The file is JSON lines, a line for a prompt and judge, with the fields of `Judgment`; fields that
are empty are left out. `judgment_files.py` reads it, and the forms that others publish.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tamis.errors import UserError

Pair = tuple[float, float]

Failed = Literal["leave_out", "other_order", "tie"]
"""What becomes of a pair of answers of which the judge's word failed in some order: it is left out,
it counts by the orders that were judged, or the order counts as a tie, as in survey-style scripts.
"""


@dataclass(frozen=True, slots=True)
class Judgment:
    """One judge on two answers to one prompt, in each order in which they were shown.

    `preferences` has a number an order: 1 ours won, 0 theirs, 0.5 a tie, in between a weighted
    preference, None where the judge gave none; then `problems` says why in the same place. Of
    several orders the first is that with ours in front, the second that with theirs.
    `scores` are what the judge gave the two, (ours, theirs) whatever the order. Lengths are in
    characters, and those of `answers`, (ours, theirs), where the texts are here.
    """

    set: str
    id: str
    judge: str
    ours: str
    theirs: str
    preferences: tuple[float | None, ...]
    problems: tuple[str | None, ...] = ()
    scores: tuple[Pair | None, ...] = ()
    instruction: str = ""
    our_length: int | None = None
    their_length: int | None = None
    answers: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault:
            raise UserError(f"the judgment of {self.id!r} by {self.judge!r}: {fault}")
        preferences = tuple(None if p is None else float(p) for p in self.preferences)
        object.__setattr__(self, "preferences", preferences)
        if not self.problems:
            object.__setattr__(self, "problems", (None,) * len(self.preferences))
        if self.answers and self.our_length is None and self.their_length is None:
            object.__setattr__(self, "our_length", len(self.answers[0]))
            object.__setattr__(self, "their_length", len(self.answers[1]))

    def turned(self) -> Judgment:
        """The same seen from the other side: theirs is ours, and comes first in the first order."""
        preferences = tuple(None if p is None else 1 - p for p in self.preferences)
        scores = tuple(None if pair is None else (pair[1], pair[0]) for pair in self.scores)
        return Judgment(
            self.set,
            self.id,
            self.judge,
            self.theirs,
            self.ours,
            _swapped(preferences),
            _swapped(self.problems),
            _swapped(scores),
            self.instruction,
            self.their_length,
            self.our_length,
            None if self.answers is None else (self.answers[1], self.answers[0]),
        )


def _swapped(orders: tuple[Any, ...]) -> tuple[Any, ...]:
    return (orders[1], orders[0], *orders[2:]) if len(orders) > 1 else orders


def _fault(one: Judgment) -> str | None:
    """What is wrong with a judgment: it is no judgment, or it says two things at once."""
    orders = len(one.preferences)
    if not orders:
        return "it has no preference; expected one for each order in which the answers were shown"
    for name, given in (("problems", one.problems), ("scores", one.scores)):
        if given and len(given) != orders:
            return f"it has {orders} preferences and {len(given)} {name}; expected as many"
    for preference in one.preferences:
        if preference is not None and not 0 <= preference <= 1:
            return f"the preference {preference} is not between 0 (theirs) and 1 (ours)"
    for preference, problem in zip(one.preferences, one.problems or (None,) * orders, strict=True):
        if (preference is None) != bool(problem):
            return "a preference is missing exactly where a problem is named, and here it is not so"
    if any(pair and not all(map(isfinite, pair)) for pair in one.scores):
        return "a score is not a finite number"
    return None


class Settled(NamedTuple):
    """One pair of answers over all orders, or why it is left out."""

    preference: float | None = None
    verdict: int | None = None
    problem: str | None = None


def settled(one: Judgment, failed: Failed = "leave_out") -> Settled:
    """Mean preference over orders, and 1, 0, -1: the sign of the sum of the signs of the orders."""
    given = [p for p in one.preferences if p is not None]
    problem = next((why for why in one.problems if why), None)
    if failed == "tie":
        given = [0.5 if p is None else p for p in one.preferences]
    elif problem and (failed == "leave_out" or not given):
        return Settled(problem=problem)
    signs = sum((p > 0.5) - (p < 0.5) for p in given)
    return Settled(sum(given) / len(given), (signs > 0) - (signs < 0))


def by_scores(pair: Pair) -> float:
    """The preference of two scores: 1 where ours is higher, 0 where theirs is, 0.5 where equal."""
    ours, theirs = pair
    return 0.5 if ours == theirs else float(ours > theirs)


def prompt_id(instruction: str) -> str:
    """An id for a prompt that has none: the same text has the same id in every file."""
    return hashlib.sha256(instruction.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def write(path: str | Path, judgments: Iterable[Judgment]) -> None:
    """Writes judgments as JSON lines, the whole file or none of it."""
    from tamis.data.write import write_records

    write_records(map(told, judgments), Path(path))


def told(one: Judgment) -> dict[str, Any]:
    """A judgment as a line of the file has it."""
    from tamis.data.turns import scrubbed

    found = {name: getattr(one, name) for name in Judgment.__slots__}
    if not any(one.problems):
        found["problems"] = ()
    kept = {name: value for name, value in found.items() if value not in (None, "", ())}
    return {name: scrubbed(value) for name, value in kept.items()}


REQUIRED = ("id", "judge", "ours", "theirs", "preferences")


def from_record(record: Mapping[str, Any]) -> Judgment:
    """The judgment that a line of the file tells; UserError where it is none."""
    missing = [name for name in REQUIRED if name not in record]
    if missing:
        raise UserError(f"a judgment has no {', '.join(missing)}; expected {', '.join(REQUIRED)}")
    unknown = sorted(set(record) - set(Judgment.__slots__))
    if unknown:
        raise UserError(f"a judgment has a field {unknown[0]!r} that nobody knows")
    try:
        scores = tuple(_pair(pair, float) for pair in _listed(record, "scores"))
        return Judgment(
            str(record.get("set", "")),
            str(record["id"]),
            str(record["judge"]),
            str(record["ours"]),
            str(record["theirs"]),
            tuple(None if p is None else float(p) for p in _listed(record, "preferences")),
            tuple(_listed(record, "problems")),
            scores,
            str(record.get("instruction", "")),
            _length(record.get("our_length")),
            _length(record.get("their_length")),
            _pair(record.get("answers"), str),
        )
    except (TypeError, ValueError, OverflowError) as why:
        raise UserError(f"a judgment cannot be read: {why}") from None


def _listed(record: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = record.get(name, ())
    if not isinstance(found, list | tuple):
        raise TypeError(f"{name} is {found!r}, and a list with one value an order is expected")
    return found


def _pair(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    ours, theirs = value
    return kind(ours), kind(theirs)


def _length(value: Any) -> int | None:
    return None if value is None else int(value)
