"""A completions server over HTTP that computes with the fake model, and can be told to misbehave.

Its answers have the shape of vLLM's (`prompt_logprobs`, ids as `token_id:N`) or of the older OpenAI
form (echo with logprobs, tokens as text), as far as a client sees them.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models.fake import START, FakeLikelihood
from tamis.models.server import Server
from tamis.protocols import Passage

pytest.importorskip("openai")

MODEL = "fake-1"
LM = FakeLikelihood()
EVERY = tuple(range(257))


@dataclass
class Fault:
    """An answer that is given instead of the right one."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": {"message": "broken"}}'
    reset: bool = False


@dataclass
class Behaviour:
    """What the server offers and what it does wrong.

    `forms` are of prompt_logprobs, echo, echo_one (echo that has to add a token); `changes` is
    joins (doubled tokens become one), swaps (another last token) or starts (a start token comes
    twice); `faults` are given to the first completions, `always` to all of them.
    """

    forms: tuple[str, ...] = ("prompt_logprobs",)
    top: int = 257
    names_ids: bool = True  # vLLM's logprob_token_ids, return_tokens_as_token_ids, return_token_ids
    strict: bool = False  # refuses fields that it does not know
    adds_start: bool = False
    changes: str = ""
    slow: dict[int, float] = field(default_factory=dict)  # length of the prompt -> seconds
    ends_after: int = 10_000  # tokens after which a text ends, which the fake model never does
    usage: bool = True
    card: dict[str, Any] = field(default_factory=dict)
    lasts: int = 10_000  # completions before it only fails
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: Any = field(default_factory=threading.Lock)


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The address of a server that behaves so."""
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        assert self.path == "/v1/models"
        self._send(200, {"data": [{"id": MODEL, "object": "model", **self.behaviour.card}]})

    def do_POST(self) -> None:
        does = self.behaviour
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with does.lock:
            key = self.headers["Authorization"]
            does.requests.append({**body, "key": key, "time": time.monotonic()})
            fault = does.faults.pop(0) if does.faults else does.always
            if len(does.requests) > does.lasts:
                fault = Fault(503)
            does.at_once += 1
            does.most_at_once = max(does.at_once, does.most_at_once)
        try:
            if fault is None:
                time.sleep(does.slow.get(len(body["prompt"]), 0))
                self._send(*_answer(does, body))
            else:
                self._fail(fault)
        finally:
            with does.lock:
                does.at_once -= 1

    def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _fail(self, fault: Fault) -> None:
        if not fault.reset:
            self._send(fault.status, fault.body, fault.headers)
            return
        # Closing with a linger of 0 resets the connection instead of ending it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


OWN_FIELDS = {
    "prompt_logprobs",
    "logprob_token_ids",
    "return_tokens_as_token_ids",
    "return_token_ids",
    "repetition_penalty",
}


def _answer(does: Behaviour, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and answer, as a server with these habits would give."""
    if does.strict and OWN_FIELDS & body.keys():
        return 400, {"error": {"message": f"unknown fields {sorted(OWN_FIELDS & body.keys())}"}}
    if (body.get("logprobs") or 0) > does.top:
        return 400, {"error": {"message": f"logprobs must be at most {does.top}"}}
    if body["max_tokens"] == 0 and "echo" not in does.forms:
        return 400, {"error": {"message": "max_tokens must be at least 1"}}
    ids = _as_read(does, body["prompt"])
    size = min(body["max_tokens"], does.ends_after)
    made = LM.generate([np.array(ids)], size)[0].tolist()
    stopped = size < body["max_tokens"]
    choice: dict[str, Any] = {
        "index": 0,
        "text": bytes(made).decode("utf-8", "replace"),
        "finish_reason": "stop" if stopped else "length",
    }
    if "prompt_logprobs" in does.forms and body.get("prompt_logprobs") is not None:
        choice["prompt_logprobs"] = [None, *({str(i): {"logprob": v}} for i, v in _values(ids))]
    if does.names_ids and body.get("return_token_ids"):
        choice["token_ids"] = [*made, START] if stopped else made
    if body.get("logprobs") is not None:
        choice["logprobs"] = _logprobs(does, body, ids)
    answer = {"id": "x", "object": "text_completion", "model": MODEL, "choices": [choice]}
    if does.usage:
        answer["usage"] = {"prompt_tokens": len(ids), "completion_tokens": len(made)}
    return 200, answer


def _as_read(does: Behaviour, prompt: list[int]) -> list[int]:
    """The tokens that the server reads, which should be those that it was sent."""
    ids = [START, *prompt] if does.adds_start else list(prompt)
    if does.changes == "joins":
        ids = [i for at, i in enumerate(ids) if at == 0 or ids[at - 1] != i]
    if does.changes == "starts" and ids[0] == START:
        ids.insert(0, START)
    if does.changes == "swaps":
        ids[-1] = ids[-1] ^ 1
    return ids


def _values(ids: list[int]) -> Iterator[tuple[int, float]]:
    """Each token but the first, and its log-probability."""
    losses = LM.read([Passage(np.array(ids), ((1, len(ids)),))])[0].tokens["loss"]
    return zip(ids[1:], (-losses).tolist(), strict=True)


def _text(token: int) -> str:
    return "<end>" if token == START else chr(token)


def _logprobs(does: Behaviour, body: dict[str, Any], ids: list[int]) -> dict[str, Any]:
    """The older form: of the prompt where it is echoed, and of one more token if that is wanted."""
    whole = body.get("echo") and {"echo", "echo_one"} & set(does.forms)
    values: list[Any] = [None, *(value for _, value in _values(ids))] if whole else []
    texts = [_text(token) for token in ids] if whole else []
    tops: list[Any] = [None] * len(texts)
    if body["max_tokens"]:
        after = LM.read([Passage(np.array(ids), (), (), EVERY)])[0].options
        assert after is not None
        best = np.argsort(-after)[: body["logprobs"]].tolist()
        as_ids = does.names_ids and body.get("return_tokens_as_token_ids")
        if does.names_ids and body.get("logprob_token_ids"):
            best = body["logprob_token_ids"]
        tops.append({f"token_id:{i}" if as_ids else _text(i): after[i] for i in best})
        values.append(after[best[0]])
        texts.append(_text(best[0]))
    return {"tokens": texts, "token_logprobs": values, "top_logprobs": tops}


# What the tests send, and what they expect.

FORMS = [("prompt_logprobs",), ("echo",), ("echo_one",)]


def passage(text: str, *, options: tuple[int, ...] = (), start: bool = True) -> Passage:
    ids = LM.encode([text])[0]
    if start:
        ids = np.concatenate([[START], ids])
    return Passage(ids, ((1, len(ids)),), options=options)


TEXTS = [passage(text) for text in ("Hello, world", "谢谢", "مرحبا", "🎉", "x" * 300, "a\x00b")]


def server(url: str, **settings: Any) -> Server:
    return Server(MODEL, url, **{"tokenizer": LM, "retries": 2, **settings})


def read(behaviour: Behaviour, passages: list[Passage], **settings: Any) -> list[Any]:
    with serving(behaviour) as url:
        return server(url, **settings).read(passages)


def refusal(behaviour: Behaviour, passages: list[Passage], **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(behaviour, passages, **settings)
    return str(caught.value)


def same(found: list[Any], passages: list[Passage]) -> None:
    for one, other in zip(found, LM.read(passages), strict=True):
        np.testing.assert_allclose(one.tokens["loss"], other.tokens["loss"], rtol=0, atol=1e-6)
