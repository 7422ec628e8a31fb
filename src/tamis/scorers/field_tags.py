"""Tags that the source rows carry already, as a list in one of their fields.

Formula: the strings of the field's list, each once; a string is one tag, or with `separator` as
many as it holds. For rows that somebody else has tagged, so that no judge is needed:
instag(tags=field_tags(name=tags)).
A row without the field is null (no_field), and so is one whose field holds anything but a string or
a list of strings (no_tags_in_field). An empty list is no tags.
Oracle: the rows themselves.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tamis.spec import scorer
from tamis.tags import distinct
from tamis.types import Batch, Column


@scorer(prefer="none", unit="tags", version=2, stored=False)
def field_tags(batch: Batch, *, name: str, separator: str = "") -> Column:
    """The tags in a field of the source row.

    Args:
        name: the field as the source file names it
        separator: what stands between the tags of a field that is one string
    """
    extras = batch.table["extra"].to_pylist()
    fields = [json.loads(text).get(name) if text else None for text in extras]
    found = [listed(value, separator) for value in fields]
    missing = np.array([value is None for value in fields], bool)
    wrong = np.array([tags is None for tags in found], bool)
    return Column.tags([tags or [] for tags in found], no_field=missing, no_tags_in_field=wrong)


def listed(value: Any, separator: str) -> list[str] | None:
    """The tags that a value holds, None where it holds something else."""
    if isinstance(value, str):
        value = value.split(separator) if separator else [value]
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        return None
    return distinct(value)
