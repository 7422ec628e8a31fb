"""Lexical diversity against lexicalrichness, given the same words, on real and built-in texts."""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.scorers._repeats import distinct
from tamis.scorers._words import Words, words
from tamis.scorers.hdd import expected_ratio
from tamis.scorers.mattr import moving_ratio
from tamis.scorers.mtld import diversity

SHARED = Path(os.environ.get("TAMIS_SHARED", Path(__file__).parents[3] / "shared"))
ALPACA = SHARED / "data" / "instructions" / "alpaca" / "alpaca_30k.json"

BUILT_IN = [
    "the cat sat on the mat the cat ran",
    "all words are different here",
    "ha ha ha ha ha ha",
    "one",
    "a b c a",
    "春节是中国最重要的传统节日之一人们会在这一天回家与家人团聚" * 3,
    " ".join(random.Random(0).choices([f"w{n}" for n in range(30)], k=2000)),
    " ".join(random.Random(1).choices([f"w{n}" for n in range(3000)], k=2000)),
    "to be or not to be that is the question " * 20,
]
# what lexicalrichness 0.5.1 gives for BUILT_IN, where it is not there to be asked
RECORDED_MTLD: list[float] = [
    9.0,
    5.0,
    2.0,
    1.0,
    4.48,
    36.22084816385039,
    19.185412723647715,
    2129.277566539924,
    10.026929982046678,
]
RECORDED_HDD: list[float | None] = [
    None,
    None,
    None,
    None,
    None,
    0.5267648397123703,
    0.5426654336151234,
    0.9935829316401259,
    0.18950017176805478,
]


def real() -> list[str]:
    if not ALPACA.is_file():
        pytest.skip(f"no {ALPACA.name} under TAMIS_SHARED")
    rows = json.loads(ALPACA.read_text())
    texts = [row["output"] for row in rows if row["output"].strip()]
    return sorted(texts, key=len)[-60:] + random.Random(0).sample(texts, 300)


def difference(
    texts: list[str], ours: Callable[[Words], Any], theirs: Callable[[Any], float]
) -> float:
    """The largest difference over the texts that have a value there."""
    richness = pytest.importorskip("lexicalrichness").LexicalRichness
    found = words(pa.array(texts))
    values, flat, ends = ours(found), found.flat.to_pylist(), found.offsets.tolist()
    worst, compared = 0.0, 0
    for row, _ in enumerate(texts):
        listed = flat[ends[row] : ends[row + 1]]
        if not listed:
            continue
        oracle = richness("", preprocessor=None, tokenizer=lambda _, listed=listed: listed)
        try:
            expected = theirs(oracle)
        except ValueError:  # too few words
            continue
        worst, compared = max(worst, abs(values[row] - expected)), compared + 1
    assert compared >= min(len(texts) // 3, 3)
    return worst


MEASURES: dict[str, tuple[Callable[[Words], Any], Callable[[Any], float]]] = {
    "mtld": (lambda w: diversity(w, 0.72), lambda o: o.mtld(threshold=0.72)),
    "mtld at 0.66": (lambda w: diversity(w, 0.66), lambda o: o.mtld(threshold=0.66)),
    "hdd": (lambda w: expected_ratio(w, 42), lambda o: o.hdd(draws=42)),
    "hdd of 10": (lambda w: expected_ratio(w, 10), lambda o: o.hdd(draws=10)),
    "mattr of 50": (lambda w: moving_ratio(w, 50), lambda o: o.mattr(window_size=50)),
    "mattr of 5": (lambda w: moving_ratio(w, 5), lambda o: o.mattr(window_size=5)),
    "ttr": (
        lambda w: distinct(w.ids, w.offsets) / np.maximum(w.counts, 1),
        lambda o: o.ttr,
    ),
}


@pytest.mark.parametrize("name", MEASURES)
def test_equal_on_built_in_texts(name: str) -> None:
    assert difference(BUILT_IN, *MEASURES[name]) < 1e-9


@pytest.mark.parametrize("name", MEASURES)
def test_equal_on_real_texts(name: str) -> None:
    assert difference(real(), *MEASURES[name]) < 1e-9


def test_recorded_values() -> None:
    found = words(pa.array(BUILT_IN))
    assert diversity(found, 0.72).tolist() == pytest.approx(RECORDED_MTLD, abs=1e-9)
    for ours, recorded in zip(expected_ratio(found, 42), RECORDED_HDD, strict=True):
        assert recorded is None or math.isclose(ours, recorded, abs_tol=1e-9)
