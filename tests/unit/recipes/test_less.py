import numpy as np
import pytest

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeLikelihood
from tamis.recipes.less import cosines, less, of_target, task_vectors
from tamis.scorers._weights import as_shares
from tamis.testing import a_run, dataset

STEPS = np.array([[(1, 0), (0, 1), (1, 1)], [(1, 1), (0, 1), (1, 0)]], np.float32)
GRADIENTS = np.array(
    [[(1, 0), (1, 1), (0, 1), (0, 1)], [(0, 1), (1, 1), (1, 0), (1, 1)]], np.float32
)
TASKS = ["one", "one", "two", "two"]

METHODS = '''
"""Scripted vectors."""
import numpy as np
from tamis.spec import scorer
from tamis.types import Batch, Column

TABLE = {table}

@scorer()
def scripted(batch: Batch, *, direction: str = "adam", unit: bool = True, at: int = 0) -> Column:
    """What the table says.

    Args:
        direction: the pool's side or the target set's
        unit: not used
        at: the checkpoint
    """
    names = batch.texts("instruction").to_pylist()
    values = [TABLE[direction, at].get(name) for name in names]
    missing = np.array([value is None for value in values])
    found = np.array([value or (0, 0) for value in values], np.float32)
    return Column.vectors(found, absent=missing)
'''


def by_task(combine="cosines", weights=(0.6, 0.4)):
    return sum(
        share * cosines(steps, task_vectors(gradients, TASKS, combine))
        for share, steps, gradients in zip(
            as_shares("less", weights, 2), STEPS, GRADIENTS, strict=True
        )
    )


def rows(*names, **more):
    return dataset([{"instruction": n, "output": "An answer.", **more} for n in names])


@pytest.fixture
def scripted(tmp_path):
    """The dossier's directions as a method, for pool rows p0.. and target rows t0.. ."""
    table = {}
    for at in (0, 1):
        table["adam", at] = {f"p{i}": tuple(v) for i, v in enumerate(STEPS[at].tolist())}
        table["sgd", at] = {f"t{i}": tuple(v) for i, v in enumerate(GRADIENTS[at].tolist())}
    path = tmp_path / "scripted.py"
    path.write_text(METHODS.format(table=table))
    return tuple(f"{path}:scripted(at={at})" for at in (0, 1))


@pytest.fixture
def run(tmp_path):
    run = a_run(str(tmp_path / "store"))
    run.allow_code = True
    run.target = dataset(
        [
            {"instruction": f"t{i}", "output": "An answer.", "task": task}
            for i, task in enumerate(TASKS)
        ]
    )
    return run


def test_scores_of_the_dossier():
    wanted = [(0.853553, 0.341421), (0.553553, 0.741421), (0.653553, 0.765685)]
    assert by_task() == pytest.approx(np.array(wanted), abs=1e-6)


def test_weights_are_learning_rates_as_shares():
    assert by_task(weights=(6e-5, 4e-5)) == pytest.approx(by_task(), abs=1e-12)


def test_gradients_averaged_before_they_are_scaled_are_the_papers_text():
    mean = GRADIENTS.astype(float).reshape(2, 2, 2, 2).mean(axis=2)  # checkpoint, task, number
    wanted = np.zeros((3, 2))
    for share, steps, tasks in zip((0.6, 0.4), STEPS.astype(float), mean, strict=True):
        for i, u in enumerate(steps):
            for t, v in enumerate(tasks):
                wanted[i, t] += share * (u @ v) / np.linalg.norm(u) / np.linalg.norm(v)
    assert by_task("gradients") == pytest.approx(wanted, abs=1e-6)
    assert not np.allclose(by_task("gradients"), by_task())


def test_the_order_of_the_dossier(run, scripted):
    chosen = less(
        run,
        rows("p0", "p1", "p2"),
        Budget(count=3),
        of=scripted,
        weights=(0.6, 0.4),
        tasks="field(name=task)",
    )
    assert chosen.rows.tolist() == [0, 2, 1]
    assert chosen.gains == pytest.approx([0.853553, 0.765685, 0.741421], abs=1e-6)
    assert chosen.info == {"tasks": 2, "target_rows": 4}


def test_without_tasks_the_target_set_is_one(run, scripted):
    chosen = less(run, rows("p0", "p1", "p2"), Budget(count=3), of=scripted, weights=(0.6, 0.4))
    mean = by_task().mean(axis=1)
    assert chosen.gains == pytest.approx(np.sort(mean)[::-1], abs=1e-6)
    assert chosen.rows.tolist() == np.argsort(-mean).tolist()


def test_a_row_without_a_vector_is_dropped_by_name(run, scripted):
    chosen = less(run, rows("p0", "nobody", "p2"), Budget(count=3), of=scripted)
    assert sorted(chosen.rows.tolist()) == [0, 2]
    assert {why.rpartition(": ")[2]: rows.tolist() for why, rows in chosen.dropped.items()} == {
        "absent": [1]
    }


def test_a_target_row_without_a_vector_does_not_count(run, scripted):
    data = rows("p0", "p1", "p2")
    whole = less(run, data, Budget(count=3), of=scripted)
    run.target = rows("t0", "t1", "t2", "t3", "nobody")
    again = less(run, data, Budget(count=3), of=scripted)
    assert again.info["target_rows"] == 4
    assert (again.rows == whole.rows).all() and (again.gains == whole.gains).all()


def test_no_target_row_with_a_vector_is_a_fault(run, scripted):
    run.target = rows("nobody")
    with pytest.raises(UserError, match="no row of the target set has a value"):
        less(run, rows("p0"), Budget(count=1), of=scripted)


def test_a_target_set_is_needed(run):
    run.target = None
    with pytest.raises(UserError, match="give one with --target"):
        less(run, rows("p0"), Budget(count=1))


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.0, 0.0), (1.0, float("nan"))])
def test_weights_that_are_no_learning_rates_are_refused(weights):
    with pytest.raises(UserError, match="weights"):
        as_shares("less", weights, 2)


def test_the_target_side_differs_in_its_direction_alone(run):
    assert (
        of_target(run, "gradient(dim=64,direction=adam,model=./c1,seed=3)")
        == "gradient(dim=64,direction=sgd,model=./c1,seed=3,unit=false)"
    )
    assert of_target(run, "embedding") == "embedding"


def test_a_copy_of_the_target_row_comes_first(run):
    texts = ["Write a poem on rain.", "List three prime numbers.", "Translate: good morning."]
    data = dataset([{"instruction": t, "output": t[::-1] * 3} for t in texts])
    run.target = data.take(np.array([1]))
    chosen = less(run, data, Budget(count=3), of=("gradient",))
    assert chosen.rows[0] == 1 and chosen.gains[0] == pytest.approx(1, abs=1e-6)


def test_a_model_without_moments_is_told_what_less_has_instead(run):
    class Untrained(FakeLikelihood):
        def gradients(self, passages, *, direction, **other):
            if direction != "sgd":
                raise UserError("no moments (adam.safetensors): set direction=sgd")
            return super().gradients(passages, direction=direction, **other)

    run.model = Untrained()
    run.target = rows("t0")
    with pytest.raises(UserError, match="direction=sgd; for less that is of=gradient"):
        less(run, rows("p0"), Budget(count=1))
    assert len(less(run, rows("p0"), Budget(count=1), of=("gradient",))) == 1
