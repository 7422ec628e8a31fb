import json

import numpy as np
import pytest
from _lawful import Lawful
from _trained import real_run, small

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes.instruct_mining_fit import draw, instruct_mining_fit, normal_scores, whitened
from tamis.testing import a_run, dataset

OF = ("length(unit=words)", "turns")
LAW = (0.4, -0.01, 0.2)


def pool(rows=120, seed=0):
    """Rows of many lengths with one to four turns."""
    drawn, found = np.random.default_rng(seed), []
    for row in range(rows):
        turns = []
        for _ in range(1 + int(drawn.integers(4))):
            turns.append({"role": "user", "content": f"ask {row}"})
            turns.append({"role": "assistant", "content": "word " * int(drawn.integers(1, 60))})
        found.append({"messages": turns})
    return dataset(found)


def lawful(folder, law=LAW, noise=0.0):
    """A run whose trainings have the loss that the law says of their rows' mean indicators."""
    run, drawn = a_run(str(folder)), np.random.default_rng(0)
    measuring = a_run(str(folder / "law"))

    def loss(data, training):
        scored = measuring.score(data, OF)
        means = [scored.scores(name).mean() for name in OF]
        return float(np.exp(law[0] + np.dot(law[1:], means) + noise * drawn.normal()))

    run.trainer = Lawful(run, loss)
    return run


def fitted(folder, data=None, noise=0.0, **params):
    run = lawful(folder, noise=noise)
    usual = {"of": OF, "subsets": 12, "rows": 30}
    given = data or pool()
    found = instruct_mining_fit(run, given, Budget(count=10), **{**usual, **params})
    return run, given, found


def test_a_known_rule_comes_back(tmp_path):
    _, _, found = fitted(tmp_path)
    rule = json.loads(found.info["rule"])
    assert rule["intercept"] == pytest.approx(LAW[0], abs=1e-6)
    assert list(rule["coefficients"].values()) == pytest.approx(LAW[1:], rel=1e-6)
    assert found.info["r_squared"] == pytest.approx(1)


def test_rows_with_the_lowest_expected_loss_are_picked(tmp_path):
    run, data, found = fitted(tmp_path)
    scored = run.score(data, OF)
    expected = LAW[0] + sum(by * scored.scores(name) for by, name in zip(LAW[1:], OF, strict=True))
    assert sorted(expected[found.rows]) == pytest.approx(sorted(expected)[:10])
    assert -found.gains == pytest.approx(expected[found.rows])


def test_a_rule_that_predicts_nothing_says_so(tmp_path):
    _, _, found = fitted(tmp_path, noise=0.5, subsets=16)
    assert found.info["r_squared_left_out"] < 0.2


def test_the_rule_that_was_saved_is_the_score(tmp_path):
    path = tmp_path / "rule.json"
    run, data, found = fitted(tmp_path / "store", save=str(path))
    picked = run.select(data, f"bottom_k(by=instruct_mining(rule={path}))", Budget(count=10))
    assert picked.rows.tolist() == found.rows.tolist()


def test_every_run_is_told(tmp_path):
    run, _, found = fitted(tmp_path)
    assert len(run.trainer.calls) == len(found.info["trained"]) == 12
    assert {size for size, _ in run.trainer.calls} == {30}
    assert set(found.info["trained"][0]) == {*OF, "loss"}


def test_tilted_subsets_differ_more_than_random_ones():
    values = np.random.default_rng(1).normal(size=(400, 2))
    ids = np.array([f"row {n:03}" for n in range(400)])
    spread = [
        np.std([values[part].mean(axis=0) for part in draw(values, ids, 40, 50, tilt, 0)])
        for tilt in (0.0, 1.0)
    ]
    assert spread[1] > 2 * spread[0]


def test_indicators_that_go_together_are_told_apart_as_well_as_at_random():
    drawn = np.random.default_rng(1)
    values = drawn.normal(size=(2000, 2))
    values[:, 1] = values[:, 0] + 0.5 * values[:, 1]
    ids = np.array([f"row {n:04}" for n in range(2000)])
    parts = draw(values, ids, 200, 100, 1.0, 0)
    means = np.array([values[part].mean(axis=0) for part in parts])
    rows, subsets = (np.corrcoef(x.T)[0, 1] for x in (values, means))
    assert subsets == pytest.approx(rows, abs=0.06)


def test_whitened_columns_are_uncorrelated():
    drawn = np.random.default_rng(1)
    values = drawn.normal(size=(500, 3)) @ [[1, 0.5, 0], [0, 1, 0.3], [2, 0, 1]]
    np.testing.assert_allclose(np.cov(whitened(values).T, bias=True), np.eye(3), atol=1e-9)


