"""What is wrong with a rewritten text: what a model says instead of rewriting, by its reason.

unchanged   the same words as a text before it
residue     it speaks of the task, or has a line of it or the code of a quotation
asks_back   it asks for the text that it was to rewrite
refuses     it refuses, by the patterns of `refusal`
A fault that the text before it has too is the text's own, and none. Patterns are English, those of
`refusal` apart. Taken for rewritings, 12 of 30,776 Alpaca instructions would be residue (they speak
of "the given prompt") and none would ask back; of the answers 6 would be residue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from tamis.protocols import Question
from tamis.scorers._refusals import PATTERNS

_QUOTATION = re.compile(r"^\[([^\]\n]+) ([0-9a-f]{12}) begins\]$.*?^\[\1 \2 ends\]$", re.M | re.S)
_THING = r"(?:request|instruction|prompt|question|answer|response|version)"
_MADE = r"(?:rewritten|revised|evolved|improved|updated|enhanced|new)"
_GIVEN = r"(?:rewritten|given|original|quoted|revised|above)"
_RESIDUE = re.compile(
    rf"^\W*(?:(?:sure|certainly|of course|okay)\b\W*)?(?:here(?:['’]s| is| are)|below is)\b"
    rf"[^\n]{{0,80}}\b{_THING}\b[^\n]{{0,40}}:"
    rf"|^\W*(?:the |my )?(?:{_MADE} )?{_THING}\W{{0,4}}:"
    rf"|^\[(?:question|answer)\b[^\]\n]*\]"
    rf"|\b(?:the|this) {_GIVEN} (?:request|instruction|prompt)\b",
    re.I,
)
_ASKS = re.compile(
    r"\b(?:provide|share|give|send|paste|post)\b(?: me)?(?: with)? (?:the|your|more|a)"
    r"(?: (?:full|exact|original|actual|specific))? (?:request|instruction|prompt)s?\b"
    r"|\b(?:do not|don['’]t|cannot|can['’]t) (?:see|find) (?:the|any|a) "
    r"(?:request|instruction|prompt|answer|text)\b"
    r"|\bno (?:request|instruction|prompt|answer) (?:was|is|has been) "
    r"(?:given|provided|quoted|included)\b"
    r"|\bwhat would you like me to (?:rewrite|do|improve)\b",
    re.I,
)
_LONG = 40
"""Characters of a line that nobody writes twice by chance."""
_OPENING = 300
"""Characters in which a refusal stands, and a request for the text."""


def fault(text: str, earlier: Sequence[str], asked: Question) -> str | None:
    """Why a text is no rewriting of the last of the earlier ones; None where nothing speaks so."""
    if any(_plain(text) == _plain(before) for before in earlier):
        return "unchanged"
    if any(part in text and part not in earlier[-1] for part in _own_words(asked)):
        return "residue"
    for name, pattern in (("residue", _RESIDUE), ("asks_back", _ASKS), ("refuses", _refuses())):
        if pattern.search(text[:_OPENING]) and not pattern.search(earlier[-1][:_OPENING]):
            return name
    return None


def refuses(text: str) -> bool:
    """Whether an answer refuses."""
    return bool(_refuses().search(text.strip()[:_OPENING]))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _own_words(asked: Question) -> list[str]:
    """What a question says besides its quotations: their codes, and every line that is long."""
    said = "\n".join(text for _, text in asked.messages)
    codes = [code for _, code in _QUOTATION.findall(said)]
    lines = [line.strip() for line in _QUOTATION.sub("", said).splitlines()]
    return codes + [line for line in lines if len(line) >= _LONG]


@cache
def _refuses() -> re.Pattern[str]:
    return re.compile("|".join(PATTERNS), re.I)
