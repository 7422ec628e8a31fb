import numpy as np
import pytest

from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.run.session import Run
from tamis.scorers.weighted_mean import weighted_mean
from tamis.testing import dataset
from tamis.types import Pool


def pool(**columns):
    count = len(next(iter(columns.values())))
    data = dataset([{"instruction": f"ask {n}", "output": "say"} for n in range(count)])
    return Pool.of(data, **{name: np.array(values, float) for name, values in columns.items()})


def test_models_weigh_by_their_parameters():
    found = weighted_mean(pool(a=[1.7], b=[2.1]), of=("a", "b"), weights=(7, 13))
    assert found.values.to_pylist() == pytest.approx([1.96])


def test_scores_weigh_the_same_unless_told_otherwise():
    found = weighted_mean(pool(a=[1, 4], b=[2, 8]), of=("a", "b"))
    assert found.values.to_pylist() == [1.5, 6]


def test_a_row_that_lacks_a_score_has_none():
    found = weighted_mean(pool(a=[1, np.nan], b=[2, 8]), of=("a", "b"), weights=(1, 0))
    assert found.values.to_pylist() == [1, None]
    assert found.problem.to_pylist() == [None, "missing"]


def test_the_geometric_mean_is_the_root_of_the_product():
    found = weighted_mean(pool(a=[2, 3], b=[8, 3]), of=("a", "b"), mean="geometric")
    assert found.values.to_pylist() == pytest.approx([4, 3])


def test_weights_are_exponents_of_the_geometric_mean():
    table = pool(a=[2], b=[16])
    found = weighted_mean(table, of=("a", "b"), weights=(3, 1), mean="geometric")
    assert found.values.to_pylist() == pytest.approx([2 ** (7 / 4)])


def test_the_geometric_mean_needs_scores_above_0():
    table = pool(a=[0, -1, np.nan, 1], b=[2, -1, 1, 1])
    found = weighted_mean(table, of=("a", "b"), mean="geometric")
    assert found.problem.to_pylist() == ["not_above_0", "not_above_0", "missing", None]


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        ((1.0,), "1 weights for 2 columns"),
        ((1.0, -1.0), "at least 0"),
        ((0.0, 0.0), "not all 0"),
        ((1.0, float("nan")), "at least 0"),
    ],
)
def test_weights_that_make_no_mean_are_refused(weights, fault):
    with pytest.raises(UserError, match=fault):
        weighted_mean(pool(a=[1], b=[2]), of=("a", "b"), weights=weights)


def test_it_is_written_with_the_same_score_by_two_models(tmp_path, monkeypatch):
    models = {"A": FakeLikelihood(id="one"), "B": FakeLikelihood(id="two", context=300)}
    monkeypatch.setattr("tamis.models.named_language_model", lambda name, *_: models[name])
    data = dataset([{"instruction": "2+2? " * 60, "output": "four " * 60}])
    parts = ["select_it", "select_it(model=B)"]
    name = f"weighted_mean(of=[{','.join(parts)}],weights=[7,13])"
    table = Run(store=str(tmp_path), model="A").score(data, [*parts, name])
    a, b = (table.scores(part)[0] for part in parts)
    assert a != b
    assert table.scores(name)[0] == pytest.approx((7 * a + 13 * b) / 20)
