"""The contract that every scorer, selector, measure and recipe keeps, for authors of their own.

    import pytest
    from tamis.testing import checks

    @pytest.mark.parametrize("check", checks("./mine.py:my_scorer", allow_code=True), ids=str)
    def test_contract(check):
        check()

Each check raises AssertionError with a sentence that says what was expected.
"""

from __future__ import annotations

import inspect
import pickle
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.hard_rows import hard_rows
from tamis.models.fake import (
    FakeEmbedder,
    FakeJudge,
    FakeLikelihood,
    FakeReward,
    FakeTokenizer,
    FakeYesNo,
)
from tamis.notation import Reference, parse
from tamis.registry import find
from tamis.run.execute import Inputs, call
from tamis.run.fake import FakeTrainer
from tamis.run.plan import Step, columns_of, resolve
from tamis.run.session import Run
from tamis.spec import Param, Spec, spec_of
from tamis.types import Batch, Column, Dataset, Ints, Pool, Selection


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of one method; call it to try."""

    name: str
    spec: Spec
    test: Callable[[Spec], None]

    def __call__(self) -> None:
        self.test(self.spec)

    def __str__(self) -> str:
        return f"{self.spec.name}-{self.name}"


def checks(method: str, *, allow_code: bool = False) -> list[Check]:
    """Every check for a method: `name`, `name(parameter=value)` or `./file.py:function`."""
    reference = parse(method)
    spec = find(reference.method, allow_code=allow_code)
    settings = spec.resolve({**arguments(spec), **reference.params})
    params = {
        name: replace(param, default=settings[name]) if name in reference.params else param
        for name, param in spec.params.items()
    }
    spec = replace(spec, params=params)
    own = {"score": SCORER, "select": SELECTOR, "measure": MEASURE, "recipe": RECIPE}[spec.kind]
    if spec.kind == "score" and spec.scope == "row":
        own = [*own, *ROW_SCORER]
    return [Check(test.__name__.removeprefix("_"), spec, test) for test in [*EVERY, *own]]


def dataset(rows: list[dict[str, Any]] | None = None) -> Dataset:
    """A dataset from records in memory; the hard rows unless others are given."""
    from tamis.data.read import read

    return read(hard_rows() if rows is None else rows)


def arguments(spec: Spec) -> dict[str, Any]:
    """Something valid for every parameter that has no default."""
    return {p.name: _anything(p) for p in spec.params.values() if p.required}


def _anything(param: Param) -> Any:
    if param.is_column:
        return "length"
    given = getattr(param.type, "__args__", None)
    if given and not isinstance(given[0], type):
        return given[0]
    return {int: 1, float: 0.5, bool: False}.get(param.type, "x")


def a_run(store: str, *, embedder_id: str = "fake") -> Run:
    """A run on stand-ins, with the hard rows as target set."""
    run = Run(
        store=store,
        embedder=FakeEmbedder(id=embedder_id),
        tokenizer=FakeTokenizer(),
        model=FakeLikelihood(),
        judge=FakeJudge(),
        reward=FakeReward(),
        yes_no=FakeYesNo(),
        languages="words",  # the same whatever is installed
        segmenter="clusters",
        competence="off",  # stand-ins read nothing
        target=dataset(),
    )
    run.trainer = FakeTrainer(run)
    return run


def _params(spec: Spec) -> dict[str, Any]:
    return resolve(spec, Reference(spec.name, arguments(spec)))


def _pool(spec: Spec, data: Dataset) -> Pool:
    """The rows with every column the method names by default."""
    with tempfile.TemporaryDirectory() as store:
        return a_run(store).score(data, columns_of(spec, _params(spec)))


def _score(spec: Spec, rows: Batch | Pool, **other: Any) -> Column:
    run = a_run("unused")
    step = Step(spec.name, spec, {**_params(spec), **other}, "")
    return call(step, rows, Inputs(run.resource, run.target))


def _rows(spec: Spec, data: Dataset) -> Batch | Pool:
    return Batch(data.table) if spec.scope == "row" else _pool(spec, data)


def _by_id(data: Dataset, column: Column) -> dict[str, Any]:
    values = zip(column.values.to_pylist(), column.problem.to_pylist(), strict=True)
    return dict(zip(data.ids.to_pylist(), values, strict=True))


def _same(one: Mapping[str, Any], two: Mapping[str, Any]) -> None:
    assert one.keys() == two.keys()
    for key, (value, problem) in one.items():
        other, why = two[key]
        assert problem == why, f"row {key}: {problem!r} and then {why!r}"
        if isinstance(value, float | list) and value and not isinstance(value, str):
            if isinstance(value, float) or isinstance(value[0], float):
                np.testing.assert_allclose(value, other, rtol=1e-5, atol=1e-6)
                continue
        assert value == other, f"row {key}: {value!r} and then {other!r}"


# What holds for every method.


def _is_documented(spec: Spec) -> None:
    assert spec.summary, (
        "the function needs a docstring; its first line is what `tamis methods` shows"
    )
    assert len(spec.summary) <= 120, "the first line of the docstring is longer than 120 characters"
    assert spec.card, "the module needs a docstring: the method's card"
    silent = [p.name for p in spec.params.values() if not p.help]
    assert not silent, f"no words on {', '.join(silent)} in the Args section"


def _pickles_by_reference(spec: Spec) -> None:
    if not spec.code:  # a module loaded from a path is found again by its path
        assert pickle.loads(pickle.dumps(spec.function)) is spec.function


def _names_an_unknown_parameter(spec: Spec) -> None:
    try:
        spec.resolve({**arguments(spec), "no_such_parameter": 1})
    except UserError as error:
        assert "no_such_parameter" in str(error)
    else:
        raise AssertionError("an unknown parameter was accepted")


def _names_a_mistyped_parameter(spec: Spec) -> None:
    for param in spec.params.values():
        if param.type in (int, float, bool):
            try:
                spec.resolve({**arguments(spec), param.name: "not a number"})
            except UserError as error:
                assert param.name in str(error)
            else:
                raise AssertionError(f"{param.name}='not a number' was accepted")


def _keys_differ(spec: Spec) -> None:
    params = _params(spec)
    keys = {spec.key(params, {"embedder": "one"}), spec.key(params, {"embedder": "two"})}
    keys |= {
        spec.key({**params, name: "another value"}, {"embedder": "one"})
        for name in spec.own(params)
    }
    assert len(keys) == 2 + len(spec.own(params)), "two settings share a cache key"


# What holds for scorers.


def _scores_every_row(spec: Spec) -> None:
    data = dataset()
    column = _score(spec, _rows(spec, data))
    assert len(column) == len(data)
    kind = column.values.type
    allowed = (
        kind == pa.float64()
        or kind == pa.string()
        or kind == pa.list_(pa.string())
        or (pa.types.is_fixed_size_list(kind) and kind.value_type == pa.float32())
        or kind == pa.large_list(pa.float32())
    )
    assert allowed, f"a column holds float64, float32 vectors or series, strings or tags: {kind}"


def _explains_every_missing_value(spec: Spec) -> None:
    column = _score(spec, _rows(spec, dataset()))
    there, explained = column.values.is_valid().to_pylist(), column.problem.to_pylist()
    for row, (value, problem) in enumerate(zip(there, explained, strict=True)):
        assert value == (problem is None), f"row {row}: a value or a problem, one of the two"
    if column.values.type == pa.float64():
        assert np.isfinite(column.values.drop_null().to_numpy()).all(), "a score is not finite"


def _scores_the_same_twice(spec: Spec) -> None:
    data = dataset()
    first, second = (_score(spec, _rows(spec, data)) for _ in range(2))
    _same(_by_id(data, first), _by_id(data, second))


def _does_not_see_the_order(spec: Spec) -> None:
    data = dataset()
    turned = data.take(np.arange(len(data))[::-1].copy())
    first = _by_id(data, _score(spec, _rows(spec, data)))
    _same(first, _by_id(turned, _score(spec, _rows(spec, turned))))


def _scores_no_rows(spec: Spec) -> None:
    nothing = dataset().take(np.empty(0, np.int64))
    assert len(_score(spec, _rows(spec, nothing))) == 0


def _does_not_see_the_batch(spec: Spec) -> None:
    data = dataset()
    parts = [
        data.take(np.arange(start, min(start + 7, len(data)))) for start in range(0, len(data), 7)
    ]
    found: dict[str, Any] = {}
    for part in parts:
        found |= _by_id(part, _score(spec, Batch(part.table)))
    _same(_by_id(data, _score(spec, Batch(data.table))), found)


# What holds for selectors and recipes.


def _select(spec: Spec, data: Dataset, budget: Budget) -> Selection:
    with tempfile.TemporaryDirectory() as store:
        run = a_run(store)
        if spec.kind == "recipe":
            picked: Selection = spec.function(run, data, budget.of(len(data)), **_params(spec))
            return picked
        run.allow_code = bool(spec.code)
        path = f"{inspect.getsourcefile(spec.function)}:" if spec.code else ""
        usual = spec_of(spec.function).params
        given = {n: p.default for n, p in spec.params.items() if p.default != usual[n].default}
        reference = Reference(path + spec.name, {**arguments(spec), **given})
        return run.select(data, str(reference), budget)


def _picked_ids(data: Dataset, rows: Ints) -> list[str]:
    return [str(i) for i in data.ids.take(pa.array(rows)).to_pylist()]


def _keeps_a_budget_of_rows(spec: Spec) -> None:
    data = dataset()
    for count in (1, 5, len(data), 10 * len(data)):
        rows = _select(spec, data, Budget(count=count)).rows
        assert len(rows) <= count, f"{len(rows)} rows for a budget of {count}"
        assert len(set(rows.tolist())) == len(rows), "a row was picked twice"
        assert ((rows >= 0) & (rows < len(data))).all(), "a row that is not there was picked"


def _keeps_a_budget_of_tokens(spec: Spec) -> None:
    data = dataset()
    tokens = FakeTokenizer().count_tokens(data.texts("all").to_pylist())
    for limit in (100, 2000):
        rows = _select(spec, data, Budget(tokens=limit)).rows
        assert tokens[rows].sum() <= limit, "more tokens than the budget"


def _nests(spec: Spec) -> None:
    data = dataset()
    small, large = (_select(spec, data, Budget(count=c)).rows.tolist() for c in (5, 15))
    assert large[: len(small)] == small, "a smaller selection is not the start of a larger one"


def _gives_each_pick_a_gain(spec: Spec) -> None:
    picked = _select(spec, dataset(), Budget(count=8))
    assert len(picked.gains) == len(picked.rows)
    assert np.isfinite(picked.gains).all(), "a gain is not a number"


def _picks_whatever_the_order(spec: Spec) -> None:
    data = dataset()
    turned = data.take(np.random.default_rng(0).permutation(len(data)))
    one, two = (
        _picked_ids(given, _select(spec, given, Budget(count=8)).rows) for given in (data, turned)
    )
    assert one == two, "another order of the same rows gave another selection"


# What holds for measures.


def _measured(spec: Spec, data: Dataset, ids: Sequence[str]) -> float:
    """The measure of the rows with these ids."""
    place = {name: row for row, name in enumerate(data.ids.to_pylist())}
    rows = np.array([place[name] for name in ids], np.int64)
    found = spec.function(_pool(spec, data), rows, **_params(spec))
    assert isinstance(found, float), f"a measure is a float, not {type(found).__name__}"
    assert np.isfinite(found), f"{found} for {len(ids)} rows: what cannot be measured is an error"
    return found


def _ids(data: Dataset, count: int) -> list[str]:
    """So many ids, the same ones for any order of the rows."""
    names = sorted(data.ids.to_pylist())
    return [names[at] for at in np.random.default_rng(count).choice(len(names), count, False)]


def _measures_any_subset(spec: Spec) -> None:
    data = dataset()
    for count in (5, 15, len(data)):
        _measured(spec, data, _ids(data, count))


def _measures_one_row(spec: Spec) -> None:
    data = dataset()
    try:
        _measured(spec, data, _ids(data, 1))
    except UserError as error:
        assert str(error), "an error that does not say why"


def _refuses_no_rows(spec: Spec) -> None:
    try:
        _measured(spec, dataset(), [])
    except UserError:
        return
    raise AssertionError("a subset without rows was measured")


def _measures_whatever_the_order(spec: Spec) -> None:
    data = dataset()
    ids = _ids(data, 12)
    turned = data.take(np.random.default_rng(0).permutation(len(data)))
    first = _measured(spec, data, ids)
    for other, names in ((data, ids[::-1]), (turned, ids), (data, ids)):
        np.testing.assert_allclose(_measured(spec, other, names), first, rtol=1e-6, atol=1e-9)


EVERY: list[Callable[[Spec], None]] = [
    _is_documented,
    _pickles_by_reference,
    _names_an_unknown_parameter,
    _names_a_mistyped_parameter,
    _keys_differ,
]
SCORER: list[Callable[[Spec], None]] = [
    _scores_every_row,
    _explains_every_missing_value,
    _scores_the_same_twice,
    _does_not_see_the_order,
    _scores_no_rows,
]
ROW_SCORER: list[Callable[[Spec], None]] = [_does_not_see_the_batch]
SELECTOR: list[Callable[[Spec], None]] = [
    _keeps_a_budget_of_rows,
    _keeps_a_budget_of_tokens,
    _nests,
    _gives_each_pick_a_gain,
    _picks_whatever_the_order,
]
MEASURE: list[Callable[[Spec], None]] = [
    _measures_any_subset,
    _measures_one_row,
    _refuses_no_rows,
    _measures_whatever_the_order,
]
RECIPE = SELECTOR
