"""Lists of texts that a judge picks from: what it is asked, and what its picks are worth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.judging.rows import asked
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import question
from tamis.judging.verdict import Read
from tamis.protocols import Judge, Question
from tamis.types import Floats, Ints

CHARACTERS = 2000
"""Where a text is cut."""
ITEMS = re.compile(r"(?<!\{)\{items\}(?!\})")
"""Where the list stands in a rubric; doubled braces are sent as single ones."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one list.

    Args:
        size: texts in the list
        gains: of each text, how many places above one that was not named its mean rank is
        places: where the named texts stood, from 0, in each order that was asked
        passed_over: numbers that the list does not have, repeats, and more than were asked for
        problem: why there are no gains
    """

    size: int
    gains: Floats | None = None
    places: tuple[Ints, ...] = ()
    passed_over: int = 0
    problem: str | None = None


def outcomes(
    judge: Judge, about: Rubric, lists: Sequence[Sequence[str]], named: int, orders: int
) -> list[Outcome]:
    """Asks about all lists at once, with orders=2 a second time turned round."""
    turned = [part[:: 1 - 2 * turn] for part in lists for turn in range(orders)]
    reads = asked(judge, [asks(about, part, min(named, len(part))) for part in turned], about)
    return [
        outcome(reads[at * orders : (at + 1) * orders], len(part), min(named, len(part)))
        for at, part in enumerate(lists)
    ]


def asks(about: Rubric, texts: Sequence[str], named: int) -> Question:
    """The question about one list, each text quoted by itself under its number."""
    shown = {f"field:{at}": text[:CHARACTERS] for at, text in enumerate(texts, 1)}
    marks = "\n\n".join(f"{{{mark}}}" for mark in shown)
    ask = ITEMS.sub(lambda _: marks, about.ask)
    return question(about.model_copy(update={"ask": ask}), shown, {"count": str(named)})


def outcome(reads: Sequence[Read], size: int, named: int) -> Outcome:
    """What the answers about one list say; the second one is about the list turned round."""
    numbers = [read.value or [] for read in reads]
    # of the list, each once, no more than were asked for
    kept = [[n for n in dict.fromkeys(row) if 1 <= n <= size][:named] for row in numbers]
    passed_over = sum(map(len, numbers)) - sum(map(len, kept))
    problems = [
        read.problem or (None if row else "out_of_range")
        for read, row in zip(reads, kept, strict=True)
    ]
    problem = next((why for why in problems if why), None)
    if problem:
        return Outcome(size, passed_over=passed_over, problem=problem)
    places = tuple(np.array(row, np.int64) - 1 for row in kept)
    gains = np.zeros(size)
    for turn, at in enumerate(places):
        own = size - 1 - at if turn else at
        gains[own] += (named - np.arange(len(at))) / len(places)
    return Outcome(size, gains, places, passed_over)


def report(found: Sequence[Outcome], orders: int) -> dict[str, Any]:
    """What the manifest tells of all lists."""
    named = sum(int((one.gains > 0).sum()) for one in found if one.gains is not None)
    told: dict[str, Any] = {
        "questions": len(found) * orders,
        "named": named,
        "numbers_passed_over": sum(one.passed_over for one in found),
    }
    where = [(at + 0.5) / one.size for one in found for at in one.places]
    if where:
        told["mean_place"] = float(np.concatenate(where).mean())
    if orders == 2 and named:
        both = sum(
            len(np.intersect1d(one.places[0], one.size - 1 - one.places[1]))
            for one in found
            if one.places
        )
        told["agreement"] = both / named
    return told
