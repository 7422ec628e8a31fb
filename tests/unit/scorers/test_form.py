"""Length, script, letters, readability: what a text looks like."""

from __future__ import annotations

import pytest
from _rows import batch

from tamis.scorers.alpha_share import alpha_share
from tamis.scorers.length import length
from tamis.scorers.readability import readability, syllables
from tamis.scorers.script import script

LABELS = {
    "Hello, world 123": "Latin",
    "Ünïcödé": "Latin",
    "你好，GPT": "Latin",
    "你好世界，GPT": "Han",
    "これはペンです": "Japanese",
    "東京都は日本の首都です": "Japanese",
    "ﾃｽﾄ": "Japanese",
    "优惠大酬宾：买一送一，先到先得，数量有限，欢迎选购，美の味": "Han",
    "한국어": "Hangul",
    "Привет": "Cyrillic",
    "Γειά σου": "Greek",
    "مرحبا": "Arabic",
    "שלום": "Hebrew",
    "नमस्ते": "Devanagari",
    "বাংলা": "Bengali",
    "தமிழ்": "Tamil",
    "తెలుగు": "Telugu",
    "สวัสดี": "Thai",
    "ລາວ": "Lao",
    "ខ្មែរ": "Khmer",
    "မြန်မာ": "Myanmar",
    "བོད་ཡིག": "Tibetan",
    "ქართული": "Georgian",
    "Հայերեն": "Armenian",
    "አማርኛ": "Ethiopic",
    "123 + 4 😀": "unknown",
    "\0": "unknown",
}


def test_script() -> None:
    assert script(batch(list(LABELS))).values.to_pylist() == list(LABELS.values())
    empty = script(batch(["", " \n"]))
    assert empty.values.to_pylist() == [None, None]
    assert empty.problem.to_pylist() == ["empty_text", "empty_text"]


def test_length() -> None:
    texts = ["", "two words", "你好", "😀", "e\u0301"]
    assert length(batch(texts)).values.to_pylist() == [0, 9, 2, 1, 2]
    assert length(batch(texts), unit="words").values.to_pylist() == [0, 2, 2, 0, 1]


def test_alpha_share() -> None:
    texts = ["abc 123", "नमस्ते", "😀", "e\u0301!", "a\tb\n"]
    assert alpha_share(batch(texts)).values.to_pylist() == [0.5, 1.0, 0.0, 2 / 3, 1.0]
    assert alpha_share(batch([" "])).problem.to_pylist() == ["empty_text"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cat", 1),
        ("the", 1),
        ("table", 2),
        ("make", 1),
        ("reading", 2),
        ("idea", 2),
        ("rhythm", 1),
        ("jumped", 1),
        ("wanted", 2),
        ("beautiful", 3),
        ("tree", 1),
        ("hmm", 1),
        ("every", 3),
    ],
)
def test_syllables(word: str, expected: int) -> None:
    assert syllables(word) == expected


def test_readability_by_hand() -> None:
    rows = batch(["The cat sat on the mat. It didn't move!"])  # 9 words of one syllable
    (flesch,) = readability(rows).values.to_pylist()
    assert flesch == pytest.approx(206.835 - 1.015 * 9 / 2 - 84.6)
    (ari,) = readability(rows, formula="ari").values.to_pylist()
    assert ari == pytest.approx(4.71 * 28 / 9 + 0.5 * 9 / 2 - 21.43)
    (lix,) = readability(batch(["Extraordinary cats sat. Yes"]), formula="lix").values.to_pylist()
    assert lix == pytest.approx(4 / 2 + 100 / 4)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One two", 1),
        ("One. Two? Three!", 3),
        ("It is 3.14 here.", 1),
        ("- a\n- b\n- c", 3),
        ('He said "no." Then left.', 2),
        ("1. One\n2. Two", 2),
        ("Wait... what", 2),
    ],
)
def test_sentences(text: str, sentences: int) -> None:
    (lix,) = readability(batch([text]), formula="lix").values.to_pylist()
    (words,) = length(batch([text]), unit="words").values.to_pylist()
    assert lix == pytest.approx(words / sentences)
    assert readability(batch(["?", ""])).problem.to_pylist() == ["no_words", "empty_text"]
