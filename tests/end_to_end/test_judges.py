"""Methods that ask a judge, from the command line: a local model, a real server, a faulty one."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from _chat_server import Behaviour, number, serving
from speaking import speaking_model

pytest.importorskip("torch")
ROWS = [
    {"instruction": "Name a colour.", "output": "Blue."},
    {"instruction": "写一首诗。", "output": "春风吹过山岗。"},
    {"instruction": "Say nothing.", "output": ""},
    {"instruction": "Count to three.", "output": "1, 2, 3 👍🏽"},
]


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A folder with a model that ends every answer with the same verdict."""
    return speaking_model(tmp_path_factory.mktemp("judge") / "speaking", "Score: 4")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS))
    return path


@pytest.fixture(scope="module")
def served(judge, tmp_path_factory):
    """The address of `transformers serve` with that model."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(judge)]
    log = tmp_path_factory.mktemp("served") / "log"
    with open(log, "wb") as out:
        server = subprocess.Popen(
            [*command, "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)],
            stdout=out,
            stderr=out,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
        try:
            while not _answers(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.kill()
            server.wait()


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def scores(tamis, rows, *judge):
    """alpagasus of the rows, and why some have none."""
    given = ("--method", "alpagasus", "--judge", *judge, "--ledger", "replies.sqlite")
    tamis("score", rows, *given, "--out", "scores.parquet")
    table = pq.read_table(tamis.folder / "scores.parquet")
    return table["alpagasus"].to_pylist(), table["alpagasus problem"].to_pylist()


def test_a_local_model_judges(tamis, rows, judge):
    found, problems = scores(tamis, rows, judge, "--device", "cpu")
    assert found == [4.0, 4.0, None, 4.0]
    assert problems == [None, None, "empty_answer", None]


def test_transformers_serve_judges_with_the_same_command(tamis, rows, judge, served):
    found, problems = scores(tamis, rows, f"{judge}@{served}")
    assert found == [4.0, 4.0, None, 4.0]
    assert problems == [None, None, "empty_answer", None]


FAULTS = {
    "429": 0.05,
    "500": 0.04,
    "503": 0.02,
    "slow": 0.005,
    "truncated": 0.03,
    "malformed": 0.03,
    "empty": 0.02,
    "wrong_shape": 0.02,
    "reset": 0.03,
    "refusal": 0.02,
    "content_filter": 0.01,
    "cut": 0.02,
}
CONCURRENCY = 32


def replied(messages):
    """A rating by the question; some questions never get a verdict, however they are asked."""
    first = messages[1]["content"]
    if number("mumbles", first, 100) < 2:
        return "What a question."
    return f"Rate me 5, it says.\nScore: {number('score', first, 6)}"


@pytest.fixture
def two_thousand(tmp_path):
    path = tmp_path / "many.jsonl"
    rows = [{"instruction": f"Say {i}.", "output": f"{i} 好"} for i in range(2000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_two_thousand_rows_come_through_faults_and_a_kill(tamis, two_thousand, store):
    behaviour = Behaviour(reply=replied, faults=FAULTS, latency=0.01, slow=4.0)
    with serving(behaviour) as server:
        command = [
            *(two_thousand, "--method", "alpagasus", "--judge", f"strict@{server.url}"),
            *("--ledger", "replies.sqlite", "--timeout", "2", "--concurrency", CONCURRENCY),
        ]
        program = [sys.executable, "-m", "tamis", "score", *map(str, command), "--store", store]
        killed = subprocess.Popen(program, cwd=tamis.folder, stderr=subprocess.DEVNULL)
        while server.facts().outcomes["200"] < 700:
            assert killed.poll() is None
            time.sleep(0.05)
        killed.kill()
        killed.wait()
        before = server.facts()
        assert len(before.requests) < 2000
        tamis("score", *command, "--out", "scores.parquet")
        twice = sum(count - 1 for count in server.facts().answered().values())
        assert twice <= CONCURRENCY  # in flight when it was killed: nobody had their answers
        ended = time.monotonic()
        tamis("score", *command, "--out", "again.parquet")
        assert all(arrival < ended for arrival in server.facts().arrivals)
    table = pq.read_table(tamis.folder / "scores.parquet")
    problems = table["alpagasus problem"].to_pylist()
    assert sum(why is None for why in problems) > 1800
    assert set(problems) == {None, "refused", "cut_off", "unparsed"}
    assert set(table["alpagasus"].drop_null().to_pylist()) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    assert table["alpagasus"].null_count == sum(why is not None for why in problems)
    assert pq.read_table(tamis.folder / "again.parquet").equals(table)


@pytest.fixture
def strict():
    """A quick server that rates by the question."""
    with serving(Behaviour(reply=replied)) as server:
        yield server


def test_a_dry_run_asks_nobody_and_counts_what_is_then_asked(tamis, sample, strict):
    given = ("--judge", f"strict@{strict.url}", "--ledger", "replies.sqlite")
    for command in (
        ("select", sample, "--method", "alpagasus", "--budget", "5"),
        ("select", sample, "--method", "lift(percentile=95)", "--budget", "5"),
        ("evolve", sample, "--out", "rows.jsonl"),
    ):
        told = json.loads(tamis(*command, *given, "--dry-run", "--json"))
        (judge,) = told["judges"] if command[0] == "select" else told
        assert judge["calls"] > 5 and judge["prompt_tokens"] > 100 * judge["calls"]
        assert judge["cost"] is None  # nobody says what this model costs
    assert strict.facts().requests == []
    assert not (tamis.folder / "rows.jsonl").exists()


def test_rows_are_rewritten_and_read_again(tamis, rows):
    def rewrites(messages):
        return f"Harder, in {number('n', messages[-1]['content'], 1000)} words, please."

    with serving(Behaviour(reply=rewrites)) as server:
        given = ("--judge", f"writer@{server.url}", "--ledger", "replies.sqlite")
        tamis("evolve", rows, "--out", "evolved.jsonl", "--rounds", "2", *given)
    found = [json.loads(line) for line in (tamis.folder / "evolved.jsonl").open()]
    assert [row["round"] for row in found].count(0) == len(ROWS)
    assert {row["evolved_from"] for row in found if row["round"]} == {
        row["evolved_from"] for row in found
    }
    told = json.loads(tamis("inspect", "evolved.jsonl", "--json"))
    assert any(str(len(found)) in json.dumps(part) for part in told.values())


def test_two_judges_are_compared(tamis, sample, strict):
    few = tamis.folder / "few.jsonl"
    few.write_text("".join(sample.open().readlines()[:60]))
    other = f"alpagasus(judge=other@{strict.url})"
    given = ("--judge", f"strict@{strict.url}", "--ledger", "replies.sqlite")
    told = json.loads(
        tamis("agree", few, "--method", "alpagasus", "--method", other, *given, "--json")
    )
    (pair,) = told["pairs"]
    assert pair["rows"] > 50 and pair["exact"]["value"] == 1.0
    assert pair["kappa"]["low"] is None  # not NaN, which is no JSON


def test_batch_files_are_another_way_to_ask(tamis, rows):
    given = ("--method", "alpagasus", "--judge", "model@http://127.0.0.1:9/v1")
    command = ("score", rows, *given, "--ledger", "replies.sqlite", "--batches", "files")
    assert "3 requests were written" in tamis(*command, code=2)
    sent = (tamis.folder / "files/requests-0001.jsonl").read_text().splitlines()
    answers = [
        {
            "id": f"line-{at}",
            "custom_id": json.loads(line)["custom_id"],
            "response": {
                "status_code": 200,
                "body": {"choices": [{"message": {"content": f"Well.\nScore: {at}"}}]},
            },
        }
        for at, line in enumerate(sent)
    ]
    text = "".join(json.dumps(answer) + "\n" for answer in answers)
    (tamis.folder / "files/output.jsonl").write_text(text)
    tamis(*command, "--out", "scores.parquet")
    found = pq.read_table(tamis.folder / "scores.parquet")["alpagasus"].to_pylist()
    assert found == [0.0, 1.0, None, 2.0]


def test_what_opens_the_judge_stands_in_nothing_that_is_written_or_said(tamis, rows, store, strict):
    place = strict.url.replace("http://", "http://ann:hush-hush@") + "?key=q-hush&api-version=2"
    given = ("--method", "alpagasus", "--judge", f"strict@{place}", "--ledger", "replies.sqlite")
    budget = ("--budget", 2, "--out", "picked")
    said = []
    for verb, more in (("score", ("--dry-run",)), ("select", budget)):
        command = (sys.executable, "-m", "tamis", verb, rows, *given, *more, "--store", store)
        done = subprocess.run([str(c) for c in command], cwd=tamis.folder, capture_output=True)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout + done.stderr)
    assert b"alpagasus: about 3 calls" in said[1]
    assert strict.facts().headers[-1]["authorization"].startswith("Basic ")
    written = [path for root in (tamis.folder, Path(store)) for path in root.rglob("*")]
    written = [path for path in written if path.is_file()]
    assert {"run.toml", "manifest.json", "header.json", "replies.sqlite"} <= {
        p.name for p in written
    }
    assert not [path for path in written if b"hush" in path.read_bytes()]
    assert b"hush" not in b"".join(said)
    settings = (tamis.folder / "picked" / "run.toml").read_text()
    assert f'judge = "strict@{strict.url}?api-version=2"' in settings
    tamis("select", rows, "--config", "picked/run.toml", "--out", "again")  # from the store
    assert (tamis.folder / "again" / "selection.parquet").exists()


def test_what_opens_a_judge_may_stand_in_no_method(tamis, rows, store, strict):
    place = strict.url.replace("http://", "http://ann:hush-hush@")
    for verb, more in (("score", ()), ("select", ("--budget", 2)), ("score", ("--dry-run",))):
        method = f"alpagasus(judge=strict@{place})"
        said = tamis(verb, rows, "--method", method, *more, code=2)
        assert "no user, password or key may stand there" in said and "hush" not in said
    written = [path for path in Path(store).rglob("*") if path.is_file()]
    assert not [path for path in written if b"hush" in path.read_bytes()]
    assert strict.facts().requests == []


def test_a_dry_run_of_a_cascade_rehearses_it_whoever_judges(tamis, tmp_path, store, strict):
    pool = tmp_path / "pool.jsonl"
    rows = [{"instruction": f"Say {i}.", "output": f"{i} " * (1 + i % 7)} for i in range(4000)]
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ("select", pool, "--method", "judge_cascade", "--budget", 40, "--ledger", "l.sqlite")
    own = f"alpagasus(judge=strict@{strict.url})"
    ways = ((own, ()), ("alpagasus", ("--judge", f"strict@{strict.url}")))
    before = set(Path(store).rglob("*"))
    told = [
        json.loads(tamis(*command, "--by", by, *judge, "--dry-run", "--json")) for by, judge in ways
    ]
    calls = [[one["calls"] for one in found["judges"]] for found in told]
    assert calls[0] == calls[1] and 0 < calls[0][0] < 4000
    assert strict.facts().requests == []
    assert not (tmp_path / "l.sqlite").exists() and set(Path(store).rglob("*")) == before
