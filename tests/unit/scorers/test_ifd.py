import numpy as np
import pytest
from _scripted import Scripted, batch, losses

from tamis.models.fake import FakeLikelihood
from tamis.protocols import Passage
from tamis.scorers.ifd import ifd, loss_ratio, perplexity_ratio
from tamis.testing import dataset
from tamis.types import Batch

AFTER, ALONE = np.array([0.5, 1, 0.25, 0.25]), np.array([2, 1.5, 0.5, 1])


def p1():
    """methods.md P1: one answer of four tokens."""
    return Scripted(losses(a_b_c_d=AFTER), losses(a_b_c_d=ALONE))


def values(column):
    return np.array([np.nan if v is None else v for v in column.values.to_pylist()])


def test_the_two_ratios_of_the_oracle():
    assert loss_ratio(AFTER, ALONE) == pytest.approx(0.4)
    assert perplexity_ratio(AFTER, ALONE) == pytest.approx(0.472367, abs=1e-6)


def test_the_two_ratios_without_the_first_token_alone():
    assert loss_ratio(AFTER, ALONE[1:]) == pytest.approx(0.5)
    assert perplexity_ratio(AFTER, ALONE[1:]) == pytest.approx(0.606531, abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "start", "wanted"),
    [
        ("loss", True, 0.4),
        ("perplexity", True, 0.472367),
        ("loss", False, 0.5),
        ("perplexity", False, 0.606531),
    ],
)
def test_the_scorer_on_the_losses_of_the_oracle(ratio, start, wanted):
    column = ifd(batch("a b c d"), p1(), ratio=ratio, start=start, template="plain")
    assert values(column) == pytest.approx([wanted], abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "wanted"), [("loss", [0.5, 0.8]), ("perplexity", [0.606531, 0.548812])]
)
def test_the_two_ratios_order_rows_differently(ratio, wanted):
    lm = Scripted(losses(a=[0.5], b=[2.4]), losses(a=[1.0], b=[3.0]))
    column = ifd(batch("a", "b"), lm, ratio=ratio)
    assert values(column) == pytest.approx(wanted, abs=1e-6)


def test_both_passes_score_the_same_tokens():
    asked = []

    class Listening(FakeLikelihood):
        def read(self, passages):
            asked.extend(passages)
            return super().read(passages)

    ifd(Batch(dataset().table), Listening(), template="plain", max_length=60)
    scored = [p.ids[a:b].tolist() for p in asked for a, b in p.spans]
    half = len(scored) // 2
    assert half > 10 and scored[:half] == scored[half:]
    assert max(len(p.ids) for p in asked) == 60


def test_the_header_before_an_answer_alone_is_read_and_not_scored():
    lm = p1()
    ifd(batch("a b c d"), lm, direct="header")
    inside, alone = lm.asked
    assert [lm.words[i] for i in alone.ids] == ["<start>", *"### Response: a b c d".split()]
    assert alone.spans == ((3, 7),) and inside.spans == ((len(inside.ids) - 4, len(inside.ids)),)


def test_a_row_that_cannot_be_scored_leaves_the_others_as_they_are():
    answers = [f"t{n}" for n in range(10)]
    after = losses(**{name: [0.1 * n + 0.1] for n, name in enumerate(answers)})
    alone = losses(**{name: [2.0] for name in answers})
    whole = ifd(batch(*answers), Scripted(after, alone))
    after["t2"] = {"loss": [np.nan]}
    column = ifd(batch(*answers), Scripted(after, alone))
    assert column.problem.to_pylist() == [None] * 2 + ["undefined"] + [None] * 7
    assert values(column)[2:3].tolist() != values(whole)[2:3].tolist()
    np.testing.assert_array_equal(np.delete(values(column), 2), np.delete(values(whole), 2))


def test_an_empty_answer_has_no_score_and_a_reason():
    lm = Scripted(losses(a=[1.0]), losses(a=[2.0]))
    column = ifd(batch("a", "", "  \n"), lm)
    assert column.values.to_pylist() == [0.5, None, None]
    assert column.problem.to_pylist() == [None, "empty_answer", "empty_answer"]


def test_an_answer_that_costs_nothing_alone_is_undefined():
    column = ifd(batch("a"), Scripted(losses(a=[1.0]), losses(a=[0.0])))
    assert column.problem.to_pylist() == ["undefined"]


def test_each_is_the_mean_over_answers_and_all_the_ratio_of_their_tokens():
    talk = [("user", "q"), ("assistant", "a b c"), ("user", "r"), ("assistant", "d")]
    data = dataset([{"messages": [{"role": r, "content": c} for r, c in talk]}])
    found = {}
    for turns in ("last", "all", "each"):
        lm = FakeLikelihood()
        found[turns] = values(ifd(Batch(data.table), lm, turns=turns, template="plain"))[0]
    lm = FakeLikelihood()
    text = b"q\na b c\nr\nd"
    ids = np.concatenate([[256], np.frombuffer(text, np.uint8)]).astype(np.int64)
    first, second = slice(3, 8), slice(len(ids) - 1, len(ids))
    inside = [float_loop(lm, ids, part) for part in (first, second)]
    outside = [
        float_loop(lm, np.concatenate([[256], ids[part]]), slice(1, None))
        for part in (first, second)
    ]
    ratios = [np.mean(a) / np.mean(b) for a, b in zip(inside, outside, strict=True)]
    assert found["last"] == pytest.approx(ratios[1], rel=1e-12)
    assert found["each"] == pytest.approx(np.mean(ratios), rel=1e-12)
    joined = [np.mean(np.concatenate(parts)) for parts in (inside, outside)]
    assert found["all"] == pytest.approx(joined[0] / joined[1], rel=1e-12)


def float_loop(lm, ids, part):
    """Losses token by token, each asked for as an option after what stands before it."""
    return [
        -lm.read([Passage(ids[:at], options=(int(ids[at]),))])[0].options[0]
        for at in range(len(ids))[part]
    ]
