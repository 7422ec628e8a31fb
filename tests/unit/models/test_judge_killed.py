"""A run that is killed: what was answered before is not paid for again."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from _chat_server import Behaviour, serving
from _judging import judge_at, questions

pytest.importorskip("openai")

CONCURRENCY = 16
CLIENT = """
import sys
from pathlib import Path
from types import SimpleNamespace
from _judging import judge_at, questions
judge_at(SimpleNamespace(url=sys.argv[1]), Path(sys.argv[2]), concurrency=16).ask(questions(600))
"""


def rows(path: Path) -> int:
    """Answers in a ledger that another process writes."""
    if not path.exists():
        return 0
    file = sqlite3.connect(path)
    try:
        return int(file.execute("SELECT count(*) FROM replies").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        file.close()


def started(server, folder):
    """A process that asks 600 questions."""
    here = str(Path(__file__).parent)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)])}
    command = [sys.executable, "-c", CLIENT, server.url, str(folder)]
    client = subprocess.Popen(command, env=env, stderr=subprocess.PIPE)
    while rows(folder / "replies.sqlite") < 200:
        assert client.poll() is None
        time.sleep(0.01)
    return client


def test_an_interrupted_run_waits_for_what_is_on_its_way(tmp_path):
    with serving(Behaviour(latency=0.3)) as server:
        client = started(server, tmp_path)
        client.send_signal(signal.SIGINT)
        _, said = client.communicate()
        answered = sum(server.facts().answered().values())
    assert client.returncode != 0 and b"KeyboardInterrupt" in said
    assert rows(tmp_path / "replies.sqlite") == answered < 600


def test_a_killed_run_goes_on_and_pays_for_nothing_that_was_kept(tmp_path):
    ledger = tmp_path / "replies.sqlite"
    with serving(Behaviour(latency=0.1)) as server:
        client = started(server, tmp_path)
        client.send_signal(signal.SIGKILL)
        client.communicate()
        time.sleep(0.3)  # what was on its way ends at the server
        kept = rows(ledger)
        before = server.facts().answered()

        judge = judge_at(server, tmp_path, concurrency=CONCURRENCY)
        answers = judge.ask(questions(600))
        times = server.facts().answered()
    assert all(answer.problem is None for answer in answers)
    assert 200 <= kept < 600
    assert judge.report()["from_ledger"] == kept
    assert judge.report()["calls"] == 600 - kept
    twice = [name for name, count in times.items() if count > 1]
    assert len(times) == 600 and max(times.values()) <= 2
    assert len(twice) <= sum(before.values()) - kept <= CONCURRENCY
