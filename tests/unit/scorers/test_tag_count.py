import numpy as np

from tamis.scorers.tag_count import tag_count
from tamis.testing import dataset
from tamis.types import Column, Pool


def pool(column):
    data = dataset([{"instruction": f"{n}", "output": "x"} for n in range(len(column))])
    return Pool.of(data, tags=column)


def test_distinct_tags_are_counted():
    found = tag_count(pool([["a", "b", "a"], [], ["c"]]), of="tags")
    assert found.values.to_pylist() == [2, 0, 1]


def test_a_row_without_tags_keeps_its_reason():
    given = Column.tags([["a"], []], refused=np.array([False, True]))
    found = tag_count(pool(given), of="tags")
    assert found.values.to_pylist() == [1, None]
    assert found.problem.to_pylist() == [None, "refused"]


def test_a_label_is_one_tag():
    assert tag_count(pool(["x", "y"]), of="tags").values.to_pylist() == [1, 1]
