"""Tables of scores as files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa

from tamis.errors import UserError


def write_table(table: pa.Table, path: Path) -> None:
    """A table to Parquet, CSV or JSON lines, by the file's ending."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    writers = {
        ".parquet": frame.write_parquet,
        ".jsonl": frame.write_ndjson,
        ".csv": frame.write_csv,
    }
    if path.suffix not in writers:
        raise UserError(f"{path}: the ending must be one of {', '.join(writers)}")
    nested = [n for n, t in frame.schema.items() if t.is_nested()]
    if path.suffix == ".csv" and nested:
        raise UserError(f"{nested[0]} holds a list a row, which CSV cannot: write .parquet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[path.suffix](path)  # type: ignore[operator]
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
