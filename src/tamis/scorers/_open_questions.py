"""Questions that a model is to answer: the turns, and the markup that asks for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tamis.protocols import Likelihood
from tamis.templates import TEMPLATES, Piece, TemplateName, render

Turns = Sequence[Mapping[str, Any]]


def asked_of(turns: Turns) -> tuple[Turns, Mapping[str, Any] | None]:
    """The turns before the last answer, and that answer; all turns where there is none."""
    for at in range(len(turns) - 1, -1, -1):
        if turns[at]["role"] == "assistant":
            return turns[:at], turns[at]
    return turns, None


def opened(
    turns: Turns, tools: str | None, part: str | None, template: TemplateName, lm: Likelihood
) -> list[Piece]:
    """A question with the markup that asks for an answer; nothing where it is refused.

    `part` is the input of the last question, where its row keeps it apart.
    """
    return framed(turns, tools, part, template, lm)[0]


def framed(
    turns: Turns, tools: str | None, part: str | None, template: TemplateName, lm: Likelihood
) -> tuple[list[Piece], str]:
    """The same, and the markup that follows the answer."""
    if template != "chat":
        known = TEMPLATES[template]
        return render(known, turns, part, opened=True), known.after_assistant
    pieces = lm.chat([*turns, {"role": "assistant", "content": ""}], tools)
    answers = [at for at, piece in enumerate(pieces) if piece.kind == "answer"]
    if not answers:
        return [], ""
    after = pieces[answers[-1] + 1 :]
    return pieces[: answers[-1]], after[0].text if after else ""
