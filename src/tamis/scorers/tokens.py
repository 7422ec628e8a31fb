"""Length in tokens of a named tokenizer: what a training budget is paid in.

Formula: number of tokens without special tokens. The tokenizer is a resource: the one in the
package, a tokenizer.json, or a name on the Hub.
Paper: "Long Is More for Alignment" (arXiv:2402.04833).
Oracle: the tokenizers library itself, row by row.
"""

from __future__ import annotations

from tamis.protocols import Tokenizer
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="high", family="baseline", unit="tokens", paper="arXiv:2402.04833")
def tokens(batch: Batch, tokenizer: Tokenizer, *, of: Part = "response") -> Column:
    """Number of tokens of the answer, the instruction or both; 0 for an empty text.

    Args:
        of: which turns are counted
    """
    return Column.floats(tokenizer.count_tokens(batch.texts(of).to_pylist()))
