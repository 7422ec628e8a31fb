"""What goes wrong with files: a clear message, nothing lost, and no wrong value ever read."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import UserError
from tamis.run import execute
from tamis.run.session import Run
from tamis.store import Store
from tamis.testing import dataset
from tamis.types import Column

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
NAMES = pa.chunked_array([[f"row {at}" for at in range(20)]])
DRAWN = np.random.default_rng(0).normal(size=(20, 8))
COLUMNS = {
    "floats": Column.floats(DRAWN[:, 0], odd=np.arange(20) % 7 == 0),
    "vectors": Column.vectors(DRAWN, odd=np.arange(20) % 7 == 0),
    "tags": Column.tags([[str(at), "צ"] for at in range(20)]),
}


def a_part(folder, column):
    store = Store.at(folder)
    return Path(
        store.root.shown(store.append("m/k", NAMES, column, {"seconds": 1.0}, "part-x.parquet"))
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a part of each kind, and a folder to put them."""
    folder = tmp_path_factory.mktemp("faults")
    found = {name: a_part(folder / name, one).read_bytes() for name, one in COLUMNS.items()}
    return folder, found


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(COLUMNS)), st.floats(0, 1, exclude_max=True), st.integers(-1, 7))
def test_a_part_that_is_cut_or_changed_anywhere_gives_no_wrong_value(whole, kind, where, bit):
    folder, found = whole
    raw = bytearray(found[kind])
    at = int(where * len(raw))
    if bit < 0:
        del raw[at:]
    else:
        raw[at] ^= 1 << bit
    (folder / kind / "m/k/part-x.parquet").write_bytes(raw)
    store = Store.at(folder / kind)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        column, missing = store.read("m/k", NAMES)
        store.read("m/k", NAMES)
        assert store.missing("m/k", NAMES).tolist() == missing.tolist()
    if missing.any():
        assert column is None and missing.all()
        assert len(told) == 1 and "part-x.parquet is damaged" in str(told[0].message)
    else:
        assert bit >= 0
        assert column.values.equals(COLUMNS[kind].values)
        assert column.problem.equals(COLUMNS[kind].problem)


def change(path, which=1, back=1):
    """Changes a byte near the end of a column's last page: of the values, unless told otherwise."""
    told, raw = (
        pq.ParquetFile(path).metadata.row_group(0).column(which),
        bytearray(path.read_bytes()),
    )
    start = told.dictionary_page_offset or told.data_page_offset
    raw[start + told.total_compressed_size - back] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_changed_byte_of_any_page_is_seen(tmp_path, which):
    names = pa.chunked_array([[f"{at:024x}" for at in range(2000)]])
    column = Column.floats(np.random.default_rng(0).normal(size=2000), odd=np.arange(2000) % 2 == 1)
    store = Store.at(tmp_path)
    path = Path(store.root.shown(store.append("m/k", names, column)))
    raw = path.read_bytes()
    for back in (1, 6):
        change(path, which, back)
        with pytest.warns(UserWarning, match="damaged"):
            _, missing = Store.at(tmp_path).read("m/k", names)
        assert missing.all()
        path.write_bytes(raw)
    assert not Store.at(tmp_path).read("m/k", names)[1].any()


def test_a_part_of_another_column_or_of_somebody_else_is_none_of_this(tmp_path):
    store = Store.at(tmp_path)
    other = Path(store.root.shown(store.append("m/other", NAMES, COLUMNS["floats"])))
    folder = tmp_path / "m" / "k"
    folder.mkdir()
    shutil.copy(other, folder / "part-0.parquet")
    pq.write_table(pa.table({"id": NAMES, "value": DRAWN[:, 0]}), folder / "part-1.parquet")
    numbers = pa.table(
        {"id": range(20), "value": DRAWN[:, 0], "problem": pa.nulls(20, pa.string())}
    )
    pq.write_table(numbers, folder / "part-2.parquet")
    (folder / "part-3.parquet").write_text("<script>")
    (folder / "part-4.parquet").touch()
    store.append("m/k", NAMES, COLUMNS["vectors"], name="part-5.parquet")
    store.append("m/k", NAMES, COLUMNS["floats"], name="part-6.parquet")
    with pytest.warns(UserWarning, match="damaged") as told:
        column, missing = store.read("m/k", NAMES)
    assert not missing.any() and column.values.equals(COLUMNS["vectors"].values)
    found = {re.search(r"part-(\d)", str(one.message))[1] for one in told}
    assert found == {"0", "1", "2", "3", "4"}


