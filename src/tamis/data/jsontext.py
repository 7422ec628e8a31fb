"""JSON text to records without losing a byte: lines, arrays, and what is left of damaged ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from tamis.data.turns import Reject


class Record(NamedTuple):
    """One record as read: its value, or the reason why there is none."""

    value: Any
    raw: bytes | None = None
    line: int | None = None
    problem: str | None = None


SPACE = b" \t\r\n"
_BETWEEN = SPACE + b",]"  # what may stand between two records
_PATIENCE = 1 << 27  # a record without an end is looked into from this length on
_WINDOW = 1 << 16
_UNDECIDED = -1
_LEARNT_FROM = 100  # records of each block
_NOT_BETWEEN = re.compile(rb"[^ \t\r\n,\]]")
_FIRST_KEY = re.compile(rb'\s*\{\s*"((?:[^"\\]|\\.)*)"')

_BRACKETS = np.zeros(256, np.int8)
_BRACKETS[list(b"[{")] = 1
_BRACKETS[list(b"]}")] = -1


def _table(marks: bytes) -> bytes:
    """For bytes.translate, which finds marks several times faster than numpy's indexing."""
    return bytes(mark in marks for mark in range(256))


# Bytes that matter to the structure: quotes and brackets; commas too for a list of scalars.
_MARKS = _table(b'"[]{}')
_MARKS_AND_COMMAS = _table(b'"[]{},')


def decode(raw: bytes) -> Any:
    """The value of one JSON text; Reject where it is none.

    Beyond the standard, NaN and lone surrogates are taken, as Python's json writes them.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _decode_slowly(raw)


def _decode_slowly(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as why:
        raise Reject(f"not UTF-8 at byte {why.start} of the record") from None
    except json.JSONDecodeError as why:
        raise Reject(_complaint(why)) from None
    except RecursionError:
        raise Reject("not readable JSON: nested too deeply") from None
    except ValueError as why:  # a number of thousands of digits
        raise Reject(f"not readable JSON: {why}") from None


def _complaint(why: json.JSONDecodeError) -> str:
    if not why.doc[why.pos :].strip() or why.msg.startswith("Unterminated string"):
        return "not valid JSON: it ends in the middle of the record"
    if why.msg.startswith("Invalid control character"):
        code = ord(why.doc[why.pos])
        return f"not valid JSON: raw control character 0x{code:02x} at character {why.pos}"
    return f"not valid JSON: {why.msg} at character {why.pos}"


def record_of(raw: bytes, line: int) -> Record:
    """The record that one JSON text is, or why it is none."""
    try:
        return Record(decode(raw), raw, line)
    except Reject as why:
        return Record(None, raw, line, str(why))


def numbered_lines(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers from 1, without their line ends; a line may span many blocks."""
    number, parts = 0, [b""]
    for block in blocks:
        first, *rest = block.split(b"\n")
        parts.append(first)
        if not rest:
            continue
        for line in (b"".join(parts), *rest[:-1]):
            number += 1
            yield number, line
        parts = [rest[-1]]
    if last := b"".join(parts):
        yield number + 1, last


def lines(blocks: Iterable[bytes]) -> Iterator[Record]:
    """JSON lines; blank lines are no records."""
    for number, line in numbered_lines(blocks):
        raw = line.strip(SPACE)
        if raw:
            try:
                yield Record(orjson.loads(raw), line.removesuffix(b"\r"), number)
            except orjson.JSONDecodeError:
                yield record_of(raw, number)._replace(raw=line.removesuffix(b"\r"))


def _outside(data: bytes, marks: bytes) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Positions of marks outside of strings, and which; the text begins outside of a string."""
    buffer = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(np.frombuffer(data.translate(marks), np.bool_))
    quote = buffer[at] == ord('"')
    quotes = at[quote]
    escaped = quotes[(quotes > 0) & (buffer[quotes - 1] == ord("\\"))]
    if len(escaped):
        odd = escaped[_run_before(buffer, escaped) % 2 == 1]
        quote[np.searchsorted(at, odd)] = False  # such a quote is a character of its string
    outside = np.cumsum(quote, dtype=np.uint8) % 2 == 0  # overflow keeps what is odd
    outside &= buffer[at] != ord('"')
    return at[outside], buffer[at[outside]]


def _run_before(buffer: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many backslashes stand right before each position."""
    slashes = np.flatnonzero(buffer == ord("\\"))
    starts = slashes[np.diff(slashes, prepend=-2) > 1]
    return np.asarray(at - starts[np.searchsorted(starts, at, side="right") - 1])


