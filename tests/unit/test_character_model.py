"""The counting model of bytes against dictionaries, and what it costs to have seen like texts."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from tamis.character_model import ORDER, bits

TEXTS = ["abracadabra", "一二三一二三四", "", "\x00", "مرحبا بالعالم", "aaaa", "<script>😀"]


def by_hand(text: bytes, fitted: list[bytes]) -> float:
    """One byte after the other, from the empty context up."""
    after = [defaultdict(Counter) for _ in range(ORDER + 1)]
    for seen in fitted:
        padded = bytes(ORDER) + seen
        for at in range(ORDER, len(padded)):
            for size in range(ORDER + 1):
                after[size][padded[at - size : at]][padded[at]] += 1
    total, padded = 0.0, bytes(ORDER) + text
    for at in range(ORDER, len(padded)):
        chance = 1 / 256
        for size in range(ORDER + 1):
            counts = after[size].get(padded[at - size : at])
            if counts:
                kinds, seen = len(counts), counts.total()
                chance = (counts[padded[at]] + kinds * chance) / (seen + kinds)
        total -= np.log2(chance)
    return total


def test_it_is_what_dictionaries_give():
    texts = [text.encode() for text in TEXTS]
    fitted = [b"abra", "一二三四五".encode(), b"", b"a\x00b", "مرحبا".encode()]
    wanted = [by_hand(text, fitted) for text in texts]
    np.testing.assert_allclose(bits(texts, fitted), wanted, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("fitted", [[], [b""]])
def test_who_has_seen_nothing_needs_eight_bits_a_byte(fitted):
    assert bits([b"abc", b""], fitted).tolist() == [24.0, 0.0]


def test_a_distribution_sums_to_one():
    fitted = [b"the cat sat", b"the mat"]
    before = bits([b"the "], fitted)[0]
    after = bits([b"the " + bytes([byte]) for byte in range(256)], fitted)
    assert 2.0 ** -(after - before) @ np.ones(256) == pytest.approx(1.0)


def test_texts_like_those_seen_cost_less():
    seen = ["请把这句话翻译成英文。".encode()] * 3
    like, unlike = bits(
        ["请把这段话翻译成英文。".encode(), b"Translate this sentence, please."], seen
    )
    assert like < unlike / 2
