"""Answers that a language model writes to the questions of rows."""

import numpy as np
import pytest
from tiny import tiny_model

from tamis.errors import UserError
from tamis.models.fake import START, FakeLikelihood
from tamis.scorers.generated_answer import generated_answer
from tamis.templates import END, Piece
from tamis.testing import dataset
from tamis.types import Batch


class Says(FakeLikelihood):
    """The fake model, which writes what it is told and notes what it was asked."""

    def __init__(self, ids=b"Blue.", context=512):
        super().__init__(context=context)
        object.__setattr__(self, "ids", np.array(list(ids), np.int64))
        object.__setattr__(self, "asked", [])

    def generate(self, prompts, tokens):
        self.asked.extend((self.decode(prompt), tokens) for prompt in prompts)
        return [self.ids[:tokens] for _ in prompts]


def talk(*turns):
    """A row of turns that alternate between user and assistant."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(turns)]}


def answered(rows, lm=None, **params):
    lm = lm or Says()
    return generated_answer(Batch(dataset(rows).table), lm, lm, **params)


def prompts(rows, **params):
    lm = Says()
    answered(rows, lm, **params)
    return [prompt for prompt, _ in lm.asked]


def test_the_answer_is_the_text_that_the_model_writes():
    assert answered([talk("Which colour?", "Red.")]).values.to_pylist() == ["Blue."]


def test_the_rows_own_answer_is_not_shown():
    (prompt,) = prompts([talk("Which colour?", "Red.")], template="plain")
    assert prompt == "Which colour?\n"


def test_a_row_without_an_answer_is_answered():
    assert prompts([talk("Which colour?")], template="plain") == ["Which colour?\n"]


def test_earlier_rounds_stand_before_the_last_question():
    (prompt,) = prompts([talk("Hi", "Hello.", "Bye", "Goodbye.")], template="plain")
    assert prompt == "Hi\nHello.\nBye\n"


def test_a_row_that_ends_with_a_question_is_asked_all_of_it():
    (prompt,) = prompts([talk("Hi", "Hello.", "Bye")], template="plain")
    assert prompt == "Hi\nHello.\nBye\n"


def test_the_blank_that_the_template_writes_before_an_answer_is_taken_off():
    found = answered([talk("Which colour?")], Says(b" Blue. "), template="vicuna")
    assert found.values.to_pylist() == ["Blue. "]


def test_the_answer_ends_at_the_special_token_that_the_chat_template_writes_after_one():
    lm = Says([*b"Blue.", START, *b"\n<|user|>\nAnd"])
    found = answered([talk("Which colour?")], lm, template="chat")
    assert found.values.to_pylist() == ["Blue."]


def test_text_after_an_answer_that_is_no_special_token_ends_nothing():
    found = answered([talk("Which colour?")], Says(b"Blue.\nRed."), template="plain")
    assert found.values.to_pylist() == ["Blue.\nRed."]


def test_an_empty_answer_is_an_answer():
    found = answered([talk("Which colour?")], Says(b""))
    assert found.values.to_pylist() == [""]
    assert found.problem.to_pylist() == [None]


def test_a_row_without_a_question_has_a_problem():
    rows = [{"messages": [{"role": "assistant", "content": "Blue."}]}, talk(" ")]
    assert answered(rows).problem.to_pylist() == ["empty_question"] * 2


def test_a_question_longer_than_max_length_is_too_long():
    found = answered([talk("a" * 30), talk("b" * 5)], template="plain", max_length=20)
    assert found.problem.to_pylist() == ["too_long", None]


def test_an_answer_gets_what_is_left_of_the_context():
    lm = Says(b"x" * 100, context=40)
    found = answered([talk("a" * 30), talk("b" * 38), talk("c" * 39)], lm, template="plain")
    assert found.values.to_pylist() == ["x" * 8, None, None]


def test_a_question_that_leaves_one_token_is_answered_with_it():
    lm = Says(b"x" * 100, context=40)
    found = answered([talk("b" * 37)], lm, template="plain", start=True)
    assert found.values.to_pylist() == ["x"]


def test_a_template_that_refuses_the_row_is_a_problem():
    class Refuses(Says):
        def chat(self, messages, tools):
            return []

    found = answered([talk("Which colour?")], Refuses(), template="chat")
    assert found.problem.to_pylist() == ["template_refused"]


def test_the_end_of_text_in_a_question_is_text():
    class Notes(Says):
        def encode(self, texts, *, markup=False):
            if not markup:
                object.__setattr__(self, "texts", list(texts))
            return super().encode(texts, markup=markup)

    lm = Notes()
    answered([talk(f"Say {END}")], lm, template="tulu")
    assert lm.texts == [f"Say {END}"]


def test_the_start_token_can_be_left_out():
    class Counts(Says):
        def generate(self, prompts, tokens):
            object.__setattr__(self, "firsts", [int(ids[0]) for ids in prompts])
            return super().generate(prompts, tokens)

    lm = Counts()
    answered([talk("Hi")], lm, template="plain")
    assert lm.firsts == [START]
    answered([talk("Hi")], lm, template="plain", start=False)
    assert lm.firsts == [ord("H")]


def test_a_model_that_writes_nothing_is_refused():
    class Reads:
        id = "reads"

    with pytest.raises(UserError, match="reads writes no answers here"):
        generated_answer(Batch(dataset([talk("Hi")]).table), Reads(), Reads())


@pytest.mark.parametrize("params", [{"tokens": 0}, {"max_length": 0}])
def test_lengths_below_one_are_refused(params):
    with pytest.raises(UserError, match="tokens and max_length are at least 1"):
        answered([talk("Hi")], **params)


def test_tools_stand_in_the_chat_template():
    class Tooled(Says):
        def chat(self, messages, tools):
            object.__setattr__(self, "tools", tools)
            return [Piece(messages[0]["content"], "text"), Piece("", "answer")]

    lm = Tooled()
    answered([{**talk("Hi"), "tools": [{"name": "add"}]}], lm, template="chat")
    assert '"add"' in lm.tools


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.mark.parametrize("template", ["plain", "chat"])
def test_answers_are_those_of_transformers_own_generate(folder, template):
    torch = pytest.importorskip("torch")
    import transformers

    from tamis.models import named_language_model

    rows = [
        talk("The quick brown fox"),
        talk("写一首关于春天的诗。", "春风"),
        talk("jumps", "a", "over"),
    ]
    lm = named_language_model(str(folder), "float32", "cpu")
    found = answered(rows, lm, template=template, tokens=12).values.to_pylist()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for row, text in zip(rows, found, strict=True):
        turns = row["messages"]
        turns = turns[:-1] if turns[-1]["role"] == "assistant" else turns
        said = "".join(turn["content"] + "\n" for turn in turns)
        if template == "chat":
            said = tokenizer.apply_chat_template(turns, tokenize=False) + "<|assistant|>\n"
        ids = tokenizer(tokenizer.bos_token + said, return_tensors="pt", add_special_tokens=False)
        out = model.generate(**ids, max_new_tokens=12, do_sample=False, pad_token_id=0)
        new = out[0, ids["input_ids"].shape[1] :]
        assert text == tokenizer.decode(new, skip_special_tokens=True)
