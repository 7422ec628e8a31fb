"""The completions endpoint of an OpenAI-compatible server: requests, and how answers are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson

from tamis.errors import UserError, nearest
from tamis.models._address import Address, sdk
from tamis.types import Floats, Ints

Answer = Mapping[str, Any]

KEPT = "Rows of finished shards are kept; the same command goes on after them"
REFUSALS = (400, 404, 405, 422, 501)
"""Statuses of a server that does not know what it was asked; others are trouble of the moment."""
ZERO = -9999.0
"""What servers write for the logarithm of zero, which JSON has no word for."""
RETOKENISES = "it does not take token ids as they are, so its scores are of other tokens"


class Refused(UserError):
    """The server does not offer what it was asked for."""


class Absent(Exception):
    """The answer lacks what was asked for."""


class Mismatch(Exception):
    """The server read other tokens than it was sent; `doubled` if the first came twice."""

    def __init__(self, message: str, *, doubled: bool = False) -> None:
        super().__init__(message)
        self.doubled = doubled


class Endpoint:
    """One server: its address, and requests with the SDK's retries.

    Args:
        url: where the API is, as http://localhost:8000/v1
        retries: of a request that fails for 429, 5xx or the network; Retry-After is honoured
        timeout: seconds for an answer
    """

    def __init__(self, url: str, *, retries: int, timeout: float) -> None:
        self.address = Address(url)
        if retries < 0:
            raise UserError(f"retries must be at least 0, got {retries}")
        self.retries, self.timeout = retries, timeout
        self.shown = self.address.shown

    @cached_property
    def client(self) -> Any:
        """The SDK's client; its key is OPENAI_API_KEY, which local servers do not ask for."""
        return self.address.client("OpenAI", max_retries=self.retries, timeout=self.timeout)

    def card(self, model: str) -> Answer:
        """What the server says of a model."""
        cards = self._call(lambda: self.client.models.with_raw_response.list()).get("data")
        known = {str(c.get("id")): c for c in cards or () if isinstance(c, dict)}
        if model not in known:
            raise UserError(f"{self.shown} serves no model {model!r}; {nearest(model, known)}")
        found: Answer = known[model]
        return found

    def complete(self, model: str, ids: Ints, body: Answer) -> Answer:
        """The answer to one request for a completion of the ids."""
        # At temperature 1 nothing that a server does before it draws changes its predictions.
        sent = {"temperature": 1, "max_tokens": 1, **body}
        create = self.client.completions.with_raw_response.create
        return self._call(lambda: create(model=model, prompt=ids.tolist(), extra_body=sent))

    def _call(self, send: Callable[[], Any]) -> Answer:
        """The JSON that comes back; what the SDK gave up on is a UserError."""
        library = sdk()
        try:
            content = send().http_response.content
        except library.APIStatusError as error:
            reason = self.address.said(error.body, error.message)
            said = f"{self.shown} answered {error.status_code}: {reason}"
            if error.status_code in REFUSALS:
                raise Refused(said) from None
            raise UserError(f"{said}. {KEPT}") from None
        except library.APIConnectionError as error:
            reason = self.address.redacted(str(error.__cause__ or error))
            raise UserError(f"{self.shown} cannot be reached ({reason}). {KEPT}") from None
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise UserError(f"{self.shown} answered with something that is no JSON object. {KEPT}")
        return found


@dataclass(frozen=True, slots=True)
class Form:
    """How a server is asked for the log-probabilities of a prompt, and how its answer is read.

    `losses` gives one value a token, NaN for the first, or raises Absent or Mismatch.
    """

    body: Answer
    losses: Callable[[Answer, Ints], Floats]


def from_prompt_logprobs(answer: Answer, ids: Ints) -> Floats:
    """Losses out of vLLM's field: for each token its id, and what is known of it."""
    try:
        found = answer["choices"][0].get("prompt_logprobs")
    except (KeyError, IndexError, TypeError, AttributeError):
        found = None
    if not isinstance(found, list) or not any(found):
        raise Absent("returned no prompt_logprobs")
    if len(found) != len(ids):
        raise Mismatch(other_count(len(found), len(ids)))
    losses = np.full(len(ids), np.nan)
    for at in range(1, len(ids)):
        entry = (found[at] or {}).get(str(ids[at]))
        if entry is None:
            raise Mismatch(f"scored another token than {ids[at]} in place {at}: {RETOKENISES}")
        losses[at] = -finite(entry["logprob"])
    return losses


def from_echo(answer: Answer, ids: Ints) -> Floats:
    """Losses out of an echo of the prompt, with or without one more token."""
    try:
        found = answer["choices"][0]["logprobs"]
        values, texts = found["token_logprobs"], found.get("tokens") or []
        size = len(values)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Absent("returned no logprobs") from None
    count = prompt_tokens(answer)
    if count is None:
        raise Absent("does not say how many tokens it read (usage.prompt_tokens)")
    if count != len(ids):
        twice = count == len(ids) + 1 and len(texts) > 1 and texts[0] == texts[1]
        raise Mismatch(other_count(count, len(ids)), doubled=twice)
    if size not in (count, count + 1) or None in values[1:count]:
        known = sum(value is not None for value in values)
        raise Absent(f"returned {known} log-probabilities for {count} tokens of an echoed prompt")
    return np.array([np.nan, *(-finite(value) for value in values[1:count])])


FORMS = (
    Form({"prompt_logprobs": 0}, from_prompt_logprobs),
    Form({"echo": True, "logprobs": 1, "max_tokens": 0}, from_echo),
    Form({"echo": True, "logprobs": 1, "max_tokens": 1}, from_echo),
)


def top_tokens(answer: Answer) -> Mapping[str, float]:
    """The likeliest next tokens as the server writes them, and their log-probabilities."""
    try:
        top = answer["choices"][0]["logprobs"]["top_logprobs"][-1]
        return {str(text): finite(value) for text, value in top.items()}
    except (KeyError, IndexError, TypeError, AttributeError):
        return {}


def other_count(count: int, sent: int) -> str:
    """The server read another number of tokens."""
    return f"read {count} tokens where {sent} were sent: {RETOKENISES}"


def prompt_tokens(answer: Answer) -> int | None:
    """Tokens of the prompt as the server counts them."""
    usage = answer.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None


def finite(value: float) -> float:
    """A log-probability; the number that stands for zero probability is minus infinity."""
    return float(value) if value > ZERO else -np.inf
