import numpy as np
import pytest
from _scripted import Scripted, batch

from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.protocols import Passage
from tamis.scorers.upd import mean_upd, upd
from tamis.testing import dataset
from tamis.types import Batch

ORACLE = [(3, 1, 0.860746), (3, 8, 0.217952), (0.1, 0.2, 0.514858)]
LOSSES, ENTROPIES, WANTED = (np.array(part, float) for part in zip(*ORACLE, strict=True))


def test_the_oracle_token_by_token():
    for loss, entropy, wanted in ORACLE:
        found = mean_upd(np.array([loss]), np.array([entropy]), largest=np.log(32_000), beta=1.0)
        assert found == pytest.approx(wanted, abs=1e-6)


def test_the_scorer_takes_the_mean_over_the_answer():
    lm = Scripted({"a b c": {"loss": LOSSES, "entropy": ENTROPIES}})
    column = upd(batch("a b c", ""), lm)
    assert column.values.to_pylist() == [pytest.approx(WANTED.mean(), abs=1e-6), None]
    assert column.problem.to_pylist() == [None, "empty_answer"]


def test_a_vocabulary_can_be_given_and_beta_is_an_exponent():
    lm = Scripted({"a": {"loss": [0.0], "entropy": [np.log(10)]}}, vocabulary=5)
    found = upd(batch("a"), lm, vocabulary=100, beta=2.0).values.to_pylist()
    assert found == pytest.approx([0.5 * (1 - 0.25)])


def test_an_entropy_above_the_largest_by_rounding_counts_as_it():
    assert mean_upd(np.array([1.0]), np.array([2.0 + 1e-9]), largest=2.0, beta=1.0) == 0.0
    assert mean_upd(np.array([1.0]), np.array([-1e-9]), largest=2.0, beta=0.5) > 0.7


def test_a_float_loop_over_a_row():
    data = dataset([{"instruction": "héllo", "output": "yes!"}])
    ids = np.concatenate([[256], np.frombuffer("héllo\nyes!".encode(), np.uint8)]).astype(np.int64)
    lm, total = FakeLikelihood(), 0.0
    for at in range(len(ids) - 4, len(ids)):
        logs = lm.read([Passage(ids[:at], options=tuple(range(257)))])[0].options
        entropy = -(np.exp(logs) * logs).sum()
        total += (1 - entropy / np.log(257)) / (1 + np.exp(logs[ids[at]])) / 4
    found = upd(Batch(data.table), lm, template="plain").values.to_pylist()
    assert found == pytest.approx([total], rel=1e-12)


class Silent:
    """A model that does not say how many tokens it knows."""

    id, start, context = "silent", 0, 64


def test_a_model_that_does_not_know_its_vocabulary_is_named():
    with pytest.raises(UserError, match="silent does not say"):
        upd(batch("a"), Silent())


@pytest.mark.parametrize("params", [{"beta": 0.0}, {"vocabulary": 1}])
def test_parameters_that_mean_nothing_are_refused(params):
    with pytest.raises(UserError, match=r"beta|vocabulary"):
        upd(batch("a"), FakeLikelihood(), **params)
