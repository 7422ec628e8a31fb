"""The command line: one command a verb, built from the verb's signature."""

from __future__ import annotations

import errno
import inspect
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tamis import api
from tamis.cli import (
    answers,
    benchmarking,
    commands,
    competence,
    evaluating,
    flags,
    judges,
    looking,
    proving,
    reporting,
    teaching,
    training,
)
from tamis.errors import UserError, nearest
from tamis.models.asking import Asking
from tamis.proof.design import Proof
from tamis.run.session import Run
from tamis.training.settings import Training
from tamis.training.teaching import Teaching
from tamis.verbs import evaluating as verbs
from tamis.verbs.benchmarking import benchmark

app = typer.Typer(
    name="tamis",
    help="Select the instruction-tuning data that trains a better model.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

OPEN = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Flags that only a method knows pass through to it."""


INTERRUPTED = 130
"""The exit code of a command that was stopped with Ctrl-C, as shells have it."""


def main() -> None:
    """Runs a command; exit code 0: done, 2: something to change, 130: interrupted, 1: our fault."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without UTF-8 shows a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        code = _told(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        code = 0 if error.errno == errno.EPIPE else _told(f"the output: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush
    except Exception as error:
        if not hasattr(error, "format_message"):  # what the parser raises for a wrong flag
            raise
        code = _told(f"{error.format_message()} `--help` lists the flags.")
    if code == INTERRUPTED:
        _told("interrupted; what was scored is kept")
    sys.exit(code if isinstance(code, int) else 0)


def _told(message: str) -> int:
    sys.stderr.write(f"tamis: {message}\n")
    return 2


@app.callback(invoke_without_command=True)
def about(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop")] = False,
) -> None:
    """Select the instruction-tuning data that trains a better model."""
    if version:
        from tamis import __version__

        typer.echo(f"tamis {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _config(context: typer.Context, path: str | None) -> str | None:
    """Takes defaults from a run.toml: a flag wins over the file, the file over the default."""
    if not path:
        return path
    import tomllib

    try:
        found = tomllib.loads(Path(path).read_text("utf-8", "surrogateescape"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} is no run.toml: {error}") from None
    name = {"plan": "prove"}.get(str(context.info_name), str(context.info_name))
    read, verb, run, train = (found.get(part, {}) for part in ("read", name, "run", "train"))
    params = [f"{key}={_text(value)}" for key, value in verb.pop("params", {}).items()]
    if "allow_code" in run:
        raise UserError(f"{path}: a file may not permit code; say --allow-code yourself")
    settings = {"fingerprint": read.pop("fingerprint", None), "version": found.get("tamis")}
    read["fields"] = [f"{key}={_text(value)}" for key, value in read.get("fields", {}).items()]
    merged = {**read, **verb, **run, **train, "files": read.pop("source", None)}
    merged.pop("source", None)
    merged |= {"params": params} if params else {}
    known = {parameter.name for parameter in context.command.params}
    unknown = sorted(set(merged) - known)
    if unknown:
        raise UserError(f"{path}: {nearest(unknown[0], known)} (found {unknown[0]!r})")
    context.default_map = {**(context.default_map or {}), **merged}
    context.obj = settings
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
ASK = flags.flags_of(Asking)
PROVE = [
    *(*flags.flags_of(Proof), *flags.flags_of(api.prove, "data", "proof", "training", "run")),
    *(*flags.flags_of(Training), *READ, *RUN, *ASK),
]
PASSED_ON = "Any other --NAME VALUE is a parameter of the method: `tamis methods NAME` shows them."

_add(commands.demo, *flags.flags_of(api.demo), *RUN)
_add(commands.inspect, flags.FILES, *READ, *RUN)
_add(commands.methods, flags.NAME, *flags.flags_of(api.methods, "name"))
_add(
    competence.competence,
    *(flags.FILES, *flags.flags_of(api.competence, "data", "run"), *READ, *RUN),
)
_add(
    commands.score,
    *(flags.FILES, *flags.flags_of(api.score, "data", "run"), *READ, *RUN, *ASK, flags.DRY_RUN),
    epilog=f"Scorers: {_names('score')}. {PASSED_ON}",
    passes_on=True,
)
_add(
    commands.select,
    *(flags.FILES, *flags.flags_of(api.select, "data", "run"), *READ, *RUN, *ASK),
    *(CONFIG, flags.TRAINING, flags.DRY_RUN),
    epilog=f"Recipes: {_names('recipe')}. Selectors: {_names('select')}. "
    f"A scorer selects its best rows: {_names('score')}. {PASSED_ON}",
    passes_on=True,
)
_add(
    judges.agree,
    *(flags.FILES, *flags.flags_of(api.agree, "data", "run"), *READ, *RUN, *ASK),
    epilog=f"Scorers: {_names('score')}.",
)
_add(
    judges.evolve,
    *(flags.FILES, *flags.flags_of(api.evolve, "data", "run"), *READ, *RUN, *ASK, flags.DRY_RUN),
)
_add(
    commands.measure,
    *(flags.RUNS, *flags.flags_of(api.measure, "data", "rows", "run"), *RUN),
    epilog=f"Measures: {_names('measure')}. {PASSED_ON}",
    passes_on=True,
)
_add(
    reporting.report,
    *(flags.RUNS, *flags.flags_of(api.report, "runs", "run"), reporting.EXPLORE),
    *(flag for flag in RUN if flag.name in looking.OTHERS),
)
_add(
    looking.why,
    *(looking.ROWS, *flags.flags_of(api.why, "folder", "rows", "run")),
    *(flag for flag in RUN if flag.name in looking.OTHERS),
)
_add(looking.diff, looking.PAIR, *flags.flags_of(api.diff, "first", "second", "run"))
_add(proving.prove, flags.FILES, *PROVE, CONFIG)
_add(proving.plan, flags.FILES, *PROVE, CONFIG)
_add(
    training.train,
    *(flags.FILES, *flags.flags_of(api.train, "data", "training", "run"), *training.ELSEWHERE),
    *(*flags.flags_of(Training), *READ, *RUN),
)
_add(
    teaching.teach,
    *(flags.FILES, *flags.flags_of(api.teach, "data", "teaching", "run")),
    *(*flags.flags_of(Teaching), *READ, *RUN, *ASK),
)
_add(
    evaluating.winrate,
    *(*evaluating.JUDGMENTS, *flags.flags_of(api.winrate, "judgments")),
)
_add(
    answers.generate,
    *(flags.FILES, *flags.flags_of(verbs.generate, "data", "run"), *READ, *RUN),
)
_add(
    answers.compare,
    *(flags.FILES, *flags.flags_of(verbs.compare, "ours", "theirs", "run")),
    *(*flags.flags_of(Run, "progress", "judge"), *ASK, flags.DRY_RUN),
)
_add(
    answers.grade,
    *(flags.FILES, *flags.flags_of(verbs.grade, "outputs", "run")),
    *(*flags.flags_of(Run, "progress", "judge"), *ASK, flags.DRY_RUN),
)
_add(
    answers.contamination,
    *(flags.FILES, *flags.flags_of(verbs.contamination, "pool"), *READ),
)
_add(
    benchmarking.benchmark,
    *flags.flags_of(benchmark, "run"),
    *(flag for flag in RUN if flag.name in ("model", "dtype", "device")),
)
_add(commands.export, flags.FILES, *flags.flags_of(api.export, "data"), *READ)
