"""Texts and columns as they lie in a page: base64 of gzip, the same bytes for the same input."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from gzip import compress
from itertools import islice
from typing import Any

import numpy as np

from tamis.reports.facts import Facts, Rows

Turn = Sequence[Any]
"""Role, content, tool calls or None."""
Conversation = Sequence[Turn]

MOST_BYTES = 26_000_000
"""Packed texts that a page may hold: with the rest it then stays below 30 MB. Whoever calls keeps
to it, by showing fewer rows."""
IN_BLOCK = 256
"""Rows of one block, which the page unpacks when it needs one of them."""
_LEVEL = 6
_UNPAIRED = re.compile("[\ud800-\udfff]")
_WHOLE = ((np.int8, "i1"), (np.int16, "i2"), (np.int32, "i4"))


@dataclass(frozen=True, slots=True)
class Packed:
    """One column or document of a page."""

    name: str
    kind: str  # json, or the type of a number: i1, i2, i4, f4, f8
    data: str


def packed(texts: Iterable[Conversation]) -> Iterator[str]:
    """Conversations in blocks of `IN_BLOCK` rows, in their order."""
    rows = iter(texts)
    while block := [list(row) for row in islice(rows, IN_BLOCK)]:
        yield _document(block)


def size(texts: Iterable[Conversation]) -> int:
    """Bytes that these texts take in a page; `MOST_BYTES` are allowed."""
    return sum(map(len, packed(texts)))


def columns(facts: Facts, rows: Rows | None) -> list[Packed]:
    """What the page computes with: what its charts show, then a column for each fact of a row."""
    found = [Packed("charts", "json", _document(_charted(facts, rows)))]
    if rows is None:
        return found
    found.append(Packed("id", "json", _document(rows["id"])))
    plain = (("source", rows["source"]), ("row", rows["row"]))
    found += [_whole(name, values) for name, values in plain]
    found.append(_real("tokens", rows["tokens"]))
    if rows["x"]:
        found += [_real("x", rows["x"]), _real("y", rows["y"])]
    found += [_whole(f"rank.{i}", ranks) for i, ranks in enumerate(rows["rank"])]
    found += [_whole(f"why.{i}", why["codes"]) for i, why in enumerate(rows["why"])]
    found += [_whole(f"label.{i}", label["codes"]) for i, label in enumerate(rows["labels"])]
    for i, score in enumerate(rows["scores"]):
        found.append(_real(f"score.{i}", score["values"]))
        found.append(_real(f"percentile.{i}", score["percentiles"]))
    return found


def readable(text: str) -> str:
    """The text with what no page can hold, halves of characters and NUL, replaced by U+FFFD."""
    return _UNPAIRED.sub("\ufffd", text).replace("\x00", "\ufffd")


def _charted(facts: Facts, rows: Rows | None) -> dict[str, Any]:
    proofs = [{"curves": p["curves"], "benefits": p["benefits"]} for p in facts["proofs"]]
    charted: dict[str, Any] = {
        "runs": [
            {"name": r["name"], "selected": r["selected"], "raw": r["raw"]} for r in facts["runs"]
        ],
        "scores": [
            {"name": s["name"], "edges": s["edges"], "parts": s["parts"]} for s in facts["scores"]
        ],
        "groups": facts["groups"],
        "proofs": proofs,
        "arms": [arms(p["curves"], p["benefits"]) for p in facts["proofs"]],
        "shown": 0,
        "inBlock": IN_BLOCK,
    }
    if rows is not None:
        charted |= {
            "shown": rows["shown"],
            "sources": facts["sources"],
            "why": [why["names"] for why in rows["why"]],
            "labels": [{"name": x["name"], "names": x["names"]} for x in rows["labels"]],
            "rowScores": [score["name"] for score in rows["scores"]],
        }
    return charted


def arms(curves: Iterable[Any], benefits: Iterable[Any]) -> list[str]:
    """The arms that charts of an experiment show, in the order that gives them their colours."""
    return list(dict.fromkeys(entry["arm"] for entry in (*curves, *benefits)))


def _document(value: Any) -> str:
    try:
        text = _json(value)
    except ValueError:
        text = _json(_finite(value))
    return _pack(_UNPAIRED.sub("\ufffd", text).encode())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    """JSON has no NaN: what is no number is null."""
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _whole(name: str, values: Sequence[int]) -> Packed:
    column = np.asarray(values, dtype=np.int64)
    low, high = (column.min(), column.max()) if len(column) else (0, 0)
    for kind, letter in _WHOLE:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return Packed(name, letter, _pack(column.astype(f"<{letter}").tobytes()))
    return Packed(name, "f8", _pack(column.astype("<f8").tobytes()))


def _real(name: str, values: Sequence[float | None]) -> Packed:
    """Single precision where it holds the values: seven digits are more than the page shows."""
    column = np.asarray([np.nan if v is None else v for v in values], dtype=np.float64)
    finite = np.abs(column[np.isfinite(column) & (column != 0)])
    holds = not len(finite) or (finite.max() < 3e38 and finite.min() > 1e-37)
    kind = "f4" if holds else "f8"
    return Packed(name, kind, _pack(column.astype(f"<{kind}").tobytes()))


def _pack(data: bytes) -> str:
    return b64encode(compress(data, compresslevel=_LEVEL, mtime=0)).decode("ascii")
