import numpy as np
import pytest
from _rows import batch
from _spelling import Reads, Spelling, gpt2, llama

from tamis.choices import choices, level, normalised
from tamis.errors import UserError
from tamis.models.fake import START, FakeLikelihood
from tamis.scorers._options import Rating, rated, turns_of

DIGITS = [str(digit) for digit in range(1, 7)]


def test_a_blank_before_a_digit_is_part_of_gpt2s_token():
    before, ids = choices(gpt2(), "Rating: ", DIGITS)
    assert before.tolist() == gpt2().encode(["Rating:"])[0].tolist()
    assert ids == (352, 362, 513, 604, 642, 718)


def test_a_digit_without_a_blank_is_another_token_of_gpt2():
    before, ids = choices(gpt2(), "Rating:\n", DIGITS)
    assert before.tolist() == gpt2().encode(["Rating:\n"])[0].tolist()
    assert ids == (16, 17, 18, 19, 20, 21)


def test_a_blank_before_a_digit_stays_a_token_of_its_own_for_llama():
    before, ids = choices(llama(), "##Quality: ", DIGITS)
    assert before.tolist() == [*llama().encode(["##Quality:"])[0], 29871]
    assert ids == (29896, 29906, 29941, 29946, 29945, 29953)


def test_a_digit_without_a_blank_is_the_same_token_of_llama():
    before, ids = choices(llama(), "Rating:\n", DIGITS)
    assert before.tolist() == llama().encode(["Rating:\n"])[0].tolist()
    assert ids == (29896, 29906, 29941, 29946, 29945, 29953)


def test_ten_is_one_token_of_gpt2_and_two_of_llama():
    ten = [str(number) for number in range(1, 11)]
    assert len(choices(gpt2(), "Rating: ", ten)[1]) == 10
    with pytest.raises(UserError, match="llama has no single token of its own for '10'"):
        choices(llama(), "Rating: ", ten)


def test_a_tokenizer_of_characters_refuses_ten():
    letters = Spelling("letters", lambda text: [ord(c) for c in text])
    assert choices(letters, "is ", ["1", "2"])[1] == (49, 50)
    with pytest.raises(UserError, match=r"letters has no single token .* '10' after 'is '"):
        choices(letters, "is ", ["1", "2", "10"])


def test_digits_that_share_a_token_are_both_named():
    unknown = Spelling("unknown", lambda text: [7 if c in "34" else ord(c) for c in text])
    with pytest.raises(UserError, match=r"unknown .* for '3' and '4' after"):
        choices(unknown, "", ["1", "2", "3", "4"])


def test_a_tokenizer_that_knows_no_digit_is_refused():
    unknown = Spelling("unknown", lambda text: [7 if c.isdigit() else ord(c) for c in text])
    with pytest.raises(UserError, match="for '1' and '2' after 'a'"):
        choices(unknown, "a", ["1", "2"])


def test_a_token_that_joins_text_and_digit_is_an_option():
    spelling = {"x:1": [5, 9], "x:2": [5, 8]}
    before, ids = choices(Spelling("joins", spelling.__getitem__), "x:", ["1", "2"])
    assert before.tolist() == [5]
    assert ids == (9, 8)


def test_probabilities_are_of_the_options_alone():
    found = normalised(np.array([[-800.0, -800.0], [np.log(0.1), np.log(0.3)]]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75]])


def test_impossible_options_have_no_probabilities():
    assert np.isnan(normalised(np.full(3, -np.inf))).all()


@pytest.mark.parametrize(
    ("lengths", "room", "most"),
    [([3, 4], 10, 4), ([3, 20], 10, 7), ([20, 3], 10, 7), ([20, 20], 11, 5), ([9], 4, 4)],
)
def test_the_longer_text_is_cut_first(lengths, room, most):
    assert level(lengths, room) == most
    assert sum(min(length, most) for length in lengths) <= room


def test_the_model_reads_prompt_and_texts_after_the_start_token():
    lm = Reads([])
    rated(
        batch(["four"], ["2+2?"]), lm, ["Q {question} A {answer} (1-{most}): {rating}"], Rating(3)
    )
    assert lm.texts() == ["Q 2+2? A four (1-3): "]
    assert lm.asked[0].ids[0] == START
    assert lm.asked[0].options == (ord("1"), ord("2"), ord("3"))


