"""What is found of models that know their rows, that guess, and that cannot read them."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from tamis.competences import (
    LIMITS,
    Exchange,
    Finding,
    of_embedder,
    of_language_model,
    of_translations,
)
from tamis.models.chargrams import CharGrams
from tamis.models.fake import FakeEmbedder, FakeLikelihood
from tamis.protocols import Reading

THINGS = ["猫", "桥", "茶", "雪", "sea", "oak", "tea", "سوق", "नदी", "кот"]
ROWS = [
    Exchange(f"Question {n}: what of {THINGS[n % 10]}?", f"Answer {n}, about {THINGS[n % 10]} <b>.")
    for n in range(80)
]
NOTHING = Finding("model", "language model", "en", len(ROWS))


@dataclass(frozen=True, slots=True)
class Knows:
    """Bytes as tokens; an answer costs little after its own question, and more after another."""

    id: str = "knows"
    own: float = 0.5
    other: float = 1.0
    context: int = 512
    start: int | None = 256
    pairs: dict = field(default_factory=lambda: {row.question: row.answer for row in ROWS})

    def encode(self, texts, *, markup=False):
        return FakeLikelihood().encode(texts)

    def chat(self, messages, tools):
        return []

    def decode(self, ids):
        return FakeLikelihood().decode(ids)

    def generate(self, prompts, tokens):
        return prompts

    def read(self, passages):
        found = []
        for passage in passages:
            assert len(passage.ids) <= self.context
            question, _, answer = self.decode(passage.ids).partition("\n")
            loss = self.own if self.pairs.get(question, "?") == answer else self.other
            scored = sum(stop - start for start, stop in passage.spans)
            found.append(Reading({"loss": np.full(scored, loss)}))
        return found


@dataclass(frozen=True, slots=True)
class Forgets(Knows):
    """The same with a vocabulary of ASCII letters: all else is one token for what is unknown."""

    def encode(self, texts, *, markup=False):
        ids = [np.array([ord(c) if c.isascii() else 257 for c in text], np.int64) for text in texts]
        return [row if len(row) else np.empty(0, np.int64) for row in ids]


def test_a_model_that_knows_its_rows_passes():
    found = of_language_model(Knows(), ROWS, NOTHING)
    assert found.faults == () and found.judged == LIMITS.most and found.kept == 1.0
    assert found.own.value == 1.0 and found.bits == pytest.approx(0.5 / np.log(2))
    assert found.bits < found.counted_bits
    assert Finding.of(found.told()) == found


def test_one_that_likes_other_questions_as_well_fails():
    found = of_language_model(Knows(other=0.5), ROWS, NOTHING)
    assert found.own.value == 0.5  # equal losses are half a win
    assert len(found.faults) == 1 and "50 % (38 % to 62 %)" in found.faults[0]


def test_one_that_needs_more_bits_than_counting_fails():
    found = of_language_model(Knows(own=4.0, other=5.0), ROWS, NOTHING)
    assert found.own.value == 1.0
    assert len(found.faults) == 1 and found.faults[0].startswith("5.77 bits a byte")


def test_one_whose_tokens_are_not_the_text_fails():
    rows = [Exchange(row.question, row.answer + "茶水很好喝") for row in ROWS]
    found = of_language_model(Forgets(), rows, NOTHING)
    assert found.kept < LIMITS.kept and any("of the characters" in why for why in found.faults)


def test_the_counting_model_has_not_seen_what_it_is_asked():
    """Rows that are noise cost it eight bits a byte, or more, however many there are."""
    drawn = np.random.default_rng(0).integers(0x4E00, 0x9FFF, (64, 60))
    rows = [Exchange("".join(map(chr, r[:30])), "".join(map(chr, r[30:]))) for r in drawn]
    found = of_language_model(Knows(pairs=dict(rows)), rows, NOTHING)
    assert found.counted_bits > 3.5  # of a byte: three bytes of Han in UTF-8 have some 14.4 bits
    again = of_language_model(Knows(pairs=dict(rows)), rows * 2, NOTHING)
    assert again.counted_bits < 1  # rows that come twice have been seen


def test_few_rows_are_not_judged():
    for rows in (ROWS[: LIMITS.rows - 1], [Exchange("", " ")] * 90):
        assert of_language_model(Knows(), rows, NOTHING) == NOTHING
        assert of_embedder(FakeEmbedder(), CharGrams(), rows, NOTHING) == NOTHING


def test_texts_without_questions_are_judged_by_their_bits():
    rows = [Exchange("", row.answer) for row in ROWS]
    found = of_language_model(Knows(other=0.5), rows, NOTHING)
    assert found.own is None and found.bits == pytest.approx(0.5 / np.log(2)) and not found.faults


def test_a_model_without_a_start_token_is_read():
    found = of_language_model(Knows(start=None, pairs={}), ROWS, NOTHING)
    assert found.bits == pytest.approx(1 / np.log(2))


def test_long_texts_are_cut_between_characters():
    rows = [Exchange("问" * 5000 + str(n), f"{n}答" * 50_000) for n in range(40)]
    found = of_language_model(Knows(pairs={}, context=100), rows, NOTHING)
    assert found.judged == 40 and found.kept == 1.0


def test_an_answer_that_another_question_leaves_no_room_stays_with_its_own():
    rows = [
        Exchange(f"{n}?" * (1 + 20 * (n % 2)), f"{n}!" * (60 - 55 * (n % 2))) for n in range(80)
    ]
    found = of_language_model(Knows(pairs={}, context=200), rows, NOTHING)
    assert found.judged == LIMITS.most and found.own is not None


def test_an_embedder_that_guesses_fails():
    found = of_embedder(FakeEmbedder(), CharGrams(), ROWS, NOTHING)
    assert len(found.faults) == 2 and found.counted_own > 0.8
    assert 0.4 < found.own.value < 0.6


def test_an_embedder_that_is_the_baseline_passes():
    found = of_embedder(CharGrams(), CharGrams(), ROWS, NOTHING)
    assert found.own.value == found.counted_own and not found.faults


def test_equal_rows_decide_nothing():
    assert of_embedder(CharGrams(), CharGrams(), [ROWS[0]] * 40, NOTHING) == NOTHING
    found = of_embedder(CharGrams(), CharGrams(), [*ROWS[:32], *[ROWS[0]] * 20], NOTHING)
    assert found.judged == 52 and not found.faults


@dataclass(frozen=True, slots=True)
class Bilingual:
    """A vector a number in the text, whatever the words around it."""

    id: str = "bilingual"

    def embed(self, texts):
        digits = ["".join(c for c in text if c.isdigit()) for text in texts]
        return FakeEmbedder().embed(digits)


def test_translations_are_found_by_who_reads_both():
    left = [f"Give {n} examples of a story" for n in range(40)] + [""]
    right = [f"请举出{n}个故事的例子" for n in range(40)] + ["多"]
    found = of_translations(Bilingual(), left, right, NOTHING)
    assert found.translations.value == 1.0 and found.judged == 40 and not found.faults
    lost = of_translations(FakeEmbedder(), left, right, NOTHING)
    assert lost.translations.value < 0.2 and "translation" in lost.faults[0]


def test_vectors_that_are_all_alike_find_nothing():
    same = [f"{n}" for n in range(40)]

    @dataclass(frozen=True, slots=True)
    class Constant:
        id: str = "constant"

        def embed(self, texts):
            return np.ones((len(texts), 4), np.float32) / 2

    found = of_translations(Constant(), same, same, NOTHING)
    assert found.translations.value == pytest.approx(1 / 40)
