import numpy as np

from tamis.scorers._problems import carried
from tamis.testing import dataset
from tamis.types import Column, Pool


def test_problems_keep_their_names_and_one_of_both_is_one():
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(4)])
    masks = np.eye(4, dtype=bool)
    nothing = np.full(4, np.nan)
    a = Column.floats(np.where(masks[0] | masks[1], np.nan, 1), too_long=masks[0], gone=masks[1])
    b = Column.floats(np.where(masks[2], np.nan, 1), gone=masks[2])
    found = carried(Pool.of(data, a=a, b=b), ["a", "b"], gone=masks[3], own=masks[0])
    assert Column.floats(nothing, **found).problem.to_pylist() == ["too_long", *["gone"] * 3]
    assert list(found) == ["gone", "too_long", "own"]
