"""Pace: exact with a clock of its own."""

import asyncio
import time

import numpy as np
import pytest

from tamis.models._limits import Bucket, Gate, Pace, allowance, duration, retry_after


def sent(bucket, amounts, now=1000.0):
    """Times at which eager calls of so many units go, each waiting for its turn."""
    times = []
    for amount in amounts:
        now += bucket.wait(now)
        bucket.take(amount, now)
        times.append(now)
    return np.array(times)


@pytest.mark.parametrize("rate", [20, 60, 1200, 10_000])
def test_no_minute_has_five_percent_too_many(rate):
    times = sent(Bucket(rate), [1] * (3 * rate))
    most = max(np.searchsorted(times, times + 60) - np.arange(len(times)))
    assert rate <= most <= rate * 1.05
    assert times[-1] - times[0] <= 3 * 60


def test_tokens_of_any_size_are_kept_to_five_percent():
    sizes = np.random.default_rng(0).integers(20, 2000, 4000)
    times = sent(Bucket(90_000), sizes)
    sums = np.concatenate([[0], np.cumsum(sizes)])
    ends = np.searchsorted(times, times + 60)
    assert max(sums[ends] - sums[np.arange(len(times))]) <= 90_000 * 1.05


def test_calls_go_one_after_the_other():
    assert sent(Bucket(60), [1] * 4) - 1000 == pytest.approx([0.0, 0.95, 1.95, 2.95])


def test_a_silence_is_not_made_up_for():
    bucket = Bucket(600)
    sent(bucket, [1] * 10)
    assert sent(bucket, [1] * 3, now=5000.0) - 5000 == pytest.approx([0.0, 0.05, 0.15])


def test_no_limit_is_no_wait():
    assert sent(Bucket(), [1] * 100)[-1] == 1000.0


def test_tokens_that_were_not_used_come_back():
    bucket = Bucket(6000)
    bucket.take(500, 1000.0)
    assert bucket.wait(1000.0) == pytest.approx(5 - 0.05)
    bucket.give_back(400)
    assert bucket.wait(1000.0) == pytest.approx(1 - 0.05)


def test_both_limits_are_kept_at_once():
    # calls of very different sizes: what waits for tokens does not save up calls
    async def work():
        pace, times = Pace(8, 1200, 120_000), []

        async def one(tokens):
            async with pace.gate:
                await pace.wait(tokens)
                times.append(time.monotonic())

        await asyncio.gather(*(one(1000 if n % 20 == 0 else 1) for n in range(40)))
        return times

    times = np.array(asyncio.run(work()))
    most = max(np.searchsorted(times, times + 0.5) - np.arange(len(times)))
    assert most <= 13


@pytest.mark.parametrize(("user", "server", "rate"), [(60, 0, 1), (0, 120, 2), (60, 30, 0.5)])
def test_the_lower_limit_counts(user, server, rate):
    bucket = Bucket(user)
    bucket.server = server
    assert bucket.rate == rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("1.5s", 1.5),
        ("7", 7.0),
        ("0s", 0.0),
        ("1d", 86400.0),
        ("soon", None),
        ("", None),
        ("5 apples", None),
    ],
)
def test_durations(text, seconds):
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:40 GMT"}, 0.0),
        ({"retry-after": "later"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, wall=60.0) == seconds


def test_allowance_reads_limit_rest_and_reset():
    headers = {
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "10",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert allowance(headers, "tokens") == (30000.0, 10.0, 360.0)
    assert allowance(headers, "requests") is None


def test_a_limit_of_a_day_is_not_taken_for_one_of_a_minute():
    pace = Pace(4, 0, 0)
    day = {"limit": "200", "remaining": "150", "reset": "7m12s"}
    pace.heard({f"x-ratelimit-{name}-requests": value for name, value in day.items()}, 10)
    assert pace.buckets["requests"].rate == 0


def test_a_gate_lets_so_many_in_and_no_more():
    async def work():
        gate, inside, most = Gate(3), 0, 0

        async def one():
            nonlocal inside, most
            async with gate:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(50)))
        return most

    assert asyncio.run(work()) == 3


def test_a_gate_narrows_once_for_calls_of_one_moment():
    gate = Gate(16)
    began = time.monotonic()
    for _ in range(5):
        gate.overloaded(began)
    assert gate.limit == 8


def test_a_gate_never_closes_and_opens_again():
    gate = Gate(16)
    for _ in range(20):
        gate.overloaded(time.monotonic())
    assert gate.limit == 1
    for _ in range(200):
        gate.went_well()
    assert gate.limit == 16


def test_who_leaves_the_queue_takes_no_place():
    async def work():
        gate = Gate(1)
        await gate.enter()
        tasks = [asyncio.create_task(gate.enter()) for _ in range(2)]
        await asyncio.sleep(0)
        gate.leave()
        tasks[0].cancel()
        await asyncio.wait_for(tasks[1], 30)
        return gate.inside

    assert asyncio.run(work()) == 1


@pytest.mark.parametrize("limit", ["0", "0.001", "9" * 400, "-5", "nan", "1e9"])
def test_a_limit_that_cannot_be_is_none(limit):
    headers = {"x-ratelimit-limit-requests": limit, "x-ratelimit-remaining-requests": "0"}
    assert allowance(headers, "requests") is None


def ran(gate, complains, calls=4000):
    """Mean limit over calls of which some are complained about, and their share."""
    limits, complaints = [], 0
    for call in range(calls):
        limits.append(gate.limit)
        if complains(call, gate.limit):
            complaints += 1
            gate.overloaded(time.monotonic())
        else:
            gate.went_well()
    return sum(limits) / calls, complaints / calls


def test_complaints_by_chance_cost_little():
    mean, share = ran(Gate(16), lambda call, limit: call % 19 == 18)
    assert mean > 13 and share > 0.05


def test_a_server_that_holds_half_as_many_is_asked_about_as_many():
    mean, share = ran(Gate(16), lambda call, limit: limit > 8)
    assert 5 < mean <= 8 and share < 0.13