def test_a_column_that_follows_from_others_is_not_blown_up():
    values = np.random.default_rng(1).normal(size=(500, 2))
    both = np.column_stack([values, values.sum(axis=1)])
    assert np.abs(whitened(both)).max() < 10


def test_subsets_do_not_see_the_order_of_rows():
    values = np.random.default_rng(1).normal(size=(60, 2))
    ids = np.array([f"row {n:03}" for n in range(60)])
    turned = np.random.default_rng(2).permutation(60)
    one, two = draw(values, ids, 5, 20, 1.0, 3), draw(values[turned], ids[turned], 5, 20, 1.0, 3)
    assert [ids[part].tolist() for part in one] == [ids[turned][part].tolist() for part in two]


def test_normal_scores_are_those_of_ranks():
    found = normal_scores(np.array([[10.0], [1000.0], [11.0], [11.0]]))[:, 0]
    assert found == pytest.approx([-1.15035, 1.15035, 0, 0], abs=1e-4)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"subsets": 3}, "at least 4, better 30"),
        ({"rows": 61}, "at most 60"),
        ({"rows": 0}, "at most 60"),
        ({"tilt": -1.0}, "tilt"),
        ({"save": "no/such/folder/rule.json"}, "no such folder"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_trained(tmp_path, params, why):
    run = lawful(tmp_path)
    usual = {"of": OF, "subsets": 12, "rows": 30}
    with pytest.raises(UserError, match=why):
        instruct_mining_fit(run, pool(), Budget(count=10), **{**usual, **params})
    assert not run.trainer.calls


def test_without_a_target_set_nothing_is_trained(tmp_path):
    run = lawful(tmp_path)
    run.target = None
    with pytest.raises(UserError, match="--target"):
        instruct_mining_fit(run, pool(), Budget(count=10), of=OF)
    assert not run.trainer.calls


def test_rows_without_an_indicator_are_dropped_by_name(tmp_path):
    data = dataset(
        [
            *({"instruction": f"ask {n}", "output": "word " * (n % 9 + 1)} for n in range(60)),
            {"instruction": "ask", "output": ""},
        ]
    )
    run = a_run(str(tmp_path))
    found = instruct_mining_fit(
        run, data, Budget(count=5), of=("mtld", "length"), subsets=5, rows=20
    )
    assert [rows.tolist() for rows in found.dropped.values()] == [[60]]
    assert next(iter(found.dropped)).startswith("mtld: ")


def test_a_training_that_went_astray_is_told(tmp_path):
    run = a_run(str(tmp_path))
    run.trainer = Lawful(run, lambda *_: 1000.0)
    with pytest.raises(UserError, match="went astray"):
        instruct_mining_fit(run, pool(), Budget(count=5), of=OF, subsets=4, rows=20)


def really(folder):
    """The recipe with the real trainer on a tiny model."""
    run = real_run(folder, steps=2)
    run.target = small(4)
    found = instruct_mining_fit(run, small(), Budget(count=5), of=("length",), subsets=3, rows=6)
    return run, found


def test_real_trainings_are_found_again(tmp_path):
    pytest.importorskip("trl")
    run, first = really(tmp_path)
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    _, again = really(tmp_path)
    assert len([one for one in run.log if "train" in one]) == 3
    assert again.rows.tolist() == first.rows.tolist()
    assert again.info["trained"] == first.info["trained"]
    trained = {p: at for p, at in weights.items() if "models" in p.parts}
    assert len(trained) >= 3
    assert {path: path.stat().st_mtime_ns for path in trained} == trained


def test_a_killed_fit_goes_on_where_it_was(tmp_path, monkeypatch):
    pytest.importorskip("trl")
    from tamis.training import sft

    _, whole = really(tmp_path / "whole")
    own, calls = sft.train, []

    def dying(*args, **given):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return own(*args, **given)

    monkeypatch.setattr(sft, "train", dying)
    with pytest.raises(KeyboardInterrupt):
        really(tmp_path / "killed")
    monkeypatch.setattr(sft, "train", own)
    _, found = really(tmp_path / "killed")
    assert found.info["trained"] == whole.info["trained"]
    assert found.rows.tolist() == whole.rows.tolist()


def test_models_are_let_go(tmp_path):
    pytest.importorskip("trl")
    run, _ = really(tmp_path)
    assert not any(name.startswith("language model") for name in run.loaded)
