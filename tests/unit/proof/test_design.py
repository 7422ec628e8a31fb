"""A comparison as arms: controls of the method's own size, in every view."""

import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.proof.design import Proof, arms, faults, sizes


def test_every_method_has_its_controls_in_every_view():
    found = arms(Proof(method=["mtld", "ifd"], equal=["rows", "tokens"]), rows=1000, tokens=9000)
    assert [arm.name for arm in found if arm.group == ("5%", "rows")] == [
        "random",
        "all rows",
        "longest answers",
        "mtld",
        "random, as long as mtld",
        "ifd",
        "random, as long as ifd",
    ]
    assert len(found) == 1 + 2 * 7
    assert found[0].kind == "base"


def test_controls_that_are_left_out_are_told():
    proof = Proof(method=["mtld"], without=["full", "length_matched"], seeds=2)
    assert {arm.kind for arm in arms(proof, 100, 1000)} == {"base", "random", "longest", "method"}
    assert faults(proof) == [
        "2 seeds: how far trainings of one kind lie apart is hardly seen",
        "left out of the comparison: full",
        "left out of the comparison: length_matched",
    ]


@pytest.mark.parametrize(
    ("budget", "rows", "tokens"),
    [("10%", 20, 300), ("50", 50, 750), ("600tok", 40, 600)],
)
def test_a_budget_is_the_same_share_in_rows_and_in_tokens(budget, rows, tokens):
    found = sizes(Budget.parse(budget), rows=200, tokens=3000)
    assert found["rows"].count == found["steps"].count == rows
    assert found["tokens"].tokens == tokens


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"method": []}, "at least one method"),
        ({"method": ["mtld", "mtld()"]}, "mtld is compared twice"),
        ({"method": ["mtld"], "equal": ["bytes"]}, "'bytes' is none of rows, tokens, steps"),
        ({"method": ["mtld"], "without": ["random"]}, "'random' is none of length_matched"),
        ({"method": ["mtld"], "seeds": 0}, "seeds is at least 1"),
        ({"method": ["mtld"], "budget": ["0"]}, "out of range"),
    ],
)
def test_one_message_names_what_is_wrong(given, told):
    with pytest.raises(UserError, match=told):
        Proof(**given)