def test_a_part_by_a_version_that_did_not_say_what_it_holds_is_read(tmp_path):
    (tmp_path / "m/k").mkdir(parents=True)
    table = pa.table(
        {"id": NAMES, "value": COLUMNS["vectors"].values, "problem": COLUMNS["vectors"].problem}
    )
    pq.write_table(table, tmp_path / "m/k/part-0.parquet", compression="zstd")
    column, missing = Store.at(tmp_path).read("m/k", NAMES)
    assert not missing.any() and column.values.equals(COLUMNS["vectors"].values)


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """A dataset, its lengths in six parts, and where they are."""
    monkeypatch.setattr(execute, "SHARD", 8)
    data, run = dataset(), Run(store=tmp_path)
    column = run.score(data, ["length"]).columns["length"]
    parts = sorted(tmp_path.glob("length/*/part-*.parquet"))
    assert len(parts) == 6
    return data, column, parts


@pytest.mark.parametrize(
    "harm",
    [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-9]), change],
    ids=["deleted", "cut", "a value"],
)
@pytest.mark.parametrize("executor", ["inline", "processes:2"])
def test_a_run_computes_what_was_harmed_and_says_so_once(tmp_path, scored, harm, executor):
    data, column, parts = scored
    lost = pq.read_metadata(parts[2]).num_rows
    harm(parts[2])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run = Run(store=tmp_path, executor=executor)
        again = run.score(data, ["length"]).columns["length"]
    assert again.values.equals(column.values) and again.problem.equals(column.problem)
    assert [parts[2].name in str(one.message) for one in told] == [True] * (harm != Path.unlink)
    (new,) = set(tmp_path.glob("length/*/part-*.parquet")) - set(parts)
    assert pq.read_metadata(new).num_rows == lost  # nothing else was computed


def test_what_cannot_be_found_again_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "append", lambda *_: "m/k/none")
    with pytest.raises(UserError, match=r"are not found again in .*length.* --store"):
        Run(store=tmp_path).score(dataset(), ["length"])


def test_nothing_depends_on_clocks(tmp_path, scored, monkeypatch):
    data, column, parts = scored
    for at, path in enumerate(parts):
        os.utime(path, (0, 0) if at % 2 else (4e9, 4e9))
    monkeypatch.setattr(time, "time", iter(range(10**9, 0, -1000)).__next__)
    again = Run(store=tmp_path).score(data, ["length", "tokens"])
    assert again.columns["length"].values.equals(column.values)
    assert sorted(tmp_path.glob("length/*/part-*.parquet")) == parts
    parts[0].unlink()
    again = Run(store=tmp_path).score(data, ["length"])
    assert again.columns["length"].values.equals(column.values)


@pytest.mark.parametrize("later", [0, 1])
def test_of_two_parts_with_one_row_the_first_by_name_is_read(tmp_path, later):
    store, one = Store.at(tmp_path), pa.chunked_array([["a", "b"]])
    for name, value in (("part-1.parquet", 1.0), ("part-0.parquet", 0.0)):
        store.append("m/k", one, Column.floats([value, value]), name=name)
    os.utime(tmp_path / "m/k" / f"part-{later}.parquet", (4e9, 4e9))
    assert store.read("m/k", one.slice(1))[0].values.to_pylist() == [0.0]


