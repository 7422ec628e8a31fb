"""Dominant script of the text: a label, for quotas and for not comparing what cannot be compared.

Rule: the script of most letters, by the Unicode name of each. Letters of Han and kana count
together, as Japanese where at least one in twenty is kana (a lone の in a Chinese advertisement is
not), as Han otherwise. `unknown` where there is no letter: digits, emoji, punctuation. A script is
not a language: for that there is the scorer `language`.
Oracle: hand-labelled lines in twenty scripts.
"""

from __future__ import annotations

import numpy as np

from tamis.scorers._chars import SCRIPTS, Piece, pieces, script_numbers
from tamis.scorers._words import wordless
from tamis.spec import scorer
from tamis.types import Batch, Column, Ints, Part

HAN, KANA, NONE = (SCRIPTS.index(name) for name in ("Han", "Kana", "None"))


@scorer(prefer="none", unit="label")
def script(batch: Batch, *, of: Part = "response") -> Column:
    """Name of the script of most letters: Latin, Han, Japanese, Arabic, ..., or unknown.

    Args:
        of: which turns are read
    """
    texts = batch.texts(of)
    counts = np.concatenate([np.zeros((0, len(SCRIPTS)), np.int64), *map(_counts, pieces(texts))])
    counts[:, NONE] = 0
    kana = counts[:, KANA].copy()
    counts[:, HAN] += kana
    counts[:, KANA] = 0
    best = counts.argmax(axis=1)
    labels = np.array(SCRIPTS, object)[best]
    labels[(best == HAN) & (kana * 20 >= counts[:, HAN])] = "Japanese"
    letters = counts.sum(axis=1)
    labels[letters == 0] = "unknown"
    empty = wordless(texts, letters).get("empty_text", np.zeros(len(batch), bool))
    return Column.strings(labels.tolist(), empty_text=empty)


def _counts(piece: Piece) -> Ints:
    """Letters of each script in each text."""
    codes, offsets = piece
    rows = len(offsets) - 1
    place = np.repeat(np.arange(rows) * len(SCRIPTS), np.diff(offsets)) + script_numbers(codes)
    return np.bincount(place, minlength=rows * len(SCRIPTS)).reshape(rows, -1)
