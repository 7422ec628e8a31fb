"""A chat server over HTTP that answers by a rule, and can be told to misbehave.

    with serving(Behaviour(faults={"500": 0.1})) as server:
        judge = named_judge(f"judge@{server.url}", asking)

It runs on an event loop of its own, in a thread, or in a process where `reply` is the name of a
rule: nothing of it is mocked. What it saw is asked of the server itself: `server.facts()`.
A fault strikes a question by its hash, so the same questions meet the same faults in every run.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from typing import Any

Messages = Sequence[Mapping[str, str]]

FINAL = ("refusal", "content_filter", "cut")
"""Faults that belong to a question: it meets them every time. Others strike its first calls."""


def rating(messages: Messages) -> str:
    """A line of reasons, and a rating from 1 to 5 by the question's hash."""
    return f"It is what it is.\nRating: {1 + number('rating', messages[-1]['content'], 5)}"


def echo(messages: Messages) -> str:
    """The last question."""
    return messages[-1]["content"]


REPLIES: dict[str, Callable[[Messages], str]] = {"rating": rating, "echo": echo}


@dataclass
class Behaviour:
    """What the server knows, how fast it is, and what it does wrong.

    Args:
        reply: what it says to messages: a function, or the name of one in REPLIES, which then
            runs in a process of its own
        latency: seconds for an answer
        faults: kind -> share of the questions: 429, 500, 503, slow, truncated, malformed, empty,
            wrong_shape, reset, refusal, content_filter, cut
        strikes: first calls of a question that a passing fault meets
        retry_after: of a 429, as the header has it
        slow: seconds that a slow answer takes longer
        unsupported: fields that it does not know: json_schema, max_tokens, temperature, seed
        silent: it does not say which field it does not know
        always: (status, body) of every answer
        headers: of every answer
        context: characters of a question at most
        usage: it counts tokens
        model: the name that it says it is
        thinks: text in front of every answer
        dies_after: requests after which it only resets connections
        extra: put into the message of every answer
    """

    reply: Callable[[Messages], str] | str = "rating"
    latency: float = 0.0
    faults: dict[str, float] = field(default_factory=dict)
    strikes: int = 1
    retry_after: str = "0.05"
    slow: float = 5.0
    unsupported: tuple[str, ...] = ()
    silent: bool = False
    always: tuple[int, dict[str, Any]] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    context: int = 1_000_000
    usage: bool = True
    model: str = "served-1"
    thinks: str = ""
    dies_after: int = 10_000_000
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Facts:
    """What the server saw; times are of its own clock.

    `requests` are (arrival, end, what became of it, hash of the messages); `bodies` the last ones.
    """

    requests: list[tuple[float, float, str, str]]
    most_at_once: int
    mean_at_once: float
    bodies: list[dict[str, Any]]
    headers: list[dict[str, str]]

    @property
    def arrivals(self) -> list[float]:
        return sorted(request[0] for request in self.requests)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(request[2] for request in self.requests)

    def answered(self) -> Counter[str]:
        """How often each question was answered in full."""
        return Counter(request[3] for request in self.requests if request[2] == "200")


@dataclass
class Served:
    """A running server."""

    url: str

    def facts(self) -> Facts:
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/facts") as answer:
            found = json.load(answer)
        return Facts(**{**found, "requests": [tuple(r) for r in found["requests"]]})


@contextmanager
def serving(behaviour: Behaviour | None = None) -> Iterator[Served]:
    """A server that behaves so, until the block ends."""
    behaviour = behaviour or Behaviour()
    with _process(behaviour) if isinstance(behaviour.reply, str) else _thread(behaviour) as url:
        yield Served(url)


