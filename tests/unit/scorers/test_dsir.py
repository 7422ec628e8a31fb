"""DSIR against hand-computed values, hashlib, and the formula in plain Python."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import UserError
from tamis.scorers import _blocks
from tamis.scorers.dsir import bucket_of, dsir, hashed_ngrams, log_ratio, row_sums, tokens
from tamis.types import SCHEMA, Dataset, Pool, fingerprint

SHARED = Path(os.environ.get("TAMIS_SHARED", Path(__file__).parents[4] / "shared"))
MIXED = [
    "Write a poem.",
    "What's 2+2?? It's 4!",
    "naïve café ½ x² Ⅷ",
    "机器学习,很好。",
    "ที่นี่ สวัสดี",
    "हिन्दी में",
    "مرحبا، كيف",
    "İstanbul ΣΑΣ ǅ",
    "a_b __c \x1c\x1d|\u200b\u00a0end",
    "😀 👍🏽!",
    "",
    "  \n",
    "don't-stop (now)",
]


def data(texts: list[str]) -> Dataset:
    turns = [[{"role": "assistant", "content": text, "tool_calls": None}] for text in texts]
    ids, none = [str(i) for i in range(len(texts))], [None] * len(texts)
    columns = [ids, turns, none, none, [0] * len(texts), range(len(texts)), none]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return Dataset(table, fingerprint(table["id"]))


def naive_ngrams(text: str, ngrams: int) -> list[str]:
    """NLTK's word-punct pattern under Python's rules; all orders."""
    found = re.findall(r"\w+|[^\w\s]+", text.lower())
    return [
        " ".join(found[i : i + order])
        for order in range(1, ngrams + 1)
        for i in range(len(found) - order + 1)
    ]


def naive_bucket(ngram: str, buckets: int) -> int:
    return int(hashlib.sha256(ngram.encode()).hexdigest(), 16) % buckets


def naive(pool: list[str], target: list[str], ngrams: int, buckets: int) -> list[float | None]:
    def shares(texts: list[str]) -> np.ndarray:
        bins = [naive_bucket(g, buckets) for text in texts for g in naive_ngrams(text, ngrams)]
        return np.bincount(bins, minlength=buckets) / len(bins)

    ratio = np.log(shares(target) + 1e-8) - np.log(shares(pool) + 1e-8)
    rows = [[naive_bucket(g, buckets) for g in naive_ngrams(text, ngrams)] for text in pool]
    return [float(sum(ratio[b] for b in row)) if row else None for row in rows]


def test_hash_buckets_of_the_official_code() -> None:
    names = [b"the", b"cat", b"the cat", b"write", b"write a", b"."]
    assert bucket_of(names, 10_000).tolist() == [8288, 2366, 143, 8723, 725, 3960]
    assert bucket_of([], 10_000).tolist() == []


@given(st.lists(st.text(max_size=8)), st.sampled_from([1, 2, 7, 10_000, 65_536, 65_537, 2**32]))
def test_buckets_are_sha256_modulo_their_number(names: list[str], buckets: int) -> None:
    names = [name.encode("utf-8", "ignore").decode() for name in names]
    found = bucket_of([name.encode() for name in names], buckets)
    assert found.tolist() == [naive_bucket(name, buckets) for name in names]


def test_hand_computed_weights() -> None:
    ratio = log_ratio(np.array([5, 3, 2]), np.array([1, 1, 2]))
    np.testing.assert_allclose(ratio, [0.693147, 0.182322, -0.916291], atol=1e-6)
    sums = row_sums(ratio[[0, 0, 1, 1, 2, 2]], np.array([0, 3, 3, 6]))
    np.testing.assert_allclose(sums, [1.568616, 0, -1.650260], atol=1e-6)


def test_tokens_are_those_of_python() -> None:
    flat, offsets = tokens(pa.array(MIXED))
    found = flat.to_pylist()
    for i, text in enumerate(MIXED):
        expected = re.findall(r"\w+|[^\w\s]+", text.lower())
        assert found[offsets[i] : offsets[i + 1]] == expected, text


@given(st.lists(st.text("ab .", max_size=12), max_size=6), st.integers(1, 4))
def test_ngrams_stay_within_their_row(texts: list[str], ngrams: int) -> None:
    bins, offsets = hashed_ngrams(pa.array(texts, pa.string()), ngrams, 1000)
    for i, text in enumerate(texts):
        expected = [naive_bucket(g, 1000) for g in naive_ngrams(text, ngrams)]
        assert bins[offsets[i] : offsets[i + 1]].tolist() == expected


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_scores_are_the_formula(ngrams: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "ROWS", 3)
    column = dsir(Pool.of(data(MIXED)), data(MIXED[:3]), ngrams=ngrams, buckets=97)
    expected = naive(MIXED, MIXED[:3], ngrams, 97)
    for found, value in zip(column.values.to_pylist(), expected, strict=True):
        assert found == (None if value is None else pytest.approx(value, abs=1e-9))
    assert [p for p in column.problem.to_pylist() if p] == ["no_token", "no_token"]


def test_scores_are_the_formula_on_real_rows() -> None:
    path = SHARED / "data" / "instructions" / "alpaca" / "alpaca_5000.json"
    if not path.exists():
        pytest.skip("alpaca_5000.json is not here")
    texts = [f"{r['instruction']}\n{r['output']}" for r in json.loads(path.read_text())[:400]]
    found = dsir(Pool.of(data(texts)), data(texts[:50])).values.to_numpy()
    np.testing.assert_allclose(found, naive(texts, texts[:50], 2, 10_000), atol=1e-6)


def test_rows_like_the_target_come_first() -> None:
    code = [f"def f{i}(x): return x + {i}" for i in range(20)]
    prose = [f"The river number {i} runs to the sea." for i in range(20)]
    scores = dsir(Pool.of(data(code + prose)), data(["def g(x): return x", "def h(y): return x"]))
    values = scores.values.to_numpy()
    assert values[:20].min() > values[20:].max()


def test_the_variant_divides_by_the_number_of_ngrams() -> None:
    texts, target = ["a b c", "a", "c c d e f"], data(["a b", "c"])
    plain, each = (dsir(Pool.of(data(texts)), target, per_ngram=p) for p in (False, True))
    np.testing.assert_allclose(each.values.to_numpy(), plain.values.to_numpy() / [5, 1, 9])


@settings(deadline=None)
@given(st.lists(st.text("abc ", min_size=1, max_size=9), min_size=1, max_size=8), st.randoms())
def test_the_order_of_rows_changes_nothing(texts: list[str], rng) -> None:  # type: ignore[no-untyped-def]
    order = rng.sample(range(len(texts)), len(texts))
    target = data(["a b c"])
    one = dsir(Pool.of(data(texts)), target).values.to_pylist()
    other = dsir(Pool.of(data([texts[i] for i in order])), target).values.to_pylist()
    assert other == [one[i] for i in order]


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(UserError, match="target set has no text"):
        dsir(Pool.of(data(["a"])), data(["", " "]))
    with pytest.raises(UserError, match="buckets"):
        dsir(Pool.of(data(["a"])), data(["a"]), buckets=0)
    assert len(dsir(Pool.of(data([])), data(["a"]))) == 0
