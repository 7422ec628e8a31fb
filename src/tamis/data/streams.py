"""Bytes of a source, uncompressed, and what they hold: decided by content, the name is a hint."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import orjson
import zstandard

from tamis.errors import UserError

BLOCK = 1 << 23
HEAD = 1 << 20
UTF8_BOM = b"\xef\xbb\xbf"
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)

_ZSTD_PIECE = 1 << 12  # compressed bytes at once: what they unfold to is held in memory
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (or an .xlsx file): unpack it, or save the table as CSV",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "compressed with xz: unpack it first",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"FEA1": "a Feather file of version 1: save it anew as version 2 or as Parquet",
    b"ORC": "an ORC file: save it as Parquet",
    b"Obj\x01": "an Avro file: save it as Parquet",
    b"\x80\x04": "a pickle, which could run code when read: save it as JSON lines",
    b"\x80\x05": "a pickle, which could run code when read: save it as JSON lines",
    b"version https://git-lfs": "a Git LFS pointer, not the data: run `git lfs pull`",
}
_BOMS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class _Rejoined(io.RawIOBase):
    """A stream whose beginning was read already, for what cannot go back (a pipe)."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        piece = self._head[: len(buffer)] or self._rest.read1(len(buffer))  # type: ignore[attr-defined]
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Zstd(io.RawIOBase):
    """Frames of zstd one after the other; EOFError where the last one is cut off.

    zstandard's own reader ends in silence there, and the rows behind the cut would be lost unseen.
    """

    def __init__(self, below: BinaryIO) -> None:
        self._below, self._packed, self._plain = below, b"", b""
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        while not self._plain:
            packed = self._packed or self._below.read1(_ZSTD_PIECE)  # type: ignore[attr-defined]
            if not packed:
                if self._frame is not None:
                    raise EOFError("the file ends in the middle of a zstd frame")
                return 0
            frame = self._frame
            if frame is None:
                frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
            self._plain = frame.decompress(packed)
            self._packed = frame.unused_data if frame.eof else b""
            self._frame = None if frame.eof else frame
        piece = self._plain[: len(buffer)]
        self._plain = self._plain[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def unpacked(stream: BinaryIO) -> tuple[BinaryIO, bytes, list[str]]:
    """The stream below any gzip and zstd, its first bytes (not consumed), and their names."""
    packing: list[str] = []
    while True:
        head, problem = _piece(stream, HEAD)
        if problem is not None and not head:
            raise problem
        stream = io.BufferedReader(_Rejoined(head, stream), BLOCK)
        if head.startswith(_GZIP):
            packing.append("gz")
            stream = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment]
        elif head.startswith(_ZSTD):
            packing.append("zst")
            stream = io.BufferedReader(_Zstd(stream), BLOCK)
        else:
            return stream, head, packing


def blocks(stream: BinaryIO, skip: int, problems: list[str]) -> Iterator[bytes]:
    """The stream in pieces after `skip` bytes; damaged compression ends it with a problem noted."""
    stream.read(skip)
    problem = None
    while problem is None:
        block, problem = _piece(stream, BLOCK)
        if not block:
            break
        yield block
    if problem is not None:
        problems.append(f"the compressed data are damaged or cut off: {problem}")


def _piece(stream: BinaryIO, size: int) -> tuple[bytes, BaseException | None]:
    """The next bytes, fewer only at the end; what came before damage is not lost with it."""
    parts: list[bytes] = []
    left = size
    while left > 0:
        try:
            part = stream.read1(left)  # type: ignore[attr-defined]
        except DAMAGED as why:
            return b"".join(parts), why
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts), None


