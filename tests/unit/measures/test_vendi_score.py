import numpy as np
import pytest
from measure_pools import directions, pool, rows, vectors

from tamis.errors import UserError
from tamis.measures.vendi_score import vendi, vendi_score


@pytest.mark.parametrize(
    ("kernel", "wanted"),
    [
        (np.eye(3), 3.0),
        (np.ones((3, 3)), 1.0),
        (np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]), 2.749459),
    ],
)
def test_the_values_of_the_dossier(kernel, wanted):
    assert vendi(kernel) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("count", "dimensions"), [(30, 5), (30, 30), (12, 40), (5, 6), (6, 5)])
@pytest.mark.parametrize("duplicates", [False, True])
def test_both_forms_are_the_entropy_of_the_cosines(count, dimensions, duplicates):
    given = vectors(count + 10, dimensions, duplicates=duplicates)
    chosen = np.random.default_rng(1).choice(count + 10, count, replace=False)
    x = directions(given[chosen])
    shares = np.linalg.eigvalsh(x @ x.T / count)
    wanted = np.exp(-sum(p * np.log(p) for p in shares if p > 1e-12))
    found = vendi_score(pool(count + 10, embedding=given), chosen)
    assert found == pytest.approx(wanted, rel=1e-5)
    assert vendi(x.T @ x) == pytest.approx(vendi(x @ x.T), rel=1e-9)


def test_copies_and_lengths_change_nothing():
    given = np.repeat(np.eye(4, dtype=np.float32) * [[1], [2], [3], [4]], 3, axis=0)
    assert vendi_score(pool(12, embedding=given), np.arange(12)) == pytest.approx(4)
    assert vendi_score(pool(12, embedding=given), rows(0, 1, 2)) == pytest.approx(1)
    assert vendi_score(pool(12, embedding=given), rows(7)) == pytest.approx(1)


def test_blocks_change_nothing(monkeypatch):
    from tamis import vectors as tables

    made, usual = pool(50, embedding=vectors(50)), tables.slices
    whole = vendi_score(made, np.arange(40))
    monkeypatch.setattr(tables, "slices", lambda rows, width: usual(rows, width, 7 * width))
    assert vendi_score(made, np.arange(40)) == pytest.approx(whole, rel=1e-9)


def test_zero_vectors_and_missing_ones_are_left_out():
    given = np.eye(6, dtype=np.float32)
    given[4], given[5] = 0, np.nan
    made = pool(6, embedding=given)
    assert vendi_score(made, np.arange(6)) == pytest.approx(4)
    with pytest.raises(UserError, match="no direction"):
        vendi_score(made, rows(4))
    with pytest.raises(UserError, match="no row of the subset has a value in embedding"):
        vendi_score(made, rows(5))
    with pytest.raises(UserError, match="no row of the subset"):
        vendi_score(made, rows())
