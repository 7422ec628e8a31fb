"""How fast a judge asks, as the server sees it."""

import numpy as np
import pytest
from _chat_server import Behaviour, serving
from _judging import judge_at, question, questions

pytest.importorskip("openai")


def most_in(arrivals, seconds):
    """The most arrivals in any window of so many seconds."""
    times = np.asarray(arrivals)
    ends = np.searchsorted(times, times + seconds)
    return int((ends - np.arange(len(times))).max())


def test_calls_a_minute_are_kept_to_five_percent(tmp_path):
    with serving() as server:
        judge_at(server, tmp_path, requests_per_minute=1200).ask(questions(120))
        arrivals = server.facts().arrivals
    assert most_in(arrivals, 5.0) <= 1.05 * 100
    assert arrivals[-1] - arrivals[0] >= 0.95 * 119 / 20


def test_tokens_a_minute_are_kept_to_five_percent(tmp_path):
    asked = [question(f"{n} " + "x" * 400, tokens=10) for n in range(60)]
    with serving() as server:
        judge = judge_at(server, tmp_path, tokens_per_minute=90_000)
        judge.ask(asked)
        arrivals = server.facts().arrivals
    report = judge.report()
    used = report["prompt_tokens"] + report["completion_tokens"]
    assert used > 60 * 100
    assert used / (arrivals[-1] - arrivals[0]) <= 1.05 * 1500 * 60 / 59


def test_the_servers_headers_lower_the_pace(tmp_path):
    headers = {"x-ratelimit-limit-requests": "1200", "x-ratelimit-remaining-requests": "1000"}
    with serving(Behaviour(headers=headers)) as server:
        judge = judge_at(server, tmp_path, concurrency=2)
        judge.ask(questions(1))
        judge.ask(questions(61))
        arrivals = server.facts().arrivals[1:]
    assert most_in(arrivals, 2.0) <= 1.1 * 40
    assert arrivals[-1] - arrivals[0] >= 0.95 * 59 / 20


def test_nobody_asks_while_nothing_is_left(tmp_path):
    headers = {
        "x-ratelimit-limit-requests": "60000",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "700ms",
    }
    with serving(Behaviour(headers=headers)) as server:
        judge_at(server, tmp_path, concurrency=1).ask(questions(3))
        gaps = np.diff(server.facts().arrivals)
    assert gaps.min() >= 0.65


def test_a_retry_after_makes_all_callers_wait(tmp_path):
    behaviour = Behaviour(faults={"429": 0.1}, retry_after="1", latency=0.02)
    with serving(behaviour) as server:
        judge_at(server, tmp_path, concurrency=4).ask(questions(20))
        requests = server.facts().requests
    for end in (end for _, end, outcome, _ in requests if outcome == "429"):
        # what the client had sent before it read the refusal may still arrive
        during = [came for came, *_ in requests if end + 0.05 < came < end + 0.9]
        assert not during


def test_an_overloaded_server_gets_fewer_calls_at_a_time(tmp_path):
    with serving(Behaviour(faults={"503": 1.0}, latency=0.02)) as server:
        judge = judge_at(server, tmp_path, concurrency=16)
        judge.ask(questions(16))
        assert judge.asker.pace.gate.limit < 16


def test_the_allowed_concurrency_is_kept_busy_and_never_exceeded(tmp_path):
    with serving(Behaviour(latency=0.25)) as server:
        judge_at(server, tmp_path, concurrency=8).ask(questions(160))
        facts = server.facts()
    assert facts.most_at_once == 8
    assert facts.mean_at_once >= 0.75 * 8
