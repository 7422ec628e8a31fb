"""Columns from a Ray cluster of two nodes are those of one process, whoever dies."""

import os
import signal

import numpy as np
import pytest
from ray_cluster import two_nodes
from test_executor_processes import METHODS, same

from tamis.errors import UserError
from tamis.run import execute
from tamis.run.executors import parse, rows
from tamis.run.executors.ray import Actors, Needs, needed
from tamis.run.session import Run
from tamis.testing import dataset

pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster():
    with two_nodes() as started:
        yield started


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(execute, "SHARD", 8)
    monkeypatch.setattr(execute, "SLOW_SHARD", 8)


@pytest.fixture
def mine(tmp_path):
    path, log = tmp_path / "mine.py", tmp_path / "log"
    path.write_text(METHODS)

    def reference(method, **params):
        inside = ",".join(f"{name}={value}" for name, value in params.items())
        return f"{path}:{method}" + (f"({inside})" if inside else "")

    reference.path = log
    reference.log = lambda: [tuple(line.split()) for line in log.read_text().splitlines()]
    return reference


def a_run(tmp_path, executor="ray", **settings):
    return Run(store=tmp_path / "scores", executor=executor, allow_code=True, **settings)


def left(tmp_path):
    return [path.name for path in tmp_path.glob("scores/rows/*")]


def test_columns_are_those_of_one_process_in_two_others(cluster, tmp_path, mine):
    data, asked = dataset(), ["mtld(of=all)", "embedding", mine("noted", log=mine.path)]
    inline = a_run(tmp_path / "one", "inline").score(data, asked)
    mine.path.unlink()
    run = a_run(tmp_path)
    same(run.score(data, asked), inline)
    pids, ids = zip(*mine.log(), strict=True)
    assert len(set(pids)) == 2 and str(os.getpid()) not in pids
    assert sorted(ids) == sorted(data.ids.to_pylist())
    assert left(tmp_path)  # while the run lasts
    del run
    assert not left(tmp_path)


def test_a_killed_worker_changes_nothing(cluster, tmp_path, mine):
    data = dataset()
    asked = mine("killed_once", mark=tmp_path / "mark", log=mine.path)
    pool = a_run(tmp_path).score(data, [asked])
    (column,) = pool.columns.values()
    assert column.values.to_pylist() == [float(len(t)) for t in data.texts().to_pylist()]
    assert sorted(name for _, name in mine.log()) == sorted(data.ids.to_pylist())


def test_rows_that_kill_every_worker_are_named(cluster, tmp_path, mine):
    data = dataset()
    asked = mine("killed_by", row=data.ids[20].as_py(), log=mine.path)
    with pytest.raises(UserError, match=r"ended \(its worker .*3 times, at rows 17 to 24 of 42"):
        a_run(tmp_path, "ray:1").score(data, [asked])


def test_a_worker_killed_while_it_is_idle_is_replaced(cluster, tmp_path, mine):
    data, run = dataset(), a_run(tmp_path)
    run.score(data.take(np.arange(20)), [mine("noted", log=mine.path)])
    for pid in {int(pid) for pid, _ in mine.log()}:
        os.kill(pid, signal.SIGKILL)
    run.score(data, [mine("noted", log=mine.path)])
    assert sorted(name for _, name in mine.log()) == sorted(data.ids.to_pylist())


def test_a_node_that_is_lost_leaves_its_work_to_the_other(cluster, tmp_path, mine):
    data, gone = dataset(), []

    def loses(step, done, total):
        if done and not gone:
            gone.append(cluster.lose())

    try:
        pool = a_run(tmp_path, progress=loses).score(data, [mine("noted", log=mine.path)])
    finally:
        cluster.add()
    assert gone and not pool.columns.popitem()[1].problem.drop_null()
    assert {name for _, name in mine.log()} == set(data.ids.to_pylist())


def test_what_the_user_must_change_is_told_as_it_was(cluster, tmp_path, mine):
    with pytest.raises(UserError) as told:
        a_run(tmp_path).score(dataset(), [mine("refused")])
    assert str(told.value) == "no such thing as [red]this[/red] \u05d0"


def test_a_model_gets_a_gpu_where_the_cluster_has_some(cluster, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    run, data = a_run(tmp_path, model="reference"), dataset()
    asked = parse("ray(cpus=2,memory=3e9)")

    def needs(name, **have):
        import ray

        monkeypatch.setattr(ray, "cluster_resources", lambda: have)
        job = execute.Job(run.plan(data, [name]), data, execute.Inputs(run.resource, None), None)
        return needed(job, run, asked)

    assert needs("perplexity", CPU=8.0, GPU=4.0) == Needs(2, 1.0, 3e9, "cuda")
    assert needs("perplexity", CPU=8.0) == Needs(2, 0.0, 3e9, "auto")
    assert needs("mtld", CPU=8.0, GPU=4.0) == Needs(2, 0.0, 3e9, "auto")
    rooms = Actors(Needs(2, 1.0, 3e9, "cuda"), 0)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 8.0, "GPU": 3.0, "memory": 9e9})
    rooms.begin({})
    assert rooms.count == 3


def test_rows_that_a_killed_run_left_are_removed_and_those_in_use_are_not(tmp_path):
    run, data = a_run(tmp_path, "inline"), dataset()
    where = run.scores.root
    names, kept = rows.put(where, data.table, data.spool)
    (tmp_path / "scores/rows/old.arrow").write_bytes(b"left")
    assert rows.opened_at(where.address, names, "here")["id"].equals(data.ids)
    other, second = rows.put(where, data.table, data.spool)
    assert "old.arrow" not in left(tmp_path)
    assert {name.partition("/")[2] for name in names + other} <= set(left(tmp_path))
    del kept, second
    assert not left(tmp_path)


def test_a_folder_that_a_machine_does_not_see_is_told():
    with pytest.raises(UserError, match="does not find the rows of the run at /nowhere"):
        rows.opened_at("/nowhere", ["rows/x.arrow"], "here")