def container(head: bytes, name: str) -> str:
    """json, concatenated, scalars, jsonl, csv, parquet, arrow, arrow_stream or text."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith(b"\xff\xff\xff\xff") and head[8:9] == b"\x10":
        return "arrow_stream"
    _check_readable(head, name)
    suffix = re.sub(r"\.(gz|gzip|zst|zstd)$", "", name.lower()).rpartition(".")[2]
    text = head.removeprefix(UTF8_BOM).lstrip()
    if text[:1] == b"[" and suffix not in ("txt", "csv", "tsv"):
        return _bracketed(text)
    if text[:1] == b"{" and suffix not in ("txt", "csv", "tsv"):
        return _braced(text)
    if suffix in ("csv", "tsv") or (suffix not in ("txt", "text", "md") and _looks_csv(text)):
        return "csv"
    return "jsonl" if suffix in ("jsonl", "ndjson", "json") else "text"


def _bracketed(text: bytes) -> str:
    if text[1:].lstrip()[:1] in (b"{", b"["):
        rows = text.split(b"\n", 2)
        several = len(rows) > 1 and rows[1].lstrip()[:1] == b"["
        turns = re.match(rb'\[\s*\{\s*"(role|from|content|value)"', text) is not None
        return "jsonl" if several and turns and _is_json(rows[0]) else "json"
    return "scalars"


def _braced(text: bytes) -> str:
    """JSON lines, unless no line is a value by itself but several lines together are one."""
    rows = text.split(b"\n")
    if len(rows) == 1 or any(_is_json(row) for row in rows[:50] if row.strip()):
        return "jsonl"
    try:
        json.JSONDecoder().raw_decode(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return "jsonl"
    return "concatenated"


def _is_json(row: bytes) -> bool:
    try:
        return isinstance(orjson.loads(row), (dict, list))
    except orjson.JSONDecodeError:
        return False


def _looks_csv(text: bytes) -> bool:
    """Whether the first line is a header: at least two short names in front of other lines."""
    header, more, _ = text.partition(b"\n")
    names = re.split(rb"[,;\t|]", header.strip())
    word = re.compile(rb'"?[A-Za-z_][A-Za-z0-9_ ]{0,39}"?')
    return bool(more) and len(names) > 1 and all(word.fullmatch(name) for name in names)


def _check_readable(head: bytes, name: str) -> None:
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise UserError(f"{name} is {what}")
    for bom, encoding in _BOMS.items():
        if head.startswith(bom):
            raise UserError(f"{name} is written in {encoding} (seen at byte 0): save it as UTF-8")
    sample = head[:4096]
    for first in (0, 1):
        if len(sample) > 8 and sample[first::2].count(0) > 0.4 * len(sample[first::2]):
            if sample[1 - first :: 2].count(0) < 0.1 * len(sample):
                at = sample.index(0)
                raise UserError(
                    f"{name} looks like UTF-16 (a zero byte at byte {at}): save it as UTF-8"
                )
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x0b\x1b" for byte in sample)
    cut = sample[: len(sample) - 3] if len(head) > len(sample) else sample  # not within a character
    if sample.count(0) > 0.5 * len(sample) or (controls > 0.05 * len(sample) and not _is_utf8(cut)):
        raise UserError(f"{name} is binary data of an unknown kind, not JSON, CSV, Parquet or text")


def check_encoding(samples: list[bytes], name: str, head: bytes) -> None:
    """Raises where most of the first non-ASCII records are not UTF-8, naming a likely encoding."""
    other = [raw for raw in samples if not raw.isascii()]
    wrong = [raw for raw in other if not _is_utf8(raw)]
    if not wrong or 2 * len(wrong) <= len(other):
        return
    guess = _guess(b"\n".join(wrong)[:20_000])
    at = max(0, head.find(wrong[0])) + _first_wrong(wrong[0])
    raise UserError(
        f"{name} is not UTF-8: it looks like {guess} (first seen at byte {at}). Save it as UTF-8, "
        f"for example with: iconv -f {guess} -t utf-8"
    )


def _first_wrong(raw: bytes) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as why:
        return why.start
    return 0


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _guess(raw: bytes) -> str:
    """The encoding in which most characters are common ones."""

    def rating(encoding: str) -> float:
        text = raw.decode(encoding, "replace")
        high = [character for character in text if ord(character) > 127]
        good = sum("\u4e00" <= c <= "\u9fff" or "\u3040" <= c <= "\u30ff" for c in high)
        hangul = sum("\uac00" <= c <= "\ud7a3" for c in high)
        latin = sum(c.isalpha() and ord(c) < 0x250 for c in high)
        bad = text.count("\ufffd")
        weight = latin if encoding == "cp1252" else good + hangul
        return (weight - 3 * bad) / max(1, len(high))

    return max(("gb18030", "cp1252", "shift_jis", "euc_kr", "big5"), key=rating)
