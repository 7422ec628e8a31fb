import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.percentile_band import percentile_band


def test_the_band_is_numpys():
    scores = np.random.default_rng(1).lognormal(size=101)
    chosen = percentile_band(pool(101, s=scores), Budget(count=101), by="s", low=20, high=60)
    low, high = np.percentile(scores, [20, 60])
    assert (
        sorted(chosen.rows.tolist()) == np.flatnonzero((scores >= low) & (scores <= high)).tolist()
    )
    assert chosen.info["band"] == {"from": low, "to": high}


def test_the_middle_of_any_width():
    scores = np.arange(100.0)
    rows = pool(100, s=scores)
    chosen = percentile_band(rows, Budget(count=30), by="s", low=0, high=100, order="middle")
    assert sorted(chosen.rows.tolist()) == list(range(35, 65))


def test_random_inside_the_band_follows_the_seed():
    rows = pool(200, s=np.arange(200.0))
    one, same, two = (
        percentile_band(rows, Budget(count=20), by="s", seed=seed).rows.tolist()
        for seed in (1, 1, 2)
    )
    assert one == same != two


def test_infinite_and_missing_scores_stay_outside():
    scores = np.array([np.inf, 1, 2, 3, -np.inf, np.nan])
    chosen = percentile_band(pool(6, s=scores), Budget(count=6), by="s", low=0, high=100)
    assert sorted(chosen.rows.tolist()) == [1, 2, 3]
    assert len(percentile_band(pool(1, s=np.array([np.inf])), Budget(count=1), by="s")) == 0


def test_percentiles_out_of_order_are_refused():
    with pytest.raises(UserError, match="low < high"):
        percentile_band(pool(2, s=np.zeros(2)), Budget(count=1), by="s", low=80, high=20)
