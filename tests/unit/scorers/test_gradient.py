import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models import fake
from tamis.models.fake import FakeLikelihood
from tamis.passages import Setting, written
from tamis.scorers.gradient import gradient
from tamis.scorers.grand import grand
from tamis.testing import dataset
from tamis.types import Batch

ROWS = [
    {"instruction": "Name a colour.", "output": "Blue is one."},
    {"instruction": "Name a fruit.", "output": ""},
    {"instruction": "Count.", "output": "One, two, three, four, five, six, seven, eight."},
]


class Still(FakeLikelihood):
    """Nothing moves it, except a number too large."""

    def gradients(self, passages, *, dim, **_):
        found = np.zeros((len(passages), dim), np.float32)
        found[1:] = np.inf
        return found


def batch(rows=ROWS):
    return Batch(dataset(rows).table)


def score(method, lm=None, rows=ROWS, **given):
    lm = lm or FakeLikelihood()
    return method(batch(rows), lm, lm, **given)


def loss(table, states, targets):
    """Mean loss of tokens under an output table."""
    logits = states @ table
    return (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(targets)), targets]).mean()


def test_the_norm_is_that_of_finite_differences():
    row = written(batch(ROWS[:1]), FakeLikelihood(), Setting("alpaca"))[0]
    at = np.arange(*row.answers[0])
    states, targets = fake._states(row.ids)[at - 1], row.ids[at]
    table, step, square = fake._OUTPUT.copy(), 1e-6, 0.0
    for place in np.ndindex(table.shape):
        middle = table[place]
        ends = []
        for table[place] in (middle + step, middle - step):
            ends.append(loss(table, states, targets))
        table[place] = middle
        square += ((ends[0] - ends[1]) / (2 * step)) ** 2
    assert score(grand).values.to_pylist()[0] == pytest.approx(square**0.5, rel=1e-4)


def test_a_row_without_an_answer_has_no_gradient_and_moves_nobody_elses():
    for method in (gradient, grand):
        column = score(method)
        assert column.problem.to_pylist() == [None, "empty_answer", None]
        others = score(method, rows=[ROWS[0], ROWS[2]])
        assert column.values.drop_null().to_pylist() == others.values.to_pylist()


def test_gradients_have_length_one_unless_told_otherwise():
    raw = np.array(score(gradient, unit=False).values.to_pylist()[0])
    scaled = np.array(score(gradient).values.to_pylist()[0])
    assert np.linalg.norm(scaled) == pytest.approx(1, rel=1e-6)
    assert scaled == pytest.approx(raw / np.linalg.norm(raw), rel=1e-5)


def test_a_gradient_of_zeros_and_one_too_large_have_none():
    column = score(gradient, Still(), unit=False)
    assert column.problem.to_pylist() == ["zero_gradient", "empty_answer", "not_finite"]
    assert column.values.null_count == 3


@pytest.mark.parametrize(
    "other",
    [
        {"direction": "adam"},
        {"direction": "adam_outside"},
        {"seed": 1},
        {"projection": "rademacher"},
    ],
)
def test_direction_seed_and_projection_change_the_vector(other):
    assert score(gradient, **other).values != score(gradient).values


def test_dim_is_the_width():
    assert score(gradient, dim=12).values.type.list_size == 12
    with pytest.raises(UserError, match="dim must be at least 1"):
        score(gradient, dim=0)


@pytest.mark.parametrize("method", [gradient, grand])
def test_a_negative_seed_is_refused(method):
    with pytest.raises(UserError, match="seed"):
        score(method, seed=-1)


def test_all_answers_of_a_conversation_count_together_or_the_last_alone():
    talk = {
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi there"},
            {"role": "user", "content": "Bye"},
            {"role": "assistant", "content": "So long"},
        ]
    }
    one, both = (
        score(grand, rows=[talk], turns=turns).values.to_pylist() for turns in ("last", "all")
    )
    assert one != both
