"""A run folder read again: its source, as it was read then, and the rows that were selected."""

from __future__ import annotations

import inspect
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tamis.errors import UserError, nearest
from tamis.run.folder import MANIFEST, SELECTION
from tamis.run.session import Run
from tamis.types import Dataset, Ints


def selections(folders: Sequence[str | Path], run: Run) -> list[tuple[Dataset, dict[str, Ints]]]:
    """The sources of some runs, each read once, with the rows that each run selected from it."""
    sources: dict[str, dict[str, Any]] = {}
    subsets: dict[str, dict[str, Ints]] = {}
    for folder in folders:
        how = reading(folder)
        key = json.dumps(how, sort_keys=True, default=str)
        sources[key] = how
        subsets.setdefault(key, {})[str(folder)] = picked(folder)
    return [(reopened(how, list(subsets[key]), run), subsets[key]) for key, how in sources.items()]


def picked(folder: str | Path) -> Ints:
    """The rows that a run selected, in pick order, as positions in its source."""
    path = Path(folder).expanduser() / SELECTION
    try:
        rank = pq.read_table(path, columns=["rank"])["rank"]
    except (OSError, ValueError, KeyError):
        raise _no_run(folder) from None
    rows = np.flatnonzero(np.asarray(rank.is_valid()))
    return rows[np.argsort(rank.drop_null().to_numpy())].astype(np.int64)


def reading(folder: str | Path) -> dict[str, Any]:
    """How a run's source was read: `source`, `fingerprint` and the arguments of `read`."""
    found = dict(written(folder)[1]["read"])
    if any(name.startswith("<") for name in found["source"]):
        raise UserError(
            f"{folder} was selected from {found['source'][0]}, which cannot be read again: in "
            "Python, tamis.measure(data, rows) takes the data itself"
        )
    return found


def written(folder: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the settings of a run that ended."""
    path = Path(folder).expanduser()
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        config = tomllib.loads((path / "run.toml").read_text("utf-8", "surrogateescape"))
        list(config["read"]["source"])
    except (OSError, ValueError, KeyError, TypeError):
        raise _no_run(folder) from None
    if manifest.get("unfinished"):
        raise UserError(f"{folder} holds a run that did not end: select again")
    return manifest, config


def _no_run(folder: str | Path) -> UserError:
    return UserError(f"{folder} is no run folder: name one that `tamis select` wrote")


def reopened(how: dict[str, Any], folders: Sequence[str], run: Run) -> Dataset:
    """The source of these runs, read as it was read; raises UserError where it has changed."""
    from tamis.data.read import read

    folder, how = ", ".join(folders), dict(how)
    source, fingerprint = how.pop("source"), how.pop("fingerprint", None)
    known = inspect.signature(read).parameters
    unknown = sorted(set(how) - set(known))
    if unknown:
        raise UserError(
            f"run.toml of {folder}: {nearest(unknown[0], known)} (found {unknown[0]!r})"
        )
    try:
        data = read(source[0] if len(source) == 1 else source, **how, progress=run.progress)
    except UserError as error:
        raise UserError(
            f"the source of {folder} cannot be read again: {error}; a relative path counts from "
            "where the command runs: go to the folder in which it was selected"
        ) from error
    if data.fingerprint != fingerprint:
        raise UserError(
            f"{', '.join(source)} changed since {folder} was selected from it: select again"
        )
    return data
