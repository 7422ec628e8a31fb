import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.threshold import threshold

RATIOS = np.array([0.2, 0.9, 1.0, 1.1, np.nan])


@pytest.mark.parametrize(
    ("closed", "wanted"), [("both", [1.0, 0.9]), ("left", [0.9, 0.2]), ("none", [0.9, 0.2])]
)
def test_cherry_keeps_exactly_one_and_superfiltering_does_not(closed, wanted):
    rows = pool(5, ifd=RATIOS)
    chosen = threshold(rows, Budget(count=2), by="ifd", at_most=1.0, closed=closed)
    assert RATIOS[chosen.rows].tolist() == wanted == chosen.gains.tolist()


def test_all_in_range_and_no_more_are_taken():
    rows = pool(5, ifd=RATIOS)
    chosen = threshold(rows, Budget(count=5), by="ifd", at_most=1.0, first="low")
    assert chosen.rows.tolist() == [0, 1, 2]
    assert chosen.info["in_range"] == 3
    assert chosen.dropped["no value in ifd"].tolist() == [4]


@pytest.mark.parametrize(
    ("closed", "wanted"), [("both", 3), ("left", 2), ("right", 2), ("none", 1)]
)
def test_each_bound_is_strict_or_not(closed, wanted):
    rows = pool(3, s=np.array([1.0, 2.0, 3.0]))
    chosen = threshold(rows, Budget(count=3), by="s", at_least=1, at_most=3, closed=closed)
    assert len(chosen) == wanted


@pytest.mark.parametrize(
    ("closed", "gone"),
    [
        ("both", {"s below 2": [2], "s above 3.5": [1]}),
        ("none", {"s not above 2": [0, 2], "s not below 3.5": [1, 4]}),
    ],
)
def test_rows_beyond_a_bound_are_dropped_by_its_name(closed, gone):
    rows = pool(5, s=np.array([2.0, 9.0, 1.0, 3.0, 3.5]))
    chosen = threshold(rows, Budget(count=5), by="s", at_least=2, at_most=3.5, closed=closed)
    assert {why: found.tolist() for why, found in chosen.dropped.items()} == gone
    assert chosen.info["in_range"] == len(chosen) == 5 - sum(map(len, gone.values()))


def test_bounds_that_say_nothing_are_refused():
    rows = pool(3, s=np.zeros(3))
    with pytest.raises(UserError, match="needs a bound"):
        threshold(rows, Budget(count=1), by="s")
    with pytest.raises(UserError, match="swap"):
        threshold(rows, Budget(count=1), by="s", at_least=2, at_most=1)
