"""What has to be computed: references become steps in order, each with its cache key."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tamis.errors import UserError
from tamis.judging import rubrics
from tamis.notation import Reference, parse
from tamis.registry import find
from tamis.spec import Spec
from tamis.types import Column, Dataset

GIVEN = "given:"
"""What the key of a column begins with that was handed over and not computed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One column to compute: the reference as written, the method and what makes up its key."""

    name: str
    spec: Spec
    params: Mapping[str, Any]
    key: str
    inputs: Mapping[str, str] = field(default_factory=dict)  # ids of what it was computed with


@dataclass(frozen=True, slots=True)
class Setting:
    """What references are resolved against: resources by protocol name, and the target set."""

    resource: Callable[..., Any]  # (protocol's name, model=, dtype=) -> object
    target: Dataset | None = None
    allow_code: bool = False


def plan(
    references: Sequence[str],
    data_fingerprint: str,
    setting: Setting,
    given: Mapping[str, Column] | None = None,
) -> list[Step]:
    """Steps for the references and the columns they name, each once, in the order to run them.

    `given` are columns that are there already. Every fault of every reference is reported at once.
    """
    steps: dict[str, Step] = {}
    faults: list[str] = []
    for reference in references:
        try:
            _add(reference, data_fingerprint, setting, given or {}, steps, ())
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return list(steps.values())


def _add(
    text: str,
    data_fingerprint: str,
    setting: Setting,
    given: Mapping[str, Column],
    steps: dict[str, Step],
    above: tuple[str, ...],
) -> str:
    """Adds a reference after the columns it names; returns its key."""
    reference = parse(text)
    name = str(reference)
    if name in given:
        return f"{GIVEN}{data_fingerprint}/{content(given[name])}"
    if name in steps:
        return steps[name].key
    if name in above:
        raise UserError(f"{name} names itself: {' -> '.join([*above, name])}")
    spec = find(reference.method, kinds=("score",), allow_code=setting.allow_code)
    params = resolve(spec, reference)
    inputs = {
        f"column {column}": _add(column, data_fingerprint, setting, given, steps, (*above, name))
        for column in columns_of(spec, params)
    }
    inputs |= {
        argument: setting.resource(protocol.__name__, **which_model(spec, params)).id
        for argument, protocol in spec.resources.items()
    }
    if spec.asks:  # a parameter holds a rubric's name, and what it says may change
        inputs["rubrics"] = rubrics.words()
    if spec.scope == "table":
        inputs["data"] = data_fingerprint
    for argument in spec.targets:
        if setting.target is None:
            raise UserError(f"{name} compares with a target set: give one with --target FILE")
        inputs[argument] = setting.target.fingerprint
    steps[name] = Step(name, spec, params, spec.key(params, inputs), inputs)
    return steps[name].key


def asks(text: str, allow_code: bool, above: tuple[str, ...] = ()) -> bool:
    """Whether a reference, or a column that it names, asks a judge; nothing is loaded for it."""
    reference = parse(text)
    if str(reference) in above:
        return False  # it names itself, which `plan` tells
    spec = find(reference.method, kinds=("score",), allow_code=allow_code)
    columns = columns_of(spec, resolve(spec, reference))
    inside = (*above, str(reference))
    return spec.asks or any(asks(column, allow_code, inside) for column in columns)


def content(column: Column) -> str:
    """Hash of what a column holds: nothing else names a column that was handed over."""
    digest = hashlib.blake2b(digest_size=12)

    class Hashed(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            digest.update(data)
            return len(data)

    table = pa.table({"value": column.values, "problem": column.problem})
    with pa.ipc.new_stream(pa.PythonFile(Hashed(), "w"), table.schema) as stream:
        stream.write_table(table)
    return digest.hexdigest()


def resolve(spec: Spec, reference: Reference) -> dict[str, Any]:
    """Checked parameters; the references among them in their canonical spelling."""
    params = spec.resolve(reference.params)
    for param in spec.params.values():
        value = params[param.name]
        if param.is_column and param.required and not value:
            raise UserError(f"{spec.name} needs {param.name}: {param.help}")
        if param.is_column and isinstance(value, str) and value:
            params[param.name] = str(parse(value))
        elif param.is_column and isinstance(value, tuple | list):
            params[param.name] = tuple(str(parse(v)) for v in value)
    return params


def which_model(spec: Spec, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that name another language model than the run's."""
    return {name: params[name] for name in spec.which_model if params[name]}


def columns_of(spec: Spec, params: Mapping[str, Any]) -> list[str]:
    """The columns that the parameters name; an empty name means none."""
    named: list[str] = []
    for param in spec.params.values():
        named += param.columns(params[param.name])
    return list(dict.fromkeys(named))
