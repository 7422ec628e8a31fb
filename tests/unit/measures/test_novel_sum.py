import numpy as np
import pytest
from measure_pools import directions, distances, pool, rows, vectors

from tamis.errors import UserError
from tamis.measures.novel_sum import densities, novel_sum
from tamis.selectors import _novelty
from tamis.vectors import Table


def naive(given, chosen, k):
    """Loops over all distances in float64; equal vectors of the pool count once."""
    there = np.unique(given.astype(float), axis=0)
    x = directions(given)
    values = []
    for i in chosen:
        squared = sorted(((there - given[i]) ** 2).sum(axis=1))[1 : k + 1]
        rho = 1 / np.sqrt(np.mean(squared) + 1e-9) if squared else 1.0
        weighted = sorted(rho * max(0.0, 1 - float(x[i] @ x[j])) * (i != j) for j in chosen)
        weights = [1 / rank for rank in range(1, len(chosen) + 1)]
        values.append(np.average(weighted, weights=weights))
    return np.mean(values)


def test_the_value_of_the_dossier():
    square = np.array([[0, 0.2, 0.5], [0.2, 0, 0.4], [0.5, 0.4, 0]])
    found = _novelty.row_values(square, np.array([2, 1, 0.5]))
    assert found == pytest.approx([0.290909, 0.127273, 0.1], abs=1e-6)
    assert found.mean() == pytest.approx(0.172727, abs=1e-6)


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("k", [1, 10, 500])
def test_loops_over_all_distances(duplicates, k):
    given = vectors(80, duplicates=duplicates)
    chosen = np.random.default_rng(5).choice(80, 21, replace=False)
    found = novel_sum(pool(80, embedding=given), chosen, neighbours=k)
    assert found == pytest.approx(naive(given, chosen, k), rel=1e-4)


@pytest.mark.parametrize("duplicates", [False, True])
def test_densities_are_those_of_the_search_for_all(duplicates):
    made = pool(120, embedding=vectors(120, duplicates=duplicates))
    table = Table(made, "embedding", np.arange(120))
    chosen = np.random.default_rng(6).choice(120, 40, replace=False)
    every, _ = _novelty.density(table, 10)
    assert densities(table, chosen, 10) == pytest.approx(every[chosen], rel=1e-4)


def test_a_density_is_not_changed_by_who_is_chosen():
    given = vectors(50)
    table = Table(pool(50, embedding=given), "embedding", np.arange(50))
    few, many = densities(table, rows(3, 9), 5), densities(table, np.arange(50), 5)
    assert few == pytest.approx(many[[3, 9]], rel=1e-5)
    square = np.sort(distances(given)[3] ** 2)[1:6]
    assert few[0] == pytest.approx(1 / np.sqrt(square.mean()), rel=1e-4)


def test_one_row_and_equal_rows_have_no_novelty():
    made = pool(8, embedding=vectors(8))
    assert novel_sum(made, rows(2)) == 0
    equal = pool(8, embedding=np.ones((8, 3), np.float32))
    assert novel_sum(equal, np.arange(8)) == pytest.approx(0, abs=1e-6)


def test_rows_without_a_vector_and_parameters_without_sense():
    given = vectors(12)
    given[4] = np.nan
    made = pool(12, embedding=given)
    kept = np.delete(given, 4, axis=0)
    wanted = naive(kept, [0, 1, 2, 3], 3)
    assert novel_sum(made, rows(0, 1, 2, 3, 4), neighbours=3) == pytest.approx(wanted, rel=1e-4)
    with pytest.raises(UserError, match="no row of the subset"):
        novel_sum(made, rows(4))
    with pytest.raises(UserError, match="set 1 or more"):
        novel_sum(made, rows(0), neighbours=0)
