import numpy as np
import pytest
from selector_pools import pool

from tamis import vectors as tables
from tamis.budget import Budget
from tamis.selectors.herding import herding


def vectors_of(rows, dimensions=6, seed=0, repeated=False):
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((rows, dimensions)).astype(np.float32) + 0.3
    return found[generator.integers(0, rows // 4, rows)] if repeated else found


def units(vectors):
    exact = vectors.astype(float)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    return exact / np.where(norms > 0, norms, 1)


def away(z, picked):
    """Squared distance between the mean of all and the mean of the picks; of nothing it is 0."""
    found = z[picked].mean(axis=0) if picked else 0
    return float(np.square(z.mean(axis=0) - found).sum())


def naive(z, count, refused=lambda row, picked: False):
    """The row that brings the mean of the picks nearest to the mean of all, in every step."""
    left, picked = list(range(len(z))), []
    while left and len(picked) < count:
        values = [away(z, [*picked, j]) * (len(picked) + 1) ** 2 for j in left]
        row = left.pop(next(i for i, v in enumerate(values) if v <= min(values) + 1e-6))
        if not refused(row, picked):
            picked.append(row)
    return picked


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_mean_of_the_picks_is_brought_nearest(repeated, seed):
    vectors = vectors_of(50, seed=seed, repeated=repeated)
    chosen, z = herding(pool(50, embedding=vectors), Budget(count=50)), units(vectors)
    picked = naive(z, 50)
    assert chosen.rows.tolist() == picked
    distances = [away(z, picked[:count]) for count in range(51)]
    assert chosen.gains == pytest.approx(-np.diff(distances), abs=1e-6)


def test_it_is_the_update_of_the_weights():
    vectors = vectors_of(50, 8)
    z = units(vectors)
    mean = z.mean(axis=0)
    weights, left, picked = mean, np.zeros(50), []
    for _ in range(30):
        row = int((z @ weights + left).argmax())
        picked.append(row)
        left[row] = -np.inf
        weights = weights + mean - z[row]
    assert herding(pool(50, embedding=vectors), Budget(count=30)).rows.tolist() == picked


def test_the_manifest_has_the_distance_and_that_of_random_rows():
    vectors = vectors_of(300, 10)
    z, rows = units(vectors), pool(300, embedding=vectors)
    chosen = herding(rows, Budget(count=20))
    assert chosen.info["distance"] == pytest.approx(away(z, chosen.rows.tolist()) ** 0.5, rel=1e-5)
    generator = np.random.default_rng(0)
    draws = [away(z, generator.choice(300, 20, replace=False).tolist()) for _ in range(2000)]
    assert chosen.info["random_distance"] == pytest.approx(np.mean(draws) ** 0.5, rel=0.03)
    assert chosen.info["distance"] < 0.3 * chosen.info["random_distance"]
    everything = herding(rows, Budget(count=300)).info
    assert everything == pytest.approx({"distance": 0, "random_distance": 0}, abs=1e-6)


def test_a_long_vector_counts_no_more_than_a_short_one():
    vectors = vectors_of(40)
    lengths = np.random.default_rng(5).uniform(0.1, 50, (40, 1))
    plain = herding(pool(40, embedding=vectors), Budget(count=20))
    scaled = herding(pool(40, embedding=vectors * lengths), Budget(count=20))
    assert scaled.rows.tolist() == plain.rows.tolist()


def test_a_refused_row_was_not_picked():
    vectors = vectors_of(40, 3)
    labels = ["a" if row % 4 else "b" for row in range(40)]
    rows = pool(40, embedding=vectors, label=labels)
    chosen = herding(rows, Budget(count=8).within(["label=a:..2"]))

    def refused(row, picked):
        return labels[row] == "a" and sum(labels[p] == "a" for p in picked) == 2

    picked = naive(units(vectors), 8, refused)
    assert chosen.rows.tolist() == picked
    assert chosen.info["distance"] == pytest.approx(away(units(vectors), picked) ** 0.5, rel=1e-5)


def test_blocks_from_where_the_column_lies_give_the_same(monkeypatch):
    rows = pool(30, embedding=vectors_of(30))
    kept = herding(rows, Budget(count=30))
    monkeypatch.setattr(tables, "WHOLE", 0)
    assert herding(rows, Budget(count=30)).rows.tolist() == kept.rows.tolist()


def test_equal_and_zero_vectors_come_by_id():
    for value in (np.full((5, 3), 0.3), np.zeros((5, 3))):
        chosen = herding(pool(5, embedding=value), Budget(count=9))
        assert chosen.rows.tolist() == [0, 1, 2, 3, 4]
        assert chosen.info["distance"] == pytest.approx(0, abs=1e-3)


def test_few_rows_or_none():
    one = herding(pool(1, embedding=np.array([[3.0, 4.0]])), Budget(count=3))
    assert one.rows.tolist() == [0] and one.gains == pytest.approx([1.0])
    nothing = herding(pool(2, embedding=np.full((2, 2), np.nan)), Budget(count=1))
    assert len(nothing) == 0 and nothing.info == {}
    assert nothing.dropped["no value in embedding"].tolist() == [0, 1]


def test_rows_around_nothing_go_by_id():
    half = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    rows = np.concatenate([half, -half] * 3)[np.random.default_rng(1).permutation(60)]
    assert herding(pool(60, embedding=rows), Budget(count=1)).rows.tolist() == [0]
