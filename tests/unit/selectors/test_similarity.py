import numpy as np
import pytest
from selector_pools import pool

from tamis.selectors import _similarity as module
from tamis.selectors._similarity import Cosines
from tamis.vectors import Table, unit


def table(vectors):
    vectors = np.asarray(vectors, np.float32)
    return Table(pool(len(vectors), v=vectors), "v", np.arange(len(vectors)), directions=True)


def vectors_of(rows, dimensions=6, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


def fours(rows, *_, **__):
    return (slice(i, min(i + 4, rows)) for i in range(0, rows, 4))


@pytest.fixture(params=["kept", "not kept"])
def cosines(request, monkeypatch):
    """A function from vectors to their cosines, with and without the cache."""
    if request.param == "not kept":
        monkeypatch.setattr(module, "KEPT", 0)

    def make(vectors, kernel="cosine"):
        made = Cosines(table(vectors), kernel)
        assert (made._kept is None) == (request.param == "not kept")
        return made

    return make


@pytest.mark.parametrize("side", [3, 2048])
def test_cosines_are_numpys_product(cosines, side, monkeypatch):
    monkeypatch.setattr(module, "_SIDE", side)
    vectors = vectors_of(25)
    wanted = np.maximum(unit(vectors).astype(float) @ unit(vectors).astype(float).T, 0)
    found = cosines(vectors)
    assert len(found) == 25
    assert found[np.arange(25)] == pytest.approx(wanted, abs=1e-6)
    assert found[np.array([7, 3])] == pytest.approx(wanted[[7, 3]], abs=1e-6)
    assert (wanted == 0).any() and found[np.arange(25)].min() == 0


def test_blocks_cover_the_rows_asked_for(cosines, monkeypatch):
    found = cosines(vectors_of(25))
    asked = np.array([9, 2, 2, 24, 0, 7, 8])
    monkeypatch.setattr(module, "slices", fours)
    blocks = list(found.blocks(asked))
    assert [part for part, _ in blocks] == [slice(0, 4), slice(4, 7)]
    assert np.concatenate([block for _, block in blocks]).tolist() == found[asked].tolist()


def test_what_is_handed_out_may_be_written_to(cosines):
    found = cosines(vectors_of(10))
    before = found[np.array([2, 5])].tolist()
    found[np.array([2, 5])][:] = 9
    next(found.blocks(np.array([2, 5])))[1][:] = 9
    assert found[np.array([2, 5])].tolist() == before


def test_a_zero_vector_is_similar_to_nothing(cosines):
    vectors = vectors_of(4)
    vectors[1] = 0
    found = cosines(vectors)
    assert found[np.array([1])].tolist() == [[0, 0, 0, 0]]
    assert found[np.arange(4)][:, 1].tolist() == [0, 0, 0, 0]
    assert found[np.array([2])][0, 2] == pytest.approx(1)


def test_the_exponential_of_the_distance(cosines):
    vectors = unit(vectors_of(25)).astype(float)
    apart = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    found = cosines(vectors, "exp_distance")[np.arange(25)]
    assert found == pytest.approx(np.exp(-apart / 6), abs=2e-4)


@pytest.mark.parametrize("kernel", ["cosine", "exp_distance"])
def test_what_rows_add_to_a_cover_is_the_sum(cosines, kernel, monkeypatch):
    monkeypatch.setattr(module, "slices", fours)
    made = cosines(vectors_of(25), kernel)
    covered = np.random.default_rng(1).random(25).astype(np.float32)
    asked = np.array([9, 2, 2, 24, 0, 7, 8])
    wanted = np.maximum(made[asked].astype(float) - covered, 0).sum(axis=1)
    assert made.added(asked, covered) == pytest.approx(wanted, rel=1e-5)
    assert made.added(asked, np.full(25, 2, np.float32)).tolist() == [0] * 7


def test_no_rows():
    found = Cosines(table(np.empty((0, 3))))
    assert len(found) == 0 and list(found.blocks(np.empty(0, np.int64))) == []
