"""@scorer, @selector, @measure and @recipe: a function's signature is its schema.

Before `*` are inputs: the first one decides the scope (Batch: a row at a time; Pool: all rows),
a further Dataset is a target set (for a selector a further Pool is one with the columns that its
parameters name), an input annotated with a protocol is injected. After `*` are parameters: config
keys, command-line flags, documentation and cache key at once. A decorator attaches a `Spec` and
returns the same function.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeVar

from tamis.budget import Budget
from tamis.errors import UserError, nearest
from tamis.notation import argument_help, split_list
from tamis.types import Batch, ColumnName, Dataset, Ints, Pool

Function = TypeVar("Function", bound=Callable[..., Any])
Kind = Literal["score", "select", "measure", "recipe"]
Precision = Literal["", "auto", "float32", "bfloat16", "float16", "int8"]
Family = Literal["indicators", "trainable-llm", "powerful-llm", "small-model", "baseline", "beyond"]
Prefer = Literal["high", "low", "none"]


LANGUAGE_MODEL = ("Likelihood", "Generator", "Gradients")
"""The protocols behind which a run's one language model stands."""

GRADERS = ("Reward", "YesNo")
"""Those of small models that a run has besides it."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Stands in the type of a parameter whose checked value names columns without being one.

    `columns` finds them, in their canonical spelling.
    """

    columns: Callable[[Any], list[str]]


@dataclass(frozen=True, slots=True)
class Param:
    """A keyword-only parameter of a method."""

    name: str
    type: Any
    default: Any  # inspect.Parameter.empty where one must be given
    help: str

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def is_column(self) -> bool:
        return self.type == ColumnName or ColumnName in typing.get_args(self.type)

    def columns(self, value: Any) -> list[str]:
        """The columns that its value names; an empty name means none."""
        for naming in getattr(self.type, "__metadata__", ()):
            if isinstance(naming, Naming):
                return naming.columns(value)
        if not self.is_column or not value:
            return []
        return [value] if isinstance(value, str) else list(value)

    @property
    def type_name(self) -> str:
        if self.is_column:
            return "column" if self.type == ColumnName else "columns"
        kind = self.type
        if typing.get_origin(kind) is Annotated:  # a type and how its value is checked
            kind = typing.get_args(kind)[0]
        if typing.get_origin(kind) is Literal:
            return "|".join(map(str, typing.get_args(kind)))
        return getattr(kind, "__name__", None) or str(kind).replace("typing.", "")


WHICH_MODEL = {
    "model": Param("model", str, "", "another language model than the run's, for this score alone"),
    "dtype": Param(
        "dtype", Precision, "", "another precision than the run's, for this score alone"
    ),
}
"""What every scorer that reads a language model can be told besides its own parameters: scores by
several models stand beside each other, as perplexity and perplexity(model=./tuned)."""

WHICH_JUDGE = {
    "judge": Param("judge", str, "", "another judge than the run's, for this score alone"),
}
"""The same for scorers that ask a judge: alpagasus and alpagasus(judge=NAME@URL)."""

