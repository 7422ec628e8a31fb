"""Words in scripts with and without spaces, counted by hand."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.scorers._words import count_words, words

TEXTS = {
    "": [],
    "   \n": [],
    "...": [],
    "\0": [],
    "a\0b": ["a", "b"],
    "The cat's hat": ["the", "cat", "s", "hat"],
    "well-known": ["well", "known"],
    "snake_case __init__ _x_ a__b": ["snake_case", "init", "x", "a", "b"],
    "a__b é_é 三": ["a", "b", "é_é", "三"],
    "3.14 and 1,000": ["3", "14", "and", "1", "000"],
    "naïve café, ÉTÉ": ["naïve", "café", "été"],
    "cafe\u0301 x": ["cafe\u0301", "x"],
    "\u0301x": ["x"],
    "Привет, мир!": ["привет", "мир"],
    "你好，世界": ["你", "好", "世", "界"],
    "二〇二六年": ["二", "〇", "二", "六", "年"],
    "𠮷野家": ["𠮷", "野", "家"],
    "GPT模型": ["gpt", "模", "型"],
    "これはペンです": ["こ", "れ", "は", "ペン", "で", "す"],
    "コンピュータを使う": ["コンピュータ", "を", "使", "う"],
    "ｶﾀｶﾅ": ["ｶﾀｶﾅ"],
    "한국어 문장입니다": ["한국어", "문장입니다"],
    "مَرْحَبًا بالعالم": ["مَرْحَبًا", "بالعالم"],
    "می‌خواهم": ["می‌خواهم"],  # the joiner does not end a word
    "नमस्ते दुनिया": ["नमस्ते", "दुनिया"],
    "ประเทศไทย": ["ป", "ระ", "เท", "ศ", "ไท", "ย"],
    "ภาษา ๑๒": ["ภา", "ษา", "๑๒"],
    "ກະລຸນາ": ["ກະ", "ລຸ", "ນາ"],
    "សួស្តី": ["សួ", "ស្តី"],  # the second consonant is stacked
    "မင်္ဂလာပါ": ["မင်္ဂ", "လာ", "ပါ"],
    "မြန်မာ": ["မြန်", "မာ"],  # the killed consonant ends the syllable
    "😀 hello 👩‍👩‍👧": ["hello"],
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_hand_counted(text: str, expected: list[str]) -> None:
    assert words(pa.array([text])).flat.to_pylist() == expected
    assert count_words(pa.array([text])).tolist() == [len(expected)]


def test_many_texts_at_once_are_what_each_is_alone() -> None:
    texts = [*TEXTS, "plain", *TEXTS]
    found = words(pa.array(texts))
    flat, ends = found.flat.to_pylist(), found.offsets.tolist()
    rows = [flat[begin:end] for begin, end in itertools.pairwise(ends)]
    assert rows == [TEXTS.get(text, ["plain"]) for text in texts]
    assert count_words(pa.array(texts)).tolist() == found.counts.tolist()


def test_case_is_kept_when_asked() -> None:
    assert words(pa.array(["Ab É c"]), lower=False).flat.to_pylist() == ["Ab", "É", "c"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_any_form_of_column(kind: pa.DataType) -> None:
    column = pa.array(["x", "one two", None, "三"], kind)
    assert count_words(column[1:]).tolist() == [2, 0, 1]
    assert count_words(pa.chunked_array([column, column[:1]])).tolist() == [1, 2, 0, 1, 1]
    assert count_words(column[:0]).tolist() == []
    assert words(column[:0]).offsets.tolist() == [0]


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=8))
def test_rows_do_not_touch(texts: list[str]) -> None:
    found = words(pa.array(texts, pa.string()))
    alone = [words(pa.array([text])).flat.to_pylist() for text in texts]
    assert found.flat.to_pylist() == [word for row in alone for word in row]
    assert found.counts.tolist() == [len(row) for row in alone]


@settings(deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=60))
def test_the_ascii_path_equals_the_general_one(text: str) -> None:
    mixed = words(pa.array([text + " 三"])).flat.to_pylist()
    assert [*words(pa.array([text])).flat.to_pylist(), "三"] == mixed


def test_a_megabyte() -> None:
    assert count_words(pa.array(["a b " * 250_000, "你" * 300_000])).tolist() == [500_000, 300_000]
