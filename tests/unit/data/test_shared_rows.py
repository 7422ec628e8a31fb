"""Rows that other processes of this machine map: not written twice, and gone with their reader."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest

from tamis.data import spool
from tamis.data.spool import opened, shared
from tamis.testing import dataset

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="opens files by their number")


@LINUX
def test_a_dataset_is_shared_as_it_lies_there(monkeypatch):
    data = dataset()
    monkeypatch.setattr(spool, "_new_file", None)  # nothing is written
    files, keeper = shared(data.table, data.spool)
    assert keeper is data.spool and len(files) == 2
    assert opened(files).equals(data.table)


def test_other_rows_are_written_once_chunk_by_chunk():
    data = dataset()
    some = data.take(np.array([7, 3, 3])).table.append_column("more", [[1, 2, 3]])
    files, _keeper = shared(some, data.spool)
    found = opened(files)
    assert found.equals(some)
    assert found.schema.names == some.schema.names


@LINUX
def test_another_process_reads_them_and_they_have_no_name():
    files, _keeper = shared(dataset().table, None)
    code = "import sys; from tamis.data.spool import opened; print(len(opened(sys.argv[1:])))"
    done = subprocess.run(
        [sys.executable, "-c", code, *files], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == len(dataset())
    assert all(os.readlink(file).endswith("(deleted)") for file in files)


@LINUX
def test_the_files_are_closed_with_the_dataset():
    data = dataset()
    files = list(data.spool.files)
    del data
    gc.collect()
    assert not any(os.path.exists(file) for file in files)


def test_where_files_need_names_they_are_removed_in_the_end(monkeypatch):
    monkeypatch.setattr(spool, "_NAMELESS", False)
    data = dataset()
    assert not data.spool.files
    (file,), keeper = shared(data.table, data.spool)
    assert opened([file]).equals(data.table)
    del keeper
    gc.collect()
    assert not os.path.exists(file)
