"""Where a server is and what opens it: nothing secret of it is ever shown."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tamis.errors import MissingExtra, UserError

KEY = "OPENAI_API_KEY"
NO_KEY = "EMPTY"  # what servers that ask for no key are sent
LOGGERS = ("httpx", "httpx2", "openai._base_client")
"""Of the SDK and its HTTP library, which tell the address of every call."""


@dataclass(frozen=True)
class Address:
    """An address taken apart; user, password and what follows `?` are sent and never shown.

    Args:
        url: as http://localhost:8000/v1
        variable: the environment variable that holds the key
    """

    url: str = field(repr=False)
    variable: str = KEY

    def __post_init__(self) -> None:
        try:
            place = urlsplit(self.url)
            fine = place.scheme in ("http", "https") and place.hostname and place.port != 0
        except ValueError:
            fine = False
        if not fine:
            raise UserError(
                f"{_bare(self.url)!r} is no address of a server, as http://localhost:8000/v1"
            )
        # many a key could be a name but for its case
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", self.variable):
            raise UserError(
                f"what follows # in the address of {self.shown} is no name of an environment "
                f"variable in capitals: NAME@URL#VARIABLE, where VARIABLE holds the key"
            )

    @cached_property
    def shown(self) -> str:
        """The address without anything secret."""
        place = urlsplit(self.url)
        name = f"[{place.hostname}]" if ":" in str(place.hostname) else place.hostname
        port = f":{place.port}" if place.port else ""
        return f"{place.scheme}://{name}{port}{place.path.rstrip('/')}"

    @cached_property
    def query(self) -> Mapping[str, str]:
        """What follows `?`, as api-version or a key."""
        return dict(parse_qsl(urlsplit(self.url).query))

    @cached_property
    def key(self) -> str:
        """The key, read when it is first needed."""
        found = os.environ.get(self.variable, "").strip()
        if not found and self.variable != KEY:
            raise UserError(
                f"the key of {self.shown} should stand in the environment variable "
                f"{self.variable}, which is not set"
            )
        if not re.fullmatch(r"[\x21-\x7e]*", found):
            raise UserError(
                f"the key in the environment variable {self.variable} holds a space, a line end or "
                "a letter outside ASCII: it should be the key alone"
            )
        return found or NO_KEY

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """User and password, where the address has them, instead of the key."""
        place = urlsplit(self.url)
        if place.username is None:
            return {}
        from base64 import b64encode

        pair = f"{unquote(place.username)}:{unquote(place.password or '')}"
        return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}

    @cached_property
    def _secrets(self) -> list[str]:
        place = urlsplit(self.url)
        header = self.headers.get("Authorization", "").removeprefix("Basic ")
        known = [self.key, place.username, place.password, header, *self.query.values()]
        found = {s for s in known if s and s != NO_KEY and len(s) > 2}
        found |= {form(s) for s in found for form in (unquote, lambda s: quote(s, safe=""))}
        return sorted(found, key=len, reverse=True)

    def redacted(self, text: str) -> str:
        """A text without the secrets of this address."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text

    def said(self, body: object, otherwise: str = "") -> str:
        """What a server said of an error, in one short line."""
        found = body if isinstance(body, Mapping) else {}
        inner = found.get("error")
        if isinstance(inner, Mapping):
            found = inner
        text = found.get("message") or found.get("detail") or (inner if inner else None)
        return self.redacted(" ".join(str(text or otherwise).split()))[:300]

    def client(self, kind: str, hooks: Mapping[str, Any] | None = None, **settings: Any) -> Any:
        """The SDK's client, OpenAI or AsyncOpenAI; `hooks` are those of its HTTP library."""
        library, key = sdk(), self.key
        for name in LOGGERS:
            logging.getLogger(name).addFilter(_Logged(self))
        try:
            if hooks:
                settings["http_client"] = library.DefaultAsyncHttpxClient(event_hooks=hooks)
            return getattr(library, kind)(
                base_url=self.shown,
                api_key=key,
                default_query=self.query or None,
                default_headers=self.headers or None,
                **settings,
            )
        except Exception as error:  # the HTTP library's, of what the environment says
            raise UserError(
                f"{self.shown} cannot be called ({_bare(str(error))}): HTTPS_PROXY, ALL_PROXY and "
                "the like, and SSL_CERT_FILE, must name what is there, or be unset"
            ) from None


@dataclass(frozen=True)
class _Logged:
    """Keeps the secrets of an address out of what the HTTP library logs of a request."""

    address: Address

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        shown = self.address.redacted(said)
        if shown != said:
            record.msg, record.args = shown, None
        return True


def sdk() -> Any:
    """The openai package."""
    try:
        import openai
    except ImportError:
        raise MissingExtra("a language model on a server", "judge") from None
    return openai


def _bare(url: str) -> str:
    """What can be shown of a text that is no address."""
    return re.sub(r"//.*@", "//", url, flags=re.DOTALL).split("?")[0].split("#")[0]
