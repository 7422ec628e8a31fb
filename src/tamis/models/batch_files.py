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
from tamis.protocols import Answer, Question

MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
"""Of a file; the service takes 200 MB."""

ENDPOINT = "/v1/chat/completions"
KEY = re.compile("[0-9a-f]{32}")
NAME = re.compile(r"requests-(\d+)\.jsonl")
AT_A_TIME = 500
REFUSED_OFTEN = 2
"""Refusals without a known reason after which a question has no answer; others go on without it."""
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
        self._others: set[str] = set()  # requests of other judges in the same folder
        self._files: list[Path] = []  # written in this run
        self._written: set[str] = set()  # requests in these
        self._missing: set[str] = set()  # those without an answer, in these or in earlier files

    def take_in(self) -> None:
        """Reads every file that was not read before; answers go to the ledger."""
        if not self.folder.is_dir():
            return
        # requests first: they tell whose an output is
        paths = sorted(self.folder.glob("*.jsonl"), key=lambda p: (not NAME.fullmatch(p.name), p))
        for path in paths:
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
                if self.asker.key(line["body"]) != key:
                    self._others.add(key)
            elif key not in self._others:
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
        for key, reply in found.items():
            self._missing.discard(key)
            self.asker.purse.kept(key)
            self.asker.tally.paid(reply)  # its question looks it up
            self.asker.tally.cost += self.asker.purse.pay(reply.cost or 0.0)

    def _why(self, line: Mapping[str, Any]) -> str:
        """What an output line says of its failure."""
        status, body = _response(line)
        return f"{status or 'no answer'}: {self.asker.address.said(body or line)}"

    def _fails(self, key: str, line: Mapping[str, Any], why: str, status: object) -> None:
        """Notes a failure; what the server did not know is left out of the next request."""
        self.asker.purse.kept(key)
        self._failed.setdefault(key, {})[str(line.get("id"))] = why
        if status not in (400, 413, 422):
            return
        reason = f"{why} {codes(_response(line)[1])}"
        problem = problem_of(reason)
        if problem is not None:
            self._problems[key] = problem
            self._missing.discard(key)
            return
        new = next_form(self.asker.form, self.asker.form.fields, reason)
        if new is not None:
            self.asker.learn(new)
        elif len(self._failed[key]) >= REFUSED_OFTEN:
            self._problems[key] = "server_error"
            self._missing.discard(key)

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
                self._write({self.asker.key(self.asker.body(q)): q for q in questions})
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{self.folder} cannot be written: {reason}") from None
        raise Pending(self._told())

    def _write(self, questions: Mapping[str, Question]) -> None:
        self._missing.update(questions)
        new = {k: q for k, q in questions.items() if self._sent[k] <= len(self._failed.get(k, ()))}
        self._promise(new)
        lines: list[bytes] = []
        size = 0
        for key, question in new.items():
            request = {"custom_id": key, "method": "POST", "url": ENDPOINT}
            body = self.asker.body(question)
            line = orjson.dumps({**request, "body": body}, option=orjson.OPT_APPEND_NEWLINE)
            if lines and (len(lines) == MOST_REQUESTS or size + len(line) > MOST_BYTES):
                self._files.append(self._file(lines))
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        if lines:
            self._files.append(self._file(lines))
        self._written.update(new)

    def _promise(self, questions: Mapping[str, Question]) -> None:
        """Nothing is written that could go beyond what may be spent."""
        most = dict.fromkeys(questions, 0.0)
        if self.asker.price is not None:
            for key, question in questions.items():
                size = Size.of(question, self.asker.asking.thinking)
                most[key] = self.asker.price.of(size.most, size.answer)
        reason = self.asker.purse.promise(most)
        if reason is not None:
            before = f" (written before: {self._listed()})" if self._files else ""
            raise UserError(f"{len(most):,} requests are to be written, but {reason}{before}")

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

    def _listed(self) -> str:
        """The files of this run."""
        names = [str(path) for path in self._files]
        return ", ".join(names if len(names) <= SHOWN else [names[0], "...", names[-1]])

    def _told(self) -> str:
        """How to go on, with the counts of the whole run."""
        written = f"{len(self._written):,} requests were written to {self._listed()}"
        here = written if self._files else ""
        waiting = len(self._missing - self._written)
        there = f"{waiting:,} stand in earlier files whose outputs are not there" if waiting else ""
        failed = list(dict.fromkeys(why for each in self._failed.values() for why in each.values()))
        faults = f". Outputs hold failures, as {'; '.join(failed[:SHOWN])}" if failed else ""
        odd = f". {self.unreadable:,} lines could not be read" if self.unreadable else ""
        return (
            f"{len(self._missing):,} questions have no answer yet: "
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
