"""S2L: trajectories of losses, and equal shares of their clusters."""

import numpy as np
import pytest
from _trained import fake_run, real_run, small

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes._rounds import settings
from tamis.recipes.s2l import TRAJECTORY, equally, s2l, shared, trajectories
from tamis.run.session import Run


def counts(sizes, budget):
    """How many of so many rows come from each cluster."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    order = equally(labels, np.array(sizes), np.arange(len(labels)))
    return np.bincount(labels[order[:budget]], minlength=len(sizes)).tolist()


@pytest.mark.parametrize(
    ("sizes", "budget", "wanted"),
    [
        ((3, 4, 10), 9, [3, 3, 3]),
        ((1, 2, 5, 9), 9, [0, 0, 4, 5]),
        ((3, 3, 3, 20), 14, [3, 3, 3, 5]),
    ],
)
def test_shares_are_those_of_the_dossier(sizes, budget, wanted):
    assert counts(sizes, budget) == wanted


def test_tiny_clusters_are_drawn_from_last():
    found = counts((1, 2, 5, 9), 16)
    assert found[2:] == [5, 9] and sum(found[:2]) == 2


def test_groups_share_equally_whatever_their_size():
    vectors = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    ids = np.array([f"{n:02}" for n in range(30)])
    groups = ["small"] * 6 + ["large"] * 24
    order, _ = shared(vectors, ids, groups, 3, 0)
    assert sum(row < 6 for row in order[:8]) == 4
    assert sum(row < 6 for row in order[:20]) == 6  # all of the smaller one
    assert sorted(order.tolist()) == list(range(30))


def test_trajectories_are_the_losses_of_each_kept_model(tmp_path):
    run, data = real_run(tmp_path), small()
    training = settings(run, epochs=1, keep_every=2)
    kept = [one.model for one in run.train(data, training).kept]
    assert len(kept) == 3
    found = np.array(trajectories(run, data, kept, training).values.to_pylist())
    for at, model in enumerate(kept):
        own = Run(store=str(tmp_path / "own"), model=model, device="cpu")
        name = "perplexity(max_length=128,template=plain,turns=all)"
        wanted = np.log(own.score(data, [name]).scores(name))
        assert found[:, at] == pytest.approx(wanted, abs=1e-5)
    assert len(np.unique(found[0])) == 3


def test_a_proxy_of_its_own_is_trained(tmp_path):
    from tiny import tiny_model

    run = real_run(tmp_path)
    other = str(tiny_model(tmp_path / "proxy", "gpt2", seed=1))
    picked = s2l(run, small(), Budget(count=6), proxy=other, every=3, epochs=1, clusters=3)
    assert len(picked) == 6 and picked.info["losses"] == 2
    with open(f"{picked.info['proxy']['model'].removesuffix('/model')}/train.json") as file:
        assert "proxy@" in file.read()


def test_the_proxy_is_trained_on_a_share(tmp_path):
    run = fake_run(tmp_path)
    s2l(run, small(), Budget(count=6), every=1, share=0.25)
    ((ids, training),) = run.trainer.calls
    assert len(ids) == 6 and training.keep_every == 1


def test_a_training_that_keeps_no_model_says_so(tmp_path):
    with pytest.raises(UserError, match="of 6 updates keeps no model every 500: lower every"):
        s2l(fake_run(tmp_path), small(), Budget(count=6))


def test_rows_without_a_loss_are_dropped_by_name(tmp_path):
    picked = s2l(fake_run(tmp_path), small(4, output=""), Budget(count=2), every=1)
    assert len(picked) == 0
    assert {why: len(rows) for why, rows in picked.dropped.items()} == {
        f"{TRAJECTORY}: empty_answer": 4
    }


def test_a_killed_run_goes_on_from_the_losses_it_has(tmp_path, monkeypatch):
    from tamis.models.fake import FakeLikelihood

    read, passages, allowed = FakeLikelihood.read, [], [1]

    def counting(self, asked):
        if asked and not allowed:
            raise KeyboardInterrupt
        allowed[:] = allowed[1:]
        passages.append((self.id, len(asked)))
        return read(self, asked)

    monkeypatch.setattr(FakeLikelihood, "read", counting)
    with pytest.raises(KeyboardInterrupt):
        s2l(fake_run(tmp_path), small(), Budget(count=6), every=2)
    allowed[:] = [1] * 9
    s2l(fake_run(tmp_path), small(), Budget(count=6), every=2)
    assert len({model for model, _ in passages}) == len(passages) == 3


@pytest.mark.parametrize("given", [{"every": 0}, {"share": 0.0}, {"clusters": -1}])
def test_settings_without_meaning_are_refused(tmp_path, given):
    with pytest.raises(UserError, match="s2l"):
        s2l(fake_run(tmp_path), small(), Budget(count=6), **given)
