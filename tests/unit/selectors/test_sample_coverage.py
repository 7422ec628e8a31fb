"""Facility location valued on other rows: itself where the two are the same."""

import numpy as np
import pytest
from selector_pools import pool

from tamis.selectors import _sample
from tamis.selectors._sample import SampleCoverage, sampled, similarities
from tamis.selectors._similarity import Cosines
from tamis.selectors.facility_location import Coverage
from tamis.vectors import Table


def directions(rows, seed=0, width=6):
    found = np.random.default_rng(seed).standard_normal((rows, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("kernel", ["cosine", "exp_distance"])
def test_it_is_facility_location_where_all_rows_are_sampled(kept, kernel, monkeypatch):
    if not kept:
        monkeypatch.setattr(_sample, "KEPT", 0)
    vectors = directions(70)
    table = Table(pool(70, embedding=vectors), "embedding", np.arange(70), directions=True)
    one, two = Coverage(Cosines(table, kernel)), SampleCoverage(table, vectors, kernel)
    rows = np.random.default_rng(0).permutation(70)[:40]
    for row in (3, 60, 11):
        assert two.gains(rows) == pytest.approx(one.gains(rows), abs=1e-4)
        one.add(row)
        two.add(row)
    assert two.value(np.array([3, 60, 11])) == pytest.approx(float(two.covered.sum()), abs=1e-4)
    assert two.value(np.empty(0, np.int64)) == 0


@pytest.mark.parametrize("kept", [True, False])
def test_gains_are_sums_over_the_sample_alone(kept, monkeypatch):
    if not kept:
        monkeypatch.setattr(_sample, "KEPT", 0)
    some, others = directions(30), directions(50, 1)
    similar = np.maximum(some.astype(float) @ others.astype(float).T, 0)
    objective = SampleCoverage(some, others)
    assert objective.gains(np.arange(30)) == pytest.approx(similar.sum(axis=1), abs=1e-4)
    objective.add(4)
    left = np.maximum(similar - similar[4], 0).sum(axis=1)
    assert objective.gains(np.arange(30)) == pytest.approx(left, abs=1e-4)
    assert objective.value(np.array([4, 9])) == pytest.approx(
        similar[[4, 9]].max(axis=0).sum(), abs=1e-4
    )


def test_equal_directions_are_as_similar_as_can_be():
    one = directions(5)
    assert np.diag(similarities(one, one, "exp_distance")) == pytest.approx(np.ones(5))


def test_a_sample_is_drawn_by_ids_and_the_seed():
    names = [f"row {n}" for n in range(500)]
    found = {names[at] for at in sampled(names, 100, 0)}
    turned = names[::-1]
    assert found == {turned[at] for at in sampled(turned, 100, 0)}
    assert len(found) == 100 and found != {names[at] for at in sampled(names, 100, 1)}
    assert len(sampled(names, 900, 0)) == 500
