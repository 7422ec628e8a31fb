import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors.stratified import stratified

LABELS = ["en"] * 60 + ["de"] * 30 + ["zh"] * 10


@pytest.mark.parametrize(
    ("allocation", "wanted"),
    [
        ("proportional", {"en": 12, "de": 6, "zh": 2}),
        ("equal", {"en": 7, "de": 7, "zh": 6}),
        ("square_root", {"en": 9, "de": 7, "zh": 4}),
    ],
)
def test_shares(allocation, wanted):
    rows = pool(100, lang=LABELS)
    chosen = stratified(rows, Budget(count=20), by="lang", allocation=allocation)
    assert chosen.info["strata"] == wanted


def test_best_first_inside_a_stratum():
    scores = np.arange(100.0)
    rows = pool(100, lang=LABELS, s=scores)
    chosen = stratified(rows, Budget(count=10), by="lang", then="s")
    assert sorted(chosen.rows.tolist()) == [54, 55, 56, 57, 58, 59, 87, 88, 89, 99]
    assert chosen.gains.tolist() == scores[chosen.rows].tolist()


def test_minimum_and_maximum():
    rows = pool(100, lang=LABELS)
    chosen = stratified(rows, Budget(count=50), by="lang", minimum=5, maximum=20)
    assert chosen.info["strata"] == {"en": 20, "de": 20, "zh": 10}
    chosen = stratified(rows, Budget(count=15), by="lang", minimum=5)
    assert chosen.info["strata"] == {"en": 5, "de": 5, "zh": 5}
    with pytest.raises(UserError, match="leave no quota"):
        stratified(rows, Budget(count=15), by="lang", minimum=5, maximum=2)


def test_an_exhausted_stratum_leaves_its_places_to_the_others():
    rows = pool(12, lang=["a"] * 10 + ["b"] * 2)
    chosen = stratified(rows, Budget(count=8), by="lang", allocation="equal")
    assert chosen.info["strata"] == {"a": 6, "b": 2}


def test_tags_are_not_a_label_and_a_missing_label_is_no_stratum():
    with pytest.raises(UserError, match="one label"):
        stratified(pool(2, tags=[["a"], ["b"]]), Budget(count=1), by="tags")
    chosen = stratified(pool(3, lang=["a", None, "b"]), Budget(count=3), by="lang")
    assert sorted(chosen.rows.tolist()) == [0, 2]
    assert chosen.dropped["no value in lang"].tolist() == [1]
