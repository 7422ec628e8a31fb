"""Language of each turn, in order: one ISO 639-1 code, or `unknown`, a turn that is read.

Rule: that of `language`, for each turn by itself; a turn without letters is `unknown`. So a
question in one language and an answer in another are seen, which a row's one label hides. Turns of
the system and of tools are read where `of` is all; tool calls are no language.
Oracle: conversations labelled by hand.
"""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.protocols import Languages
from tamis.scorers._languages import languages_of
from tamis.spec import scorer
from tamis.types import ROLES_OF, Batch, Column, Part


@scorer(prefer="none", unit="labels")
def turn_languages(batch: Batch, languages: Languages, *, of: Part = "all") -> Column:
    """ISO 639-1 code of the language of each turn, in order; unknown where there is none.

    Args:
        of: which turns are read
    """
    messages = batch.table["messages"].combine_chunks()
    flat, owner = messages.flatten(), pc.list_parent_indices(messages)
    read = pc.is_in(pc.struct_field(flat, "role"), pa.array(ROLES_OF[of]))
    texts = pc.fill_null(pc.struct_field(flat, "content").filter(read), "")
    codes = languages_of(texts, languages)
    counts = np.bincount(np.asarray(owner.filter(read), np.int64), minlength=len(batch))
    ends = np.concatenate([[0], np.cumsum(counts)]).tolist()
    turns = [codes[begin:end] for begin, end in itertools.pairwise(ends)]
    return Column.tags(turns, no_turns=counts == 0)
