"""Builds a command from the verbs' own signatures: a flag is a keyword, its help the docstring."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import typer

from tamis.errors import UserError
from tamis.notation import argument_help, split_list


def _parameter(name: str, default: Any, kind: Any, *about: Any) -> inspect.Parameter:
    annotation = Annotated[kind, *about]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


FILES = _parameter(
    "files",
    None,
    list[str] | None,
    typer.Argument(help="Files, `-` for standard input, or a Hub dataset name"),
)
NAME = _parameter(
    "name", None, str | None, typer.Argument(help="A method: shows its card and its parameters")
)
RUNS = _parameter(
    "runs", None, list[str] | None, typer.Argument(help="Folders that `tamis select` wrote")
)
DRY_RUN = _parameter(
    "dry_run", False, bool, typer.Option("--dry-run", help="Show what would be computed, and stop")
)
TRAINING = _parameter(
    "training",
    None,
    list[str] | None,
    typer.Option(help="how methods that train do so, name=value as `tamis train` has them"),
)
AS_JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs")]


def flag(name: str, kind: Any, default: Any, text: str) -> inspect.Parameter:
    """One option of a command, from a parameter of a verb."""
    shown, value = _shown(kind, default)
    required = default is inspect.Parameter.empty
    said = [f"--{name.replace('_', '-')}"] if kind is bool else []  # no --no-strict
    option = typer.Option(*said, help=text, show_default=not required and bool(value))
    return _parameter(name, ... if required else value, shown, option)


def _shown(kind: Any, default: Any) -> tuple[Any, Any]:
    """The type a flag has on the command line, and its default there."""
    origin = typing.get_origin(kind)
    if kind in (bool, int, float, int | None, float | None) or origin is Literal:
        return kind, default
    if origin in (Mapping, Sequence) or _within(kind, Mapping) or _within(kind, Sequence):
        return (list[str] | None), None
    optional = default is None
    return (str | None if optional else str), default if optional else str(default)


def _within(kind: Any, wanted: Any) -> bool:
    return any(typing.get_origin(part) is wanted for part in typing.get_args(kind))


def flags_of(verb: Callable[..., Any], *leave_out: str) -> list[inspect.Parameter]:
    """The flags of a verb, or of a dataclass: the parameters that its docstring explains."""
    helps = argument_help(verb)
    return [
        flag(p.name, kind, p.default, helps[p.name])
        for p, kind in _parameters(verb)
        if p.name not in leave_out
    ]


def _parameters(verb: Callable[..., Any]) -> list[tuple[inspect.Parameter, Any]]:
    """Explained parameters with their types; types that load on demand are never looked at."""
    helps = argument_help(verb)
    given = [p for p in inspect.signature(verb).parameters.values() if p.name in helps]
    plain = SimpleNamespace(__annotations__={p.name: p.annotation for p in given})
    later = dict.fromkeys(("Run", "Dataset", "Training", "Teaching"), Any)
    names = {**vars(sys.modules[verb.__module__]), **later}
    hints = typing.get_type_hints(plain, names, include_extras=True)
    return [(p, hints[p.name]) for p in given]


def values_of(verb: Callable[..., Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments for a verb, out of all flags of a command."""
    found: dict[str, Any] = {}
    for parameter, kind in _parameters(verb):
        value = flags.get(parameter.name)
        if value is None:
            continue
        if isinstance(value, list) and _is_mapping(kind):
            value = pairs(value)
        elif isinstance(value, list):
            value = [part for text in value for part in split_list(text)]
        found[parameter.name] = value
    return found


def _is_mapping(kind: Any) -> bool:
    return typing.get_origin(kind) is Mapping or _within(kind, Mapping)


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """`key=value` texts as a mapping."""
    found = {}
    for text in [part for given in texts for part in split_list(given)]:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"{text!r} should be name=value")
        found[key.strip()] = value.strip()
    return found


def split_files(given: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Files, and the flags of the method among them: `--threshold 0.7` or `--threshold=0.7`.

    Only the method knows its parameters, so the parser leaves them where they stand.
    """
    files: list[str] = []
    params: dict[str, str] = {}
    left = list(given)
    while left:
        text = left.pop(0)
        if not text.startswith("--") or text == "--":
            files += [text] if text != "--" else []
            continue
        name, equals, value = text[2:].partition("=")
        if not equals:
            if not left or left[0].startswith("--"):
                raise UserError(f"{text} has no value: write {text} VALUE; --help lists the flags")
            value = left.pop(0)
        params[name.replace("-", "_")] = value
    return files, params


def command(
    body: Callable[[dict[str, Any]], None], flags: Sequence[inspect.Parameter]
) -> Callable[..., Any]:
    """A function that typer turns into a command with these flags and `--json`."""

    def run(**given: Any) -> None:
        context = given.pop("context")
        body({**given, "settings": context.obj or {}})

    kind = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("context", kind, annotation=typer.Context)
    as_json = inspect.Parameter("json", kind, default=False, annotation=AS_JSON)
    shown = [context, *flags, as_json]
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in shown}
    run.__doc__ = body.__doc__
    return run
