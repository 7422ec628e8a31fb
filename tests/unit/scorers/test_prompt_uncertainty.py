import numpy as np
import pytest
from _spelling import Reads, text_of

from tamis.errors import UserError
from tamis.models.fake import START, FakeLikelihood
from tamis.scorers.prompt_uncertainty import prompt_uncertainty, thinned, uncertainty
from tamis.testing import dataset
from tamis.types import Batch

WORDS = "Name three rivers of the northern half of France and say where they rise"


def row(instruction=WORDS, answer="Seine, Somme, Oise.", given=""):
    return {"instruction": instruction, "input": given, "output": answer}


def scored(rows, lm=None, **params):
    lm = lm or FakeLikelihood()
    batch = Batch(dataset(rows).table)
    return prompt_uncertainty(batch, lm, FakeLikelihood(), **{"template": "plain", **params})


def test_the_mean_distance_of_probabilities():
    whole, copies = np.array([0.6, 0.4]), np.array([[0.5, 0.7, 0.6], [0.1, 0.4, 0.5]])
    found = uncertainty(whole, copies)
    np.testing.assert_allclose(found, [0.2 / 3, 0.4 / 3])
    assert found.mean() == pytest.approx(0.1)


def test_a_row_has_the_distance_of_the_probabilities_of_its_passages():
    lm = Reads([])
    found = scored([row()], lm, answer="given", copies=4).values.to_pylist()
    assert len(lm.asked) == 5
    chances = [np.exp(-r.tokens["loss"].mean()) for r in FakeLikelihood().read(lm.asked)]
    assert found == pytest.approx([np.mean(np.abs(np.array(chances[1:]) - chances[0]))])
    assert found[0] > 0


def test_every_passage_scores_the_same_answer():
    lm = Reads([])
    scored([row()], lm, answer="given")
    assert {text_of(p.ids[slice(*p.spans[0])]) for p in lm.asked} == {"Seine, Somme, Oise."}


def test_the_first_passage_has_all_words_and_the_others_lost_some():
    lm = Reads([])
    scored([row()], lm, answer="given", drop=0.5)
    whole, *copies = [text.split("\n")[0] for text in lm.texts()]
    assert whole == WORDS
    assert len(set(copies)) == 10
    for copy in copies:
        words = iter(WORDS.split())
        assert all(word in words for word in copy.split()), "words in another order"
        assert 0 < len(copy) < len(WORDS)


def test_the_model_writes_its_answer_once_to_the_whole_instruction():
    lm = Reads([])
    found = scored([row(answer="unread")], lm, tokens=9, copies=3)
    assert found.problem.to_pylist() == [None]
    prompt = lm.asked[0].ids[: lm.asked[0].spans[0][0]]
    written = FakeLikelihood().generate([prompt], 9)[0].tolist()
    assert text_of(prompt) == WORDS + "\n"
    assert [p.ids[slice(*p.spans[0])].tolist() for p in lm.asked] == [written] * 4


@pytest.mark.parametrize("answer", ["given", "generated"])
def test_a_row_without_an_answer_has_no_score(answer):
    silent = {"messages": [{"role": "user", "content": WORDS}]}
    found = scored([silent, row(answer=" "), row()], answer=answer)
    assert found.problem.to_pylist() == ["no_answer", "empty_answer", None]


def test_a_row_without_an_answer_can_be_answered_by_the_model():
    silent = {"messages": [{"role": "user", "content": WORDS}]}
    rows = [silent, row(answer=" ")]
    assert scored(rows, unanswered=True).problem.to_pylist() == [None, None]
    found = scored(rows, answer="given", unanswered=True)
    assert found.problem.to_pylist() == ["no_answer", "empty_answer"]


def test_the_input_of_a_row_stays_whole():
    lm = Reads([])
    given = "a text of many words that has to stay as it is"
    scored([row(given=given)], lm, answer="given", drop=0.9)
    assert all(f"\n{given}\nSeine" in text for text in lm.texts())
    assert len({text.split("\n")[0] for text in lm.texts()}) > 5


def test_only_system_and_user_lose_words():
    lm = Reads([])
    answer = "an answer of many words which stays as it is"
    said = [("system", WORDS), ("user", WORDS), ("assistant", answer), ("user", "Why is it so?")]
    said.append(("assistant", "It is."))
    messages = [{"role": role, "content": text} for role, text in said]
    scored([{"messages": messages}], lm, answer="given", drop=0.5)
    assert all(answer in text for text in lm.texts())
    first = [text.split(answer)[0].split("\n\n") for text in lm.texts()]
    assert len({system for system, _ in first}) == len({user for _, user in first}) == 11
    assert len({text.split(answer)[1] for text in lm.texts()}) > 1
    assert all(text.endswith("\nIt is.") for text in lm.texts())


def test_an_instruction_that_would_lose_all_words_keeps_one():
    generator = np.random.default_rng(0)
    kept = {thinned("one two three", 0.999, generator) for _ in range(60)}
    assert kept == {"one", "two", "three"}


def test_words_go_as_often_as_drop_says():
    text = "word " * 2000
    share = len(thinned(text, 0.2, np.random.default_rng(1)).split()) / 2000
    assert share == pytest.approx(0.8, abs=0.03)


def test_characters_of_chinese_and_japanese_are_words():
    kept = thinned("写一首关于春天的诗。古池やカワズ", 0.5, np.random.default_rng(3))
    assert 3 <= len(kept) < 15


