"""`--store s3://...`: scored, selected, resumed; several processes, killed; two machines."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3_server import serving

ROOT = Path(__file__).parents[2]
METHOD = """
import os, signal, time
from pathlib import Path
from tamis import Batch, Column, scorer

@scorer()
def noted(batch: Batch) -> Column:
    with open("log", "a") as file:
        file.write("".join(f"{name}\\n" for name in batch.ids))
    try:
        Path("kill").unlink()
    except FileNotFoundError:
        while len(Path("log").read_text().split()) > int(Path("most").read_text()):
            time.sleep(0.02)
        return Column.floats([float(len(t)) for t in batch.texts().to_pylist()])
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""Notes its rows; the first call dies where a file says so; waits when the most rows are noted."""
MAIN = "from tamis.run import execute; execute.SHARD = 4\nfrom tamis.cli.main import main; main()"


@pytest.fixture
def few(sample, tmp_path):
    (tmp_path / "few.jsonl").write_text("\n".join(sample.read_text().splitlines()[:40]) + "\n")
    (tmp_path / "mine.py").write_text(METHOD)
    (tmp_path / "most").write_text("1000")
    return tmp_path


@pytest.fixture
def server():
    with serving() as objects:
        yield objects


@pytest.fixture
def tamis(few, server):
    """Starts a command of somebody whose home is a folder of that name."""

    def start(*command, home="one", store="s3://bucket/my scores", executor="inline"):
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, *command, "--store", store, "--executor", executor],
            cwd=few,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **server.environment,
                "PYTHONPATH": str(ROOT / "src"),
                "HOME": str(few / home),
            },
        )

    return start


SCORE = ("score", "few.jsonl", "--method", "./mine.py:noted", "--allow-code")


def end(process, code=0):
    out, told = process.communicate(timeout=120)
    assert process.returncode == code, told
    return out + told


def rows(server):
    """The ids of each part in the bucket."""
    parts = [body for name, body in server.held.items() if name.endswith(".parquet")]
    assert all(name.startswith("bucket/my scores/") for name in server.held)
    return [pq.read_table(pa.BufferReader(body))["id"].to_pylist() for body in parts]


def noted(few):
    return (few / "log").read_text().split()


def values(path):
    return [list(one.values())[-1] for one in map(json.loads, path.read_text().splitlines())]


def test_scored_by_one_and_by_several_with_a_worker_that_is_killed(few, server, tamis):
    lines = (few / "few.jsonl").read_text().splitlines()
    (few / "part.jsonl").write_text("\n".join(lines[8:16]) + "\n")
    end(tamis("score", "part.jsonl", *SCORE[2:]))
    assert len(noted(few)) == 8
    (few / "kill").touch()
    end(tamis(*SCORE, "--out", "several.jsonl", executor="processes:2"))
    held = [name for part in rows(server) for name in part]
    assert len(held) == len(set(held)) == len(set(noted(few))) == 40
    assert len(noted(few)) == 44  # the shard that its worker died with was computed again
    end(tamis(*SCORE, "--out", "local.jsonl", store="here"))
    assert values(few / "several.jsonl") == values(few / "local.jsonl")
    picked = ("select", "few.jsonl", "--method", "top_k(by=length)", "--budget", "5", "--out")
    end(tamis(*picked, "picked"))
    end(tamis(*picked, "other", store="here"))
    picked, other = (
        pq.read_table(few / name / "selection.parquet") for name in ("picked", "other")
    )
    assert picked.equals(other) and len(picked["rank"].drop_null()) == 5
    assert not list(few.glob("s3:*"))


def test_a_run_that_is_killed_goes_on_where_it_was(few, server, tamis):
    (few / "most").write_text("20")
    run = tamis(*SCORE, executor="processes:2")
    while len([name for name in server.held if name.endswith(".parquet")]) < 4:
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    committed = {name for part in rows(server) for name in part}
    before = len(noted(few))
    (few / "most").write_text("1000")
    end(tamis(*SCORE))
    again = noted(few)[before:]
    assert not committed & set(again)
    assert len(committed) + len(again) == 40


@pytest.mark.parametrize("other", ["one", "two"])
def test_two_runs_at_once_end_with_the_same_values(few, server, tamis, other):
    """On one machine they share the rows; from two, a row is computed twice at most."""
    runs = [tamis(*SCORE, "--out", f"{n}.jsonl", home=h) for n, h in (("a", "one"), ("b", other))]
    for run in runs:
        end(run)
    assert values(few / "a.jsonl") == values(few / "b.jsonl")
    held = [name for part in rows(server) for name in part]
    assert len(set(held)) == 40
    assert len(held) <= (40 if other == "one" else 80)
    done = len(noted(few))
    end(tamis(*SCORE))
    assert len(noted(few)) == done


def test_what_the_store_refuses_is_one_message(few, server, tamis):
    server.refuse = lambda method, key: (403, "AccessDenied") if method == "POST" else None
    said = end(tamis(*SCORE), code=2)
    assert "scores cannot be written to s3://bucket/my scores/" in said
    assert "ACCESS_DENIED" in said and "--store" in said and "Traceback" not in said
    assert server.held == {}
