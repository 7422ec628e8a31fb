"""MinHash signatures, bands and the walk over buckets, each against its definition."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.scorers import _groups
from tamis.scorers._groups import as_sets, jaccard, similar_kept
from tamis.scorers._minhash import (
    Shingles,
    band_keys,
    bands_for,
    chance,
    factors,
    hash_words,
    shingles,
    signatures,
)

GOLDEN_WORDS = [
    15_088_980_270_782_222_587,
    2_251_071_965_653_028_976,
    16_107_101_748_374_205_678,
    15_088_980_270_782_222_587,
]
GOLDEN_SHINGLES = [
    5_883_321_490_580_841_877,
    13_902_996_404_621_403_416,
    6_548_793_235_060_924_124,
]
GOLDEN_FACTORS = [
    1_581_361_929,
    4_052_577_513,
    194_377_325,
]


def random_pairs(pairs: int, size: int, similarity: float, seed: int = 0) -> tuple[Shingles, float]:
    """Rows 2i and 2i + 1 share elements; the second value is their exact Jaccard similarity."""
    rng = np.random.default_rng(seed)
    flat = rng.integers(0, 2**64, (pairs, 2, size), dtype=np.uint64)
    common = round(2 * size * similarity / (1 + similarity))
    flat[:, 1, :common] = flat[:, 0, :common]
    offsets = np.arange(2 * pairs + 1) * size
    return Shingles(flat.reshape(-1), offsets), common / (2 * size - common)


def test_hashes_never_change() -> None:
    """A stored score depends on them: new numbers need a new version of the scorer."""
    found = hash_words(pa.array(["the", "cat", "机", "the"]))
    assert found.tolist() == GOLDEN_WORDS
    assert shingles(pa.array(["The cat sat", "cat"]), 2).flat.tolist() == GOLDEN_SHINGLES
    assert factors(3, 1).tolist() == GOLDEN_FACTORS
    assert factors(5, 1)[:3].tolist() == factors(3, 1).tolist()
    assert (factors(64, -7) != factors(64, 7)).any()


def test_different_words_have_different_hashes() -> None:
    made = [f"{a}{b}" for a in "abcdefgh" for b in range(5000)] + ["a" * n for n in range(1, 3000)]
    assert len(np.unique(hash_words(pa.array(made)))) == len(made)
    assert len(hash_words(pa.array([], pa.string()))) == 0


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=8), st.integers(1, 6))
def test_shingles_are_the_runs_of_words(rows: list[list[str]], size: int) -> None:
    found = shingles(pa.array([" ".join(row) for row in rows], pa.string()), size)
    runs = [
        [tuple(row[i : i + size]) for i in range(max(len(row) - size + 1, 1))] if row else []
        for row in rows
    ]
    assert found.counts.tolist() == [len(run) for run in runs]
    flat = [one for run in runs for one in run]
    same = {(a, b) for a in range(len(flat)) for b in range(len(flat)) if flat[a] == flat[b]}
    hashed = found.flat.tolist()
    assert same == {
        (a, b) for a in range(len(flat)) for b in range(len(flat)) if hashed[a] == hashed[b]
    }


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 9))
def test_a_signature_is_the_smallest_permuted_hash(counts: list[int], permutations: int) -> None:
    flat = np.random.default_rng(1).integers(0, 2**64, sum(counts), dtype=np.uint64)
    found = Shingles(flat, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))
    signature = signatures(found, permutations, 3)
    by = factors(permutations, 3).tolist()
    for row in range(len(counts)):
        hashes = [int(h) >> 32 for h in flat[found.offsets[row] : found.offsets[row + 1]]]
        expected = [min([h * a % 2**32 for h in hashes], default=2**32 - 1) for a in by]
        assert signature[:, row].tolist() == expected


@pytest.mark.parametrize("size", [20, 65, 400])
@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8])
def test_agreement_estimates_jaccard(size: int, similarity: float) -> None:
    found, exact = random_pairs(2000, size, similarity)
    signature = signatures(found, 128, 1)
    estimate = (signature[:, ::2] == signature[:, 1::2]).mean(axis=0)
    spread = np.sqrt(exact * (1 - exact) / 128)
    assert estimate.mean() == pytest.approx(exact, abs=5 * spread / np.sqrt(2000))
    assert estimate.std() == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_find_pairs_at_the_threshold(threshold: float) -> None:
    bands, rows = bands_for(threshold, 128)
    assert bands * rows <= 128 and chance(threshold, bands, rows) >= 0.99
    assert chance(threshold, 128 // (rows + 1), rows + 1) < 0.99 or rows == 128
    found, exact = random_pairs(4000, 200, threshold)
    keys = band_keys(signatures(found, 128, 1), bands, rows)
    hits = (keys[:, ::2] == keys[:, 1::2]).any(axis=0).mean()
    assert hits == pytest.approx(chance(exact, bands, rows), abs=0.01)
    strangers = (keys[:, ::2] == np.roll(keys[:, 1::2], 1, axis=1)).any(axis=0)
    assert not strangers.any()


def test_few_permutations_make_bands_of_one() -> None:
    assert bands_for(0.5, 1) == (1, 1)


sets_of = st.lists(st.sets(st.integers(0, 12), max_size=9), min_size=1, max_size=14)


@given(sets_of)
def test_jaccard_is_exact(rows: list[set[int]]) -> None:
    listed = [h for row in rows for h in [*row, *row]]  # repeats do not count
    sets = as_sets(np.asarray(listed, np.uint64), np.asarray([2 * len(r) for r in rows], np.int64))
    left, right = (side.ravel() for side in np.indices((len(rows), len(rows))))
    expected = [
        len(rows[a] & rows[b]) / max(len(rows[a] | rows[b]), 1)
        for a, b in zip(left, right, strict=True)
    ]
    np.testing.assert_array_equal(jaccard(sets, left, right), expected)


@settings(deadline=None)
@given(sets_of, st.data())
def test_rounds_over_buckets_equal_the_walk_in_order(
    rows: list[set[int]], data: st.DataObject
) -> None:
    """Naive form: each row in turn against the kept rows before it that share a bucket."""
    member = data.draw(
        st.lists(st.sets(st.integers(0, 4), max_size=3), min_size=len(rows), max_size=len(rows))
    )
    flat = np.asarray([h for row in rows for h in row], np.uint64)
    sets = as_sets(flat, np.asarray([len(row) for row in rows], np.int64))
    listed = [(bucket, row) for row, buckets in enumerate(member) for bucket in buckets]
    bucket, row = (
        (np.asarray(side, np.int64) for side in zip(*listed, strict=True))
        if listed
        else (
            np.empty(0, np.int64),
            np.empty(0, np.int64),
        )
    )
    kept: list[int] = []
    for r in range(len(rows)):
        near = [k for k in kept if member[k] & member[r]]
        alike = [len(rows[k] & rows[r]) / max(len(rows[k] | rows[r]), 1) for k in near]
        if max(alike, default=0.0) < 0.5:
            kept.append(r)
    found = similar_kept(bucket, row, sets, 0.5)
    assert np.flatnonzero(found == 0).tolist() == kept
    assert (found[found > 0] >= 0.5).all()


def test_large_buckets_stay_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many copies nor many rows of one template are compared all with all."""
    compared: list[int] = []

    def counted(*args: object) -> object:
        compared.append(len(args[1]))  # type: ignore[arg-type]
        return jaccard(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(_groups, "jaccard", counted)
    rows = 3000
    one_bucket = np.zeros(rows, np.int64), np.arange(rows)
    copies = as_sets(np.tile(np.arange(50, dtype=np.uint64), rows), np.full(rows, 50))
    assert np.flatnonzero(similar_kept(*one_bucket, copies, 0.8) == 0).tolist() == [0]
    assert sum(compared) == rows - 1
    compared.clear()
    flat = np.concatenate(
        [
            np.tile(np.arange(6, dtype=np.uint64), (rows, 1)),
            np.arange(2 * rows, dtype=np.uint64).reshape(-1, 2) + np.uint64(10),
        ],
        axis=1,
    )
    template = as_sets(flat.reshape(-1), np.full(rows, 8))
    assert not similar_kept(*one_bucket, template, 0.8).any()
    assert sum(compared) <= rows * _groups.MOST_KEPT
