from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import _similarity
from tamis.selectors.saturated_coverage import saturated_coverage


def vectors_of(rows, dimensions=5, seed=0, repeated=False):
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((rows, dimensions)).astype(np.float32)
    return found[generator.integers(0, rows // 4, rows)] if repeated else found


def cosines(vectors):
    exact = vectors.astype(float)
    units = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    return np.maximum(units @ units.T, 0)


def value_of(similar, picked, saturation):
    limits = saturation * similar.sum(axis=1)
    return float(np.minimum(similar[:, list(picked)].sum(axis=1), limits).sum())


def naive(similar, count, saturation, refused=lambda row, picked: False):
    """f of every set that is one row larger, in every step."""
    left, picked, gains = list(range(len(similar))), [], []
    while left and len(picked) < count:
        now = value_of(similar, picked, saturation)
        values = [value_of(similar, [*picked, j], saturation) - now for j in left]
        at = next(i for i, v in enumerate(values) if v >= max(values) * (1 - 1e-6) - 1e-9)
        row = left.pop(at)
        if not refused(row, picked):
            picked.append(row)
            gains.append(values[at])
    return picked, gains


@pytest.mark.parametrize("saturation", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("repeated", [False, True])
def test_it_is_the_loop_over_the_set_function(saturation, repeated):
    vectors = vectors_of(50, repeated=repeated)
    rows = pool(50, embedding=vectors)
    # as far as gains are not what rounding leaves at the limits
    picked, gains = naive(cosines(vectors), 50, saturation)
    count = sum(gain > 1e-3 for gain in gains)
    chosen = saturated_coverage(rows, Budget(count=count), saturation=saturation)
    assert chosen.rows.tolist() == picked[:count]
    assert chosen.gains == pytest.approx(gains[:count], rel=1e-4)
    everything = saturated_coverage(rows, Budget(count=99), saturation=saturation)
    assert sorted(everything.rows.tolist()) == list(range(50))
    assert everything.gains.sum() == pytest.approx(saturation * cosines(vectors).sum(), rel=1e-5)


def test_similarities_that_are_not_kept_give_the_same(monkeypatch):
    rows = pool(40, embedding=vectors_of(40))
    kept = saturated_coverage(rows, Budget(count=10))
    monkeypatch.setattr(_similarity, "KEPT", 0)
    assert saturated_coverage(rows, Budget(count=10)).rows.tolist() == kept.rows.tolist()


@pytest.mark.parametrize("seed", [0, 1, 2, 52, 147])
@pytest.mark.parametrize(("rows", "count"), [(5, 3), (10, 1), (10, 4)])
def test_greedy_reaches_its_bound_and_the_certificate_holds(seed, rows, count):
    vectors = vectors_of(rows, 3, seed)
    similar = cosines(vectors)
    best = max(value_of(similar, c, 0.5) for c in combinations(range(rows), count))
    chosen = saturated_coverage(pool(rows, embedding=vectors), Budget(count=count), saturation=0.5)
    reached = value_of(similar, chosen.rows, 0.5)
    assert chosen.info["value"] == pytest.approx(reached, rel=1e-5)
    assert reached >= (1 - 1 / np.e) * best - 1e-5
    assert chosen.info["optimum_at_most"] >= best - 1e-5


def test_the_certificate_counts_rows_that_could_not_be_had():
    vectors = np.eye(6, dtype=np.float32)[[0, 0, 1, 2, 3, 4]]
    rows = pool(6, embedding=vectors, label=["a", "a", "a", "a", "b", "b"])
    chosen = saturated_coverage(rows, Budget(count=3).within(["label=a:..1"]), saturation=1.0)
    assert chosen.rows.tolist() == [0, 4, 5]
    best = value_of(cosines(vectors), [0, 1, 2], 1.0)
    assert chosen.info["value"] == pytest.approx(4) and best == 5
    assert chosen.info["optimum_at_most"] >= best - 1e-5
    dear = replace(rows, costs=np.array([1, 9, 9, 9, 9, 9]))
    assert saturated_coverage(dear, Budget(tokens=5), saturation=1.0).info == pytest.approx(
        {"value": 2, "optimum_at_most": 2}
    )


def test_a_refused_row_was_not_picked():
    vectors = vectors_of(40, 3)
    labels = ["a" if row % 4 else "b" for row in range(40)]
    rows = pool(40, embedding=vectors, label=labels)
    chosen = saturated_coverage(rows, Budget(count=8).within(["label=a:..2"]), saturation=0.5)

    def refused(row, picked):
        return labels[row] == "a" and sum(labels[p] == "a" for p in picked) == 2

    assert chosen.rows.tolist() == naive(cosines(vectors), 8, 0.5, refused)[0]


def test_a_satisfied_group_leaves_room_for_another():
    large = np.tile([1.0, 0, 0], (30, 1))
    small = np.tile([0, 1.0, 0], (10, 1))
    rows = pool(40, embedding=np.concatenate([large, small]))
    chosen = saturated_coverage(rows, Budget(count=6), saturation=0.1)
    assert chosen.rows.tolist() == [0, 1, 2, 30, 3, 4]
    assert chosen.gains == pytest.approx([30, 30, 30, 10, 0, 0], abs=1e-4)


def test_equal_and_zero_vectors_come_by_id():
    for value in (np.full((5, 3), 0.3), np.zeros((5, 3))):
        chosen = saturated_coverage(pool(5, embedding=value), Budget(count=9))
        assert chosen.rows.tolist() == [0, 1, 2, 3, 4]
        assert np.isfinite(chosen.gains).all()


def test_few_rows_or_none():
    one = saturated_coverage(pool(1, embedding=np.ones((1, 2))), Budget(count=3))
    assert one.rows.tolist() == [0] and one.gains == pytest.approx([0.1])
    nothing = saturated_coverage(pool(2, embedding=np.full((2, 2), np.nan)), Budget(count=1))
    assert len(nothing) == 0 and nothing.dropped["no value in embedding"].tolist() == [0, 1]


@pytest.mark.parametrize("saturation", [0.0, -1.0, 1.1, np.nan])
def test_a_bad_saturation_is_refused(saturation):
    with pytest.raises(UserError, match="saturation"):
        saturated_coverage(
            pool(2, embedding=np.ones((2, 2))), Budget(count=1), saturation=saturation
        )