WHICH_GRADER = {
    "model": Param("model", str, "", "another model than the run's, for this score alone"),
}
"""The same for scorers that ask a reward model or one that says yes or no: reward(model=./mine)."""


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything tamis knows of a method, read from its signature."""

    name: str
    kind: Kind
    family: Family
    version: int
    prefer: Prefer
    unit: str
    paper: str
    scope: Literal["row", "table"]
    resources: Mapping[str, type]  # argument -> protocol
    targets: Mapping[str, type]  # arguments that are target sets: Dataset, or Pool with columns
    params: Mapping[str, Param]
    function: Callable[..., Any] = field(repr=False)
    code: str = ""  # hash of the file, for methods that do not come with a package version
    stored: bool = True  # False where values depend on more than ids name: the file, its fields

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.function) or "").split("\n")[0]

    @property
    def card(self) -> str:
        """The module's text: formula, settings of the paper, deviations, oracle."""
        return inspect.getdoc(sys.modules[self.function.__module__]) or ""

    @property
    def needs(self) -> list[str]:
        """What has to be there: resources and target sets, by name."""
        return [kind.__name__.lower() for kind in self.resources.values()] + list(self.targets)

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters with defaults filled in and types checked; one message names every fault."""
        faults = [
            f"{self.name} has no parameter {name!r}; {nearest(name, self.params)}"
            if self.params
            else f"{self.name} takes no parameters, {name!r} was given"
            for name in given
            if name not in self.params
        ]
        values: dict[str, Any] = {}
        for param in self.params.values():
            try:
                values[param.name] = _value(self.name, param, given)
            except UserError as error:
                faults.append(str(error))
        if faults:
            raise UserError("\n".join(faults))
        return values

    @property
    def reads_model(self) -> bool:
        """Whether a language model is among its inputs."""
        return any(kind.__name__ in LANGUAGE_MODEL for kind in self.resources.values())

    @property
    def grades(self) -> bool:
        """Whether a small model that grades texts is among its inputs."""
        return any(kind.__name__ in GRADERS for kind in self.resources.values())

    @property
    def asks(self) -> bool:
        """Whether a judge is among its inputs."""
        return any(kind.__name__ == "Judge" for kind in self.resources.values())

    def own(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that the function itself takes: which model it reads is none of them."""
        return {n: v for n, v in params.items() if n not in self.which_model}

    @property
    def which_model(self) -> Mapping[str, Param]:
        """The parameters that name the model or the judge of this score."""
        if self.kind != "score":
            return {}
        named = WHICH_MODEL if self.reads_model else WHICH_GRADER if self.grades else {}
        return {**named, **(WHICH_JUDGE if self.asks else {})}

    def key(self, params: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
        """Cache key: everything that changes the number.

        `inputs` holds the ids of resources, the keys of columns and, for table scope or a target
        set, the fingerprints of datasets.
        """
        parts = [self.kind, self.name, self.version, self.code, self.own(params), inputs]
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _value(method: str, param: Param, given: Mapping[str, Any]) -> Any:
    """The checked value of one parameter; text from a flag or a file is converted to its type."""
    if param.name not in given:
        if param.required:
            raise UserError(f"{method} needs {param.name} ({param.type_name}): {param.help}")
        return param.default
    from pydantic import TypeAdapter, ValidationError

    value = given[param.name]
    if typing.get_origin(param.type) is tuple and isinstance(value, str):
        value = split_list(value)
    try:
        return TypeAdapter(param.type).validate_python(value)
    except ValidationError as error:
        wrong = error.errors()[0]["msg"].removeprefix("Input should be ").lower()
        raise UserError(
            f"{method}: {param.name} should be {wrong} ({param.type_name}), got {value!r}"
        ) from None


def scorer(
    *,
    family: Family = "indicators",
    prefer: Prefer = "none",
    unit: str = "",
    paper: str = "",
    version: int = 1,
    stored: bool = True,
) -> Callable[[Function], Function]:
    """Marks `f(batch | pool, ..., *, parameters) -> Column` as a scorer.

    One that looks at anything but the turns and tools of rows, such as another field of theirs, is
    not `stored`: two files may have the same conversations and differ in it.
    """

    def mark(function: Function) -> Function:
        said = {"prefer": prefer, "unit": unit, "paper": paper, "stored": stored}
        return _attach(function, "score", family, version, **said)

    return mark


def selector(
    *, family: Family = "beyond", paper: str = "", version: int = 1
) -> Callable[[Function], Function]:
    """Marks `f(pool, budget, ..., *, parameters) -> Selection` as a selector."""

    def mark(function: Function) -> Function:
        return _attach(function, "select", family, version, paper=paper)

    return mark


def measure(
    *, family: Family = "beyond", prefer: Prefer = "none", paper: str = "", version: int = 1
) -> Callable[[Function], Function]:
    """Marks `f(pool, rows, *, parameters) -> float` as a measure of the subset `rows` of a pool.

    `rows` are positions in the pool; what cannot be measured raises UserError. Import it from
    here: `tamis.measure` is the verb that takes measures.
    """

    def mark(function: Function) -> Function:
        return _attach(function, "measure", family, version, prefer=prefer, paper=paper)

    return mark


def recipe(*, family: Family, paper: str = "", version: int = 1) -> Callable[[Function], Function]:
    """Marks `f(run, data, budget, ..., *, parameters) -> Selection`: a paper made of verbs."""

    def mark(function: Function) -> Function:
        return _attach(function, "recipe", family, version, paper=paper)

    return mark


def spec_of(function: Callable[..., Any]) -> Spec:
    """The Spec of a decorated function; raises UserError for any other."""
    found = getattr(function, "__tamis__", None)
    if not isinstance(found, Spec):
        name = getattr(function, "__name__", function)
        raise UserError(
            f"{name} is no method: put @scorer, @selector, @measure or @recipe above it"
        )
    return found


def _attach(function: Function, kind: Kind, family: Family, version: int, **said: Any) -> Function:
    inputs, params = _signature(function)
    names = list(inputs)
    skip = _check_inputs(function, kind, inputs)
    spec = Spec(
        name=function.__name__,
        kind=kind,
        family=family,
        version=version,
        prefer=said.get("prefer", "none"),
        unit=said.get("unit", ""),
        paper=said["paper"],
        scope="row" if inputs[names[0]] is Batch else "table",
        resources={n: inputs[n] for n in names[skip:] if _is_protocol(inputs[n])},
        targets={n: inputs[n] for n in names[skip:] if inputs[n] in (Dataset, Pool)},
        params=params,
        function=function,
        stored=said.get("stored", True),
    )
    clash = sorted(set(params) & set(spec.which_model))
    if clash:
        raise TypeError(
            f"{function.__name__}: {clash[0]} is taken by what names the language model"
        )
    spec = replace(spec, params={**params, **spec.which_model})
    function.__tamis__ = spec  # type: ignore[attr-defined]
    return function


def _check_inputs(function: Callable[..., Any], kind: Kind, inputs: Mapping[str, Any]) -> int:
    """How many inputs the kind fixes; raises where the signature does not fit it."""
    kinds = list(inputs.values())
    if kind == "score" and kinds and kinds[0] in (Batch, Pool):
        skip = 1
    elif kind == "select" and kinds[:2] == [Pool, Budget]:
        skip = 2
    elif kind == "measure" and kinds == [Pool, Ints]:
        skip = 2
    elif kind == "recipe" and kinds[1:3] == [Dataset, Budget]:
        skip = 3
    else:
        wanted = {
            "score": "(batch: Batch, ...) or (pool: Pool, ...)",
            "select": "(pool: Pool, budget: Budget, ...)",
            "measure": "(pool: Pool, rows: Ints)",
            "recipe": "(run: Run, data: Dataset, budget: Budget, ...)",
        }[kind]
        raise TypeError(f"{function.__name__}: the inputs before * must be {wanted}")
    targets = (Dataset, Pool) if kind == "select" else (Dataset,)
    for name, given in list(inputs.items())[skip:]:
        if given not in targets and not _is_protocol(given):
            raise TypeError(
                f"{function.__name__}: input {name!r} is neither a Dataset nor a protocol; "
                "put parameters after *"
            )
    return skip


def _is_protocol(given: Any) -> bool:
    return bool(getattr(given, "_is_protocol", False))


def _signature(function: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, Param]]:
    """Inputs (name -> annotation) and parameters; `*args` and `**kwargs` are refused."""
    hints = typing.get_type_hints(function, include_extras=True)
    helps = argument_help(function)
    inputs: dict[str, Any] = {}
    params: dict[str, Param] = {}
    for name, given in inspect.signature(function).parameters.items():
        if given.kind in (given.VAR_POSITIONAL, given.VAR_KEYWORD):
            raise TypeError(f"{function.__name__}: *args and **kwargs hide what a method takes")
        if name not in hints:
            raise TypeError(f"{function.__name__}: {name!r} has no type")
        if given.kind is given.KEYWORD_ONLY:
            params[name] = Param(name, hints[name], given.default, helps.get(name, ""))
        else:
            inputs[name] = hints[name]
    return inputs, params
