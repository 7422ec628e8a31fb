"""What the question changes at each token of the answer: the numbers behind T-SHIRT's S-IFD.

Formula: Delta_t = -log P(a_t | Q, a_<t) + log P(a_t | a_<t), one value for each token of the
answer; below 0 the question helps. exp(mean Delta) is `ifd(ratio=perplexity)`.
neighbours=m: m readings of the row instead, each with noise on its embeddings as NEFTune adds it
(uniform, scaled by alpha / sqrt(tokens x width)); the answer alone gets the part of the noise that
it has inside the row. A row then holds m times its tokens, one reading after the other.
Paper: T-SHIRT (arXiv:2506.01317): GPT-2, template plain, max_length 1024, 30 readings, alpha 5.
Official code draws the noise of all rows from one stream, asks for 31 readings to use 30, knows no
start token (with one, the noise of the answer alone has the wrong length), and fails at alpha 0 or
without neighbours. Here the noise of a reading comes from (seed, row id, neighbour), so neither
order nor sharding moves it. start=false leaves out the first token of an answer, as GPT-2 does.
turns=all joins the tokens of all answers; a mean over answers (each) has no meaning for tokens.
Cost: 2 passages a row, and 2 m with noise; 4 bytes a token and reading, in the store as well:
30 readings of 50,000 answers of 100 tokens are 600 MB.
Oracle: methods.md H1 through `s_ifd`; a float64 loop over one row at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.passages import Setting, Written, written
from tamis.protocols import Likelihood, Noise
from tamis.scorers._passages import Direct, answer_losses, beginning, reasons
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column, Floats, Ints, Vectors

AT_A_TIME = 32_768
"""Passages asked of the model in one call: 546 rows with 30 noisy readings."""


@scorer(prefer="none", family="beyond", unit="nats", paper="arXiv:2506.01317")
def loss_difference(
    batch: Batch,
    lm: Likelihood,
    *,
    template: TemplateName = "plain",
    turns: Literal["last", "all"] = "last",
    max_length: int = 1024,
    start: bool = True,
    direct: Direct = "answer",
    neighbours: int = 0,
    alpha: float = 5.0,
    seed: int = 0,
) -> Column:
    """Loss after the question minus loss alone of each token of the answer, a series a row.

    Args:
        template: markup around the turns; chat is the model's own
        turns: the last answer, or the tokens of all
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
        direct: what the answer alone begins with: nothing, or the markup in front of it
        neighbours: readings with noise on the embeddings; 0 is one reading without
        alpha: strength of the noise
        seed: another seed draws other noise
    """
    if neighbours < 0 or not alpha > 0:
        raise UserError(f"neighbours {neighbours}, alpha {alpha}: set 0 or more, and above 0")
    setting = Setting(template, turns, max_length, start)
    rows = written(batch, lm, setting)
    before = beginning(lm, setting, direct)
    noise = [noise_of(batch.ids, rows, alpha, seed, at) for at in range(neighbours)]
    values: list[Vectors] = []
    size = max(1, AT_A_TIME // (2 * max(neighbours, 1)))
    for at in range(0, len(rows), size):
        part = slice(at, at + size)
        values += readings(rows[part], lm, before, [one[part] for one in noise])
    lacking = np.array([not len(row) for row in values], dtype=bool)
    wrong = np.array([not np.isfinite(row).all() for row in values], dtype=bool)
    return Column.series(values, **reasons(rows), one_token=lacking, undefined=wrong)


def readings(
    rows: Sequence[Written], lm: Likelihood, before: Ints, noise: Sequence[Sequence[Noise]]
) -> list[Vectors]:
    """Each row's differences with each noise, one reading after the other; all asked at once."""
    every = [row for _ in noise or [()] for row in rows]
    found = differences(every, lm, before, [one for reading in noise for one in reading])
    return [np.concatenate(found[at :: len(rows)]) for at in range(len(rows))]


def differences(
    rows: Sequence[Written], lm: Likelihood, before: Ints, noise: Sequence[Noise] = ()
) -> list[Vectors]:
    """Delta of each row's tokens, without those that the answer alone does not score.

    That is the first token of an answer where the answer alone begins with it.
    """
    inside, outside = answer_losses(rows, lm, before, noise)
    nothing = np.empty(0)
    return [
        np.concatenate([nothing, *map(shift, *both)]).astype(np.float32)
        for both in zip(inside, outside, strict=True)
    ]


def shift(conditioned: Floats, alone: Floats) -> Floats:
    """Loss after the question minus loss alone, of the last tokens, which both have."""
    return np.asarray(conditioned[len(conditioned) - len(alone) :] - alone, np.float64)


def noise_of(
    ids: Sequence[str], rows: Sequence[Written], alpha: float, seed: int, neighbour: int
) -> list[Noise]:
    """The noise of each row's reading, from its id, the seed and the neighbour's number alone."""
    key = (seed % 2**64).to_bytes(8, "little") + neighbour.to_bytes(8, "little")
    digests = (hashlib.blake2b(i.encode(), key=key, digest_size=8).digest() for i in ids)
    return [
        Noise(int.from_bytes(digest, "little") >> 1, alpha, len(row.ids))
        for digest, row in zip(digests, rows, strict=True)
    ]
