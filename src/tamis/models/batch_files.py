"""The provider's batch service as a second way to ask: files of requests out, files of answers in.

A folder holds both. `requests-0001.jsonl` and so on are written here, in the form of OpenAI's Batch
API (custom_id, method, url, body); any other *.jsonl whose lines have a custom_id and a response or
an error is taken in. custom_id is the ledger's key, so an answer finds its question in any later
run. What failed in the outputs is written once more, into the next file. Costs are list prices:
batch discounts are not taken off.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock

from tamis.errors import Pending, UserError
from tamis.models._asker import Asker, Size
from tamis.models._calls import codes
from tamis.models._forms import next_form, problem_of
from tamis.models._replies import BadReply, Reply, reply_of
from tamis.models.prices import CURRENCY
from tamis.protocols import Answer, Question

MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
"""Of a file; the service takes 200 MB."""

ENDPOINT = "/v1/chat/completions"
KEY = re.compile("[0-9a-f]{32}")
NAME = re.compile(r"requests-(\d+)\.jsonl")
AT_A_TIME = 500
SHOWN = 3


class BatchFiles:
    """The batch files of one folder.

    Args:
        folder: where requests are written and answers are put; made if it is not there
        asker: writes requests, and has the ledger that answers go to
    """

    def __init__(self, folder: Path, asker: Asker) -> None:
        self.folder, self.asker = folder.expanduser(), asker
        self._sent: Counter[str] = Counter()  # how often each request stands in files
        self._failed: dict[str, dict[str, str]] = {}  # request -> output line -> what it says
        self._problems: dict[str, str] = {}  # of questions that the model will not answer
        self._seen: set[tuple[str, int, int]] = set()
        self.unreadable = 0
        self._files: list[Path] = []  # written in this run
        self._missing = self._written = 0  # questions without an answer, and those in these files
        self._most = 0.0  # what those may cost

    def take_in(self) -> None:
        """Reads every file that was not read before; answers go to the ledger."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.jsonl")):
            facts = path.stat()
            seen = (path.name, facts.st_size, facts.st_mtime_ns)
            if seen not in self._seen:
                self._read(path)
                self._seen.add(seen)

    def _read(self, path: Path) -> None:
        outputs: list[tuple[str, Mapping[str, Any]]] = []
        for line in _lines(path):
            key = str(line.get("custom_id"))
            if not KEY.fullmatch(key) or not line.keys() & {"body", "response", "error"}:
                self.unreadable += 1
            elif "body" in line:
                self._sent[key] += 1
            else:
                outputs.append((key, line))
            if len(outputs) == AT_A_TIME:
                self._take(outputs)
                outputs = []
        self._take(outputs)

    def _take(self, outputs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Keeps the answers of some output lines."""
        known = self.asker.ledger.has([key for key, _ in outputs])
        found: dict[str, Reply] = {}
        for key, line in outputs:
            if key in known or key in found:
                continue
            status, body = _response(line)
            try:
                if status != 200:
                    raise BadReply(self._why(line))
                reply = reply_of(body)
            except BadReply as error:
                self._fails(key, line, str(error), status)
                continue
            found[key] = replace(reply, cost=reply.cost_by(self.asker.price))
        self.asker.ledger.put_all(list(found.items()))
        for reply in found.values():
            self.asker.tally.paid(reply)  # its question looks it up
            self.asker.tally.cost += self.asker.purse.pay(reply.cost or 0.0)

    def _why(self, line: Mapping[str, Any]) -> str:
        """What an output line says of its failure."""
        status, body = _response(line)
        return f"{status or 'no answer'}: {self.asker.address.said(body or line)}"

    def _fails(self, key: str, line: Mapping[str, Any], why: str, status: object) -> None:
        """Notes a failure; what the server did not know is left out of the next request."""
        self._failed.setdefault(key, {})[str(line.get("id"))] = why
        if status not in (400, 413, 422):
            return
        reason = f"{why} {codes(_response(line)[1])}"
        problem = problem_of(reason)
        if problem is not None:
            self._problems[key] = problem
            return
        new = next_form(self.asker.form, self.asker.form.fields, reason)
        if new is not None:
            self.asker.learn(new)

    def answers(self, keys: Mapping[Question, str]) -> dict[Question, Answer]:
        """What outputs say of questions that the model will not answer."""
        found = {q: self._problems[key] for q, key in keys.items() if key in self._problems}
        return {question: Answer("", problem) for question, problem in found.items()}

    def write(self, questions: Sequence[Question]) -> None:
        """Writes requests that do not stand in a file yet; Pending says what to do with them."""
        if not questions:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"):
                self.take_in()  # what another process wrote meanwhile
                self._write(questions)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{self.folder} cannot be written: {reason}") from None
        self._missing += len(questions)
        raise Pending(self._told())

    def _write(self, questions: Sequence[Question]) -> None:
        new = []
        for question in questions:
            key = self.asker.key(self.asker.body(question))
            if self._sent[key] <= len(self._failed.get(key, ())):
                new.append(question)
        self._affordable(new)
        lines: list[bytes] = []
        size = 0
        for line in map(self._request, new):
            if lines and (len(lines) == MOST_REQUESTS or size + len(line) > MOST_BYTES):
                self._files.append(self._file(lines))
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        if lines:
            self._files.append(self._file(lines))
        self._written += len(new)

    def _request(self, question: Question) -> bytes:
        body = self.asker.body(question)
        line = {"custom_id": self.asker.key(body), "method": "POST", "url": ENDPOINT, "body": body}
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    def _affordable(self, questions: Sequence[Question]) -> None:
        """Nothing is written that could cost more than is allowed."""
        purse, price = self.asker.purse, self.asker.price
        sizes = [Size.of(question, self.asker.asking.thinking) for question in questions]
        count = self._written + len(sizes)
        if purse.max_calls is not None and purse.calls + count > purse.max_calls:
            raise UserError(
                f"{count:,} requests are to be written, and max_calls is {purse.max_calls:,}"
            )
        if price is None or purse.max_cost is None:
            return
        most = self._most + sum(price.of(size.most, size.answer) for size in sizes)
        if purse.cost + most > purse.max_cost:
            raise UserError(
                f"{count:,} requests may cost up to {most:.4f} {CURRENCY}, and max_cost is "
                f"{purse.max_cost:g}: allow more, or ask about fewer rows"
            )
        self._most = most

    def _file(self, lines: Sequence[bytes]) -> Path:
        """Writes a file of requests whole or not at all."""
        numbers = [NAME.fullmatch(path.name) for path in self.folder.glob("requests-*.jsonl")]
        number = max((int(found[1]) for found in numbers if found), default=0) + 1
        path = self.folder / f"requests-{number:04d}.jsonl"
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
            part.writelines(lines)
            part.flush()
            os.fsync(part.fileno())
        os.replace(part.name, path)
        return path

    def _told(self) -> str:
        """How to go on, with the counts of the whole run."""
        names = [str(path) for path in self._files]
        listed = names if len(names) <= SHOWN else [names[0], "...", names[-1]]
        here = f"{self._written:,} requests were written to {', '.join(listed)}" if names else ""
        waiting = self._missing - self._written
        there = f"{waiting:,} stand in earlier files whose outputs are not there" if waiting else ""
        failed = list(dict.fromkeys(why for each in self._failed.values() for why in each.values()))
        faults = f". Outputs hold failures, as {'; '.join(failed[:SHOWN])}" if failed else ""
        odd = f". {self.unreadable:,} lines could not be read" if self.unreadable else ""
        return (
            f"{self._missing:,} questions have no answer yet: "
            f"{'; '.join(part for part in (here, there) if part)}{faults}{odd}. Send the files to "
            f"the batch service, put its outputs into {self.folder} as *.jsonl, and run the same "
            "command again"
        )


def _response(line: Mapping[str, Any]) -> tuple[object, Mapping[str, Any]]:
    """The status and body of an output line."""
    response = line.get("response")
    if not isinstance(response, dict):
        return None, {}
    body = response.get("body")
    return response.get("status_code"), body if isinstance(body, dict) else {}


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of a file; an empty mapping for one that is no JSON object."""
    try:
        with path.open("rb") as file:
            for text in file:
                if text.strip():
                    yield _object(text)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
