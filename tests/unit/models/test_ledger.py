"""The ledger of answers: kept at once, shared, never silently replaced."""

import sqlite3
import subprocess
import sys

import pytest

from tamis.errors import UserError
from tamis.models import ledger as module
from tamis.models._replies import Reply
from tamis.models.ledger import Ledger

REPLY = Reply("Rating: 4", "stop", 10, 3, 1, "served", "fp", 0.5)
KEY = "0" * 32

WRITER = """
import sys
from pathlib import Path
from tamis.models._replies import Reply
from tamis.models.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for n in range(300):
    ledger.put(f"{sys.argv[2]}{n}", Reply(sys.argv[2]))
"""


def test_an_answer_comes_back_as_it_was(tmp_path):
    Ledger(tmp_path / "new" / "replies.sqlite").put(KEY, REPLY)
    assert Ledger(tmp_path / "new" / "replies.sqlite").get([KEY, "other"]) == {KEY: REPLY}


def test_the_first_answer_stays(tmp_path):
    ledger = Ledger(tmp_path / "replies.sqlite")
    ledger.put(KEY, REPLY)
    ledger.put(KEY, Reply("Rating: 1"))
    assert ledger.get([KEY]) == {KEY: REPLY}


def test_thousands_of_keys_are_looked_up(tmp_path):
    ledger = Ledger(tmp_path / "replies.sqlite")
    ledger.put_all([(str(n), REPLY) for n in range(2500)])
    assert ledger.has([str(n) for n in range(3000)]) == {str(n) for n in range(2500)}
    assert len(ledger.get([str(n) for n in range(3000)])) == 2500


def test_two_processes_write_at_once(tmp_path):
    path = tmp_path / "replies.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(Ledger(path).has([f"{name}{n}" for name in "ab" for n in range(300)])) == 600


def test_what_is_written_is_seen_by_others_at_once(tmp_path):
    one, other = (Ledger(tmp_path / "replies.sqlite") for _ in range(2))
    assert other.has([KEY]) == set()
    one.put(KEY, REPLY)
    assert other.has([KEY]) == {KEY}


def test_the_form_of_a_server_is_remembered(tmp_path):
    Ledger(tmp_path / "replies.sqlite").remember("http://h m", "{}")
    assert Ledger(tmp_path / "replies.sqlite").form("http://h m") == "{}"
    assert Ledger(tmp_path / "replies.sqlite").form("http://h other") is None


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "replies.sqlite"
    path.write_text("my notes\n" * 1000)
    with pytest.raises(UserError, match=r"cannot be used .*move it away"):
        Ledger(path).get([KEY])
    assert path.read_text() == "my notes\n" * 1000


def test_a_damaged_ledger_is_named(tmp_path):
    path = tmp_path / "replies.sqlite"
    ledger = Ledger(path)
    ledger.put_all([(str(n), REPLY) for n in range(2000)])
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(UserError, match="cannot be used"):
        Ledger(path).get([str(n) for n in range(2000)])


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("user_version = 99", "another program"),
        (f"application_id = {module.APPLICATION}", "version 0"),
    ],
)
def test_another_database_is_not_touched(tmp_path, pragma, message):
    path = tmp_path / "replies.sqlite"
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE mine (x)")
    file.execute(f"PRAGMA {pragma}")
    file.commit()
    file.close()
    before = path.read_bytes()
    with pytest.raises(UserError, match=message):
        Ledger(path).put(KEY, REPLY)
    assert path.read_bytes() == before


def test_a_folder_is_no_ledger(tmp_path):
    with pytest.raises(UserError, match="cannot be used"):
        Ledger(tmp_path).get([KEY])


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        Ledger(tmp_path / "file" / "replies.sqlite").get([KEY])


def test_a_read_only_ledger_says_so_before_anything_is_paid(tmp_path, monkeypatch):
    path = tmp_path / "replies.sqlite"
    Ledger(path).put(KEY, REPLY)
    connect = sqlite3.connect
    monkeypatch.setattr(
        module.sqlite3, "connect", lambda p, **kw: connect(f"file:{p}?mode=ro", uri=True, **kw)
    )
    with pytest.raises(UserError, match=r"readonly.*can be written"):
        Ledger(path).get([KEY])


def test_a_ledger_that_stays_locked_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BUSY", 0.05)
    path = tmp_path / "replies.sqlite"
    ledger = Ledger(path)
    ledger.get([KEY])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="another process"):
        ledger.put(KEY, REPLY)
    other.execute("ROLLBACK")
    other.close()
    ledger.put(KEY, REPLY)
    assert ledger.has([KEY]) == {KEY}


OPENER = """
import sys
from pathlib import Path
from tamis.models.ledger import Ledger
for number in sys.stdin:
    Ledger(Path(sys.argv[1]) / number.strip() / "replies.sqlite").form("x")
    print(number, flush=True)
"""


def test_processes_that_make_the_same_ledger_at_once_all_get_it(tmp_path):
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for number in range(40):
        for maker in makers:
            maker.stdin.write(f"{number}\n")
            maker.stdin.flush()
        if any(not maker.stdout.readline() for maker in makers):
            break
    assert [maker.communicate()[1] for maker in makers] == [""] * 4
