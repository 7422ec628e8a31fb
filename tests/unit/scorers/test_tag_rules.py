import sys

import pytest

from tamis.errors import MissingExtra
from tamis.scorers._tag_rules import plain, stems


@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        ("Data  Analysis ", "data analysis"),
        ("text-generation", "text generation"),
        ("text_generation", "text generation"),
        ("Q&A", "q a"),
        ("#hashtag", "hashtag"),
        ("C++ programming", "c++ programming"),
        ("C#", "c#"),
        ("a + b", "a b"),
        ("Café", "café"),
        ("Ｐｙｔｈｏｎ３", "python3"),
        ("数据分析！", "数据分析"),
        ("डेटा विश्लेषण", "डेटा विश्लेषण"),
        ("ภาษาไทย", "ภาษาไทย"),
        ("👍🏽", ""),
        ("❤️", ""),
        ("...", ""),
    ],
)
def test_plain_tags(tag, wanted):
    assert plain(tag) == wanted


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ("porter", ["text gener", "text gener", "fairli"]),
        ("english", ["text generat", "text general", "fair"]),
        ("unstemmed", ["text generation", "text general", "fairly"]),
    ],
)
def test_stemmers_by_name(rules, wanted):
    stem = stems(rules)
    assert [stem(tag) for tag in ("text generation", "text general", "fairly")] == wanted


def test_other_scripts_keep_their_words():
    stem = stems("porter")
    for tag in ("数据分析", "анализ данных", "تحليل", "éclairs"):
        assert stem(tag) == tag


def test_no_word_is_stemmed_away():
    assert stems("porter")("s") == "s"


def test_a_missing_stemmer_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "snowballstemmer", None)
    with pytest.raises(MissingExtra, match=r"tamis\[judge\]"):
        stems("porter")
    assert stems("unstemmed")("words") == "words"
