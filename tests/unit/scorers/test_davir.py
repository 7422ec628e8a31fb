import numpy as np
import pytest

from tamis.errors import UserError
from tamis.scorers.davir import davir, learned
from tamis.testing import dataset
from tamis.types import Column, Pool

TUNED = "perplexity(dtype=float32,model=./tuned)"
BASE, REFERENCE = np.array([2.0, 0.5]), np.array([1.2, 0.3])


def pool(base, reference):
    data = dataset([{"instruction": f"ask {n}", "output": f"say {n}"} for n in range(len(base))])
    why = np.isnan(base)
    before = Column.floats(np.asarray(base, float), empty_answer=why)
    return Pool.of(data, **{"perplexity": before, TUNED: np.asarray(reference, float)})


def column(rows, **params):
    return davir(rows, reference=TUNED, **params)


def test_the_share_ties_where_the_difference_does_not():
    assert learned(BASE, REFERENCE, "davir") == pytest.approx([0.4, 0.4])
    assert learned(BASE, REFERENCE, "rho") == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize(("form", "wanted"), [("davir", [0.4, 0.4]), ("rho", [0.8, 0.2])])
def test_losses_are_logarithms_of_perplexities(form, wanted):
    rows = pool(np.exp(BASE), np.exp(REFERENCE))
    assert column(rows, form=form).values.to_pylist() == pytest.approx(wanted)


def test_a_row_that_got_harder_is_below_zero():
    assert column(pool([np.e], [np.e**2])).values.to_pylist() == pytest.approx([-1.0])


def test_what_lacks_a_perplexity_or_a_loss_says_so():
    rows = pool([np.nan, 2.0, 1.0, 4.0], [2.0, np.nan, 1.0, 2.0])
    found = column(rows)
    assert found.problem.to_pylist() == ["empty_answer", "missing", "undefined", None]
    assert found.values.to_pylist() == [None, None, None, pytest.approx(0.5)]
    assert column(rows, form="rho").values.to_pylist()[2] == 0.0


def test_both_denominators_order_rows_alike():
    random = np.random.default_rng(1)
    base, reference = random.uniform(0.1, 4, (2, 50))
    ours = np.argsort(learned(base, reference, "davir"))
    assert ours.tolist() == np.argsort((base - reference) / reference).tolist()


def test_a_problem_of_both_names_is_one():
    data = dataset([{"instruction": "ask", "output": "say"}] * 2)
    base = Column.floats(np.array([np.nan, 1.0]), undefined=np.array([True, False]))
    rows = Pool.of(data, **{"perplexity": base, TUNED: np.array([1.0, 2.0])})
    assert column(rows).problem.to_pylist() == ["undefined", "undefined"]


@pytest.mark.parametrize(
    ("base", "reference", "fault"),
    [
        ("perplexity", "ifd(model=./tuned)", "one score under two models"),
        ("perplexity", "perplexity(model=./tuned,template=alpaca)", "one score under two models"),
        ("perplexity(max_length=9,model=./a)", "perplexity(max_length=8)", "apart from model"),
        ("perplexity(turns=each)", "perplexity(model=./tuned,turns=each)", "set last or all"),
    ],
)
def test_two_scores_that_are_not_one_under_two_models_are_refused(base, reference, fault):
    data = dataset([{"instruction": "ask", "output": "say"}])
    rows = Pool.of(data, **{base: np.array([2.0]), reference: np.array([3.0])})
    with pytest.raises(UserError, match=fault):
        davir(rows, base=base, reference=reference)
