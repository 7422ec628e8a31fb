from typing import Literal

import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.protocols import Embedder
from tamis.spec import scorer, selector, spec_of
from tamis.types import Batch, Column, ColumnName, Dataset, Pool, Selection


@scorer(prefer="low", unit="points", paper="arXiv:0000.00000", version=3)
def example(
    batch: Batch,
    embedder: Embedder,
    target: Dataset,
    *,
    kind: Literal["a", "b"] = "a",
    k: int = 6,
    by: ColumnName = "length",
    many: tuple[ColumnName, ...] = (),
) -> Column:
    """First line.

    Args:
        k: neighbours
    """
    raise AssertionError("never called here")


def test_the_signature_is_the_schema():
    spec = spec_of(example)
    assert (spec.name, spec.kind, spec.scope, spec.version) == ("example", "score", "row", 3)
    assert spec.needs == ["embedder", "target"]
    assert list(spec.params) == ["kind", "k", "by", "many"]
    assert spec.params["k"].help == "neighbours"
    assert [spec.params[n].is_column for n in ("k", "by", "many")] == [False, True, True]
    assert [spec.params[n].type_name for n in ("kind", "k", "by", "many")] == [
        "a|b",
        "int",
        "column",
        "columns",
    ]


def test_the_decorator_returns_the_same_function():
    def plain(batch: Batch) -> Column:
        """Nothing."""
        return Column.floats([])

    assert scorer()(plain) is plain


def test_parameters_are_checked_converted_and_filled_in():
    assert spec_of(example).resolve({"k": "7", "many": "a,b(c=1,d=2)"}) == {
        "kind": "a",
        "k": 7,
        "by": "length",
        "many": ("a", "b(c=1,d=2)"),
    }


def test_every_fault_is_named_at_once():
    with pytest.raises(UserError) as error:
        spec_of(example).resolve({"kk": 1, "k": "many", "kind": "c"})
    text = str(error.value)
    assert "did you mean 'k'?" in text
    assert "k should be a valid integer" in text
    assert "kind should be 'a' or 'b' (a|b), got 'c'" in text


def test_a_key_names_everything_that_changes_the_number():
    spec = spec_of(example)
    base = spec.key({"k": 1}, {"embedder": "one"})
    assert base == spec.key({"k": 1}, {"embedder": "one"})
    assert base != spec.key({"k": 2}, {"embedder": "one"})
    assert base != spec.key({"k": 1}, {"embedder": "two"})


def test_signatures_that_break_the_rule_are_refused():
    with pytest.raises(TypeError, match="put parameters after"):

        @scorer()
        def wrong(batch: Batch, k: int) -> Column: ...

    with pytest.raises(TypeError, match="hide what a method takes"):

        @scorer()
        def stars(batch: Batch, **rest: int) -> Column: ...

    with pytest.raises(TypeError, match="has no type"):

        @scorer()
        def untyped(batch: Batch, *, k=1) -> Column: ...

    with pytest.raises(TypeError, match=r"must be \(pool: Pool, budget: Budget"):

        @selector()
        def backwards(budget: Budget, pool: Pool) -> Selection: ...


def test_a_plain_function_is_no_method():
    with pytest.raises(UserError, match="put @scorer"):
        spec_of(print)
