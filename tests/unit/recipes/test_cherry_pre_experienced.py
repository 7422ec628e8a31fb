"""Cherry with the training that comes before its ratio."""

import numpy as np
import pytest
from _trained import fake_run, real_run, small

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes.cherry import cherry
from tamis.recipes.cherry_pre_experienced import cherry_pre_experienced, some_of_each

SMALL = {"clusters": 4, "each": 2}


def test_every_mth_row_within_the_percentiles_is_taken():
    labels = np.array([0] * 9 + [1] * 2)
    scores = np.array([5.0, 1, 2, 3, 4, 6, 7, 8, 9, 1, 99])
    # of 1..9 the percentiles 25 and 75 are 3 and 7: rows 0, 3, 4, 5, 6, of which every 2nd
    assert some_of_each(labels, scores, 2, (25, 75)).tolist() == [0, 4, 9, 10]


def test_a_cluster_with_few_rows_within_the_percentiles_gives_those():
    labels, scores = np.zeros(5, np.int64), np.arange(5.0)
    assert some_of_each(labels, scores, 4, (25, 75)).tolist() == [1, 2, 3]


def test_rows_can_be_drawn_in_an_order_instead():
    labels, scores = np.zeros(6, np.int64), np.arange(6.0)
    order = np.array([5, 0, 4, 1, 3, 2])
    assert some_of_each(labels, scores, 3, (0, 100), order).tolist() == [5, 0, 4]


def test_the_model_is_trained_once_on_some_rows_of_each_cluster(tmp_path):
    run = fake_run(tmp_path)
    picked = cherry_pre_experienced(run, small(), Budget(count=5), **SMALL)
    ((ids, training),) = run.trainer.calls
    assert len(ids) == picked.info["pre_experience"]["rows"] <= 8
    assert picked.info["clusters"] == 4 and training.epochs == 1.0


def test_the_ratio_is_that_of_the_trained_model(tmp_path):
    run, data = real_run(tmp_path), small()
    picked = cherry_pre_experienced(run, data, Budget(count=5), **SMALL, seed=1)
    model = picked.info["pre_experience"]["model"]
    ratio = f"ifd(direct=header,ratio=loss,template=plain,max_length=128,model={model})"
    again = cherry(run, data, Budget(count=5), by=ratio)
    assert picked.rows.tolist() == again.rows.tolist() and len(picked)
    assert picked.gains.tolist() == again.gains.tolist()
    base = cherry(run, data, Budget(count=5), by=ratio.replace(model, run.model))
    assert base.gains.tolist() != again.gains.tolist()


def test_a_killed_run_trains_only_what_it_had_not(tmp_path):
    run = fake_run(tmp_path, fails_at=1)
    with pytest.raises(KeyboardInterrupt):
        cherry_pre_experienced(run, small(), Budget(count=5), **SMALL)
    before = [entry.get("score", "") for entry in run.log]
    assert any("of=question" in name for name in before)
    run.trainer.fails_at = 0
    cherry_pre_experienced(run, small(), Budget(count=5), **SMALL)
    assert len(run.trainer.calls) == 1
    again = [entry["score"] for entry in run.log if "score" in entry]
    assert len(again) == len(set(again))  # what was read before is not read again


def test_a_row_without_an_answer_is_not_trained_on(tmp_path):
    with pytest.raises(UserError, match="no row has a question and an answer"):
        cherry_pre_experienced(fake_run(tmp_path), small(6, output=""), Budget(count=2), **SMALL)


@pytest.mark.parametrize("given", [{"each": 0}, {"low": 80, "high": 20}, {"high": 101}])
def test_what_takes_no_rows_is_refused(tmp_path, given):
    with pytest.raises(UserError, match="cherry_pre_experienced"):
        cherry_pre_experienced(fake_run(tmp_path), small(), Budget(count=2), **{**SMALL, **given})
