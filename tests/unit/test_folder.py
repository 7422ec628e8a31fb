import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import tamis
from tamis.run.folder import write_selection
from tamis.run.reopen import written
from tamis.types import Column, Pool, Selection


def test_vectors_and_series_stay_in_the_store(tmp_path, rows):
    data = rows().take(np.arange(3))
    pool = Pool.of(
        data,
        score=np.array([1.0, np.nan, 3.0]),
        label=["a", "b", None],
        tags=[["x"], [], ["y", "z"]],
        vector=np.eye(3, dtype=np.float32),
        series=Column.series([np.array([1.0, 2.0]), np.zeros(0), np.array([3.0])]),
    )
    picked = Selection(np.array([2, 0]), np.array([0.5, 0.25]), dropped={"late": np.array([1])})
    table = pq.read_table(write_selection(tmp_path, pool, picked))
    own = ["id", "source", "row", "rank", "gain", "why"]
    names = ["score", "score problem", "label", "label problem", "tags"]
    assert table.column_names == [*own, *names]
    assert table["score problem"].to_pylist() == [None, "missing", None]
    assert table["rank"].to_pylist() == [1, None, 0]
    assert table["why"].to_pylist() == ["selected", "late", "selected"]
    assert table["tags"].type == pa.list_(pa.string())


def test_a_file_whose_name_is_no_utf8_can_be_selected_from_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"rows\xff.jsonl")
    rows = [{"instruction": f"Name {i} rivers.", "output": "Loire " * (i + 1)} for i in range(9)]
    with open(name, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    tamis.select(name, method="length", budget=3, out="one", run=tamis.Run(store=tmp_path / "s"))
    manifest, config = written("one")
    assert config["read"]["source"] == [name] and manifest["selected"] == 3


def test_a_column_that_is_named_like_one_of_the_folder_stands_beside_it(tmp_path, rows):
    pool = Pool.of(rows(), source=["a.json"] * len(rows()))
    table = pq.read_table(write_selection(tmp_path, pool, Selection(np.array([0]), np.ones(1))))
    assert table["source"].to_pylist() == [0] * len(pool)
    assert set(table["source, label"].to_pylist()) == {"a.json"}
