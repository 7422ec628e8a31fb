"""Break-even by hand and by counting."""

import json
from math import inf

import pytest

from tamis.costs import Cost, Spent, break_even, table
from tamis.errors import UserError


def test_a_selection_cheaper_than_what_it_saves_pays_at_once():
    found = break_even(10, 20, 100)
    assert (found.worth, found.selection, found.trainings) == (0.3, 0.1, 1)


def test_a_dear_selection_pays_after_several_trainings():
    assert break_even(300, 20, 100).trainings == 4


def test_equal_costs_are_not_cheaper():
    assert break_even(80, 20, 100).trainings == 2


@pytest.mark.parametrize("selection", [0, 10, 79, 80, 81, 555])
def test_the_number_of_trainings_is_the_first_that_is_cheaper(selection):
    counted = next(r for r in range(1, 99) if selection + r * 20 < r * 100)
    assert break_even(selection, 20, 100).trainings == counted


def test_a_subset_as_dear_as_everything_never_pays():
    found = break_even(0, 100, 100)
    assert found.trainings == inf and found.epochs == inf


def test_more_epochs_than_those_are_cheaper_and_fewer_are_not():
    found = break_even(300, 20, 100, epochs=2)
    assert found.epochs == 7.5
    for epochs, cheaper in ((7.4, False), (7.6, True)):
        assert (300 + 20 * epochs / 2 < 100 * epochs / 2) == cheaper


def test_more_rows_than_those_are_cheaper_and_fewer_are_not():
    found = break_even(40, 90, 100, rows=1000)
    assert found.rows == 1500
    for rows, cheaper in ((1499, False), (1501, True)):
        assert (40 * rows / 1000 + 90 < 100 * rows / 1000) == cheaper


def test_scoring_as_dear_as_training_never_pays_at_any_number_of_rows():
    assert break_even(100, 10, 100, rows=1000).rows == inf


def test_without_a_number_of_rows_none_is_told():
    assert break_even(10, 20, 100).rows is None


def test_what_has_no_price_has_no_break_even():
    assert break_even(None, 1, 2).trainings is None and break_even(1, 2, None).worth is None


def test_free_training_is_worth_nothing_and_a_paid_selection_never_pays():
    found = break_even(5, 0, 0)
    assert found.worth is None and found.trainings == inf


def test_costs_add_up_and_an_unknown_price_stays_unknown():
    assert Cost(1, 2, 3) + Cost(10, 20, 30) == Cost(11, 22, 33)
    assert (Cost(1, 2, None) + Cost(1, 1, 5)).money is None
    assert (Cost(1, 2, 5) + Cost(1, 1, None)).money is None


def test_the_table_has_totals_and_break_even_in_each_unit():
    spent = Spent(Cost(200, 1000, 1), Cost(100, 0, 0), Cost(20, 50, 0.2))
    line = table({"ifd": spent}, Cost(100, 500, 1.2), epochs=3, rows=1000)["ifd"]
    assert line.total == Cost(320, 1050, 1.2)
    assert {unit: e.trainings for unit, e in line.break_even.items()} == {
        "seconds": 4,
        "tokens": 3,
        "money": 2,
    }
    assert line.break_even["seconds"].epochs == 3 * 300 / 80
    assert line.break_even["seconds"].rows == inf


def test_random_costs_nothing_before_training():
    line = table({"random": Spent(training=Cost(20))}, Cost(100))["random"]
    assert line.total.seconds == 20 and line.break_even["seconds"].trainings == 1


@pytest.mark.parametrize("wrong", [{"seconds": -1}, {"money": inf}, {"tokens": float("nan")}])
def test_a_cost_is_a_number_of_at_least_0(wrong):
    with pytest.raises(UserError, match="at least 0"):
        Cost(**wrong)


def test_the_table_is_json_that_says_never():
    line = table({"a": Spent(Cost(1, 1, None), training=Cost(9))}, Cost(5), rows=10)["a"]
    told = json.loads(json.dumps(line.told(), allow_nan=False))
    assert told["break_even"]["seconds"]["trainings"] == "never"
    assert told["break_even"]["money"]["trainings"] is None
    assert told["total"] == {"seconds": 10, "tokens": 1, "money": None}
