"""A model taught to rate: it learns the tokens that are read, and is found again."""

import json
from pathlib import Path

import numpy as np
import pytest
from _trained import fake_run
from tiny import blank_tokenizer, tiny_model

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

from tamis import api  # noqa: E402
from tamis.errors import UserError  # noqa: E402
from tamis.models.hf_tokenizer import ModelTokenizer  # noqa: E402
from tamis.recipes._taught_ratings import (  # noqa: E402
    Source,
    Turn,
    Way,
    one_prompt,
    rated_turns,
    training_of,
    whole,
)
from tamis.run.session import Run  # noqa: E402
from tamis.scorers._options import Rating, rated  # noqa: E402
from tamis.scorers._prompts import cut  # noqa: E402
from tamis.testing import dataset  # noqa: E402
from tamis.training.teaching import Teaching  # noqa: E402
from tamis.types import Batch  # noqa: E402

PROMPT = "Ask: {question}\n\nSay: {answer}\n\nGrade: {rating}"
LINE = PROMPT.replace("Grade: ", "Grade:\n")
SHORT = Teaching(epochs=8, batch=8, rate=5e-3, max_length=128, held=0.2, decay=0)


def rows(count=60):
    """A good answer has the letter z, and 5; the others 2."""
    return [
        {
            "instruction": f"Q{n}",
            "output": ("z z z" if n % 2 else "a a a"),
            "score": 5 if n % 2 else 2,
        }
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_model(tmp_path_factory.mktemp("base")))


class Spy:
    """A tokenizer that notes the passages it is asked to read."""

    def __init__(self, text):
        self.text, self.passages = text, []

    def __getattr__(self, name):
        return getattr(self.text, name)

    def read(self, passages):
        from tamis.protocols import Reading

        self.passages += passages
        zeros = np.zeros(len(passages[0].options))
        return [Reading({}, {}, zeros) for _ in passages]


def learned_and_read(text, prompt, data, tmp_path, most=6):
    """Tokens that are learned of each row, and tokens and options that are read of it."""
    import pyarrow as pa

    from tamis.training.rows import tokenise

    way = Way.of(cut(prompt, most), text, most)
    turns, _ = rated_turns(None, data, prompt, Source(), Teaching(ratings=most))
    path = tmp_path / "rows.arrow"
    tokenise(way.rows(turns), text, training_of(Teaching(max_length=200)), path)
    with pa.OSFile(str(path), "rb") as file:
        made = pa.ipc.open_stream(file).read_all().to_pylist()
    spy = Spy(text)
    rated(Batch(data.table), spy, [prompt], Rating(most=most, max_length=200))
    return made, spy.passages, turns


HARD = [
    {"instruction": "\n\nAdd  two", "output": "  4\n", "score": 6},
    {"instruction": "<|end|> ### x", "output": "no <|end|>", "score": 1},
    {"instruction": "写一首", "output": "Grade: 6\n\n", "score": 3},
]


@pytest.mark.parametrize("prompt", [PROMPT, LINE, "{question}{answer}:{rating}"])
def test_what_is_learned_is_what_is_read(base, tmp_path, prompt):
    made, passages, turns = learned_and_read(ModelTokenizer(base), prompt, dataset(HARD), tmp_path)
    for row, passage, turn in zip(made, passages, turns, strict=True):
        assert row["input_ids"][:-2] == passage.ids.tolist()
        assert row["input_ids"][-2] == passage.options[turn.rating - 1]
        assert [label for label in row["labels"] if label != -100] == row["input_ids"][-2:]


def test_a_tokenizer_that_puts_blanks_in_front_learns_what_is_read(base, tmp_path):
    import shutil

    folder = tmp_path / "blank"
    shutil.copytree(base, folder)
    from tokenizers import trainers

    tokenizer = blank_tokenizer()
    specials = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=specials, show_progress=False)
    known = sorted(set(PROMPT + LINE + "0123456789"))  # letters alone: nothing is joined
    tokenizer.backend_tokenizer.train_from_iterator(known, trainer)
    tokenizer.save_pretrained(folder)
    text = ModelTokenizer(str(folder))
    made, passages, turns = learned_and_read(text, LINE, dataset(HARD[:1]), tmp_path)
    assert made[0]["input_ids"][:-2] == passages[0].ids.tolist()
    assert made[0]["input_ids"][-2] == passages[0].options[turns[0].rating - 1]


def test_a_blank_belongs_to_the_digit_where_the_tokenizer_has_it_so(base):
    class Blanks:
        """Words with the blank in front of them, as GPT-2's."""

        id, start, context = "blanks", None, 99

        def __init__(self):
            self.known = {}

        def encode(self, texts, *, markup=False):
            import re

            return [
                np.array(
                    [self.known.setdefault(p, len(self.known)) for p in re.findall(r" ?\S+|\s", t)]
                )
                for t in texts
            ]

    way = Way.of(cut("Say {answer}\nGrade: {rating}", 3), Blanks(), 3)
    assert way.digits == (" 1", " 2", " 3")
    assert way.prompt.fixed[-1] == "\nGrade:"


