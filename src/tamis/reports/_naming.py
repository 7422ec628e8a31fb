"""Rows by the names that people have for them: an id, its beginning, a record of a file."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from tamis.errors import UserError, nearest
from tamis.reports.opened import Selected

SHORTEST = 4
"""Characters that the beginning of an id has at least."""
_RECORD = re.compile(r"(.*)#([0-9]+)", re.S)


def rows_named(one: Selected, given: Sequence[str]) -> list[int]:
    """Positions of rows: `ID`, a unique beginning of one, `#123` or `FILE#123`.

    Records are counted from 1. Raises UserError that names every fault at once, and what is
    nearest to what was meant.
    """
    if not given:
        raise UserError("no row is named: give its id, a beginning of it, or #123 for a record")
    order = sorted(range(len(one)), key=one.ids.__getitem__)
    ids = [one.ids[at] for at in order]
    found: list[int] = []
    faults: list[str] = []
    for text in given:
        try:
            record = _RECORD.fullmatch(text)
            found.append(_record(one, *record.groups()) if record else order[_place(ids, text)])
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return list(dict.fromkeys(found))


def sources(one: Selected) -> list[str]:
    """The paths of the files that a run read."""
    return [str(source["path"]) for source in one.manifest["data"]["sources"]]


def _place(ids: Sequence[str], text: str) -> int:
    """Where an id, or the only one that begins so, stands among sorted ids."""
    at = bisect_left(ids, text)
    if at < len(ids) and ids[at] == text:
        return at
    like = _like(ids, at, text)
    if not text or not ids[like].startswith(text):
        raise UserError(f"no row has the id {_shown(text)}; the nearest is {ids[like]}")
    if len(text) < SHORTEST:
        raise UserError(f"{text!r} is too short: give at least {SHORTEST} characters of an id")
    several = bisect_left(ids, text + chr(0x10FFFF)) - at
    if several > 1:
        raise UserError(
            f"{several:,} ids begin with {_shown(text)}, such as {ids[at]} and {ids[at + 1]}: "
            "give more of it"
        )
    return at


def _like(ids: Sequence[str], at: int, text: str) -> int:
    """The neighbour in the order of ids that shares the longer beginning."""
    around = [place for place in (at, at - 1) if 0 <= place < len(ids)]
    return max(around, key=lambda place: _shared(ids[place], text))


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with together."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _record(one: Selected, name: str, number: str) -> int:
    source = _source(sources(one), name)
    place = int(number) - 1
    of = one.table.column(one.table.schema.names.index("source")).to_numpy() == source
    rows = np.flatnonzero(of)
    records = one.table["row"].to_numpy()[rows]
    at = int(np.searchsorted(records, place))
    if at < len(records) and records[at] == place:
        return int(rows[at])
    path = sources(one)[source]
    if not len(records):
        raise UserError(f"no record of {path} could be read")
    around = [int(records[i]) for i in (at - 1, at) if 0 <= i < len(records)]
    like = min(around, key=lambda record: abs(record - place))
    last = int(records[-1]) + 1
    gone = place < last and place >= 0
    why = "could not be read" if gone else f"is not there: they go from #1 to #{last}"
    raise UserError(f"record #{_shown(number, '')} of {path} {why}; the nearest is #{like + 1}")


def _source(paths: Sequence[str], name: str) -> int:
    """Which file is meant: its path as it was given, or the end of it."""
    if not name:
        if len(paths) > 1:
            named = ", ".join(f"{path}#1" for path in paths[:4])
            raise UserError(f"the run read {len(paths)} files: name the record's, as {named}")
        return 0
    exact = [at for at, path in enumerate(paths) if path == name]
    ends = [at for at, path in enumerate(paths) if path.endswith(os.sep + name)]
    found = exact or ends
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{len(found)} files of the run end with {name}: give more of the path")
    raise UserError(
        f"the run read no file {_shown(name)}; {nearest(name, map(os.path.basename, paths))}"
    )


def _shown(text: str, quote: str = "'") -> str:
    """A text of any length as a message holds it."""
    return f"{quote}{text[:60]}{'...' if len(text) > 60 else ''}{quote}"
