import pytest
from _scripted import Scripted, batch

from tamis.scorers.answer_kept import answer_kept
from tamis.testing import dataset
from tamis.types import Batch


def score(rows, **params):
    return answer_kept(rows, Scripted({}), template="plain", **params)


def test_the_share_of_the_answer_that_is_read():
    # start, three words of a question, then the answer
    found = score(batch("a b c d", "a b", "a"), max_length=6)
    assert found.values.to_pylist() == [0.5, 1.0, 1.0]


def test_no_room_is_a_share_of_nothing_and_no_answer_is_no_share():
    found = score(batch("a b", ""), max_length=4)
    assert found.values.to_pylist() == [0.0, None]
    assert found.problem.to_pylist() == [None, "empty_answer"]


def test_nothing_is_read():
    lm = Scripted({})
    answer_kept(batch("a b c"), lm)
    assert lm.asked == []


def test_the_models_context_is_a_limit_too():
    lm = Scripted({}, context=5)
    found = answer_kept(batch("a b c d"), lm, template="plain", max_length=100)
    assert found.values.to_pylist() == [0.25]


@pytest.mark.parametrize(("turns", "wanted"), [("last", 0.5), ("all", 4 / 6)])
def test_the_last_answer_or_all(turns, wanted):
    talk = [("user", "q"), ("assistant", "a b"), ("user", "r"), ("assistant", "c d e f")]
    data = dataset([{"messages": [{"role": r, "content": c} for r, c in talk]}])
    assert score(Batch(data.table), turns=turns, max_length=7).values.to_pylist() == [wanted]
