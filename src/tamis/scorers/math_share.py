r"""Share of the text that is mathematics: LaTeX, or a formula of numbers and letters.

Formula: characters that lie in `$...$`, `$$...$$`, `\(...\)`, `\[...\]`, `\begin{equation}` and its
kin, in a LaTeX command such as `\frac{..}{..}`, or in a chain of numbers and single letters joined
by operators with at least one of + * = ^ < > (a spaced - or / counts as one), over characters that
are not white space. Amounts (`$5 and $10`), dates, ranges and fenced code are not mathematics.
Oracle: hand-marked sentences.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.scorers._chars import as_strings
from tamis.spec import scorer
from tamis.types import Batch, Column, Part

_LATEX = (
    r"\$\$(?s:.+?)\$\$|\$[^\s$](?:[^$\n]*[^\s$])?\$\B|\\\((?s:.+?)\\\)|\\\[(?s:.+?)\\\]|"
    r"\\begin\{(?:equation|align|gather|matrix|pmatrix|bmatrix|cases)\*?\}(?s:.+?)\\end\{\w+\*?\}|"
    r"\\(?:frac|sqrt|sum|int|prod|lim|cdot|times|le|ge|pi|alpha|beta|theta|infty)\b(?:\{[^{}]*\})*"
)
_TERM = r"\(?[-+−]?\$?(?:\d[\d.,]*(?:\p{L}\b|%)?|\b\p{L}\b[²³]?)\)?"
_STRONG = r"\s*(?:[+*×÷·=^<>≤≥≠≈]|\s[-−/]\s|<=|>=|==)\s*"
_WEAK = r"[-−/]"
_CHAIN = rf"{_TERM}(?:{_WEAK}{_TERM})*{_STRONG}{_TERM}(?:(?:{_WEAK}|{_STRONG}){_TERM})*"
MATH = rf"{_LATEX}|{_CHAIN}"
_FENCED = r"(?s)(?:```|~~~).*?(?:```|~~~|\z)"


def _ink(series: Any) -> Any:
    """Characters that are not white space."""
    return series.str.replace_all(r"\s+", "").str.len_chars().to_numpy().astype(np.int64)


@scorer(prefer="none", unit="share of characters, 0 to 1")
def math_share(batch: Batch, *, of: Part = "response") -> Column:
    """Characters of formulas over characters that are not white space.

    Args:
        of: which turns are read
    """
    import polars as pl

    texts = pl.Series(pl.from_arrow(as_strings(batch.texts(of))), dtype=pl.String)
    total = _ink(texts)
    prose = texts.str.replace_all(_FENCED, " ")
    left = _ink(prose.str.replace_all(MATH, " "))
    return Column.floats((_ink(prose) - left) / np.maximum(total, 1), empty_text=total == 0)
