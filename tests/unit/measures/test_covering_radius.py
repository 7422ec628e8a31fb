import numpy as np
import pytest
from measure_pools import distances, pool, rows, vectors

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.measures.covering_radius import covering_radius
from tamis.selectors.k_center import k_center

POINTS = np.array([(0, 0), (1, 0), (0, 1), (10, 0), (10, 1), (5, 5)], np.float32)


def test_points_in_the_plane():
    made = pool(6, embedding=POINTS)
    assert covering_radius(made, rows(0, 4, 5, 1)) == pytest.approx(1.0)
    assert covering_radius(made, rows(0)) == pytest.approx(101**0.5)
    assert covering_radius(made, np.arange(6)) == 0


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("quantile", [1.0, 0.95, 0.5, 0.001])
def test_all_distances_in_float64(duplicates, quantile):
    given = vectors(90, duplicates=duplicates)
    chosen = np.random.default_rng(2).choice(90, 9, replace=False)
    near = sorted(min(line[c] for c in chosen) for line in distances(given))
    wanted = near[max(int(np.ceil(quantile * 90)), 1) - 1]
    found = covering_radius(pool(90, embedding=given), chosen, quantile=quantile)
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-7)


def test_it_is_the_radius_that_k_center_reports():
    made = pool(200, embedding=vectors(200, 4))
    picked = k_center(made, Budget(count=20))
    assert covering_radius(made, picked.rows) == pytest.approx(picked.info["radius"], rel=1e-4)


def test_equal_rows_are_at_no_distance():
    given = np.tile(vectors(1, 256) * 10, (40, 1))
    assert covering_radius(pool(40, embedding=given), rows(3)) == 0


def test_rows_without_a_vector_are_not_covered_and_cover_nothing():
    given = POINTS.copy()
    given[3] = np.nan
    made = pool(6, embedding=given)
    assert covering_radius(made, rows(4, 3)) == pytest.approx(101**0.5)
    with pytest.raises(UserError, match="no row of the subset"):
        covering_radius(made, rows(3))


@pytest.mark.parametrize("quantile", [0.0, -1.0, 1.1, float("nan")])
def test_a_quantile_is_a_share(quantile):
    with pytest.raises(UserError, match="more than 0, at most 1"):
        covering_radius(pool(6, embedding=POINTS), rows(0), quantile=quantile)


def test_a_position_that_is_not_there():
    for wrong in (6, -1):
        with pytest.raises(UserError, match="pool of 6 rows"):
            covering_radius(pool(6, embedding=POINTS), rows(0, wrong))
