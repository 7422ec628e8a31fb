"""Hashed character n-grams against a dictionary, and which rows they take from the table."""

import unicodedata
from collections import Counter

import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models import TABLES, named_embedder
from tamis.models.chargrams import ByScript, CharGrams, _beyond_latin, _table
from tamis.models.static import StaticEmbedder

MASK = (1 << 64) - 1
ODD = 0x9E3779B97F4A7C15
TEXTS = {
    "chinese": "请写一个关于春天的故事，不超过一百字。",
    "japanese": "春についての短い物語を書いてください。",
    "korean": "봄에 관한 짧은 이야기를 써 주세요.",
    "arabic": "اكتب قصة قصيرة عن الربيع",
    "russian": "Напишите короткий рассказ о весне.",
    "hindi": "वसंत के बारे में एक छोटी कहानी लिखें",
    "mixed": "用 Python 写 a function 😀😀",
    "long word": "z" * 3000,
    "surrogate": "broken \ud800 half 破",
    "markup": "<script>alert(1)</script> [red]",
    "one": "好",
}


def mixed(value):
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def by_hand(text):
    """One run after the other."""
    text = " ".join(text.lower().split())
    codes = [ord(c) for c in f" {text} "] if text else []
    found = Counter()
    for length in (1, 2, 3, 4):
        for at in range(len(codes) - length + 1):
            if (_table()[codes[at]] == 3) == (length in (1, 2)):
                run = mixed(codes[at] + ODD & MASK)
                for code in codes[at + 1 : at + length]:
                    run = mixed((run * ODD + mixed(code + ODD & MASK)) & MASK)
                found[run >> 20] += 1
    sums = np.zeros(256)
    for run, times in found.items():
        drawn = mixed(run)
        sums[drawn % 256] += (1 - 2 * (drawn >> 63)) * times**0.5
    length = np.linalg.norm(sums)
    return sums / length if length else sums


@pytest.mark.parametrize("name", TEXTS)
def test_it_is_what_a_dictionary_gives(name):
    np.testing.assert_allclose(CharGrams().embed([TEXTS[name]])[0], by_hand(TEXTS[name]), atol=1e-6)


def test_numbers_are_the_same_everywhere():
    han, cyrillic = CharGrams().embed(["好", "Весна"])
    assert np.flatnonzero(han).tolist() == [0, 158, 247]
    assert np.flatnonzero(cyrillic).tolist() == [25, 54, 65, 70, 126, 155, 187, 226, 255]
    assert np.sign(cyrillic[[25, 54, 65, 70, 126]]).tolist() == [-1, 1, 1, 1, -1]


def test_a_row_depends_on_its_own_text_alone(monkeypatch):
    texts = [*TEXTS.values(), "", "   ", "a"] * 3
    whole = CharGrams().embed(texts)
    monkeypatch.setattr("tamis.models.chargrams.BLOCK_CHARS", 40)
    np.testing.assert_array_equal(CharGrams().embed(texts), whole)
    norms = np.linalg.norm(whole, axis=1)
    blank = [not text.strip() for text in texts]
    np.testing.assert_allclose(norms, np.where(blank, 0, 1), atol=1e-6)
    assert CharGrams().embed([]).shape == (0, 256)


def test_only_the_first_characters_are_read():
    short = CharGrams(max_chars=5)
    np.testing.assert_array_equal(short.embed(["好的好的好坏"]), short.embed(["好的好的好"]))
    with pytest.raises(ValueError, match="max_chars"):
        CharGrams(max_chars=0)


def test_a_changed_text_stays_near_and_another_is_far():
    first, changed, other = CharGrams().embed(
        [
            "请写一个关于春天的故事，不超过一百字",
            "请写一篇关于春天的故事，不要超过一百字",
            "计算圆的面积",
        ]
    )
    assert first @ changed > 0.8 > 0.4 > abs(first @ other)


def test_letters_are_of_their_kind():
    """Every letter of Python's database but for signs that are used as letters of mathematics."""
    dense = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "HALFWIDTH", "HENTAIGANA")
    wrong = Counter()
    for code in range(0x3000):
        kind = 2
        name = unicodedata.name(chr(code), "")
        if unicodedata.category(chr(code)) not in ("Lu", "Ll", "Lo") or 0x2000 <= code < 0x2C00:
            continue
        if name.startswith(("LATIN", "FEMININE", "MASCULINE", "MICRO")):
            kind = 1
        elif name.startswith(dense):
            kind = 3
        wrong[name.split()[0]] += int(_table()[code]) != kind
    assert set(name for name, count in wrong.items() if count) <= {"LATIN"}
    assert wrong["LATIN"] < 100  # phonetic extensions
    kinds = {c: int(_table()[ord(c)]) for c in "aZéßǅжΩش好あ한ไа1 .,。？，😀①"}
    assert [c for c, kind in kinds.items() if kind == 1] == list("aZéßǅ")
    assert [c for c, kind in kinds.items() if kind == 2] == list("жΩشไа")
    assert [c for c, kind in kinds.items() if kind == 3] == list("好あ한")


def test_rows_in_latin_letters_are_the_table_s_bit_for_bit():
    texts = ["Write a poem.", "Écrivez un poème.", "total = 1  # 变", "Sort a list", "12345"]
    np.testing.assert_array_equal(ByScript().embed(texts), StaticEmbedder().embed(texts))


def test_other_rows_are_character_n_grams():
    names = ("chinese", "japanese", "korean", "arabic", "russian", "hindi", "one")
    texts = [TEXTS[name] for name in names]
    between = [part for text in texts for part in (text, "Write a poem.", "")]
    rows = ByScript().embed(between)
    np.testing.assert_array_equal(rows[::3], CharGrams().embed(texts))
    np.testing.assert_array_equal(
        rows[1::3], StaticEmbedder().embed(["Write a poem."] * len(texts))
    )
    assert not rows[2::3].any()
    assert _beyond_latin(["", "a", "а", "a 好", "abcd 好"]).tolist() == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_text_in_which_the_table_knows_nothing_has_a_vector():
    text = "\ue000\ue001"
    assert not StaticEmbedder().embed([text]).any()
    np.testing.assert_array_equal(ByScript().embed([text]), CharGrams().embed([text]))


def test_each_has_its_name_and_id():
    ids = {name: named_embedder(name).id for name in TABLES}
    assert len(set(ids.values())) == 3
    assert ids["static"] == StaticEmbedder().id  # stored columns stay what they are
    assert all(ids[name].startswith(f"{name}/") for name in TABLES)
    assert CharGrams().id != CharGrams(max_chars=9).id


def test_no_other_name_is_taken_for_them(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(UserError, match="embed"):
        named_embedder("chargram").embed(["a"])
