"""The hard stop: calls and money."""

import socket
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest
from _chat_server import Behaviour, serving
from _judging import judge_at, question, questions

from tamis.errors import UserError
from tamis.models.asking import Asking
from tamis.models.http import HttpJudge

pytest.importorskip("openai")

PRICE = '["judge"]\ninput = 1000.0\noutput = 2000.0\n'


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(PRICE)
    return str(path)


def test_no_more_calls_than_allowed(tmp_path):
    with serving(Behaviour(latency=0.02)) as server:
        judge = judge_at(server, tmp_path, max_calls=25)
        with pytest.raises(UserError, match="max_calls=25 is reached: 25 calls were made"):
            judge.ask(questions(100))
        assert len(server.facts().requests) == 25
        assert sum(judge.known(questions(100))) == 25


def test_a_stopped_run_goes_on_with_a_higher_limit(tmp_path):
    with serving() as server:
        with pytest.raises(UserError):
            judge_at(server, tmp_path, max_calls=10).ask(questions(30))
        answers = judge_at(server, tmp_path, max_calls=20).ask(questions(30))
        assert len(server.facts().requests) == 30
    assert all(answer.problem is None for answer in answers)


def test_answers_in_the_ledger_count_for_nothing(tmp_path):
    with serving() as server:
        judge_at(server, tmp_path).ask(questions(30))
        assert len(judge_at(server, tmp_path, max_calls=0).ask(questions(30))) == 30


def test_refused_and_failed_calls_are_not_charged(tmp_path):
    with serving(Behaviour(faults={"500": 1.0}, unsupported=("seed",))) as server:
        answers = judge_at(server, tmp_path, max_calls=10, concurrency=4).ask(questions(10))
    assert all(answer.problem is None for answer in answers)


def test_a_call_whose_answer_was_lost_counts_as_charged(tmp_path):
    with serving(Behaviour(faults={"malformed": 1.0})) as server:
        judge = judge_at(server, tmp_path, max_calls=1)
        with pytest.raises(UserError, match="max_calls"):
            judge.ask([question()])
        assert len(server.facts().requests) == 1
    assert judge.report()["calls_lost"] == 1


def test_no_more_money_than_allowed(tmp_path, prices):
    # 1,000 USD for a million tokens is 0.001 a token
    with serving(Behaviour(latency=0.02)) as server:
        judge = judge_at(server, tmp_path, prices=prices, max_cost=2.0)
        with pytest.raises(UserError, match=r"max_cost=2 USD could be crossed .* are kept"):
            judge.ask(questions(1000, tokens=20))
        report = judge.report()
        paid = server.facts().outcomes["200"]
    assert report["calls"] == paid
    assert 1.8 < report["cost"] <= 2.0
    spent = report["prompt_tokens"] * 0.001 + report["completion_tokens"] * 0.002
    assert report["cost"] == pytest.approx(spent)


def test_without_counts_a_call_costs_the_most_it_can(tmp_path, prices):
    with serving(Behaviour(usage=False)) as server:
        judge = judge_at(server, tmp_path, prices=prices, max_cost=100.0)
        judge.ask([question("x" * 52, tokens=50)])
    # 52 bytes, 48 for the turn's own tokens, 50 of the answer at twice the price
    assert judge.report()["cost"] == pytest.approx(0.1 + 0.1)
    assert judge.report()["calls_without_counts"] == 1


def test_a_limit_of_money_needs_a_price(tmp_path):
    with serving() as server:
        with pytest.raises(UserError, match=r"(?s)nothing says what 'judge' costs.*\[\"judge\"\]"):
            judge_at(server, tmp_path, max_cost=1.0)
        assert server.facts().requests == []


def test_the_price_stands_in_the_report(tmp_path, prices):
    with serving() as server:
        judge = judge_at(server, tmp_path, prices=prices)
        judge.ask([question("1234")])
    assert (judge.price.input, judge.price.output) == (1000.0, 2000.0)
    report = judge.report()
    assert report["currency"] == "USD" and report["price"]["input"] == 1000.0


def test_judges_with_the_same_settings_share_what_may_be_spent(tmp_path):
    with serving() as server:
        asking = Asking(ledger=tmp_path / "replies.sqlite", max_calls=10)
        one, other = (HttpJudge.named(f"{name}@{server.url}", asking) for name in ("a", "b"))
        one.ask(questions(6))
        with pytest.raises(UserError, match="max_calls=10 is reached"):
            other.ask(questions(6))
        assert len(server.facts().requests) == 10
    assert (one.report()["calls"], other.report()["calls"]) == (6, 4)


@contextmanager
def nobody_accepts():
    """The address of a server to which no connection is ever made."""
    with ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        waiting = True
        while waiting:  # until the system takes no more
            one = held.enter_context(socket.socket())
            one.settimeout(0.5)
            try:
                one.connect(server.getsockname())
            except TimeoutError:
                waiting = False
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.getsockname()[1]}/v1")


@pytest.mark.parametrize("place", ["http://nowhere.invalid/v1", "http://127.0.0.1:9/v1"])
def test_what_never_reached_a_server_is_not_charged(tmp_path, place):
    settings = {"max_calls": 2, "retries": 1, "concurrency": 4, "timeout": 0.2}
    judge = judge_at(SimpleNamespace(url=place), tmp_path, **settings)
    with pytest.raises(UserError, match=r"8 questions in a row .* unreachable"):
        judge.ask(questions(50))
    assert judge.report()["calls_lost"] == judge.asker.purse.calls == 0


def test_a_connection_that_is_never_made_is_not_charged(tmp_path):
    with nobody_accepts() as server:
        judge = judge_at(server, tmp_path, max_calls=1, retries=2, timeout=0.2)
        (answer,) = judge.ask([question()])
    assert answer.problem == "unreachable"
    assert judge.report()["calls_lost"] == judge.asker.purse.calls == 0


@pytest.mark.parametrize("fault", ["slow", "reset", "truncated"])
def test_a_call_that_was_sent_and_has_no_answer_is_charged(tmp_path, fault):
    with serving(Behaviour(faults={fault: 1.0})) as server:
        judge = judge_at(server, tmp_path, retries=0, timeout=0.5)
        judge.ask([question()])
    assert judge.report()["calls_lost"] == judge.asker.purse.calls == 1


def test_a_server_that_counts_nothing_does_not_answer_for_nothing(tmp_path, prices):
    nothing = {"prompt_tokens": 0, "completion_tokens": 0}
    said = {"choices": [{"message": {"content": "Rating: 1"}}], "usage": nothing}
    with serving(Behaviour(always=(200, said))) as server:
        judge = judge_at(server, tmp_path, prices=prices, max_cost=0.45, concurrency=1)
        with pytest.raises(UserError, match=r"max_cost=0.45 USD could be crossed"):
            judge.ask(questions(9, tokens=50))
    assert 0 < judge.report()["calls"] < 5
