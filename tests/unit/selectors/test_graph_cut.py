import numpy as np
import pytest
from selector_pools import pool

from tamis import vectors as tables
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._greedy import first_best
from tamis.selectors.graph_cut import graph_cut, graph_cut_picks

SIMILAR = np.array(
    [
        [1.000, 0.717, 0.435, 0.097, 0.042, 0.264],
        [0.717, 1.000, 0.607, 0.135, 0.059, 0.368],
        [0.435, 0.607, 1.000, 0.223, 0.097, 0.607],
        [0.097, 0.135, 0.223, 1.000, 0.435, 0.368],
        [0.042, 0.059, 0.097, 0.435, 1.000, 0.160],
        [0.264, 0.368, 0.607, 0.368, 0.160, 1.000],
    ]
)
POINTS = np.linalg.cholesky(SIMILAR).astype(np.float32)  # their cosines are the matrix


def vectors_of(rows, dimensions=6, seed=0, repeated=False):
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((rows, dimensions))
    return found[generator.integers(0, rows // 4, rows)] if repeated else found


def naive(vectors, count, weight, refused=lambda row, picked: False):
    """The sums over all cosines in float64, every row in every step."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(norms > 0, norms, 1)
    similar = units @ units.T
    left, picked, gains = list(range(len(vectors))), [], []
    while left and len(picked) < count:
        values = [weight * sum(similar[j]) - 2 * sum(similar[j][s] for s in picked) for j in left]
        at = next(i for i, value in enumerate(values) if value >= max(values) - 1e-5)
        row = left.pop(at)
        if not refused(row, picked):
            picked.append(row)
            gains.append(values[at])
    return picked, gains


def test_the_first_and_the_second_bin_of_the_dossier():
    first = graph_cut(pool(6, embedding=POINTS), Budget(count=2))
    assert first.rows.tolist() == [2, 3]
    assert first.gains == pytest.approx([2.969, 1.812], abs=1e-6)
    left = [0, 1, 4, 5]
    second = list(graph_cut_picks(POINTS[left]))[:2]
    assert [left[row] for row, _ in second] == [1, 4]
    assert [gain for _, gain in second] == pytest.approx([2.144, 1.143], abs=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("repeated", [False, True])
def test_it_is_the_sums_over_all_cosines(weight, repeated):
    vectors = vectors_of(60, repeated=repeated)
    chosen = graph_cut(pool(60, embedding=vectors), Budget(count=60), weight=weight)
    picked, gains = naive(vectors.astype(np.float32).astype(float), 60, weight)
    assert chosen.rows.tolist() == picked
    assert chosen.gains == pytest.approx(gains, abs=1e-4)


def test_half_of_one_plus_the_cosine_gives_the_same_picks():
    units = vectors_of(50)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    similar = (1 + units @ units.T) / 2
    gains = similar.sum(axis=1)
    chosen = graph_cut(pool(50, embedding=units), Budget(count=50))
    for number, (row, gain) in enumerate(zip(chosen.rows, chosen.gains, strict=True)):
        assert gains[row] == pytest.approx(gains.max(), abs=1e-4)
        assert gains[row] == pytest.approx((gain + 50) / 2 - number, abs=1e-4)
        gains = gains - 2 * similar[row]
        gains[row] = -np.inf


def test_a_refused_row_was_not_picked():
    vectors = vectors_of(40, 3)
    labels = ["a" if row % 4 else "b" for row in range(40)]
    rows = pool(40, embedding=vectors, label=labels)
    chosen = graph_cut(rows, Budget(count=8).within(["label=a:..2"]))

    def refused(row, picked):
        return labels[row] == "a" and sum(labels[p] == "a" for p in picked) == 2

    assert chosen.rows.tolist() == naive(vectors, 8, 1.0, refused)[0]


def test_blocks_from_where_the_column_lies_give_the_same(monkeypatch):
    rows = pool(30, embedding=vectors_of(30))
    kept = graph_cut(rows, Budget(count=30))
    monkeypatch.setattr(tables, "WHOLE", 0)
    assert graph_cut(rows, Budget(count=30)).rows.tolist() == kept.rows.tolist()


def test_equal_and_zero_vectors_come_by_id():
    for value in (np.full((5, 3), 0.3), np.zeros((5, 3))):
        chosen = graph_cut(pool(5, embedding=value), Budget(count=9))
        assert chosen.rows.tolist() == [0, 1, 2, 3, 4]
        assert np.isfinite(chosen.gains).all()


def test_few_rows_or_none():
    assert graph_cut(pool(1, embedding=np.ones((1, 2))), Budget(count=3)).rows.tolist() == [0]
    nothing = graph_cut(pool(2, embedding=np.full((2, 2), np.nan)), Budget(count=1))
    assert len(nothing) == 0 and nothing.dropped["no value in embedding"].tolist() == [0, 1]
    holed = graph_cut(pool(3, embedding=np.array([[1, 0], [np.nan, 0], [0, 1]])), Budget(count=3))
    assert sorted(holed.rows.tolist()) == [0, 2]


@pytest.mark.parametrize("weight", [-0.1, np.inf, np.nan])
def test_a_bad_weight_is_refused(weight):
    with pytest.raises(UserError, match="weight"):
        graph_cut(pool(6, embedding=POINTS), Budget(count=2), weight=weight)


def test_the_first_best_is_the_first_within_the_tolerance():
    values = np.array([1.0, 3.0 - 1e-9, 3.0, -np.inf])
    assert first_best(values, 1e-6) == 1
    assert first_best(values, 0.0) == 2
