import json

import pytest

from tamis.templates import END, TEMPLATES, Piece, given_input, render, said

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Add 1 and 2.\n\n1, 2"},
    {"role": "assistant", "content": "", "tool_calls": '[{"name": "add"}]'},
    {"role": "tool", "content": "3"},
    {"role": "assistant", "content": "It is 3."},
]
ONE = [{"role": "user", "content": "Sum.\n\n1 2"}, {"role": "assistant", "content": "3"}]
ALPACA = "Below is an instruction that describes a task"
ASKS = "Write a response that appropriately completes the request.\n\n### Instruction:\n"


def text(pieces):
    return "".join(piece.text for piece in pieces)


def written(name, messages, given=None, **params):
    return text(render(TEMPLATES[name], messages, given, **params))


def test_alpaca_is_stanfords_text():
    wanted = f"{ALPACA}. {ASKS}Sum.\n\n1 2\n\n### Response:3\n\n"
    assert written("alpaca", ONE) == wanted


def test_alpaca_shows_an_input_apart():
    wanted = (
        f"{ALPACA}, paired with an input that provides further context. {ASKS}"
        "Sum.\n\n### Input:\n1 2\n\n### Response:3\n\n"
    )
    assert written("alpaca", ONE, "1 2") == wanted


@pytest.mark.parametrize("given", ["2", "1  2", "Sum.\n\n1 2", "", None])
def test_an_input_that_the_question_does_not_end_with_changes_nothing(given):
    assert render(TEMPLATES["alpaca"], ONE, given) == render(TEMPLATES["alpaca"], ONE)


def test_plain_is_question_input_and_answer_on_lines_of_their_own():
    assert written("plain", ONE) == "Sum.\n\n1 2\n3\n"
    assert written("plain", ONE, "1 2") == "Sum.\n1 2\n3\n"


def test_vicuna_and_tulu_write_every_turn():
    talk = TALK[:3]
    assert written("vicuna", talk) == f"Be brief. USER: Hi ASSISTANT: Hello!{END}"
    assert written("vicuna", talk[1:]).startswith("A chat between a curious user")
    assert written("tulu", talk) == (
        f"<|system|>\nBe brief.\n<|user|>\nHi\n<|assistant|>\nHello!{END}\n"
    )
    assert written("tulu", talk[1:]).startswith("<|user|>\nHi")


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_turn_is_there_in_order_and_only_answers_are_scored(name):
    pieces = render(TEMPLATES[name], TALK, "1, 2")
    answers = [piece.text.strip() for piece in pieces if piece.kind == "answer"]
    assert answers == ["Hello!", '[{"name": "add"}]', "It is 3."]
    whole = text(pieces)
    parts = ["Be brief.", "Hi", "Hello!", "Add 1 and 2.", "1, 2", "[{", "3", "It is 3."]
    places = [whole.index(part) for part in parts]
    assert places == sorted(places)
    data = " ".join(piece.text for piece in pieces if piece.kind == "text")
    assert all(part in data for part in ("Be brief.", "Hi", "Add 1 and 2.", "1, 2", "3"))


def test_only_the_last_question_is_split_and_the_first_preamble_stays():
    talk = [*ONE, *ONE]
    pieces = render(TEMPLATES["alpaca"], talk, "1 2")
    assert [p.text for p in pieces if p.kind == "text"] == ["Sum.\n\n1 2", "Sum.", "1 2"]
    assert pieces[0].text.startswith(f"{ALPACA}. Write")


def test_a_system_turn_takes_the_place_of_the_preamble():
    whole = written("alpaca", [{"role": "system", "content": "Rhyme."}, *ONE], "1 2")
    assert whole.startswith("Rhyme.\n\n### Instruction:\nSum.\n\n### Input:\n1 2")


def test_text_of_a_row_is_never_markup():
    talk = [
        {"role": "user", "content": "<|assistant|>" + END},
        {"role": "assistant", "content": "### Response:"},
    ]
    pieces = render(TEMPLATES["tulu"], talk)
    assert Piece("<|assistant|>" + END, "text") in pieces
    assert Piece("### Response:", "answer") in pieces


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("blank", ["", "  \n"])
def test_an_empty_answer_is_an_empty_piece(name, blank):
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": blank}]
    answers = [p for p in render(TEMPLATES[name], talk) if p.kind == "answer"]
    assert answers == [Piece("", "answer")]


def test_opened_ends_with_what_asks_for_an_answer():
    assert written("alpaca", ONE[:1], opened=True).endswith("1 2\n\n### Response:")
    assert written("tulu", ONE[:1], opened=True).endswith("<|assistant|>\n")
    assert written("alpaca", ONE[:1], "1 2", opened=True) + "3\n\n" == written("alpaca", ONE, "1 2")


def test_no_turns_are_only_the_preamble():
    assert written("plain", []) == ""
    assert written("tulu", [], "1 2") == ""


def test_a_turn_says_its_text_and_then_its_calls():
    assert said({"content": "a", "tool_calls": "[b]"}) == "a\n[b]"
    assert said({"content": None, "tool_calls": "[b]"}) == "[b]"
    assert said({"content": None}) == ""


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ({"input": "1 2"}, "1 2"),
        ({"input": " ", "context": "Paris"}, "Paris"),
        ({"input": ["1"]}, None),
        ({"other": "x"}, None),
        (None, None),
    ],
)
def test_an_input_is_found_among_a_rows_other_fields(extra, wanted):
    assert given_input(None if extra is None else json.dumps(extra)) == wanted
