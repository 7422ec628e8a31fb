"""The command line: one command a verb, built from the verb's signature."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tamis import api
from tamis.cli import commands, flags
from tamis.errors import UserError, nearest
from tamis.run.session import Run

app = typer.Typer(
    name="tamis",
    help="Select the instruction-tuning data that trains a better model.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

OPEN = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Flags that only a method knows pass through to it."""


def main() -> None:
    """Runs a command; exit code 0: done, 2: something to change, 130: interrupted, 1: our fault."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        sys.stderr.buffer.write(f"tamis: {error}\n".encode("utf-8", "replace"))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("tamis: interrupted; what was scored is kept\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop")] = False,
) -> None:
    """Select the instruction-tuning data that trains a better model."""
    if version:
        from tamis import __version__

        typer.echo(f"tamis {__version__}")
        raise typer.Exit


def _config(context: typer.Context, path: str | None) -> str | None:
    """Takes defaults from a run.toml: a flag wins over the file, the file over the default."""
    if not path:
        return path
    import tomllib

    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} is no run.toml: {error}") from None
    read, verb, run = (found.get(part, {}) for part in ("read", str(context.info_name), "run"))
    params = [f"{key}={_text(value)}" for key, value in verb.pop("params", {}).items()]
    expected = read.pop("fingerprint", None)
    merged = {**read, **verb, **run, "files": read.pop("source", None), "params": params}
    merged.pop("source", None)
    known = {parameter.name for parameter in context.command.params}
    unknown = sorted(set(merged) - known)
    if unknown:
        raise UserError(f"{path}: {nearest(unknown[0], known)} (found {unknown[0]!r})")
    context.default_map = {**(context.default_map or {}), **merged}
    context.obj = {"fingerprint": expected}
    return path


def _text(value: Any) -> str:
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, list) else str(value)


def _add(
    body: Callable[[dict[str, Any]], None],
    *parameters: inspect.Parameter,
    epilog: str | None = None,
    passes_on: bool = False,
) -> None:
    """Registers a command named after its body."""
    settings = OPEN if passes_on else None
    app.command(body.__name__, epilog=epilog, context_settings=settings)(
        flags.command(body, parameters)
    )


def _names(*kinds: str) -> str:
    return ", ".join(api.method_names(*kinds))


CONFIG = inspect.Parameter(
    "config",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(help="a run.toml to take settings from", callback=_config, is_eager=True),
    ],
)
READ = flags.flags_of(api.read, "source")
RUN = flags.flags_of(Run, "progress")
PASSED_ON = "Any other --NAME VALUE is a parameter of the method: `tamis methods NAME` shows them."

_add(commands.demo, *flags.flags_of(api.demo), *RUN)
_add(commands.inspect, flags.FILES, *READ, *RUN)
_add(commands.methods, flags.NAME, *flags.flags_of(api.methods, "name"))
_add(
    commands.score,
    *(flags.FILES, *flags.flags_of(api.score, "data", "run"), *READ, *RUN, flags.DRY_RUN),
    epilog=f"Scorers: {_names('score')}. {PASSED_ON}",
    passes_on=True,
)
_add(
    commands.select,
    *(flags.FILES, *flags.flags_of(api.select, "data", "run"), *READ, *RUN, CONFIG, flags.DRY_RUN),
    epilog=f"Recipes: {_names('recipe')}. Selectors: {_names('select')}. "
    f"A scorer selects its best rows: {_names('score')}. {PASSED_ON}",
    passes_on=True,
)
_add(commands.export, flags.FILES, *flags.flags_of(api.export, "data"), *READ)
