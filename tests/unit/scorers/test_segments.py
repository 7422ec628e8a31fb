"""Lexical scorers on every script, by the core's rule and by ICU's dictionaries."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from _rows import batch

from tamis.errors import MissingExtra, UserError
from tamis.models import icu
from tamis.models.icu import ICU
from tamis.run.texts import named_segmenter
from tamis.scorers._words import CLUSTERS, count_words, words
from tamis.scorers.hdd import hdd
from tamis.scorers.length import length
from tamis.scorers.mattr import mattr
from tamis.scorers.mtld import mtld
from tamis.scorers.overlap import overlap
from tamis.scorers.readability import readability
from tamis.scorers.repetition import repetition
from tamis.scorers.type_token_ratio import type_token_ratio
from tamis.scorers.unique_ngrams import unique_ngrams
from tamis.testing import a_run, dataset

TEXTS = {  # a paragraph, and its words as a reader counts them
    "Thai": ("ประเทศไทยเป็นประเทศในเอเชียตะวันออกเฉียงใต้ มีกรุงเทพเป็นเมืองหลวง อาหารไทยมีรสเผ็ดและหวาน", 20),
    "Chinese": ("我们今天去北京大学学习中文。老师给我们讲了很多有趣的故事，大家都很高兴。", 21),
    "Japanese": (
        "私は毎日電車で会社に行きます。昨日は友達と映画を見て、とても楽しかったです。",
        24,
    ),
    "Lao": ("ປະເທດລາວຢູ່ໃນອາຊີຕາເວັນອອກສ່ຽງໃຕ້ ຄົນລາວກິນເຂົ້າໜຽວ", 13),
    "Khmer": ("ខ្ញុំចូលចិត្តរៀនភាសាខ្មែរ ភ្នំពេញគឺជារាជធានី", 10),
    "Burmese": ("ကျွန်တော်သည်မြန်မာစာကိုလေ့လာနေသည်", 8),
    "Arabic": ("تقع مصر في شمال أفريقيا وعاصمتها القاهرة وهي مدينة كبيرة وقديمة", 11),
    "Hindi": ("भारत एक बड़ा देश है और यहाँ बहुत सारी भाषाएँ बोली जाती हैं", 13),
    "Emoji": ("I love pizza 🍕🍕 and 👩‍👩‍👧 time 😀", 5),
    "Mixed": ("Python 是一种编程语言 and it is used มากมาย everywhere", 12),
}
SCORERS = [mtld, mattr, hdd, type_token_ratio, length, unique_ngrams, repetition, overlap]


def segmenters() -> list[object]:
    return [CLUSTERS, pytest.param("icu", marks=pytest.mark.skipif(not icu.installed(), reason=""))]


@pytest.mark.parametrize("by", segmenters(), ids=["clusters", "icu"])
@pytest.mark.parametrize("scorer", [*SCORERS, readability], ids=lambda s: s.__name__)
@pytest.mark.parametrize("script", TEXTS)
def test_finite_and_sensible(script: str, scorer, by) -> None:
    with_segmenter = () if scorer is readability else (ICU() if by == "icu" else CLUSTERS,)
    text = TEXTS[script][0]
    rows = batch([text, text * 3, "\n".join([text] * 30)], [text, "x", text])
    column = scorer(rows, *with_segmenter)
    values, problems = column.values.to_pylist(), column.problem.to_pylist()
    for value, problem in zip(values, problems, strict=True):
        assert (value is None) == (problem is not None)
        assert value is None or math.isfinite(value)
    assert problems[2] is None  # thirty times is long enough for each of them
    if scorer in (mattr, hdd, type_token_ratio, unique_ngrams, repetition, overlap):
        assert all(0 <= value <= 1 for value in values if value is not None)
    if scorer in (type_token_ratio, unique_ngrams):
        assert values[0] > values[1] > values[2] and values[0] > 0.5
    if scorer is mtld:
        part = batch([f"{text[: len(text) // 4]} " * 30])
        assert values[0] >= scorer(part, *with_segmenter).values[0].as_py() > 1
    if scorer is repetition:
        assert values[2] > 0.9
    if scorer is overlap:
        assert values[0] == values[2] == 1 and values[1] == 0


@pytest.mark.parametrize("script", TEXTS)
def test_words_within_half_of_what_a_reader_counts(script: str) -> None:
    pytest.importorskip("icu4py")
    text, expected = TEXTS[script]
    found = length(batch([text]), ICU(), unit="words").values[0].as_py()
    assert expected / 1.5 <= found <= expected * 1.5


@pytest.mark.parametrize("script", TEXTS)
def test_the_rule_of_the_core_cuts_finer_and_never_takes_a_text_for_a_word(script: str) -> None:
    text, expected = TEXTS[script]
    found = length(batch([text]), unit="words").values[0].as_py()
    assert expected / 1.5 <= found <= expected * 3


def test_a_dictionary_changes_runs_without_spaces_alone() -> None:
    pytest.importorskip("icu4py")
    texts = [
        "Don't snake_case naïve 한국어 नमस्ते",
        "我们今天去大学",
        "ab中国cd",
        "𠮷野 三月10日",
        "",
    ]
    found = words(pa.array(texts), ICU())
    assert words(pa.array(texts[:1])).flat.to_pylist() == found.flat.to_pylist()[:6]
    assert words(pa.array(["我们今天去大学"]), ICU()).flat.to_pylist() == [
        "我们",
        "今天",
        "去",
        "大学",
    ]
    assert words(pa.array(["ab中国cd"]), ICU()).flat.to_pylist() == ["ab", "中国", "cd"]
    assert words(pa.array(["𠮷𠮷 我们"]), ICU()).flat.to_pylist()[-1] == "我们"
    assert found.counts.tolist() == count_words(pa.array(texts), ICU()).tolist()
    alone = [words(pa.array([text]), ICU()).flat.to_pylist() for text in texts]
    assert found.flat.to_pylist() == [word for row in alone for word in row]


def test_a_run_of_a_hundred_thousand_letters() -> None:
    pytest.importorskip("icu4py")
    text = "ประเทศไทย" * 12_000
    assert 12_000 <= count_words(pa.array([text]), ICU())[0] <= 24_000


def test_segmenters_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icu, "installed", lambda: False)
    assert named_segmenter("clusters") is CLUSTERS
    with pytest.raises(MissingExtra, match=r"tamis\[lang\]"):
        named_segmenter("icu")
    with pytest.raises(UserError, match="clusters"):
        named_segmenter("cluster")


def test_the_store_keeps_segmenters_apart(tmp_path) -> None:
    pytest.importorskip("icu4py")
    data, one, other = dataset(), a_run(str(tmp_path)), a_run(str(tmp_path))
    other.segmenter = "icu"
    name = "length(unit=words)"
    assert one.plan(data, [name])[0].key != other.plan(data, [name])[0].key
    assert (one.score(data, [name]).scores(name) > other.score(data, [name]).scores(name)).any()
