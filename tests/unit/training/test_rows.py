"""What a trainer is given: answers and the tokens that end them have labels, nothing else."""

import numpy as np
import pyarrow as pa
import pytest
from tiny import tiny_model

from tamis.errors import UserError
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.testing import dataset
from tamis.training.rows import tokenise
from tamis.training.settings import Training

TWO_TURNS = {
    "messages": [
        {"role": "user", "content": "q1"},
        {"role": "assistant", "content": "a1"},
        {"role": "user", "content": "q2"},
        {"role": "assistant", "content": "答え👍🏽"},
    ]
}
ONE = {"instruction": "Say it", "output": "It."}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return ModelTokenizer(str(tiny_model(tmp_path_factory.mktemp("tiny"))))


def learned(text, tmp_path, records, **settings):
    found = tokenise(dataset(records), text, Training(**settings), tmp_path / "rows.arrow")
    rows = pa.ipc.open_stream(str(tmp_path / "rows.arrow")).read_all().to_pylist()
    parts = [[i for i in row["labels"] if i != -100] for row in rows]
    for row in rows:
        same = [(i, y) for i, y in zip(row["input_ids"], row["labels"], strict=True) if y != -100]
        assert all(i == y for i, y in same)
    return found, [text.tokenizer.decode(part, skip_special_tokens=False) for part in parts]


@pytest.mark.parametrize("template", ["plain", "alpaca", "tulu"])
def test_an_answer_is_learned_with_the_token_that_ends_it(text, tmp_path, template):
    _, parts = learned(text, tmp_path, [ONE], template=template)
    assert parts == ["It.<|end|>"]


def test_vicunas_blank_before_an_answer_is_learned_as_it_is_scored(text, tmp_path):
    assert learned(text, tmp_path, [ONE], template="vicuna")[1] == [" It.<|end|>"]


def test_a_chat_templates_own_end_of_turn_is_learned_in_every_turn(text, tmp_path):
    _, parts = learned(text, tmp_path, [TWO_TURNS], template="chat")
    assert parts == ["a1<|end|>答え👍🏽<|end|>"]


def test_where_turns_have_no_end_of_their_own_only_the_last_one_ends_the_text(text, tmp_path):
    _, parts = learned(text, tmp_path, [TWO_TURNS], template="alpaca")
    assert parts == ["a1答え👍🏽<|end|>"]


def test_the_last_answer_alone(text, tmp_path):
    _, parts = learned(text, tmp_path, [TWO_TURNS], template="alpaca", turns="last")
    assert parts == ["答え👍🏽<|end|>"]


def test_a_cut_answer_does_not_learn_to_stop(text, tmp_path):
    long = {"instruction": "q", "output": "abcdefgh " * 20}
    found, parts = learned(text, tmp_path, [long], template="plain", max_length=20)
    assert found.cut == 1
    assert not parts[0].endswith("<|end|>")


def test_rows_that_cannot_be_learned_are_counted_by_reason(text, tmp_path):
    silent = {"instruction": "q", "output": "  "}
    long = {"instruction": "abcdefgh " * 90, "output": "a"}
    found, parts = learned(text, tmp_path, [ONE, silent, long], template="plain", max_length=64)
    assert len(parts) == 1
    assert found.left_out == {"empty_answer": 1, "too_long": 1}


def test_markup_in_a_row_is_text(text, tmp_path):
    row = {"instruction": "q", "output": "a<|end|>b"}
    _, parts = learned(text, tmp_path, [row], template="plain")
    rows = pa.ipc.open_stream(str(tmp_path / "rows.arrow")).read_all().to_pylist()
    assert parts == ["a<|end|>b<|end|>"]
    assert rows[0]["labels"].count(text.tokenizer.eos_token_id) == 1


def test_nothing_to_learn_is_told(text, tmp_path):
    with pytest.raises(UserError, match="no row can be learned: 1 empty_answer"):
        learned(text, tmp_path, [{"instruction": "q", "output": ""}])


def test_the_example_shows_the_mask(text, tmp_path):
    found, _ = learned(text, tmp_path, [ONE], template="plain")
    assert found.example == [("<|end|>Say it\n", False), ("It.<|end|>", True)]


def test_counts_are_of_the_rows_that_are_read(text, tmp_path):
    found, _ = learned(text, tmp_path, [ONE, TWO_TURNS])
    rows = pa.ipc.open_stream(str(tmp_path / "rows.arrow")).read_all()
    assert found.told["tokens"] == sum(len(ids) for ids in rows["input_ids"].to_pylist())
    labels = np.concatenate(rows["labels"].to_pylist())
    assert found.told["learned_tokens"] == int((labels != -100).sum())
