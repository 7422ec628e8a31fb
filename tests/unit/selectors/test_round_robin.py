import numpy as np
import pytest
from selector_pools import pool

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors import round_robin as module
from tamis.selectors.round_robin import round_robin
from tamis.vectors import unit

SIMILARITIES = np.array([(0.9, 0.8, 0.1, 0.3), (0.85, 0.2, 0.7, 0.6), (0.95, 0.1, 0.2, 0.4)])


def vectors_of(rows, dimensions=6, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


def with_similarities(wanted):
    """Unit vectors of target rows and of rows that have these cosines."""
    queries = len(wanted)
    rest = np.sqrt(1 - np.square(wanted).sum(axis=0))
    return np.eye(queries, queries + 1), np.column_stack([wanted.T, rest])


def naive(similarities, count, labels=None, most=None):
    """(row, similarity) of takers in turn; `most` rows of each label."""
    picked, gains, gone = [], [], set()
    while len(picked) < count and len(gone) < similarities.shape[1]:
        for row_of in np.round(similarities, 6):
            while len(picked) < count and len(gone) < len(row_of):
                row = max(
                    (i for i in range(len(row_of)) if i not in gone), key=lambda i: (row_of[i], -i)
                )
                gone.add(row)
                if (
                    labels is None
                    or sum(labels[p] == labels[row] for p in picked) < most[labels[row]]
                ):
                    picked.append(row)
                    gains.append(row_of[row])
                    break
    return picked, gains


def cosines(target, rows):
    return unit(target).astype(float) @ unit(rows).astype(float).T


@pytest.mark.parametrize(
    ("combine", "wanted"),
    [("round_robin", [0, 2, 3, 1]), ("mean", [0, 3, 1, 2]), ("max", [0, 1, 2, 3])],
)
def test_the_orders_of_the_dossier(combine, wanted):
    target, rows = with_similarities(SIMILARITIES / 2)
    chosen = round_robin(
        pool(4, embedding=rows), Budget(count=4), pool(3, embedding=target), combine=combine
    )
    assert chosen.rows.tolist() == wanted
    first = {"round_robin": 0.9, "mean": 0.9, "max": 0.95}[combine]
    assert chosen.gains[0] == pytest.approx(first / 2, abs=2e-6)


@pytest.mark.parametrize("kept", [(64, 16), (1, 0), (2, 1)])
@pytest.mark.parametrize("duplicates", [False, True])
def test_lists_that_are_filled_again_are_the_whole_matrix(kept, duplicates, monkeypatch):
    monkeypatch.setattr(module, "LEAST", kept[0])
    monkeypatch.setattr(module, "KEPT", kept[1])
    rows, target = vectors_of(60), vectors_of(7, seed=1)
    if duplicates:
        rows, target = rows[np.arange(60) % 11], target[np.arange(7) % 3]
    chosen = round_robin(pool(60, embedding=rows), Budget(count=60), pool(7, embedding=target))
    wanted, gains = naive(cosines(target, rows), 60)
    assert chosen.rows.tolist() == wanted
    assert chosen.gains == pytest.approx(gains, abs=2e-6)
    assert chosen.info == {"queries": 7, "turns": 7}


def test_many_blocks_are_one(monkeypatch):
    rows, target = vectors_of(50), vectors_of(9, seed=1)
    given = pool(50, embedding=rows), Budget(count=30), pool(9, embedding=target)
    whole = round_robin(*given)
    few = lambda rows, width: (slice(i, min(i + 4, rows)) for i in range(0, rows, 4))  # noqa: E731
    monkeypatch.setattr(module, "slices", few)
    assert round_robin(*given).rows.tolist() == whole.rows.tolist()


def test_the_order_of_the_target_set_changes_nothing():
    rows, target = pool(50, embedding=vectors_of(50)), pool(9, embedding=vectors_of(9, seed=1))
    turned = target.take(np.random.default_rng(0).permutation(9))
    one, two = (round_robin(rows, Budget(count=30), given) for given in (target, turned))
    assert one.rows.tolist() == two.rows.tolist() and one.gains.tolist() == two.gains.tolist()


@pytest.mark.parametrize("combine", ["round_robin", "max", "mean"])
def test_a_refused_row_goes_to_nobody_and_the_turn_goes_on(combine):
    rows, target = vectors_of(40), vectors_of(5, seed=1)
    labels = ["a" if n % 3 else "b" for n in range(40)]
    similar = cosines(target, rows)
    if combine != "round_robin":
        similar = getattr(similar, combine)(axis=0)[None]
    chosen = round_robin(
        pool(40, embedding=rows, label=labels),
        Budget(count=14).within(["label=a:..4"]),
        pool(5, embedding=target),
        combine=combine,
    )
    assert chosen.rows.tolist() == naive(similar, 14, labels, {"a": 4, "b": 40})[0]


@pytest.mark.parametrize("combine", ["round_robin", "max", "mean"])
def test_tasks_take_turns(combine):
    rows, target = vectors_of(40), vectors_of(7, seed=1)
    tasks = ["x", "y", "y", "x", "y", None, "z"]
    known = [(0, 3), (1, 2, 4), (6,)]
    similar = cosines(target, rows)
    how = "mean" if combine == "mean" else "max"
    similar = np.array([getattr(similar[list(group)], how)(axis=0) for group in known])
    chosen = round_robin(
        pool(40, embedding=rows),
        Budget(count=25),
        pool(7, embedding=target, task=tasks),
        combine=combine,
        tasks="task",
    )
    wanted, gains = naive(similar, 25)
    assert chosen.rows.tolist() == wanted
    assert chosen.gains == pytest.approx(gains, abs=2e-6)
    assert chosen.info == {"queries": 6, "turns": 3}


def test_equal_and_zero_rows_come_by_id():
    target = pool(2, embedding=vectors_of(2, 3))
    for vectors in (np.full((6, 3), 0.7), np.zeros((6, 3))):
        chosen = round_robin(pool(6, embedding=vectors), Budget(count=6), target)
        assert chosen.rows.tolist() == list(range(6))


def test_no_row_one_row_and_no_target():
    target = pool(2, embedding=np.array([(1, 0), (np.nan, 1)]))
    nothing = np.full((2, 2), np.nan)
    chosen = round_robin(pool(2, embedding=nothing), Budget(count=2), target)
    assert len(chosen) == 0 and chosen.dropped["no value in embedding"].tolist() == [0, 1]
    chosen = round_robin(pool(1, embedding=np.ones((1, 2))), Budget(count=2), target)
    assert chosen.rows.tolist() == [0] and chosen.info["queries"] == 1
    with pytest.raises(UserError, match="no row of the target set has a value in embedding"):
        round_robin(target, Budget(count=2), pool(2, embedding=nothing))
