import numpy as np
import pytest
from _scripted import Scripted, batch, losses

from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.scorers.ifd import ifd
from tamis.scorers.loss_difference import loss_difference
from tamis.testing import dataset
from tamis.types import Batch, Pool

LM = FakeLikelihood()


class Listening(FakeLikelihood):
    """Keeps the passages that it was asked for."""

    asked: list = []  # noqa: RUF012
    calls: list = []  # noqa: RUF012

    def read(self, passages):
        self.calls.append(len(passages))
        self.asked.extend(passages)
        return super().read(passages)


@pytest.fixture
def listening():
    Listening.asked.clear()
    Listening.calls.clear()
    return Listening()


def series(data, **params):
    column = loss_difference(Batch(data.table), LM, **params)
    return Pool.of(data, x=column).series("x")


def small():
    return dataset().take(np.arange(20, 42))


def test_each_token_has_its_loss_after_the_question_minus_its_loss_alone():
    lm = Scripted(losses(a_b_c=[1, 2, 3], d=[0.5]), losses(a_b_c=[2, 2, 1], d=[4]))
    found = loss_difference(batch("a b c", "d", ""), lm)
    assert found.values.to_pylist() == [[-1, 0, 2], [-3.5], None]
    assert found.problem.to_pylist() == [None, None, "empty_answer"]


def test_without_a_start_token_the_first_token_of_an_answer_is_left_out():
    lm = Scripted(losses(a_b_c=[1, 2, 3], d=[0.5]), losses(a_b_c=[2, 2, 1], d=[4]))
    found = loss_difference(batch("a b c", "d"), lm, start=False)
    assert found.values.to_pylist() == [[0, 2], None]
    assert found.problem.to_pylist() == [None, "one_token"]


def test_a_loss_that_is_no_number_makes_its_row_undefined_alone():
    lm = Scripted(losses(a=[np.inf], b=[1]), losses(a=[1], b=[3]))
    found = loss_difference(batch("a", "b"), lm)
    assert found.values.to_pylist() == [None, [-2]]
    assert found.problem.to_pylist() == ["undefined", None]


def test_exp_of_the_mean_is_ifd_as_a_ratio_of_perplexities():
    data = small()
    flat, starts = series(data)
    wanted = ifd(Batch(data.table), LM, ratio="perplexity", template="plain").values.to_pylist()
    assert sum(v is None for v in wanted) == 3
    for row, value in enumerate(wanted):
        part = flat[starts[row] : starts[row + 1]]
        assert (value is None) == (len(part) == 0)
        if value is not None:
            assert np.exp(part.mean(dtype=float)) == pytest.approx(value, rel=1e-5)


def test_all_joins_the_tokens_of_every_answer():
    talk = [("user", "q"), ("assistant", "a b c"), ("user", "r"), ("assistant", "d")]
    data = dataset([{"messages": [{"role": r, "content": c} for r, c in talk]}])
    every, last = series(data, turns="all")[0], series(data)[0]
    assert len(every) == 6 and len(last) == 1 and every[-1] == last[0]


def test_neighbours_are_readings_one_after_the_other():
    data = small()
    quiet, starts = series(data)
    noisy, ends = series(data, neighbours=3)
    assert (ends == 3 * starts).all()
    readings = noisy[: ends[1]].reshape(3, -1)
    assert len({reading.tobytes() for reading in readings}) == 3
    weak = series(data, neighbours=3, alpha=1e-6)[0][: ends[1]]
    np.testing.assert_allclose(weak, np.tile(quiet[: starts[1]], 3), atol=1e-4)
    assert (np.abs(readings - quiet[: starts[1]]) > 1e-3).any(axis=1).all()


def test_an_answer_alone_gets_the_noise_that_it_has_inside_the_row(listening):
    data = small()
    loss_difference(Batch(data.table), listening, neighbours=2)
    assert len({p.noise.seed for p in listening.asked}) == 2 * 19
    inside = {p.noise.seed: p for p in listening.asked if p.noise.offset == 0}
    alone = [p for p in listening.asked if p.noise.offset]
    assert len(alone) == len(inside) == 2 * 19
    for passage in alone:
        whole = inside[passage.noise.seed]
        at, length = passage.noise.offset, len(passage.ids)
        assert whole.noise.length == passage.noise.length == len(whole.ids) == at + length
        # all but the start token stand at the same places
        assert passage.ids[1:].tolist() == whole.ids[at + 1 :].tolist()


def test_noise_does_not_move_with_the_order_or_the_batch():
    data = small()
    turned = data.take(np.arange(len(data))[::-1].copy())
    one, two, alone = (
        dict(zip(d.ids.to_pylist(), c.values.to_pylist(), strict=True))
        for d in (data, turned, data.take(np.array([3])))
        for c in [loss_difference(Batch(d.table), LM, neighbours=2)]
    )
    assert one == two
    assert alone.items() <= one.items()


def test_another_seed_is_another_noise_and_more_neighbours_keep_the_first():
    data = small().take(np.array([0]))
    two, three = (series(data, neighbours=n)[0] for n in (2, 3))
    assert three[: len(two)].tolist() == two.tolist()
    other = series(data, neighbours=2, seed=1)[0]
    assert (other != two).any()


@pytest.mark.parametrize("params", [{"neighbours": -1}, {"neighbours": 2, "alpha": 0.0}])
def test_noise_that_means_nothing_is_refused(params):
    with pytest.raises(UserError, match="neighbours"):
        loss_difference(batch("a"), LM, **params)


def test_all_readings_of_many_rows_are_asked_at_once(listening):
    loss_difference(Batch(small().table), listening, neighbours=5)
    assert listening.calls == [2 * 5 * 19]


def test_blocks_of_rows_change_nothing(monkeypatch, listening):
    data = small()
    whole = loss_difference(Batch(data.table), listening, neighbours=2).values
    monkeypatch.setattr("tamis.scorers.loss_difference.AT_A_TIME", 25)
    parts = loss_difference(Batch(data.table), listening, neighbours=2).values
    assert len(listening.calls) == 1 + 4 and max(listening.calls[1:]) <= 25
    assert parts.equals(whole)
