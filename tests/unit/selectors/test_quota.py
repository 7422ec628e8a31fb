import numpy as np
import pytest

from tamis.apportion import apportion, weights_of
from tamis.selectors._quota import quota_order


def one_at_a_time(weights, seats):
    given, order = [0] * len(seats), []
    for _ in range(sum(seats)):
        open_ = [g for g in range(len(seats)) if given[g] < seats[g]]
        best = max(open_, key=lambda g: (weights[g] / (2 * given[g] + 1), seats[g], -g))
        order.append(best)
        given[best] += 1
    return order


@pytest.mark.parametrize("allocation", ["proportional", "equal", "square_root"])
def test_apportion_is_the_loop_that_gives_one_seat_at_a_time(allocation):
    generator = np.random.default_rng(0)
    for _ in range(30):
        seats = generator.integers(0, 12, size=generator.integers(1, 7))
        weights = weights_of(seats, allocation)
        group, seat = apportion(weights, seats)
        assert group.tolist() == one_at_a_time(weights.tolist(), seats.tolist())
        for g in range(len(seats)):
            assert seat[group == g].tolist() == list(range(seats[g]))


def test_apportion_by_the_divisor_table():
    # 53/1, 24/1, 23/1, 53/3=17.7, 53/5=10.6, 24/3=8, 23/3=7.7, 53/7=7.6
    group, _ = apportion(np.array([53.0, 24.0, 23.0]), np.array([53, 24, 23]))
    assert group[:8].tolist() == [0, 1, 2, 0, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("sizes", "budget", "wanted"),
    [
        ((3, 4, 10), 9, (3, 3, 3)),
        ((1, 2, 5, 9), 9, (0, 0, 4, 5)),
        ((1, 2, 5, 9), 16, None),  # 5 and 9, then 2 from the tiny clusters
        ((3, 3, 3, 20), 14, (3, 3, 3, 5)),
    ],
)
def test_equal_seats_give_the_counts_of_s2l(sizes, budget, wanted):
    seats = np.array(sizes)
    group, _ = apportion(np.ones(len(seats)), seats, late=seats <= 2)
    counts = np.bincount(group[:budget], minlength=len(seats))
    if wanted is None:
        assert counts[2:].tolist() == [5, 9] and counts[:2].sum() == 2
    else:
        assert counts.tolist() == list(wanted)


def test_minimum_comes_first_and_maximum_holds():
    labels = np.repeat([0, 1, 2], [100, 10, 2])
    rows = np.arange(112)
    weights = weights_of(np.bincount(labels), "proportional")
    order = quota_order(labels, rows, weights, minimum=2, maximum=20)
    assert sorted(labels[order[:6]].tolist()) == [0, 0, 1, 1, 2, 2]
    assert np.bincount(labels[order]).tolist() == [20, 10, 2]


def test_a_group_of_weight_zero_gets_nothing():
    order = quota_order(np.array([0, 1, 0, 1]), np.arange(4), np.array([0.0, 2.0]))
    assert order.tolist() == [1, 3]


def test_shares_follow_the_weights_at_every_size():
    sizes = np.array([600, 300, 100])
    group, _ = apportion(sizes.astype(float), sizes)
    for budget in (10, 50, 333, 999):
        counts = np.bincount(group[:budget], minlength=3)
        assert np.abs(counts - budget * sizes / 1000).max() <= 1
