"""A judge that answers what experts decided: a server in OpenAI's form on this machine.

    python examples/expert_judge.py data/expert_pool.jsonl --port 8765

It knows every row of the pool by its answer and rates it 5 where the experts wrote it and 2 where
it is the raw one. It stands for a judge that is never wrong, so what a method gains by it is the
most that a judge could gain; calls and tokens are those that a real one would be sent.
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def marks_of(path: Path) -> dict[str, int]:
    """What the experts decided, by the words of the answer."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {flat(row["output"]): row["expert"] for row in rows}


def flat(text: str) -> str:
    return " ".join(text.split())


def rating(question: str, marks: dict[str, int]) -> str:
    """The longest answer of the pool that stands in the question decides."""
    shown = flat(question)
    found = max((answer for answer in marks if answer and answer in shown), key=len, default="")
    if not found:
        return "I do not know this answer."
    return f"So the experts decided.\nScore: {5 if marks[found] else 2}"


def handler(marks: dict[str, int]) -> type[BaseHTTPRequestHandler]:
    class Judge(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = asked["messages"][-1]["content"]
            self._send(completion(asked, rating(question, marks)))

        def _send(self, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    return Judge


def completion(asked: dict[str, Any], text: str) -> dict[str, Any]:
    """A reply in OpenAI's form; tokens are counted as four characters each."""
    prompt = sum(len(message["content"]) for message in asked["messages"]) // 4
    used = {"prompt_tokens": prompt, "completion_tokens": len(text) // 4 + 1}
    message = {"role": "assistant", "content": text}
    return {
        "id": "expert",
        "object": "chat.completion",
        "created": 0,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {**used, "total_tokens": sum(used.values())},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", given.port), handler(marks_of(given.pool)))
    print(f"judging at http://127.0.0.1:{given.port}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
