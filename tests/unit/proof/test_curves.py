"""Learning curves in the report's file: whole where they are short, else means of stretches."""

import json
from math import inf, nan

import numpy as np
import pytest

from tamis.proof.design import Arm
from tamis.proof.results import MOST_POINTS, Trial, thinned


def curve(points, every=1):
    rng = np.random.default_rng(0)
    return [(every * at, float(rng.random())) for at in range(1, points + 1)]


def test_a_short_curve_stays_as_it_is():
    losses = curve(MOST_POINTS)
    assert list(thinned(losses)) == losses
    assert list(thinned([])) == []


@pytest.mark.parametrize("every", [1, 7])
def test_a_long_one_has_the_means_of_equal_stretches(every):
    losses = curve(1000, every)
    found = thinned(losses, 200)
    values = np.array([loss for _, loss in losses]).reshape(200, 5)
    assert [step for step, _ in found] == [5 * every * at for at in range(1, 201)]
    assert [loss for _, loss in found] == pytest.approx(values.mean(axis=1))


def test_stretches_that_do_not_come_out_even_hold_every_point_once():
    losses = curve(333)
    found = thinned(losses, 200)
    ends = [step for step, _ in found]
    assert len(found) == 200 and ends[-1] == 333 and ends == sorted(set(ends))
    sums = np.diff(np.cumsum([0, *(loss for _, loss in losses)])[[0, *ends]])
    assert [loss for _, loss in found] == pytest.approx(sums / np.diff([0, *ends]))


def test_a_loss_that_is_no_number_is_null_and_makes_its_stretch_null():
    arm = Arm("mtld", "method")
    assert Trial(arm, 0, 5, "m", losses=[(1, nan), (2, inf), (3, 1.5)]).told()["losses"] == [
        [1, None],
        [2, None],
        [3, 1.5],
    ]
    long = [(step, nan if step == 7 else 1.0) for step in range(1, 401)]
    told = Trial(arm, 0, 5, "m", losses=long).told()
    assert [step for step, loss in told["losses"] if loss is None] == [8]
    assert "NaN" not in json.dumps(told)


def test_a_trainer_without_losses_has_an_empty_curve():
    assert Trial(Arm("base, untrained", "base"), 0, 0, "m").told()["losses"] == []