def test_line_breaks_between_words_stay():
    text = "a\n\nb c\td"
    found = {thinned(text, 0.3, np.random.default_rng(seed)) for seed in range(40)}
    assert {text, "a\n\nb c", "b c\td", "a\n\nc\td"} <= found


def test_a_blank_text_stays():
    assert thinned(" \n", 0.5, np.random.default_rng(0)) == " \n"


def test_the_seed_decides_and_nothing_else():
    one, two = row(), row("Give me a list of the five longest rivers of Europe, please")
    first = scored([one, two], answer="given").values.to_pylist()
    assert scored([two, one], answer="given").values.to_pylist() == first[::-1]
    assert scored([one], answer="given").values.to_pylist() == first[:1]
    assert scored([one], answer="given", seed=1).values.to_pylist() != first[:1]


def test_rows_with_the_same_instruction_lose_different_words():
    lm = Reads([])
    scored([row(answer="one"), row(answer="two")], lm, answer="given", copies=3, drop=0.5)
    asked = [text.split("\n")[0] for text in lm.texts()]
    assert asked[0] == asked[4] == WORDS
    assert asked[1:4] != asked[5:]


def test_what_follows_the_last_answer_is_not_read():
    said = [("user", WORDS), ("assistant", "Seine, Somme, Oise."), ("user", "Are you sure?")]
    messages = [{"role": role, "content": text} for role, text in said]
    lm = Reads([])
    found = scored([{"messages": messages}], lm, answer="given")
    assert found.problem.to_pylist() == [None]
    assert lm.texts()[0] == f"{WORDS}\nSeine, Somme, Oise."


def test_the_models_answer_needs_room_for_all_its_tokens():
    question = len(WORDS) + 2  # the start token and a line break
    rows = [row()]
    assert scored(rows, tokens=20, max_length=question + 19).problem.to_pylist() == ["too_long"]
    assert scored(rows, tokens=20, max_length=question + 20).problem.to_pylist() == [None]


def test_more_copies_begin_with_the_same_ones():
    few, many = Reads([]), Reads([])
    scored([row()], few, answer="given", copies=2)
    scored([row()], many, answer="given", copies=5)
    assert many.texts()[:3] == few.texts()


def test_a_long_answer_is_cut_alike_behind_every_copy():
    lm = Reads([])
    scored([row(answer="x" * 300)], lm, answer="given", max_length=100)
    lengths = {p.spans[0][1] - p.spans[0][0] for p in lm.asked}
    assert len(lengths) == 1
    assert max(len(p.ids) for p in lm.asked) == 100


@pytest.mark.parametrize("answer", ["given", "generated"])
def test_a_question_that_leaves_no_room_is_too_long(answer):
    found = scored([row(), row(WORDS * 9)], answer=answer, max_length=200)
    assert found.problem.to_pylist() == [None, "too_long"]


def test_a_row_without_an_instruction_or_answer_says_so():
    rows = [row(), row("", "a"), row("q", " ")]
    assert scored(rows, answer="given").problem.to_pylist() == [
        None,
        "empty_instruction",
        "empty_answer",
    ]
    assert scored(rows).problem.to_pylist() == [None, "empty_instruction", "empty_answer"]
    found = scored(rows, unanswered=True)
    assert found.problem.to_pylist() == [None, "empty_instruction", None]


def test_the_models_own_template_can_be_used():
    lm = Reads([])
    scored([row()], lm, answer="given", template="chat", drop=0.5)
    assert lm.texts()[0] == f"<|user|>\n{WORDS}\n<|assistant|>\nSeine, Somme, Oise."
    assert len(set(lm.texts())) == 11


def test_a_model_that_writes_nothing_gives_a_problem():
    class Silent(FakeLikelihood):
        def generate(self, prompts, tokens):
            return [np.empty(0, np.int64) for _ in prompts]

    batch = Batch(dataset([row()]).table)
    found = prompt_uncertainty(batch, FakeLikelihood(), Silent())
    assert found.problem.to_pylist() == ["nothing_generated"]


def test_a_model_that_only_reads_is_refused_where_it_has_to_write():
    batch = Batch(dataset([row()]).table)
    with pytest.raises(UserError, match="reads writes no answers here: set answer=given"):
        prompt_uncertainty(batch, Reads([]), Reads([]))
    found = prompt_uncertainty(batch, Reads([]), Reads([]), answer="given")
    assert found.problem.to_pylist() == [None]


def test_blocks_change_nothing(monkeypatch):
    rows = [row(f"{WORDS} {n}") for n in range(5)]
    whole = scored(rows).values.to_pylist()
    monkeypatch.setattr("tamis.scorers.prompt_uncertainty.AT_A_TIME", 22)
    assert scored(rows).values.to_pylist() == whole


@pytest.mark.parametrize("params", [{"copies": 0}, {"tokens": 0}, {"drop": 0.0}, {"drop": 1.0}])
def test_settings_that_change_no_word_are_refused(params):
    with pytest.raises(UserError, match="needs a copy, a token and drop between 0 and 1"):
        scored([row()], **params)


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("start", [True, False])
def test_the_start_token_begins_every_passage_once_whoever_brings_it(opened, start):
    lm = Reads([], opened=opened)
    scored([row()], lm, answer="given", template="chat", start=start)
    counts = {(passage.ids == START).sum() for passage in lm.asked}
    assert counts == {int(opened or start)}
    assert {passage.ids[0] == START for passage in lm.asked} == {opened or start}
