import numpy as np
import pytest
from _scripted import Scripted, batch, losses

from tamis.models.fake import FakeLikelihood
from tamis.passages import Setting, written
from tamis.protocols import Passage
from tamis.scorers.perplexity import perplexity
from tamis.testing import dataset
from tamis.types import Batch

SCRIPT = losses(a_b=[1.0, 2.0]), losses(a_b=[3.0, 5.0])


def score(*answers, **params):
    return perplexity(batch(*answers), Scripted(*SCRIPT), **params)


def test_response_is_read_after_its_question():
    assert score("a b").values.to_pylist() == pytest.approx([np.exp(1.5)])


def test_answer_is_read_alone():
    assert score("a b", of="answer").values.to_pylist() == pytest.approx([np.exp(4.0)])
    first_out = score("a b", of="answer", start=False)
    assert first_out.values.to_pylist() == pytest.approx([np.exp(5.0)])


def test_all_is_every_token_of_the_row_after_the_start():
    data = dataset([{"instruction": "héllo", "output": "yes"}])
    ids = np.concatenate([[256], np.frombuffer("héllo\nyes".encode(), np.uint8)]).astype(np.int64)
    lm = FakeLikelihood()
    for start, first in ((True, 1), (False, 2)):
        text = ids if start else ids[1:]
        options = [
            lm.read([Passage(text[:at], options=(int(text[at]),))])[0].options[0]
            for at in range(1, len(text))
        ]
        assert len(options) == len(ids) - first
        column = perplexity(Batch(data.table), lm, of="all", start=start)
        assert column.values.to_pylist() == pytest.approx([np.exp(-np.mean(options))], rel=1e-12)


def test_one_row_does_not_change_another():
    data = dataset()
    lm = FakeLikelihood()
    whole = perplexity(Batch(data.table), lm).values.to_pylist()
    single = [perplexity(b, lm).values.to_pylist()[0] for b in data.batches(1)]
    assert single == whole and sum(v is not None for v in whole) > 30


def test_a_perplexity_too_large_for_a_number_is_undefined():
    lm = Scripted(losses(a=[1e4], b=[1.0]))
    column = perplexity(batch("a", "b"), lm)
    assert column.problem.to_pylist() == ["undefined", None]


def test_the_question_is_read_with_its_markup_and_without_the_answer():
    lm = FakeLikelihood()
    (row,) = written(batch("an answer"), lm, Setting("alpaca"))
    ids = row.ids[: row.answers[-1][0]]
    (reading,) = lm.read([Passage(ids, ((1, len(ids)),))])
    found = perplexity(batch("an answer"), lm, of="question", template="alpaca")
    assert found.values.to_pylist() == [pytest.approx(np.exp(reading.tokens["loss"].mean()))]
