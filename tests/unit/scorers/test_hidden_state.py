import numpy as np
import pytest

from tamis.models import fake
from tamis.models.fake import FakeLikelihood
from tamis.passages import Setting, written
from tamis.protocols import Passage
from tamis.scorers.hidden_state import hidden_state
from tamis.testing import dataset
from tamis.types import Batch

ROW = {"instruction": "Name a colour.", "output": "Blue is one."}
TALK = {
    "messages": [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi there"},
        {"role": "user", "content": "Bye"},
        {"role": "assistant", "content": ""},
    ]
}
MUTE = {"messages": [{"role": "user", "content": "Anyone?"}]}


class Recording(FakeLikelihood):
    """Keeps what it is asked."""

    asked: list = []  # noqa: RUF012

    def read(self, passages):
        self.asked.append(list(passages))
        return super().read(passages)


def batch(*rows):
    return Batch(dataset(list(rows)).table)


def vector(row, **given):
    return hidden_state(batch(row), FakeLikelihood(), **given).values.to_pylist()[0]


def states(row, template="alpaca"):
    """The states of the row's tokens."""
    found = written(batch(row), FakeLikelihood(), Setting(template))[0]
    return fake._states(found.ids), found


def test_the_weighted_mean_of_the_dossier():
    states = {0: (1, 0), 1: (0, 1), 2: (2, 2)}
    ids = np.array([0, 1, 2])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fake, "_states", lambda ids, noise=None: np.array([states[i] for i in ids]))
        patched.setattr(fake, "_predictions", lambda states: np.zeros((len(states), 1)))
        reading = FakeLikelihood().read([Passage(ids, (), ("weighted",))])[0]
    assert reading.states["weighted"] == pytest.approx((1.166667, 1.333333), abs=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "last", "weighted"])
def test_pooling_by_hand(pooling):
    found, _ = states(ROW)
    n = len(found)
    by_hand = {
        "mean": found.sum(axis=0) / n,
        "last": found[n - 1],
        "weighted": sum((i + 1) * found[i] for i in range(n)) / (n * (n + 1) / 2),
    }
    assert vector(ROW, pooling=pooling, unit=False) == pytest.approx(by_hand[pooling], rel=1e-5)


def test_vectors_have_length_one_unless_told_otherwise():
    assert np.linalg.norm(vector(ROW)) == pytest.approx(1, rel=1e-6)
    raw = np.array(vector(ROW, unit=False))
    assert vector(ROW) == pytest.approx(raw / np.linalg.norm(raw), rel=1e-5)


def test_the_question_alone_ends_before_its_answer():
    found, row = states(ROW)
    stop = row.answers[0][0]
    assert 0 < stop < len(row.ids)
    by_hand = found[:stop].mean(axis=0)
    assert vector(ROW, of="question", unit=False) == pytest.approx(by_hand, rel=1e-5)


def test_it_asks_for_the_very_tokens_that_ifd_asks_for():
    from tamis.scorers.ifd import ifd

    lm = Recording()
    lm.asked.clear()
    ifd(batch(ROW), lm)
    hidden_state(batch(ROW), lm)
    (conditioned, _), (pooled,) = lm.asked
    assert np.array_equal(conditioned.ids, pooled.ids)


def test_an_empty_last_answer_is_no_end_unless_all_count():
    column = hidden_state(batch(TALK), FakeLikelihood())
    assert column.problem.to_pylist() == ["empty_answer"]
    assert hidden_state(batch(TALK), FakeLikelihood(), turns="all").values.null_count == 0


def test_a_batch_without_any_answer_is_as_wide_as_the_others():
    column = hidden_state(batch(MUTE), FakeLikelihood())
    assert column.problem.to_pylist() == ["no_answer"]
    assert column.values.type.list_size == fake.WIDTH


def test_a_row_that_begins_with_its_answer_has_no_question():
    answer = {"messages": [{"role": "assistant", "content": "Unasked."}]}
    given = {"of": "question", "template": "plain", "start": False}
    assert hidden_state(batch(answer), FakeLikelihood(), **given).problem.to_pylist() == [
        "no_question"
    ]
