"""How a question becomes a request, and what a server's refusal of a request means.

The richest form is tried first. A server that does not know a field says so with a 400, which
costs nothing; it is then asked without that field, or with its other name, for good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from itertools import combinations
from typing import Any, Literal

import orjson

from tamis.models._text import encodable
from tamis.protocols import Question

VERSION = 1
"""Raise it when the same question is put in another way."""

Limit = Literal["max_tokens", "max_completion_tokens"]

TOO_LONG = re.compile(
    r"context.{0,12}(length|window|size)|context_length|exceed_context|too.long|too many tokens"
    r"|maximum.{0,20}tokens|n_ctx",
    re.IGNORECASE,
)
FILTER = re.compile(
    r"content.?filter|content.?management|content.?policy|responsibleai|moderation|safety system",
    re.IGNORECASE,
)
SCHEMA = re.compile(r"response_format|json_schema|structured|guided|grammar|schema", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """Which fields a server is sent."""

    limit: Limit = "max_tokens"
    schema: bool = True
    temperature: bool = True
    seed: bool = True

    def body(self, model: str, question: Question, thinking: int) -> dict[str, Any]:
        """The request for a question."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": role, "content": encodable(t)} for role, t in question.messages],
            self.limit: question.tokens + thinking,
        }
        if self.temperature:
            body["temperature"] = question.temperature
        if self.seed:
            body["seed"] = 0
        if self.schema and question.schema:
            schema = orjson.loads(question.schema)
            form = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    def poorer(self, body: Mapping[str, Any]) -> Iterator[Form]:
        """Forms that lack one field of a request or more, few and what is missed least first."""
        steps: dict[str, dict[str, Any]] = {
            "response_format": {"schema": False},
            "seed": {"seed": False},
            "max_tokens": {"limit": "max_completion_tokens"},
            "temperature": {"temperature": False},
        }
        known = [change for name, change in steps.items() if name in body]
        for size in range(1, len(known) + 1):
            for changes in combinations(known, size):
                yield replace(self, **dict(pair for each in changes for pair in each.items()))

    @property
    def fields(self) -> dict[str, bool]:
        """The fields that can be left out, as far as this form has them."""
        flags = {
            "response_format": self.schema,
            "temperature": self.temperature,
            "seed": self.seed,
            self.limit: True,
        }
        return {name: True for name, sent in flags.items() if sent}

    @property
    def left_out(self) -> list[str]:
        """Fields that the server did not take."""
        return sorted({"response_format", "temperature", "seed"} - self.fields.keys())

    @property
    def text(self) -> str:
        """The form as the ledger keeps it."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def of(cls, text: str) -> Form:
        return cls(**orjson.loads(text))


def key_of(place: str, body: Mapping[str, Any]) -> str:
    """Names everything that changes an answer: the server, and all that it is sent."""
    text = orjson.dumps([VERSION, place, body], option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=16).hexdigest()


def problem_of(said: str) -> str | None:
    """too_long or refused, where a refusal is of this question and no other."""
    if TOO_LONG.search(said):
        return "too_long"
    return "refused" if FILTER.search(said) else None


def next_form(form: Form, body: Mapping[str, Any], said: str) -> Form | None:
    """The form without the field that a refusal names; None where it names none that was sent."""
    found: Form | None = None
    if "max_tokens" in body and "max_tokens" in said:
        found = replace(form, limit="max_completion_tokens")
    elif "response_format" in body and SCHEMA.search(said):
        found = replace(form, schema=False)
    elif "temperature" in body and "temperature" in said.lower():
        found = replace(form, temperature=False)
    elif "seed" in body and re.search(r"\bseed\b", said.lower()):
        found = replace(form, seed=False)
    return found
