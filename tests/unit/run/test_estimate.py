"""The estimate before the first call: what it counts is what is then asked, and nobody is asked."""

from dataclasses import dataclass

import numpy as np
import pytest

from tamis.budget import Budget
from tamis.models.asking import Asking
from tamis.models.prices import Price
from tamis.notation import parse
from tamis.protocols import Answer
from tamis.run.estimate import SAMPLE, rehearsed
from tamis.run.session import Run
from tamis.store import Store
from tamis.testing import dataset

PRICE = Price(input=1.0, output=10.0)


@dataclass
class Counted:
    """A judge that knows some answers and counts what it is asked."""

    known_rows: int = 0
    price: Price | None = PRICE
    id: str = "counted"
    asked: int = 0

    def known(self, questions):
        return [at < self.known_rows for at in range(len(questions))]

    def ask(self, questions):
        self.asked += len(questions)
        return [Answer("Well.\nScore: 3") for _ in questions]


def rows(count, empty=0):
    full = [{"instruction": f"question {i}", "output": f"answer {i}"} for i in range(count)]
    return dataset(full + [{"instruction": f"none {i}", "output": ""} for i in range(empty)])


def estimated(tmp_path, data, judge, column="alpagasus"):
    (found,) = Run(store=tmp_path, judge=judge).estimate(data, [column])
    return found


def test_calls_are_those_that_are_then_made(tmp_path):
    judge, data = Counted(), rows(30, empty=10)
    found = estimated(tmp_path, data, judge)
    assert judge.asked == 0
    Run(store=tmp_path, judge=judge).score(data, ["alpagasus"])
    assert (found.rows, found.calls) == (40, judge.asked) == (40, 30)


def test_a_large_pool_is_tried_in_part_and_scaled(tmp_path):
    found = estimated(tmp_path, rows(3 * SAMPLE), Counted())
    assert (found.rows, found.calls) == (3 * SAMPLE, 3 * SAMPLE)


def test_what_the_ledger_has_costs_nothing(tmp_path):
    all_of_it = estimated(tmp_path, rows(20), Counted())
    rest = estimated(tmp_path, rows(20), Counted(known_rows=5))
    assert (rest.calls, rest.answered) == (15, 5)
    assert rest.cost == pytest.approx(all_of_it.cost * 15 / 20, rel=0.02)


def test_what_the_store_has_is_not_counted(tmp_path):
    data = rows(20)
    Run(store=tmp_path, judge=Counted()).score(data.take(np.arange(8)), ["alpagasus"])
    assert estimated(tmp_path, data, Counted()).calls == 12


def test_money_is_tokens_by_price(tmp_path):
    found = estimated(tmp_path, rows(20), Counted())
    assert found.cost == pytest.approx((found.prompt_tokens + 10 * found.answer_tokens) / 1e6)
    assert found.most_answer_tokens == 20 * 512
    assert found.cost < found.most_cost


def test_without_a_price_there_is_no_cost(tmp_path):
    assert estimated(tmp_path, rows(20), Counted(price=None)).cost is None


def test_columns_that_ask_nobody_have_no_estimate(tmp_path):
    assert Run(store=tmp_path, judge=Counted()).estimate(rows(3), ["length"]) == []


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({"concurrency": 4}, 20 * 3.0 / 4),
        ({"concurrency": 4, "requests_per_minute": 60}, 20.0),
    ],
)
def test_time_is_pace_over_concurrency_or_what_the_limits_leave(tmp_path, settings, seconds):
    asking = Asking(**settings)
    judge = Counted()
    judge.pace, judge.at_once = 3.0, asking.concurrency
    (found,) = Run(store=tmp_path, judge=judge, asking=asking).estimate(rows(20), ["alpagasus"])
    assert found.measured and found.seconds == pytest.approx(seconds)


def test_a_rehearsal_reads_the_store_and_leaves_nothing_there(tmp_path):
    data, judge = rows(60), Counted()
    run = Run(store=tmp_path, judge=judge)
    run.score(data, ["mtld"])
    before = sorted(tmp_path.rglob("*"))
    said = []
    run.progress = lambda *told: said.append(told)
    reference = parse("judge_cascade(by=alpagasus,cheap=mtld,audit=40,recall=0.5)")
    (found,) = rehearsed(run, data, reference, Budget(count=5))
    assert 40 <= found.calls <= 60
    assert judge.asked == 0
    assert sorted(tmp_path.rglob("*")) == before
    assert said == []


def test_a_store_beneath_is_read(tmp_path):
    Run(store=tmp_path / "one").score(rows(5), ["length"])
    step = Run(store=tmp_path / "one").plan(rows(5), ["length"])[0]
    upper = Store.at(tmp_path / "two", beneath=tmp_path / "one")
    missing = upper.read(upper.folder("length", step.key), rows(5).ids)[1]
    assert not missing.any()


def test_no_model_is_looked_for_where_nobody_is_asked(tmp_path):
    run = Run(store=tmp_path, model=str(tmp_path / "no-model"))
    assert run.estimate(rows(3), ["ifd", "mean_rank(of=[ifd,length])"]) == []
    assert run.loaded == {}


def test_a_column_made_of_one_that_asks_is_estimated(tmp_path):
    run = Run(store=tmp_path, judge=Counted())
    (found,) = run.estimate(rows(3), ["mean_rank(of=[alpagasus,length])"])
    assert (found.column, found.calls) == ("alpagasus", 3)
