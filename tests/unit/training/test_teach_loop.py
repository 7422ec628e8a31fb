"""The order of updates, their rates, and that a run goes on where it stopped."""

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tamis.errors import UserError  # noqa: E402
from tamis.training.teach_loop import WINDOW, epoch_batches, fit, share_of_rate, updates  # noqa: E402
from tamis.training.teaching import Teaching  # noqa: E402

SMALL = Teaching(epochs=3, batch=4, rate=0.05, decay=0.0)


class Line:
    """y = w x + b with dropout, which differs with every draw."""

    def __init__(self, rows=22):
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(3, 1))
        self.keys = [f"k{n:03}" for n in range(rows)]
        self.lengths = np.array([(7 * n) % 13 + 1 for n in range(rows)])
        self.x = torch.randn(rows, 3)
        self.seen = []

    def loss(self, places):
        self.seen.append(list(places))
        x = self.x[places]
        return ((self.model(x)[:, 0] - x.sum(1)) ** 2).mean()


def weights(task):
    return [p.detach().numpy().copy() for p in task.model.parameters()]


def test_every_example_is_read_once_an_epoch():
    batches = epoch_batches(Line(), SMALL, 0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(22))
    assert [len(b) for b in batches].count(4) == 5 and len(batches) == 6


def test_epochs_have_orders_of_their_own_and_seeds_too():
    orders = [
        [b.tolist() for b in epoch_batches(Line(), teaching, epoch)]
        for teaching, epoch in ((SMALL, 0), (SMALL, 1), (Teaching(batch=4, teach_seed=1), 0))
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_examples_of_an_update_are_of_like_length():
    task = Line(4 * WINDOW)
    spread = [np.ptp(task.lengths[b]) for b in epoch_batches(task, SMALL, 0)]
    assert np.mean(spread) < np.ptp(task.lengths) / 4


def test_rates_rise_and_fall_in_a_line():
    found = [share_of_rate(step, 20, 0.1) for step in range(20)]
    assert found[:3] == [0.5, 1.0, 1.0] and found[-1] == pytest.approx(1 / 18)
    assert all(a > b for a, b in pairwise(found[2:]))
    assert share_of_rate(0, 5, 0.0) == 1.0


def test_epochs_may_end_in_the_middle():
    assert updates(22, Teaching(epochs=0.5, batch=4)) == 3
    assert updates(22, Teaching(epochs=3, batch=4)) == 18


def test_a_run_that_stopped_anywhere_ends_with_the_same_weights(tmp_path):
    whole = Line()
    fit(whole, SMALL, tmp_path, "whole", lambda *_: None)
    for stop in (1, 5, 6, 17):
        folder = tmp_path / str(stop)
        folder.mkdir()

        def stopping(_, done, total, stop=stop):
            if done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(Line(), SMALL, folder, "this", stopping, every=0)
        again = Line()
        going = fit(again, SMALL, folder, "this", lambda *_: None, every=0)
        assert len(again.seen) == 18 - stop
        assert all(
            np.array_equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True)
        )
        assert going.step == 18 and len(going.losses) == 18


def test_a_checkpoint_of_another_teaching_does_not_count(tmp_path):
    def stopping(_, done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Line(), SMALL, tmp_path, "one", stopping, every=0)
    other = Line()
    fit(other, SMALL, tmp_path, "other", lambda *_: None)
    assert len(other.seen) == 18


def test_gradients_are_clipped(tmp_path):
    task = Line()
    fit(
        task,
        Teaching(epochs=1, batch=22, rate=1.0, clip=1e-9, decay=0, held=0),
        tmp_path,
        "c",
        lambda *_: None,
    )
    # AdamW divides by the gradient's own size: what is left is below one rate
    assert task.model[1].weight.grad.norm() <= 1e-9 * 1.01


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    task = Line()
    task.x[3] = torch.inf
    with pytest.raises(UserError, match="smaller --rate"):
        fit(task, SMALL, tmp_path, "nan", lambda *_: None)
