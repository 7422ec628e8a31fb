"""Scorers taught on tiny models: what they learn, what is written, and what a kill changes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_graders import classifier
from tiny import tiny_model

torch = pytest.importorskip("torch")

from tamis import api  # noqa: E402
from tamis.errors import UserError  # noqa: E402
from tamis.models import named_reward  # noqa: E402
from tamis.run.session import Run  # noqa: E402
from tamis.testing import dataset  # noqa: E402
from tamis.training.teaching import Teaching  # noqa: E402

QUICK = Teaching(epochs=12, batch=8, rate=5e-3, max_length=32, linear=16, held=0.2)


def rated_rows(count=80):
    """An answer with the letter z is a good one."""
    words = ("a a", "z z")
    return [
        {"instruction": f"to {n}", "output": f"{words[n % 2]} {n % 7}", "score": n % 2}
        for n in range(count)
    ]


def paired_rows(count=60):
    return [
        {"prompt": f"to {n}", "chosen": f"z {n % 7} a", "rejected": f"a {n % 5}"}
        for n in range(count)
    ]


def styled_rows(count=40):
    return [
        {
            "instruction": f"to {n}",
            "direct": f"z z {n % 5}",
            "referenced": f"z a {n % 3}",
            "output": f"a a {n % 7}",
        }
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(classifier(tmp_path_factory.mktemp("bert"), "bert"))


def run_of(model, folder):
    return Run(store=str(folder / "scores"), model=str(model), device="cpu")


def weights(folder):
    from safetensors.numpy import load_file

    found = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        found |= {f"{path.name} {name}": value for name, value in load_file(path).items()}
    return found


def same(one, two):
    a, b = weights(one), weights(two)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_number_is_learned_and_read_by_the_reward_scorer(encoder, tmp_path):
    data = dataset(rated_rows())
    run = run_of(encoder, tmp_path)
    found = api.teach(data, kind="regression", out=str(tmp_path / "t"), teaching=QUICK, run=run)
    told = found.manifest
    assert told["held_out"]["error"] < 0.3 * told["held_out"]["error_of_mean"]
    assert told["held_out"]["spearman"]["value"] > 0.8
    scores = run.score(data, [f"reward(model={found.model})"])
    column = scores.scores(f"reward(model={found.model})")
    truth = [json.loads(extra)["score"] for extra in data.table["extra"].to_pylist()]
    assert np.corrcoef(column, truth)[0, 1] > 0.9


@pytest.mark.parametrize("kind", ["bert", "deberta", "roberta"])
def test_the_better_of_two_answers_is_learned(kind, tmp_path):
    model = classifier(tmp_path / "base", kind)
    run = run_of(model, tmp_path)
    data = dataset(paired_rows())
    found = api.teach(data, kind="pairs", out=str(tmp_path / "t"), teaching=QUICK, run=run)
    assert found.manifest["held_out"]["prefers"]["value"] > 0.9
    shown = [(row["prompt"], row[name]) for row in paired_rows() for name in ("chosen", "rejected")]
    better, worse = named_reward(found.model, device="cpu").reward(shown).reshape(-1, 2).T
    assert (better > worse).mean() > 0.9


def test_a_causal_language_model_gets_a_head_of_its_own(tmp_path):
    run = run_of(tiny_model(tmp_path / "base"), tmp_path)
    data = dataset(paired_rows())
    found = api.teach(data, kind="pairs", out=str(tmp_path / "t"), teaching=QUICK, run=run)
    assert found.manifest["new_weights"] == ["score.weight"]
    assert found.manifest["held_out"]["prefers"]["value"] > 0.9
    assert named_reward(found.model, device="cpu").form == "chat"


def test_a_style_ranker_is_learned_and_read_by_the_reward_protocol(encoder, tmp_path):
    from dataclasses import replace

    run = run_of(encoder, tmp_path)
    teaching = replace(QUICK, constraint="none", epochs=10, batch=4)
    data = dataset(styled_rows())
    found = api.teach(data, kind="scar", out=str(tmp_path / "t"), teaching=teaching, run=run)
    assert found.manifest["held_out"]["prefers"]["value"] > 0.9
    reward = named_reward(found.model, device="cpu")
    answers = [("to 900", text) for text in ("z z 3", "z a 3", "a a 3")]
    direct, referenced, human = reward.reward(answers)
    assert direct > referenced > human


def test_what_is_kept_aside_is_read_as_it_will_be(encoder, tmp_path):
    """The manifest's agreement is that of the finished folder, row by row."""
    from tamis.training.teach_rows import paired

    data = dataset(paired_rows())
    found = api.teach(
        data,
        kind="pairs",
        out=str(tmp_path / "t"),
        teaching=Teaching(epochs=1, batch=8, rate=1e-3, max_length=32, held=0.5),
        run=run_of(encoder, tmp_path),
    )
    _, aside = paired(data, "score", "rejected", Teaching()).divided(0.5, 0)
    reward = named_reward(found.model, device="cpu")
    won = [
        np.subtract(*reward.reward([(one.question, answer) for answer in one.answers])) > 0
        for one in aside
    ]
    assert found.manifest["held_out"]["pairs"] == len(aside) > 20
    assert found.manifest["held_out"]["prefers"]["value"] == pytest.approx(np.mean(won))


def test_a_longer_text_is_cut_where_it_was_cut_to_learn(encoder, tmp_path):
    run = run_of(encoder, tmp_path)
    data = dataset(paired_rows())
    short = Teaching(epochs=1, batch=8, rate=1e-3, max_length=16)
    found = api.teach(data, kind="pairs", out=str(tmp_path / "t"), teaching=short, run=run)
    assert named_reward(found.model, device="cpu").longest == 16


