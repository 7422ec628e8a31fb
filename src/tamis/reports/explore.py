"""All rows of a report as one Parquet file, with their texts: what embedding-atlas opens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.data.write import made_folder, replacing
from tamis.errors import MissingExtra, UserError
from tamis.reports.gather import Report
from tamis.types import Dataset

PROGRAM = "embedding-atlas"
AT_ONCE = 8192
"""Rows whose texts are in memory."""


def write(report: Report, path: Path) -> Path:
    """Every row: id, text, place on the map, rank and reason of each run, scores, labels."""
    opened, whole = report.opened, report.whole
    if opened is None or whole is None:
        raise UserError("there are no rows to explore: name folders that `tamis select` wrote")
    if opened.data is None or whole.places is None:
        raise UserError(f"there is no map to explore: {opened.missing or 'leave out --map none'}")
    columns = {"id": pa.array(opened.runs[0].ids, pa.string())}
    for axis, name in enumerate("xy"):
        columns[name] = pa.array(whole.places[:, axis].astype(np.float32), from_pandas=True)
    for run in opened.runs:
        columns[f"rank, {run.name}"] = pa.array(run.rank, mask=~run.kept)
        columns[f"why, {run.name}"] = pa.array(run.why, pa.string())
    columns |= {n: pa.array(values, from_pandas=True) for n, values in whole.scores.items()}
    columns |= {
        n: pa.array(values, pa.string()) for n, values in whole.labels.items() if n not in columns
    }
    table = pa.table(columns)
    schema = table.schema.append(pa.field("text", pa.string()))
    made_folder(path.parent)
    with replacing(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for start, texts in _texts(opened.data):
            rows = table.slice(start, len(texts))
            writer.write_table(rows.append_column(schema.field("text"), texts))
    return path


def _texts(data: Dataset) -> Iterator[tuple[int, pa.Array]]:
    """Conversations as one text each, some rows at a time."""
    start = 0
    for batch in data.batches(AT_ONCE):
        yield start, batch.texts("all")
        start += len(batch)


def command(path: Path) -> list[str]:
    """What opens the file; nothing is computed, as the places are there."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise MissingExtra("--explore opens the rows with embedding-atlas: it", "explore")
    columns = ("--text", "text", "--x", "x", "--y", "y")
    return [program, str(path), *columns, "--disable-projection"]
