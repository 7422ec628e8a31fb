import multiprocessing
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis import parts
from tamis.errors import UserError
from tamis.run import execute
from tamis.run.session import Run
from tamis.store import Store
from tamis.testing import dataset
from tamis.types import Column


def ids(*names):
    return pa.chunked_array([list(names)], pa.string())


def floats(*values):
    data = np.array([np.nan if v is None else v for v in values], float)
    return Column.floats(data, missing=np.isnan(data))


@pytest.fixture
def store(tmp_path):
    return Store.at(tmp_path)


def test_what_was_appended_is_read_in_the_order_asked_for(store):
    folder = store.folder("m", "k")
    store.append(folder, ids("a", "b"), floats(1, None))
    store.append(folder, ids("c"), floats(3))
    column, missing = store.read(folder, ids("c", "x", "b", "a"))
    assert missing.tolist() == [False, True, False, False]
    assert column.values.to_pylist() == [3, None, None, 1]
    assert column.problem.to_pylist() == [None, None, "missing", None]


@pytest.mark.parametrize(
    "column",
    [
        Column.vectors(np.arange(6).reshape(3, 2), none=np.array([False, True, False])),
        Column.strings(["a", None, "c"], none=np.array([False, True, False])),
        Column.tags([["a", "b"], [], ["c"]], none=np.array([False, True, False])),
        Column.series([[1.5, 2.5], [], [3.5]], none=np.array([False, True, False])),
        Column.series([[1.5, 2.5], [], [3.5]]),
    ],
)
def test_every_kind_of_column_comes_back_as_it_was(store, column):
    folder = store.folder("m", "k")
    store.append(folder, ids("a", "b", "c"), column)
    back, missing = store.read(folder, ids("a", "b", "c"))
    assert not missing.any()
    assert back.values.equals(column.values)
    assert back.problem.equals(column.problem)


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store.at(tmp_path / "file")
    with pytest.raises(UserError, match="--store"):
        store.append(store.folder("m", "k"), ids("a"), floats(1))


def test_a_claim_is_refused_while_another_process_holds_it(store):
    folder = store.folder("m", "k")
    shard = ids("a", "b")
    with store.claim(folder, shard, wait=False) as held:
        assert held
        code = (
            "import sys; import pyarrow as pa\n"
            "from tamis.store import Store\n"
            "shard = pa.chunked_array([['a', 'b']])\n"
            "with Store.at(sys.argv[1]).claim('m/k', shard, wait=False) as held: print(held)"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, store.root.address],
            capture_output=True,
            text=True,
            check=True,
        )
        assert other.stdout.strip() == "False"
    with store.claim(folder, shard, wait=False) as held:
        assert held


SLOW = """
import time
from tamis import Batch, Column, scorer

@scorer()
def slow(batch: Batch, *, log: str) -> Column:
    with open(log, "a") as file:
        file.write("".join(i + "\\n" for i in batch.ids))
    time.sleep(0.15)
    return Column.floats([float(len(t)) for t in batch.texts().to_pylist()])
"""


def score_slowly(store, code, log, start=None):
    """Scores 40 rows in 10 shards and writes the id of each row that it computes to `log`."""
    if start:
        start.wait()
    data = dataset().take(np.arange(40))
    run = Run(store=store, allow_code=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "SHARD", 4)
        return run.score(data, [f"{code}:slow(log={log})"])


@pytest.fixture
def slow(tmp_path):
    (tmp_path / "mine.py").write_text(SLOW)
    return str(tmp_path / "store"), str(tmp_path / "mine.py"), str(tmp_path / "log")


def expected():
    return [float(len(t)) for t in dataset().take(np.arange(40)).texts().to_pylist()]


def computed(log):
    return open(log).read().split()


def test_killed_at_any_moment_nothing_committed_is_lost_or_computed_again(slow):
    store, _, log = slow
    context = multiprocessing.get_context("spawn")
    for wait in (0.2, 0.5, 0.9):
        child = context.Process(target=score_slowly, args=slow)
        child.start()
        deadline = time.monotonic() + 60
        while not os.path.exists(log) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    before = computed(log)
    folder = next(Path(store).rglob("header.json")).parent
    committed = set()
    for path in folder.glob("part-*.parquet"):
        committed |= set(pq.read_table(path)["id"].to_pylist())
    assert 0 < len(committed) < 40, "the kill came too early or too late to show anything"
    pool = score_slowly(*slow)
    again = computed(log)[len(before) :]
    assert not committed & set(again)
    assert len(committed) + len(again) == 40
    assert next(iter(pool.columns.values())).values.to_pylist() == expected()


