"""One call to a chat server: what comes back is a reply, or one of three kinds of trouble.

Passing   the same call may work in a moment: 408, 409, 425, 429, 5xx, no connection, no answer
Refusal   the server does not take this request: 400, 413, 422, 501
UserError nobody's next call will work: no key, no such model, no money left
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import orjson

from tamis.errors import UserError
from tamis.models._address import KEY, Address, sdk
from tamis.models._forms import FILTER
from tamis.models._limits import retry_after
from tamis.models._replies import BadReply, Reply, read_reply

NO_MONEY = re.compile(r"insufficient_quota|insufficient.(funds|balance|credit)|billing", re.I)
PASSING_STATUS = {408: "timed_out", 409: "server_error", 425: "server_error", 429: "rate_limited"}
REFUSALS = (400, 413, 422, 501)
OVERLOADED = (429, 503, 529)
SENT = "send_request_headers.started"
"""How the name of the step ends at which the HTTP library begins to send a call."""

KEPT = "Answers that came are kept; the same command goes on after them"

Heard = Callable[[Mapping[str, str], int], None]


@dataclass(slots=True)
class _Way:
    """How far a call came: what was never sent costs nothing."""

    sent: bool = False


_way: ContextVar[_Way] = ContextVar("_way")


class Passing(Exception):
    """A trouble of the moment.

    `wait` is what the server asks for; `charged`: it may have answered, and charge for it.
    """

    def __init__(
        self,
        problem: str,
        said: str,
        *,
        wait: float | None = None,
        charged: bool = False,
        overloaded: bool = False,
    ) -> None:
        super().__init__(said)
        self.problem, self.wait = problem, wait
        self.charged, self.overloaded = charged, overloaded


class Refusal(Exception):
    """The server does not take the request; `reason` is all that it says, codes included."""

    def __init__(self, said: str, reason: str) -> None:
        super().__init__(said)
        self.reason = reason


class Calls:
    """Calls to a server, each made once.

    Args:
        address: of the server
        timeout: seconds for an answer
        heard: is told the headers of each response, and the tokens that its call may use
    """

    def __init__(self, address: Address, timeout: float, heard: Heard) -> None:
        self.address, self.timeout, self.heard = address, timeout, heard
        self._client: Any = None
        self._users = 0

    async def __aenter__(self) -> None:
        """Opens the SDK's client, which does not call again by itself, if nobody has it open."""
        if self._client is None:
            self._client = self.address.client(
                "AsyncOpenAI", {"request": [_followed]}, max_retries=0, timeout=self.timeout
            )
        self._users += 1

    async def __aexit__(self, *_: object) -> None:
        """The last one closes it.

        One that is left to the garbage collector closes sockets whose numbers others have by then,
        and their answers are never read.
        """
        self._users -= 1
        if not self._users:
            client, self._client = self._client, None
            await client.close()

    async def send(self, body: Mapping[str, Any], tokens: int) -> Reply:
        """The reply to a request."""
        library, way = sdk(), _Way()
        _way.set(way)
        try:
            async with asyncio.timeout(self.timeout):
                content, headers = await self._content(body)
        except (TimeoutError, library.APITimeoutError):
            said = f"no {'answer' if way.sent else 'connection'} in {self.timeout:g} seconds"
            problem = "timed_out" if way.sent else "unreachable"
            raise Passing(problem, said, charged=way.sent) from None
        except library.APIStatusError as error:
            self.heard(error.response.headers, tokens)
            raise self.verdict(
                error.status_code, error.body, error.message, error.response.headers
            ) from None
        except (library.APIConnectionError, OSError) as error:
            cause = error.__cause__ or error
            said = self.address.redacted(f"{cause or type(cause).__name__}")
            raise Passing("unreachable", said, charged=way.sent) from None
        self.heard(headers, tokens)
        try:
            return read_reply(content)
        except BadReply as error:
            raise self._instead(content, str(error)) from None

    async def _content(self, body: Mapping[str, Any]) -> tuple[bytes, Mapping[str, str]]:
        rest = {name: value for name, value in body.items() if name not in ("model", "messages")}
        response = await self._client.chat.completions.with_raw_response.create(
            model=body["model"], messages=body["messages"], extra_body=rest
        )
        return response.http_response.content, response.http_response.headers

    def _instead(self, content: bytes, why: str) -> Exception:
        """The trouble of a response that is no reply: some servers put errors into a 200."""
        try:
            error = orjson.loads(content)["error"]
            status = error.get("code") or error.get("status") if isinstance(error, dict) else None
            if isinstance(status, int) and 400 <= status < 600:
                return self.verdict(status, error, why, {})
        except (orjson.JSONDecodeError, KeyError, TypeError):
            pass
        return Passing("bad_reply", f"it answered with {why}", charged=True)

    def verdict(
        self, status: int, body: object, message: str, headers: Mapping[str, str]
    ) -> Exception:
        """What the status of an error means."""
        said = f"{status}: {self.address.said(body, message)}"
        reason = f"{said} {codes(body)}"
        if (status == 429 and NO_MONEY.search(reason)) or status == 402:
            return UserError(f"{self.address.shown} says that no money is left ({said}). {KEPT}")
        if status in REFUSALS or (status == 403 and FILTER.search(reason)):
            return Refusal(said, reason)
        if status in PASSING_STATUS or status >= 500:
            problem = PASSING_STATUS.get(status, "server_error")
            wait = retry_after(headers, time.time())
            return Passing(problem, said, wait=wait, overloaded=status in OVERLOADED)
        return UserError(f"{self.address.shown} answered {said}. {self._hint(status)}. {KEPT}")

    def _hint(self, status: int) -> str:
        if status in (401, 403):
            own = "" if self.address.variable != KEY else ", or in one named as NAME@URL#VARIABLE"
            return f"Its key should stand in the environment variable {self.address.variable}{own}"
        if status == 404:
            return "Is the model's name as the server calls it, and does the address end as /v1?"
        return "Is this the address of a chat server, as http://localhost:8000/v1?"


async def _followed(request: Any) -> None:
    """Has the HTTP library tell when it begins to send a request."""
    way = _way.get()

    async def told(step: str, about: Mapping[str, Any]) -> None:
        if step.endswith(SENT) and getattr(about.get("request"), "method", b"") != b"CONNECT":
            way.sent = True  # a proxy's tunnel is not yet the call

    request.extensions["trace"] = told


def codes(body: object) -> str:
    """What an error's machine-readable fields say."""
    found = body if isinstance(body, Mapping) else {}
    inner = found.get("error")
    fields = inner if isinstance(inner, Mapping) else found
    return " ".join(str(fields.get(name, "")) for name in ("code", "type", "param", "innererror"))
