"""`read`, as a typed function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tamis.run.progress import Progress
    from tamis.run.session import Run
    from tamis.types import Dataset

Data = Any
"""A path, several, `-` for standard input, a Hub name, a datasets.Dataset, dicts, or a Dataset."""


def read(
    source: Data,
    *,
    format: str = "auto",
    fields: Mapping[str, str] | None = None,
    split: str | None = None,
    strict: bool = False,
    rejects: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Reads instruction data of any known format; rows that cannot be read are counted and kept.

    Args:
        source: files (JSON, JSON lines, CSV, Parquet, Arrow, .gz, .zst), `-`, or a Hub name
        format: name of the format; `auto` looks at the content
        fields: names of the columns where they are not the usual ones, as instruction=question
        split: split of a Hub dataset
        strict: stop at the first row that cannot be read
        rejects: file that receives rows that cannot be read, with line and reason
    """
    from tamis.data.read import read as read_data
    from tamis.types import Dataset

    if isinstance(source, Dataset):
        return source
    return read_data(
        source,
        format=format,
        fields=fields,
        split=split,
        strict=strict,
        rejects=rejects,
        progress=progress,
    )


def begun(run: Run | None, target: Data | None = None) -> Run:
    """The run, or a new one, ready for the next verb."""
    from tamis.run.session import Run

    return (run or Run()).begin(read(target) if target is not None else None)
