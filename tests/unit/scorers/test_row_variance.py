import numpy as np
import pytest

from tamis.errors import UserError
from tamis.scorers import row_variance as module
from tamis.scorers.row_variance import kept_components, row_variance, row_variances
from tamis.testing import dataset
from tamis.types import Column, Pool


def pool_of(vectors, **problems):
    rows = [{"messages": [{"role": "user", "content": f"row {n}"}]} for n in range(len(vectors))]
    given = vectors.astype(np.float32)
    return Pool.of(dataset(rows), embedding=Column.vectors(given, **problems))


def correlated(rows=60, dimensions=12, seed=0):
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(dimensions, dimensions)) * np.linspace(3, 0.05, dimensions)
    return (generator.normal(size=(rows, dimensions)) @ mixing.T).astype(np.float32)


def with_sklearn(vectors, components, divisor):
    decomposition = pytest.importorskip("sklearn.decomposition")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    scaled = scaler.fit_transform(vectors.astype(np.float64))
    fitted = decomposition.PCA(n_components=components, svd_solver="full").fit_transform(scaled)
    return np.var(fitted, axis=1, ddof=divisor == "sample")


@pytest.mark.parametrize(("divisor", "value"), [("population", 1.25), ("sample", 5 / 3)])
def test_the_oracle_of_lift(divisor, value):
    assert row_variances(np.array([[1.0, 2, 3, 4]]), divisor)[0] == pytest.approx(value)


@pytest.mark.parametrize("divisor", ["sample", "population"])
def test_it_is_the_variance_after_scikit_learn_s_scaler_and_pca(divisor):
    vectors = correlated()
    found = row_variance(pool_of(vectors), divisor=divisor).values.to_numpy()
    np.testing.assert_allclose(found, with_sklearn(vectors, 0.95, divisor), rtol=1e-6)


def test_official_code_s_count_is_one_component_too_few():
    decomposition = pytest.importorskip("sklearn.decomposition")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    vectors = correlated()
    whole = decomposition.PCA().fit(scaler.fit_transform(vectors.astype(np.float64)))
    count = int(np.argmax(whole.explained_variance_ratio_.cumsum() >= 0.95))
    found = row_variance(pool_of(vectors), divisor="population", components="one_fewer")
    expected = with_sklearn(vectors, count, "population")
    np.testing.assert_allclose(found.values.to_numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("share", "enough"), [(0.5, 1), (0.6, 2), (0.8, 2), (0.81, 3), (1.0, 4)])
def test_so_many_components_reach_the_share(share, enough):
    variances = np.array([5.0, 3, 1, 1])
    assert kept_components(variances, share, "enough") == enough
    assert kept_components(variances, share, "one_fewer") == max(1, enough - 1)


def test_blocks_change_nothing(monkeypatch):
    pool = pool_of(correlated())
    whole = row_variance(pool).values.to_numpy()
    monkeypatch.setattr(module, "CELLS", 12 * 7)
    np.testing.assert_allclose(row_variance(pool).values.to_numpy(), whole, rtol=1e-9)


def test_a_constant_dimension_counts_as_nothing():
    vectors = correlated()
    constant = np.full((len(vectors), 1), 0.1, np.float32)
    alone = row_variance(pool_of(vectors)).values.to_numpy()
    both = row_variance(pool_of(np.hstack([vectors, constant]))).values.to_numpy()
    np.testing.assert_allclose(both, alone, rtol=1e-9)


def test_a_row_without_a_vector_is_null_and_moves_no_other():
    vectors = correlated()
    gone = np.zeros(len(vectors), bool)
    gone[[3, 40]] = True
    column = row_variance(pool_of(vectors, no_known_token=gone))
    assert [column.problem[row].as_py() for row in (3, 40)] == ["no_known_token"] * 2
    alone = row_variance(pool_of(vectors[~gone])).values.to_numpy()
    np.testing.assert_allclose(column.values.to_numpy(zero_copy_only=False)[~gone], alone)


def test_a_vector_that_is_not_finite_is_null():
    vectors = correlated()
    vectors[5, 2] = np.inf
    assert row_variance(pool_of(vectors)).problem[5].as_py() == "not_finite"


def test_rows_that_are_all_alike_have_no_variance():
    column = row_variance(pool_of(np.ones((4, 3))))
    assert column.problem.to_pylist() == ["undefined"] * 4


def test_a_share_above_1_is_refused():
    with pytest.raises(UserError, match="share"):
        row_variance(pool_of(correlated()), share=95)


def test_among_one_component_there_is_a_population_s_variance_and_no_sample_s():
    pool = pool_of(np.outer(np.arange(5.0), [1, 2, 3]))
    assert row_variance(pool, divisor="population").values.to_pylist() == [0.0] * 5
    assert row_variance(pool).problem.to_pylist() == ["undefined"] * 5
