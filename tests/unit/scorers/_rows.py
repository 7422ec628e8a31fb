"""A batch from plain texts, for the tests of scorers."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from tamis.types import SCHEMA, Batch


def batch(responses: Sequence[str], instructions: Sequence[str] | None = None) -> Batch:
    asked = instructions or [""] * len(responses)
    rows = [
        {
            "id": str(place),
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ],
            "source": 0,
            "row": place,
        }
        for place, (question, answer) in enumerate(zip(asked, responses, strict=True))
    ]
    return Batch(pa.Table.from_pylist(rows, schema=SCHEMA))
