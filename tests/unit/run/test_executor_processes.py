"""Columns from several processes are those of one; what goes wrong there is told here."""

import json
import os
import warnings
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import sleep

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.errors import MissingExtra, Pending, UserError
from tamis.models.fake import FakeEmbedder
from tamis.run import execute
from tamis.run.executors import Asked, by_name, parse
from tamis.run.session import Run
from tamis.testing import dataset

METHODS = '''
import json, os, signal
from pathlib import Path
from tamis import Batch, Column, Dataset, scorer
from tamis.errors import UserError

@scorer()
def noted(batch: Batch, *, log: str) -> Column:
    """Notes who computed which rows."""
    print("a method may print")
    with open(log, "a") as file:
        file.write("".join(f"{os.getpid()} {name}\\n" for name in batch.ids))
    return Column.floats([float(len(t)) for t in batch.texts().to_pylist()])

@scorer()
def killed_once(batch: Batch, *, mark: str, log: str) -> Column:
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return noted(batch, log=log)
    os.kill(os.getpid(), signal.SIGKILL)

@scorer()
def killed_by(batch: Batch, *, row: str, log: str) -> Column:
    if row in batch.ids:
        os.kill(os.getpid(), signal.SIGKILL)
    return noted(batch, log=log)

@scorer()
def refused(batch: Batch) -> Column:
    raise UserError("no such thing as [red]this[/red] \\u05d0")

@scorer()
def broken(batch: Batch) -> Column:
    return Column.floats([1.0 / 0])

@scorer()
def as_in(batch: Batch, target: Dataset) -> Column:
    known = set(target.texts().to_pylist())
    return Column.floats([float(t in known) for t in batch.texts().to_pylist()])

@scorer()
def threads(batch: Batch) -> Column:
    return Column.floats([float(os.environ["OMP_NUM_THREADS"])] * len(batch))
'''


@pytest.fixture
def mine(tmp_path):
    """Writes a method with parameters down: `mine("noted", log=...)`."""
    path = tmp_path / "mine.py"
    path.write_text(METHODS)
    log = tmp_path / "log"

    def reference(method, *names, **params):
        given = params | ({"log": log} if "log" in names else {})
        inside = ",".join(f"{name}={value}" for name, value in given.items())
        return f"{path}:{method}" + (f"({inside})" if inside else "")

    reference.log = lambda: [tuple(line.split()) for line in log.read_text().splitlines()]
    return reference


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(execute, "SHARD", 8)
    monkeypatch.setattr(execute, "SLOW_SHARD", 8)


def a_run(tmp_path, executor, **settings):
    return Run(store=tmp_path / "scores", executor=executor, allow_code=True, **settings)


def same(pool, other):
    assert list(pool.columns) == list(other.columns)
    for one, two in zip(pool.columns.values(), other.columns.values(), strict=True):
        assert one.values.equals(two.values)
        assert one.problem.equals(two.problem)


def ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # one that nobody has asked for its end is there in name only
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_columns_are_those_of_one_process_and_its_parts_count(tmp_path):
    data, asked = dataset(), ["length", "mtld(of=all)", "embedding", "tokens"]
    inline = a_run(tmp_path / "inline", "inline").score(data, asked)
    run = a_run(tmp_path / "both", "inline")
    run.score(data.take(np.arange(8, 16)), asked)
    several = a_run(tmp_path / "both", "processes:2")
    same(several.score(data, asked), inline)
    for entry in several.log:
        folder = several.scores.folder(entry["score"].partition("(")[0], entry["key"])
        shown = several.scores.root.shown
        parts = [pq.read_table(shown(path)) for path in several.scores.parts(folder)]
        assert sum(map(len, parts)) == len(data)  # no row was computed twice
        assert several.scores.spent(folder, data.ids)["seconds"] > 0


