import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.run.folder import write_selection
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
    assert table.column_names == [*own, "score", "label", "tags"]
    assert table["rank"].to_pylist() == [1, None, 0]
    assert table["why"].to_pylist() == ["selected", "late", "selected"]
    assert table["tags"].type == pa.list_(pa.string())
