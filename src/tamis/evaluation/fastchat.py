"""FastChat's files of answers: question_id with choices of turns, or with an answer_id and a text.

They hold no questions, which stand in a file of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def records_of(path: str | Path) -> list[dict[str, Any]] | None:
    """The records of a file of answers without their questions; None where it is another file."""
    file = Path(path).expanduser()
    if file.suffix != ".jsonl" or not file.is_file():
        return None
    try:
        lines = [line for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
        records = [json.loads(line) for line in lines]
    except (OSError, ValueError):
        return None  # the package's own reader says what is wrong with it
    of_answers = all(isinstance(r, dict) and "question_id" in r and said(r) for r in records)
    return records if records and of_answers else None


def said(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The answers of a record of FastChat's."""
    choices = record.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return tuple(map(str, choices[0].get("turns", ())))
    return (str(record["text"]),) if "answer_id" in record and "text" in record else ()
