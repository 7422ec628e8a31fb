"""Rows as tokens, for trainers that load them ready: a `datasets` folder, or one Parquet file.

Both have three lists a row: input_ids, attention_mask (all ones; trainers ask for it) and labels.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.data.write import made_folder, replacing

TYPES = {"input_ids": pa.int32(), "attention_mask": pa.int8(), "labels": pa.int32()}
SCHEMA = pa.schema([(name, pa.list_(kind)) for name, kind in TYPES.items()])
DATA = "data-00000-of-00001.arrow"


def arrow_folder(rows: Path, folder: Path) -> None:
    """The folder that `datasets.load_from_disk` loads, of any release."""
    shutil.rmtree(folder, ignore_errors=True)
    made_folder(folder)
    with (
        replacing(folder / DATA) as part,
        pa.OSFile(str(part), "wb") as file,
        pa.ipc.new_stream(file, SCHEMA) as stream,
    ):
        for batch in _batches(rows):
            stream.write_batch(batch)
    with open(folder / DATA, "rb") as file:
        mark = hashlib.file_digest(file, "md5").hexdigest()
    kinds = {  # newer releases call it List, and read both
        name: {"feature": {"dtype": str(kind), "_type": "Value"}, "_type": "Sequence"}
        for name, kind in TYPES.items()
    }
    state: dict[str, Any] = {
        "_data_files": [{"filename": DATA}],
        "_fingerprint": mark,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    info = {"citation": "", "description": "", "features": kinds, "homepage": "", "license": ""}
    for name, said in {"dataset_info.json": info, "state.json": state}.items():
        (folder / name).write_text(json.dumps(said, indent=1) + "\n", "utf-8")


def parquet(rows: Path, path: Path) -> None:
    """One Parquet file."""
    with replacing(path) as part, pq.ParquetWriter(str(part), SCHEMA) as writer:
        for batch in _batches(rows):
            writer.write_batch(batch)


def _batches(rows: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(rows)) as file:
        for batch in pa.ipc.open_stream(file):
            ids = batch["input_ids"]
            ones = pa.array(np.ones(len(ids.values), np.int8))
            mask = pa.ListArray.from_arrays(ids.offsets, ones)
            yield pa.record_batch([ids, mask, batch["labels"]], schema=SCHEMA)
