"""Text containers: the records of JSON arrays, JSON lines, CSV and plain text with their bytes."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from tamis.data import jsontext
from tamis.data.jsontext import Record, numbered_lines

_LONGEST = 1 << 27  # bytes of one CSV record


def text_lines(blocks: Iterable[bytes]) -> Iterator[Record]:
    """Every line that is not blank is a record."""
    for number, line in numbered_lines(blocks):
        raw = line.removesuffix(b"\r")
        if not raw.strip():
            continue
        try:
            yield Record(raw.decode("utf-8"), raw, number)
        except UnicodeDecodeError as why:
            yield Record(None, raw, number, f"not UTF-8 at byte {why.start} of the record")


def csv_header(head: bytes, name: str) -> dict[str, Any]:
    """Delimiter, header text and column names of a CSV file."""
    text = head.decode("utf-8", "replace")
    lines = text.lstrip("\r\n").split("\n")
    marks = ",;\t|"
    delimiter = "\t" if name.lower().endswith(".tsv") else max(marks, key=lines[0].count)
    with no_field_limit():
        rows = csv.reader((line + "\n" for line in lines), delimiter=delimiter)
        names = next(rows, [])
    header = "\n".join(lines[: rows.line_num]).removesuffix("\r")
    return {"delimiter": delimiter, "header": header, "columns": names}


@contextmanager
def no_field_limit() -> Iterator[None]:
    """Csv refuses fields over 128 KiB unless told otherwise, and only for the whole process."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def csv_records(blocks: Iterable[bytes], columns: list[str], delimiter: str) -> Iterator[Record]:
    """The records after the header as objects; the bytes are those of the lines they span."""
    lines: Iterator[tuple[int, bytes]] = numbered_lines(blocks)
    taken: list[tuple[int, bytes]] = []
    header, unclosed = True, 0
    while True:
        try:
            with no_field_limit():
                for row in csv.reader(_fed(lines, taken), delimiter=delimiter, strict=True):
                    number, raw = _spanned(taken)
                    if row and not header:
                        yield _row(row, raw, number, columns)
                    header = header and not row
            return
        except csv.Error as why:
            # A quote that nothing closes swallows the lines after it: read them anew, a few times.
            unclosed += (swallowed := "end of data" in str(why))
            again = taken[1:] if swallowed and unclosed < 8 else []
            number, raw = _spanned(taken[:1] if again else taken)
            taken = []
            yield Record(None, raw, number, f"not readable CSV: {why}")
            lines = chain(again, lines)


def _spanned(taken: list[tuple[int, bytes]]) -> tuple[int, bytes]:
    """The first line's number and the bytes of all lines of one record; then forgets them."""
    number = taken[0][0]
    raw = b"\n".join([line for _, line in taken]).removesuffix(b"\r")
    taken.clear()
    return number, raw


def _fed(lines: Iterable[tuple[int, bytes]], taken: list[tuple[int, bytes]]) -> Iterator[str]:
    size = 0
    for number, line in lines:
        size = len(line) + (size if taken else 0)
        taken.append((number, line))
        if size > _LONGEST:
            raise csv.Error("unexpected end of data: a quote is not closed")
        yield line.decode("utf-8", "surrogateescape") + "\n"


def _row(row: list[str], raw: bytes, number: int, columns: list[str]) -> Record:
    if len(row) != len(columns):
        return Record(None, raw, number, f"{len(row)} fields, and the header has {len(columns)}")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as why:
        return Record(None, raw, number, f"not UTF-8 at byte {why.start} of the record")
    return Record(dict(zip(columns, row, strict=True)), raw, number)


def records(what: str, blocks: Iterable[bytes], detail: dict[str, Any]) -> Iterator[Record]:
    """The records of a text container."""
    if what == "jsonl":
        return jsontext.lines(blocks)
    if what == "csv":
        return csv_records(blocks, detail["columns"], detail["delimiter"])
    if what == "text":
        return text_lines(blocks)
    if what == "concatenated":
        return jsontext.elements(blocks)
    return jsontext.elements(_inside(blocks), scalars=what == "scalars")


def _inside(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The text after the bracket that opens the list."""
    opened = False
    for block in blocks:
        if not opened and block.strip():
            block = block.replace(b"[", b" ", 1)
            opened = True
        yield block
