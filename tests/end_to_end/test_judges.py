"""Methods that ask a judge, from the command line: a local model, a real server, a faulty one."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

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
