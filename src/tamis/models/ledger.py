"""Answers that came, kept in one SQLite file: what was paid for once is not paid for again.

    replies   key, text, finish, tokens, served model, fingerprint, cost, when
    forms     server and model -> the fields that it takes
    paces     server and model -> how many calls took how many seconds, for estimates

A key names everything that changes an answer (`_forms.key_of`); neither questions nor secrets are
stored. Failures are never written. Each answer is committed when it arrives: in WAL mode with
synchronous=NORMAL what is committed survives the death of the process; after a loss of power the
last answers may be missing. Several processes may use the file at once, on a disk of this machine:
SQLite's WAL does not work on network drives.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, fields
from functools import cached_property
from pathlib import Path

from tamis.errors import UserError
from tamis.models._replies import Reply
from tamis.models._tally import Tally
from tamis.protocols import Answer, Question

VERSION = 1
"""Of the tables; a file of another version is not touched."""

APPLICATION = 0x74616D69
"""Marks the file as ours."""

BUSY = 60.0
"""Seconds to wait while another process writes."""

AT_A_TIME = 500
"""Keys in a query: SQLite takes 999 values at least."""

_TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL,
    prompt_tokens INTEGER, completion_tokens INTEGER, reasoning_tokens INTEGER,
    model TEXT NOT NULL, fingerprint TEXT NOT NULL, cost REAL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS forms (place TEXT PRIMARY KEY, form TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS paces (
    place TEXT PRIMARY KEY, calls INTEGER NOT NULL, seconds REAL NOT NULL
);
"""
_COLUMNS = ", ".join(field.name for field in fields(Reply))


class Ledger:
    """The file of answers, opened when it is first used; whoever wants answers makes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()

    def get(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The answers that are known among those asked for."""
        found: dict[str, Reply] = {}
        for at in range(0, len(keys), AT_A_TIME):
            part = keys[at : at + AT_A_TIME]
            marks = ", ".join("?" * len(part))
            with self._used() as file:
                query = f"SELECT key, {_COLUMNS} FROM replies WHERE key IN ({marks})"
                found.update((row[0], Reply(*row[1:])) for row in file.execute(query, part))
        return found

    @property
    def absent(self) -> bool:
        """Whether there is no file yet: who only looks need not make it."""
        return "_file" not in self.__dict__ and not self.path.exists()

    def has(self, keys: Sequence[str]) -> set[str]:
        """Which of the keys are known."""
        found: set[str] = set()
        if self.absent:
            return found
        for at in range(0, len(keys), AT_A_TIME):
            part = keys[at : at + AT_A_TIME]
            marks = ", ".join("?" * len(part))
            with self._used() as file:
                query = f"SELECT key FROM replies WHERE key IN ({marks})"
                found.update(row[0] for row in file.execute(query, part))
        return found

    def knows(self, keys: Sequence[str]) -> list[bool]:
        """Whether each of the keys is known."""
        found = self.has(list(dict.fromkeys(keys)))
        return [key in found for key in keys]

    def answers(self, keys: Mapping[Question, str], tally: Tally) -> dict[Question, Answer]:
        """The answers to those of the questions whose keys are known; the tally counts them."""
        replies = self.get(list(keys.values()))
        found = {question: replies[key] for question, key in keys.items() if key in replies}
        for reply in found.values():
            tally.kept(reply)
        return {question: reply.answer for question, reply in found.items()}

    def put(self, key: str, reply: Reply) -> None:
        """Keeps an answer; it is safe when this returns."""
        self.put_all([(key, reply)])

    def put_all(self, replies: Sequence[tuple[str, Reply]]) -> None:
        """Keeps answers together; of two for one key the first stays."""
        now = time.time()
        rows = [(key, *astuple(reply), now) for key, reply in replies]
        marks = ", ".join("?" * (len(fields(Reply)) + 2))
        with self._used() as file:
            file.executemany(
                f"INSERT OR IGNORE INTO replies (key, {_COLUMNS}, at) VALUES ({marks})", rows
            )
            file.commit()

    def form(self, place: str) -> str | None:
        """The form that a server and model took last."""
        if self.absent:
            return None
        with self._used() as file:
            row = file.execute("SELECT form FROM forms WHERE place = ?", (place,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, place: str, form: str) -> None:
        with self._used() as file:
            file.execute("INSERT OR REPLACE INTO forms VALUES (?, ?)", (place, form))
            file.commit()

    def pace(self, place: str) -> float | None:
        """Seconds that a call took on average; None where there was none."""
        if self.absent:
            return None
        with self._used() as file:
            query = "SELECT seconds / calls FROM paces WHERE place = ?"
            row = file.execute(query, (place,)).fetchone()
        return None if row is None else float(row[0])

    def took(self, place: str, calls: int, seconds: float) -> None:
        """Adds calls to what the pace is made of."""
        if not calls:
            return
        with self._used() as file:
            file.execute(
                "INSERT INTO paces VALUES (?, ?, ?) ON CONFLICT (place) DO UPDATE SET "
                "calls = calls + excluded.calls, seconds = seconds + excluded.seconds",
                (place, calls, seconds),
            )
            file.commit()

    def close(self) -> None:
        """Closes the file; it is opened again when it is used again."""
        with self._lock:
            if "_file" in self.__dict__:
                self._file.close()
                del self._file

    @contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        """The open file, for one thread at a time; its errors say what to do."""
        with self._lock:
            try:
                yield self._file
            except sqlite3.Error as error:
                self._undo()
                raise self._trouble(error) from None

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if "_file" in self.__dict__:
                self._file.rollback()

    @cached_property
    def _file(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = sqlite3.connect(self.path, timeout=BUSY, check_same_thread=False)
        except OSError as error:
            raise UserError(
                f"the ledger of answers {self.path} cannot be made: {error.strerror or error}. "
                "Name another file: --ledger FILE"
            ) from None
        try:
            self._prepare(file)
        except BaseException:
            file.close()
            raise
        return file

    def _prepare(self, file: sqlite3.Connection) -> None:
        """Makes the tables in a new file, and looks whether an old one is ours."""
        file.execute("BEGIN IMMEDIATE")  # what cannot be written says so before anything is paid
        (version,) = file.execute("PRAGMA user_version").fetchone()
        (application,) = file.execute("PRAGMA application_id").fetchone()
        (tables,) = file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and (application, version) != (APPLICATION, VERSION):
            whose = f"of version {version}" if application == APPLICATION else "of another program"
            raise UserError(
                f"{self.path} is a database {whose}, not a ledger of version {VERSION}. "
                "Name another file: --ledger FILE"
            )
        for statement in _TABLES.split(";"):
            file.execute(statement)
        file.execute(f"PRAGMA application_id = {APPLICATION}")
        file.execute(f"PRAGMA user_version = {VERSION}")
        file.commit()
        file.execute("PRAGMA synchronous = NORMAL")
        _write_ahead(file)

    def _trouble(self, error: sqlite3.Error) -> UserError:
        text = str(error)
        if "locked" in text or "busy" in text:
            hint = f"another process has been writing to it for {BUSY:.0f} seconds: try again"
        elif isinstance(error, sqlite3.OperationalError):
            hint = "it must be a file that can be written, on a disk with room: --ledger FILE"
        else:
            hint = "move it away, and a new one is made; what it held is then asked again"
        return UserError(f"the ledger of answers {self.path} cannot be used ({text}): {hint}")


def _write_ahead(file: sqlite3.Connection) -> None:
    """Switches to WAL; SQLite waits for nobody there, so whoever opens at the same time is met."""
    until = time.monotonic() + BUSY
    while True:
        try:
            file.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.02)
