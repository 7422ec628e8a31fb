"""What opens a server is sent to it and written nowhere else."""

import json
import logging
from types import SimpleNamespace

import pytest
from _chat_server import Behaviour, serving
from _judging import judge_at, questions

from tamis.errors import UserError
from tamis.models import named_judge
from tamis.models._address import Address
from tamis.models.asking import Asking
from tamis.models.http import HttpJudge
from tamis.models.server import Server
from tamis.run.session import Run

pytest.importorskip("openai")

KEY = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def written(folder):
    """All bytes that were written below a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_key_is_sent_and_stands_nowhere(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with serving() as server:
        judge = judge_at(server, tmp_path)
        judge.ask(questions(3))
        assert server.facts().headers[-1]["authorization"] == f"Bearer {KEY}"
    shown = repr(judge) + judge.id + json.dumps(judge.report()) + repr(judge.address)
    assert KEY not in shown and KEY.encode() not in written(tmp_path) and KEY not in caplog.text


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_server_that_echoes_the_key_does_not_spread_it(tmp_path, status):
    body = {"error": {"message": "not with $KEY", "code": "insufficient_quota"}}
    with serving(Behaviour(always=(status, body))) as server:
        judge = judge_at(server, tmp_path, retries=0, concurrency=1)
        with pytest.raises(UserError) as error:
            judge.ask(questions(50))
    assert KEY not in str(error.value) and "[key]" in str(error.value)
    assert error.value.__cause__ is None and error.value.__suppress_context__
    assert KEY not in json.dumps(judge.report())


def test_user_and_password_of_an_address_are_sent_and_not_shown(tmp_path):
    with serving() as server:
        place = server.url.replace("http://", "http://ann:hush-hush@")
        judge = judge_at(SimpleNamespace(url=place), tmp_path)
        judge.ask(questions(2))
        assert server.facts().headers[-1]["authorization"].startswith("Basic ")
        assert judge.id == f"judge@{server.url}"
    shown = repr(judge) + json.dumps(judge.report()) + repr(judge.address)
    assert "hush" not in shown and b"hush" not in written(tmp_path)


def test_a_key_in_the_query_is_sent_and_not_shown(tmp_path):
    with serving() as server:
        place = server.url + "?key=query-secret-1&api-version=2"
        judge = judge_at(SimpleNamespace(url=place), tmp_path)
        judge.ask(questions(2))
        assert server.facts().headers[-1][":path"].endswith("?key=query-secret-1&api-version=2")
        assert judge.id == f"judge@{server.url}"
    assert b"query-secret" not in written(tmp_path)


def test_the_ledger_knows_an_answer_whatever_opened_the_server(tmp_path):
    with serving() as server:
        judge_at(server, tmp_path).ask(questions(2))
        place = server.url.replace("http://", "http://ann:hush@") + "?key=1234"
        assert judge_at(SimpleNamespace(url=place), tmp_path).known(questions(2)) == [True, True]


def test_an_unreachable_address_is_named_without_its_password(tmp_path):
    asking = Asking(ledger=tmp_path / "replies.sqlite", retries=0, concurrency=1)
    judge = HttpJudge.named("judge@http://ann:hush-hush@127.0.0.1:9/v1?key=q-secret", asking)
    with pytest.raises(UserError) as error:
        judge.ask(questions(20))
    assert "hush" not in str(error.value) and "q-secret" not in str(error.value)


def test_the_address_names_the_variable_of_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    with serving() as server:
        judge = judge_at(SimpleNamespace(url=server.url + "#OTHER_KEY"), tmp_path)
        judge.ask(questions(1))
        assert server.facts().headers[-1]["authorization"] == "Bearer sk-other"
        assert judge.id == f"judge@{server.url}"


def test_a_variable_that_is_not_set_is_named(tmp_path):
    asking = Asking(ledger=tmp_path / "replies.sqlite")
    judge = HttpJudge.named("judge@http://127.0.0.1:9/v1#NO_SUCH_KEY", asking)
    with pytest.raises(UserError, match="NO_SUCH_KEY, which is not set"):
        judge.ask(questions(1))


def test_a_key_in_place_of_a_variable_is_refused_and_not_shown():
    with pytest.raises(UserError, match="no name of an environment variable") as error:
        Address("http://host/v1", "sk-live-1234")
    assert "sk-live" not in str(error.value)


@pytest.mark.parametrize("url", ["ftp://u:hush@host/v1", "http://", "http://u:hush@h:port/v1"])
def test_what_is_no_address_is_named_without_its_password(url):
    with pytest.raises(UserError, match="no address of a server") as error:
        Address(url)
    assert "hush" not in str(error.value)


def test_no_key_is_needed_for_a_server_without_one(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with serving() as server:
        (answer,) = judge_at(server, tmp_path).ask(questions(1))
    assert answer.problem is None


def test_a_language_model_on_a_server_hides_the_same():
    assert Server("m", "http://ann:hush@host:1/v1/?key=abc").shown == "http://host:1/v1"


@pytest.mark.parametrize("key", ["sk-one\nsk-secret-two", "sk-\u00e9-secret", "sk secret"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(tmp_path, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serving() as server:
        with pytest.raises(UserError, match="OPENAI_API_KEY holds a space") as error:
            judge_at(server, tmp_path, retries=0).ask(questions(1))
        assert server.facts().requests == []
    assert "secret" not in str(error.value)


def test_a_key_in_the_query_stands_in_no_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with serving() as server:
        judge_at(SimpleNamespace(url=server.url + "?key=query-secret-2"), tmp_path).ask(
            questions(1)
        )
    assert "/v1/chat/completions?key=[key]" in caplog.text  # the HTTP library does log calls
    assert "query-secret" not in caplog.text


def test_a_key_that_could_be_a_name_is_no_variable():
    with pytest.raises(UserError, match="variable in capitals") as error:
        Address("http://host/v1", "hf_abcDEF")
    assert "hf_" not in str(error.value)


def test_a_password_with_slashes_is_not_shown():
    with pytest.raises(UserError, match="no address of a server") as error:
        Address("http://ann:hush/hush@host/v1")
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("name", ["http://ann:hush@host/v1", "m@ftp://ann:hush@host/v1"])
def test_what_is_no_judge_is_named_without_its_password(tmp_path, name):
    with pytest.raises(UserError) as error:
        named_judge(name, Asking(ledger=tmp_path / "replies.sqlite"))
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "none://ann:hush@h:1"),
        ("SSL_CERT_FILE", "/nowhere"),
        ("ALL_PROXY", "http://h:x"),
    ],
)
def test_what_the_environment_says_wrong_of_the_network_is_told(
    tmp_path, monkeypatch, variable, value
):
    monkeypatch.setenv(variable, value)
    with serving() as server:
        judge = judge_at(server, tmp_path)
        with pytest.raises(UserError, match=r"cannot be called .* SSL_CERT_FILE") as error:
            judge.ask(questions(1))
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(("name", "dtype"), [("", "auto"), ("m", "int8")])
def test_a_language_model_that_cannot_be_is_named_without_its_password(name, dtype):
    with pytest.raises(UserError) as error:
        Server.named(f"{name}@http://ann:hush@host/v1?key=hush", dtype)
    assert "host" in str(error.value) and "hush" not in str(error.value)


def test_progress_names_the_judge_without_its_password(tmp_path):
    told, asking = [], Asking(ledger=tmp_path / "replies.sqlite")
    place = "judge@http://ann:hush@host/v1?key=hush"
    run = Run(judge=place, asking=asking, progress=lambda *said: told.append(said))
    run.resource("Judge").told({"done": 1, "of": 2})
    assert told == [("asking judge@http://host/v1", 1, 2)]
