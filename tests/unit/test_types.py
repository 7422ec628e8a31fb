import numpy as np
import pyarrow as pa
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.types import Column, Pool, Selection, order_by


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("1000", Budget(count=1000)),
        (1000, Budget(count=1000)),
        ("1_000", Budget(count=1000)),
        ("10k", Budget(count=10_000)),
        ("5%", Budget(fraction=0.05)),
        ("0.5 %", Budget(fraction=0.005)),
        ("0.05", Budget(fraction=0.05)),
        (0.05, Budget(fraction=0.05)),
        ("200000tok", Budget(tokens=200_000)),
        ("1.5Mtok", Budget(tokens=1_500_000)),
        ("200 ktokens", Budget(tokens=200_000)),
    ],
)
def test_budget_is_read_as_people_write_it(text, budget):
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "five", "-5", "0", "0%", "101%", "5%%", "1.5", "5 cats"])
def test_a_budget_that_means_nothing_is_refused(text):
    with pytest.raises(UserError):
        Budget.parse(text)


def test_a_fraction_rounds_down_and_never_to_nothing():
    assert Budget(fraction=0.29).of(100) == Budget(count=29)
    assert Budget(fraction=0.07).of(100) == Budget(count=7)
    with pytest.raises(UserError, match="less than one row"):
        Budget(fraction=0.06).of(10)


def test_a_token_budget_stops_before_the_row_that_does_not_fit(rows):
    pool = Pool(rows().take(np.arange(4)), costs=np.array([5, 6, 100, 1]))
    picks = [(0, 3.0), (1, 2.0), (2, 1.0), (3, 0.5)]
    assert Selection.take(pool, Budget(tokens=11), picks).rows.tolist() == [0, 1]
    # row 3 would still fit: taking it would break nesting
    assert Selection.take(pool, Budget(tokens=20), picks).rows.tolist() == [0, 1]
    assert Selection.take(pool, Budget(tokens=4), picks).rows.tolist() == []


def test_a_nan_without_a_reason_is_an_error():
    with pytest.raises(ValueError, match="no problem says why"):
        Column.floats(np.array([1.0, np.nan]))
    column = Column.floats(np.array([1.0, np.nan]), empty=np.array([False, True]))
    assert column.values.to_pylist() == [1.0, None]
    assert column.problem.to_pylist() == [None, "empty"]


def test_vectors_keep_their_rows_where_one_is_missing(rows):
    column = Column.vectors(np.eye(3), none=np.array([False, True, False]))
    pool = Pool.of(rows().take(np.arange(3)), v=column)
    assert np.isnan(pool.vectors("v")[1]).all()
    assert pool.vectors("v")[2].tolist() == [0, 0, 1]
    assert pool.take(np.array([2, 0])).vectors("v").tolist() == [[0, 0, 1], [1, 0, 0]]


def test_a_series_holds_any_number_of_values_a_row(rows):
    parts = [np.array([1, 2]), np.zeros(0), np.array([7, 8, 9]), np.array([3.5])]
    column = Column.series(parts, cut=np.array([False, False, True, False]))
    assert column.values.to_pylist() == [[1, 2], [], None, [3.5]]
    assert column.problem.to_pylist() == [None, None, "cut", None]
    pool = Pool.of(rows().take(np.arange(4)), s=column)
    for part, flat, starts in (
        (pool, [1, 2, 3.5], [0, 2, 2, 2, 3]),
        (pool.take(np.array([3, 2, 0])), [3.5, 1, 2], [0, 1, 1, 3]),
        (pool.take(np.empty(0, np.int64)), [], [0]),
    ):
        values, begin = part.series("s")
        assert values.tolist() == flat and begin.tolist() == starts
        assert values.dtype == np.float32 and begin.dtype == np.int64


def test_a_slice_of_a_series_begins_at_its_own_first_row(rows):
    column = Column.series([np.array([1.0, 2.0]), np.array([3.0]), np.array([4.0, 5.0])])
    part = Column(column.values.slice(1), column.problem.slice(1))
    values, starts = Pool.of(rows().take(np.arange(2)), s=part).series("s")
    assert values.tolist() == [3, 4, 5] and starts.tolist() == [0, 1, 3]


def test_a_nan_in_a_series_without_a_reason_is_an_error(rows):
    broken = [np.array([1.0, np.nan]), np.array([2.0])]
    with pytest.raises(ValueError, match="no problem says why"):
        Column.series(broken)
    column = Column.series(broken, undefined=np.array([True, False]))
    assert column.values.to_pylist() == [None, [2.0]]
    with pytest.raises(UserError, match="a series is needed"):
        Pool.of(rows().take(np.arange(2)), length=np.array([1.0, 2.0])).series("length")


def test_a_column_of_the_wrong_kind_is_named(rows):
    pool = Pool.of(rows().take(np.arange(2)), length=np.array([1.0, 2.0]))
    with pytest.raises(UserError, match="did you mean 'length'"):
        pool.scores("lenght")
    with pytest.raises(UserError, match="vectors are needed"):
        pool.vectors("length")


def test_ties_break_by_id():
    ids = np.array(["b", "a", "c"])
    assert order_by(np.array([1.0, 1.0, 2.0]), ids).tolist() == [2, 1, 0]


def test_texts_join_the_turns_that_are_asked_for(rows):
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    data = rows(
        [
            {
                "messages": [
                    {"role": "system", "content": "S"},
                    {"role": "user", "content": "U1"},
                    {"role": "assistant", "content": "A1", "tool_calls": [call]},
                    {"role": "tool", "content": "T"},
                    {"role": "assistant", "content": "A2"},
                ]
            },
            {"messages": [{"role": "user", "content": "U"}]},
        ]
    )
    assert data.texts("instruction").to_pylist() == ["S\nU1", "U"]
    first, second = data.texts("response").to_pylist()
    assert first.startswith("A1\n[{") and first.endswith("]\nA2") and '"name"' in first
    assert second == ""
    assert data.texts("all").to_pylist()[1] == "U"
    assert isinstance(data.texts("all"), pa.ChunkedArray)