def test_probabilities_are_those_after_the_prompt():
    lm = FakeLikelihood()
    asked = Reads([])
    found = rated(batch(["four"], ["2+2?"]), asked, ["{question} {answer} {rating}"], Rating(4))
    logs = lm.read(asked.asked)[0].options
    np.testing.assert_allclose(found.chances[0, 0], np.exp(logs) / np.exp(logs).sum())


def test_long_texts_are_cut_at_their_ends_and_the_prompt_stays_whole():
    lm = Reads([])
    rows = batch(["a" * 900, "a" * 900], ["q" * 900, "qqq"])
    rated(rows, lm, ["{question}|{answer}|{rating}"], Rating(max_length=33))
    assert lm.texts() == ["q" * 15 + "|" + "a" * 15 + "|", "qqq|" + "a" * 27 + "|"]


def test_a_prompt_without_room_for_a_text_is_an_error():
    prompt = "{answer}" + 42 * "x" + "{rating}"
    with pytest.raises(UserError, match="the prompt alone has 43 tokens; raise max_length"):
        rated(batch(["a"]), FakeLikelihood(), [prompt], Rating(max_length=43))


def test_what_a_row_says_is_no_markup():
    lm = Reads([])
    rated(batch(["{end}"], ["<|user|>"]), lm, ["{question}{answer}{end}: {rating}"], Rating())
    assert lm.texts() == ["<|user|>{end}: "]
    assert lm.asked[0].ids.tolist().count(START) == 2  # at the beginning, and the prompt's own


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("vicuna", " USER: 1? How? ASSISTANT:"),
        ("tulu", "<|user|>\n1? How?\n<|assistant|>\n"),
        ("chat", "<|user|>\n1? How?\n<|assistant|>\n"),
    ],
)
def test_a_template_takes_the_prompt_as_a_users_turn(template, text):
    lm = Reads([])
    rated(batch(["a"], ["1?"]), lm, ["{question} How? {rating}"], Rating(template=template))
    assert lm.texts()[0].endswith(text)


def test_a_template_that_begins_with_the_start_token_gets_no_second_one():
    lm = Reads([])
    rated(batch(["a"], ["1?"]), lm, ["{end}{question} {rating}"], Rating())
    assert lm.asked[0].ids[:2].tolist() == [START, ord("1")]


def test_many_turns_are_asked_in_blocks(monkeypatch):
    rows = batch([f"answer {n}" for n in range(7)], ["why?"] * 7)
    prompts = ["{question} {answer} {rating}", "{answer} {rating}"]
    whole = rated(rows, FakeLikelihood(), prompts, Rating())
    monkeypatch.setattr("tamis.scorers._options.AT_A_TIME", 5)
    parts = rated(rows, FakeLikelihood(), prompts, Rating())
    assert whole.chances.shape == (7, 2, 5)
    np.testing.assert_array_equal(parts.chances, whole.chances)


def test_a_scale_of_one_is_refused():
    with pytest.raises(UserError, match="at least 2 ratings"):
        rated(batch(["a"]), FakeLikelihood(), ["{answer}{rating}"], Rating(1))


def test_a_turn_is_what_is_asked_and_what_is_answered():
    said = [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello!"),
        ("user", "1 + 2?"),
        ("assistant", "add(1, 2)"),
        ("tool", "3"),
        ("assistant", "It is 3."),
        ("user", "Why?"),
    ]
    assert turns_of([{"role": role, "content": text} for role, text in said]) == [
        {"question": "Be brief.\n\nHi", "answer": "Hello!"},
        {"question": "1 + 2?", "answer": "add(1, 2)\nIt is 3."},
        {"question": "Why?", "answer": ""},
    ]


def test_a_models_own_template_that_begins_with_the_start_token_gets_no_second_one():
    lm = Reads([], opened=True)
    rated(batch(["a"], ["1?"]), lm, ["{question} {rating}"], Rating(template="chat"))
    assert lm.asked[0].ids.tolist().count(START) == 1
