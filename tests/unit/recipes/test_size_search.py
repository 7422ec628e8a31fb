from math import log

import numpy as np
import pytest
from _lawful import Lawful
from _trained import small

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes.size_search import lowest, middle, search, size_search
from tamis.testing import a_run


def valley(at):
    """A curve that is lowest at one size."""
    return lambda size: 1 + (log(size) - log(at)) ** 2


def searching(folder, law, data, budget, **params):
    run = a_run(str(folder))
    run.trainer = Lawful(run, law)
    usual = {"by": "length", "least": 5}
    return run, size_search(run, data, budget, **{**usual, **params})


@pytest.mark.parametrize("best", [512, 700, 2532, 6000, 10_000])
def test_the_lowest_of_a_curve_is_found(best):
    found = search(valley(best), 512, 10_000, 12)
    assert log(lowest(found) / best) == pytest.approx(0, abs=0.15)


def test_no_more_sizes_are_tried_than_allowed():
    assert len(search(valley(2532), 512, 10_000, 8)) == 8


def test_sizes_stay_within_the_bounds():
    found = search(valley(3), 512, 10_000, 12)
    assert min(found) == 512
    assert max(found) == 10_000
    assert lowest(found) == 512


def test_more_tries_begin_with_those_that_there_were():
    grid = search(valley(2532), 512, 10_000, 3)
    assert set(grid) <= set(search(valley(2532), 512, 10_000, 5))


def test_each_size_is_tried_once():
    seen = []
    search(lambda size: seen.append(size) or 1.0, 3, 6, 50)
    assert sorted(seen) == [3, 4, 5, 6]


def test_there_is_no_size_between_neighbours():
    assert middle({3: 1.0, 4: 2.0}) is None


def test_of_equal_losses_the_smaller_size():
    assert lowest({4: 1.0, 3: 1.0, 5: 1.0}) == 3


def test_a_second_valley_is_seen():
    two = {512: 3.0, 10_000: 3.0}
    found = search(lambda size: two.get(size, 1.0 if size < 1500 else 2.0), 512, 10_000, 8)
    assert lowest(found) < 1500


def test_the_prefix_with_the_lowest_loss_is_returned(tmp_path):
    data = small(80)
    run, found = searching(tmp_path, lambda rows, _: valley(20)(len(rows)), data, Budget(count=60))
    ranked = run.select(data, "bottom_k(by=length)", Budget(count=60))
    assert abs(len(found.rows) - 20) <= 2
    assert found.rows.tolist() == ranked.rows[: len(found.rows)].tolist()
    assert len(found.gains) == len(found.rows) == found.info["size"]


def test_the_curve_is_told(tmp_path):
    _, found = searching(
        tmp_path, lambda rows, _: valley(20)(len(rows)), small(80), Budget(count=60), tries=5
    )
    curve = {one["rows"]: one["loss"] for one in found.info["curve"]}
    assert len(curve) == 5
    for rows, loss in curve.items():
        assert loss == pytest.approx(valley(20)(rows))


def test_the_highest_may_come_first(tmp_path):
    data = small(80)
    run, found = searching(
        tmp_path, lambda rows, _: valley(20)(len(rows)), data, Budget(count=60), first="high"
    )
    ranked = run.select(data, "top_k(by=length)", Budget(count=60))
    assert found.rows.tolist() == ranked.rows[: len(found.rows)].tolist()


def test_losses_of_several_seeds_are_averaged(tmp_path):
    run, found = searching(
        tmp_path,
        lambda rows, training: 1.0 + training.train_seed,
        small(80),
        Budget(count=60),
        tries=3,
        seeds=3,
    )
    assert found.info["curve"][0]["losses"] == pytest.approx([1, 2, 3])
    assert found.info["curve"][0]["loss"] == pytest.approx(2)
    assert len(run.trainer.calls) == 9


def test_a_small_budget_is_taken_as_it_is(tmp_path):
    run, found = searching(tmp_path, lambda *_: 1.0, small(80), Budget(count=5))
    assert len(found.rows) == 5
    assert not run.trainer.calls


def test_a_budget_of_tokens_is_kept(tmp_path):
    data = small(80)
    run, found = searching(tmp_path, lambda rows, _: 1 / len(rows), data, Budget(tokens=400))
    tokens = run.score(data, ["tokens(of=all)"]).scores("tokens(of=all)")
    assert tokens[found.rows].sum() <= 400
    assert len(found.rows) > 5  # more is better here, so all that it pays for


def test_without_a_target_set_nothing_is_trained(tmp_path):
    run = a_run(str(tmp_path))
    run.target = None
    with pytest.raises(UserError, match="--target"):
        size_search(run, small(), Budget(count=10), by="length", least=2)


@pytest.mark.parametrize("wrong", [{"least": 0}, {"tries": 2}, {"seeds": 0}])
def test_settings_that_search_nothing_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match="size_search"):
        searching(tmp_path, lambda *_: 1.0, small(), Budget(count=10), **wrong)


def test_models_are_let_go(tmp_path):
    run, _ = searching(tmp_path, lambda rows, _: 1 / len(rows), small(80), Budget(count=60))
    assert not any("trained" in name for name in run.loaded)
    assert np.isfinite([one["seconds"] for one in run.log if "train" in one]).all()
