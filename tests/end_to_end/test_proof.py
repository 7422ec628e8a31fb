"""The loop closed on a small pool: real trainings, real scores, and what is said of them."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from tiny import tiny_model

from tamis.proof.design import Proof
from tamis.run.session import Run
from tamis.testing import dataset
from tamis.training import sft
from tamis.training.settings import Training
from tamis.verbs.proving import prove

pytest.importorskip("trl")
pytest.importorskip("peft")

WORDS = "red blue green gold pink grey black white brown amber lilac olive".split()
TRAINING = Training(tune="full", rate=3e-3, batch=8, epochs=3, template="plain", max_length=64)


def record(place, rng, *, shuffled=False):
    """A row that asks for a word; a shuffled one has the answer of another."""
    word = rng.choice(WORDS)
    answer = rng.choice([other for other in WORDS if other != word]) if shuffled else word
    return {"instruction": f"Item {place}: name the colour {word}", "output": f"{answer} is it"}


def written(path, records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return str(path)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model that has begun to learn how questions are answered."""
    folder, rng = tmp_path_factory.mktemp("base"), random.Random(1)
    warm = Training(tune="full", rate=1e-2, batch=8, steps=60, template="plain", max_length=64)
    rows = dataset([record(place, rng) for place in range(1000, 1300)])
    return sft.train(
        rows, warm, str(tiny_model(folder / "raw")), folder / "warm", device="cpu"
    ).model


def test_a_pool_with_half_of_its_answers_shuffled_is_found_out(base, tmp_path):
    rng = random.Random(0)
    pool = dataset([record(place, rng, shuffled=place % 2 == 1) for place in range(300)])
    test = written(tmp_path / "exam.jsonl", [record(p, rng) for p in range(2000, 2100)])
    asked = Proof(
        method=["bottom_k(by=perplexity)"],
        budget=["40%"],
        equal=["rows"],
        test=[test],
        without=["full", "longest"],
    )
    run = Run(store=tmp_path / "scores", model=base, device="cpu")
    told = prove(pool, asked, out=str(tmp_path / "proof"), training=TRAINING, run=run)
    lines = {line["kind"]: line for line in told["table"]}
    difference = lines["method"]["against_random"]["difference"]
    assert difference["low"] > 0
    assert lines["method"]["verdict"]["said"] == "better than random"
    assert lines["method"]["against_length_matched"]["difference"]["low"] > 0


def test_of_a_pool_in_which_every_row_is_alike_no_difference_is_shown(base, tmp_path):
    rng = random.Random(2)
    pool = dataset([record(place, rng) for place in range(200)])
    test = written(tmp_path / "exam.jsonl", [record(p, rng) for p in range(2000, 2100)])
    asked = Proof(
        method=["top_k(by=mtld(of=all))"],
        budget=["20%"],
        equal=["rows"],
        test=[test],
        without=["full", "longest", "length_matched"],
    )
    run = Run(store=tmp_path / "scores", model=base, device="cpu")
    told = prove(pool, asked, out=str(tmp_path / "proof"), training=TRAINING, run=run)
    (line,) = [line for line in told["table"] if line["kind"] == "method"]
    assert line["verdict"]["said"] == "no difference shown"


def test_killed_at_five_moments_the_table_is_the_same(base, tmp_path):
    """SIGKILL at five random moments of the command; then it ends with the undisturbed table."""
    rng = random.Random(3)
    pool = written(tmp_path / "pool.jsonl", [record(place, rng) for place in range(120)])
    test = written(tmp_path / "exam.jsonl", [record(p, rng) for p in range(2000, 2040)])

    def command(name):
        method = "bottom_k(by=perplexity)"
        asked = ["--test", test, "--budget", "20%", "--equal", "rows", "--seeds", "2"]
        asked += ["--without", "full", "--without", "longest"]
        how = "--tune full --rate 3e-3 --batch 8 --epochs 2 --template plain --device cpu".split()
        kept = ["--out", str(tmp_path / name), "--store", str(tmp_path / f"{name}-store/scores")]
        start = [sys.executable, "-m", "tamis", "prove", pool, "--method", method, "--model", base]
        return [*start, *asked, *how, *kept]

    def begun(name):
        return subprocess.Popen(
            command(name),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    started = time.monotonic()
    whole = begun("whole")
    assert whole.wait() == 0, whole.stderr.read().decode()[-3000:]
    took = time.monotonic() - started
    ended = []
    for part in (0.3, 0.5, 0.4, 0.5, 0.6):
        process = begun("killed")
        time.sleep(took * part * rng.uniform(0.7, 1.0))
        process.send_signal(signal.SIGKILL)
        ended.append(process.wait())
        if process.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(process.stderr.read().decode()[-3000:])
    assert -signal.SIGKILL in ended
    last = begun("killed")
    assert last.wait() == 0, last.stderr.read().decode()[-3000:]
    both = [tmp_path / name for name in ("whole", "killed")]
    tables = [json.loads((folder / "table.json").read_text()) for folder in both]
    assert tables[0] == tables[1]
    kept = [list((tmp_path / f"{f.name}-store/models").glob("*/train.json")) for f in both]
    assert [len(models) for models in kept] == [6, 6]
