import numpy as np
import pytest
from _scripted import Scripted, batch

from tamis.models import fake
from tamis.protocols import Passage
from tamis.scorers.el2n import el2n
from tamis.testing import dataset
from tamis.types import Batch


def test_a_row_has_the_mean_over_its_answer():
    column = el2n(batch("b c", ""), Scripted({"b c": {"el2n": [0.2, 1.0]}}))
    assert column.values.to_pylist() == [pytest.approx(0.6), None]
    assert column.problem.to_pylist() == [None, "empty_answer"]


def test_a_float_loop_over_a_row():
    data = dataset([{"instruction": "héllo", "output": "yes!"}])
    ids = np.concatenate([[256], np.frombuffer("héllo\nyes!".encode(), np.uint8)]).astype(np.int64)
    lm, found = fake.FakeLikelihood(), []
    for at in range(len(ids) - 4, len(ids)):
        logs = lm.read([Passage(ids[:at], options=tuple(range(257)))])[0].options
        found.append(np.linalg.norm(np.exp(logs) - np.eye(257)[ids[at]]))
    column = el2n(Batch(data.table), lm, template="plain")
    assert column.values.to_pylist() == pytest.approx([np.mean(found)], rel=1e-12)
    assert 0 < np.mean(found) < 2**0.5
