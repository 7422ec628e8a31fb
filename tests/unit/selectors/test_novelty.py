import numpy as np
import pytest
from selector_pools import pool

from tamis.selectors._novelty import density, distances, novel_sum, row_values
from tamis.vectors import Part, Table, distinct, unit

DISTANCES = np.array([[0, 0.2, 0.5], [0.2, 0, 0.4], [0.5, 0.4, 0]])
RHO = np.array([2, 1, 0.5])


def table(vectors, **options):
    vectors = np.asarray(vectors, np.float32)
    return Table(pool(len(vectors), v=vectors), "v", np.arange(len(vectors)), **options)


def vectors_of(rows, dimensions=6, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


def test_the_values_of_the_dossier():
    values = row_values(DISTANCES, RHO)
    assert values == pytest.approx([0.290909, 0.127273, 0.1], abs=1e-6)
    assert values.mean() == pytest.approx(0.172727, abs=1e-6)
    cosines = np.linalg.cholesky(1 - DISTANCES)
    assert novel_sum(table(cosines, directions=True), RHO) == pytest.approx(values, rel=1e-5)


def test_without_the_row_itself_the_nearest_other_has_rank_one():
    values = row_values(DISTANCES, RHO, itself=False)
    assert values[0] == pytest.approx(2 * (0.2 + 0.5 / 2) / 1.5)
    assert row_values(np.zeros((1, 1)), np.ones(1), itself=False).tolist() == [0]


def test_novel_sum_in_blocks_is_the_loop(monkeypatch):
    import tamis.selectors._novelty as module

    vectors, rho = vectors_of(50), np.random.default_rng(1).random(50) + 0.5
    apart = 1 - unit(vectors).astype(float) @ unit(vectors).T.astype(float)
    np.fill_diagonal(apart, 0)
    wanted = []
    for i in range(50):
        weighted = sorted(apart[i] * rho[i])
        total = sum(1 / r for r in range(1, 51))
        wanted.append(sum(w / r for r, w in enumerate(weighted, 1)) / total)
    monkeypatch.setattr(
        module,
        "slices",
        lambda rows, width: (slice(i, min(i + 7, rows)) for i in range(0, rows, 7)),
    )
    found = novel_sum(table(vectors, directions=True), rho)
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("k", [1, 4, 100])
def test_density_is_the_loop_over_other_distinct_vectors(k):
    once = vectors_of(30)
    vectors = np.concatenate([once, once[:10], once[:10], once[:1]])
    apart = np.square(once[:, None].astype(float) - once).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    means = np.sort(apart, axis=1)[:, : min(k, 29)].mean(axis=1)
    wanted = 1 / np.sqrt(means + 1e-9)
    found, info = density(table(vectors), k)
    assert found == pytest.approx(
        np.concatenate([wanted, wanted[:10], wanted[:10], wanted[:1]]), rel=1e-4
    )
    assert info == {"search": "exact"}


def test_one_vector_or_no_neighbours_give_density_one():
    assert density(table(np.ones((4, 3))), 10)[0].tolist() == [1] * 4
    assert density(table(vectors_of(5)), 0)[0].tolist() == [1] * 5
    assert len(density(table(np.empty((0, 3))), 10)[0]) == 0


def test_distinct_vectors_and_parts():
    vectors = np.array([(1, 2), (0.0, 1), (1, 2), (-0.0, 1), (2, 2)], np.float32)
    first, which = distinct(table(vectors))
    assert first.tolist() == [0, 1, 4] and which.tolist() == [0, 1, 0, 1, 2]
    part = Part(table(vectors), first)
    assert len(part) == 3 and part.dimensions == 2
    assert part[:].tolist() == vectors[first].tolist()
    assert part[np.array([2])].tolist() == [[2, 2]]
    assert [block.tolist() for _, block in part.blocks()] == [vectors[first].tolist()]


def test_distances_are_never_negative_and_nothing_to_the_row_itself():
    found = distances(table(np.full((3, 7), 0.3), directions=True), np.array([1, 2]))
    assert (found >= 0).all() and found[0, 1] == found[1, 2] == 0
