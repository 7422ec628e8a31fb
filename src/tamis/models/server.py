"""A language model on an OpenAI-compatible server that returns log-probabilities of the prompt.

A passage is sent as token ids, never as text, so that the server scores the tokens that every other
backend scores. How it answers is found once, with a text of single characters, which a server that
tokenises anew would join:
    prompt_logprobs   vLLM's own field, which names the token of every value
    echo              the older OpenAI form, echo with logprobs; the numbers of tokens are compared
A server that puts its start token in front of everything is sent passages without theirs; what
begins without one cannot be read there. A value of -9999, which is how servers write the logarithm
of zero, is an infinite loss.
`id` holds the name and root that the server reports, the context and the tokenizer. Other weights,
or another precision, have to be served under another name.
Tolerance: the server's, whose losses move with what else it reads at the time; none is promised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from tamis.errors import UserError
from tamis.models._completions import (
    FORMS,
    KEPT,
    Absent,
    Answer,
    Endpoint,
    Form,
    Mismatch,
    Refused,
    other_count,
    prompt_tokens,
    top_tokens,
)
from tamis.models._losses_only import LossesOnly, Tokens, asks_losses, reading
from tamis.notation import without_secrets
from tamis.protocols import Passage, Reading
from tamis.types import Floats, Ints

Item = TypeVar("Item")
Found = TypeVar("Found")

PROBE = "Hello, all well?"
TOP = 20  # likeliest tokens asked for where options are wanted: vLLM's usual limit


@dataclass(frozen=True, slots=True)
class Way:
    """How a server is read; without a form `refusal` says why it cannot be."""

    form: Form | None
    adds_start: bool = False
    refusal: str = ""


class Server(LossesOnly):
    """The model `name` of the server at `url`, read over HTTP.

    Args:
        name: the model, as the server calls it
        url: where the API is, as http://localhost:8000/v1
        tokenizer: its tokenizer, a Hub name or a folder; the model's name unless given
        concurrency: requests at a time
        retries: of a request that fails for 429, 5xx or the network; Retry-After is honoured
        timeout: seconds for an answer
    """

    described = "a server"

    def __init__(
        self,
        name: str,
        url: str,
        *,
        tokenizer: str | Tokens = "",
        concurrency: int = 16,
        retries: int = 6,
        timeout: float = 600.0,
    ) -> None:
        if concurrency < 1:
            raise UserError(f"concurrency must be at least 1, got {concurrency}")
        self.name, self.tokenizer, self.concurrency = name, tokenizer, concurrency
        self.endpoint = Endpoint(url, retries=retries, timeout=timeout)
        self.shown = self.endpoint.shown
        self.accepted: dict[str, int] = {}  # purpose -> which of several requests is not refused

    @classmethod
    def named(cls, text: str, dtype: str = "auto") -> Server:
        """NAME@URL, or NAME@URL#TOKENIZER where the tokenizer has another name."""
        name, _, url = text.partition("@")
        url, _, tokenizer = url.partition("#")
        if not name:
            raise UserError(f"{without_secrets(text)!r} names no model: NAME@URL")
        if dtype not in ("", "auto"):
            shown = without_secrets(text)
            raise UserError(f"the precision of {shown!r} is the server's: leave dtype at auto")
        return cls(name, url, tokenizer=tokenizer)

    @cached_property
    def tokens(self) -> Tokens:  # type: ignore[override]
        """The model's tokenizer, which is read here."""
        if not isinstance(self.tokenizer, str):
            return self.tokenizer
        from tamis.models.hf_tokenizer import ModelTokenizer

        found = ModelTokenizer(self.tokenizer or self.name)
        try:
            _ = found.id
        except UserError as error:
            hint = f"name the tokenizer of the served model, {self.name}@{self.shown}#TOKENIZER"
            raise UserError(f"{hint}: {error}") from None
        return found

    @cached_property
    def card(self) -> Answer:
        """What the server says of the model."""
        return self.endpoint.card(self.name)

    @property
    def id(self) -> str:
        root = self.card.get("root")
        served = self.name if root in (None, self.name) else f"{self.name}({root})"
        return f"server:{served}/{self.context}/{self.tokens.id}"

    @cached_property
    def context(self) -> int:
        """Tokens of a passage: one less than the model reads, as a server writes at least one."""
        longest = self.card.get("max_model_len")
        return min(self.tokens.context, int(longest) if longest else self.tokens.context) - 1

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """Losses and options, several passages at a time, in the order of the passages."""
        self.check(passages)
        return self._each(self._read, passages)

    def generate(self, prompts: Sequence[Ints], tokens: int) -> list[Ints]:
        """The likeliest tokens; where the server returns text alone, those of its text."""
        return self._each(lambda prompt: self._generate(prompt, tokens), prompts)

    def _each(self, work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
        """work(item) of all items, several at a time, in order; the first error stops the rest."""
        if not items:
            return []
        _ = self.way  # found once, before the threads
        with ThreadPoolExecutor(self.concurrency) as pool:
            waiting = [pool.submit(work, item) for item in items]
            try:
                return [each.result() for each in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _read(self, passage: Passage) -> Reading:
        losses = self._losses(passage.ids) if asks_losses(passage) else None
        options = self._options(passage) if passage.options else None
        return reading(passage, losses, options)

    def _losses(self, ids: Ints) -> Floats:
        """Losses of all tokens, NaN for the first."""
        if self.way.form is None:
            raise UserError(self.way.refusal)
        return self._tried(self.way.form, self._sent(ids), ids)

    def _tried(self, form: Form, sent: Ints, ids: Ints) -> Floats:
        """The losses of `ids` in a form that the server offers."""
        try:
            return form.losses(self.endpoint.complete(self.name, sent, form.body), ids)
        except (Absent, Mismatch) as error:
            raise UserError(f"{self.shown} {error}. {KEPT}") from None

    @cached_property
    def way(self) -> Way:
        """The form that the server offers, found with a text that cannot be tokenised anew."""
        first = [] if self.start is None else [np.array([self.start], np.int64)]
        ids = np.concatenate([*first, *self.encode(list(PROBE))])
        reasons = []
        for form in FORMS:
            try:
                form.losses(self.endpoint.complete(self.name, ids, form.body), ids)
                return Way(form)
            except Refused as error:
                reasons.append(str(error))
            except Absent as error:
                reasons.append(f"{self.shown} {error}")
            except Mismatch as error:
                if not (error.doubled and first):
                    raise UserError(f"{self.shown} {error}") from None
                self._tried(form, ids[1:], ids)  # it adds the token that the passage begins with
                return Way(form, adds_start=True)
        return Way(
            None,
            refusal=f"{self.shown} does not return log-probabilities of the prompt, neither as "
            "prompt_logprobs (vLLM) nor by echo with logprobs, and scoring needs them: "
            + "; ".join(dict.fromkeys(reasons)),
        )

    def _sent(self, ids: Ints) -> Ints:
        """The token ids to send: without a start token where the server adds its own."""
        if not self.way.adds_start:
            return ids
        if ids[0] != self.start or len(ids) < 2:
            raise UserError(
                f"{self.shown} puts a start token in front of every text and cannot read one "
                "without it: set start=true, or use a server that leaves token ids as they are"
            )
        return ids[1:]

    def _options(self, passage: Passage) -> Floats:
        """Log-probabilities of the options: of the likeliest tokens, or read as one more token."""
        known = self._likeliest(passage)
        missing = [option for option in passage.options if option not in known]
        if missing and self.way.form is None:
            raise UserError(
                f"option token {missing[0]} is not among the likeliest next tokens that "
                f"{self.shown} returns, at most {TOP}, and it returns no log-probabilities of "
                f"prompts; a model that is read in this process has every option. {KEPT}"
            )
        for option in missing:
            known[option] = -float(self._losses(np.append(passage.ids, option))[-1])
        return np.array([known[option] for option in passage.options])

    def _likeliest(self, passage: Passage) -> dict[int, float]:
        """Log-probabilities of the next tokens that the server returns and that can be told."""
        extra = {"logprob_token_ids": list(passage.options), "return_tokens_as_token_ids": True}
        bodies: list[Answer] = [{"logprobs": TOP, **extra}, {"logprobs": TOP}, {"logprobs": 5}]
        top = top_tokens(self._first_accepted("options", passage.ids, bodies))
        found: dict[int, list[float]] = {}
        texts = [text for text in top if not text.startswith("token_id:")]
        for text, ids in zip(texts, self.encode(texts), strict=True):
            if len(ids) == 1:
                found.setdefault(int(ids[0]), []).append(top[text])
        for text in top.keys() - set(texts):
            found.setdefault(int(text.removeprefix("token_id:")), []).append(top[text])
        return {token: values[0] for token, values in found.items() if len(values) == 1}

    def _generate(self, prompt: Ints, tokens: int) -> Ints:
        body = {"max_tokens": tokens, "temperature": 0}
        extra = {"return_token_ids": True, "repetition_penalty": 1.0}  # servers have defaults
        answer = self._first_accepted("generate", prompt, [{**body, **extra}, body])
        try:
            choice = answer["choices"][0]
            ids, text, reason = choice.get("token_ids"), choice["text"], choice["finish_reason"]
        except (KeyError, IndexError, TypeError, AttributeError):
            raise UserError(f"{self.shown} returned no completion. {KEPT}") from None
        if ids is None:
            return self.encode([text])[0][:tokens]
        # What stopped the text is the token that ends it, as no other stop was asked for.
        return np.array(ids[:-1] if reason == "stop" else ids, np.int64)[:tokens]

    def _first_accepted(self, purpose: str, ids: Ints, bodies: Sequence[Answer]) -> Answer:
        """The answer to the first request that the server does not refuse; it remembers which."""
        for at in range(self.accepted.get(purpose, 0), len(bodies) - 1):
            try:
                answer = self._accepted(ids, bodies[at])
            except Refused:
                continue
            self.accepted[purpose] = at
            return answer
        answer = self._accepted(ids, bodies[-1])
        self.accepted[purpose] = len(bodies) - 1
        return answer

    def _accepted(self, ids: Ints, body: Mapping[str, Any]) -> Answer:
        """The answer to a request whose tokens the server counted as we do."""
        answer = self.endpoint.complete(self.name, self._sent(ids), body)
        count = prompt_tokens(answer)
        if count not in (None, len(ids)):
            raise UserError(f"{self.shown} {other_count(count, len(ids))}. {KEPT}")
        return answer
