import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.recipes.rds_plus import rds_plus
from tamis.scorers.hidden_state import hidden_state
from tamis.testing import a_run, dataset
from tamis.types import Batch

POOL = [
    ("Write a poem on rain.", "Rain falls, and then it stops."),
    ("List three prime numbers.", "2, 3 and 5."),
    ("Translate: good morning.", "Guten Morgen."),
    ("Who wrote Faust?", "Goethe did."),
    ("Name a colour.", "Blue."),
]
ASKED = [("Write a poem on snow.", "Snow falls."), ("Who wrote Hamlet?", "Shakespeare did.")]


def data(pairs):
    return dataset([{"instruction": q, "output": a} for q, a in pairs])


def states(rows):
    column = hidden_state(
        Batch(rows.table),
        FakeLikelihood(),
        pooling="weighted",
        template="tulu",
        turns="all",
        max_length=2048,
    )
    return np.array(column.values.to_pylist())


@pytest.fixture
def run(tmp_path):
    run = a_run(str(tmp_path))
    run.target = data(ASKED)
    return run


def test_target_rows_take_turns_by_the_cosine_of_weighted_states(run):
    pool = data(POOL)
    ids = run.target.ids.to_pylist()
    likeness = states(run.target)[np.argsort(ids)] @ states(pool).T
    left, wanted = set(range(len(POOL))), []
    for turn in range(len(POOL)):
        best = max(left, key=lambda row: likeness[turn % 2, row])
        wanted.append(best)
        left.remove(best)
    chosen = rds_plus(run, pool, Budget(count=len(POOL)))
    assert chosen.rows.tolist() == wanted
    assert chosen.gains[0] == pytest.approx(likeness[0, wanted[0]], abs=2e-6)


def test_one_ranking_by_the_most_similar_target_row(run):
    pool = data(POOL)
    likeness = (states(run.target) @ states(pool).T).max(axis=0)
    chosen = rds_plus(run, pool, Budget(count=5), combine="max")
    assert chosen.rows.tolist() == np.argsort(-likeness).tolist()


def test_a_copy_of_the_target_row_comes_first(run):
    pool = data([*POOL, ASKED[1]])
    run.target = data(ASKED[1:])
    assert rds_plus(run, pool, Budget(count=2)).rows[0] == len(POOL)


def test_tasks_of_the_target_set_take_turns_and_the_pool_needs_none(run):
    tasks = ["b", "a", "b"]
    asked = [*ASKED, ("Name a fruit.", "Plum.")]
    run.target = dataset(
        [{"instruction": q, "output": a, "task": t} for (q, a), t in zip(asked, tasks, strict=True)]
    )
    likeness = states(run.target) @ states(data(POOL)).T
    wanted = [int(likeness[1].argmax())]  # task a has the first turn
    wanted.append(max(set(range(5)) - set(wanted), key=lambda row: likeness[[0, 2], row].max()))
    chosen = rds_plus(run, data(POOL), Budget(count=2), tasks="field(name=task)")
    assert chosen.rows.tolist() == wanted


def test_a_target_set_is_needed(run):
    run.target = None
    with pytest.raises(UserError, match="rds_plus compares with a target set: give one with"):
        rds_plus(run, data(POOL), Budget(count=2))