SCORE = """
import json, resource, subprocess, sys, warnings
from pathlib import Path
from tamis.errors import UserError
from tamis.run import execute
from tamis.run.session import Run
from tamis.testing import dataset
execute.SHARD = 8
data = dataset()

def score(folder):
    run = Run(store=folder)
    try:
        found = run.score(data, ["length"]).columns["length"].values
    except UserError as error:
        return str(error)
    return found.to_pylist()

def parts(folder):
    found = Path(folder).rglob("*")
    return sorted(str(path) for path in found if path.suffix in (".tmp", ".parquet"))
"""


def ran(code, *command, **settings):
    """What code printed, as JSON, in a process of its own."""
    return subprocess.run(
        [*command, sys.executable, "-c", SCORE + code],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        **settings,
    )


def test_a_disk_that_is_full_is_told_and_what_fits_is_kept(tmp_path):
    """A small disk in memory, which is gone with the process that mounted it."""
    (tmp_path / "full").mkdir()
    own = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*own, "mount", "-t", "tmpfs", "x", tmp_path / "full"], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    code = """
def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "x", "full"], check=True)
mount("size=16k")
said, fit = score("full"), parts("full")
mount_again = ["mount", "-o", "remount,size=9m", "full"]
subprocess.run(mount_again, check=True)
values, all = score("full"), parts("full")
subprocess.run(["mount", "-o", "remount,ro", "full"], check=True)
read = score("full")
print(json.dumps([said, fit, all, values == read == score("other")]))
try:
    Run(store="full").score(data, ["tokens"])
except UserError as error:
    print(json.dumps(str(error)))
"""
    found = ran(code, *own, cwd=tmp_path)
    assert not found.returncode, found.stderr
    (said, fit, whole, same), refused = map(json.loads, found.stdout.splitlines())
    assert re.search(r"written to \S*full/length/\w+: No space left on device; .*--store", said)
    assert 0 < len(fit) < 6 and not [name for name in fit if name.endswith(".tmp")]
    assert set(fit) < set(whole) and len(whole) == 6  # what was there was not computed again
    assert same
    assert re.search(r"full/tokens/\w+: Read-only file system; .*--store", refused)


def test_a_file_that_may_not_grow_is_told(tmp_path):
    code = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
said = score("scores")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps([said, parts("scores"), score("scores") == score("other")]))
"""
    found = ran(code, cwd=tmp_path)
    assert not found.returncode, found.stderr
    said, left, same = json.loads(found.stdout)
    assert re.search(r"scores/length/\w+: File too large; .*--store", said)
    assert left == [] and same


@pytest.fixture
def anyones():
    """A folder that any user can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_read_or_written_is_told_and_never_taken_for_empty(anyones):
    part, *_ = _scored(anyones / "scores")
    (anyones / "scores").chmod(0o555)
    code = """
import os
score("own")
run = Run(store="own")
run.score(data, ["tokens"])
if os.geteuid() == 0:
    os.setuid(65534)  # root may do anything
read = score("scores") == score("own")
try:
    Run(store="scores").score(data, ["tokens"])
except UserError as error:
    print(json.dumps([read, str(error), score("closed")]))
"""
    shutil.copytree(anyones / "scores", anyones / "closed")
    closed = anyones / "closed" / part.relative_to(anyones / "scores")
    closed.chmod(0)
    found = ran(code, cwd=anyones)
    (anyones / "scores").chmod(0o755)
    assert not found.returncode, found.stderr
    read, written, unread = json.loads(found.stdout)
    assert read  # what is complete there is read
    assert re.search(r"written to \S*scores/tokens/\w+: Permission denied; .*--store", written)
    assert re.search(r"read from \S*part-\w+.parquet: .*Permission denied; .*--store", unread)


def _scored(folder):
    Run(store=folder).score(dataset(), ["length"])
    return list(folder.glob("length/*/part-*.parquet"))
