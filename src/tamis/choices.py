"""What a language model would say next, out of a few answers: each must be one token where it
stands, which is checked and never assumed; and texts that are cut so that they fit together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Writer
from tamis.types import Floats, Ints


def choices(lm: Writer, before: str, options: Sequence[str]) -> tuple[Ints, tuple[int, ...]]:
    """Token ids of the text before the options, and the token that is each of them.

    Text and option are tokenised together, as they would be written: what all have in common stands
    before, and one token must be left for each, another one for each. So a blank in front of a
    digit belongs to it or not as the tokenizer has it.
    """
    spelled = [ids.tolist() for ids in lm.encode([before + o for o in options], markup=True)]
    shared = min(_shared(spelled), *(len(ids) - 1 for ids in spelled))
    rest = [tuple(ids[shared:]) for ids in spelled]
    alone = [len(ids) == 1 and rest.count(ids) == 1 for ids in rest]
    wrong = [option for option, good in zip(options, alone, strict=True) if not good]
    if wrong:
        raise UserError(
            f"{lm.id} has no single token of its own for {' and '.join(map(repr, wrong))} after "
            f"{before[-20:]!r}: take a smaller scale, another prompt or another model"
        )
    return np.array(spelled[0][:shared], np.int64), tuple(ids[0] for ids in rest)


def _shared(spelled: Sequence[Sequence[int]]) -> int:
    """How many tokens all begin with."""
    places = zip(*spelled, strict=False)
    different = (at for at, tokens in enumerate(places) if len(set(tokens)) > 1)
    return next(different, min(map(len, spelled)))


def normalised(logs: Floats) -> Floats:
    """Probabilities among the options alone: they sum to 1."""
    with np.errstate(invalid="ignore"):
        chances = np.exp(logs - logs.max(axis=-1, keepdims=True))
    shares: Floats = chances / chances.sum(axis=-1, keepdims=True)
    return shares


def level(lengths: Sequence[int], room: int) -> int:
    """The largest length to which all are cut so that together they fit."""
    left, parts = room, len(lengths)
    for length in sorted(lengths):
        if length * parts > left:
            return left // parts
        left, parts = left - length, parts - 1
    return max(lengths)
