"""Pools of any size out of real rows, for the other scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def written(path: Path, rows: Sequence[dict[str, Any]], size: int) -> Path:
    """A file of so many rows, repeated with a number at the question where there are too few."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(size):
            row = dict(rows[number % len(rows)])
            if number >= len(rows):
                row["instruction"] += f" ({number // len(rows)})"
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path
