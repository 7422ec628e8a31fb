"""The shipped embedder and tokenizer: shapes, bounds on odd texts, and a few known similarities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models import static
from tamis.models import tokenizer as tokenizer_module
from tamis.models.static import StaticEmbedder
from tamis.models.tokenizer import BLOCK_CHARS, Words, blocks, count_tokens, load_tokenizer

ODD_TEXTS = {
    "emoji": "🎉🔥 party",
    "nul": "null\x00byte here",
    "lone surrogate": "broken \ud800 half",
    "chinese": "请写一个故事",
    "arabic": "اكتب قصة قصيرة",
}


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


def test_rows_have_length_one(embedder: StaticEmbedder) -> None:
    rows = embedder.embed(["Write a poem.", "Sort a list in Python.", "x"])
    assert rows.shape == (3, embedder.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("text", ["", "   \n\t", "\x00", "\ue000\ue001"])
def test_text_without_known_token_is_zeros(embedder: StaticEmbedder, text: str) -> None:
    assert not embedder.embed([text]).any()


def test_no_texts_give_no_rows(embedder: StaticEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dim)


def test_empty_texts_leave_their_neighbours_alone(embedder: StaticEmbedder) -> None:
    rows = embedder.embed(["", "a cat", "", "a dog", ""])
    alone = embedder.embed(["a cat", "a dog"])
    np.testing.assert_array_equal(rows[[1, 3]], alone)
    assert not rows[[0, 2, 4]].any()


def test_splitting_the_input_changes_nothing(embedder: StaticEmbedder) -> None:
    texts = [f"Explain point {n} of the plan " * (n % 40) for n in range(700)]
    whole = embedder.embed(texts)
    parts = np.concatenate([embedder.embed(texts[n : n + 97]) for n in range(0, 700, 97)])
    np.testing.assert_allclose(whole, parts, rtol=0, atol=1e-6)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_odd_texts_give_finite_rows_and_leave_others_alone(
    embedder: StaticEmbedder, text: str
) -> None:
    rows = embedder.embed(["a plain text", text])
    assert np.isfinite(rows).all()
    assert np.linalg.norm(rows[1]) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(rows[0], embedder.embed(["a plain text"])[0])


def test_only_the_first_characters_are_read(embedder: StaticEmbedder) -> None:
    huge = "word " * 10_000_000
    short = StaticEmbedder(max_chars=500)
    np.testing.assert_array_equal(short.embed([huge]), short.embed([huge[:500]]))
    assert np.isfinite(embedder.embed([huge])).all()


def test_id_is_stable_and_names_the_settings() -> None:
    assert StaticEmbedder().id == StaticEmbedder().id
    assert StaticEmbedder().id != StaticEmbedder(max_chars=100).id


def test_max_chars_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_chars is 0"):
        StaticEmbedder(max_chars=0)


def test_similar_texts_are_closer_than_unrelated_ones(embedder: StaticEmbedder) -> None:
    texts = [
        "Write a Python function that sorts a list of numbers.",
        "Implement code to order an array of integers.",
        "Describe the symptoms of the flu.",
        "What are the signs of influenza?",
    ]
    cosine = embedder.embed(texts) @ embedder.embed(texts).T
    assert cosine[0, 1] > cosine[0, 2] + 0.1
    assert cosine[2, 3] > cosine[1, 3] + 0.1


def test_count_tokens_counts_words_and_no_special_tokens() -> None:
    counts = count_tokens(["hello world", "", "a b c d", "broken \ud800"])
    assert counts.dtype == np.int64
    assert counts.tolist() == [2, 0, 4, 2]


def test_count_tokens_of_a_long_text_equals_the_sum_of_its_words() -> None:
    assert count_tokens(["word " * 100_000, "word"]).tolist() == [100_000, 1]
    assert count_tokens(["x" * (3 * BLOCK_CHARS)])[0] >= 1


def test_padding_and_truncation_of_a_tokenizer_file_are_ignored(tmp_path: Path) -> None:
    backend = load_tokenizer().backend
    file = tmp_path / "tokenizer.json"
    file.write_text(backend.to_str(), encoding="utf-8")
    other = load_tokenizer(str(file))
    other.backend.enable_truncation(2)
    file.write_text(other.backend.to_str(), encoding="utf-8")
    load_tokenizer.cache_clear()
    assert load_tokenizer(str(file)).count_tokens(["a b c d"]).tolist() == [4]


def test_a_wrong_tokenizer_name_says_what_was_expected(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot be loaded.*path to a tokenizer\.json"):
        load_tokenizer(str(broken))


def test_blocks_cover_every_text_once() -> None:
    texts = ["a" * n for n in (0, 5, 100, 3, 0, 50)]
    spans = list(blocks(texts, 40))
    assert [row for start, stop in spans for row in range(start, stop)] == list(range(6))
    assert list(blocks([], 40)) == []


def test_word_cache_gives_the_tokens_of_the_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer()
    texts = [*ODD_TEXTS.values(), "", "Don't\tstop: don't, DON'T!\n\n2+2=4", "naïve x 1.5e-3 [CLS]"]
    monkeypatch.setattr(tokenizer_module, "KNOWN_WORDS", 5)
    words = Words(tokenizer)
    for _ in range(3):
        ids, lengths = words.tokens(texts)
        expected_ids, expected_lengths = tokenizer.encode(texts)
        assert ids.tolist() == expected_ids.tolist()
        assert lengths.tolist() == expected_lengths.tolist()


def test_sums_equal_plain_sums() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 8)).astype(np.float32)
    lengths = np.array([0, 3, 20, 0, 1, 0, 7, 2, 0])
    ids = rng.integers(0, 50, lengths.sum())
    out = np.zeros((len(lengths), 8), dtype=np.float32)
    static._sum_into(out, table, ids, lengths)
    for row, part in enumerate(np.split(ids, np.cumsum(lengths)[:-1])):
        np.testing.assert_allclose(out[row], table[part].sum(axis=0), atol=1e-5)


def test_counting_by_word_equals_the_tokenizer_itself(sample):
    """The shipped tokenizer never joins what a blank separates: each word is tokenised once."""
    rows = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    texts = ["", " \n", "a\u00a0b\u3000c", "x" * 300, *(row["output"] for row in rows[::5])]
    tokenizer = load_tokenizer()
    _, lengths = tokenizer.encode(texts)
    assert tokenizer.count_tokens(texts).tolist() == lengths.tolist()
