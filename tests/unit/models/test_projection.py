import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tamis.models.projection import project, signs  # noqa: E402

KINDS = pytest.mark.parametrize("kind", ["sketch", "rademacher"])


def short(vectors, dim, seed=0, kind="sketch", part=0):
    found = torch.zeros(len(vectors), dim)
    project(vectors, part, found, seed, kind)
    return found


def pair(size=700, seed=1):
    drawn = torch.Generator().manual_seed(seed)
    u, v = torch.randn(2, size, generator=drawn)
    return torch.stack([u, 0.6 * u + 0.8 * v]) / size**0.5


@KINDS
@pytest.mark.parametrize("size", [700, 64, 5])
def test_inner_products_are_kept_on_average_with_the_error_of_the_card(kind, size):
    vectors, dim, draws = pair(size), 64, 400
    true = vectors @ vectors.T
    found = torch.stack([x @ x.T for x in (short(vectors, dim, s, kind) for s in range(draws))])
    bound = (true.diagonal().outer(true.diagonal()) + true**2) / dim
    mean, variance = found.mean(0), ((found - true) ** 2).mean(0)
    assert ((mean - true).abs() <= 4 * (bound / draws).sqrt()).all()
    assert (variance <= 1.4 * bound).all()


def test_a_sketch_of_a_vector_no_longer_than_dim_loses_nothing():
    vectors = pair(64)
    found = short(vectors, 64)
    assert torch.allclose(found @ found.T, vectors @ vectors.T, atol=1e-6)


def test_a_sketch_by_hand():
    vectors, dim = torch.arange(1.0, 12.0)[None], 4
    drawn = np.random.default_rng([9, 2])
    shifts = drawn.integers(4, size=3)
    bits = signs(drawn, 11, torch.device("cpu"))
    wanted = torch.zeros(4)
    for at in range(11):
        wanted[(at % 4 + shifts[at // 4]) % 4] += bits[at] * vectors[0, at]
    assert torch.equal(short(vectors, dim, 9, part=2)[0], wanted)


@KINDS
def test_seed_and_part_decide_the_signs(kind):
    vectors = pair()
    first = short(vectors, 32, 0, kind)
    assert torch.equal(first, short(vectors, 32, 0, kind))
    assert not torch.allclose(first, short(vectors, 32, 1, kind))
    assert not torch.allclose(first, short(vectors, 32, 0, kind, part=1))


@KINDS
def test_blocks_in_memory_change_nothing(kind, monkeypatch):
    from tamis.models import projection

    vectors = pair()
    whole = short(vectors, 32, 0, kind)
    monkeypatch.setattr(projection, "BLOCK_SIGNS", 256)
    assert torch.allclose(whole, short(vectors, 32, 0, kind), atol=1e-6)


def test_half_of_the_signs_are_negative():
    found = signs(np.random.default_rng(0), 100_001, torch.device("cpu"))
    assert len(found) == 100_001 and set(found.tolist()) == {-1.0, 1.0}
    assert abs(float(found.mean())) < 0.01
