import numpy as np
from selector_pools import pool

from tamis.budget import Budget
from tamis.selectors.bottom_k import bottom_k


def test_lowest_first_ties_by_id_and_minus_the_score_as_gain():
    chosen = bottom_k(pool(5, s=np.array([2.0, 1.0, 3.0, 1.0, 0.5])), Budget(count=4), by="s")
    assert chosen.rows.tolist() == [4, 1, 3, 0]
    assert chosen.gains.tolist() == [-0.5, -1.0, -1.0, -2.0]


def test_a_row_without_a_score_is_left_out_and_counted():
    chosen = bottom_k(pool(3, s=np.array([np.nan, 1.0, -1.0])), Budget(count=3), by="s")
    assert chosen.rows.tolist() == [2, 1]
    assert chosen.dropped["no value in s"].tolist() == [0]


def test_it_is_the_reverse_of_argsort():
    scores = np.random.default_rng(0).standard_normal(50)
    chosen = bottom_k(pool(50, s=scores), Budget(fraction=0.2), by="s")
    assert chosen.rows.tolist() == np.argsort(scores)[:10].tolist()
