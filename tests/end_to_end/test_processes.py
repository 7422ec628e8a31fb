"""`--executor processes` as a person uses it: killed, interrupted, twice at once, in a script."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]

SLOW = """
import os, time
from pathlib import Path
from tamis import Batch, Column, scorer

def lines():
    return Path("log").read_text().splitlines()

def number(name):
    return int(Path(name).read_text() or 0)

@scorer()
def slow(batch: Batch) -> Column:
    with open("log", "a") as file:
        file.write("".join(f"{os.getpid()} {name}\\n" for name in batch.ids))
    mine = lines().index(f"{os.getpid()} {batch.ids[-1]}") + 1
    while len({line.split()[0] for line in lines()}) < number("crowd") or mine > number("most"):
        time.sleep(0.02)
    return Column.floats([float(len(t)) for t in batch.texts().to_pylist()])
"""
"""Notes its rows; waits for a crowd of workers, and when the most rows have been noted, for more.

So what a test does while a run is at work does not hang on how fast the machine is.
"""

SMALL = "from tamis.run import execute; execute.SHARD = 4\n"
"""Ten shards of forty rows, instead of one."""
MAIN = f"""{SMALL}
import signal
from tamis.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
main()
"""


@pytest.fixture
def few(sample, tmp_path):
    """Forty rows of the sample, and a method that takes its time."""
    (tmp_path / "few.jsonl").write_text("\n".join(sample.read_text().splitlines()[:40]) + "\n")
    (tmp_path / "mine.py").write_text(SLOW)
    (tmp_path / "crowd").write_text("2")
    (tmp_path / "most").write_text("40")
    return tmp_path


def started(folder, *args):
    command = ["score", "few.jsonl", "--method", "./mine.py:slow", "--allow-code"]
    settings = ["--store", "scores", "--executor", "processes:2", *args]
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *command, *settings],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        start_new_session=True,
    )


def computed(folder):
    log = folder / "log"
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def committed(folder):
    parts = [pq.read_table(path) for path in folder.glob("scores/*/*/part-*.parquet")]
    return [name for part in parts for name in part["id"].to_pylist()]


def until(happened, what):
    deadline = time.monotonic() + 300  # nobody waits that long unless it never happens
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def workers(folder):
    return {int(pid) for pid, _ in computed(folder)}


def killed_amid(folder, *args):
    """The ids that a run kept which is killed with two at work, and how many rows it computed."""
    (folder / "most").write_text("16")
    run = started(folder, *args)
    until(lambda: len(committed(folder)) == 16, "the first parts")
    pids = workers(folder)
    assert len(pids) == 2 and run.pid not in pids
    run.kill()
    run.communicate()
    until(lambda: not any(runs(pid) for pid in workers(folder)), "the end of the workers")
    kept, before = committed(folder), len(computed(folder))
    assert len(kept) == 16
    return kept, before


def finished(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killed_with_its_workers_at_work_a_run_loses_nothing_and_leaves_nobody(few):
    kept, before = killed_amid(few)
    (few / "most").write_text("100")
    finished(started(few))
    again = [name for _, name in computed(few)[before:]]
    assert not set(again) & set(kept)
    assert len(kept) + len(again) == len(set(committed(few))) == 40


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_is_one_line_and_ends_all(few):
    (few / "most").write_text("8")
    run = started(few)
    until(lambda: len(committed(few)) == 8, "the first parts")
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does it: to everybody
    _, err = run.communicate()
    assert run.returncode == 130
    assert "interrupted; what was scored is kept" in err and "Traceback" not in err
    assert not any(runs(pid) for pid in workers(few))


def test_a_worker_that_is_killed_from_outside_is_replaced(few):
    (few / "most").write_text("8")
    run = started(few, "--json")
    until(lambda: len(computed(few)) == 16, "the work of two workers")
    os.kill(int(computed(few)[-1][0]), signal.SIGKILL)
    (few / "most").write_text("100")
    killed = json.loads(finished(run))
    assert len(set(committed(few))) == len(committed(few)) == 40
    plain = few / "plain"
    plain.mkdir()
    for name in ("few.jsonl", "mine.py"):
        (plain / name).write_bytes((few / name).read_bytes())
    (plain / "crowd").write_text("1")
    (plain / "most").write_text("40")
    inline = json.loads(finished(started(plain, "--json", "--executor", "inline")))
    assert killed["columns"] == inline["columns"]
    assert workers(plain) != workers(few)


def test_two_runs_with_workers_share_the_shards_of_one_store(few):
    (few / "crowd").write_text("4")
    both = [started(few), started(few)]
    for run in both:
        finished(run)
    names = [name for _, name in computed(few)]
    assert len(names) == len(set(names)) == 40
    assert sorted(committed(few)) == sorted(names)
    assert len(workers(few)) == 4


def test_neither_a_guard_nor_a_file_is_needed_around_a_script(few):
    script = SMALL + (
        "import tamis\n"
        "run = tamis.Run(store='scores', executor='processes:2', allow_code=True)\n"
        "scores = tamis.score('few.jsonl', method='./mine.py:slow', run=run)\n"
        "print(scores.pool.scores(list(scores.pool.columns)[0]).sum())\n"
    )
    done = subprocess.run(
        [sys.executable, "-"],
        cwd=few,
        input=script,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
    assert len(workers(few)) == 2


def test_a_selection_is_the_same(few):
    found = []
    for executor in ("inline", "processes:2"):  # a store's name may have a colon, too
        command = ["select", "few.jsonl", "--budget", "5", "--store", executor, "--out"]
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *command, f"of {executor}", "--executor", executor],
            cwd=few,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        assert done.returncode == 0, done.stderr
        found.append((few / f"of {executor}" / "subset.jsonl").read_bytes())
    assert found[0] == found[1] and len(found[0].splitlines()) == 5


def test_an_executor_that_is_none_is_one_message(tamis, sample):
    message = tamis("select", sample, "--executor", "threads", code=2)
    assert "no executor 'threads'; known: inline, processes" in message
