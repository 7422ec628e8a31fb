"""Number of assistant turns: 1 for a single question and answer, 0 where nobody answers.

Oracle: hand-counted conversations.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from tamis.spec import scorer
from tamis.types import Batch, Column


@scorer(prefer="none", unit="turns")
def turns(batch: Batch) -> Column:
    """Number of assistant turns of the conversation."""
    messages = batch.table["messages"].combine_chunks()
    answered = pc.equal(pc.struct_field(messages.flatten(), "role"), "assistant")
    rows = pc.list_parent_indices(messages).filter(answered)
    return Column.floats(np.bincount(np.asarray(rows), minlength=len(batch)))
