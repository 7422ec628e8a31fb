"""How a conversation is written down for a language model: pieces that keep text and markup apart.

A piece is markup (may hold special tokens), text of the row (never does: a row that contains
`<|endoftext|>` is data), or an answer, whose tokens can be scored. Pieces are tokenised one by one
and their ids joined, so where an answer begins and ends is known by construction.

none     the turns end to end: their markup, if any, is in them
plain    the question, a line break, the answer (as Superfiltering feeds GPT-2)
alpaca   Stanford Alpaca's (Apache-2.0); the input stands apart where the row still has it
vicuna   FastChat's vicuna_v1.1 (Apache-2.0)
tulu     open-instruct's (Apache-2.0)
A model's own chat template is rendered by the model's backend: `chat`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

TemplateName = Literal["plain", "none", "alpaca", "vicuna", "tulu", "chat"]
"""`chat` is the template that comes with the model."""

Kind = Literal["markup", "text", "answer"]

END = "{end}"
"""Stands for the model's end-of-text token, which only its tokenizer knows."""


class Piece(NamedTuple):
    """A run of characters that is tokenised by itself."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Template:
    """Markup around the turns of a conversation."""

    system: str = ""  # used where the row has no system turn
    after_system: str = "\n\n"
    user: str = ""
    after_user: str = ""
    given: str = ""  # between an instruction and its input
    system_given: str = ""  # `system` where the first question has an input
    assistant: str = ""
    lead: str = ""  # in front of an answer and scored with it: the blank that words begin with
    after_assistant: str = "\n"
    tool: str = ""
    before_system: str = ""


_ALPACA = "Below is an instruction that describes a task{}. Write a response that appropriately {}"
_TASK = "completes the request."

TEMPLATES: Mapping[str, Template] = {
    "none": Template(after_system="", given="\n\n", after_assistant=""),
    "plain": Template(given="\n", after_user="\n", after_assistant="\n"),
    "alpaca": Template(
        system=_ALPACA.format("", _TASK),
        system_given=_ALPACA.format(", paired with an input that provides further context", _TASK),
        user="### Instruction:\n",
        given="\n\n### Input:\n",
        after_user="\n\n",
        assistant="### Response:",
        after_assistant="\n\n",
        tool="### Tool:\n",
    ),
    "vicuna": Template(
        system="A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions.",
        after_system=" ",
        user="USER: ",
        given="\n\n",
        after_user=" ",
        assistant="ASSISTANT:",
        lead=" ",
        after_assistant=END,
        tool="TOOL: ",
    ),
    "tulu": Template(
        before_system="<|system|>\n",
        after_system="\n",
        user="<|user|>\n",
        given="\n\n",
        after_user="\n",
        assistant="<|assistant|>\n",
        after_assistant=END + "\n",
        tool="<|tool|>\n",
    ),
}


def render(
    template: Template,
    messages: Sequence[Mapping[str, Any]],
    given: str | None = None,
    *,
    opened: bool = False,
) -> list[Piece]:
    """The pieces of a conversation in order.

    `given` is the input of the last question, where the row keeps it apart. `opened` ends with the
    markup that asks for an answer. An empty answer is a piece too.
    """
    turns = list(messages)
    last = max((i for i, turn in enumerate(turns) if turn["role"] == "user"), default=-1)
    if last < 0 or not _seam(said(turns[last]), given):
        given = None
    pieces: list[Piece] = []
    if turns and turns[0]["role"] == "system":
        pieces += [Piece(template.before_system, "markup"), Piece(said(turns.pop(0)), "text")]
        pieces.append(Piece(template.after_system, "markup"))
        last -= 1
    elif template.system:
        first = template.system_given if given and last == 0 else ""
        pieces.append(Piece((first or template.system) + template.after_system, "markup"))
    for place, turn in enumerate(turns):
        if turn["role"] == "assistant":
            pieces.append(Piece(template.assistant, "markup"))
            pieces.append(Piece(answer_text(template, turn), "answer"))
            pieces.append(Piece(template.after_assistant, "markup"))
            continue
        pieces.append(Piece(template.tool if turn["role"] == "tool" else template.user, "markup"))
        pieces += _question(template, said(turn), given if place == last else None)
        pieces.append(Piece(template.after_user, "markup"))
    if opened:
        pieces.append(Piece(template.assistant, "markup"))
    return [piece for piece in pieces if piece.text or piece.kind == "answer"]


def answer_text(template: Template, turn: Mapping[str, Any]) -> str:
    """An answer as it is scored; an empty one stays empty."""
    text = said(turn)
    return template.lead + text if text.strip() else ""


def _seam(text: str, given: str | None) -> int:
    """Where an instruction ends that its input follows after an empty line; 0 where none does."""
    after = "\n\n" + (given or "")
    return len(text) - len(after) if given and text.endswith(after) else 0


def _question(template: Template, text: str, given: str | None) -> list[Piece]:
    """A question; instruction and input apart where they still are two."""
    if given:
        instruction = text[: _seam(text, given)]
        return [Piece(instruction, "text"), Piece(template.given, "markup"), Piece(given, "text")]
    return [Piece(text, "text")]


def said(turn: Mapping[str, Any]) -> str:
    """What a turn says: its text, then its tool calls, which the model has to write as well."""
    return "\n".join(part for part in (turn.get("content"), turn.get("tool_calls")) if part)


def seam_input(question: str, extra: str | None) -> str | None:
    """The input that a question ends with and that its row keeps apart, None where it does not.

    It decides how templates write the row, so it is part of what names the row.
    """
    if not extra or not ('"input"' in extra or '"context"' in extra):
        return None
    given = given_input(extra)
    return given if _seam(question, given) else None


def given_input(extra: str | None) -> str | None:
    """The input that an instruction came with, out of a row's other fields."""
    if not extra:
        return None
    fields = json.loads(extra)
    for name in ("input", "context"):
        if isinstance(fields.get(name), str) and fields[name].strip():
            return str(fields[name])
    return None
