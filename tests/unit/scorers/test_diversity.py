"""MTLD, HD-D, MATTR, type-token ratio, unique n-grams, repetition, compression, overlap."""

from __future__ import annotations

import math
import zlib

import pytest
from _rows import batch
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import UserError
from tamis.scorers.compression_ratio import compression_ratio
from tamis.scorers.hdd import hdd
from tamis.scorers.mattr import mattr
from tamis.scorers.mtld import mtld
from tamis.scorers.overlap import overlap
from tamis.scorers.repetition import repetition
from tamis.scorers.type_token_ratio import type_token_ratio
from tamis.scorers.unique_ngrams import unique_ngrams
from tamis.types import Column

CAT = "the cat sat on the mat the cat ran"
TEXTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), min_size=1, max_size=5)


def only(column: Column) -> float:
    (value,) = column.values.to_pylist()
    return float(value)


def grams(text: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(text[at:] for at in range(n)), strict=False))


def test_mtld_by_hand() -> None:
    # forwards: 9 words, the ratio reaches 2/3 at the last word and closes one factor
    assert only(mtld(batch([CAT]))) == 9.0
    assert only(mtld(batch(["The CAT sat, on the mat: the cat ran!"]))) == 9.0
    assert only(mtld(batch(["all words are different here"]))) == 5.0
    # a factor closes at every second word
    assert only(mtld(batch(["ha ha ha ha ha ha"]))) == 2.0
    # ratio 3/4 is left over: (1 - 3/4) / (1 - 0.72) of a factor both ways
    assert only(mtld(batch(["a b c a"]))) == pytest.approx(4 / (0.25 / 0.28), abs=1e-12)


def test_mtld_threshold_is_reached_not_passed() -> None:
    assert only(mtld(batch(["a a b c"]), threshold=0.5)) == pytest.approx((4 / 1 + 4 / 0.5) / 2)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1, 2])
def test_mtld_refuses_a_threshold_without_meaning(threshold: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        mtld(batch([CAT]), threshold=threshold)


def test_hdd_by_hand() -> None:
    assert only(hdd(batch(["a a b"]), draws=3)) == pytest.approx(2 / 3)
    # 2 of {a, a, b}: P(a) = 1, P(b) = 2/3
    assert only(hdd(batch(["a a b"]), draws=2)) == pytest.approx((1 + 2 / 3) / 2)
    words = [f"w{place}" for place in range(50)]
    assert only(hdd(batch([" ".join(words)]))) == pytest.approx(1.0)
    missed = math.comb(50 - 2, 42) / math.comb(50, 42)
    once = 42 / 50
    expected = (48 * once + (1 - missed)) / 42
    assert only(hdd(batch([" ".join([*words[:49], "w0"])]))) == pytest.approx(expected, abs=1e-12)


def test_mattr_by_hand() -> None:
    assert only(mattr(batch(["a b a c"]), window=2)) == 1.0
    assert only(mattr(batch(["a a b b"]), window=2)) == pytest.approx((0.5 + 1 + 0.5) / 3)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 6))
def test_the_fast_paths_equal_loops(texts: list[list[str]], n: int) -> None:
    rows = batch([" ".join(text) for text in texts])
    for row, text in enumerate(texts):
        parts = grams(text, n)
        unique = unique_ngrams(rows, n=n).values[row].as_py()
        assert unique == (pytest.approx(len(set(parts)) / len(parts)) if parts else None)
        windows = [len(set(part)) / n for part in parts]
        moving = mattr(rows, window=n).values[row].as_py()
        assert moving == (pytest.approx(sum(windows) / len(windows)) if parts else None)
        again = {at + k for at, p in enumerate(parts) if p in parts[:at] for k in range(n)}
        assert repetition(rows, n=n).values[row].as_py() == pytest.approx(len(again) / len(text))


@pytest.mark.parametrize(("scorer", "given_"), [(hdd, {}), (mattr, {}), (unique_ngrams, {"n": 10})])
def test_too_short_is_said(scorer, given_) -> None:  # type: ignore[no-untyped-def]
    column = scorer(batch([CAT, "", "?!"]), **given_)
    assert column.values.to_pylist() == [None, None, None]
    assert column.problem.to_pylist() == ["too_short", "empty_text", "no_words"]


def test_type_token_ratio() -> None:
    column = type_token_ratio(batch([CAT, "你好你好", "", "¡!"]))
    assert column.values.to_pylist() == [6 / 9, 0.5, None, None]
    assert column.problem.to_pylist() == [None, None, "empty_text", "no_words"]


def test_unique_ngrams() -> None:
    assert unique_ngrams(batch(["a b a b a", "x y"])).values.to_pylist() == [0.5, 1.0]
    assert only(unique_ngrams(batch(["a b a b a"]), n=1)) == 0.4
    # more kinds of n-grams than fit in one number without renumbering
    many = [f"w{place}" for place in range(3000)]
    found = unique_ngrams(batch([" ".join(many), " ".join(many * 2)]), n=8).values.to_pylist()
    assert found == [1.0, 3000 / (6000 - 7)]


def test_repetition() -> None:
    twice = "one two three four five " * 2
    assert repetition(batch([twice, CAT, "hi", ""])).values.to_pylist() == [0.5, 0.0, 0.0, None]
    # "the cat" stands twice: 12 of 26 letters
    assert only(repetition(batch([CAT]), kind="top", n=2)) == pytest.approx(12 / 26)
    # overlapping places do not count twice, and one place is no repetition
    assert only(repetition(batch(["ha ha ha ha"]), kind="top", n=2)) == 1.0
    assert only(repetition(batch(["good morning"]), kind="top", n=2)) == 0.0
    # of two equally frequent n-grams the longer one
    assert only(repetition(batch(["a b long er a b long er"]), kind="top", n=1)) == 8 / 16


def test_compression_ratio() -> None:
    texts = ["a" * 1000, "hello", "héllo 你好" * 9]
    expected = [len(t.encode()) / len(zlib.compress(t.encode(), 6)) for t in texts]
    assert compression_ratio(batch(texts)).values.to_pylist() == expected
    assert compression_ratio(batch([" \n"])).problem.to_pylist() == ["empty_text"]
    with pytest.raises(UserError, match="1 to 9"):
        compression_ratio(batch(texts), level=0)


def test_overlap() -> None:
    asked = ["Translate the cat", "x", "你好吗", "a b c", ""]
    said = ["The dog, the CAT", "", "你好", "c b", "words"]
    column = overlap(batch(said, asked))
    assert column.values.to_pylist() == [pytest.approx(2 / 3), None, 1.0, 1.0, 0.0]
    assert column.problem.to_pylist()[1] == "empty_text"
    assert overlap(batch(said, asked), n=2).values.to_pylist()[2:] == [1.0, 0.0, None]


def test_parameters_below_one_are_refused() -> None:
    for scorer, name in [(hdd, "draws"), (mattr, "window"), (unique_ngrams, "n"), (overlap, "n")]:
        with pytest.raises(UserError, match="at least 1"):
            scorer(batch([CAT]), **{name: 0})
