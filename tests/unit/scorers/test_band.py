import numpy as np
import pytest

from tamis.budget import Budget, Quota
from tamis.errors import UserError
from tamis.scorers.band import band
from tamis.testing import dataset
from tamis.types import Pool


def pool(scores):
    rows = [{"instruction": f"ask {n}", "output": f"say {n}"} for n in range(len(scores))]
    return Pool.of(dataset(rows), x=np.asarray(scores, float))


def labels(scores, **params):
    return band(pool(scores), of="x", **params).values.to_pylist()


def test_edges_cut_ranges_that_begin_at_them():
    found = labels([-3, 49.9, 50, 199, 200, 1e7], edges=(50.0, 200.0))
    assert found == ["<50", "<50", "50-200", "50-200", ">=200", ">=200"]


def test_numbers_are_written_short_and_in_full():
    assert labels([0, 1], edges=(0.5, 2_500_000.0)) == ["<0.5", "0.5-2500000"]
    assert labels([7], edges=(7.0,)) == [">=7"]


@pytest.mark.parametrize("count", [4, 10, 11, 100])
@pytest.mark.parametrize("parts", [1, 3, 4, 10])
def test_ranges_without_edges_hold_as_many_rows_each(count, parts):
    scores = np.random.default_rng(count).permutation(count) * 0.1
    found = labels(scores, parts=parts)
    below = [sum(other < score for other in scores) for score in scores]
    assert found == [f"q{int(parts * (b + 0.5) / count) + 1}" for b in below]
    sizes = [found.count(f"q{part + 1}") for part in range(parts)]
    assert max(sizes) - min(sizes) <= 1 and sum(sizes) == count


def test_equal_scores_share_a_range():
    assert labels([1, 2, 2, 2, 2, 2, 2, 9]) == ["q1", *["q3"] * 6, "q4"]
    assert labels([5, 5, 5], parts=3) == ["q2"] * 3


def test_a_missing_score_has_no_range_and_shifts_no_other():
    column = band(pool([1, np.nan, 2, 3, 4]), of="x")
    assert column.values.to_pylist() == ["q1", None, "q2", "q3", "q4"]
    assert column.problem.to_pylist() == [None, "missing", None, None, None]
    nothing = band(pool([np.nan, np.nan]), of="x", edges=(1.0,))
    assert nothing.values.to_pylist() == [None, None]


def test_no_rows():
    empty = pool([1]).take(np.empty(0, np.int64))
    assert len(band(empty, of="x")) == 0


def test_its_labels_are_groups_of_a_quota():
    for group in ("<50", "50-200", ">=200"):
        written = Quota.parse(f"band(of=length,edges=[50,200])={group}:1..2")
        assert written.group == group and written.column.startswith("band(")
    assert Budget(count=3).within(["band(of=length)=q1:..1"]).quotas[0].group == "q1"


@pytest.mark.parametrize(
    "params",
    [
        {"edges": (2.0, 1.0)},
        {"edges": (1.0, 1.0)},
        {"edges": (1.0, float("nan"))},
        {"edges": (float("inf"),)},
        {"parts": 0},
    ],
)
def test_bad_parameters(params):
    with pytest.raises(UserError, match=r"edges|parts"):
        labels([1, 2], **params)