def test_the_order_of_the_file_changes_nothing(encoder, tmp_path):
    teaching = Teaching(epochs=2, batch=8, rate=1e-3, max_length=32)
    rows = rated_rows(40)
    for name, part in (("one", rows), ("two", rows[::-1])):
        run = run_of(encoder, tmp_path)
        out = str(tmp_path / name)
        api.teach(dataset(part), kind="regression", out=out, teaching=teaching, run=run)
    assert same(tmp_path / "one", tmp_path / "two")


def test_another_seed_gives_another_model(encoder, tmp_path):
    for seed in (0, 1):
        teaching = Teaching(epochs=1, batch=8, max_length=32, teach_seed=seed)
        out = str(tmp_path / str(seed))
        data = dataset(rated_rows(40))
        api.teach(
            data, kind="regression", out=out, teaching=teaching, run=run_of(encoder, tmp_path)
        )
    assert not same(tmp_path / "0", tmp_path / "1")


CHILD = """
import os, signal, sys
from tamis import api
from tamis.run.session import Run
from tamis.training.teaching import Teaching
import tamis.training.teach_loop as loop
import tamis.training.teach as teach
kind, rows, model, out, last = sys.argv[1:6]
def progress(step, done, of):
    if done == int(last):
        os.kill(os.getpid(), signal.SIGKILL)
run = Run(store=out + "-scores", model=model, device="cpu", progress=progress)
fit = loop.fit
loop.fit = lambda *given: fit(*given[:-1], 0.0)
teaching = Teaching(epochs=3, batch=8, rate=1e-3, max_length=32, linear=16, constraint="none")
api.teach(rows, kind=kind, out=out, teaching=teaching, run=run)
"""


def child(kind, rows, model, out, last):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, kind, rows, model, out, str(last)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("kind", "rows"), [("regression", rated_rows), ("pairs", paired_rows), ("scar", styled_rows)]
)
def test_a_killed_teaching_ends_with_the_same_weights(kind, rows, tmp_path):
    base = str(classifier(tmp_path / "base", "bert"))
    config = json.loads((tmp_path / "base/config.json").read_text())
    assert config["hidden_dropout_prob"] > 0  # what is drawn is drawn again
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows()))
    whole, killed = str(tmp_path / "whole"), str(tmp_path / "killed")
    assert child(kind, str(path), base, whole, 0)[0] == 0
    code, told = child(kind, str(path), base, killed, 7)
    assert code == -signal.SIGKILL, told
    assert not Path(killed, "config.json").exists()
    code, told = child(kind, str(path), base, killed, 0)
    assert code == 0, told
    assert same(whole, killed)
    one, two = (json.loads(Path(f, "teaching/teach.json").read_text()) for f in (whole, killed))
    for name in ("key", "held_out", "loss", "updates", "learned"):
        assert one[name] == two[name]
    assert not Path(killed, "teaching/checkpoint.pt").exists()


def test_what_is_done_is_not_done_again(encoder, tmp_path):
    teaching = Teaching(epochs=1, batch=8, max_length=32)
    steps = []
    for _ in range(2):
        run = run_of(encoder, tmp_path)
        run.progress = lambda *told: steps.append(told)
        data, out = dataset(rated_rows(40)), str(tmp_path / "t")
        found = api.teach(data, kind="regression", out=out, teaching=teaching, run=run)
    assert len(steps) == found.manifest["updates"]


def test_a_folder_of_another_teaching_is_refused(encoder, tmp_path):
    out = str(tmp_path / "t")
    data = dataset(rated_rows(40))
    short = Teaching(epochs=1, batch=8, max_length=32)
    api.teach(data, kind="regression", out=out, teaching=short, run=run_of(encoder, tmp_path))
    other = Teaching(epochs=2, batch=8, max_length=32)
    with pytest.raises(UserError, match="name another with --out"):
        api.teach(data, kind="regression", out=out, teaching=other, run=run_of(encoder, tmp_path))


def test_a_folder_of_something_else_is_refused(encoder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes").write_text("here")
    run, data = run_of(encoder, tmp_path), dataset(rated_rows(40))
    with pytest.raises(UserError, match="holds no teaching"):
        api.teach(data, kind="regression", out=str(tmp_path / "mine"), run=run)


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        (rated_rows(10), "regression", "20 are needed"),
        ([{**row, "score": 1} for row in rated_rows(60)], "regression", "all .* numbers are 1"),
        ([{"instruction": "a", "output": "b"}], "pairs", "1 no number"),
        (rated_rows(40), "scar", "40 no direct answer"),
        (rated_rows(40), "regresion", "did you mean 'regression'"),
    ],
)
def test_what_cannot_be_taught_says_why(encoder, tmp_path, rows, kind, message):
    run = run_of(encoder, tmp_path)
    with pytest.raises(UserError, match=message):
        api.teach(dataset(rows), kind=kind, out=str(tmp_path / "t"), run=run)


def test_the_id_of_a_taught_model_is_that_of_its_weights(encoder, tmp_path):
    """The seconds that it took are no part of it, so scores are found again."""
    teaching = Teaching(epochs=1, batch=8, max_length=32)
    ids = []
    for name in ("one", "two"):
        data, out = dataset(rated_rows(40)), str(tmp_path / name / "same")
        run = run_of(encoder, tmp_path)
        api.teach(data, kind="regression", out=out, teaching=teaching, run=run)
        ids.append(named_reward(out, device="cpu").id)
    assert ids[0] == ids[1]