def test_a_method_from_a_file_runs_in_as_many_processes_as_were_asked_for(tmp_path, mine, capfd):
    data, told = dataset(), []
    run = a_run(tmp_path, "processes:2", progress=lambda *step: told.append(step))
    pool = run.score(data, [mine("noted", "log"), mine("threads")])
    pids, ids = zip(*mine.log(), strict=True)
    assert len(set(pids)) == 2 and str(os.getpid()) not in pids
    assert sorted(ids) == sorted(data.ids.to_pylist())
    share = max(len(os.sched_getaffinity(0)) // 2, 1)
    assert 1 <= pool.scores(mine("threads"))[0] <= share
    assert capfd.readouterr().out == ""
    counts = [done for name, done, _ in told if "noted" in name]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == len(data)
    del run
    assert all(ended(int(pid)) for pid in set(pids))


def test_one_shard_is_not_worth_a_process(tmp_path, mine):
    a_run(tmp_path, "processes:2").score(dataset().take(np.arange(8)), [mine("noted", "log")])
    assert {pid for pid, _ in mine.log()} == {str(os.getpid())}


def test_workers_stay_for_other_rows_and_other_columns(tmp_path, mine):
    run, data = a_run(tmp_path, "processes:2"), dataset()
    run.score(data.take(np.arange(20)), [mine("noted", "log")])
    run.score(data.take(np.arange(20, 40)), [mine("noted", "log")])
    pids, ids = zip(*mine.log(), strict=True)
    assert len(set(pids)) <= 2
    assert sorted(ids) == sorted(data.ids.to_pylist()[:40])


def test_a_worker_that_is_killed_changes_nothing(tmp_path, mine):
    data = dataset()
    run = a_run(tmp_path, "processes:2")
    pool = run.score(data, [mine("killed_once", "log", mark=tmp_path / "mark")])
    (column,) = pool.columns.values()
    assert column.values.to_pylist() == [float(len(t)) for t in data.texts().to_pylist()]
    assert sorted(name for _, name in mine.log()) == sorted(data.ids.to_pylist())


def test_rows_that_kill_every_worker_are_named_and_the_others_kept(tmp_path, mine):
    data = dataset()
    asked = mine("killed_by", "log", row=data.ids[20].as_py())
    run = a_run(tmp_path, "processes:1")
    with pytest.raises(UserError, match=r"signal 9.* 3 times, at rows 17 to 24 of 42"):
        run.score(data, [asked])
    (step,) = run.plan(data, [asked])
    folder = run.scores.folder(step.spec.name, step.key)
    missing = run.scores.read(folder, data.ids)[1]
    assert np.flatnonzero(~missing).tolist() == list(range(16))
    first = data.take(np.arange(16))
    a_run(tmp_path, "inline").score(first, [asked])
    assert len(mine.log()) == 16  # they were read


def test_what_the_user_must_change_is_told_as_it_was(tmp_path, mine):
    run = a_run(tmp_path, "processes:2")
    with pytest.raises(UserError) as told:
        run.score(dataset(), [mine("refused")])
    assert str(told.value) == "no such thing as [red]this[/red] \u05d0"
    with pytest.raises(UserError, match=r"the method broken failed: ZeroDivisionError.*mine.py"):
        run.score(dataset(), [mine("broken")])
    assert len(run.score(dataset(), ["length"]).columns) == 1  # others have been started


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MissingExtra("a model", "lm"), MissingExtra),
        (Pending("send it"), Pending),
        (ValueError("a score is NaN"), ValueError),
        (KeyError("x"), KeyError),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "no"), RuntimeError),
        (type("Foreign", (Exception,), {})("of a library"), RuntimeError),
        (type("Foreign", (UserError,), {})("of a plugin"), UserError),
    ],
)
def test_an_exception_travels(error, kind):
    def fails():
        raise error

    try:
        fails()
    except Exception as caught:
        said = json.loads(json.dumps(by_name.fault(caught)))
    found = by_name.raised(said)
    assert type(found) is kind
    assert str(error) in str(found)
    if not isinstance(error, UserError):
        assert "fails()" in "".join(found.__notes__) or "in fails" in "".join(found.__notes__)


def test_a_target_set_travels(tmp_path, mine):
    data = dataset()
    target = data.take(np.arange(0, 42, 2))
    inline = a_run(tmp_path / "inline", "inline", target=target).score(data, [mine("as_in")])
    several = a_run(tmp_path / "both", "processes:2", target=target).score(data, [mine("as_in")])
    same(several, inline)
    assert 0 < several.scores(mine("as_in")).sum() < len(data)


def test_an_object_cannot_travel_and_is_used_here(tmp_path):
    data = dataset()
    run = a_run(tmp_path / "both", "processes:2", embedder=FakeEmbedder())
    with pytest.warns(UserWarning, match="embedder was given as an object") as said:
        pool = run.score(data, ["embedding", "embedding(of=response)"])
    assert len(said) == 1
    inline = a_run(tmp_path / "inline", "inline", embedder=FakeEmbedder())
    same(pool, inline.score(data, ["embedding", "embedding(of=response)"]))