def number(seed: str, text: str, below: int) -> int:
    """A number from 0 that the text decides."""
    digest = blake2b(f"{seed}\0{text}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % below


@contextmanager
def _process(behaviour: Behaviour) -> Iterator[str]:
    running = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdin and running.stdout
    try:
        running.stdin.write(json.dumps(asdict(behaviour)) + "\n")
        running.stdin.flush()
        yield running.stdout.readline().strip()
    finally:
        running.kill()
        running.communicate()


@contextmanager
def _thread(behaviour: Behaviour) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = _Server(behaviour)
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Server:
    """The event loop's side."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[tuple[float, float, str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.tries: Counter[str] = Counter()
        self.arrived = self.inside = self.most = 0
        self.area, self.first, self.last = 0.0, 0.0, 0.0

    async def start(self) -> str:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 24)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def moved(self, step: int) -> None:
        """Counts who is inside, over time."""
        now = time.monotonic()
        if self.last:
            self.area += self.inside * (now - self.last)
        self.first, self.last = self.first or now, now
        self.inside += step
        self.most = max(self.most, self.inside)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self.one(reader, writer):
                pass
        with suppress(Exception):
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False ends the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        if path == "/facts":
            self.send(writer, 200, self.facts(), {})
            await writer.drain()
            return True
        came = time.monotonic()
        self.arrived += 1
        self.moved(+1)
        outcome, name = "lost", ""
        try:
            body = json.loads(content)
            name = blake2b(json.dumps(body["messages"]).encode(), digest_size=8).hexdigest()
            self.bodies = [*self.bodies[-49:], body]
            self.headers = [*self.headers[-49:], {**headers, ":path": path}]
            outcome = await self.answer(body, name, headers, writer)
            await writer.drain()
            return outcome not in ("reset", "truncated")
        finally:
            self.moved(-1)
            self.requests.append((came, time.monotonic(), outcome, name))

    def facts(self) -> dict[str, Any]:
        span = self.last - self.first
        mean = self.area / span if span else 0.0
        return {
            "requests": self.requests,
            "most_at_once": self.most,
            "mean_at_once": mean,
            "bodies": self.bodies,
            "headers": self.headers,
        }

    def fault(self, name: str) -> str:
        """The fault that strikes this call, if any."""
        self.tries[name] += 1
        at = number("fault", name, 1_000_000) / 1_000_000
        for kind, share in self.behaviour.faults.items():
            if at < share:
                struck = kind in FINAL or self.tries[name] <= self.behaviour.strikes
                return kind if struck else ""
            at -= share
        return ""

    async def answer(
        self, body: dict[str, Any], name: str, headers: dict[str, str], writer: asyncio.StreamWriter
    ) -> str:
        """Writes the answer; says what it was."""
        known = self.behaviour
        if self.arrived > known.dies_after:
            return _reset(writer)
        if known.always is not None:
            status, said = known.always
            text = json.dumps(said).replace("$KEY", headers.get("authorization", ""))
            return self.send(writer, status, json.loads(text), known.headers)
        refused = self.refused(body)
        if refused is not None:
            return self.send(writer, 400, refused, known.headers)
        fault = self.fault(name)
        if fault == "429":
            said = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
            return self.send(writer, 429, said, {"Retry-After": known.retry_after})
        if fault in ("500", "503"):
            return self.send(writer, int(fault), {"error": {"message": "broken"}}, {})
        if fault == "reset":
            return _reset(writer)
        await asyncio.sleep(known.latency + (known.slow if fault == "slow" else 0.0))
        content = json.dumps(_changed(self.completion(body), fault)).encode()
        if fault in ("truncated", "malformed"):
            whole, content = len(content), content[: len(content) // 2]
            length = whole if fault == "truncated" else len(content)
            _write(writer, 200, content, {}, length)
            if fault == "truncated":
                await writer.drain()
                writer.close()
            return fault
        _write(writer, 200, content, known.headers)
        return fault if fault in ("empty", "wrong_shape") else "200"

    def refused(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """The error for a request that the server does not take."""
        known, sent = self.behaviour, dict(body)
        if isinstance(body.get("response_format"), dict):
            sent[str(body["response_format"].get("type"))] = True
        for name in known.unsupported:
            if name in sent:
                said = "Bad request" if known.silent else f"Unsupported parameter: '{name}'"
                return {"error": {"message": said, "type": "invalid_request_error"}}
        if sum(len(m["content"]) for m in body["messages"]) > known.context:
            said = f"This model's maximum context length is {known.context} tokens"
            return {"error": {"message": said, "code": "context_length_exceeded"}}
        return None

    def completion(self, body: dict[str, Any]) -> dict[str, Any]:
        known = self.behaviour
        rule = REPLIES[known.reply] if isinstance(known.reply, str) else known.reply
        text = known.thinks + rule(body["messages"])
        message = {"role": "assistant", "content": text, **known.extra}
        found: dict[str, Any] = {
            "id": "chat-1",
            "object": "chat.completion",
            "created": 0,
            "model": known.model,
            "system_fingerprint": "fp_1",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }
        if known.usage:
            read = sum(len(turn["content"]) // 4 + 4 for turn in body["messages"])
            counts = {"prompt_tokens": read, "completion_tokens": len(text) // 4 + 1}
            found["usage"] = {**counts, "total_tokens": sum(counts.values())}
        return found

    def send(self, writer: Any, status: int, body: Any, headers: Mapping[str, str]) -> str:
        _write(writer, status, json.dumps(body).encode(), headers)
        return str(status)


def _changed(body: dict[str, Any], fault: str) -> dict[str, Any]:
    """A completion with a fault in it."""
    choice = body["choices"][0]
    if fault == "refusal":
        choice["message"].update(content=None, refusal="I cannot help with that.")
    elif fault == "content_filter":
        choice["message"]["content"] = None
        choice["finish_reason"] = "content_filter"
    elif fault == "cut":
        choice["message"]["content"] = choice["message"]["content"][:7]
        choice["finish_reason"] = "length"
    elif fault == "empty":
        body["choices"] = []
    elif fault == "wrong_shape":
        body["choices"] = [{"text": "no message"}]
    return body


def _reset(writer: asyncio.StreamWriter) -> str:
    """Ends the connection as a crashed server does."""
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return "reset"


def _write(
    writer: asyncio.StreamWriter,
    status: int,
    content: bytes,
    headers: Mapping[str, str],
    length: int | None = None,
) -> None:
    fields = {"Content-Type": "application/json", **headers}
    fields["Content-Length"] = str(len(content) if length is None else length)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + content)


async def _main() -> None:
    """A server in a process of its own, told on standard input how to behave."""
    known = json.loads(sys.stdin.readline())
    always = tuple(known["always"]) if known["always"] else None
    behaviour = replace(Behaviour(**known), always=always)
    print(await _Server(behaviour).start(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