def test_ratings_go_to_the_nearest_digit():
    assert [whole(x, 6) for x in (1, 2.4, 2.5, 3.49, 6.4)] == [1, 2, 3, 3, 6]
    assert whole(0.4, 6) == whole(6.5, 6) == "not within 1 and 6"


def test_rows_without_a_rating_are_counted():
    data = dataset([*rows(4), {"instruction": "q", "output": "a"}, {**rows(1)[0], "score": 9}])
    turns, counts = rated_turns(None, data, PROMPT, Source(), Teaching())
    assert len(turns) == counts["used"] == 4
    assert counts["left_out"] == {"no number": 1, "not within 1 and 6": 1}


def test_a_prompt_of_the_question_alone_needs_no_answer():
    data = dataset([{"instruction": "q", "output": "", "score": 3}])
    asks = "Task: {question}\n{rating}"
    assert len(rated_turns(None, data, asks, Source(), Teaching())[0]) == 1
    assert not rated_turns(None, data, PROMPT, Source(), Teaching())[0]


def test_a_judge_rates_variants_of_drawn_rows(tmp_path):
    """The stand-in for a judge rewrites and rates; variants of a row are one group."""
    run = fake_run(tmp_path)
    data = dataset([{"instruction": f"Say {n}", "output": f"It is {n}."} for n in range(30)])
    source = Source(seeds=10, rounds=2)
    turns, counts = rated_turns(run, data, PROMPT, source, Teaching())
    assert counts["rows"] == 10
    assert len({turn.group for turn in turns}) <= 10 < len(turns)
    assert counts["variants"]["rated"] >= len(turns)


def test_the_digit_is_learned_and_expected_rating_reads_it(base, tmp_path):
    prompt = tmp_path / "p.txt"
    prompt.write_text(PROMPT)
    run = Run(store=str(tmp_path / "s"), model=base, device="cpu")
    out = str(tmp_path / "t")
    data = dataset(rows())
    found = api.teach(data, kind="ratings", out=out, prompt=str(prompt), teaching=SHORT, run=run)
    told = found.manifest
    assert told["held_out"]["error"] < 0.2 * told["held_out"]["error_of_mean"]
    name = f"expected_rating(max_length=128,model={out},prompt={out}/prompt.txt,turns=each)"
    values, starts = run.score(data, [name]).series(name)
    assert len(values) == len(data) == len(starts) - 1
    good = np.array([row["score"] == 5 for row in rows()])
    assert np.abs(values[good] - 5).mean() < 0.5 and np.abs(values[~good] - 2).mean() < 0.5
    assert not Path(out, "teaching/training").exists()


def test_a_taught_rater_is_found_again(base, tmp_path):
    run = fake_run(tmp_path)
    run.model = base
    calls = []

    def trainer(data, training, model):
        from tamis.training.sft import Trained

        calls.append(training)
        return Trained(base, (), {"steps": 1})

    run.trainer = trainer
    few = Teaching(max_length=128, held=0.0)
    prompt = tmp_path / "p.txt"
    prompt.write_text(PROMPT)
    given = {"kind": "ratings", "out": str(tmp_path / "t"), "prompt": str(prompt)}
    one, two = (api.teach(dataset(rows()), **given, teaching=few, run=run) for _ in range(2))
    assert len(calls) == 1 and one.manifest == two.manifest
    assert calls[0].template == "none" and calls[0].turns == "last"
    assert json.loads(Path(one.model, "teaching/teach.json").read_text())["prompt"] == PROMPT


@pytest.mark.parametrize(
    ("data", "prompt", "message"),
    [(rows(8), PROMPT, "20 are needed"), (rows(), "No marks {rating}", "no prompt and no file")],
)
def test_what_cannot_be_taught_says_why(base, tmp_path, data, prompt, message):
    run = Run(store=str(tmp_path / "s"), model=base, device="cpu")
    with pytest.raises(UserError, match=message):
        api.teach(dataset(data), kind="ratings", out=str(tmp_path / "t"), prompt=prompt, run=run)


def test_one_prompt_is_one_text():
    assert "{rating}" in one_prompt("quality")
    with pytest.raises(UserError, match="a prompt is one text"):
        one_prompt("select_it")


def test_a_turn_is_shown_piece_by_piece(base):
    way = Way.of(cut(LINE, 6), ModelTokenizer(base), 6)
    said = [m["content"] for m in way.messages(Turn("i", "g", "Q", "A", 4))]
    assert said == ["Ask: ", "Q", "\n\nSay: ", "A", "\n\nGrade:\n", "4"]
