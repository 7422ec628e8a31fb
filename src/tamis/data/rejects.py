"""Rows that could not be read: counted, written down with line and reason, or fatal."""

from __future__ import annotations

import base64
import os
import re
from collections import Counter
from typing import IO, Any

import orjson

from tamis.data.jsontext import Record
from tamis.data.turns import compact
from tamis.errors import UserError

_SHOWN = 20  # distinct reasons that are kept
_PLACE = re.compile(r" at (?:character|byte) \d+(?: of the record)?")


class Rejects:
    """Takes rejected records; the file appears with the first one."""

    def __init__(self, path: str | os.PathLike[str] | None, strict: bool) -> None:
        self.path = None if path is None else os.fspath(path)
        self._strict = strict
        self._file: IO[bytes] | None = None
        self.written = False
        self.reasons: Counter[str] = Counter()

    def begin(self) -> None:
        """A new source: its reasons are counted apart."""
        self.reasons = Counter()

    def add(self, source: str, row: int, record: Record, reason: str) -> None:
        if self._strict:
            where = f"{source}, line {record.line}" if record.line else f"{source}, row {row}"
            raise UserError(f"{where}: {reason}")
        kind = _PLACE.sub("", reason)
        known = kind in self.reasons or len(self.reasons) < _SHOWN
        self.reasons[kind if known else "other reasons"] += 1
        if self.path is None:
            return
        if self._file is None:
            self._file = _opened(self.path)
            self.written = True
        entry = {"source": source, "line": record.line, "row": row, "reason": reason}
        self._file.write(orjson.dumps(entry | _raw(record)) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _opened(path: str) -> IO[bytes]:
    try:
        return open(path, "wb")
    except OSError as why:
        raise UserError(f"the rejects file {path} cannot be written: {why.strerror}") from None


def _raw(record: Record) -> dict[str, Any]:
    if record.raw is None:
        return {"raw": compact(record.value)}
    try:
        return {"raw": record.raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"raw": base64.b64encode(record.raw).decode("ascii"), "encoding": "base64"}
