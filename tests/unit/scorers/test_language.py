"""The language of rows and turns, without a detector and with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest
from _rows import batch

from conftest import shared_root
from tamis.data.read import read
from tamis.errors import MissingExtra, UserError
from tamis.models import lingua
from tamis.overview import overview
from tamis.run.texts import named_languages
from tamis.scorers._languages import LIMIT, ByWords, WordsFirst, languages_of, prose
from tamis.scorers.language import language
from tamis.scorers.turn_languages import turn_languages
from tamis.testing import a_run, dataset
from tamis.types import Batch

LINES = {
    "en": "The quick brown fox jumps over the lazy dog.",
    "de": "Wie komme ich am schnellsten zum Bahnhof?",
    "fr": "Donne-moi trois conseils pour mieux dormir.",
    "es": "¿Cuál es la capital de España y por qué es importante?",
    "pt": "Você pode me explicar como funciona o motor do carro?",
    "it": "Qual è la capitale della Francia e perché è famosa?",
    "nl": "Wat is de hoofdstad van Nederland en hoeveel mensen wonen er?",
    "ru": "Как приготовить борщ и что для этого нужно?",
    "uk": "Як приготувати борщ і що для цього потрібно?",
    "pl": "Jak się nazywa stolica Polski i co jest w niej ciekawego?",
    "cs": "Jaké je hlavní město České republiky a které řeky jím tečou?",
    "ro": "Care este capitala României și ce se poate vizita acolo?",
    "hu": "Mi a fővárosa Magyarországnak, és hogy lehet oda eljutni?",
    "fi": "Mikä on Suomen pääkaupunki ja mitä siellä voi nähdä?",
    "sv": "Vad är huvudstaden i Sverige och vad kan man göra där?",
    "tr": "Türkiye'nin başkenti neresidir ve orada ne yapılabilir?",
    "vi": "Thủ đô của Việt Nam là gì và có những gì ở đó?",
    "id": "Apa ibu kota Indonesia dan apa yang bisa dilihat di sana?",
    "sw": "Mji mkuu wa Tanzania ni upi na kwa nini ni muhimu?",
    "eo": "Kio estas la ĉefurbo de Francio kaj kial ĝi estas grava?",
    "ar": "ما هي عاصمة مصر وماذا يمكن أن نرى فيها؟",
    "fa": "پایتخت ایران کجاست و چه چیزی در آن دیدنی است؟",
    "ur": "پاکستان کا دارالحکومت کیا ہے اور وہاں کیا دیکھا جا سکتا ہے؟",
    "hi": "भारत की राजधानी क्या है और वहाँ क्या देखा जा सकता है?",
    "mr": "भारताची राजधानी कोणती आहे आणि तेथे काय आहे?",
    "el": "Ποια είναι η πρωτεύουσα της Ελλάδας;",
    "he": "מהי בירת ישראל?",
    "ja": "東京はどこにありますか。",
    "ko": "한국의 수도는 어디입니까?",
    "zh": "中国的首都在哪里？",
    "th": "เมืองหลวงของไทยคือที่ไหน",
    "lo": "ນະຄອນຫຼວງຂອງລາວແມ່ນຫຍັງ",
    "km": "តើរាជធានីរបស់កម្ពុជាជាអ្វី",
    "my": "မြန်မာနိုင်ငံ၏မြို့တော်သည်အဘယ်နည်း",
    "bn": "বাংলাদেশের রাজধানী কী?",
    "ta": "இந்தியாவின் தலைநகரம் எது?",
    "te": "భారతదేశ రాజధాని ఏది?",
    "ka": "რა არის საქართველოს დედაქალაქი?",
    "hy": "Ո՞րն է Հայաստանի մայրաքաղաքը:",
    "am": "የኢትዮጵያ ዋና ከተማ ማን ናት?",
}
MIXED = {
    "東京大学": "zh",  # Han without kana, whatever it names
    "一个の广告牌在街上，大家都看见了它": "zh",
    "将 Amazon SageMaker 与 TensorFlow 进行比较。": "zh",
    "Translate into Chinese: 你好": "en",
    "用 Python 写一个函数：\n```python\ndef add(a, b):\n    return a + b\n```": "zh",
    "Écris ceci : https://example.com/the-quick-brown-fox-of-the-world": "fr",
    "<div class='the-name of'><b>Bonjour à tous et merci</b></div>": "fr",
    "cafe\u0301 : voici la re\u0301ponse que vous attendez": "fr",
}
NONE = [
    "12 + 5 = 17",
    "😀 👍🏽",
    "```python\nfor word in text:\n    print(word)\n```",
    "def f(x):\n    return x ** 2",
    "https://example.com/all-of-the-words",
    "$\\frac{1}{2} + \\alpha$",
    "[red]",
    "\x00\u202e",
]


def codes(texts: Sequence[str]) -> list[str]:
    return languages_of(pa.array(list(texts)), ByWords())


def test_hand_labelled_lines_in_forty_languages() -> None:
    assert len(LINES) == 40
    assert dict(zip(LINES, codes(list(LINES.values())), strict=True)) == {c: c for c in LINES}


def test_mixed_rows_have_the_language_of_most_letters() -> None:
    assert dict(zip(MIXED, codes(list(MIXED)), strict=True)) == MIXED


@pytest.mark.parametrize("text", NONE)
def test_a_row_of_code_digits_or_signs_has_none(text: str) -> None:
    assert codes([text]) == ["unknown"]


def test_what_words_do_not_know_is_unknown() -> None:
    assert codes(
        ["Wszystkiego", "Ọmọ ènìyàn ni a bí ní òmìnira; iyì àti ẹ̀tọ́ kọ̀ọ̀kan sì dọ́gba."]
    ) == [
        "unknown",
        "unknown",
    ]


def test_rows_do_not_touch() -> None:
    texts = [*LINES.values(), *MIXED, *NONE, ""]
    assert codes(texts) == [code for text in texts for code in codes([text])]
    assert codes([]) == []


@dataclass
class Detector:
    id: str = "fake"
    seen: list[str] = field(default_factory=list)

    def detect(self, texts: Sequence[str]) -> list[str]:
        self.seen += texts
        return ["xx"] * len(texts)


def test_a_detector_is_given_a_bounded_text_of_one_script_without_code() -> None:
    asked = Detector()
    text = "The words 你好 of this `code` row. " * 500
    assert languages_of(pa.array([text, "中文", "12"]), asked) == ["xx", "zh", "unknown"]
    (seen,) = asked.seen
    assert len(seen) <= LIMIT + 2 and "words" in seen and "code" not in seen and "你" not in seen


def test_a_second_detector_is_asked_where_words_are_not_sure() -> None:
    second = Detector()
    both = WordsFirst(second)
    texts = ["This is what the cat did with it.", "Wszystkiego najlepszego dziś", "Zyxwv"]
    assert both.detect(texts) == ["en", "xx", "unknown"]
    assert second.seen == texts[1:2] and second.id in both.id and both.id != ByWords().id


def test_an_empty_row_has_no_language_and_says_so() -> None:
    found = language(batch(["", "  \n", "12"], ["", "", ""]), ByWords(), of="response")
    assert found.values.to_pylist() == [None, None, "unknown"]
    assert found.problem.to_pylist() == ["empty_text", "empty_text", None]


def test_each_turn_has_its_own() -> None:
    talk = [("system", "Be brief, please."), ("user", "翻译成英语：我喜欢猫。")]
    talk += [("assistant", "I like the cat."), ("user", "42?")]
    turns = [{"role": role, "content": text} for role, text in talk]
    silent = [{"role": "user", "content": "Bonjour à tous"}]
    rows = Batch(dataset([{"messages": turns}, {"messages": silent}]).table)
    assert turn_languages(rows, ByWords()).values.to_pylist() == [
        ["en", "zh", "en", "unknown"],
        ["fr"],
    ]
    answers = turn_languages(rows, ByWords(), of="response")
    assert answers.values.to_pylist() == [["en"], None]
    assert answers.problem.to_pylist() == [None, "no_turns"]


def test_the_store_keeps_detectors_apart(tmp_path) -> None:
    data, run, other = dataset(), a_run(str(tmp_path)), a_run(str(tmp_path))
    other.languages = Detector()
    keys = [one.plan(data, ["language"])[0].key for one in (run, other)]
    assert keys[0] != keys[1]
    assert "en" in run.score(data, ["language"]).labels("language")
    assert "xx" in other.score(data, ["language"]).labels("language")


def test_a_detector_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingua, "installed", lambda: False)
    assert named_languages("words").id == ByWords().id
    with pytest.raises(MissingExtra, match=r"tamis\[lang\]"):
        named_languages("lingua")
    with pytest.raises(UserError, match="did you mean 'words'"):
        named_languages("word")


def test_lingua_is_taken_where_it_is_named() -> None:
    pytest.importorskip("lingua")
    assert "lingua" in named_languages("lingua").id


def test_the_overview_counts_languages(tmp_path) -> None:
    told = overview(dataset(), a_run(str(tmp_path)))["languages (of a sample)"]
    assert told[0]["name"] == "en" and {"zh", "ja", "th", "ar"} <= {line["name"] for line in told}


def test_a_long_word_and_long_code_take_no_time() -> None:
    texts = ["x" * 100_000, "`" * 5000, "<" * 20_000, "$a" * 20_000, "a = b; " * 10_000]
    assert len(codes(texts)) == 5
    assert prose(pa.array(["a `b` <i>c</i> d@e.fr f"])).to_list()[0].split() == ["a", "c", "f"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("alpaca/alpaca_5000.json", "en"),
        ("multilingual/alpaca-fr.jsonl", "fr"),
        ("law/zixun_gpt4.json", "zh"),
        ("medical/huatuo_llama_data.json", "zh"),
    ],
)
def test_files_of_known_language(name: str, code: str) -> None:
    path = shared_root() / "data/instructions" / name
    if not path.exists():
        pytest.skip(f"real data is absent: {name}")
    data = read(str(path))
    texts = data.take(np.arange(0, len(data), len(data) // 150)).texts("all")
    found = languages_of(texts, ByWords())
    assert found.count(code) >= 0.98 * len(found)
