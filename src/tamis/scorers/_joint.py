"""Variants of one text rated by a judge together: one question, one number for each.

Rated beside each other, variants that differ a little get numbers that differ (DEITA,
arXiv:2312.15685). Their order is drawn from the seed and the row's id, so that a judge that prefers
the first place prefers no round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tamis.judging.rows import asked
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import plain, question
from tamis.judging.verdict import Read
from tamis.protocols import Judge, Question


@dataclass(frozen=True, slots=True)
class Group:
    """Variants of one text, and what the rubric shows besides, by its marks."""

    id: str
    variants: Sequence[str]
    texts: Mapping[str, str] = field(default_factory=dict)


def together(judge: Judge, about: Rubric, groups: Sequence[Group], seed: int = 0) -> list[Read]:
    """The ratings of each group's variants in the order they were given, or why there are none.

    All groups are asked about at once.
    """
    orders = [order(group.id, len(group.variants), seed) for group in groups]
    questions = [_question(about, g, places) for g, places in zip(groups, orders, strict=True)]
    found = asked(judge, questions, about, [len(group.variants) for group in groups])
    return [_back(read, places) for read, places in zip(found, orders, strict=True)]


def order(row: str, count: int, seed: int) -> list[int]:
    """The places of the variants in the order in which they are shown."""

    def drawn(place: int) -> bytes:
        return hashlib.blake2b(f"{seed} {place} {row}".encode(), digest_size=8).digest()

    return sorted(range(count), key=drawn)


def _question(about: Rubric, group: Group, places: Sequence[int]) -> Question:
    """The rubric's text, and after it the variants, each in a quotation of its own."""
    names = [f"field:variant {number}" for number in range(1, len(places) + 1)]
    marks = "\n\n".join(f"{{{name}}}" for name in names)
    wider = about.model_copy(update={"ask": f"{about.ask.strip()}\n\n{marks}"})
    shown = dict(zip(names, (group.variants[place] for place in places), strict=True))
    texts = {**{mark: group.texts[mark] for mark in about.marks}, **shown}
    made = question(wider, texts, {"count": str(len(places))})
    return replace(made, examples=about.examples or _examples(about, len(places)))


def _examples(about: Rubric, count: int) -> tuple[str, ...]:
    """Answers with the right number of ratings: rising, falling, and in other orders."""
    scale = np.round(np.linspace(about.least, about.most, max(count, 2))[:count], 1)
    orders = [scale, scale[::-1], np.roll(scale, 1), np.roll(scale, -1), np.roll(scale, 2)]
    listed = [", ".join(plain(float(number)) for number in one) for one in orders]
    return tuple(f"They differ in what they ask for.\n{about.word}: {one}" for one in listed)


def _back(read: Read, places: Sequence[int]) -> Read:
    """The ratings in the order of the variants."""
    if read.problem:
        return read
    ratings = [0.0] * len(places)
    for place, rating in zip(places, read.value, strict=True):
        ratings[place] = rating
    return Read(ratings)
