from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from selector_pools import pool

from tamis import vectors as tables
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._rows import shares
from tamis.selectors.log_det import log_det


def vectors_of(rows, dimensions=6, seed=0, repeated=False):
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((rows, dimensions)).astype(np.float32)
    return found[generator.integers(0, rows // 4, rows)] if repeated else found


def units(vectors):
    exact = vectors.astype(float)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)


def volume(z, picked, scale):
    some = z[list(picked)]
    return float(np.linalg.slogdet(np.eye(len(some)) + scale * some @ some.T)[1])


def naive(z, count, scale, refused=lambda row, picked: False):
    """The determinant of every set that is one row larger, in every step."""
    left, picked = list(range(len(z))), []
    while left and len(picked) < count:
        values = [volume(z, [*picked, j], scale) for j in left]
        row = left.pop(next(i for i, v in enumerate(values) if v >= max(values) - 1e-7))
        if not refused(row, picked):
            picked.append(row)
    return picked


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("repeated", [False, True])
def test_it_is_the_loop_over_determinants(scale, repeated):
    vectors = vectors_of(40, repeated=repeated)
    chosen = log_det(pool(40, embedding=vectors), Budget(count=30), scale=scale)
    z = units(vectors)
    assert chosen.rows.tolist() == naive(z, 30, scale)
    assert chosen.gains.sum() == pytest.approx(volume(z, chosen.rows, scale), abs=1e-6)
    assert (np.diff(chosen.gains) <= 1e-6).all()


def test_several_hundred_picks_are_what_slogdet_says():
    vectors = vectors_of(600, 48)
    chosen = log_det(pool(600, embedding=vectors), Budget(count=500), scale=5.0)
    z = units(tables.unit(vectors))
    for count in (1, 47, 48, 49, 250, 500):
        reached = volume(z, chosen.rows[:count], 5.0)
        assert chosen.gains[:count].sum() == pytest.approx(reached, abs=1e-6)
    assert chosen.info["value"] == pytest.approx(chosen.gains.sum())
    # each pick is the best of the rows left, to within the rounding of float32
    for count in (100, 333, 480):
        spread = np.eye(48) + 5 * z[chosen.rows[:count]].T @ z[chosen.rows[:count]]
        rest = np.einsum("ij,ij->i", z @ np.linalg.inv(spread), z)
        rest[chosen.rows[:count]] = 0
        assert rest[chosen.rows[count]] >= rest.max() * (1 - 1e-5)


def test_quality_weighs_the_vectors():
    vectors, quality = vectors_of(40), np.random.default_rng(1).integers(0, 9, 40).astype(float)
    rows = pool(40, embedding=vectors, q=quality)
    chosen = log_det(rows, Budget(count=20), quality="q", strength=2.0, scale=3.0)
    z = units(vectors) * (shares(quality) ** 2)[:, None]
    assert chosen.rows.tolist() == naive(z, 20, 3.0)
    assert chosen.gains.sum() == pytest.approx(volume(z, chosen.rows, 3.0), abs=1e-6)
    plain = log_det(rows, Budget(count=20), quality="q", strength=0.0)
    assert plain.rows.tolist() == log_det(rows, Budget(count=20)).rows.tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 2, 4])
def test_greedy_reaches_its_bound_and_the_certificate_holds(seed, count):
    vectors = vectors_of(10, 3, seed)
    z = units(vectors)
    best = max(volume(z, c, 4.0) for c in combinations(range(10), count))
    chosen = log_det(pool(10, embedding=vectors), Budget(count=count), scale=4.0)
    reached = volume(z, chosen.rows, 4.0)
    assert chosen.info["value"] == pytest.approx(reached)
    assert reached >= (1 - 1 / np.e) * best
    assert best - 1e-5 <= chosen.info["optimum_at_most"] <= reached / (1 - 1 / np.e) + 1e-5


