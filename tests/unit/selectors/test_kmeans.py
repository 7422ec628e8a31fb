import numpy as np
import pytest
from selector_pools import pool

from tamis import kmeans
from tamis import vectors as tables
from tamis.errors import UserError
from tamis.kmeans import assign, automatic, k_means


def blobs(rows, dimensions=8, groups=5, seed=0):
    generator = np.random.default_rng(seed)
    centres = 10 * generator.standard_normal((groups, dimensions))
    labels = generator.integers(groups, size=rows)
    noise = generator.standard_normal((rows, dimensions))
    return (centres[labels] + noise).astype(np.float32), labels


def test_blobs_are_found():
    vectors, truth = blobs(500)
    found = k_means(vectors, 5)
    assert len(set(zip(found.labels.tolist(), truth.tolist(), strict=True))) == 5
    assert found.sizes.tolist() == np.bincount(found.labels).tolist()


def test_every_row_is_with_its_nearest_centre(monkeypatch):
    monkeypatch.setattr(kmeans, "_BLOCK", 100)  # several blocks
    vectors, _ = blobs(333)
    found = k_means(vectors, 9)
    exact = np.linalg.norm(vectors[:, None].astype(float) - found.centres, axis=2)
    assert np.allclose(exact[np.arange(333), found.labels], exact.min(axis=1), atol=1e-3)
    assert np.allclose(found.distances, exact.min(axis=1), atol=1e-2)


def test_the_seed_decides_and_nothing_else():
    vectors, _ = blobs(300, groups=20)
    first, again, other = (k_means(vectors, 10, seed=s) for s in (3, 3, 4))
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.centres, again.centres)
    assert not np.array_equal(first.labels, other.labels)


@pytest.mark.parametrize(("rows", "clusters"), [(1, 3), (3, 3), (0, 2)])
def test_fewer_rows_than_clusters(rows, clusters):
    found = k_means(np.eye(4, dtype=np.float32)[:rows], clusters)
    assert len(found.centres) == rows == len(found.labels)


def test_equal_rows_make_one_cluster():
    vectors = np.repeat(np.array([[1, 2], [3, 4]], np.float32), 10, axis=0)
    found = k_means(vectors, 5)
    assert len(found.centres) == 2
    assert found.distances.max() < 1e-3
    assert len(set(found.labels[:10].tolist())) == 1


def test_no_cluster_is_empty_and_a_lost_centre_moves_to_the_farthest_row():
    vectors, _ = blobs(200)
    labels, squared = assign(vectors, vectors[:1])
    centres = kmeans._means(vectors, labels, squared, 3)
    far = np.argsort(-squared, kind="stable")[:2]
    assert np.array_equal(centres[1:], vectors[far])
    assert k_means(vectors, 50).sizes.min() > 0


def test_a_sample_is_fitted_and_all_rows_are_assigned(monkeypatch):
    monkeypatch.setattr(kmeans, "SAMPLE", 20)
    monkeypatch.setattr(kmeans, "SMALLEST_SAMPLE", 1)
    vectors, truth = blobs(2000)
    found = k_means(vectors, 5)
    assert len(found.labels) == 2000
    assert len(set(zip(found.labels.tolist(), truth.tolist(), strict=True))) == 5


@pytest.mark.parametrize("sample", [20, 256])
def test_a_table_is_clustered_by_the_block_from_where_it_lies(sample, monkeypatch):
    monkeypatch.setattr(kmeans, "SAMPLE", sample)
    monkeypatch.setattr(kmeans, "SMALLEST_SAMPLE", 1)
    monkeypatch.setattr(tables, "WHOLE", 0)
    vectors = blobs(900)[0].astype(np.float16)
    table = tables.Table(pool(900, embedding=vectors), "embedding", np.arange(900))
    found, wanted = k_means(table, 5), k_means(vectors.astype(np.float32), 5)
    assert np.array_equal(found.labels, wanted.labels)
    assert np.array_equal(found.centres, wanted.centres)
    assert np.array_equal(found.distances, wanted.distances)


def test_the_number_of_clusters_is_cars():
    assert automatic(52_002) == 161
    assert automatic(1) == 1


def test_a_negative_number_of_clusters_is_told() -> None:
    with pytest.raises(UserError, match="at least 1"):
        k_means(np.eye(4, dtype=np.float32), -1)
