"""A pool of any columns in one line."""

import pyarrow as pa

from tamis.types import SCHEMA, Dataset, Pool, fingerprint


def dataset(ids, answers=None):
    turns = answers if answers is not None else ["answer"] * len(ids)
    rows = [
        {
            "id": i,
            "messages": [
                {"role": "user", "content": "ask", "tool_calls": None},
                {"role": "assistant", "content": turn, "tool_calls": None},
            ],
            "tools": None,
            "extra": None,
            "source": 0,
            "row": number,
            "raw": None,
        }
        for number, (i, turn) in enumerate(zip(ids, turns, strict=True))
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return Dataset(table, fingerprint(table["id"]))


def names(count):
    return [f"{number:05d}" for number in range(count)]


def pool(count, answers=None, **columns):
    return Pool.of(dataset(names(count), answers), **columns)
