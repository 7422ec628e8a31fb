from itertools import combinations

import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import _compiled, _greedy, _similarity
from tamis.selectors import facility_location as module
from tamis.selectors._greedy import Greedy
from tamis.selectors.facility_location import Coverage, facility_location
from tamis.selectors.qdit import Mixture, qdit

POINTS = np.array([0, 1, 2.5, 7, 9.5, 4])
F1 = np.exp(-abs(POINTS[:, None] - POINTS) / 3).round(3).astype(np.float32)
QUALITY = np.array([0.1, 0.9, 0.2, 0.3, 0.95, 0.4])


class Given:
    """Similarities from a matrix, as `Cosines` hands them out."""

    def __init__(self, matrix):
        self.matrix = matrix

    def __len__(self):
        return len(self.matrix)

    def __getitem__(self, rows):
        return self.matrix[rows]

    def added(self, rows, covered):
        return _compiled.added(self.matrix, rows, covered)


def walked(objective, rows, count):
    picks = Greedy(objective, rows).picks()
    return [next(picks) for _ in range(count)]


def directions(rows, seed=0, width=6):
    vectors = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def naive(similar, count, worth=0.0, weight=1.0, refused=(), noise=1e-6):
    """All gains in every step, in float64."""
    covered, picked, gains = np.zeros(len(similar)), [], []
    while len(picked) < count:
        more = weight * np.maximum(similar - covered[:, None], 0).sum(axis=0) + worth
        more[[*picked, *refused]] = -np.inf
        picked.append(
            int(np.flatnonzero(more >= more.max() - max(1e-6 * abs(more.max()), noise * weight))[0])
        )
        gains.append(more[picked[-1]])
        covered = np.maximum(covered, similar[:, picked[-1]])
    return picked, gains


def cosines(vectors):
    exact = vectors.astype(np.float64)
    return np.maximum(exact @ exact.T, 0)