def test_the_certificate_counts_refused_rows():
    vectors = np.eye(6, dtype=np.float32)[[0, 1, 2, 3, 4, 4, 4, 4]]
    labels = ["a"] * 5 + ["b"] * 3
    rows = pool(8, embedding=vectors, label=labels)
    chosen = log_det(rows, Budget(count=4).within(["label=a:..1"]))
    assert chosen.rows.tolist() == [0, 5, 6, 7]
    free = log_det(rows, Budget(count=4))
    assert chosen.info["optimum_at_most"] >= free.info["value"] > chosen.info["value"]


def test_a_row_that_costs_too_much_is_left_for_the_certificate():
    rows = replace(pool(3, embedding=np.eye(3)), costs=np.array([1, 9, 9]))
    chosen = log_det(rows, Budget(tokens=5))
    assert chosen.rows.tolist() == [0]
    assert chosen.info == pytest.approx({"value": np.log(2), "optimum_at_most": np.log(2)})


def test_a_refused_row_was_not_picked():
    vectors = vectors_of(40, 3)
    labels = ["a" if row % 4 else "b" for row in range(40)]
    rows = pool(40, embedding=vectors, label=labels)
    chosen = log_det(rows, Budget(count=8).within(["label=a:..2"]))

    def refused(row, picked):
        return labels[row] == "a" and sum(labels[p] == "a" for p in picked) == 2

    assert chosen.rows.tolist() == naive(units(vectors), 8, 1.0, refused)


def test_blocks_from_where_the_column_lies_give_the_same(monkeypatch):
    rows = pool(30, embedding=vectors_of(30))
    kept = log_det(rows, Budget(count=30))
    monkeypatch.setattr(tables, "WHOLE", 0)
    assert log_det(rows, Budget(count=30)).rows.tolist() == kept.rows.tolist()


def test_equal_and_zero_vectors_come_by_id():
    for value in (np.full((5, 3), 0.3), np.zeros((5, 3))):
        chosen = log_det(pool(5, embedding=value), Budget(count=9))
        assert chosen.rows.tolist() == [0, 1, 2, 3, 4]
    same = log_det(pool(5, embedding=np.full((5, 3), 0.3)), Budget(count=5))
    assert same.gains == pytest.approx(np.log((np.arange(5) + 2) / (np.arange(5) + 1)))


def test_few_rows_or_none():
    one = log_det(pool(1, embedding=np.ones((1, 2))), Budget(count=3))
    assert one.rows.tolist() == [0] and one.gains == pytest.approx([np.log(2)])
    nothing = log_det(pool(2, embedding=np.full((2, 2), np.nan)), Budget(count=1))
    assert len(nothing) == 0 and nothing.info == {"value": 0.0, "optimum_at_most": 0.0}
    holes = pool(3, embedding=np.ones((3, 2)), q=np.array([1, np.nan, 2]))
    assert sorted(log_det(holes, Budget(count=3), quality="q").rows.tolist()) == [0, 2]


@pytest.mark.parametrize("bad", [{"scale": 0.0}, {"scale": np.inf}, {"strength": -1.0}])
def test_bad_parameters_are_refused(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        log_det(pool(2, embedding=np.ones((2, 2))), Budget(count=1), **bad)


@pytest.mark.parametrize("scale", [1e3, 1e6])
def test_few_directions_and_a_large_scale_are_exact(scale):
    generator = np.random.default_rng(0)
    few = generator.standard_normal((300, 8)) @ generator.standard_normal((8, 64))
    vectors = few.astype(np.float32)
    chosen = log_det(pool(300, embedding=vectors), Budget(count=30), scale=scale)
    z = np.asarray(tables.unit(vectors), np.float64)
    picked: list[int] = []
    for _ in range(30):
        spread = np.eye(64) + scale * z[picked].T @ z[picked]
        rest = np.einsum("ij,ij->i", z @ np.linalg.inv(spread), z)
        rest[picked] = -1
        picked.append(int((rest >= rest.max() * (1 - 1e-6)).argmax()))
    reached = np.linalg.slogdet(np.eye(64) + scale * z[picked].T @ z[picked])[1]
    ours = np.linalg.slogdet(np.eye(64) + scale * z[chosen.rows].T @ z[chosen.rows])[1]
    assert ours == pytest.approx(reached, rel=1e-6)