def test_what_asks_a_judge_stays_here(tmp_path):
    from tamis.models.fake import FakeJudge

    run = a_run(tmp_path, "processes:2", judge=FakeJudge())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(run.score(dataset(), ["alpagasus"]).columns) == 1


def test_a_method_that_changed_meanwhile_is_not_taken_for_the_other(tmp_path, mine):
    run, data = a_run(tmp_path, "inline"), dataset()
    steps = run.plan(data, [mine("refused")])
    job = execute.Job(steps, data, execute.Inputs(run.resource, None), run.scores)
    said = by_name.told(job, run, by_name.Shares())
    assert by_name.begin(said, run).steps[0].key == steps[0].key
    (tmp_path / "mine.py").write_text(METHODS.replace("no such thing", "nothing"))
    with pytest.raises(UserError, match="changed while the run was at work"):
        by_name.begin(said, run)


def test_a_shard_that_another_run_holds_and_lets_go_is_computed(tmp_path, mine):
    data, asked = dataset(), mine("noted", "log")
    run = a_run(tmp_path, "processes:2")
    (step,) = run.plan(data, [asked])
    folder, claimed = run.scores.folder(step.spec.name, step.key), Event()

    def other():
        with run.scores.claim(folder, data.ids.slice(8, 8), wait=True):
            claimed.set()
            sleep(1.0)

    thread = Thread(target=other)
    thread.start()
    claimed.wait()
    pool = run.score(data, [asked])
    thread.join()
    assert len(mine.log()) == len(data)
    assert not pool.columns[asked].problem.drop_null()


def test_ctrl_c_ends_the_workers_and_sets_their_shards_free(tmp_path, mine):
    data, asked = dataset(), mine("noted", "log")

    def interrupted(step, done, total):
        if done:
            raise KeyboardInterrupt

    run = a_run(tmp_path, "processes:2", progress=interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.score(data, [asked])
    (step,) = run.plan(data, [asked])
    folder = run.scores.folder(step.spec.name, step.key)
    for start in range(0, len(data), 8):
        with run.scores.claim(folder, data.ids.slice(start, 8), wait=False) as held:
            assert held
    assert all(ended(int(pid)) for pid, _ in mine.log())
    kept = ~run.scores.read(folder, data.ids)[1]
    before = len(mine.log())
    a_run(tmp_path, "inline").score(data, [asked])
    assert len(mine.log()) == before + len(data) - kept.sum()


def test_a_language_model_reads_the_same_in_other_processes(tmp_path):
    pytest.importorskip("torch")
    data = dataset([{"instruction": f"Count to {n}.", "output": f"1 to {n}"} for n in range(20)])
    asked, runs = ["ifd", "perplexity(template=alpaca)"], {}
    for executor in ("inline", "processes:1"):
        run = a_run(tmp_path / executor[:3], executor, model="reference", device="cpu")
        runs[executor] = run, run.score(data, asked)
    (inline, one), (several, two) = runs.values()
    for name in asked:
        np.testing.assert_allclose(one.scores(name), two.scores(name), rtol=1e-5)
        assert one.columns[name].problem.equals(two.columns[name].problem)
    assert several.spent()["tokens"] == inline.spent()["tokens"] > 0
    folders = [several.scores.folder(s.spec.name, s.key) for s in several.plan(data, asked)]
    stored = sum(several.scores.spent(folder, data.ids)["tokens"] for folder in folders)
    assert stored == several.spent()["tokens"]
    held = [partial(getattr, one, "forward_tokens", 0) for one in several.loaded.values()]
    assert sum(count() for count in held) == 0  # nothing was read here


BAD = ["process", "processes:0", "processes:x", "processes:", "inline:2", "", "processes(cpus=2)"]
BAD += ["ray:1.5", "ray(cpus=none)", "ray(gpus=-1)", "ray(memory=1e999)", "spark(workers=2)"]


@pytest.mark.parametrize("text", BAD)
def test_an_executor_that_is_none_is_told_at_once(text):
    with pytest.raises(UserError, match="executor"):
        Run(executor=text)


def test_executors_by_name():
    assert parse("inline") == Asked("inline")
    assert parse("processes") == Asked("processes")
    assert parse("processes:12") == parse("processes(workers=12)") == Asked("processes", 12)
    asked = parse("ray(workers=8,cpus=2,gpus=0.5,memory=16e9,address=head:6379)")
    assert asked == Asked("ray", 8, 2, 0.5, 16_000_000_000, "head:6379")
