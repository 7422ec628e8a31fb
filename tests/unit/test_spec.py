from typing import Literal

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.protocols import Embedder
from tamis.spec import measure, scorer, selector, spec_of
from tamis.types import Batch, Column, ColumnName, Dataset, Ints, Pool, Selection


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


@measure(prefer="low", paper="arXiv:0000.00000", version=2)
def share(pool: Pool, rows: Ints, *, of: ColumnName = "embedding", power: float = 1.0) -> float:
    """Share of the pool."""
    return float((len(rows) / len(pool)) ** power)


def test_a_measure_takes_a_pool_and_the_rows_of_a_subset():
    spec = spec_of(share)
    assert (spec.name, spec.kind, spec.scope) == ("share", "measure", "table")
    assert (spec.prefer, spec.version) == ("low", 2)
    assert list(spec.params) == ["of", "power"] and spec.needs == []
    assert share(range(8), np.arange(2), power=2) == 1 / 16
    with pytest.raises(TypeError, match=r"must be \(pool: Pool, rows: Ints\)"):

        @measure()
        def budgeted(pool: Pool, budget: Budget) -> float: ...

    with pytest.raises(TypeError, match=r"must be \(pool: Pool, rows: Ints\)"):

        @measure()
        def compared(pool: Pool, rows: Ints, target: Dataset) -> float: ...


def test_the_decorator_and_the_verb_are_two_things():
    import tamis

    assert tamis.measure is not measure
    assert tamis.measure.__module__ == "tamis.api"


def test_a_plain_function_is_no_method():
    with pytest.raises(UserError, match="put @scorer"):
        spec_of(print)
