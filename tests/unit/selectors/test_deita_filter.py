import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import deita_filter as module
from tamis.selectors.deita_filter import deita_filter
from tamis.types import Column

ANGLES = np.array([0, 0.3, 0.6, np.pi / 2, 1.3])
SIMILAR = "too similar to a chosen row"


def circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def naive(vectors, scores, threshold, count, labels=None, most=0):
    """Row by row in float64; a row of a label that has `most` rows is refused."""
    chosen = []
    for row in np.argsort(-scores, kind="stable").tolist():
        if len(chosen) == count:
            break
        one = vectors[row].astype(float)
        if any(cosine(one, vectors[other].astype(float)) > threshold for other in chosen):
            continue
        if labels and labels[row] == "a" and sum(labels[c] == "a" for c in chosen) == most:
            continue
        chosen.append(row)
    return chosen


def cosine(one, other):
    lengths = np.sqrt((one @ one) * (other @ other))
    return min(one @ other / lengths, 1) if lengths else 0


def clustered(rows, seed, twins=False):
    generator = np.random.default_rng(seed)
    middles = generator.standard_normal((max(rows // 4, 1), 5))
    noise = 0 if twins else 0.4 * generator.standard_normal((rows, 5))
    vectors = middles[generator.integers(0, len(middles), rows)] + noise
    return vectors.astype(np.float32), generator.integers(0, 20, rows).astype(float)


def test_the_oracle_of_the_dossier():
    rows = pool(5, embedding=circle(ANGLES), s=np.array([20.0, 19, 18, 15, 14]))
    chosen = deita_filter(rows, Budget(count=5), by="s")
    assert chosen.rows.tolist() == [0, 2, 3]
    assert chosen.gains.tolist() == [20, 18, 15]
    assert chosen.dropped[SIMILAR].tolist() == [1, 4]
    assert chosen.info == {
        "threshold": 0.9,
        "looked_at": 5,
        "too_similar": 2,
        "stopped": "no further row is below the threshold",
    }


def test_the_threshold_is_a_similarity_and_a_distance_of_a_tenth():
    rows = pool(2, embedding=circle(np.array([0, np.arccos(0.89)])), s=np.array([2.0, 1.0]))
    assert len(deita_filter(rows, Budget(count=2), by="s")) == 2
    assert len(deita_filter(rows, Budget(count=2), by="s", threshold=0.88)) == 1


def test_one_of_two_twins_stays():
    once = np.random.default_rng(0).standard_normal((30, 16)).astype(np.float32)
    rows = pool(60, embedding=np.repeat(once, 2, axis=0), s=np.zeros(60))
    chosen = deita_filter(rows, Budget(count=60), by="s")
    assert chosen.rows.tolist() == list(range(0, 60, 2))


@pytest.mark.parametrize("block", [1, 7, 512])
@pytest.mark.parametrize("twins", [False, True])
def test_blocks_are_the_loop_row_by_row(monkeypatch, block, twins):
    monkeypatch.setattr(module, "FIRST", min(block, module.FIRST))
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "_CHUNK", 13)
    for seed in range(4):
        vectors, scores = clustered(120, seed, twins)
        rows = pool(120, embedding=vectors, s=scores)
        for threshold in (0.0, 0.7, 0.95):
            wanted = naive(vectors, scores, threshold, 25)
            chosen = deita_filter(rows, Budget(count=25), by="s", threshold=threshold)
            assert chosen.rows.tolist() == wanted
            order = np.argsort(-scores, kind="stable")
            assert (chosen.info["looked_at"] == 120) == ("stopped" in chosen.info)
            if "stopped" not in chosen.info:  # the last row looked at is the last one chosen
                assert order[chosen.info["looked_at"] - 1] == wanted[-1]
            settled = order[: chosen.info["looked_at"]]
            passed = sorted(set(settled.tolist()) - set(wanted))
            assert chosen.dropped.get(SIMILAR, np.empty(0)).tolist() == passed
            assert chosen.info["too_similar"] == len(passed)
            assert "stopped" in chosen.info or len(wanted) == 25


@pytest.mark.parametrize("block", [1, 3, 512])
def test_cosines_at_the_threshold_are_decided_in_float64(monkeypatch, block):
    monkeypatch.setattr(module, "FIRST", block)
    monkeypatch.setattr(module, "BLOCK", block)
    # (3, 4) and (1, 0) have cosine 0.6 exactly; its float32 directions have more
    around = np.array([(1, 0, 0), (3, 4, 0), (3, 0, 4), (3, -4, 0), (3, 0, -4)], np.float32)
    rows = pool(5, embedding=around, s=np.arange(5.0)[::-1])
    at = deita_filter(rows, Budget(count=5), by="s", threshold=0.6)
    below = deita_filter(rows, Budget(count=5), by="s", threshold=0.6 - 1e-9)
    assert at.rows.tolist() == [0, 1, 2, 3, 4]
    assert below.rows.tolist() == [0]


@pytest.mark.parametrize("block", [1, 5, 512])
def test_a_row_that_a_quota_refused_rejects_nobody(monkeypatch, block):
    monkeypatch.setattr(module, "FIRST", block)
    monkeypatch.setattr(module, "BLOCK", block)
    kept = []
    for seed in range(6):
        vectors, scores = clustered(60, seed)
        labels = ["ab"[n] for n in np.random.default_rng(seed + 99).integers(0, 2, 60)]
        rows = pool(60, embedding=vectors, s=scores, label=labels)
        budget = Budget(count=12).within(["label=a:..2"])
        chosen = deita_filter(rows, budget, by="s", threshold=0.8)
        assert chosen.rows.tolist() == naive(vectors, scores, 0.8, 12, labels, 2)
        kept.append(chosen.rows.tolist() != naive(vectors, scores, 0.8, 12))
    assert any(kept)


def test_a_float16_column_is_read_by_the_block(monkeypatch):
    read = []
    table = module.Table

    def counted(*given, **more):
        made = table(*given, **more)
        read.append(len(made))
        return made

    monkeypatch.setattr(module, "Table", counted)
    vectors = np.random.default_rng(0).standard_normal((3000, 8)).astype(np.float16)
    rows = pool(3000, embedding=vectors, s=np.arange(3000.0))
    chosen = deita_filter(rows, Budget(count=40), by="s")
    assert chosen.rows.tolist() == naive(vectors, np.arange(3000.0), 0.9, 40)
    assert sum(read) <= 200  # not the pool


def test_zero_vectors_are_similar_to_nothing():
    vectors = np.zeros((4, 3), np.float32)
    vectors[1] = vectors[3] = 1
    chosen = deita_filter(pool(4, embedding=vectors, s=np.ones(4)), Budget(count=4), by="s")
    assert chosen.rows.tolist() == [0, 1, 2]
    none = deita_filter(
        pool(4, embedding=vectors, s=np.ones(4)), Budget(count=4), by="s", threshold=0
    )
    assert none.rows.tolist() == [0, 1, 2]


def test_a_threshold_of_one_keeps_everything():
    rows = pool(3, embedding=np.full((3, 7), 0.1, np.float32), s=np.ones(3))
    assert len(deita_filter(rows, Budget(count=3), by="s", threshold=1)) == 3


def test_one_row_none_and_rows_without_values():
    one = pool(1, embedding=np.ones((1, 2)), s=np.ones(1))
    assert deita_filter(one, Budget(count=3), by="s").rows.tolist() == [0]
    missing = Column.floats(np.array([np.nan]), gone=np.array([True]))
    none = deita_filter(pool(1, embedding=np.ones((1, 2)), s=missing), Budget(count=1), by="s")
    assert len(none) == 0 and none.info["looked_at"] == 0
    vectors = circle(ANGLES)
    vectors[0] = np.nan
    chosen = deita_filter(pool(5, embedding=vectors, s=np.arange(5.0)), Budget(count=5), by="s")
    assert chosen.dropped["no value in embedding"].tolist() == [0]


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_cosine(threshold):
    rows = pool(2, embedding=np.ones((2, 2)), s=np.ones(2))
    with pytest.raises(UserError, match="threshold"):
        deita_filter(rows, Budget(count=1), by="s", threshold=threshold)


def test_a_quota_that_refuses_the_first_block_leaves_the_next():
    vectors = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    labels = ["a"] * 150 + ["b"] * 50
    rows = pool(200, embedding=vectors, s=np.arange(200.0)[::-1], label=labels)
    chosen = deita_filter(rows, Budget(count=5).within(["label=b:5.."]), by="s")
    assert chosen.rows.tolist() == [150, 151, 152, 153, 154]


def test_the_similarities_of_the_dossier_decide():
    angles = np.array([0, 0.3, 0.6, np.pi / 2, 1.3])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    rows = pool(5, embedding=vectors, s=np.array([20.0, 19, 18, 15, 14]))
    chosen = deita_filter(rows, Budget(count=5), by="s").rows
    before = {row: vectors[[c for c in chosen if c < row]] for row in range(1, 5)}
    found = [float((before[row] @ vectors[row]).max()) for row in range(1, 5)]
    assert found == pytest.approx([0.9553, 0.8253, 0.5646, 0.9636], abs=1e-4)
