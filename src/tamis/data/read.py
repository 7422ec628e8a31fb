"""Reading: any instruction data, in bounded memory, to a memory-mapped Arrow table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from tamis.data import formats, streams
from tamis.data.formats import FORMATS, Normalised
from tamis.data.jsontext import Record
from tamis.data.rejects import Rejects
from tamis.data.sources import Origin, origins
from tamis.data.spool import Row, Spool, Writer, writer
from tamis.data.turns import Reject, compact, keys, scrubbed
from tamis.errors import UserError, nearest
from tamis.types import Dataset, Source, fingerprint

_SNIFFED = 100  # records that decide the format
_SNIFFED_BYTES = 1 << 25
_REPORTED = 8192


def read(
    source: Any,
    *,
    format: str = "auto",
    fields: Mapping[str, str] | None = None,
    split: str | None = None,
    strict: bool = False,
    rejects: str | os.PathLike[str] | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:
    """Reads instruction data of any known form.

    Args:
        source: a path, glob, folder, several of them, "-" for stdin, the name of a Hub dataset, a
            `datasets.Dataset`, an Arrow table, or records as dicts.
        format: a name of `FORMATS`, or "auto": decided by the first records of each source.
        fields: the format's field names -> the names used in the data.
        split: the split of a Hub dataset.
        strict: raise at the first record that cannot be read.
        rejects: a file (JSON lines) for records that cannot be read; made with the first of them.
        spool_dir: a folder for the working file, about twice as large as the data.
        progress: called now and then with a name, the records read, and 0: nobody knows how many.

    Raises UserError where nothing can be read. A row's id is the hash of its messages and tools.
    """
    if format != "auto" and format not in FORMATS:
        raise UserError(f"no format {format!r}; {nearest(format, FORMATS)}")
    bad, spool = Rejects(rejects, strict), Spool()
    sources: list[Source] = []
    try:
        with writer(spool_dir, spool) as out:
            for index, origin in enumerate(origins(source, split)):
                if origin.held is not None:
                    spool.tables[index] = origin.held
                bad.begin()
                if progress is not None:
                    origin.records = _counted(origin.records, progress)
                sources.append(_ingest(index, origin, format, fields or {}, out, bad))
            _check_any(sources)
            table = out.table()
    finally:
        bad.close()
    path = bad.path if bad.written else None
    reading = {"format": format, "fields": dict(fields or {}), "split": split, "strict": strict}
    return Dataset(table, fingerprint(table["id"]), tuple(sources), path, spool, reading)


def _counted(
    records: Iterator[Record], progress: Callable[[str, int, int], None]
) -> Iterator[Record]:
    """The same records; every so many are reported."""
    for done, record in enumerate(records, 1):
        if done % _REPORTED == 0:
            progress("read", done, 0)
        yield record


def _check_any(sources: list[Source]) -> None:
    if any(source.rows for source in sources):
        return
    if not sources:
        raise UserError("there is nothing to read: no source was given")
    first = sources[0]
    reasons = first.detail.get("reject_reasons", {})
    if not reasons:
        raise UserError(f"{first.path} is empty: it holds no records")
    shown = "; ".join(f"{reason} ({count})" for reason, count in list(reasons.items())[:3])
    form = "" if first.format == "auto" else f" as {first.format}"
    raise UserError(f"no record of {first.path} can be read{form}: {shown}")


def _ingest(
    index: int,
    origin: Origin,
    format: str,
    fields: Mapping[str, str],
    out: Writer,
    bad: Rejects,
) -> Source:
    """Sends the records of one source to the working file or to the rejects."""
    head, records = _beginning(origin)
    name = _format_of(head, origin, format, fields)
    read_one = _Reader(name, format == "auto", fields)
    kept = row = 0
    for row, record in enumerate(chain(head, records, _end(origin)), 1):
        try:
            if record.problem is not None:
                raise Reject(record.problem)
            read_one.store(record, index, row - 1, out)
            kept += 1
        except Reject as why:
            bad.add(origin.path, row - 1, record, str(why))
    detail = origin.detail | read_one.notes()
    if bad.reasons:
        detail["reject_reasons"] = dict(bad.reasons.most_common())
    return Source(origin.path, origin.container, name, kept, row - kept, detail)


def _beginning(origin: Origin) -> tuple[list[Record], Iterator[Record]]:
    """The first records, enough of them readable ones to tell the format, and the others."""
    head: list[Record] = []
    readable = size = 0
    for record in origin.records:
        head.append(record)
        readable += record.problem is None
        size += len(record.raw or b"")
        if readable >= _SNIFFED or size >= _SNIFFED_BYTES:
            break
    if origin.head:
        raws = [record.raw for record in head[:1000] if record.raw is not None]
        streams.check_encoding(raws, origin.path, origin.head)
    return head, origin.records


def _end(origin: Origin) -> Iterator[Record]:
    """A problem that ended the source early (damaged compression) as a last record."""
    for problem in origin.problems:
        yield Record(None, b"", None, problem)


def _format_of(head: list[Record], origin: Origin, format: str, fields: Mapping[str, str]) -> str:
    values = [record.value for record in head if record.problem is None][:_SNIFFED]
    seen = {key for value in values if isinstance(value, dict) for key in value}
    for theirs in fields.values():
        if values and theirs not in seen:
            raise UserError(f"no field {theirs!r} in {origin.path}; {nearest(theirs, seen)}")
    if format != "auto" or not values:
        return format
    found = formats.sniff([_renamed(value, fields) for value in values])
    if found is None:
        raise UserError(_unknown(origin.path, values[0]))
    return found


def _unknown(path: str, value: Any) -> str:
    if not isinstance(value, dict):
        return f"the format of {path} is not recognised: its first record is {str(value)[:80]!r}"
    lists = [key for key, inner in value.items() if isinstance(inner, list) and inner]
    records = [key for key in lists if isinstance(value[key][0], dict)]
    hint = f"; if the records are the list under {records[0]!r}, save that list" if records else ""
    return (
        f"the format of {path} is not recognised: its first record has the keys {keys(value)}. "
        f"Say which hold what, for example instruction={next(iter(value), 'question')}{hint}"
    )


def _renamed(value: Any, fields: Mapping[str, str]) -> Any:
    if not fields or not isinstance(value, dict):
        return value
    theirs = set(fields.values())
    rest = {key: inner for key, inner in value.items() if key not in theirs}
    return rest | {ours: value[name] for ours, name in fields.items() if name in value}


class _Reader:
    """Normalises the records of one source and counts what was out of the ordinary."""

    def __init__(self, name: str, auto: bool, fields: Mapping[str, str]) -> None:
        self._read = FORMATS.get(name, FORMATS["text"])
        self._auto, self._fields = auto, fields
        self._others: Counter[str] = Counter()
        self._surrogates = 0

    def store(self, record: Record, source: int, row: int, out: Writer) -> None:
        value = _renamed(record.value, self._fields) if self._fields else record.value
        try:
            out.add(self._row(value, source, row, record.raw))
        except TypeError:  # lone surrogates, which no UTF-8 text can hold
            out.add(self._row(scrubbed(value), source, row, record.raw))
            self._surrogates += 1

    def _row(self, value: Any, source: int, row: int, raw: bytes | None) -> Row:
        messages, tools, extra = self._normalised(value)
        return messages, tools, compact(extra) if extra else None, source, row, raw

    def _normalised(self, value: Any) -> Normalised:
        try:
            return self._read(value)
        except Reject:
            if not self._auto:
                raise
            return self._other(value)

    def _other(self, value: Any) -> Normalised:
        try:
            name, found = formats.otherwise(value)
        except Reject as why:
            if not str(why).startswith("ambiguous"):
                self._read(value)  # raises the reason of the source's own format
            raise
        self._others[name] += 1
        return found

    def notes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._others:
            found["other_formats"] = dict(self._others)
        if self._surrogates:
            found["surrogates"] = self._surrogates
        return found
