from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder
from tamis.selectors._greedy import Greedy
from tamis.selectors.mig import Curve, Information, Sparse, mig, propagation


@dataclass(frozen=True)
class Given:
    """An embedder with a vector for each label."""

    vectors: dict[str, list[float]] = field(hash=False)
    id: str = "given"

    def embed(self, texts):
        return np.array([self.vectors[text] for text in texts], np.float32)


TOGETHER = np.array([(1, 0, 0), (0.95, np.sqrt(1 - 0.95**2), 0), (0, 0, 1)])
LABELS = Given({name: vector.tolist() for name, vector in zip("abc", TOGETHER, strict=True)})
TAGS, SCORES = [["a"], ["b"], ["c"], ["a", "b"]], np.array([5.0, 4, 3, 4])


def dense(graph, labels):
    found = np.zeros((labels, labels))
    for row in range(labels):
        part = slice(graph.starts[row], graph.starts[row + 1])
        found[row, graph.columns[part]] = graph.values[part]
    return found


def naive(carried, curve, gain, count, labels=None, most=0):
    """(row, gain) with all of rows x labels in sight."""
    known = np.zeros(carried.shape[1])
    chosen, gains, left = [], [], list(range(len(carried)))
    while left and len(chosen) < count:
        if gain == "gradient":
            values = carried[left] @ curve.slope(known)
        else:
            values = (curve.value(known + carried[left]) - curve.value(known)).sum(axis=1)
        at = int((values >= values.max() * (1 - 1e-6)).argmax())
        row = left.pop(at)
        if labels and labels[row] == "a" and sum(labels[c] == "a" for c in chosen) == most:
            continue
        known += carried[row]
        chosen.append(row)
        gains.append(values[at])
    return chosen, gains


