import numpy as np

from tamis.scorers.group_mean import group_mean
from tamis.testing import dataset
from tamis.types import Pool


def found(scores, labels):
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(len(scores))])
    return group_mean(Pool.of(data, x=np.array(scores, float), task=labels), of="x", by="task")


def test_a_row_has_the_mean_of_its_group():
    assert found([1, 2, 6, 4], ["a", "b", "a", "b"]).values.to_pylist() == [3.5, 3, 3.5, 3]


def test_rows_without_a_score_have_their_groups():
    assert found([1, np.nan, 3], ["a", "a", "b"]).values.to_pylist() == [1, 1, 3]


def test_what_has_no_group_or_no_score_in_it_is_null():
    column = found([1, 2, np.nan], ["a", None, "b"])
    assert column.values.to_pylist() == [1, None, None]
    assert column.problem.to_pylist() == [None, "no_label", "no_score"]