def ends(data: bytes, *, scalars: bool = False) -> list[int]:
    """Where the elements of a JSON list end: one past the last byte of each.

    An element ends with the bracket that closes it; in a list of scalars also at a comma. `data`
    begins inside the list; the list's own end is the end of a last element, perhaps an empty one.
    """
    at, mark = _outside(data, _MARKS_AND_COMMAS if scalars else _MARKS)
    step = _BRACKETS[mark]
    depth = np.cumsum(step, dtype=np.int64)
    floor = np.minimum.accumulate(np.minimum(depth, 0))  # falls by one where the list itself ends
    closed = np.diff(floor, prepend=0) < 0
    wanted = (depth == floor) & (step <= 0)
    return list((at + ((step < 0) & ~closed))[wanted].tolist())


@dataclass(slots=True)
class _Place:
    """How far a list was read."""

    data: bytes = b""
    at: int = 0  # everything before is explained
    line: int = 1  # of `at`
    keys: set[bytes] = field(default_factory=set)  # the first keys of the records so far

    def move(self, to: int) -> None:
        self.line += self.data.count(b"\n", self.at, to)
        self.at = to

    def skip(self) -> None:
        """Goes to the first byte of the next record."""
        found = _NOT_BETWEEN.search(self.data, self.at)
        self.move(found.start() if found else len(self.data))


def elements(blocks: Iterable[bytes], *, scalars: bool = False) -> Iterator[Record]:
    """The elements of a JSON list, or JSON values one after the other, each with its exact bytes.

    Where a record is damaged, reading goes on at the next place where a record begins with the
    same key and can be read; what lies before it is one record with a problem.
    """
    place = _Place()
    parts: list[bytes] = []
    size = 0
    for block in chain(blocks, [None]):
        parts.append(block or b"")
        size += len(parts[-1])
        if block is not None and size < len(place.data) - place.at:
            continue  # inside a long record: look again when there is twice as much of it
        place.data, place.at = place.data[place.at :] + b"".join(parts), 0
        parts, size = [], 0
        final = block is None
        yield from _complete(place, scalars, final)
        if final or len(place.data) - place.at > _PATIENCE:
            yield from _incomplete(place, scalars, final)


def _complete(place: _Place, scalars: bool, final: bool) -> Iterator[Record]:
    """The records whose end is in the data."""
    data, again = place.data, True
    while again:
        again = False
        base = place.at
        for index, end in enumerate(ends(data[base:], scalars=scalars)):
            raw = data[place.at : base + end].lstrip(_BETWEEN)
            if not raw:
                continue
            place.move(base + end - len(raw))
            record = record_of(raw.rstrip(SPACE), place.line)
            if record.problem is None:
                if index < _LEARNT_FROM:
                    _learn(place.keys, raw)
            elif start := _resume(place, base + end):
                if start == _UNDECIDED and not final:
                    return
                if start != _UNDECIDED:
                    yield _damaged(place, start, record.problem)
                    again = True
                    break
            yield record
            place.move(base + end)


def _incomplete(place: _Place, scalars: bool, final: bool) -> Iterator[Record]:
    """What is left when a record has no end: what can be read inside it, then the rest."""
    place.skip()
    while (start := _resume(place, len(place.data))) and start != _UNDECIDED:
        yield _damaged(place, start, "not valid JSON: it ends in the middle of the record")
        yield from _complete(place, scalars, final)
        place.skip()
    if final and place.at < len(place.data):
        raw = place.data[place.at :].rstrip(SPACE)
        yield record_of(raw, place.line)
        place.move(len(place.data))


def _learn(known: set[bytes], raw: bytes) -> None:
    if len(known) < 8 and (found := _FIRST_KEY.match(raw)):
        known.add(found[1])


def _damaged(place: _Place, end: int, problem: str) -> Record:
    raw = place.data[place.at : end].rstrip(_BETWEEN)
    record = Record(None, raw, place.line, problem)
    place.move(end)
    return record


def _resume(place: _Place, end: int) -> int | None:
    """Where, inside a damaged record, another one begins that can be read."""
    known = set(place.keys)
    _learn(known, place.data[place.at : place.at + 4096])
    if not known:
        return None
    names = b"|".join(map(re.escape, sorted(known)))
    start = re.compile(rb'\{\s*"(?:' + names + rb')"\s*:')
    for found in start.finditer(place.data, place.at + 1, end):
        readable = _readable(place.data, found.start())
        if readable is None:
            return _UNDECIDED
        if readable:
            return found.start()
    return None


def _readable(data: bytes, at: int) -> bool | None:
    """Whether a whole record begins there; None where its end is not in the data."""
    size = _WINDOW
    while True:
        piece = data[at : at + size]
        found = ends(piece)
        if found:
            return record_of(piece[: found[0]], 0).problem is None
        if at + size >= len(data):
            return None
        size *= 8