def worlds(rows, labels, seed):
    """Tags, scores and vectors of labels, some of which are near to each other."""
    generator = np.random.default_rng(seed)
    middles = generator.standard_normal((max(labels // 3, 1), 6))
    near = middles[generator.integers(0, len(middles), labels)]
    vectors = near + 0.2 * generator.standard_normal((labels, 6))
    names = [f"l{n:02d}" for n in range(labels)]
    shares = 1 / np.arange(1, labels + 1)
    tags = [
        [names[n] for n in generator.choice(labels, size, p=shares / shares.sum())]
        for size in generator.integers(0, 5, rows)
    ]
    embedder = Given(dict(zip(names, vectors.tolist(), strict=True)))
    return tags, generator.integers(0, 7, rows).astype(float), embedder


def carried_by(tags, scores, embedder, threshold, weight):
    """u by the dense form, with the labels that occur."""
    names = sorted({name for row in tags for name in row})
    vectors = embedder.embed(names).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    joined = vectors @ vectors.T
    joined = np.where(joined >= threshold, joined, 0) * weight
    np.fill_diagonal(joined, 1)
    items = np.zeros((len(tags), len(names)))
    for row, own in enumerate(tags):
        items[row, [names.index(name) for name in own]] = scores[row]
    return items @ (joined / joined.sum(axis=0))


@pytest.mark.parametrize(
    ("gain", "wanted", "first", "second"),
    [
        ("gradient", [3, 2, 0], [63.3957, 50.7166, 38.0374, 101.4332], [3.0314, 2.4251, 38.0374]),
        ("exact", [3, 0, 2], [4.1625, 3.4820, 2.4082, 6.0628], [2.8775, 2.3230, 2.4082]),
    ],
)
def test_the_oracle_of_the_dossier(gain, wanted, first, second):
    half = 1 / 1.95
    graph = Sparse(
        np.array([0, 2, 4, 5]),
        np.array([0, 1, 0, 1, 2]),
        np.array([half, 0.95 * half, 0.95 * half, half, 1]),
    )
    starts, codes = np.array([0, 1, 2, 3, 5]), np.array([0, 1, 2, 0, 1])
    objective = Information(starts, codes, SCORES, graph, Curve(), gain)
    assert objective.gains(np.arange(4)) == pytest.approx(first, abs=1e-4)
    walk = Greedy(objective, 4)
    assert [row for row, _ in islice(walk.picks(), 3)] == wanted
    objective = Information(starts, codes, SCORES, graph, Curve(), gain)
    objective.add(3)
    assert objective.gains(np.arange(3)) == pytest.approx(second, abs=1e-4)
    rows = pool(4, tags=TAGS, q=SCORES)
    chosen = mig(rows, Budget(count=3), LABELS, tags="tags", by="q", gain=gain)
    assert chosen.rows.tolist() == wanted
    assert chosen.gains[0] == pytest.approx(first[3], rel=1e-5)
    assert chosen.info["labels"] == 3 and chosen.info["edges"] == 1


def test_propagation_is_the_dense_matrix_by_columns():
    found = dense(propagation(TOGETHER.astype(np.float32), 0.9, 1.0), 3)
    wanted = [[0.512821, 0.487179, 0], [0.487179, 0.512821, 0], [0, 0, 1]]
    assert found == pytest.approx(np.array(wanted), abs=1e-6)
    half = dense(propagation(TOGETHER.astype(np.float32), 0.9, 0.5), 3)
    assert half[0, 1] == pytest.approx(0.475 / 1.475)
    assert (
        dense(propagation(TOGETHER.astype(np.float32), 0.96, 1.0), 3).tolist() == np.eye(3).tolist()
    )


def test_a_label_without_a_vector_stands_alone():
    vectors = np.array([(1, 0), (0, 0), (0, 0)], np.float32)
    assert dense(propagation(vectors, 0.9, 1.0), 3).tolist() == np.eye(3).tolist()


def test_propagation_by_blocks(monkeypatch):
    from tamis.selectors import mig as module

    generator = np.random.default_rng(0)
    vectors = module.unit(generator.standard_normal((50, 3)).astype(np.float32))
    whole = propagation(vectors, 0.8, 1.0)
    slices = module.slices
    monkeypatch.setattr(module, "slices", lambda rows, width: slices(rows, width, 350))
    parts = propagation(vectors, 0.8, 1.0)
    assert whole.columns.tolist() == parts.columns.tolist()
    assert whole.values == pytest.approx(parts.values, rel=1e-5)


@pytest.mark.parametrize("gain", ["gradient", "exact"])
@pytest.mark.parametrize("seed", range(4))
def test_sparse_and_lazy_is_the_dense_form(gain, seed):
    tags, scores, embedder = worlds(120, 18, seed)
    rows = pool(120, tags=tags, q=scores)
    carried = carried_by(tags, scores, embedder, 0.9, 0.7)
    wanted, gains = naive(carried, Curve(0.6, 1e-3), gain, 120)
    chosen = mig(
        rows,
        Budget(count=120),
        embedder,
        tags="tags",
        by="q",
        weight=0.7,
        power=0.6,
        offset=1e-3,
        gain=gain,
    )
    assert chosen.gains == pytest.approx(np.array(gains), rel=1e-5, abs=1e-9)
    assert chosen.rows.tolist() == wanted
    assert (np.diff(chosen.gains) <= 1e-5 * chosen.gains[:-1]).all()
    known = carried.sum(axis=0)
    information = (Curve(0.6, 1e-3).value(known) - Curve(0.6, 1e-3).value(0 * known)).sum()
    assert chosen.info["information"] == pytest.approx(information)
    if gain == "exact":
        assert chosen.info["value"] == pytest.approx(information)
        assert chosen.info["optimum_at_most"] >= information * (1 - 1e-6)  # gains that tie


@pytest.mark.parametrize("gain", ["gradient", "exact"])
@pytest.mark.parametrize("seed", range(3))
def test_a_row_that_a_quota_refused_tells_nothing(gain, seed):
    tags, scores, embedder = worlds(60, 9, seed)
    labels = ["ab"[n] for n in np.random.default_rng(seed + 99).integers(0, 2, 60)]
    rows = pool(60, tags=tags, q=scores, label=labels)
    budget = Budget(count=15).within(["label=a:..2"])
    chosen = mig(rows, budget, embedder, tags="tags", by="q", gain=gain)
    carried = carried_by(tags, scores, embedder, 0.9, 1.0)
    assert chosen.rows.tolist() == naive(carried, Curve(), gain, 15, labels, 2)[0]
    assert chosen.rows.tolist() != naive(carried, Curve(), gain, 15)[0]


def test_normalise_divides_by_the_number_of_labels():
    rows = pool(2, tags=[["a", "c"], ["a"]], q=np.array([3.0, 4.0]))
    whole = mig(rows, Budget(count=1), LABELS, tags="tags", by="q")
    shared = mig(rows, Budget(count=1), LABELS, tags="tags", by="q", normalise=True)
    assert whole.rows.tolist() == [0] and shared.rows.tolist() == [1]  # 3 + 3 and 1.5 + 1.5 to 4
    assert shared.gains[0] == pytest.approx(whole.gains[0] * 4 / 6)


def test_rows_without_labels_come_last_by_id():
    rows = pool(5, tags=[[], ["a"], [], ["b"], None], q=np.ones(5))
    chosen = mig(rows, Budget(count=5), FakeEmbedder(), tags="tags", by="q")
    assert chosen.rows.tolist() == [1, 3, 0, 2]
    assert chosen.gains[2:].tolist() == [0, 0]
    assert chosen.dropped["no value in tags"].tolist() == [4]


@pytest.mark.parametrize("gain", ["gradient", "exact"])
def test_no_labels_no_rows_and_equal_rows(gain):
    bare = pool(3, tags=[[], [], []], q=np.ones(3))
    chosen = mig(bare, Budget(count=3), FakeEmbedder(), tags="tags", by="q", gain=gain)
    assert chosen.rows.tolist() == [0, 1, 2] and chosen.info["labels"] == 0
    none = pool(1, tags=[None], q=np.ones(1))
    assert len(mig(none, Budget(count=1), FakeEmbedder(), tags="tags", by="q", gain=gain)) == 0
    same = pool(4, tags=[["x", "y"]] * 4, q=np.ones(4))
    chosen = mig(same, Budget(count=4), FakeEmbedder(), tags="tags", by="q", gain=gain)
    assert chosen.rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "params",
    [
        {"threshold": 0.0},
        {"threshold": 1.1},
        {"weight": -1.0},
        {"power": 0.0},
        {"power": 1.5},
        {"offset": 0.0},
    ],
)
def test_bad_parameters(params):
    rows = pool(1, tags=[["a"]], q=np.ones(1))
    with pytest.raises(UserError, match="mig needs"):
        mig(rows, Budget(count=1), FakeEmbedder(), tags="tags", by="q", **params)


def test_scores_below_zero_and_columns_without_tags():
    rows = pool(2, tags=[["a"], ["b"]], q=np.array([1.0, -1.0]))
    with pytest.raises(UserError, match="0 or more"):
        mig(rows, Budget(count=1), FakeEmbedder(), tags="tags", by="q")
    with pytest.raises(UserError, match="tags are needed"):
        mig(pool(2, q=np.ones(2)), Budget(count=1), FakeEmbedder(), tags="q", by="q")
