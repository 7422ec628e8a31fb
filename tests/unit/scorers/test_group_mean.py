import numpy as np

from tamis.scorers.group_mean import group_mean
from tamis.testing import dataset
from tamis.types import Column, Pool


def found(scores, labels, **params):
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(len(scores))])
    why = np.array([score is None for score in scores])
    column = Column.floats(np.array(scores, float), empty_answer=why)
    return group_mean(Pool.of(data, x=column, task=labels), of="x", by="task", **params)


def test_a_row_has_the_mean_of_its_group():
    assert found([1, 2, 6, 4], ["a", "b", "a", "b"]).values.to_pylist() == [3.5, 3, 3.5, 3]


def test_a_row_without_a_score_has_none_for_its_own_reason():
    column = found([1, None, 3], ["a", "a", "b"])
    assert column.values.to_pylist() == [1, None, 3]
    assert column.problem.to_pylist() == [None, "empty_answer", None]


def test_rows_without_a_score_have_their_groups_by_name():
    assert found([1, None, 3], ["a", "a", "b"], fill=True).values.to_pylist() == [1, 1, 3]


def test_what_has_no_group_or_no_score_in_it_is_null():
    column = found([1, 2, None], ["a", None, "b"], fill=True)
    assert column.values.to_pylist() == [1, None, None]
    assert column.problem.to_pylist() == [None, "no_label", "no_score"]