def test_the_order_of_the_dossier():
    sums = Coverage(Given(F1)).gains(np.arange(6))
    assert sums.tolist() == pytest.approx([2.555, 2.886, 2.969, 2.258, 1.793, 2.767], abs=1e-5)
    picks = [next(walk) for walk in [Greedy(Coverage(Given(F1)), 6, 1e-6).picks()] for _ in "1234"]
    # 3 and 4 tie at the second step, 0 and 1 at the third; the dossier prints 1 there
    assert [row for row, _ in picks] == [2, 3, 0, 4]
    assert [gain for _, gain in picks] == pytest.approx([2.969, 1.115, 0.675, 0.565], abs=1e-5)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("alpha", "values"), [(0.5, [1.893, 1.0955, 0.516]), (0.9, [1.0986, 0.9791, 0.4232])]
)
def test_the_mixture_of_the_dossier(alpha, values, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(_compiled, "_loops", lambda: None)
    first = Mixture(Coverage(Given(F1)), 0.5, 0.5 * QUALITY).gains(np.arange(6))
    wanted = [1.3275, 1.893, 1.5845, 1.279, 1.3715, 1.5835]
    assert first.tolist() == pytest.approx(wanted, abs=1e-5)
    picks = walked(Mixture(Coverage(Given(F1)), 1 - alpha, alpha * QUALITY), 6, 3)
    assert [row for row, _ in picks] == [1, 4, 5]
    assert [gain for _, gain in picks] == pytest.approx(values, abs=1e-4)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_lazy_greedy_is_the_loop_over_all_rows(seed, kept, monkeypatch):
    monkeypatch.setattr(_greedy, "FRONT", 8)
    if not kept:
        monkeypatch.setattr(_similarity, "KEPT", 0)
    vectors = directions(150, seed)
    vectors[100:130] = vectors[:30]  # copies: ties by id
    chosen = facility_location(pool(150, embedding=vectors), Budget(count=60))
    picked, gains = naive(cosines(vectors), 60)
    assert chosen.rows.tolist() == picked
    assert chosen.gains.tolist() == pytest.approx(gains, abs=1e-4)
    assert chosen.info["value"] == pytest.approx(sum(gains), abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_near_the_best_subset_and_the_bound_holds(seed):
    vectors = directions(10, seed, width=3)
    similar = cosines(vectors)
    best = max(similar[:, list(c)].max(axis=1).sum() for c in combinations(range(10), 3))
    info = facility_location(pool(10, embedding=vectors), Budget(count=3)).info
    assert info["value"] >= (1 - 1 / np.e) * best - 1e-6
    assert info["optimum_at_most"] >= best - 1e-5


def test_sparse_with_all_neighbours_is_exact():
    vectors = directions(90, 5)
    rows = pool(90, embedding=vectors)
    exact = facility_location(rows, Budget(count=30))
    sparse = facility_location(rows, Budget(count=30), mode="sparse", neighbours=89)
    assert sparse.rows.tolist() == exact.rows.tolist()
    assert sparse.gains.tolist() == pytest.approx(exact.gains.tolist(), abs=1e-4)
    few = facility_location(rows, Budget(count=30), mode="sparse", neighbours=10).info
    assert few["mode"] == "sparse" and few["search"] == "exact" and few["value"] > 0


def test_candidates_choose_from_some_rows_by_the_seed():
    rows = pool(120, embedding=directions(120))
    every = facility_location(rows, Budget(count=20))
    some = [facility_location(rows, Budget(count=20), candidates=30, seed=s) for s in (0, 0, 1)]
    assert some[0].rows.tolist() == some[1].rows.tolist() != some[2].rows.tolist()
    assert 0.9 * every.info["value"] < some[0].info["value"] <= every.info["value"] + 1e-6
    assert len(facility_location(rows, Budget(count=120), candidates=3)) == 120


def test_refused_rows_stand_for_nobody():
    vectors, labels = directions(60, 2), ["a" if n % 2 else "b" for n in range(60)]
    budget = Budget(count=15).within(["label=a:..3"])
    chosen = facility_location(pool(60, embedding=vectors, label=labels), budget)
    picked, refused = [], []
    while len(picked) < 15:
        similar = cosines(vectors)
        covered = similar[:, picked].max(axis=1) if picked else np.zeros(60)
        more = np.maximum(similar - covered[:, None], 0).sum(axis=0)
        more[[*picked, *refused]] = -1
        row = int(more.argmax())
        full = labels[row] == "a" and sum(labels[p] == "a" for p in picked) == 3
        (refused if full else picked).append(row)
    assert chosen.rows.tolist() == picked


def test_zero_vectors_and_equal_rows():
    zeros = np.zeros((4, 3), np.float32)
    assert facility_location(pool(4, embedding=zeros), Budget(count=3)).rows.tolist() == [0, 1, 2]
    ones = facility_location(pool(4, embedding=zeros + 1), Budget(count=4))
    assert ones.rows.tolist() == [0, 1, 2, 3]
    assert ones.gains.tolist() == pytest.approx([4, 0, 0, 0], abs=1e-5)
    one = facility_location(pool(1, embedding=zeros[:1] + 1), Budget(count=5), mode="sparse")
    assert one.rows.tolist() == [0]
    gone = pool(2, embedding=np.full((2, 3), np.nan))
    assert len(facility_location(gone, Budget(count=1))) == 0


def test_superfilterings_similarity():
    vectors = directions(40, 3)
    distance = np.sqrt(np.maximum(2 - 2 * vectors.astype(float) @ vectors.T, 0))
    picked, _ = naive(np.exp(-distance / 6), 5)
    rows = pool(40, embedding=vectors)
    chosen = facility_location(rows, Budget(count=5), similarity="exp_distance")
    assert chosen.rows.tolist() == picked


def test_what_cannot_be_asked_for():
    rows = pool(5, embedding=directions(5), s=np.arange(5.0))
    with pytest.raises(UserError, match="neighbours must be at least 1"):
        facility_location(rows, Budget(count=1), neighbours=0)
    with pytest.raises(UserError, match="candidates must be 0"):
        facility_location(rows, Budget(count=1), candidates=-1)
    with pytest.raises(UserError, match="set mode=exact"):
        facility_location(rows, Budget(count=1), mode="sparse", similarity="exp_distance")
    with pytest.raises(UserError, match="alpha must lie between 0 and 1"):
        qdit(rows, Budget(count=1), by="s", alpha=2)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_qdit_is_the_loop_over_all_rows(alpha):
    vectors, scores = directions(80, 4), np.random.default_rng(4).permutation(80) / 7
    rows = pool(80, embedding=vectors, s=scores)
    similar = cosines(vectors)
    raw = qdit(rows, Budget(count=25), by="s", alpha=alpha, scale="raw")
    assert raw.rows.tolist() == naive(similar, 25, alpha * scores, 1 - alpha)[0]
    ranks = (scores.argsort().argsort() + 0.5) / 80
    weight = (1 - alpha) / similar.sum(axis=0).max()
    ours = qdit(rows, Budget(count=25), by="s", alpha=alpha)
    assert ours.rows.tolist() == naive(similar, 25, alpha * ranks, weight)[0]


def test_a_large_pool_is_sparse(monkeypatch):
    monkeypatch.setattr(module, "EXACT", 20)
    assert facility_location(pool(30, embedding=directions(30)), Budget(count=3)).info["mode"] == (
        "sparse"
    )


@pytest.mark.parametrize("how", [{}, {"mode": "sparse"}, {"similarity": "exp_distance"}])
@pytest.mark.parametrize("kept", [True, False])
def test_copies_add_nothing_and_go_by_id(how, kept, monkeypatch):
    if not kept:
        monkeypatch.setattr(_similarity, "KEPT", 0)
    few = directions(20, 1, width=96)
    which = np.random.default_rng(0).integers(0, 20, 1200)
    chosen = facility_location(pool(1200, embedding=few[which]), Budget(count=40), **how)
    assert sorted(which[chosen.rows[:20]]) == list(range(20))
    if "mode" not in how:
        assert chosen.gains[20:].tolist() == [0] * 20
        rest = [row for row in range(1200) if row not in set(chosen.rows[:20].tolist())]
        assert chosen.rows[20:].tolist() == rest[:20]


def test_scores_below_nothing_and_vectors_of_nothing_still_rank():
    scores = np.array([1, 0, -5, -1, 2, -0.5])
    rows = pool(6, embedding=directions(6), s=scores)
    assert qdit(rows, Budget(count=6), by="s", alpha=1, scale="raw").rows.tolist() == [
        *(4, 0, 1, 5, 3, 2)
    ]
    none = pool(6, embedding=np.zeros((6, 3), np.float32), s=scores)
    assert qdit(none, Budget(count=6), by="s").rows.tolist() == [4, 0, 1, 5, 3, 2]
    odd = pool(2, embedding=directions(2), s=np.array([np.inf, 1.0]))
    with pytest.raises(UserError, match="set scale=ranks"):
        qdit(odd, Budget(count=1), by="s", scale="raw")
