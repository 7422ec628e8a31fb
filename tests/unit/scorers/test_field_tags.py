import pytest

from tamis.scorers.field_tags import field_tags
from tamis.testing import dataset
from tamis.types import Batch


def found(value, **params):
    row = {"instruction": "q", "output": "a", "labels": value}
    column = field_tags(Batch(dataset([row]).table), name="labels", **params)
    return column.values.to_pylist()[0], column.problem.to_pylist()[0]


@pytest.mark.parametrize(
    ("value", "params", "tags"),
    [
        (["b", "a", "b", " c "], {}, ["b", "a", "c"]),
        ([], {}, []),
        ("one, two", {}, ["one, two"]),
        ("one, two", {"separator": ","}, ["one", "two"]),
        ("", {}, []),
    ],
)
def test_tags_of_a_field(value, params, tags):
    assert found(value, **params) == (tags, None)


@pytest.mark.parametrize("value", [3, ["a", 1], {"a": "b"}, [["a"]], True])
def test_what_holds_no_tags_says_so(value):
    assert found(value) == (None, "no_tags_in_field")


def test_a_row_without_the_field_says_so():
    rows = [
        {"instruction": "q", "output": "a"},
        {"instruction": "p", "output": "a", "labels": None},
    ]
    column = field_tags(Batch(dataset(rows).table), name="labels")
    assert column.problem.to_pylist() == ["no_field", "no_field"]
