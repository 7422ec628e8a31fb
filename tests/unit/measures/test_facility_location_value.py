import numpy as np
import pytest
from measure_pools import directions, pool, rows, vectors

from tamis.errors import UserError
from tamis.measures.facility_location_value import facility_location_value


@pytest.mark.parametrize("duplicates", [False, True])
def test_the_matrix_of_cosines(duplicates):
    given = vectors(70, 6, duplicates=duplicates)
    given[5] = 0
    chosen = np.append(np.random.default_rng(3).choice(70, 8, replace=False), 5)
    x = directions(given)
    wanted = np.mean([max(0.0, *(float(x[i] @ x[c]) for c in set(chosen))) for i in range(70)])
    found = facility_location_value(pool(70, embedding=given), chosen)
    assert found == pytest.approx(wanted, rel=1e-6)


def test_opposites_are_not_covered_and_length_does_not_matter():
    given = np.array([(1, 0), (-1, 0), (0, 5), (3, 0)], np.float32)
    made = pool(4, embedding=given)
    assert facility_location_value(made, rows(0)) == pytest.approx(0.5)
    assert facility_location_value(made, rows(0, 1, 2)) == pytest.approx(1)


def test_the_whole_pool_is_covered_but_for_zero_vectors():
    given = vectors(20)
    assert facility_location_value(pool(20, embedding=given), np.arange(20)) == pytest.approx(1)
    given[:5], given[5] = 0, np.nan
    made = pool(20, embedding=given)
    assert facility_location_value(made, np.arange(20)) == pytest.approx(14 / 19)
    assert facility_location_value(made, rows(0)) == 0
    with pytest.raises(UserError, match="no row of the subset"):
        facility_location_value(made, rows(5))


def test_blocks_change_nothing(monkeypatch):
    from tamis import vectors as tables

    made, chosen = pool(50, embedding=vectors(50)), np.arange(20)
    whole = facility_location_value(made, chosen)
    usual = tables.slices
    monkeypatch.setattr(tables, "slices", lambda rows, width: usual(rows, width, 7 * width))
    assert facility_location_value(made, chosen) == pytest.approx(whole, rel=1e-6)