def test_two_writers_at_once_share_the_work(slow):
    _, _, log = slow
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    children = [context.Process(target=score_slowly, args=(*slow, start)) for _ in range(2)]
    for child in children:
        child.start()
    time.sleep(1)
    start.set()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    assert len(computed(log)) == len(set(computed(log))) == 40, "a row was computed twice"
    pool = score_slowly(*slow)
    assert len(computed(log)) == 40
    assert next(iter(pool.columns.values())).values.to_pylist() == expected()


def test_what_a_column_took_is_told_for_the_rows_that_are_asked_for(store):
    folder = store.folder("m", "k")
    store.append(folder, ids("a", "b"), floats(1, 2), {"seconds": 4.0, "tokens": 10})
    store.append(folder, ids("c"), floats(3), {"seconds": 1.0})
    store.append(folder, ids("d"), floats(3))
    assert store.spent(folder, ids("a", "c", "d")) == {"seconds": 3.0, "tokens": 5.0}
    assert store.spent(store.folder("m", "other"), ids("a")) == {}


def test_a_run_leaves_what_its_columns_took_in_the_store(tmp_path):
    run, data = Run(store=tmp_path), dataset([{"instruction": "q", "output": "a"}])
    run.score(data, ["length"])
    (entry,) = run.log
    spent = run.scores.spent(run.scores.folder("length", entry["key"]), data.ids)
    assert spent["seconds"] > 0
    assert spent["tokens"] == spent["money"] == 0


@pytest.fixture
def looked(store, monkeypatch):
    """Ten parts of ten rows each, and which columns are read of which of them."""
    for at in range(10):
        names, values = ids(*(f"{at}{n}" for n in range(10))), floats(*range(10 * at, 10 * at + 10))
        store.append("m/k", names, values, name=f"part-{at}.parquet")
    found = []

    def read(place, name, columns, real=parts.read):
        found.append((int(name[-9]), *columns))
        return real(place, name, columns)

    monkeypatch.setattr(parts, "read", read)
    return found


def test_what_is_missing_is_known_without_a_value(store, looked):
    assert store.missing("m/k", ids("55", "x", "01")).tolist() == [False, True, False]
    assert looked == [(at, "id") for at in range(10)]


def test_only_parts_that_are_needed_are_read(store, looked, monkeypatch):
    monkeypatch.setattr("tamis.store.IDS", 20)  # two parts at a time
    column, missing = store.read("m/k", ids("35", "07", "31"))
    assert column.values.to_pylist() == [35, 7, 31] and not missing.any()
    assert [at for at, *columns in looked if columns == ["id"]] == [0, 1, 2, 3]
    assert sorted(at for at, *columns in looked if "value" in columns) == [0, 3]


@pytest.mark.parametrize("together", [1, 25, 1000])
def test_parts_are_looked_at_in_any_number_and_the_first_wins(store, monkeypatch, together):
    monkeypatch.setattr("tamis.store.IDS", together)
    order = np.random.default_rng(0)
    known, names = {}, [str(n) for n in range(60)]
    for at in range(20):
        some = order.choice(names, 7, replace=False).tolist()
        values = order.normal(size=(7, 3)).astype(np.float32)
        none = order.random(7) < 0.2
        column = Column.vectors(values, none=none)
        store.append("m/k", ids(*some), column, name=f"part-{at:02}.parquet")
        for name, value in zip(some, column.values.to_pylist(), strict=True):
            known.setdefault(name, value)
    wanted = order.permutation([*names, "x", names[3], names[3]]).tolist()
    column, missing = store.read("m/k", pa.chunked_array([wanted[:30], wanted[30:]]))
    assert column.values.to_pylist() == [known.get(name) for name in wanted]
    assert missing.tolist() == [name not in known for name in wanted]


def test_vectors_are_held_once(store):
    """What is asked for, and a part besides: not the column, nor twice what is asked for."""
    names = [[f"{at} {n}" for n in range(1000)] for at in range(16)]
    for part in names:
        store.append("m/k", ids(*part), Column.vectors(np.ones((1000, 512), np.float32)))
    part = 1000 * 512 * 4
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    peak = [0]

    def noted(*given, real=parts.read):
        table = real(*given)
        peak.append(pa.total_allocated_bytes() - before + tracemalloc.get_traced_memory()[0])
        return table

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "read", noted)
        column, _ = store.read("m/k", ids(*names[2], *names[9]))
    tracemalloc.stop()
    assert len(column) == 2000
    assert 2 * part < max(peak) < 5.5 * part
