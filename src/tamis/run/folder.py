"""The run folder: what `select` leaves behind, enough to understand it and to run it again."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.data.write import made_folder
from tamis.errors import UserError
from tamis.types import Dataset, Pool, Selection, is_series

MANIFEST = "manifest.json"
SELECTION = "selection.parquet"
PROBLEM = " problem"
"""How the name of the column ends that says why a row has no value in another."""


def open_folder(out: str | Path) -> Path:
    """Makes the folder; refuses one that holds anything but an earlier run."""
    folder = Path(out).expanduser()
    if folder.is_file():
        raise UserError(f"{folder} is a file: name a folder with --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise UserError(f"{folder} is not empty and holds no earlier run: name another with --out")
    return made_folder(folder)


def clear_folder(folder: Path) -> None:
    """Removes what an earlier run wrote here; until this one ends the manifest says so."""
    path = folder / MANIFEST
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    replace_file(path, json.dumps({"unfinished": True, "files": earlier.get("files", [])}).encode())
    for name in earlier.get("files", []):
        if name != MANIFEST and Path(name).name == name:
            (folder / name).unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> Path:
    """Writes a file whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
    return path


def write_selection(folder: Path, pool: Pool, selection: Selection) -> Path:
    """`selection.parquet`: every row read, its rank and gain if picked, why, and every score.

    Where a score is missing in some rows, a column beside it says why.
    """
    rows = len(pool)
    rank = np.full(rows, -1, np.int64)
    rank[selection.rows] = np.arange(len(selection))
    gain = np.full(rows, np.nan)
    gain[selection.rows] = selection.gains
    missed = rank < 0
    table = pa.table(
        {
            "id": pool.data.ids,
            "source": pool.data.table["source"],
            "row": pool.data.table["row"],
            "rank": pa.array(rank, mask=missed),
            "gain": pa.array(gain, mask=missed),
            "why": reasons(rows, selection),
        }
    )
    for name, column in pool.columns.items():
        kind = column.values.type
        if not (pa.types.is_fixed_size_list(kind) or is_series(kind)):  # these stay in the store
            shown = f"{name}, label" if name in table.column_names else name  # the scorer `source`
            table = table.append_column(shown, column.values)
            if column.problem.null_count < len(column):
                table = table.append_column(f"{shown}{PROBLEM}", column.problem)
    path = folder / SELECTION
    pq.write_table(table, path.with_suffix(".tmp"), compression="zstd")
    os.replace(path.with_suffix(".tmp"), path)
    return path


def reasons(rows: int, selection: Selection) -> pa.Array:
    """`selected`, the reason a row could not be picked, or `not reached` by the budget."""
    why = np.full(rows, "not reached", dtype=object)
    for reason, dropped in selection.dropped.items():
        why[dropped] = reason
    why[selection.rows] = "selected"
    return pa.array(why, pa.string())


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """`run.toml`: `tamis select --config run.toml` selects the identical subset."""
    import tomli_w

    text = tomli_w.dumps(_without_none(config))
    # the name of a file may be no UTF-8 at all
    return replace_file(folder / "run.toml", text.encode("utf-8", "surrogateescape"))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list | tuple) else value


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """`manifest.json`, written last: a folder without one is a run that did not end."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str)
    return replace_file(folder / MANIFEST, text.encode("utf-8", "surrogatepass"))


def describe_data(data: Dataset) -> dict[str, Any]:
    """What was read, for the manifest."""
    return {
        "rows": len(data),
        "fingerprint": data.fingerprint,
        "sources": [
            {
                "path": s.path,
                "container": s.container,
                "format": s.format,
                "rows": s.rows,
                "rejected": s.rejected,
                **{k: v for k, v in s.detail.items() if isinstance(v, str | int | float | dict)},
            }
            for s in data.sources
        ],
        "rejects": data.rejects,
    }


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {"python": platform.python_version(), "platform": sys.platform}
    for package in ("tamis", "numpy", "polars", "pyarrow", "tokenizers", "torch", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
