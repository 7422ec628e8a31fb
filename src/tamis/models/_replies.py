"""What a chat server sent back, read: the answer is what stands after the thinking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tamis.models._text import encodable
from tamis.models.prices import Price
from tamis.protocols import Answer

CLOSE = "</think>"
OPEN = "<think>"
FILTERED = ("content_filter", "refusal")
ENDS = {"length": "length", "max_tokens": "length", "content_filter": "content_filter"}
"""Finish reasons that say more than that the answer is complete."""


MOST_TOKENS = 10**9
"""A server that counts more does not count."""


class BadReply(Exception):
    """What came back is no answer: no JSON, no choices, another shape."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came.

    `text` may hold thinking; `finish` is stop, length, content_filter or refusal; tokens are
    None where the server did not count them.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    model: str = ""
    fingerprint: str = ""
    cost: float | None = None

    @property
    def counted(self) -> bool:
        """Whether the server said how many tokens it read and wrote."""
        return self.prompt_tokens is not None and self.completion_tokens is not None

    def cost_by(self, price: Price | None) -> float | None:
        """What it cost, where that can be known."""
        if price is None or not self.counted:
            return None
        return price.of(self.prompt_tokens or 0, self.completion_tokens or 0)

    @property
    def answer(self) -> Answer:
        """What the judge said, without its thinking."""
        if self.finish in FILTERED:
            return Answer("", "refused")
        said = without_thinking(self.text)
        if said is None:
            return Answer("", "cut_off")
        return Answer(said, "cut_off" if self.finish == "length" else None)


def without_thinking(text: str) -> str | None:
    """What stands after the last </think> of an answer that begins with thinking.

    None where the thinking never ends. A text that does not begin so stays as it is: a row can hold
    the mark, and a judge can quote it.
    """
    if not text.lstrip().startswith(OPEN):
        return text
    _thought, closed, tail = text.rpartition(CLOSE)
    return tail.strip() if closed else None


def read_reply(content: bytes) -> Reply:
    """The reply in a response's body; BadReply where there is none."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise BadReply("no JSON") from None
    if not isinstance(body, dict):
        raise BadReply("no JSON object")
    return reply_of(body)


def reply_of(body: Mapping[str, Any]) -> Reply:
    """The reply in a response."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadReply("no choices")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise BadReply("no message")
    finish = ENDS.get(str(choices[0].get("finish_reason")), "stop")
    text = _text(message.get("content"))
    if message.get("refusal"):
        text, finish = str(message["refusal"]), "refusal"
    if text is None and finish == "stop":
        raise BadReply("a message without text")
    usage = body.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    details = counts.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return Reply(
        text or "",
        finish,
        _count(counts.get("prompt_tokens")) or None,  # a question has tokens
        _count(counts.get("completion_tokens")) or (None if text else 0),
        _count(reasoning),
        str(body.get("model") or ""),
        str(body.get("system_fingerprint") or ""),
    )


def _text(content: object) -> str | None:
    """The text of a message, which is a text or a list of parts."""
    if isinstance(content, str):
        return encodable(content)
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        found = [part for part in parts if isinstance(part, str)]
        return "".join(found) if found else None
    return None


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST_TOKENS else None
